/** The strip at the top: how each table is, in colour and in words. */

import { el, put } from "./dom.js";
import { apart, dateOf, momentOf, span } from "./clock.js";
import { wordOf } from "./filter.js";
import { tableOf, upTo } from "./data.js";
import { change, look, now, state as chosen, view } from "./state.js";
import { count, number } from "./words.js";

const STATES = { good: "on time", late: "late", silent: "silent", ahead: "ahead of the clock", unknown: "interval not known", empty: "no rows yet" };
const MANY = 24; // cards that can be taken in at a look; of more tables only those that want one
const WORST = ["silent", "late", "ahead", "empty", "unknown", "good"];
let newest = null;

/** Show an answer of /api/status. @param {Set<string>|null} left the tables that the filter leaves; null: all */
export function show(node, status, left) {
  newest = status;
  const { tables, run } = status, focused = document.activeElement?.closest?.(".card")?.dataset.table;
  const some = left ? tables.filter((one) => left.has(tableOf(one))) : tables;
  if (!tables.length) put(node, el("p.notice", { text: "No table has rows yet." }));
  else if (tables.length <= MANY) put(node, ...some.map(card), run ? runCard(run) : null);
  else {
    const first = worstFirst(left ? some : tables.filter(({ state }) => state !== "good"));
    put(node, sumCard(tables, first.length), run ? runCard(run) : null, ...first.slice(0, MANY).map(card));
  }
  for (const words of crowds(tables)) node.append(el("p.notice.crowd", { text: words }));
  if (focused) [...node.querySelectorAll(".card")].find(({ dataset }) => dataset.table === focused)?.querySelector("button")?.focus();
}

/** A word for each table with so many series that some are left out. */
function crowds(tables) {
  const some = new Map();
  for (const one of tables.filter(({ left_out }) => left_out)) {
    const name = `${one.bucket}/${one.measurement}`, { n } = some.get(name) ?? { n: 0 };
    some.set(name, { n: n + 1, one });
  }
  return [...some.values()].map(({ n, one }) => `${one.measurement} has ${(n + one.left_out).toLocaleString("en-US")} series, one for each combination of tags; the page shows ${n}: those with rows of the last day first, then by name. Queries and exports have all.`);
}

const worstFirst = (tables) => [...tables].sort((a, b) => WORST.indexOf(a.state) - WORST.indexOf(b.state));

/** How many tables are how. @param {number} some how many have a reason to be shown */
function sumCard(tables, some) {
  const counts = WORST.map((name) => [name, tables.filter((one) => one.state === name).length]).filter(([, n]) => n);
  return el("div.card.sum", { role: "group", "aria-label": "all tables", "data-state": counts[0]?.[0] ?? "unknown" },
    el("div.name", {}, el("span.lamp", { "aria-hidden": "true" }), el("strong", { text: count(tables.length, "table") })),
    ...counts.map(([name, n]) => el("div.state", { "data-state": name }, el("span.word", { text: `${n.toLocaleString("en-US")} ${STATES[name]}` }))),
    el("div.soft", { text: `${some > MANY ? `the worst ${MANY} are shown; ` : ""}the filter finds a table` }));
}

/** Of the tables that the filter leaves, the one with the newest row; null: none has any. */
export function newestOf(status, left) {
  const some = status.tables.filter((one) => one.newest !== null && (!left || left.has(tableOf(one))));
  return some.reduce((best, one) => (best === null || one.newest > best.newest ? one : best), null);
}

/** The ages move on between two answers. */
export function age(node) {
  if (!newest) return;
  node.querySelectorAll("[data-newest]").forEach((one) => { one.textContent = ago(Number(one.dataset.newest)); });
}

const ago = (time) => (now() - time < 1500 ? "just now" : `${span(now() - time)} ago`);

/** One table alone, where it has rows; or all again. */
function press(table, alone) {
  change({ find: alone ? "" : wordOf(table) });
  const there = table.newest === null || (table.newest >= view.start && (view.live || table.newest <= view.end));
  if (!alone && !there) look(upTo(table.newest, 1000 * (table.interval_s ?? 0)));
}

function card(table) {
  const { measurement, bucket, state, battery } = table, station = table.called;
  const came = table.newest !== null && table.newest !== undefined;
  const name = [measurement, station].filter(Boolean).join(" "), word = wordOf(table), alone = chosen.find === word;
  const title = [[bucket, measurement, station].filter(Boolean).join(" / "), table.words, alone ? "Press to see all tables again" : "Press to see this table alone"].filter(Boolean).join("\n");
  return el("div.card.table", { role: "group", "aria-label": name, "data-state": state, "data-table": tableOf(table), onclick: () => press(table, alone) },
    el("button.name", { type: "button", title, "aria-pressed": String(alone) }, el("span.lamp", { "aria-hidden": "true" }), el("strong", { text: measurement }), station ? el("span.soft", { text: station }) : null),
    el("div.state", {}, el("span.word", { text: STATES[state] ?? state }),
      came ? el("span.age", { "data-newest": table.newest, title: momentOf(table.newest), text: ago(table.newest) }) : null),
    el("div.soft", {}, [
      table.interval_s ? `every ${apart(Math.round(table.interval_s * 1e6) / 1000)}` : null, count(table.rows_today ?? 0, "row") + " today"].filter(Boolean).join(" · ")),
    battery === null || battery === undefined ? null : el("div.battery", { "data-state": table.battery_state ?? "good" }, `battery ${number(battery, 1)} V${table.battery_state && table.battery_state !== "good" ? `, ${table.battery_state}` : ""}`));
}

/** A message with the names of files only; the tip has their folders. */
const withoutFolders = (text) => text.replace(/(^|[\s'"(])(?:[A-Za-z]:)?[\\/][^\s:]*[\\/]/g, "$1");

function runCard(run) {
  const good = /^(done|running)/.test(run.status) && !run.quarantined_today, [first, ...more] = run.troubles ?? [];
  const failed = !/^(done|running)/.test(run.status);
  return el(failed ? "div.card.failed" : "div.card", { role: "group", "aria-label": "last run", "data-state": good ? "good" : failed ? "silent" : "late" },
    el("div.name", {}, el("span.lamp", { "aria-hidden": "true" }), el("strong", { text: "last run" })),
    el("div.state", {}, el("span.word", { text: String(run.status ?? "unknown") }), run.ended ? el("span.age", { "data-newest": run.ended, title: momentOf(run.ended), text: ago(run.ended) }) : null),
    el("div.soft", { text: run.quarantined_today ? `${count(run.quarantined_today, "row")} set aside today` : "no row set aside today" }),
    first ? el("p.trouble", { tabindex: "0", title: run.troubles.join("\n"), text: withoutFolders(first) + (more.length ? ` (and ${count(more.length, "job")} more)` : "") })
      : failed ? el("p.trouble", { text: "`fieldline status` and the log in the home folder say why" }) : null);
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
