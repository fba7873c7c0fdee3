/** Series from the server, as the pictures need them: one list of times, gaps as gaps. */

import { ask } from "./api.js";
import { state } from "./state.js";
import { bad } from "./words.js";

const RADIANS = Math.PI / 180, DAY = 86_400_000;
const RARE = DAY / 2, FEW = 14; // of tables with rows as far apart [ms] so many are shown where the range has hardly any
const intervals = new Map(), firsts = new Map();
const fields = new Map();
let laidOut = new Set();

/** Remember what the layout says of tables and fields. */
export function know(layout) {
  laidOut = new Set(layout.tables.map(tableOf));
  for (const table of layout.tables) {
    if (table.interval_s || !intervals.has(tableOf(table))) intervals.set(tableOf(table), (table.interval_s ?? 0) * 1000);
    for (const field of table.fields) fields.set(keyOf({ ...table, field: field.name }), field);
  }
}

/** Remember where each table begins, and the usual time between rows where only the rows themselves tell it. */
export function learn(status) {
  for (const table of status.tables) firsts.set(tableOf(table), table.oldest ?? -Infinity);
  for (const table of status.tables) if (!intervals.get(tableOf(table))) intervals.set(tableOf(table), (table.interval_s ?? 0) * 1000);
}

/** Whether the layout has a table. */
export const isKnown = (table) => laidOut.has(tableOf(table));

/** A table that the layout need not be asked for again, even where it has no picture. */
export const expect = (table) => laidOut.add(tableOf(table));

/** What a table is called here. */
export const tableOf = ({ bucket, measurement, station }) => `${bucket}/${measurement}/${station ?? ""}`;

/** What a series is called here and in links. */
export const keyOf = (series) => `${tableOf(series)}/${series.field}`;

/** What two series that are compared are called in links. */
export const pairOf = (one, other) => JSON.stringify([keyOf(one), keyOf(other)]);

/** The pictures of pairs that somebody chose among the series of a group. */
export function chosenIn(group) {
  const all = new Map(group.panels.filter(({ kind }) => kind === "lines").flatMap((panel) => panel.series.map((one) => [keyOf(one), { one, panel }])));
  return [...state.pairs].flatMap((id) => {
    const [a, b] = keysOf(id).map((key) => all.get(key));
    if (!a || !b || a.panel.unit !== b.panel.unit) return [];
    return [{ id, kind: "pair", title: `${a.panel.title}: ${a.one.label} and ${b.one.label}`, unit: a.panel.unit, description: "chosen", series: [a.one, b.one], thresholds: [] }];
  });
}

/** The two names in a link; what else somebody wrote there is none. */
function keysOf(id) {
  try {
    const keys = JSON.parse(id);
    return Array.isArray(keys) && keys.length === 2 ? keys : [null, null];
  } catch { return [null, null]; }
}

/** What the layout says of the field of a series. */
export const fieldOf = (series) => fields.get(keyOf(series)) ?? {};

/** The usual time between two rows of a series [ms]; 0: not known. */
export const intervalOf = (series) => intervals.get(tableOf(series)) ?? 0;

/** The range up to the newest row of a table [ms]: a day, or more where a day has only few rows. */
export const upTo = (newest, step = 0, length = DAY) => ({ from: newest - Math.max(length, FEW * step), to: newest + 1000 });

/**
 * The range of a picture: that which is chosen, but of tables with a row a day or so, which then has hardly any, the last FEW rows
 * (as many as there are).
 * @returns {{start: number, end: number, own?: boolean}} [ms]
 */
export function rangeOf(series, range) {
  const step = Math.min(...series.map(intervalOf));
  const own = step >= RARE && Number.isFinite(step) && 3 * step > range.end - range.start;
  if (!own) return range;
  const first = Math.min(...series.map((one) => firsts.get(tableOf(one)) ?? -Infinity)) - step;
  return { ...range, start: Math.min(range.start, Math.max(range.end - FEW * step, first)), own };
}

/** What a request says when bad values are to be left out. */
export const onlyGood = () => (state.flags === "hide" ? 1 : null);

/** Series by the table they come from: each table is asked once. */
export const byTable = (series) => grouped(series, tableOf);

/** Series by their measurement, which may have many stations. */
export const byMeasurement = (series) => grouped(series, ({ bucket, measurement }) => `${bucket}/${measurement}`);

function grouped(series, nameOf) {
  const tables = new Map();
  for (const one of series) {
    const name = nameOf(one);
    if (!tables.has(name)) tables.set(name, []);
    tables.get(name).push(one);
  }
  return [...tables.values()];
}

/**
 * Rows, or windows of rows, of some series.
 * @param {Object[]} series as the layout has them
 * @param {{start: number, end: number}} range [ms]
 * @param {number} points how many times there is room for
 * @returns {Promise<{time: number[], every: number, step: number, rows: number, newest: number|null,
 *   columns: Map<string, {mean: number[], min?: number[], max?: number[], worst?: number[], inside: [number, number]}>}>}
 *   `inside`: the places of the first time in the range and of the first after it; what is outside of them is for drawing only
 */
export async function load(series, range, points, signal) {
  const parts = await Promise.all(byTable(series).map((some) => part(some, range, points, signal)));
  const newest = Math.max(...parts.map(({ newest: time }) => time ?? -Infinity));
  const found = parts.length === 1 ? parts[0] : joined(parts);
  for (const { columns, every } of parts) {
    for (const key of columns.keys()) found.columns.get(key).inside = placesIn(found.time, range, every);
  }
  return {
    ...found,
    rows: parts.reduce((sum, { rows }) => sum + rows, 0),
    newest: Number.isFinite(newest) ? newest : null,
  };
}

/** The places of the times in a range; a window counts where its middle is. */
export function placesIn(time, { start, end }, every) {
  const before = (moment) => {
    let low = 0, high = time.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (time[middle] < moment - every / 2) low = middle + 1; else high = middle;
    }
    return low;
  };
  return [before(start), before(end)];
}

async function part(series, range, points, signal) {
  const { bucket, measurement, station } = series[0];
  const step = intervalOf(series[0]);
  const margin = Math.min(step, (range.end - range.start) / 4); // so that lines reach the edge of the picture
  const answer = await ask("/api/series", {
    bucket, measurement, station, field: series.map(({ field }) => field),
    start: Math.floor(range.start - margin), end: Math.ceil(range.end + margin), points: Math.max(50, Math.min(4000, points)),
    good: onlyGood(),
  }, signal);
  const columns = new Map(series.map((one) => [keyOf(one), answer.fields[one.field] ?? { mean: [] }]));
  const found = { time: answer.time, every: answer.every_ms, step: answer.every_ms || step, columns, rows: answer.rows, newest: answer.newest };
  return found.every ? found : withGaps(found);
}

/** Rows that were not there become an empty time, so that no line is drawn over a gap. */
function withGaps(table) {
  const { time } = table;
  const longest = 2.5 * (table.step || 4 * median(time));
  const after = [];
  for (let i = 1; i < time.length; i++) if (time[i] - time[i - 1] > longest) after.push(i);
  if (!after.length) return table;
  const widen = (values, empty) => {
    if (!values) return values;
    const wide = [];
    let from = 0;
    for (const place of after) {
      for (; from < place; from++) wide.push(values[from]);
      wide.push(empty(place));
    }
    return wide.concat(values.slice(from));
  };
  const columns = new Map([...table.columns].map(([key, column]) => [key, mapped(column, (values) => widen(values, () => null))]));
  return { ...table, columns, time: widen(time, (place) => (time[place - 1] + time[place]) / 2) };
}

function median(time) {
  const steps = time.slice(1, 200).map((t, i) => t - time[i]).sort((a, b) => a - b);
  return steps[steps.length >> 1] ?? 0;
}

function mapped(column, change) {
  return Object.fromEntries(Object.entries(column).map(([name, values]) => [name, change(values)]));
}

/** Several tables over all their times; `undefined` is "no row of this table here", which is no gap. */
function joined(parts) {
  const time = [...new Set(parts.flatMap((one) => one.time))].sort((a, b) => a - b);
  const place = new Map(time.map((t, i) => [t, i]));
  const columns = new Map();
  for (const one of parts) {
    const places = one.time.map((t) => place.get(t));
    for (const [key, column] of one.columns) {
      columns.set(key, mapped(column, (values) => {
        if (!values) return values;
        const wide = new Array(time.length);
        places.forEach((to, from) => { wide[to] = values[from]; });
        return wide;
      }));
    }
  }
  return { time, columns, every: Math.max(...parts.map(({ every }) => every)), step: Math.max(...parts.map(({ step }) => step)) };
}

/** The place of the time nearest to `time`; -1 when there is none. */
export function nearest(times, time) {
  let low = 0, high = times.length - 1;
  if (high < 0) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle; else high = middle;
  }
  return Math.abs(times[high] - time) < Math.abs(times[low] - time) ? high : low;
}

/** The place of the value nearest to `time`, at most `reach` [ms] away and within some places; -1 when there is none. */
export function valueAt(times, values, time, reach, [from, to] = [0, times.length]) {
  const place = Math.min(Math.max(nearest(times, time), from), to - 1);
  const there = (i) => i >= from && i < to && Math.abs(times[i] - time) <= reach;
  for (let away = 0; there(place - away) || there(place + away); away++) {
    const hits = [place - away, place + away].filter((i) => there(i) && values[i] !== null && values[i] !== undefined);
    if (hits.length) return hits.reduce((a, b) => (Math.abs(times[a] - time) <= Math.abs(times[b] - time) ? a : b));
  }
  return -1;
}

/** The place of the last value of a column within its range; -1 when there is none. */
export function lastOf({ mean: values, inside: [from, to] = [0, values.length] }) {
  for (let i = to - 1; i >= from; i--) if (values[i] !== null && values[i] !== undefined) return i;
  return -1;
}

/**
 * Smallest, mean, largest and last value of a column within its range, their sum, and the share of its times with a bad flag; these count
 * for the last value only, unless flags are of no interest. Directions go round: their mean is that of vectors, and none is smallest.
 */
export function statistics(column, direction = false) {
  let low = Infinity, high = -Infinity, sum = 0, east = 0, north = 0, n = 0, there = 0, wrong = 0;
  const { mean, min = mean, max = mean, worst, inside: [from, to] = [0, mean.length] } = column;
  for (let i = from; i < to; i++) {
    if (mean[i] === null || mean[i] === undefined) continue;
    there += 1;
    if (bad(worst?.[i])) wrong += 1;
    if (bad(worst?.[i]) && state.flags !== "none") continue;
    n += 1;
    sum += mean[i];
    east += Math.sin(mean[i] * RADIANS);
    north += Math.cos(mean[i] * RADIANS);
    low = Math.min(low, min[i] ?? mean[i]);
    high = Math.max(high, max[i] ?? mean[i]);
  }
  const last = lastOf(column);
  let some = { low: null, high: null, mean: null, total: null };
  if (n && direction) some.mean = Math.hypot(east, north) > 1e-6 * n ? (Math.atan2(east, north) / RADIANS + 360) % 360 : null;
  else if (n) some = { low, high, mean: sum / n, total: sum };
  return { ...some, n: there, last: mean[last], place: last, bad: there ? wrong / there : 0 };
}
