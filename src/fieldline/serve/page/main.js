/** Opening the page: the layout first, then status and pictures; then whatever is new. */

import { ask } from "./api.js";
import { stationZone } from "./clock.js";
import { know, learn } from "./data.js";
import { el, put } from "./dom.js";
import { hear } from "./hub.js";
import { listen } from "./live.js";
import { dress } from "./look.js";
import * as sections from "./sections.js";
import { follow, now, serverTime, state } from "./state.js";
import * as status from "./status.js";
import * as toolbar from "./toolbar.js";

const main = document.getElementById("main");
const strip = document.getElementById("status");
let shape = "";

async function open() {
  dress();
  try {
    const layout = await ask("/api/layout");
    begin(layout);
  } catch (error) {
    put(main, el("div.notice", {}, el("p", { text: error.message }), el("button", { type: "button", text: "Try again", onclick: () => location.reload() })));
    return;
  }
  listen(came, liveWord);
  setInterval(() => status.age(strip), 1000);
  setInterval(() => { if (state.last !== null && now() - lastCame > 30_000) follow(new Set(), true); }, 10_000); // time passes without rows too
}

function begin(layout) {
  stationZone(layout.zone);
  know(layout);
  shape = JSON.stringify(layout);
  document.title = status.title(layout);
  put(document.getElementById("stations"), layout.stations?.filter(Boolean).join(", ") || "");
  follow();
  toolbar.build(document.getElementById("toolbar"));
  if (layout.groups.length) sections.build(main, layout);
  else put(main, el("div.notice.welcome", {}, el("h2", { text: "No rows yet" }),
    el("p", { text: "This page fills as soon as the store has rows. Let fieldline read the files of your logger:" }),
    el("pre", { text: "fieldline run" }), el("p", { text: "To see it at work without a logger: `python3 quickstart.py demo` makes a simulated tower." })));
  news();
}

let lastCame = 0, asking = false;

/** The status, and the layout when there are other tables than before. */
async function news(known = null) {
  if (asking) return;
  asking = true;
  try {
    const answer = known ?? await ask("/api/status");
    serverTime(answer.now);
    learn(answer);
    status.show(strip, answer);
    if (answer.tables.some((table) => !shape.includes(JSON.stringify(table.measurement)))) relayout();
  } catch (error) {
    put(strip, el("p.notice", { text: error.message }));
  } finally { asking = false; }
}

async function relayout() {
  const layout = await ask("/api/layout");
  if (JSON.stringify(layout) === shape) return;
  shape = JSON.stringify(layout);
  know(layout);
  sections.build(main, layout);
}

function came(changed, answer = null) {
  lastCame = now();
  news(answer);
  follow(changed, true);
}

function liveWord(word) {
  const node = document.getElementById("live");
  node.dataset.how = word;
  node.textContent = { live: "live", asking: "every 5 s", away: "server away" }[word];
  node.title = { live: "New rows appear by themselves", asking: "The server does not push; this page asks every 5 seconds", away: "The server does not answer; this page keeps asking" }[word];
}

hear("state", (what) => { if ("zone" in what) news(); });
for (const link of document.querySelectorAll("a.skip")) {
  link.addEventListener("click", (event) => { event.preventDefault(); document.getElementById(link.dataset.skip).focus(); });
}
open();
