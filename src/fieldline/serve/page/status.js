/** The strip at the top: how each table is, in colour and in words. */

import { el, put } from "./dom.js";
import { dateOf, momentOf, span } from "./clock.js";
import { now } from "./state.js";
import { count, number } from "./words.js";

const STATES = { good: "on time", late: "late", silent: "silent", ahead: "ahead of the clock", unknown: "interval not known", empty: "no rows yet" };
let newest = null;

/** Show an answer of /api/status. */
export function show(node, status) {
  newest = status;
  put(node, ...status.tables.map(card), status.run ? runCard(status.run) : null);
  if (!status.tables.length) put(node, el("p.notice", { text: "No table has rows yet." }));
}

/** When the newest row of all tables came [ms]; null: none came yet. */
export function newestOf(status) {
  const times = status.tables.map((table) => table.newest).filter((time) => time !== null);
  return times.length ? Math.max(...times) : null;
}

/** The ages move on between two answers. */
export function age(node) {
  if (!newest) return;
  node.querySelectorAll("[data-newest]").forEach((one) => { one.textContent = ago(Number(one.dataset.newest)); });
}

const ago = (time) => (now() - time < 1500 ? "just now" : `${span(now() - time)} ago`);

function card(table) {
  const { measurement, station, bucket, state, battery } = table;
  const came = table.newest !== null && table.newest !== undefined;
  return el("div.card", { "data-state": state, "data-table": `${bucket}/${measurement}/${station ?? ""}` },
    el("div.name", { title: [[bucket, measurement, station].filter(Boolean).join(" / "), table.words].filter(Boolean).join("\n") }, el("span.lamp", { "aria-hidden": "true" }), el("strong", { text: measurement }), station ? el("span.soft", { text: station }) : null),
    el("div.state", {}, el("span.word", { text: STATES[state] ?? state }),
      came ? el("span.age", { "data-newest": table.newest, title: momentOf(table.newest), text: ago(table.newest) }) : null),
    el("div.soft", {}, [
      table.interval_s ? `every ${span(table.interval_s * 1000)}` : null, count(table.rows_today ?? 0, "row") + " today"].filter(Boolean).join(" · ")),
    battery === null || battery === undefined ? null : el("div.battery", { "data-state": table.battery_state ?? "good" }, `battery ${number(battery, 1)} V${table.battery_state && table.battery_state !== "good" ? `, ${table.battery_state}` : ""}`));
}

function runCard(run) {
  const good = /^(done|running)/.test(run.status) && !run.quarantined_today;
  return el("div.card", { "data-state": good ? "good" : "late" },
    el("div.name", {}, el("span.lamp", { "aria-hidden": "true" }), el("strong", { text: "last run" })),
    el("div.state", {}, el("span.word", { text: String(run.status ?? "unknown") }), run.ended ? el("span.age", { "data-newest": run.ended, title: momentOf(run.ended), text: ago(run.ended) }) : null),
    el("div.soft", { text: run.quarantined_today ? `${count(run.quarantined_today, "row")} set aside today` : "no row set aside today" }));
}

/** The title of the browser's tab. */
export function title(layout) {
  return [layout.stations?.filter(Boolean).join(", "), "fieldline"].filter(Boolean).join(" · ") || dateOf(now());
}
