/** Times as people read them, on the station's clock or in UTC; the clock of this computer plays no part. */

import { state } from "./state.js";

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR, YEAR = 365.25 * DAY;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Steps between the labels of an axis [ms]; from 28 days on they are months. */
export const STEPS = [
  1, 2, 5, 10, 15, 30].map((n) => n * SECOND).concat([1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  [1, 2, 3, 4, 6, 12].map((n) => n * HOUR), [1, 2, 3, 7, 14].map((n) => n * DAY), [1, 2, 3, 6, 12, 24, 60].map((n) => n * 30 * DAY));

let zone = "+00:00";
let named = null;

/** Say what the station's clock is: "-05:00" or the name of a zone. */
export function stationZone(words) {
  zone = words || "+00:00";
  named = /^[+-]/.test(zone) || zone === "UTC" ? null : new Intl.DateTimeFormat("en-US", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
  });
}

/** How far the shown clock is ahead of UTC at a moment [ms]. */
export function offset(time) {
  if (state.zone === "utc" || zone === "UTC") return 0;
  if (named === null) {
    const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)/.exec(zone) ?? [null, "+", 0, 0];
    return (sign === "-" ? -1 : 1) * (Number(hours) * HOUR + Number(minutes) * MINUTE);
  }
  const part = Object.fromEntries(named.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second) - Math.floor(time / SECOND) * SECOND;
}

/** The words for the clock that is shown. */
export function zoneName() { return state.zone === "utc" ? "UTC" : stationName(); }

/** The words for the station's clock. */
export function stationName() {
  return named === null ? `UTC${zone.replace("-", "−")}` : zone;
}

/** A Date whose UTC getters give the shown clock. */
function shown(time) { return new Date(time + offset(time)); }

/** A moment of the shown clock (as Date.UTC counts) to UTC [ms]. */
export function fromShown(local) { return local - offset(local - offset(local)); }

const two = (n) => String(n).padStart(2, "0");

/** "25 Nov". */
export function dayOf(time) { const d = shown(time); return `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]}`; }

/** 2026. */
export function yearOf(time) { return shown(time).getUTCFullYear(); }

/** "25 Nov 2026". */
export function dateOf(time) { return `${dayOf(time)} ${yearOf(time)}`; }

/** "06:05", or with seconds when there are some. */
export function clockOf(time, seconds = time % MINUTE !== 0) {
  const d = shown(time);
  return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}${seconds ? `:${two(d.getUTCSeconds())}` : ""}`;
}

/** "25 Nov 2026 06:05". */
export function momentOf(time) { return `${dateOf(time)} ${clockOf(time)}`; }

/** What an input of the kind datetime-local takes. */
export function inputOf(time) { return shown(time).toISOString().slice(0, 16); }

/** Where an axis has labels between two times, `step` apart [ms]: at whole hours, days, months of the shown clock. */
export function ticks(start, end, step) {
  const found = [];
  if (step >= 28 * DAY) {
    const months = Math.round(step / (30 * DAY)), first = shown(start);
    const from = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months;
    for (let month = from; found.length < 100; month += months) {
      const time = fromShown(Date.UTC(Math.floor(month / 12), month % 12, 1));
      if (time > end) break;
      if (time >= start) found.push(time);
    }
    return found;
  }
  // weeks begin on Mondays: 5 January 1970 was one
  const origin = step === 7 * DAY || step === 14 * DAY ? 4 * DAY : 0;
  for (let local = Math.floor((start + offset(start) - origin) / step) * step + origin; found.length < 500; local += step) {
    const time = fromShown(local);
    if (time > end) break;
    if (time >= start && time !== found.at(-1)) found.push(time);
  }
  return found;
}

/** The labels of an axis: the day stands under the first time of each day, the year under the first of each year. */
export function labels(times, step) {
  let before = null;
  return times.map((time) => {
    const under = step >= DAY ? String(shown(time).getUTCFullYear()) : dayOf(time);
    const over = step >= 28 * DAY ? MONTHS[shown(time).getUTCMonth()] : step >= DAY ? dayOf(time) : clockOf(time, step < MINUTE);
    const label = under === before ? over : `${over}\n${under}`;
    before = under;
    return label;
  });
}

/** "0.1 s", "90 s", "30 min", "1 h", "1 d": how far apart things are [ms], in the largest unit that is whole. */
export function apart(length) {
  if (length < SECOND) return `${Number((length / SECOND).toPrecision(3))} s`;
  const [size, name] = [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"], [SECOND, "s"]].find(([one]) => length % one === 0) ?? [];
  return name ? `${length / size} ${name}` : span(length, true);
}

/** "5 s", "3 min", "2 h", "4 d", "1.5 y": how long something lasts [ms]; with one decimal where `exact` and it is not whole. */
export function span(length, exact = false) {
  if (Math.abs(length) > 400 * DAY) return `${(length / YEAR).toFixed(1)} y`;
  const [size, name] = [[90 * SECOND, SECOND, "s"], [90 * MINUTE, MINUTE, "min"], [48 * HOUR, HOUR, "h"]].find(([below]) => Math.abs(length) < below)?.slice(1) ?? [DAY, "d"];
  return `${exact ? Number((length / size).toFixed(1)) : Math.round(length / size)} ${name}`;
}
