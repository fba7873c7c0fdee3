/** A plot over time: axes, cursor, selection and flags, the same for all pictures that have them (uPlot draws). */

import { clockOf, dayOf, labels, STEPS, ticks } from "../clock.js";
import { el } from "../dom.js";
import { back, look, view } from "../state.js";
import { colour } from "../look.js";
import { axisWords } from "../words.js";
import { cursor, hear, point } from "../hub.js";

/** What the axes take at the sides [pixels]: the same everywhere, so that pictures below each other align. */
export const LEFT = 54, RIGHT = 10;
const LETTER = 6.5; // width of one in a label, at most on the average [pixels]
const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

/**
 * A plot.
 * @param {HTMLElement} box where it goes
 * @param {number} height [pixels]
 * @param {Object[]} series as uPlot wants them, without the first
 * @param {Array} data as uPlot wants it
 * @param {() => [number, number]} range the lowest and highest value to show
 * @param {Object} hooks as uPlot wants them
 * @param {() => {start: number, end: number}} reach the range of time [ms], where it has one of its own
 */
export function plot(box, height, series, data, range, hooks, reach = () => view) {
  const u = new globalThis.uPlot({
    width: Math.max(box.clientWidth, 120), height, padding: [8, RIGHT, 0, 0], legend: { show: false }, focus: { alpha: 1 },
    scales: { x: { time: false, range: () => [reach().start, reach().end] }, y: { range } },
    axes: [timeAxis(), valueAxis()],
    cursor: {
      y: false, drag: { x: true, y: false, setScale: false, dist: 5 },
      points: { size: 7, width: 1.5, fill: () => colour("paper") },
      bind: { dblclick: () => () => { back(); } },
    },
    series: [{}, ...series],
    hooks: { ...hooks, draw: [...(hooks.draw ?? []), (u) => { if (!u.pointed) follow(u, cursor); }], setCursor: [moved], setSelect: [selected] },
  }, data, box);
  u.tag = el("span.at", { "aria-hidden": "true", hidden: true }); // screen readers hear the time with the values
  u.over.after(u.tag);
  u.over.addEventListener("pointerenter", () => { u.pointed = true; });
  u.over.addEventListener("pointerleave", () => { u.pointed = false; point(null); });
  u.over.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") point(u.posToVal(event.clientX - u.over.getBoundingClientRect().left, "x"));
  });
  u.deaf = hear("cursor", (time, by) => { if (by !== u) follow(u, time); });
  return u;
}

/** Make a plot as wide as its box, when it is not. */
export function refit(u, box, height) {
  if (u && box.clientWidth && (u.width !== box.clientWidth || u.height !== height)) u.setSize({ width: box.clientWidth, height });
}

/** Take a plot away. */
export function unplot(u) {
  u.deaf();
  u.destroy();
}

function timeAxis() {
  return {
    ...lines(), size: 38, space: 64, incrs: STEPS,
    splits: (u, axis, start, end, step) => ticks(start, end, step),
    values: (u, times, axis, space, step) => uncut(labels(times, step), times, u),
  };
}

/** Labels without those that the right edge of the picture would cut. */
function uncut(words, times, u) {
  const { min, max } = u.scales.x;
  const space = (time) => RIGHT + (u.width - LEFT - RIGHT) * (1 - (time - min) / (max - min));
  return words.map((label, i) => (space(times[i]) < Math.max(...label.split("\n").map((line) => line.length)) * LETTER / 2 ? "" : label));
}

function valueAxis() {
  return { ...lines(), size: LEFT, space: 28, values: (u, values, axis, space, step) => axisWords(values, step) };
}

function lines() {
  return {
    stroke: colour("soft"), font: FONT, gap: 4,
    grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("grid"), width: 1, size: 4 },
  };
}

/** Only the plot under the pointer says where the cursor is; the others follow, also when their range moves. */
function moved(u) {
  tell(u);
  if (u.pointed && u.cursor.left >= 0) point(u.posToVal(u.cursor.left, "x"), u);
}

function follow(u, time) {
  const left = time === null ? -10 : u.valToPos(time, "x");
  if (Math.abs(left - u.cursor.left) > 0.1) u.setCursor({ left, top: left < 0 ? -10 : 0 }, false);
  tell(u);
}

/** The time of the row under the cursor, or of its window's begin, below the line. */
function tell(u) {
  const { left, idx } = u.cursor, time = u.data[0][idx ?? -1];
  u.tag.hidden = !(left >= 0) || time === undefined;
  if (u.tag.hidden) return;
  u.tag.textContent = `${dayOf(time)} ${clockOf(time)}`;
  const { offsetLeft, offsetTop, clientHeight } = u.over, half = u.tag.offsetWidth / 2;
  u.tag.style.left = `${Math.min(Math.max(offsetLeft + left - half, 0), u.width - 2 * half)}px`;
  u.tag.style.top = `${offsetTop + clientHeight + 3}px`;
}

function selected(u) {
  const { left, width } = u.select;
  if (width < 4) return;
  const from = u.posToVal(left, "x"), to = u.posToVal(left + width, "x");
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  look({ from, to });
}

/** Draw within the plot's area only. */
export function clipped(u, draw) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  draw(ctx);
  ctx.restore();
}

/** Lowest and highest of some numbers with a little room; something sensible when there are none. */
export function roomy(low, high) {
  if (!(low <= high)) return [0, 1];
  const pad = (high - low) * 0.06 || Math.abs(low) * 0.05 || 1;
  return [low - pad, high + pad];
}

