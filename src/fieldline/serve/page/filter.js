/** What the words of the filter leave: pictures, and of a picture with many stations or tables the series that are meant. */

import { tableOf } from "./data.js";

const LOSE = new Set(["lines", "diagnostics", "flags", "missing", "profile", "depth"]); // kinds that can be drawn with fewer series
const LONG = 3; // letters from which on a word may be a part of a table's name

/** The word of the filter for one table and no other. */
export const wordOf = (table) => `table:${tableOf(table).replace(/\s/g, encodeURIComponent)}`;

/** The words of a filter. */
export const wordsOf = (find) => find.toLowerCase().split(/\s+/).filter(Boolean);

/** The series of a picture that it shows by some words; none: it is not meant. */
export function kept(panel, group, words) {
  const some = meant(panel, group, words);
  return some.length && !LOSE.has(panel.kind) ? panel.series : some;
}

/** The tables ("bucket/measurement/station") of all pictures that the words leave; null: of all, or of none. */
export function tablesLeft(layout, words) {
  if (!words.length) return null;
  const left = layout.groups.flatMap((group) => group.panels.flatMap((panel) => meant(panel, group, words).map(tableOf)));
  return left.length ? new Set(left) : null;
}

/** A word that stands in the title means all series; one that names some of their tables or stations means these. */
function meant(panel, group, words) {
  const head = `${panel.title} ${group.title}`.toLowerCase();
  let some = panel.series;
  for (const word of words) {
    if (head.includes(word)) continue;
    const there = panel.series.filter((one) => isOf(one, word));
    if (there.length) some = some.filter((one) => there.includes(one) || has(one, word));
    else if (!panel.series.some((one) => has(one, word))) return [];
  }
  return some;
}

function isOf(one, word) {
  if (word.startsWith("table:")) return wordOf(one).toLowerCase() === word;
  return [one.bucket, one.measurement, one.station ?? ""].some((name) => {
    const text = name.toLowerCase();
    return text === word || (word.length >= LONG && text.includes(word));
  });
}

const has = ({ label, field, station }, word) => `${label} ${field} ${station ?? ""}`.toLowerCase().includes(word);
