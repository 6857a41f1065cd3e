"use strict";
// Draws the charts of a page from the tables that stand under them, with uPlot. Without this script
// the tables say the same.
(() => {
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dashes = [[], [6, 4], [2, 3], [10, 4, 2, 4]];

  const read = (table) => {
    const names = [...table.querySelectorAll("thead th")].slice(1).map((cell) => cell.textContent);
    const rows = [...table.querySelectorAll("tbody tr")];
    const days = rows.map((row) => Number(row.dataset.day) / 1000);
    const columns = names.map((_, column) => rows.map((row) => {
      const text = row.cells[column + 1].dataset.value;
      return text === "" ? null : Number(text);
    }));
    return { names, data: [days, ...columns] };
  };
  const draw = (figure) => {
    const { names, data } = read(figure.querySelector("details table"));
    const target = figure.querySelector(".chart");
    const [ink, line] = [color("--soft-ink"), color("--line")];
    const colors = ["--act", "--done", "--failed", "--waiting-ink"].map(color);
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    target.replaceChildren();
    const plot = new uPlot({
      width: target.clientWidth || 600,
      height: 180,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (_, __, most) => [0, Math.max(most || 0, 1) * 1.05] } },
      axes: [{ ...axis, values: "{D} {MMM}", space: 70 }, { ...axis, size: 60 }],
      series: [
        { label: "Day (UTC)", value: "{DD} {MMM} {YYYY}" },
        ...names.map((label, place) => ({
          label, stroke: colors[place % colors.length], width: 2,
          dash: dashes[place % dashes.length], points: { show: data[0].length < 40, size: 5 },
        })),
      ],
    }, data, target);
    new ResizeObserver(() => plot.setSize({ width: target.clientWidth, height: 180 }))
      .observe(target);
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("figure[data-chart]").forEach(draw);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    document.querySelectorAll("figure[data-chart]").forEach(draw);
  });
})();
