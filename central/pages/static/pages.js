"use strict";
// Times in the reader's own zone, a question before what is dangerous, the map that zooms, a key for
// the search, and pages that refresh themselves and disturb nobody who reads or types. Without this script the times stand there in UTC, and nothing asks.
(() => {
  const ago = new Intl.RelativeTimeFormat("en-GB", { numeric: "auto", style: "short" });
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

  // What is dangerous asks first: the button's own word does it, and the other one is at hand.
  const ask = (form, button) => {
    const dialog = document.createElement("dialog");
    const question = document.createElement("p");
    const [no, yes] = [document.createElement("button"), document.createElement("button")];
    question.id = "question";
    question.textContent = form.dataset.asks;
    dialog.setAttribute("aria-labelledby", question.id);
    no.textContent = "Cancel";
    no.autofocus = true;
    no.addEventListener("click", () => dialog.close());
    yes.textContent = button.textContent;
    yes.className = "danger";
    yes.addEventListener("click", () => {
      dialog.close();
      form.dataset.isSure = "yes";
      form.requestSubmit(button);
    });
    dialog.addEventListener("close", () => dialog.remove());
    const buttons = document.createElement("div");
    buttons.className = "buttons";
    buttons.append(no, yes);
    dialog.append(question, buttons);
    document.body.append(dialog);
    dialog.showModal();
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.asks) return;
    const isSure = form.dataset.isSure;
    delete form.dataset.isSure;
    if (isSure) return;
    event.preventDefault();
    ask(form, event.submitter || form.querySelector("button"));
  });

  // What is moved sideways or down within a page is moved by the arrow keys, too: it takes the focus.
  const reach = () => {
    for (const each of document.querySelectorAll(".card, .long, .scrolled, header.top nav")) {
      const isMoved = each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight;
      if (isMoved && !each.hasAttribute("tabindex")) each.tabIndex = 0;
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

  // What refreshes itself: nothing is taken from under somebody who types, marks or is asked, and
  // what was opened, scrolled to or focused is so again.
  const boxes = ".long, .scrolled, .card";
  const focusable = "a[href], button, summary, input, select, textarea, [tabindex]";
  const isChanged = (field) => (field.type === "checkbox" || field.type === "radio"
    ? field.checked !== field.defaultChecked
    : field.matches("select")
      ? field.selectedIndex
        !== Math.max(0, [...field.options].findIndex((each) => each.defaultSelected))
      : field.type !== "hidden" && field.value !== field.defaultValue);
  const isInUse = (part) => {
    const fields = [...part.querySelectorAll("input, select, textarea")];
    const marked = getSelection();
    return document.querySelector("dialog[open]")
      || fields.some((each) => each === document.activeElement || isChanged(each))
      || (!marked.isCollapsed && part.contains(marked.anchorNode));
  };
  const kept = new Map();
  const shown = new Map();
  const refreshed = (text) => {
    for (const each of document.querySelectorAll("[data-refreshed]")) each.textContent = text;
  };
  let isPaused = false;
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isPaused && event.detail.elt.matches("[data-live]")) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { elt, target: part, xhr } = event.detail;
    if (!elt.matches("[data-live]")) return;
    const { path } = event.detail.requestConfig;
    if (xhr.responseURL && new URL(xhr.responseURL).pathname !== new URL(path, location.href).pathname) {
      // Whoever has to sign in first is shown where.
      event.detail.shouldSwap = false;
      location.reload();
      return;
    }
    if (xhr.status >= 400) return;
    refreshed("This page refreshes itself.");
    const isSame = shown.get(part.id) === xhr.responseText;
    if (isSame || isInUse(part)) {
      event.detail.shouldSwap = false;
      return;
    }
    shown.set(part.id, xhr.responseText);
    const all = [...part.querySelectorAll(focusable)];
    kept.set(part.id, {
      open: [...part.querySelectorAll("details")].map((each) => each.open),
      scrolled: [...part.querySelectorAll(boxes)].map((each) => [each.scrollLeft, each.scrollTop]),
      isFocused: part === document.activeElement,
      focused: all.indexOf(document.activeElement),
      where: document.activeElement?.getAttribute("href"),
      page: [scrollX, scrollY],
    });
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const id = event.detail.target?.id;
    const before = kept.get(id);
    const part = id && document.getElementById(id);
    if (!before || !part) return;
    kept.delete(id);
    part.querySelectorAll("details").forEach((each, n) => { each.open = before.open[n] ?? each.open; });
    part.querySelectorAll(boxes).forEach((each, n) => {
      [each.scrollLeft, each.scrollTop] = before.scrolled[n] || [0, 0];
    });
    const all = [...part.querySelectorAll(focusable)];
    const same = before.where && all.find((each) => each.getAttribute("href") === before.where);
    const focused = before.isFocused ? part : before.focused >= 0 && (same || all[before.focused]);
    if (focused) focused.focus({ preventScroll: true });
    scrollTo(...before.page);
  });
  for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(failure, (event) => {
      if (!event.detail.elt.matches("[data-live]")) return;
      refreshed("The server does not answer: what is shown here may be old.");
    });
  }
  document.addEventListener("click", (event) => {
    const pause = event.target.closest?.("[data-pause]");
    if (pause) {
      isPaused = !isPaused;
      pause.setAttribute("aria-pressed", isPaused);
    }
    if (event.target.closest?.("[data-close]")) {
      const drawer = event.target.closest("#door");
      const from = opened && document.getElementById(opened);
      drawer.replaceWith(Object.assign(document.createElement("div"), { id: "door" }));
      from?.focus();
    }
  });

  // The drawer of a door: what was touched is shown, read out, and left again by Escape.
  let opened = "";
  document.addEventListener("htmx:afterSwap", (event) => {
    const from = event.detail.requestConfig?.elt;
    if (!from?.matches?.("a.door")) return;
    opened = from.id;
    document.getElementById("door")?.focus({ preventScroll: true });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    document.querySelector("#door [data-close]")?.click();
  });

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-map]").forEach(prepare);
  });
  document.addEventListener("DOMContentLoaded", tell);
  document.addEventListener("htmx:load", tell);
  document.addEventListener("DOMContentLoaded", reach);
  // On a narrow screen the navigation is moved sideways: to where one is.
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector("header.top nav [aria-current]")
      ?.scrollIntoView({ block: "nearest", inline: "center" });
  });
  document.addEventListener("htmx:load", reach);
  document.addEventListener("toggle", reach, true);
  window.addEventListener("resize", reach);
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
