/** Which module draws which kind of panel; a kind that is new to this page is drawn as lines. */

import * as lines from "./lines.js";

const KINDS = { lines };
const WIDE = new Set(["depth", "flags", "missing"]);

/** Make the picture of a panel. */
export function make(box, panel) { return (KINDS[panel.kind] ?? lines).make(box, panel); }

/** Whether a picture takes the whole width. */
export function isWide(panel) { return WIDE.has(panel.kind); }
