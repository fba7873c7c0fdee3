/** One line a day, one column a time of day: what is daily, what is a fault, and what is missing, at one look. */

import { ask } from "../api.js";
import { dayOf, momentOf } from "../clock.js";
import { fieldOf, onlyGood } from "../data.js";
import { el, put, sharpen } from "../dom.js";
import { cursor, hear, point } from "../hub.js";
import { readable } from "../keys.js";
import { colour } from "../look.js";
import { count, number, unit } from "../words.js";
import { cells, inkBetween, scaleBar, spread } from "./heat.js";
import { LEFT, RIGHT } from "./frame.js";

const DAY = 86_400_000, FEWEST = 14, MOST = 1096, FOOT = 20;

/** Make the picture in `box`. */
export function make(box, panel) {
  const series = panel.series[0], decimals = fieldOf(series).decimals ?? 1, in_ = unit(panel.unit ?? "");
  const bar = scaleBar(), read = el("span.reading"), canvas = el("canvas", { "aria-hidden": "true" });
  const room = el("div.chart", {
    tabindex: "0", role: "group", "aria-roledescription": "chart", "aria-label": `${panel.description || panel.title} Arrow keys move the cursor.`,
  }, canvas);
  put(box, el("div.legend", {}, bar.root, read), room);
  let got = null, range = null;

  const size = () => ({ width: room.clientWidth, height: Math.min(Math.max(got.days.length * 7, 150), 420) + FOOT });
  function draw() {
    if (!got) return;
    const { width, height } = size(), pen = sharpen(canvas, width, height);
    const wide = width - LEFT - RIGHT, tall = height - FOOT;
    pen.fillStyle = colour("well");
    pen.fillRect(LEFT, 0, wide, tall);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(cells(got.values, inkBetween(range)), LEFT, 0, wide, tall);
    axes(pen, got, wide, tall);
    if (cursor !== null) mark(pen, got, cursor, wide, tall);
    read.textContent = cursor === null ? "" : words(cursor);
  }
  /** What stands at a time; nothing where no day has it. */
  const words = (time) => {
    const day = got.days.findLastIndex((start) => start <= time), slot = Math.floor(((time - got.days[day]) / DAY) * got.slots);
    return day < 0 || slot >= got.slots ? "" : `${momentOf(got.days[day] + (slot * DAY) / got.slots)}: ${number(got.values[day][slot], decimals)} ${in_}`;
  };
  const timesOf = (row, day) => row.flatMap((value, slot) => (value === null ? [] : [got.days[day] + ((slot + 0.5) * DAY) / got.slots]));
  const times = () => (got ? got.values.flatMap(timesOf) : []);
  readable(room, times, words);
  const at = (event) => {
    const { left, top } = canvas.getBoundingClientRect(), { width, height } = size();
    const slot = Math.floor(((event.clientX - left - LEFT) / (width - LEFT - RIGHT)) * got.slots);
    const day = Math.floor(((event.clientY - top) / (height - FOOT)) * got.days.length);
    return slot >= 0 && slot < got.slots && day >= 0 && day < got.days.length ? { slot, day } : null;
  };
  canvas.addEventListener("pointermove", (event) => {
    const cell = got && at(event);
    if (!cell) return point(null);
    return point(got.days[cell.day] + ((cell.slot + 0.5) * DAY) / got.slots);
  });
  canvas.addEventListener("pointerleave", () => point(null));
  const deaf = hear("cursor", draw);

  return {
    async load(view, signal) {
      const start = Math.max(Math.min(view.start, view.end - FEWEST * DAY), view.end - MOST * DAY);
      const { bucket, measurement, station, field } = series;
      const answer = await ask("/api/fingerprint", { bucket, measurement, station, field, start: Math.floor(start), end: Math.ceil(view.end), good: onlyGood() }, signal);
      const first = answer.values.findIndex((day) => day.some((value) => value !== null)); // no empty weeks before the first rows
      answer.days.splice(0, Math.max(first, 0));
      answer.values.splice(0, Math.max(first, 0));
      range = spread(answer.values);
      got = range && answer;
      if (got) { bar.fill(range, decimals, in_); draw(); }
      return {
        empty: !got, newest: answer.newest ?? null, how: got ? count(got.days.length, "day") : "",
        words: got ? `${panel.title}: ${got.days.length} days, from ${number(range[0], decimals)} to ${number(range[1], decimals)} ${in_}.` : panel.title,
      };
    },
    rescale() {}, resize: draw, restyle: draw, close: deaf,
  };
}

function axes(pen, { days, slots }, wide, tall) {
  pen.fillStyle = colour("soft");
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  const each = Math.ceil(days.length / (tall / 18));
  days.forEach((day, i) => { if (i % each === 0) pen.fillText(dayOf(day + DAY / 2), LEFT - 6, ((i + 0.5) * tall) / days.length); });
  for (let hour = 0; hour <= 24; hour += wide < 360 ? 6 : 3) {
    pen.textAlign = hour === 24 ? "right" : "center";
    pen.fillText(`${String(hour).padStart(2, "0")}:00`, LEFT + (hour / 24) * wide + (hour === 24 ? RIGHT : 0), tall + 11);
  }
}

/** A cross where the cursor is. */
function mark(pen, { days, slots }, time, wide, tall) {
  const day = days.findLastIndex((start) => start <= time);
  if (day < 0 || time - days[day] > DAY) return;
  const x = LEFT + ((time - days[day]) / DAY) * wide, y = ((day + 0.5) * tall) / days.length;
  pen.strokeStyle = colour("paper");
  pen.lineWidth = 3;
  pen.strokeRect(x - 4, y - 4, 8, 8);
  pen.strokeStyle = colour("ink");
  pen.lineWidth = 1.2;
  pen.strokeRect(x - 4, y - 4, 8, 8);
}
