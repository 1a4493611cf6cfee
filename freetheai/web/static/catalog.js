// The catalog's form without its button: what is typed or chosen shows at once, and stands in the address.
"use strict";

const form = document.querySelector("[data-catalog]");
let results = document.querySelector("[data-results]");
let timer = 0;
let asked = 0;

form.querySelector("[type=submit]").closest(".field").hidden = true;

function address() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (value && !(name === "sort" && value === "name")) query.set(name, value);
  }
  const text = query.toString();
  return text ? `/catalog?${text}` : "/catalog";
}

async function show(target) {
  const mine = ++asked;
  const answer = await fetch(target, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-results]");
  // An older answer must not replace a newer one.
  if (mine !== asked || !fresh) return;
  results.replaceWith(fresh);
  results = fresh;
  window.site.addCopyButtons(results);
  document.querySelector("[data-said]").textContent = results.querySelector("[data-found]").textContent;
}

function search() {
  const target = address();
  history.replaceState(null, "", target);
  show(target).catch(() => form.submit());
}

function fill(query) {
  for (const element of form.elements) {
    if (element.name) element.value = query.get(element.name) ?? (element.name === "sort" ? "name" : "");
  }
}

form.addEventListener("input", (event) => {
  clearTimeout(timer);
  timer = setTimeout(search, event.target.type === "search" ? 150 : 0);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-clear]")) return;
  event.preventDefault();
  fill(new URLSearchParams());
  search();
  form.elements.q.focus();
});
window.addEventListener("pageshow", () => fill(new URLSearchParams(location.search)));
