"use strict";
// Times in the reader's own zone, with how long ago they were, and a key for the search. Without
// this script the times stand there in UTC, and the search is reached as any other field.
(() => {
  const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const exact = new Intl.DateTimeFormat("en-GB", {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
    timeZoneName: "short",
  });
  const day = new Intl.DateTimeFormat("en-GB", {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
  });
  const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];

  const relative = (moment) => {
    const seconds = (moment - Date.now()) / 1000;
    for (const [unit, length] of units) {
      if (Math.abs(seconds) >= length) return ago.format(Math.trunc(seconds / length), unit);
    }
    return "just now";
  };
  const tell = () => {
    for (const each of document.querySelectorAll("time[datetime]")) {
      const moment = new Date(each.dateTime);
      const isOfToday = Math.abs(moment - Date.now()) < 86400 * 1000;
      each.title = exact.format(moment);
      each.textContent = isOfToday
        ? `${time.format(moment)} (${relative(moment)})`
        : day.format(moment);
    }
  };

  // The map: closer, farther, moved by dragging; names once few locations are in sight.
  const namesAt = 30;
  const prepare = (map) => {
    const svg = map.querySelector("svg");
    const whole = svg.viewBox.baseVal;
    const [width, height] = [whole.width, whole.height];
    let view = { x: 0, y: 0, width, height };
    const dots = [...svg.querySelectorAll("a")].map((link) => {
      const [circle, text] = [link.querySelector("circle"), link.querySelector("text")];
      return { circle, text, radius: circle.r.baseVal.value,
        x: circle.cx.baseVal.value, y: circle.cy.baseVal.value };
    });
    const show = () => {
      view.x = Math.min(Math.max(view.x, 0), width - view.width);
      view.y = Math.min(Math.max(view.y, 0), height - view.height);
      svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
      const scale = view.width / width;
      const seen = dots.filter(({ x, y }) => x >= view.x && x <= view.x + view.width
        && y >= view.y && y <= view.y + view.height);
      for (const { circle, text, radius } of dots) {
        circle.setAttribute("r", radius * scale);
        text.toggleAttribute("hidden", seen.length >= namesAt);
        text.style.fontSize = `${12 * scale}px`;
        text.setAttribute("dx", 9 * scale);
        text.setAttribute("dy", 4 * scale);
      }
    };
    const zoom = (times, x, y) => {
      if (!times) {
        view = { x: 0, y: 0, width, height };
      } else {
        const closer = Math.min(Math.max((view.width / times) / width, 1 / 64), 1);
        const [right, down] = [(x - view.x) / view.width, (y - view.y) / view.height];
        view = { x: x - right * closer * width, y: y - down * closer * height,
          width: closer * width, height: closer * height };
      }
      show();
    };
    map.querySelector(".zoom").hidden = false;
    map.addEventListener("click", (event) => {
      const times = event.target.dataset?.zoom;
      if (times) zoom(Number(times), view.x + view.width / 2, view.y + view.height / 2);
    });
    let held = null;
    svg.addEventListener("pointerdown", (event) => {
      held = { x: event.clientX, y: event.clientY, view: { ...view } };
    });
    svg.addEventListener("pointermove", (event) => {
      if (!held || !event.buttons) return;
      const unit = view.width / svg.clientWidth;
      view.x = held.view.x - (event.clientX - held.x) * unit;
      view.y = held.view.y - (event.clientY - held.y) * unit;
      show();
    });
    svg.addEventListener("dragstart", (event) => event.preventDefault());
    svg.addEventListener("click", (event) => {
      // Who has moved the map did not mean the location under the pointer.
      const wasMoved = held && Math.hypot(event.clientX - held.x, event.clientY - held.y) > 4;
      if (wasMoved) event.preventDefault();
      held = null;
    });
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-map]").forEach(prepare);
  });
  document.addEventListener("DOMContentLoaded", tell);
  document.addEventListener("htmx:load", tell);
  setInterval(tell, 30000);
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "k") return;
    const search = document.querySelector("header.top input[type=search]");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
})();
