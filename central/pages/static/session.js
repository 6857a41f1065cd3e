"use strict";
// Warns two minutes before a session that nobody uses ends, and keeps it by one button. What was
// typed stays on the page, also when the session is over. Without this script the server keeps what
// was typed when a form comes too late.
(() => {
  const warnedS = 120;
  const spokenS = [60, 30, 10];
  const { sessionS, sessionAt } = document.body.dataset;
  if (!sessionS) return;
  let endsAt = Date.now() + Number(sessionS) * 1000;
  let dialog = null;
  let isAsking = false;

  // What the server says of the session; only what somebody does is a use of it.
  const ask = async (isUse) => {
    const headers = isUse ? {} : { "HX-Request": "true" };
    const answer = await fetch(sessionAt, { headers, cache: "no-store" });
    // Who is not signed in is led to where that is done.
    if (!answer.headers.get("content-type")?.includes("json")) return false;
    const { ends_s: endsS, form_token: token } = await answer.json();
    endsAt = Date.now() + endsS * 1000;
    for (const field of document.querySelectorAll("input[name=form_token]")) field.value = token;
    return endsS > 0;
  };
  const make = (tag, text, parent, more = {}) => {
    const made = Object.assign(document.createElement(tag), { textContent: text }, more);
    parent.append(made);
    return made;
  };
  const close = () => {
    dialog?.close();
    dialog?.remove();
    dialog = null;
  };
  // A dialog with what is the matter, a line that is read out when it changes, and a button.
  const open = (title, why, word, press) => {
    close();
    dialog = document.createElement("dialog");
    dialog.setAttribute("role", "alertdialog");
    dialog.setAttribute("aria-labelledby", "session-title");
    dialog.setAttribute("aria-describedby", "session-why");
    make("h2", title, dialog, { id: "session-title" });
    const text = make("p", why, dialog, { id: "session-why" });
    const left = make("p", "", dialog, { className: "soft left" });
    left.setAttribute("aria-hidden", "true");
    make("p", "", dialog, { className: "told" }).setAttribute("role", "status");
    const buttons = make("div", "", dialog, { className: "buttons" });
    make("button", word, buttons, { type: "button", className: "main", autofocus: true })
      .addEventListener("click", press);
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      press();
    });
    document.body.append(dialog);
    dialog.showModal();
    return text;
  };
  const told = (text) => { dialog.querySelector(".told").textContent = text; };
  const duration = (seconds) => (seconds >= 120
    ? `${Math.floor(seconds / 60)} minutes`
    : `${seconds} second${seconds === 1 ? "" : "s"}`);

  const stay = async () => {
    try {
      if (await ask(true)) close();
      else end();
    } catch {
      told("The server does not answer. Please try again.");
    }
  };
  const warn = (left) => {
    open("Do you want to stay signed in?",
      `Nobody used this page for a while. You will be signed out in ${duration(left)}.`,
      "Stay signed in", stay);
    dialog.dataset.state = "warns";
  };
  const goOn = async () => {
    try {
      if (await ask(true)) close();
      else told("You are not signed in yet.");
    } catch {
      told("The server does not answer. Please try again.");
    }
  };
  const end = () => {
    const text = open("You were signed out",
      "What you typed is still on this page. Sign in in another tab, then go on here. ",
      "Go on", goOn);
    const signIn = sessionAt.replace(/session$/, "sign-in");
    make("a", "Sign in (another tab)", text, { href: signIn, target: "_blank", rel: "noopener" });
    dialog.dataset.state = "ended";
  };

  const look = async () => {
    const left = Math.max(0, Math.ceil((endsAt - Date.now()) / 1000));
    const state = dialog?.dataset.state;
    if (state === "ended" || isAsking || (!dialog && left > warnedS)) return;
    if (state === "warns") {
      dialog.querySelector(".left").textContent = `${duration(left)} left`;
      if (spokenS.includes(left)) told(`${duration(left)} left`);
      if (left > 0) return;
    }
    isAsking = true;
    try {
      // Another tab may have used the session meanwhile.
      const isThere = await ask(false);
      const now = Math.max(0, Math.ceil((endsAt - Date.now()) / 1000));
      if (!isThere) end();
      else if (now > warnedS) close();
      else if (!dialog) warn(now);
    } catch {
      if (!dialog) warn(left);
    } finally {
      isAsking = false;
    }
  };
  setInterval(look, 1000);
  // A page that refreshes itself is not led away from what was typed into it.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const isOver = Date.now() >= endsAt - 1000;
    if (isOver && event.detail.elt.matches("[data-live]")) event.preventDefault();
  });
})();
