/* What script adds to pages that work without it: copy buttons, tabs, local times, menus, the theme toggle,
   buttons that show work in progress, fields that appear when they matter, and the way to the field at fault. No markup is ever built from strings. */
"use strict";

const each = (selector, act) => document.querySelectorAll(selector).forEach(act);
const say = (sentence) => {
  const region = document.getElementById("spoken");
  if (region) region.textContent = sentence;
};

/* ---- copy ---- */
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const text = source.value ?? source.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // The clipboard is closed to pages without https: select the text, so that one key press copies it.
    const range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    if (!document.execCommand("copy")) return say("Selected. Press Ctrl+C to copy.");
  }
  button.dataset.done = "";
  say("Copied.");
  setTimeout(() => delete button.dataset.done, 2000); // long enough to be seen, short enough to copy again
}

/* ---- tabs: sections with headings become a tab list ---- */
function makeTabs(box) {
  const panels = [...box.querySelectorAll(":scope > section")];
  const list = document.createElement("div");
  list.className = "tabs";
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", box.dataset.tabs);
  const tabs = panels.map((panel) => {
    const heading = panel.querySelector("h3");
    const tab = document.createElement("button");
    tab.type = "button";
    tab.textContent = heading.textContent;
    tab.id = `${panel.id}-tab`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    heading.hidden = true;
    list.append(tab);
    return tab;
  });
  const show = (index, focus) => {
    tabs.forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === index));
      tab.tabIndex = at === index ? 0 : -1;
      panels[at].hidden = at !== index;
    });
    if (focus) tabs[index].focus();
  };
  tabs.forEach((tab, index) => tab.addEventListener("click", () => show(index)));
  list.addEventListener("keydown", (event) => {
    const now = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show((to + tabs.length) % tabs.length, true);
  });
  box.prepend(list);
  box.removeAttribute("data-tabs");
  show(0);
}

/* ---- times in the reader's zone ---- */
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const complete = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const STEPS = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [604800, "day", 86400]];

function localise(element) {
  const moment = new Date(element.dateTime);
  const seconds = (moment - Date.now()) / 1000;
  const step = STEPS.find(([below]) => Math.abs(seconds) < below);
  const near = "near" in element.dataset && step;
  element.textContent = near ? relative.format(Math.round(seconds / step[2]), step[1]) : exact.format(moment);
  element.title = complete.format(moment);
}

/* ---- fields that matter only for one choice ---- */
function showWhen(element) {
  const [name, value] = element.dataset.when.split("=");
  const form = element.closest("form");
  const follow = () => (element.hidden = new FormData(form).get(name) !== value);
  form.addEventListener("change", follow);
  follow();
}

/* ---- a destructive button waits for the typed name ---- */
function armWhenTyped(input) {
  const button = input.form.querySelector("button[type=submit]");
  const follow = () => (button.disabled = input.value.trim() !== input.dataset.mustEqual);
  input.addEventListener("input", follow);
  follow();
}

/* ---- theme ---- */
function toggleTheme() {
  const now = document.documentElement.dataset.theme;
  const dark = now ? now === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const next = dark ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  const secure = location.protocol === "https:" ? ";Secure" : "";
  document.cookie = `theme=${next};Path=/;Max-Age=31536000;SameSite=Lax${secure}`;
  say(`The ${next} theme is on.`);
}

/* ---- a prefix is made from the name until somebody types one ---- */
function makeFrom(input) {
  const source = input.form.elements[input.dataset.madeFrom];
  let mine = input.value !== "";
  input.addEventListener("input", () => (mine = input.value !== ""));
  source.addEventListener("input", () => {
    if (mine) return;
    const plain = source.value.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z0-9]+/g, "-");
    input.value = plain.slice(0, 16).replace(/^-+|-+$/g, "");
  });
}

/* What a swapped part needs too; the rest below is done once. */
function refresh() {
  each("[data-needs-script]", (element) => (element.hidden = false));
  each("time", localise);
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-copy], [data-theme-toggle]");
  if (target?.matches("[data-copy]")) copy(target);
  if (target?.matches("[data-theme-toggle]")) toggleTheme();
  each("details.menu[open]", (menu) => menu.contains(event.target) || (menu.open = false));
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  each("details.menu[open]", (menu) => {
    menu.open = false;
    menu.querySelector("summary").focus();
  });
});
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.dataset.busy || event.defaultPrevented) return;
  button.setAttribute("aria-busy", "true");
  button.textContent = button.dataset.busy;
  say(button.dataset.busy);
  // Disabled only after the browser has gathered the form's values.
  setTimeout(() => (button.disabled = true));
});
// A page brought back from the history shows its buttons as they were left: busy.
addEventListener("pageshow", (event) => event.persisted && location.reload());
document.addEventListener("htmx:after:swap", () => {
  refresh();
  each("[data-said]", (element) => say(element.textContent));
});

refresh();
each("[data-tabs]", makeTabs);
each("[data-when]", showWhen);
each("[data-must-equal]", armWhenTyped);
each("[data-made-from]", makeFrom);
document.querySelector("[aria-invalid=true]")?.focus();
setInterval(() => each("time[data-near]", localise), 30000); // "a minute ago" stays true on a page that is left open
