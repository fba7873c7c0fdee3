/** Rows of coloured pieces over time, under the range that all pictures show: depth, flags and completeness are such. */

import { labels, STEPS, ticks } from "../clock.js";
import { el, eachFrame, put, sharpen } from "../dom.js";
import { cursor, hear, point } from "../hub.js";
import { readable } from "../keys.js";
import { colour } from "../look.js";
import { back, look, view } from "../state.js";
import { RIGHT } from "./frame.js";

const FOOT = 34, STOPS = 200; // where the arrow keys can go

/**
 * A picture of rows.
 * @param {HTMLElement} box where it goes
 * @param {Object} parts `rows()`: the names from the top down; `left`: room for them [pixels]; `tall`: height of a row;
 *   `draw(pen, x, row, y, height)` draws one row, `x` being pixels of a time; `words(time, row)`: what stands there;
 *   `range()`: the times shown; `label`: what it is
 */
export function timeline(box, parts) {
  const canvas = el("canvas", { "aria-hidden": "true" }), room = el("div.chart", {
    tabindex: "0", role: "group", "aria-roledescription": "chart", "aria-label": `${parts.label} Arrow keys move the cursor.`,
  }, canvas), reading = el("p.reading");
  put(box, el("div.legend", {}, ...(parts.head ?? []), reading), room);
  const range = parts.range ?? (() => view);
  const left = () => Math.min(parts.left, room.clientWidth * 0.36);
  const wide = () => room.clientWidth - left() - RIGHT;
  const x = (time) => left() + ((time - range().start) / (range().end - range().start)) * wide();
  const time = (event) => range().start + ((event.clientX - canvas.getBoundingClientRect().left - left()) / wide()) * (range().end - range().start);

  const draw = eachFrame(() => {
    const names = parts.rows();
    if (!room.clientWidth || !names.length) return;
    const tall = names.length * parts.tall, pen = sharpen(canvas, room.clientWidth, tall + FOOT);
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    names.forEach((name, row) => {
      const y = row * parts.tall;
      pen.fillStyle = colour("soft");
      pen.textAlign = "right";
      pen.fillText(fitting(pen, name, left() - 10), left() - 6, y + parts.tall / 2);
      pen.save();
      pen.beginPath();
      pen.rect(left(), y, wide(), parts.tall);
      pen.clip();
      parts.draw(pen, x, row, y, parts.tall);
      pen.restore();
    });
    axis(pen, range(), x, tall, wide());
    if (cursor !== null && cursor >= range().start && cursor <= range().end) {
      pen.strokeStyle = colour("soft");
      pen.lineWidth = 1;
      pen.beginPath();
      pen.moveTo(x(cursor), 0);
      pen.lineTo(x(cursor), tall);
      pen.stroke();
    }
  });

  let from = null;
  canvas.addEventListener("pointerdown", (event) => { if (event.pointerType !== "touch") from = event.clientX; });
  canvas.addEventListener("pointerup", (event) => {
    if (from !== null && Math.abs(event.clientX - from) > 6) {
      const there = time(event), start = there - ((event.clientX - from) / wide()) * (range().end - range().start);
      look({ from: Math.min(start, there), to: Math.max(start, there) });
    }
    from = null;
  });
  canvas.addEventListener("dblclick", back);
  canvas.addEventListener("pointermove", (event) => {
    const at = time(event), row = Math.floor((event.clientY - canvas.getBoundingClientRect().top) / parts.tall);
    const inside = at >= range().start && at <= range().end && row >= 0 && row < parts.rows().length;
    reading.textContent = (inside && parts.words(at, row)) || "";
    point(inside ? at : null);
  });
  canvas.addEventListener("pointerleave", () => { reading.textContent = ""; point(null); });
  const deaf = hear("cursor", draw);
  const stops = () => Array.from({ length: STOPS }, (_, i) => range().start + ((i + 0.5) / STOPS) * (range().end - range().start));
  readable(room, stops, (at) => parts.rows().map((_, row) => parts.words(at, row)).filter(Boolean).join("; "));
  return { draw, rescale: draw, resize: draw, restyle: draw, close: deaf, wide };
}

function axis(pen, { start, end }, x, tall, wide) {
  const step = STEPS.find((one) => ((end - start) / one) * 62 < wide) ?? STEPS.at(-1), times = ticks(start, end, step);
  pen.fillStyle = colour("soft");
  pen.textAlign = "center";
  labels(times, step).forEach((label, i) => label.split("\n").forEach((line, n) => {
    const last = x(end) + RIGHT - pen.measureText(line).width / 2; // further right its end would be cut
    pen.fillText(line, Math.min(x(times[i]), last), tall + 10 + 14 * n);
  }));
}

function fitting(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  let cut = text.length;
  while (cut > 1 && pen.measureText(`${text.slice(0, cut)}…`).width > width) cut -= 1;
  return `${text.slice(0, cut)}…`;
}
