/** New rows without a reload: the server says that some came; if it can't, we ask. */

import { ask } from "./api.js";

const PATIENCE = 5000; // between two questions when nothing is told [ms]

/**
 * Call `came(changed)` when rows came; `changed` is a set of "bucket/measurement", or null: not known which.
 * `tell(word)` hears how rows come: "live", "asking" or "away".
 */
export function listen(came, tell) {
  let asking = null;
  const poll = async () => {
    try {
      const status = await ask("/api/status");
      tell("asking");
      came(null, status);
    } catch { tell("away"); }
  };
  const stream = new EventSource("/api/events");
  let first = true; // all that there is, which the pictures have asked for themselves
  stream.addEventListener("latest_data", (event) => {
    if (!first) came(changedOf(event.data));
    first = false;
  });
  stream.addEventListener("open", () => { clearInterval(asking); asking = null; tell("live"); });
  stream.addEventListener("error", () => {
    if (asking === null) { asking = setInterval(poll, PATIENCE); poll(); }
  });
}

/** Which tables an event speaks of. */
function changedOf(text) {
  const { changed } = JSON.parse(text);
  return new Set(changed.map(({ bucket, measurement }) => `${bucket}/${measurement}`));
}
