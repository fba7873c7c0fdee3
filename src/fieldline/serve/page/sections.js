/** One section a group: folded or open, filtered, and its pictures loaded when they come near the screen. */

import { momentOf } from "./clock.js";
import { chosenIn, load, rangeOf, tableOf, upTo } from "./data.js";
import { el, put } from "./dom.js";
import { kept, wordsOf } from "./filter.js";
import { hear } from "./hub.js";
import { change, look, now, state, toggle, view } from "./state.js";
import { Panel } from "./panel.js";
import { count } from "./words.js";

const FIRST = 48; // pictures of a group that stand on the page; a network of a thousand stations has more, each at a press

const DAY = 86_400_000, MINUTE = 60_000;
const panels = new Map();
let groups = [];
let ends = new Map(); // the first and the newest row of each table

/** Keep which rows there are, as an answer of /api/status has it: what none can have is not asked for. */
export function tell({ tables }) {
  ends = new Map(tables.map((one) => [tableOf(one), one]));
  arrange();
}

const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) panels.get(target.dataset.panel)?.show(isIntersecting);
}, { rootMargin: "160px 0px" });

const grown = new ResizeObserver((entries) => {
  for (const { target } of entries) panels.get(target.dataset.panel)?.picture?.resize?.();
});

/** Build all sections into `main`. */
export function build(main, layout) {
  for (const panel of panels.values()) panel.close();
  panels.clear();
  groups = layout.groups.map((group) => section(group));
  put(main, ...groups.map(({ root }) => root), el("p.notice", { id: "nothing", hidden: true, text: "No picture has these words in its title or its fields." }));
  put(document.getElementById("groups"), ...groups.map(({ link }) => link));
  arrange();
  // what is on the screen is asked for now, not after the first frame
  for (const panel of panels.values()) if (!panel.root.hidden && panel.root.getBoundingClientRect().top < innerHeight) panel.show(true);
}

function section(group) {
  const inside = [...group.panels, ...chosenIn(group)].map((panel) => itemOf(panel, group));
  const id = `group-${group.id}`.replace(/[^\w-]/g, "_");
  const grid = el("div.grid", { id: `${id}-grid` });
  const button = el("button", {
    type: "button", "aria-controls": grid.id, onclick: () => toggle("closed", group.id, !state.closed.has(group.id)),
  }, el("span.arrow", { "aria-hidden": "true" }), el("span", { text: group.title }));
  const more = el("button.more", { type: "button", onclick: () => change({ hidden: new Set([...state.hidden].filter((name) => !group.panels.some((p) => p.id === name))) }) });
  const further = el("button.further", { type: "button", onclick: () => { mine.most += FIRST; arrange(); } });
  const fold = el("p.fold");
  const root = el("section", { id, tabindex: "-1", "aria-label": group.title }, el("h2", {}, button, more), grid, further, fold);
  const link = el("a", { href: `#${id}`, text: group.title, onclick: (event) => { event.preventDefault(); goTo(group.id, root); } });
  const mine = { group, inside, root, grid, button, more, further, fold, link, most: FIRST, all: false };
  return mine;
}

/** blank: asked for, and there was nothing in the range; since: when it was asked for last [ms]. */
const itemOf = (panel, group) => ({ panel, group, series: panel.series, made: null, blank: false, since: 0, later: null });

/** Add the pairs that somebody chose, and take away those that nobody wants any more. */
function adopt() {
  for (const { group, inside } of groups) {
    const wanted = chosenIn(group), there = new Set(inside.map(({ panel }) => panel.id));
    for (const item of inside.filter(({ panel }) => panel.description === "chosen" && !state.pairs.has(panel.id))) {
      inside.splice(inside.indexOf(item), 1);
      drop(item);
    }
    const more = wanted.filter(({ id }) => !there.has(id)).map((panel) => itemOf(panel, group));
    inside.push(...more);
    arrange();
    more[0]?.made?.root.scrollIntoView({ block: "nearest" });
  }
}

function drop(item) {
  panels.delete(item.panel.id);
  item.made?.close();
  item.made?.root.remove();
  item.made = null;
}

/** The picture of an item, in its place among those that are there; another one when it has other series. */
function made(item, inside, grid) {
  if (item.made && item.made.panel.series.length === item.series.length && item.made.panel.series.every((one, i) => one === item.series[i])) return item.made;
  if (item.made) drop(item);
  item.made = new Panel({ ...item.panel, series: item.series }, (blank) => { if (item.blank !== blank) { item.blank = blank; arrange(); } });
  panels.set(item.panel.id, item.made);
  const after = inside.slice(inside.indexOf(item) + 1).find((one) => one.made);
  grid.insertBefore(item.made.root, after?.made.root ?? null);
  near.observe(item.made.root);
  grown.observe(item.made.root);
  return item.made;
}

function goTo(name, root) {
  if (state.closed.has(name)) toggle("closed", name, false);
  root.scrollIntoView({ block: "start" });
  root.focus({ preventScroll: true });
}

/** Show and hide by the state. */
function arrange() {
  const words = wordsOf(state.find);
  let any = false;
  for (const one of groups) any = arrangeGroup(one, words) || any;
  const nothing = document.getElementById("nothing");
  if (nothing) nothing.hidden = any || !words.length;
}

/** As `arrange`, one group. @returns {boolean} whether it has a picture to show */
function arrangeGroup(mine, words) {
  const { group, inside, root, grid, button, more, further, link, most } = mine;
  const closed = state.closed.has(group.id) && !words.length;
  let left = 0, hidden = 0;
  const folded = [];
  for (const item of inside) {
    const away = state.hidden.has(item.panel.id), series = kept(item.panel, group, words), meant = !away && series.length > 0;
    if (meant && series.length !== item.series.length) item.blank = false;
    if (meant) item.series = series;
    const empty = meant && (item.blank || isEmpty(item));
    if (empty) folded.push(item);
    const shown = meant && (mine.all || !empty);
    if (shown && left < most) {
      const one = made(item, inside, grid).root;
      one.hidden = false;
      one.classList.toggle("large", state.large.has(item.panel.id));
    } else if (item.made) item.made.root.hidden = true;
    left += Number(shown);
    hidden += Number(away);
  }
  grid.hidden = closed || left === 0;
  root.hidden = link.hidden = left + folded.length === 0 && (words.length > 0 || hidden === 0);
  button.setAttribute("aria-expanded", String(!closed));
  more.hidden = hidden === 0;
  more.textContent = `${count(hidden, "picture")} hidden: show`;
  further.hidden = closed || left <= most;
  further.textContent = `Show ${Math.min(left - most, FIRST)} more of ${count(left - most, "picture")}`;
  tellFolded(mine, folded, closed);
  return left + folded.length > 0;
}

/** One line for all pictures without rows, and the way to their newest. */
function tellFolded(mine, folded, closed) {
  mine.fold.hidden = closed || !folded.length;
  if (mine.fold.hidden) return;
  const tables = folded.flatMap(({ series }) => series.map((one) => ends.get(tableOf(one)))).filter((one) => one && one.newest !== null);
  const newest = tables.reduce((best, one) => (best && best.newest >= one.newest ? best : one), null);
  const old = newest && newest.newest < view.start;
  const said = JSON.stringify([folded.length, mine.all, old && momentOf(newest.newest)]);
  if (mine.said === said) return; // a button keeps its focus
  mine.said = said;
  const button = (text, onclick) => el("button", { type: "button", text, onclick });
  put(mine.fold, el("span", { text: `${count(folded.length, "picture")} ${folded.length === 1 ? "has" : "have"} no rows in this range${old ? `; the newest is of ${momentOf(newest.newest)}` : ""}` }),
    old ? button("Go to it", () => look(upTo(newest.newest, 1000 * (newest.interval_s ?? 0), view.end - view.start))) : null,
    button(mine.all ? "Fold" : "Show", () => { mine.all = !mine.all; arrange(); }));
}

/** Whether none of its tables has a row in the range, as far as the server told. */
function isEmpty({ panel, series }) {
  if (panel.kind === "missing") return false;
  const own = { fingerprint: view.end - 14 * DAY, lines: rangeOf(series, view).start, diagnostics: rangeOf(series, view).start }[panel.kind];
  const start = Math.min(view.start, own ?? Infinity);
  return series.every((one) => {
    const { newest, oldest } = ends.get(tableOf(one)) ?? {};
    return newest === null || newest < start || oldest > view.end;
  });
}

/** Whether a picture that was empty has values by now; asked now and then, without a place on the page. */
async function lookAgain(item) {
  const wait = item.since + MINUTE - now();
  if (wait > 0) { // what came now must not wait for what comes next
    item.later ??= setTimeout(() => { item.later = null; if (item.blank) lookAgain(item); }, wait);
    return;
  }
  item.since = now();
  const { columns } = await load(item.series, view, 50).catch(() => ({ columns: new Map() }));
  if ([...columns.values()].some(({ mean }) => mean.some((value) => value !== null && value !== undefined))) { item.blank = false; arrange(); }
}

/** The name by which the server tells of changes. */
const changing = ({ bucket, measurement }) => `${bucket}/${measurement}`;

/** Load again what shows one of these tables ("bucket/measurement"; null: all), and move the others along. */
function refresh(changed = null, quietly = false) {
  for (const { inside } of groups) {
    for (const item of inside) {
      const touched = changed === null || item.series.some((one) => changed.has(changing(one)));
      if (!quietly) item.blank = false;
      else if (touched && item.blank && !state.closed.has(item.group.id)) lookAgain(item);
    }
  }
  arrange();
  for (const panel of panels.values()) {
    panel.picture?.rescale?.();
    if (changed === null || panel.panel.series.some((one) => changed.has(changing(one)))) panel.refresh(quietly);
  }
}

/** Everything drawn again, in other colours or with another clock. */
function restyle() { for (const panel of panels.values()) panel.picture?.restyle?.(); }

hear("look", restyle);
hear("state", (what) => {
  if ("pairs" in what) adopt();
  if (["closed", "hidden", "large", "find"].some((name) => name in what)) arrange();
  if ("zone" in what) restyle();
  if ("flags" in what) { restyle(); refresh(); }
});
hear("view", (view, changed, quietly) => refresh(changed, quietly));
