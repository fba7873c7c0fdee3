/** Series over time: the mean, a band from lowest to highest where rows were thinned, gaps, and flags. */

import { keyOf, lastOf, load, fieldOf, intervalOf, rangeOf as reachOf, statistics, valueAt } from "../data.js";
import { el, put, eachFrame } from "../dom.js";
import { cursor, hear } from "../hub.js";
import { colour, faint, safe } from "../look.js";
import { readable } from "../keys.js";
import { apart, momentOf, span } from "../clock.js";
import { state, toggle, view } from "../state.js";
import { bad, FLAGS, number, unit } from "../words.js";
import { clipped, plot, refit, roomy, unplot } from "./frame.js";
import { flagStrip } from "./strip.js";

const HEIGHT = 196, LARGE = 380;
const LONG = 6, FEW = 6; // a long unit is not repeated for many series: it stands in the title
const APART = 0.022; // of the height of a picture, between equal grades
const DASHES = [undefined, [7, 3], [2, 3], [9, 3, 2, 3]]; // for series of one colour

/**
 * Make the picture in `box`.
 * @param {Object} [own] `load(range, points, signal)` in place of asking for the series; `how(table)`: words for the head
 */
export function make(box, panel, own = {}) {
  const series = panel.series.map((one, place) => ({
    ...one, key: keyOf(one), ink: safe(one.colour, place), decimals: fieldOf(one).decimals ?? panel.decimals ?? 2,
  }));
  const legend = el("ul.legend", { "aria-label": "Series; press to take one away" });
  const room = el("div.chart", {
    tabindex: "0", role: "group", "aria-roledescription": "chart", "aria-label": `${panel.title} over time. Arrow keys move the cursor.`,
  });
  const strip = el("canvas.flagstrip", { "aria-hidden": "true" });
  put(box, legend, room, strip);
  const entries = series.map((one) => entry(legend, one, panel));
  const me = { table: null, u: null };

  const shown = () => series.filter(({ key }) => !state.off.has(key));
  const value = (one, time) => valueIn(me.table, one, time);
  const tell = eachFrame((time) => me.table && series.forEach((one, i) => fillEntry(entries[i], one, me.table, time)));
  const words = (time) => `${momentOf(time)}: ${shown().map((one) => `${one.label} ${wordsOf(value(one, time), one, panel)}`).join(", ")}`;
  readable(room, () => (me.table ? me.table.time : []), words);

  function draw() {
    series.forEach((one, i) => entries[i].button.setAttribute("aria-pressed", String(!state.off.has(one.key))));
    if (!me.table) return;
    const { table } = me;
    const data = [table.time, ...drawn(panel, table, shown(), series)];
    if (me.u) {
      series.forEach((one, i) => { if (me.u.series[i + 1].show !== !state.off.has(one.key)) me.u.setSeries(i + 1, { show: !state.off.has(one.key) }, false); });
      me.u.setData(data);
    } else {
      me.u = plot(room, tall(), series.map((one) => lineOf(one, panel, table_)), data, () => rangeOf(table_(), shown()), {
        drawAxes: [(u) => clipped(u, (pen) => { drawThresholds(u, pen, panel.thresholds); drawBands(u, pen, table_(), shown()); })],
        draw: [(u) => { clipped(u, (pen) => drawDirections(u, pen, me.table, shown())); if (state.flags === "mark") clipped(u, (pen) => drawMarks(u, pen, table_(), shown())); flagStrip(strip, u, table_(), shown()); }],
      }, reach);
      if (series.every(({ direction }) => direction)) me.u.axes[1].splits = () => [0, 90, 180, 270, 360];
    }
    tell(cursor);
  }
  const table_ = () => me.table, reach = () => reachOf(series, view);
  const tall = () => (state.large.has(panel.id) ? LARGE : HEIGHT);
  const deaf = [
    hear("cursor", (time) => tell(time)),
    hear("state", (what) => { if ("off" in what) draw(); }),
  ];

  return {
    async load(range, signal) {
      const seen = reachOf(series, range);
      me.table = await (own.load ?? load.bind(null, series))(seen, pointsOf(room), signal);
      draw();
      const found = summary(me.table, series, panel);
      if (own.how) found.how = own.how(me.table);
      return seen.own ? { ...found, own: true, how: `${found.how}, the last ${span(seen.end - seen.start)}` } : found;
    },
    rescale() { me.u?.setScale("x", { min: reach().start, max: reach().end }); },
    resize() { refit(me.u, room, tall()); },
    restyle() { if (me.u) { unplot(me.u); me.u = null; draw(); } },
    close() { deaf.forEach((stop) => stop()); if (me.u) unplot(me.u); },
  };
}

/** The values as they are drawn: grades and bits, which are often equal, a little above each other, so that none hides another. */
function drawn({ kind }, table, seen, series) {
  const means = series.map(({ key }) => table.columns.get(key).mean);
  if (kind !== "diagnostics" || seen.length < 2) return means;
  const [low, high] = rangeOf(table, seen), apart = (high - low) * APART;
  return series.map((one, i) => {
    const up = (seen.indexOf(one) - (seen.length - 1) / 2) * apart;
    return means[i].map((value) => (value == null ? value : value - up));
  });
}

/** How many windows to ask for: one for each pixel or two, in steps so that pictures of nearly one width ask the same. */
export function pointsOf(box) { return Math.ceil(Math.max(box.clientWidth - 60, 100) / 100) * 100; }

/** Directions as points, since they go round: a line from 359° to 1° would cross the whole picture. */
function drawDirections(u, pen, { time, columns }, series) {
  const size = 2.5 * devicePixelRatio;
  for (const { key, ink, direction } of series) {
    if (!direction) continue;
    pen.fillStyle = ink;
    columns.get(key).mean.forEach((value, i) => {
      if (value != null) pen.fillRect(u.valToPos(time[i], "x", true) - size / 2, u.valToPos(value, "y", true) - size / 2, size, size);
    });
  }
}

function lineOf({ ink, key, dash, direction, sum }, { kind }, table) {
  const how = { stroke: ink, width: 1.5, show: !state.off.has(key), dash: DASHES[(dash ?? 0) % DASHES.length] };
  if (direction) return { ...how, paths: () => null, points: { show: false } };
  if (sum) return { ...how, width: 0, fill: faint(ink, 0.7), paths: (...which) => barsOf(table().every)(...which), points: { show: false } };
  return {
    ...how, paths: kind === "diagnostics" ? globalThis.uPlot.paths.stepped({ align: 1 }) : undefined,
    points: { size: 4, fill: ink, stroke: ink, filter: (u, i, show, gaps) => (show ? null : lonely(u.data[i])) },
  };
}

/** What fell in a time, as a bar over it: a window stands at its begin, a row at its end. */
function barsOf(every) { return globalThis.uPlot.paths.bars({ size: [0.94], align: every ? 1 : -1 }); }

/** Values with a gap on both sides: no line goes through them, so they need a point. `undefined` is no gap: see data.js. */
function lonely(values) {
  const own = [];
  for (let i = 0; i < values.length; i++) if (values[i] !== undefined) own.push(i);
  return own.filter((place, i) => values[place] !== null && values[own[i - 1]] == null && values[own[i + 1]] == null);
}

function entry(legend, one, panel) {
  const swatch = el("span.swatch", { "aria-hidden": "true", "data-dash": one.dash || null });
  swatch.style.color = one.ink;
  const shown = el("span.value"), flag = el("span.flag");
  const button = el("button", {
    type: "button", "aria-pressed": String(!state.off.has(one.key)), title: `${one.field}${one.instrument ? `, ${one.instrument}` : ""}: press to take it away or back, with Shift to see it alone`,
    onclick: (event) => (event.shiftKey ? alone(one, panel) : toggle("off", one.key, !state.off.has(one.key))),
  }, swatch, el("span.label", { text: one.label }), shown, flag);
  legend.append(el("li", { "data-series": one.key }, button));
  const words = unit(panel.unit ?? "");
  return { button, shown, flag, unit: words.length <= LONG || panel.series.length <= FEW ? words : "" };
}

function alone(one, panel) {
  const others = panel.series.map(keyOf).filter((key) => key !== one.key);
  const only = others.every((key) => state.off.has(key)) && !state.off.has(one.key);
  for (const key of others) toggle("off", key, !only);
  toggle("off", one.key, false);
}

function valueIn(table, one, time) {
  const column = table.columns.get(one.key);
  const reach = Math.max(table.every, 1.5 * intervalOf(one), (view.end - view.start) / 200);
  const place = time === null ? lastOf(column) : valueAt(table.time, column.mean, time, reach, column.inside);
  return place < 0 ? null : { value: column.mean[place], flag: column.worst?.[place] ?? null, time: table.time[place] };
}

function fillEntry({ shown, flag, unit: in_ }, one, table, time) {
  const found = valueIn(table, one, time);
  shown.textContent = found ? `${number(found.value, one.decimals)}${in_ ? ` ${in_}` : ""}` : "–";
  shown.classList.toggle("past", time === null);
  if (found) shown.dataset.time = found.time; else delete shown.dataset.time;
  flag.textContent = found && bad(found.flag) ? FLAGS[found.flag] : "";
  flag.dataset.flag = found?.flag ?? "";
}

function wordsOf(found, one, panel) {
  if (!found) return "no value";
  return `${number(found.value, one.decimals)} ${unit(panel.unit ?? "")}${bad(found.flag) ? `, ${FLAGS[found.flag]}` : ""}`;
}

/** Lowest and highest value shown. What failed its checks does not count: one spike must not flatten the rest. */
export function rangeOf(table, series) {
  if (series.length && series.every(({ direction }) => direction)) return [0, 360];
  for (const trusting of [false, true]) {
    let low = Infinity, high = -Infinity;
    for (const { key } of series) {
      const { mean, min = mean, max = mean, worst } = table.columns.get(key);
      for (let i = 0; i < mean.length; i++) {
        if (mean[i] == null || (!trusting && worst?.[i] === 4)) continue;
        if ((min[i] ?? mean[i]) < low) low = min[i] ?? mean[i];
        if ((max[i] ?? mean[i]) > high) high = max[i] ?? mean[i];
      }
    }
    if (low <= high && series.every(({ sum }) => sum)) return [Math.min(low, 0), Math.max(high, 0) * 1.06 || 1];
    if (low <= high) return roomy(low, high);
  }
  return [0, 1];
}

function drawBands(u, pen, table, series) {
  if (!table.every) return;
  for (const { key, ink } of series) {
    const { mean, min, max, worst } = table.columns.get(key);
    if (!min || !max) continue;
    pen.fillStyle = faint(ink, 0.18);
    let from = -1;
    for (let i = 0; i <= mean.length; i++) {
      const there = i < mean.length && min[i] != null && max[i] != null && worst?.[i] !== 4;
      if (there && from < 0) from = i;
      if (!there && from >= 0 && mean[i] !== undefined | i === mean.length) { area(u, pen, table, min, max, from, i); from = -1; }
    }
  }
}

function area(u, pen, { time }, min, max, from, stop) {
  pen.beginPath();
  for (let i = from; i < stop; i++) pen.lineTo(u.valToPos(time[i], "x", true), u.valToPos(max[i] ?? max[i - 1], "y", true));
  for (let i = stop - 1; i >= from; i--) pen.lineTo(u.valToPos(time[i], "x", true), u.valToPos(min[i] ?? min[i - 1], "y", true));
  pen.closePath();
  pen.fill();
}

/** A ring for suspect, a cross for fail; what lies outside of the picture is marked at its edge. */
function drawMarks(u, pen, table, series) {
  const size = 3.2 * devicePixelRatio, { top, height } = u.bbox;
  for (const { key } of series) {
    const { mean, worst } = table.columns.get(key);
    if (!worst) continue;
    let last = -Infinity;
    for (let i = 0; i < mean.length; i++) {
      if (!bad(worst[i]) || mean[i] == null) continue;
      const x = u.valToPos(table.time[i], "x", true);
      if (x - last < size) continue;
      last = x;
      const y = Math.min(Math.max(u.valToPos(mean[i], "y", true), top + size), top + height - size);
      mark(pen, x, y, size, worst[i]);
    }
  }
}

function mark(pen, x, y, size, flag) {
  const shape = () => {
    pen.beginPath();
    if (flag === 3) pen.arc(x, y, size, 0, 7);
    else { pen.moveTo(x - size, y - size); pen.lineTo(x + size, y + size); pen.moveTo(x - size, y + size); pen.lineTo(x + size, y - size); }
    pen.stroke();
  };
  pen.strokeStyle = colour("paper");
  pen.lineWidth = 3.5 * devicePixelRatio;
  shape();
  pen.strokeStyle = colour(flag === 3 ? "suspect" : "fail");
  pen.lineWidth = 1.6 * devicePixelRatio;
  shape();
}

function drawThresholds(u, pen, thresholds) {
  pen.lineWidth = devicePixelRatio;
  pen.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  for (const { value, flag } of thresholds ?? []) {
    const y = u.valToPos(value, "y", true);
    pen.strokeStyle = faint(colour(flag === 4 ? "fail" : "suspect"), 0.5);
    pen.beginPath();
    pen.moveTo(u.bbox.left, y);
    pen.lineTo(u.bbox.left + u.bbox.width, y);
    pen.stroke();
  }
  pen.setLineDash([]);
}

/** What the picture says, in words and in a table. */
export function summary(table, series, panel) {
  const in_ = unit(panel.unit ?? "");
  const rows = series.map((one) => ({ ...one, ...statistics(table.columns.get(one.key), one.direction) }));
  const filled = rows.filter(({ n }) => n > 0);
  const round = series.every(({ direction }) => direction);
  const sums = series.every(({ sum }) => sum);
  const how = table.every ? `${apart(table.every)} ${sums ? "totals" : round ? "vector means" : "means"}` : "every row";
  const told = (one) => (sums ? `in all ${one.total === null ? "–" : number(one.total, one.decimals)}` : one.direction ? `mean ${number(one.mean, one.decimals)}` : `from ${number(one.low, one.decimals)} to ${number(one.high, one.decimals)}`);
  const words = filled.map((one) => `${one.label}: last ${number(one.last, one.decimals)}, ${told(one)} ${in_}`);
  const banded = table.every && !round && !sums;
  return {
    empty: filled.length === 0, newest: table.newest, how, words: `${panel.title}. ${how}${banded ? ", the band goes from lowest to highest" : ""}. ${words.join("; ")}.`,
    numbers: [["", `last [${in_}]`, "lowest", sums ? "in all" : "mean", "highest", state.flags === "none" ? "flagged" : "flagged, left out"], ...rows.map((one) => [
      one.label, ...[one.last, one.low, sums ? one.total : one.mean, one.high].map((v) => (one.n && v !== null ? number(v, one.decimals) : "–")), `${(one.bad * 100).toFixed(one.bad && one.bad < 0.1 ? 1 : 0)} %`])],
  };
}
