/** The first questions, on their way while the other modules are still being loaded. */

import { ask } from "./api.js";

/** What there is to show. */
export const layout = ask("/api/layout");

/** How the tables are; null when that can't be had, which is asked for again. */
export const status = ask("/api/status").catch(() => null);

layout.catch(() => {}); // main.js says what is wrong
