/** What is shown, as the part of the address behind `#`: so a link shows the same picture to somebody else. */

import { tell } from "./hub.js";

const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

/** The ranges that a button has: the name in the address, the words, the length [ms]. */
export const RANGES = [
  ["3h", "3 h", 3 * HOUR], ["12h", "12 h", 12 * HOUR], ["1d", "1 d", DAY], ["3d", "3 d", 3 * DAY],
  ["1w", "1 w", 7 * DAY], ["1m", "30 d", 30 * DAY], ["1y", "1 y", 365 * DAY],
];
const LENGTH = new Map(RANGES.map(([name, , length]) => [name, length]));
const SHORTEST = 10_000, LONGEST = 20 * 365 * DAY;
const SETS = ["closed", "hidden", "off", "large", "pairs"];
const CHOICES = { zone: ["station", "utc"], theme: ["auto", "light", "dark"], flags: ["mark", "hide", "none"] };

/**
 * last: the name of a range that ends now, or null when `from` and `to` [ms] are given; chosen: whether somebody said so.
 * closed: groups that are folded; hidden: panels taken away; large: panels over the whole width; off: series not drawn;
 * pairs: two series that somebody compares, as `pairOf` of data.js has them; find: the words of the filter.
 */
export let state = read(location.hash);

/** The newest moment of the server minus that of this computer [ms]: a wrong clock here must not hide rows. */
let skew = 0;

/** Tell what time it is at the server [ms]. */
export function serverTime(now) { skew = now - Date.now(); }

/** Now, by the server's clock [ms]. */
export function now() { return Date.now() + skew; }

/** The range seen: {start, end} in ms, and whether it moves with the time. The same for all pictures, until `follow`. */
export let view = null;

let leader = () => null;

/** Who says where to open when nobody chose a range: `{from, to}` [ms], or null: at the last day. */
export function leadBy(lead) { leader = lead; }

/**
 * Let the range move with the time, where it does; tell the pictures.
 * @param {Set<string>|null} changed the tables with other rows than before; null: load everything again
 * @param {boolean} quietly nobody asked for it, so no sign of work
 */
export function follow(changed = null, quietly = false) {
  const end = now();
  const fixed = state.last === null ? state : state.chosen ? null : leader();
  view = fixed ? { start: fixed.from, end: fixed.to, live: false } : { start: end - LENGTH.get(state.last), end, live: true };
  tell("view", view, changed, quietly);
}

/** A state from an address; what makes no sense there is left at its default. */
export function read(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const from = Date.parse(words.get("from") ?? ""), to = Date.parse(words.get("to") ?? "");
  const fixed = to - from >= SHORTEST && to - from <= LONGEST;
  const found = { last: fixed ? null : "1d", from, to, find: (words.get("find") ?? "").slice(0, 300) };
  found.chosen = fixed || LENGTH.has(words.get("last"));
  if (!fixed && found.chosen) found.last = words.get("last");
  for (const [name, choices] of Object.entries(CHOICES)) {
    found[name] = choices.includes(words.get(name)) ? words.get(name) : choices[0];
  }
  for (const name of SETS) found[name] = new Set(words.getAll(name).slice(0, 500));
  return found;
}

/** The address of a state: only what differs from the default. */
export function write(shown) {
  const words = new URLSearchParams();
  if (shown.last === null) {
    words.set("from", new Date(shown.from).toISOString());
    words.set("to", new Date(shown.to).toISOString());
  } else if (shown.chosen) words.set("last", shown.last);
  for (const [name, choices] of Object.entries(CHOICES)) if (shown[name] !== choices[0]) words.set(name, shown[name]);
  for (const name of SETS) for (const item of shown[name]) words.append(name, item);
  if (shown.find) words.set("find", shown.find);
  return `#${words}`;
}

// the first view is a step like the others; an address that somebody typed is none
if (!Number.isInteger(history.state?.depth)) history.replaceState({ depth: 0 }, "", location.href);

/** Change something that needs no step back: theme, zone, flags, folded groups. */
export function change(what) {
  state = { ...state, ...what };
  history.replaceState(history.state, "", write(state));
  tell("state", what);
}

/** Add to a set of the state or take away from it. */
export function toggle(name, item, there) {
  const items = new Set(state[name]);
  if (there) items.add(item); else items.delete(item);
  change({ [name]: items });
}

/** Look at another range: {last} or {from, to} in ms; the browser's back button leads back. */
export function look(range) {
  const fixed = range.last === undefined;
  const middle = (range.from + range.to) / 2, half = Math.min(Math.max(range.to - range.from, SHORTEST), LONGEST) / 2;
  const next = fixed ? { last: null, from: Math.round(middle - half), to: Math.round(middle + half) } : { last: range.last };
  state = { ...state, ...next, chosen: true };
  history.pushState({ depth: (history.state?.depth ?? 0) + 1 }, "", write(state));
  follow();
}

/** To the range before this one; from the first one, to one that is twice as long. */
export function back() {
  if ((history.state?.depth ?? 0) > 0) history.back();
  else zoom(2);
}

/** A range longer (over 1) or shorter, around `middle` [ms]; by default its end stays where it is while it is live. */
export function zoom(times, middle = null) {
  const { start, end, live } = view;
  const around = middle ?? (live ? end : (start + end) / 2);
  look({ from: around - (around - start) * times, to: Math.min(around + (end - around) * times, Math.max(end, now())) });
}

/** Earlier or later, by a part of the range. */
export function shift(part) {
  const { start, end } = view;
  look({ from: start + (end - start) * part, to: end + (end - start) * part });
}

for (const event of ["popstate", "hashchange"]) {
  addEventListener(event, () => {
    if (write(state) === location.hash || (write(state) === "#" && location.hash === "")) return;
    if (!looksLikeState(location.hash)) return;
    const there = read(location.hash);
    if (Number.isInteger(history.state?.depth)) { // a step of ours: back to the range, and the clock and the rest stay as they are
      state = { ...state, last: there.last, from: there.from, to: there.to, chosen: there.chosen };
      history.replaceState(history.state, "", write(state));
    } else {
      state = there;
      history.replaceState({ depth: 0 }, "", location.href);
    }
    tell("state", state);
    follow();
  });
}

/** A jump within the page is no state. */
function looksLikeState(hash) { return hash === "" || hash.includes("="); }
