// What every page has: copy buttons, the theme's switch, and figures that stay live.
"use strict";

const toast = document.querySelector("[data-toast]");
let toastTimer = 0;

function say(text) {
  toast.textContent = text;
  toast.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => toast.classList.remove("shown"), 1800);
}

// Without a secure origin there is no clipboard: then by way of a selection.
async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("readonly", "");
  area.className = "hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not allowed");
}

function copyButton(source, className, label) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = className;
  button.textContent = "Copy";
  button.setAttribute("aria-label", label);
  button.addEventListener("click", async () => {
    try {
      await copyText(source.textContent);
      say("Copied");
    } catch {
      say("Copying is not allowed here: select it by hand");
    }
  });
  return button;
}

function addCopyButtons(root) {
  for (const figure of root.querySelectorAll(".code")) {
    const code = figure.querySelector("code");
    if (!figure.querySelector(".copy")) {
      figure.append(copyButton(code, "copy", `Copy ${figure.querySelector("figcaption").textContent} code`));
    }
  }
  for (const code of root.querySelectorAll("code[data-copyable]")) {
    if (!code.nextElementSibling?.matches(".copy")) {
      code.after(" ", copyButton(code, "copy copy-inline", `Copy ${code.textContent}`));
    }
  }
}

function setUpTheme() {
  const button = document.querySelector("[data-theme-switch]");
  const root = document.documentElement;
  button.hidden = false;
  button.addEventListener("click", () => {
    const isDark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // Then it holds for this page only.
    }
  });
}

const SENTENCES = {
  ok: "All systems are up",
  degraded: "Some systems are degraded",
  down: "The gateway is down",
};

function showFigures(health) {
  const sum = (rows, name) => rows.reduce((total, row) => total + row[name], 0);
  const figures = {
    sentence: SENTENCES[health.status],
    models: health.catalog.model_count,
    providers_up: health.providers.filter((row) => row.status !== "down").length,
    members: sum(health.clients, "unique_users"),
    requests: sum(health.providers, "requests_60m"),
  };
  for (const element of document.querySelectorAll("[data-live]")) {
    const value = figures[element.dataset.live];
    element.textContent = typeof value === "number" ? value.toLocaleString("en") : value;
  }
  document.querySelector("[data-live-status]").className = `pulse pulse-${health.status}`;
}

function keepFiguresLive() {
  if (!document.querySelector("[data-live-figures]")) return;
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch("/v1/health");
      if (answer.ok) showFigures(await answer.json());
    } catch {
      // What was known stays; the next look may do better.
    }
  }, 10000);
}

// On a phone the row of links is wider than the screen: begin where we are.
function showWhereWeAre() {
  const here = document.querySelector(".nav [aria-current]");
  const row = document.querySelector(".nav");
  if (here) row.scrollLeft = here.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
}

window.site = { addCopyButtons, say };
showWhereWeAre();
addCopyButtons(document);
setUpTheme();
keepFiguresLive();
