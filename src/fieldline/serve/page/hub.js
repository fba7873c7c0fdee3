/** What the pictures tell each other: where the cursor is, what range is seen, that rows came. */

const hearers = new Map();

/** Hear of a topic until the returned function is called. */
export function hear(topic, hearer) {
  if (!hearers.has(topic)) hearers.set(topic, new Set());
  hearers.get(topic).add(hearer);
  return () => hearers.get(topic).delete(hearer);
}

/** Tell everybody who hears of a topic. */
export function tell(topic, ...words) {
  for (const hearer of hearers.get(topic) ?? []) hearer(...words);
}

/** The time under the cursor [ms], or null: one for all pictures. */
export let cursor = null;

/** Move the cursor of all pictures; `by` is who moved it and needs no word of it. */
export function point(time, by = null) {
  if (time === cursor) return;
  cursor = time;
  tell("cursor", time, by);
}
