/** The first question, on its way while the other modules are still being loaded. */

import { ask } from "./api.js";

/** What there is to show. */
export const layout = ask("/api/layout");

layout.catch(() => {}); // main.js says what is wrong
