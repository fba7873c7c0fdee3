/** A wind rose: how often the wind comes from where, by its speed. */

import { ask } from "../api.js";
import { onlyGood } from "../data.js";
import { el, put, svg } from "../dom.js";
import { shade } from "../look.js";
import { count, number, unit } from "../words.js";

const SIZE = 250, SHOWN = 218, MIDDLE = SIZE / 2, CALM = 14, OUTER = MIDDLE - 16;

/** Make the picture in `box`. */
export function make(box, panel) {
  const [speed, direction] = panel.series;
  const room = el("div.rose");
  put(box, room);
  let got = null;
  const draw = () => got && put(room, picture(got, panel), legend(got, unit(panel.unit ?? "")));
  return {
    async load(view, signal) {
      const { bucket, measurement, station } = speed;
      got = await ask("/api/rose", {
        bucket, measurement, station, speed: speed.field, direction: direction.field, start: Math.floor(view.start), end: Math.ceil(view.end), good: onlyGood(),
      }, signal);
      draw();
      const { total, calm } = got;
      const sums = got.counts.map((row) => row.reduce((a, b) => a + b, 0)), most = sums.indexOf(Math.max(...sums));
      return {
        empty: !total, newest: got.newest, how: count(total, "row"),
        words: `${panel.title}: mostly from ${POINTS[most]}, ${share(sums[most], total)}; calm ${share(calm, total)}.`,
        numbers: [["", ...classes(got, unit(panel.unit ?? "")), "all"], ...got.counts.map((row, i) => [POINTS[i], ...row.map((n) => share(n, total)), share(sums[i], total)]), ["calm", ...got.counts[0].map(() => ""), share(calm, total)]],
      };
    },
    rescale() {}, resize() {}, restyle: draw, close() {},
  };
}

const POINTS = ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"];
const share = (part, total) => `${number((100 * part) / Math.max(total, 1), 1)} %`;
const inkOf = (i, n) => `rgb(${shade(0.12 + (0.8 * i) / Math.max(n - 1, 1)).join(" ")})`;

function picture({ counts, calm, total: all }, panel) {
  const sums = counts.map((row) => row.reduce((a, b) => a + b, 0));
  const top = ringTop(Math.max(...sums) / Math.max(all, 1));
  const r = (part) => CALM + (part / top) * (OUTER - CALM);
  const root = svg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, width: SHOWN, height: SHOWN, role: "img", "aria-label": panel.title });
  for (let ring = 1; ring <= 4; ring++) root.append(svg("circle.ring", { cx: MIDDLE, cy: MIDDLE, r: r((top * ring) / 4) }));
  counts.forEach((row, sector) => {
    let sum = 0;
    row.forEach((n, speed) => {
      if (n) root.append(svg("path.wedge", { d: wedge((sector * 360) / counts.length, 360 / counts.length, r(sum / all), r((sum + n) / all)), fill: inkOf(speed, row.length) },
        svg("title", { text: `${POINTS[sector]}: ${share(n, all)}` })));
      sum += n;
    });
  });
  ["N", "E", "S", "W"].forEach((name, i) => root.append(svg("text.tick.middle", {
    x: MIDDLE + Math.sin((i * Math.PI) / 2) * (OUTER + 8), y: MIDDLE + 4 - Math.cos((i * Math.PI) / 2) * (OUTER + 8), text: name })));
  const free = (sums.indexOf(Math.min(...sums)) / sums.length) * 2 * Math.PI; // where no wedge lies over the words
  for (const ring of [2, 4]) {
    const radius = r((top * ring) / 4) - 8;
    root.append(svg("text.tick.middle", { x: MIDDLE + radius * Math.sin(free), y: MIDDLE - radius * Math.cos(free) + 4, text: `${number((100 * top * ring) / 4, 0)} %` }));
  }
  root.append(svg("text.tick.middle", { x: MIDDLE, y: MIDDLE + 3.5, text: `${Math.round((100 * calm) / Math.max(all, 1))}%` }, svg("title", { text: "calm" })));
  return root;
}

/** The share at the outer ring: the next of 4, 8, 12, 16, 20, 24, 32, 40, 60, 80, 100 %. */
const ringTop = (most) => [0.04, 0.08, 0.12, 0.16, 0.2, 0.24, 0.32, 0.4, 0.6, 0.8, 1].find((top) => top >= most) ?? 1;

function wedge(at, width, inner, outer) {
  const half = width * 0.46, angle = (degrees) => ((degrees - 90) * Math.PI) / 180;
  const place = (radius, degrees) => `${(MIDDLE + radius * Math.cos(angle(degrees))).toFixed(2)} ${(MIDDLE + radius * Math.sin(angle(degrees))).toFixed(2)}`;
  return `M${place(inner, at - half)}L${place(outer, at - half)}A${outer} ${outer} 0 0 1 ${place(outer, at + half)}L${place(inner, at + half)}A${inner} ${inner} 0 0 0 ${place(inner, at - half)}Z`;
}

/** What the classes of speed are called. */
function classes({ edges: bounds, counts }, in_) {
  return counts[0].map((_, i) => (bounds[i + 1] === undefined || bounds[i + 1] === null ? `over ${bounds[i]} ${in_}` : `${bounds[i]} to ${bounds[i + 1]} ${in_}`));
}

function legend(got, in_) {
  const { edges: bounds } = got, names = classes(got, in_);
  return el("ul.classes", {}, ...names.map((name, i) => {
    const swatch = el("span.swatch", { "aria-hidden": "true" });
    swatch.style.backgroundColor = inkOf(i, names.length);
    return el("li", {}, swatch, name);
  }), el("li.soft", { text: `calm: below ${bounds[0]} ${in_}, in the middle` }));
}
