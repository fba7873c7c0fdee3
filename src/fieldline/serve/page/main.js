/** Opening the page: the layout first, then status and pictures; then whatever is new. */

import { ask } from "./api.js";
import { momentOf, span, stationZone } from "./clock.js";
import { expect, isKnown, know, learn, tableOf, upTo } from "./data.js";
import { el, put } from "./dom.js";
import { tablesLeft, wordsOf } from "./filter.js";
import { layout, status as firstStatus } from "./first.js";
import { hear } from "./hub.js";
import { listen } from "./live.js";
import { dress } from "./look.js";
import * as sections from "./sections.js";
import { follow, leadBy, look, now, serverTime, state, view } from "./state.js";
import * as status from "./status.js";
import * as toolbar from "./toolbar.js";

const main = document.getElementById("main");
const strip = document.getElementById("status");
const RELAYOUT = 300_000; // [ms] after which new fields of known tables are looked for
const DAY = 86_400_000;
let shape = "", laidOut = 0, shown = null, known = null; // the layout and the newest status

async function open() {
  dress();
  try {
    const [found, answer] = await Promise.all([layout, firstStatus]);
    begin(found, answer);
  } catch (error) {
    put(main, el("div.notice", {}, el("p", { text: error.message }), el("button", { type: "button", text: "Try again", onclick: () => location.reload() })));
    return;
  }
  listen(came, liveWord, isNew);
  setInterval(() => status.age(strip), 1000);
  setInterval(() => { if (state.last !== null && now() - lastCame > 30_000) follow(new Set(), true); }, 10_000); // time passes without rows too
}

function begin(found, answer) {
  stationZone(found.zone);
  know(found);
  // before the first question: how far apart rows are where the layout does not know it, and what time it is
  if (answer) hold(answer);
  [shown, shape] = [found, JSON.stringify(found)];
  laidOut = now();
  document.title = status.title(found);
  put(document.getElementById("stations"), status.stations(found));
  document.getElementById("stations").title = status.stations(found);
  leadBy(lead);
  ledTo = JSON.stringify(lead());
  follow();
  toolbar.build(document.getElementById("toolbar"));
  if (found.groups.length) sections.build(main, found);
  else put(main, el("div.notice.welcome", {}, el("h2", { text: "No rows yet" }),
    el("p", { text: "This page fills as soon as the store has rows. Let fieldline read the files of your logger:" }),
    el("pre", { text: "fieldline run" }), el("p", { text: "To see it at work without a logger: `python3 quickstart.py` makes a simulated tower." })));
  news(answer);
}

let lastCame = 0, asking = false, again = false, missed = false;

/** The status, and the layout when there are other tables than before. */
async function news(given = null) {
  if (asking) { again = true; return; } // the answer on its way may be older than what came just now
  asking = true;
  try {
    const answer = given ?? await ask("/api/status");
    hold(answer);
    tell();
    steer();
    if (now() - laidOut > RELAYOUT || answer.tables.some((table) => !isKnown(table))) {
      await relayout();
      answer.tables.forEach(expect);
    }
  } catch (error) {
    put(strip, el("p.notice", { text: error.message }));
  } finally { asking = false; }
  if (again) { again = false; await news(); }
}

/** Whether a row is newer than the newest one that we know of its table; what became of fieldline's own runs is in no table. */
function isNew(row) {
  const mine = (known?.tables ?? []).filter(({ bucket, measurement }) => bucket === row.bucket && measurement === row.measurement);
  const own = mine.filter((one) => tableOf(one) === tableOf(row)); // none where tags tell series apart and no station: see any
  const newest = (own.length ? own : mine).map((one) => one.newest);
  return newest.length ? row.time > Math.max(...newest) : row.measurement !== "runs";
}

/** Keep the newest status. */
function hold(answer) {
  known = answer;
  serverTime(answer.now);
  learn(answer);
  sections.tell(answer);
}

/** The tables that the filter leaves. */
const left = () => shown && tablesLeft(shown, wordsOf(state.find));

/** Say how the tables are that the filter leaves. */
function tell() {
  if (!known) return;
  status.show(strip, known, left());
  bygone();
}

/** Where to open: up to the newest row, when none is of the last day; null: at the last day. */
function lead() {
  const newest = known && status.newestOf(known, left());
  return newest && newest.newest < now() - DAY ? upTo(newest.newest, 1000 * (newest.interval_s ?? 0)) : null;
}

let ledTo = "";

/** Go where other rows or another filter lead, unless somebody chose a range. */
function steer() {
  const to = JSON.stringify(lead());
  if (to !== ledTo && state.last !== null && !state.chosen) follow();
  ledTo = to;
}

/** A word, when all rows are older than the range or than the last day: an archive is not a station that is silent. */
function bygone() {
  const node = document.getElementById("bygone"), newest = known && status.newestOf(known, left());
  const led = state.last !== null && !view.live;
  node.hidden = !newest || !(led || newest.newest < view.start);
  node.dataset.how = led ? "led" : "older";
  if (node.hidden) return;
  const moment = momentOf(newest.newest), button = (text, onclick) => el("button", { type: "button", text, onclick });
  if (led) put(node, el("span", { text: `No row is of the last day. This range ends with the newest one, of ${moment}, ${span(now() - newest.newest)} ago.` }), button("Go to now", () => look({ last: "1d" })));
  else put(node, el("span", { text: `All rows are older than this range; the newest one is of ${moment}.` }),
    button("Go there", () => look(upTo(newest.newest, 1000 * (newest.interval_s ?? 0), view.end - view.start))));
}

async function relayout() {
  laidOut = now();
  const fresh = await ask("/api/layout");
  if (JSON.stringify(fresh) === shape) return;
  [shown, shape] = [fresh, JSON.stringify(fresh)];
  know(fresh);
  sections.build(main, fresh);
}

function came(changed, answer = null) {
  lastCame = now();
  missed = document.hidden; // nobody looks: draw it all when somebody does
  if (missed) return;
  news(answer);
  follow(changed, true);
}

function liveWord(word) {
  const node = document.getElementById("live");
  node.dataset.how = word;
  node.textContent = { live: "live", asking: "every 5 s", away: "server away" }[word];
  node.title = { live: "New rows appear by themselves", asking: "The server does not push; this page asks every 5 seconds", away: "The server does not answer; this page keeps asking" }[word];
}

document.addEventListener("visibilitychange", () => { if (missed && !document.hidden) came(null); });
hear("state", (what) => {
  if ("find" in what) steer();
  if ("find" in what || "zone" in what) tell();
});
hear("view", bygone);
for (const link of document.querySelectorAll("a.skip")) {
  link.addEventListener("click", (event) => { event.preventDefault(); document.getElementById(link.dataset.skip).focus(); });
}
open();
