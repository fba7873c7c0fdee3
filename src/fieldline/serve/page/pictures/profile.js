/** Values over height at the time of the cursor, and faintly six and twelve hours before. */

import { fieldOf, intervalOf, keyOf, lastOf, load, placesIn, valueAt } from "../data.js";
import { eachFrame, el, put, svg } from "../dom.js";
import { cursor, hear } from "../hub.js";
import { safe } from "../look.js";
import { momentOf } from "../clock.js";
import { state } from "../state.js";
import { number, unit, decimalsOf } from "../words.js";
import { pointsOf, summary } from "./lines.js";

const HOUR = 3_600_000, HEIGHT = 226, BOTTOM = 34, LEFT = 54, RIGHT = 14, TOP = 8;

/** Make the picture in `box`. */
export function make(box, panel) {
  const series = panel.series.map((one, i) => ({ ...one, key: keyOf(one), ink: safe(one.colour, i), decimals: fieldOf(one).decimals ?? 2 }));
  const reading = el("p.reading"), room = el("div.chart");
  put(box, el("div.legend", {}, reading), room);
  const in_ = unit(panel.unit ?? "");
  let table = null;

  const draw = eachFrame((time) => {
    if (!table) return;
    const newest = Math.max(...series.map(({ key }) => table.time[lastOf(table.columns.get(key))] ?? -Infinity));
    const at = time ?? newest;
    const profiles = [0, 6, 12].map((hours) => at - hours * HOUR).map((when) => series.map((one) => pointOf(table, one, when)).filter(Boolean));
    // the time of the row, not that of the pixel under the pointer
    const told = profiles[0].length ? profiles[0].reduce((a, b) => (Math.abs(a.time - at) <= Math.abs(b.time - at) ? a : b)).time : at;
    reading.textContent = Number.isFinite(told) ? momentOf(told) : "";
    put(room, picture(room.clientWidth || 400, profiles, series, in_, `${panel.title} at ${momentOf(told)}`));
  });
  const deaf = hear("cursor", (time) => draw(time));
  const again = () => draw(cursor);

  return {
    async load(view, signal) {
      const range = { ...view, start: Math.min(view.start, view.end - 13 * HOUR) };
      table = await load(series, range, pointsOf(room), signal);
      for (const column of table.columns.values()) column.inside = placesIn(table.time, view, table.every);
      again();
      return { ...summary(table, series, panel), how: "now, 6 h and 12 h before" };
    },
    rescale: again, resize: again, restyle: again, close: deaf,
  };
}

function pointOf(table, one, time) {
  const { mean, worst } = table.columns.get(one.key);
  const place = valueAt(table.time, mean, time, Math.max(table.every, 1.5 * intervalOf(one)));
  if (place < 0 || worst?.[place] === 4 || one.height_m == null) return null;
  return { value: mean[place], time: table.time[place], height: one.height_m, one };
}

function picture(width, profiles, series, in_, title) {
  const all = profiles.flat(), top = Math.max(...series.map((one) => one.height_m ?? 0)) * 1.05 || 1;
  const low = Math.min(...all.map(({ value }) => value)), high = Math.max(...all.map(({ value }) => value));
  const pad = (high - low) * 0.08 || 1, from = low - pad, span = high - low + 2 * pad;
  const x = (value) => LEFT + ((value - from) / span) * (width - LEFT - RIGHT);
  const y = (height) => TOP + (1 - height / top) * (HEIGHT - TOP - BOTTOM);
  const root = svg("svg", { width, height: HEIGHT, role: "img", "aria-label": title });
  if (!all.length) return root;
  for (const height of new Set(series.map((one) => one.height_m).filter((h) => h != null))) {
    root.append(svg("line.grid", { x1: LEFT, x2: width - RIGHT, y1: y(height), y2: y(height) }));
  }
  let free = Infinity; // labels from the ground up, none over another
  for (const height of [...new Set(series.map((one) => one.height_m).filter((h) => h != null))].sort((a, b) => a - b)) {
    if (free - y(height) < 11) continue;
    free = y(height);
    root.append(svg("text.tick.end", { x: LEFT - 6, y: y(height) + 4, text: `${height} m` }));
  }
  for (const value of steps(from, from + span, Math.max(2, Math.floor(width / 90)))) {
    root.append(svg("line.grid", { x1: x(value), x2: x(value), y1: TOP, y2: HEIGHT - BOTTOM }),
      svg("text.tick.middle", { x: x(value), y: HEIGHT - BOTTOM + 15, text: number(value, 2).replace(/\.?0+$/, "") }));
  }
  root.append(svg("text.tick.end", { x: width - RIGHT, y: HEIGHT - 4, text: in_ }));
  profiles.forEach((points, age) => {
    const path = points.sort((a, b) => a.height - b.height).map(({ value, height }) => `${x(value).toFixed(1)},${y(height).toFixed(1)}`).join(" ");
    root.append(svg(`polyline.profile.age-${age}`, { points: path }));
    if (age) return;
    for (const { value, height, one } of points) {
      root.append(svg("circle", { cx: x(value), cy: y(height), r: 4.5, fill: one.ink },
        svg("title", { text: `${one.label}: ${number(value, one.decimals)} ${in_}` })));
    }
  });
  return root;
}

/** Round numbers between two ends, about `n` of them. */
export function steps(low, high, n) {
  const raw = (high - low) / n, size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * size).find((k) => k >= raw);
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high; v += step) found.push(Number(v.toFixed(decimalsOf(step))));
  return found;
}
