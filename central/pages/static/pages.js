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
