/** Which module draws which kind of panel; a kind that is new to this page is drawn as lines. */

import * as balance from "./balance.js";
import * as depth from "./depth.js";
import * as fingerprint from "./fingerprint.js";
import * as flags from "./flags.js";
import * as lines from "./lines.js";
import * as missing from "./missing.js";
import * as pair from "./pair.js";
import * as profile from "./profile.js";
import * as rose from "./rose.js";

const KINDS = { __proto__: null, balance, depth, diagnostics: lines, fingerprint, flags, lines, missing, pair, profile, rose };
const VALUE = 12, LETTERS = 180; // of a value beside its name; of four lines in a column
const WIDE = new Set(["depth", "flags", "missing"]);

/**
 * Make the picture of a panel: an object with `load(range, signal)`, which asks, draws and promises a summary
 * {empty, words, how?, numbers?, newest?}; `rescale()` for another range before its rows are here; `resize()`;
 * `restyle()` for other colours or another clock; `close()`.
 */
export function make(box, panel) { return (KINDS[panel.kind] ?? lines).make(box, panel); }

/** Whether its names would take more room than its lines in one column: then it takes two. */
export function isBroad({ kind, series }) {
  return kind === "lines" && series.reduce((letters, { label }) => letters + label.length + VALUE, 0) > LETTERS;
}

/** Whether a picture takes the whole width. */
export function isWide(panel) { return WIDE.has(panel.kind); }
