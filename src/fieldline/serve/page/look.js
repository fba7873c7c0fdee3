/** Light or dark, and the colours that drawings take from the style sheet. */

import { hear, tell } from "./hub.js";
import { state } from "./state.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
let colours = new Map();

/** A colour of the style sheet, by its name without the dashes. */
export function colour(name) {
  if (!colours.has(name)) colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return colours.get(name);
}

/** A colour from data, if it is one; else one of ours. */
export function safe(words, place = 0) {
  return /^#[0-9a-f]{6}$/i.test(words ?? "") ? words : colour(`series-${place % 8}`);
}

/** The same colour, to be seen through. */
export function faint(hex, alpha) {
  return `${hex}${Math.round(alpha * 255).toString(16).padStart(2, "0")}`;
}

/** Whether it is dark now. */
export function isDark() { return state.theme === "dark" || (state.theme === "auto" && dark.matches); }

/** Follow the state and the system. */
export function dress() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  colours = new Map();
  tell("look");
}

hear("state", (what) => { if ("theme" in what) dress(); });
dark.addEventListener("change", dress);

/** From dark blue over green to yellow, even to the eye and in grey (viridis, of matplotlib). @param {number} share 0 to 1 */
export function shade(share) {
  const at = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const low = VIRIDIS[Math.floor(at)], high = VIRIDIS[Math.ceil(at)], part = at % 1;
  return low.map((value, i) => Math.round(value + (high[i] - value) * part));
}

const VIRIDIS = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121],
  [109, 205, 89], [180, 222, 44], [253, 231, 37],
];
