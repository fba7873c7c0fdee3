/** New rows without a reload: the server says that some came; if it can't, we ask. */

import { ask } from "./api.js";
import { serverTime } from "./state.js";

const PATIENCE = 5000; // between two questions when nothing is told [ms]

/**
 * Call `came(changed)` when rows came; `changed` is a set of "bucket/measurement", or null: not known which.
 * `tell(word)` hears how rows come: "live", "asking" or "away". `isNew(row)` says of one of the newest rows whether it came
 * after the page was opened.
 */
export function listen(came, tell, isNew) {
  let asking = null;
  const poll = async () => {
    try {
      const status = await ask("/api/status");
      tell("asking");
      came(null, status);
    } catch { tell("away"); }
  };
  const stream = new EventSource("/api/events");
  let first = true; // all that there is: of it the pictures lack only what came while the page was being loaded
  stream.addEventListener("latest_data", (event) => {
    const { now, changed, rows } = JSON.parse(event.data), tables = namesOf(first ? rows.filter(isNew) : changed);
    serverTime(now); // an answer that was long on its way made our clock late, and a range up to it would end before these rows
    if (tables.size || !first) came(tables);
    first = false;
  });
  stream.addEventListener("open", () => { clearInterval(asking); asking = null; tell("live"); });
  stream.addEventListener("error", () => {
    if (asking === null) { asking = setInterval(poll, PATIENCE); poll(); }
  });
}

/** The tables that some rows or changes are of. */
const namesOf = (some) => new Set(some.map(({ bucket, measurement }) => `${bucket}/${measurement}`));
