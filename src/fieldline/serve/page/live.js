/** New rows without a reload: the server says that some came; if it can't, we ask. */

import { ask } from "./api.js";

const PATIENCE = 5000; // between two questions when nothing is told [ms]

/**
 * Call `came(changed)` when rows came; `changed` is a set of "bucket/measurement/station", or null: not known which.
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
  const heard = (event) => came(changedOf(event.data));
  stream.addEventListener("message", heard);
  stream.addEventListener("latest_data", heard);
  stream.addEventListener("open", () => { clearInterval(asking); asking = null; tell("live"); });
  stream.addEventListener("error", () => {
    if (asking === null) { asking = setInterval(poll, PATIENCE); poll(); }
  });
}

/** Which tables an event speaks of. */
function changedOf(text) {
  try {
    const { changed, rows } = JSON.parse(text);
    const named = (changed ?? rows ?? []).filter((one) => one && typeof one === "object" && one.measurement);
    return named.length ? new Set(named.map(({ bucket, measurement, station }) => `${bucket}/${measurement}/${station ?? ""}`)) : null;
  } catch { return null; }
}
