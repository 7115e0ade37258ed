// Pages that follow what goes on: asks every two seconds for the JSON named in data-poll, rests while nobody looks.
"use strict";
const live = document.querySelector("[data-poll]");
const shown = {};
let etag = "", failures = 0;

function show(news) {
  for (const [name, html] of Object.entries(news.parts || {})) {
    const part = live.querySelector(`[data-part="${name}"]`);
    if (part && shown[name] !== html) part.innerHTML = shown[name] = html;
  }
  for (const control of live.querySelectorAll("[data-when]")) control.hidden = !news[control.dataset.when];
  for (const place of live.querySelectorAll("[data-number]"))
    place.textContent = Number(news[place.dataset.number]).toLocaleString("en-US");
  if (live.dataset.state && news.state !== live.dataset.state) location.reload();
  return news.ended;
}

async function look() {
  let ended = false;
  try {
    if (!document.hidden) {
      const answer = await fetch(live.dataset.poll, { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store" });
      if (answer.status === 401 || answer.status === 404) return location.reload();
      if (answer.ok) {
        etag = answer.headers.get("ETag") || "";
        ended = show(await answer.json());
      }
      failures = 0;
    }
  } catch {
    failures += 1; // The server may be restarting: ask more and more seldom, but never give up.
  }
  if (!ended) setTimeout(look, Math.min(2000 * 2 ** failures, 30000));
}

if (live) setTimeout(look, 2000);
