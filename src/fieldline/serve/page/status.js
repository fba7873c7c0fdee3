/** The strip at the top: how each table is, in colour and in words. */

import { el, put } from "./dom.js";
import { dateOf, momentOf, span } from "./clock.js";
import { hear } from "./hub.js";
import { now, state as chosen } from "./state.js";
import { count, number } from "./words.js";

const STATES = { good: "on time", late: "late", silent: "silent", ahead: "ahead of the clock", unknown: "interval not known", empty: "no rows yet" };
const MANY = 24; // cards that can be taken in at a look; of more tables only those that want one
const WORST = ["silent", "late", "ahead", "empty", "unknown", "good"];
let newest = null, strip = null;

/** Show an answer of /api/status. */
export function show(node, status) {
  newest = status;
  strip = node;
  const { tables, run } = status;
  if (!tables.length) put(node, el("p.notice", { text: "No table has rows yet." }));
  else if (tables.length <= MANY) put(node, ...tables.map(card), run ? runCard(run) : null);
  else {
    const some = chosenOf(tables);
    put(node, sumCard(tables, some.length), run ? runCard(run) : null, ...some.slice(0, MANY).map(card));
  }
}

/** Of many tables: those that the filter names, else those that are not on time; the worst first. */
function chosenOf(tables) {
  const words = chosen.find.toLowerCase().split(/\s+/).filter(Boolean);
  const named = tables.filter(({ bucket, measurement, station }) => {
    const text = `${bucket} ${measurement} ${station ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const some = words.length && named.length ? named : tables.filter(({ state }) => state !== "good");
  return [...some].sort((a, b) => WORST.indexOf(a.state) - WORST.indexOf(b.state));
}

/** How many tables are how. @param {number} some how many have a reason to be shown */
function sumCard(tables, some) {
  const counts = WORST.map((name) => [name, tables.filter((one) => one.state === name).length]).filter(([, n]) => n);
  return el("div.card.sum", { role: "group", "aria-label": "all tables", "data-state": counts[0]?.[0] ?? "unknown" },
    el("div.name", {}, el("span.lamp", { "aria-hidden": "true" }), el("strong", { text: count(tables.length, "table") })),
    ...counts.map(([name, n]) => el("div.state", { "data-state": name }, el("span.word", { text: `${n.toLocaleString("en-US")} ${STATES[name]}` }))),
    el("div.soft", { text: `${some > MANY ? `the worst ${MANY} are shown; ` : ""}the filter finds a table` }));
}

hear("state", (what) => { if ("find" in what && newest && newest.tables.length > MANY) show(strip, newest); });

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
  return el("div.card", { role: "group", "aria-label": [measurement, station].filter(Boolean).join(" "), "data-state": state, "data-table": `${bucket}/${measurement}/${station ?? ""}` },
    el("div.name", { title: [[bucket, measurement, station].filter(Boolean).join(" / "), table.words].filter(Boolean).join("\n") }, el("span.lamp", { "aria-hidden": "true" }), el("strong", { text: measurement }), station ? el("span.soft", { text: station }) : null),
    el("div.state", {}, el("span.word", { text: STATES[state] ?? state }),
      came ? el("span.age", { "data-newest": table.newest, title: momentOf(table.newest), text: ago(table.newest) }) : null),
    el("div.soft", {}, [
      table.interval_s ? `every ${span(table.interval_s * 1000)}` : null, count(table.rows_today ?? 0, "row") + " today"].filter(Boolean).join(" · ")),
    battery === null || battery === undefined ? null : el("div.battery", { "data-state": table.battery_state ?? "good" }, `battery ${number(battery, 1)} V${table.battery_state && table.battery_state !== "good" ? `, ${table.battery_state}` : ""}`));
}

function runCard(run) {
  const good = /^(done|running)/.test(run.status) && !run.quarantined_today;
  return el("div.card", { role: "group", "aria-label": "last run", "data-state": good ? "good" : "late" },
    el("div.name", {}, el("span.lamp", { "aria-hidden": "true" }), el("strong", { text: "last run" })),
    el("div.state", {}, el("span.word", { text: String(run.status ?? "unknown") }), run.ended ? el("span.age", { "data-newest": run.ended, title: momentOf(run.ended), text: ago(run.ended) }) : null),
    el("div.soft", { text: run.quarantined_today ? `${count(run.quarantined_today, "row")} set aside today` : "no row set aside today" }));
}

/** The title of the browser's tab. */
export function title(layout) {
  return [stations(layout), "fieldline"].filter(Boolean).join(" · ") || dateOf(now());
}

/** The names of the stations, or how many there are. */
export function stations(layout) {
  const names = layout.stations?.filter(Boolean) ?? [];
  return names.length > 6 ? count(names.length, "station") : names.join(", ");
}
