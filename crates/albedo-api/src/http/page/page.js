// Renews what is marked as live, and searches while somebody types.
// Whatever is shown is made by the server; without this file the page works by links and forms.
"use strict";

const EVERY = 2000; // milliseconds between two looks
const TYPING = 200; // milliseconds of rest before a search

let address = location.href;
let lost = null;
let asked = 0;

async function renew() {
  const mine = ++asked;
  let text;
  try {
    const answer = await fetch(address, { cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    text = await answer.text();
    lost = null;
  } catch (error) {
    lost = lost ?? new Date();
    const live = document.getElementById("live");
    if (live) live.textContent = `No answer since ${lost.toLocaleTimeString()}: what is below is as it was then.`;
    return;
  }
  if (mine !== asked) return; // Something else was asked for meanwhile.
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(part.id);
    if (!other || other.innerHTML === part.innerHTML) continue;
    const held = part.contains(document.activeElement)
      ? document.activeElement.getAttribute("href")
      : null;
    part.innerHTML = other.innerHTML;
    if (held) part.querySelector(`a[href="${CSS.escape(held)}"]`)?.focus();
  }
}

function go(to) {
  address = new URL(to, location.href).href;
  history.replaceState(null, "", address);
  return renew();
}

function formed(form) {
  const url = new URL(address);
  url.searchParams.delete("page");
  for (const [key, value] of new FormData(form)) {
    if (value) url.searchParams.set(key, value);
    else url.searchParams.delete(key);
  }
  return url;
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  go(formed(event.target));
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-live] a[href^='/?']");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});

let typing;
document.getElementById("q")?.addEventListener("input", (event) => {
  clearTimeout(typing);
  typing = setTimeout(() => go(formed(event.target.form)), TYPING);
});

setInterval(() => {
  if (!document.hidden) renew();
}, EVERY);
