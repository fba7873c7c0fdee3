/** A picture that can be read from the keyboard. */

import { cursor, point } from "./hub.js";
import { back, view, zoom } from "./state.js";
import { say } from "./dom.js";
import { nearest } from "./data.js";

/**
 * Arrows move the cursor (with Shift ten steps), Home and End go to the ends, + and - zoom, Backspace goes back.
 * @param {HTMLElement} node what has the focus
 * @param {() => number[]} times the times that the cursor can be at [ms]
 * @param {(time: number) => string} words what stands there
 */
export function readable(node, times, words) {
  const step = (by) => {
    const all = times();
    if (!all.length) return;
    const place = by === -Infinity ? 0 : by === Infinity || cursor === null ? all.length - 1 : nearest(all, cursor) + by;
    point(all[Math.min(Math.max(place, 0), all.length - 1)]);
    say(words(cursor));
  };
  const deeds = {
    ArrowLeft: (far) => step(far ? -10 : -1), ArrowRight: (far) => step(far ? 10 : 1),
    Home: () => step(-Infinity), End: () => step(Infinity),
    "+": () => zoom(0.5, cursor), "=": () => zoom(0.5, cursor), "-": () => zoom(2, cursor ?? (view.live ? null : undefined)),
    Backspace: back, Escape: () => point(null),
  };
  node.addEventListener("keydown", (event) => {
    if (event.target !== node || event.ctrlKey || event.metaKey || event.altKey || !deeds[event.key]) return;
    event.preventDefault();
    deeds[event.key](event.shiftKey);
  });
}
