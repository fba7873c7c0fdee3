/** Two sensors of one quantity: how far apart they are over time, and one against the other. */

import { fieldOf, intervalOf, keyOf, load, valueAt } from "../data.js";
import { el, put, sharpen } from "../dom.js";
import { cursor, hear } from "../hub.js";
import { readable } from "../keys.js";
import { colour, faint, safe } from "../look.js";
import { apart, momentOf } from "../clock.js";
import { state, view } from "../state.js";
import { bad, count, decimalsOf, number, unit } from "../words.js";
import { plot, refit, roomy, unplot } from "./frame.js";
import { steps } from "./profile.js";

const HEIGHT = 196, EDGE = { left: 40, right: 8, top: 20, bottom: 30 };
const POINTS = 1500; // always: slope and R² must not depend on how wide the screen is; a day of minutes is every row

/** Make the picture in `box`. */
export function make(box, panel) {
  const [one, other] = panel.series.map((s, i) => ({ ...s, key: keyOf(s), ink: safe(s.colour, i), decimals: fieldOf(s).decimals ?? 2 }));
  const in_ = unit(panel.unit ?? ""), decimals = Math.min(one.decimals + 1, 4);
  const reading = el("span.value"), fit = el("p.fit");
  const chart = el("div.chart", {
    tabindex: "0", role: "group", "aria-roledescription": "chart", "aria-label": `${panel.title}: difference over time. Arrow keys move the cursor.`,
  });
  const scatter = el("canvas", { role: "img", "aria-label": `${one.label} against ${other.label}` });
  put(box, el("div.legend", {}, el("span.label", { text: `${one.label} − ${other.label}` }), reading),
    el("div.beside", {}, chart, el("figure", {}, scatter)), fit);
  let pairs = null, u = null;

  function draw() {
    if (!pairs) return;
    const data = [pairs.time, pairs.difference];
    drawScatter(scatter, pairs, [one, other], in_, cursor); // first, since it takes its room from the other
    refit(u, chart, HEIGHT);
    if (u) u.setData(data);
    else {
      u = plot(chart, HEIGHT, [{ stroke: colour("accent"), width: 1.4 }], data, () => around(pairs.difference), { drawAxes: [zeroLine] });
    }
    tell(cursor);
  }
  const tell = (time) => {
    if (!pairs) return;
    const place = valueAt(pairs.time, pairs.difference, time ?? Infinity, time === null ? Infinity : pairs.step * 1.5);
    reading.textContent = place < 0 ? "–" : `${signed(pairs.difference[place], decimals)} ${in_}`;
    reading.classList.toggle("past", time === null);
  };
  readable(chart, () => pairs?.time ?? [], (time) => `${momentOf(time)}: difference ${reading.textContent}`);
  const deaf = hear("cursor", (time) => { tell(time); if (pairs) drawScatter(scatter, pairs, [one, other], in_, time); });

  return {
    async load(range, signal) {
      if (!pairs) sharpen(scatter, sideOf(scatter), sideOf(scatter)); // it takes its room before the other is drawn
      const table = await load([one, other], range, POINTS, signal);
      pairs = pairUp(table, one, other);
      const found = fitted(pairs);
      const how = pairs.every ? `${apart(pairs.every)} means` : "every row";
      const words = found ? `${one.label} = ${number(found.slope, 3)} × ${other.label}${added(found.offset, decimals)}, R² = ${number(found.r2, 3)}, mean difference ${signed(found.bias, decimals)} ${in_}, n = ${count(found.n, "pair").replace(/ pairs?$/, "")}` : "";
      fit.textContent = words;
      draw();
      const numbers = found && [["", "slope", `offset [${in_}]`, "R²", `mean difference [${in_}]`, `rms difference [${in_}]`, "n"], [
        `${one.label} over ${other.label}`, number(found.slope, 4), signed(found.offset, decimals), number(found.r2, 4), signed(found.bias, decimals), number(found.rms, decimals), String(found.n)]];
      return { empty: !pairs.n, newest: table.newest, how, words: `${panel.title}. ${words}.`, numbers };
    },
    rescale() { u?.setScale("x", { min: view.start, max: view.end }); },
    resize() { refit(u, chart, HEIGHT); },
    restyle() { if (u) { unplot(u); u = null; } draw(); },
    close() { deaf(); if (u) unplot(u); },
  };
}

/** A number with its sign, which is that of the digits shown: what rounds to 0.0 has none. */
export function signed(value, decimals) {
  const text = number(value, decimals);
  return value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** What stands behind a product: " + 1.2", " − 0.3", or nothing for what rounds to zero. */
export function added(value, decimals) {
  const text = signed(value, decimals);
  return /[1-9]/.test(text) ? ` ${text[0]} ${text.slice(1)}` : "";
}

function around(values) {
  const there = values.filter((v) => v != null);
  return roomy(Math.min(0, ...there), Math.max(0, ...there));
}

const good = (column, i) => column.mean[i] != null && !(state.flags !== "none" && bad(column.worst?.[i]));

/** Values of the same time that no check calls bad; those outside of the range are drawn and count for nothing. */
function pairUp(table, one, other) {
  const { time, columns, every } = table;
  const a = columns.get(one.key), b = columns.get(other.key), [from, to] = a.inside;
  const step = Math.max(every, intervalOf(one), intervalOf(other));
  const x = [], y = [], difference = [];
  time.forEach((moment, i) => {
    let j = i;
    if (b.mean[i] === undefined && a.mean[i] != null) j = valueAt(time, b.mean, moment, step / 2);
    if (a.mean[i] === undefined) return difference.push(undefined);
    const both = j >= 0 && good(a, i) && good(b, j);
    if (both && i >= from && i < to) { x.push(b.mean[j]); y.push(a.mean[i]); }
    return difference.push(both ? a.mean[i] - b.mean[j] : null);
  });
  return { time, difference, x, y, n: x.length, step, every, a, b };
}

/** The straight line by least squares through pairs (y over x); null when there are too few. */
export function fitted({ x, y, n }) {
  if (n < 3) return null;
  const mx = x.reduce((s, v) => s + v, 0) / n, my = y.reduce((s, v) => s + v, 0) / n;
  let xx = 0, xy = 0, yy = 0, apart = 0;
  for (let i = 0; i < n; i++) { xx += (x[i] - mx) ** 2; yy += (y[i] - my) ** 2; xy += (x[i] - mx) * (y[i] - my); apart += (y[i] - x[i]) ** 2; }
  if (!xx || !yy) return null;
  return { slope: xy / xx, offset: my - (xy / xx) * mx, r2: (xy * xy) / (xx * yy), bias: my - mx, rms: Math.sqrt(apart / n), n };
}

function zeroLine(u) {
  const y = u.valToPos(0, "y", true), { ctx, bbox } = u;
  if (y < bbox.top || y > bbox.top + bbox.height) return;
  ctx.strokeStyle = colour("soft");
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
}

const sideOf = (canvas) => (canvas.closest(".panel").clientWidth > 520 ? HEIGHT : 156);

function drawScatter(canvas, pairs, [one, other], in_, time) {
  const side = sideOf(canvas), pen = sharpen(canvas, side, side);
  const [low, high] = roomy(Math.min(...extent(pairs.x), ...extent(pairs.y)), Math.max(...extent(pairs.x), ...extent(pairs.y)));
  const room = side - EDGE.left - EDGE.right, tall = side - EDGE.top - EDGE.bottom;
  const px = (v) => EDGE.left + ((v - low) / (high - low)) * room, py = (v) => EDGE.top + (1 - (v - low) / (high - low)) * tall;
  const line = (x1, y1, x2, y2, ink, width = 1) => { pen.strokeStyle = ink; pen.lineWidth = width; pen.beginPath(); pen.moveTo(x1, y1); pen.lineTo(x2, y2); pen.stroke(); };
  pen.font = "11px system-ui, sans-serif";
  const marks = steps(low, high, 4), places = decimalsOf(marks[1] - marks[0]);
  for (const v of marks) {
    line(px(v), EDGE.top, px(v), EDGE.top + tall, colour("grid"));
    line(EDGE.left, py(v), EDGE.left + room, py(v), colour("grid"));
    pen.fillStyle = colour("soft");
    pen.textAlign = "center";
    pen.fillText(number(v, places), px(v), side - EDGE.bottom + 13);
    pen.textAlign = "right";
    pen.fillText(number(v, places), EDGE.left - 4, py(v) + 4);
  }
  pen.textAlign = "center";
  pen.fillText(other.label, EDGE.left + room / 2, side - 4);
  pen.textAlign = "left";
  pen.fillText(one.label, 2, 11);
  pen.save();
  pen.beginPath();
  pen.rect(EDGE.left, EDGE.top, room, tall);
  pen.clip();
  line(px(low), py(low), px(high), py(high), colour("soft"));
  pen.fillStyle = faint(colour("accent"), pairs.n > 400 ? 0.25 : 0.5);
  for (let i = 0; i < pairs.n; i++) pen.fillRect(px(pairs.x[i]) - 1.2, py(pairs.y[i]) - 1.2, 2.4, 2.4);
  const fit = fitted(pairs);
  if (fit) line(px(low), py(fit.offset + fit.slope * low), px(high), py(fit.offset + fit.slope * high), colour("accent"), 1.4);
  pen.restore();
  const at = time === null ? -1 : valueAt(pairs.time, pairs.difference, time, pairs.step * 1.5);
  if (at >= 0 && pairs.b.mean[at] != null) {
    pen.fillStyle = colour("ink");
    pen.beginPath();
    pen.arc(px(pairs.b.mean[at]), py(pairs.a.mean[at]), 3.5, 0, 7);
    pen.fill();
  }
}

function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const v of values) { if (v < low) low = v; if (v > high) high = v; }
  return [low, high];
}
