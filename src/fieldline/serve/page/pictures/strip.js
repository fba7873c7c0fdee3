/** The band of flags below a plot: one thin row for each series that has any to show. */

import { sharpen } from "../dom.js";
import { colour } from "../look.js";
import { state } from "../state.js";
import { LEFT, RIGHT } from "./frame.js";

const ROW = 5, GAP = 2;
export const INK = { 3: "suspect", 4: "fail", 9: "missing" };

/** Draw the band for the series that are shown. */
export function flagStrip(canvas, u, table, series) {
  const rows = state.flags === "none" ? [] : series.filter(({ key }) => table.columns.get(key).worst?.some((flag) => flag in INK));
  canvas.hidden = rows.length === 0;
  if (!rows.length) return;
  const pen = sharpen(canvas, u.width, rows.length * (ROW + GAP) + 2);
  pen.clearRect(0, 0, u.width, canvas.height);
  const from = LEFT, width = u.width - LEFT - RIGHT;
  const x = (time) => Math.min(Math.max(from + u.valToPos(time, "x"), from), from + width);
  rows.forEach(({ key, ink }, row) => {
    const y = row * (ROW + GAP);
    pen.fillStyle = ink;
    pen.fillRect(from - 12, y, 8, ROW);
    pen.fillStyle = colour("well");
    pen.fillRect(from, y, width, ROW);
    runs(table, table.columns.get(key).worst, (start, end, flag) => {
      pen.fillStyle = colour(INK[flag]);
      pen.fillRect(x(start), y, Math.max(x(end) - x(start), 1.5), ROW);
    });
  });
}

/** Times with one flag after another, as one piece. */
function runs({ time, step }, worst, draw) {
  let from = 0;
  for (let i = 1; i <= worst.length; i++) {
    if (i < worst.length && worst[i] === worst[from]) continue;
    if (worst[from] in INK) draw(time[from], (i < worst.length ? Math.min(time[i], time[i - 1] + step) : time[i - 1] + step), worst[from]);
    from = i;
  }
}
