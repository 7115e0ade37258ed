// Pages that follow what goes on: ask for the JSON named in data-poll, every two seconds while somebody looks, seldom
// while nobody does or the project has ended. What is shown is changed in place, so that focus and scrolling stay.
"use strict";
const live = document.querySelector("[data-poll]");
const OFTEN = 2000, SELDOM = 30000;
const shown = {};
let etag = "", failures = 0, ended = Boolean(live && "seldom" in live.dataset), timer;

// What the person or another script has changed here, and the server does not know.
function isOwn(element, name) {
  return name === "open" || (name === "hidden" && "copy" in element.dataset);
}

function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !isOwn(old, name)) old.removeAttribute(name);
  for (const { name, value } of [...fresh.attributes])
    if (old.getAttribute(name) !== value && !isOwn(old, name)) old.setAttribute(name, value);
  morphChildren(old, fresh);
}

function morphChildren(old, fresh) {
  const before = [...old.childNodes], after = [...fresh.childNodes];
  after.forEach((node, i) => (i < before.length ? morph(before[i], node) : old.append(node)));
  before.slice(after.length).forEach((node) => node.remove());
}

function show(news) {
  for (const [name, html] of Object.entries(news.parts || {})) {
    const part = live.querySelector(`[data-part="${name}"]`);
    if (!part || shown[name] === html) continue;
    const fresh = document.createElement("template");
    fresh.innerHTML = shown[name] = html;
    morphChildren(part, fresh.content);
  }
  for (const control of live.querySelectorAll("[data-when]")) control.hidden = !news[control.dataset.when];
  for (const place of live.querySelectorAll("[data-number]"))
    place.textContent = Number(news[place.dataset.number]).toLocaleString("en-US");
  if (live.dataset.state && news.state !== live.dataset.state) location.reload();
  // Said aloud only when something changed that a person would be called for, not at every round.
  if (live.dataset.announces && news.state !== live.dataset.announces) {
    live.dataset.announces = news.state;
    live.querySelector("[data-announcement]").textContent = news.status;
  }
  if (live.dataset.name) document.title = `${title(news)}${live.dataset.name} · DAIG`;
  ended = Boolean(news.ended);
  document.dispatchEvent(new CustomEvent("daig:news", { detail: news }));
}

function title(news) {
  if (news.state === "running") return `${Math.floor(100 * news.progress + 1e-9)} % · `;
  return news.state === "finished" ? "✓ " : news.state === "needs_attention" ? "! " : "";
}

async function look() {
  clearTimeout(timer);
  try {
    const answer = await fetch(live.dataset.poll, { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store" });
    if (answer.status === 401 || answer.status === 404) return location.reload();
    if (answer.ok) {
      etag = answer.headers.get("ETag") || "";
      show(await answer.json());
    }
    failures = 0;
  } catch {
    failures += 1; // The server may be restarting: ask more and more seldom, but never give up.
  }
  clearTimeout(timer);
  timer = setTimeout(look, ended || document.hidden ? SELDOM : Math.min(OFTEN * 2 ** failures, SELDOM));
}

if (live) {
  timer = setTimeout(look, OFTEN);
  document.addEventListener("visibilitychange", () => document.hidden || look());
}
