/** What the checks said: one row a field, a piece for each run of one flag. */

import { ask } from "../api.js";
import { momentOf } from "../clock.js";
import { byTable, intervalOf, keyOf } from "../data.js";
import { el } from "../dom.js";
import { colour } from "../look.js";
import { count, FLAGS } from "../words.js";
import { timeline } from "./timeline.js";

const INK = { 1: "flag-good", 2: "well", 3: "suspect", 4: "fail", 9: "missing" };

/** Make the picture in `box`. */
export function make(box, panel) {
  let runs = new Map();
  const legend = el("ul.legend.flags", {}, ...Object.entries(FLAGS).map(([flag, text]) => el("li", {}, el("span.swatch", { "data-flag": flag, "aria-hidden": "true" }), text)));
  const picture = timeline(box, {
    head: [legend], left: 150, tall: 15, label: panel.description || panel.title,
    rows: () => panel.series.map((one) => one.name ?? one.field),
    draw(pen, x, row, y, height) {
      pen.fillStyle = colour("well");
      const step = intervalOf(panel.series[row]); // a row stands at the end of its time
      for (const [start, end, flag] of ordered(runs.get(keyOf(panel.series[row])) ?? [])) {
        pen.fillStyle = colour(INK[flag] ?? "well");
        pen.fillRect(x(start - step), y + 2, Math.max(x(end) - x(start - step), flag > 2 ? 1.5 : 0.5), height - 4);
      }
    },
    words(time, row) {
      const found = (runs.get(keyOf(panel.series[row])) ?? []).find(([start, end]) => start - intervalOf(panel.series[row]) <= time && time <= end);
      if (!found) return `${panel.series[row].field}: no rows at ${momentOf(time)}`;
      const [start, end, flag, checks = []] = found;
      return `${panel.series[row].field}: ${FLAGS[flag] ?? flag}${checks.length ? ` (${checks.join(", ")})` : ""}, ${momentOf(start)} to ${momentOf(end)}`;
    },
  });
  return {
    ...picture,
    async load(view, signal) {
      let newest = null;
      const answers = await Promise.all(byTable(panel.series).map(async (some) => {
        const { bucket, measurement, station } = some[0];
        const { fields, newest: last } = await ask("/api/flags", {
          bucket, measurement, station, field: some.map(({ field }) => field), start: Math.floor(view.start), end: Math.ceil(view.end), points: 2000,
        }, signal);
        newest = Math.max(newest, last) || null;
        return some.map((one) => [keyOf(one), fields[one.field] ?? []]);
      }));
      runs = new Map(answers.flat());
      picture.draw();
      const wrong = [...runs].map(([key, all]) => [key, all.filter(([, , flag]) => flag === 3 || flag === 4).length]);
      const some = wrong.reduce((n, [, bad]) => n + bad, 0);
      return {
        empty: [...runs.values()].every((all) => !all.length), newest, how: some ? `${count(some, "run")} of suspect or failed values` : "nothing suspect",
        words: `${panel.title}: ${some ? wrong.filter(([, n]) => n).map(([key, n]) => `${key.split("/").at(-1)} ${n}`).join(", ") : "nothing suspect"}.`,
      };
    },
  };
}

/** The worst last, so that it lies on top. */
function ordered(runs) {
  const weight = (flag) => ({ 1: 0, 2: 1, 9: 2, 3: 3, 4: 4 })[flag] ?? 0;
  return [...runs].sort((a, b) => weight(a[2]) - weight(b[2]));
}
