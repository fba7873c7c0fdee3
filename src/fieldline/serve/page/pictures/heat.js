/** A table of numbers as coloured cells. */

import { el } from "../dom.js";
import { shade } from "../look.js";
import { number } from "../words.js";

/**
 * Cells as an image of one pixel a cell, to be drawn larger without smoothing.
 * @param {number[][]} rows from the top down; null is no value and stays empty
 * @param {(value: number) => number[]} ink red, green and blue
 */
export function cells(rows, ink) {
  const width = Math.max(rows[0]?.length ?? 0, 1), image = new ImageData(width, Math.max(rows.length, 1));
  rows.forEach((row, y) => row.forEach((value, x) => {
    if (value === null || value === undefined) return;
    const [r, g, b] = ink(value);
    image.data.set([r, g, b, 255], 4 * (y * width + x));
  }));
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Between what values the colours go: the 1st and the 99th of a hundred, so that one spike does not take them all. */
export function spread(rows) {
  const all = rows.flat().filter((v) => v !== null && v !== undefined).sort((a, b) => a - b);
  if (!all.length) return null;
  const [low, high] = [0.01, 0.99].map((q) => all[Math.round(q * (all.length - 1))]);
  return low < high ? [low, high] : [low - 0.5, high + 0.5];
}

/** The colour of a value between two others. */
export const inkBetween = ([low, high]) => (value) => shade((value - low) / (high - low));

/** The scale of colours, with its ends. */
export function scaleBar() {
  const low = el("span"), high = el("span"), bar = el("canvas.bar", { width: 100, height: 1, "aria-hidden": "true" });
  const pen = bar.getContext("2d");
  for (let x = 0; x < 100; x++) {
    pen.fillStyle = `rgb(${shade(x / 99).join(" ")})`;
    pen.fillRect(x, 0, 1, 1);
  }
  const root = el("span.scale", {}, low, bar, high);
  return { root, fill: ([from, to], decimals, unit) => { low.textContent = number(from, decimals); high.textContent = `${number(to, decimals)} ${unit}`; } };
}
