/** How many of the rows of each day came, one row a table. */

import { ask } from "../api.js";
import { dateOf } from "../clock.js";
import { el } from "../dom.js";
import { colour } from "../look.js";
import { number } from "../words.js";
import { timeline } from "./timeline.js";

const DAY = 86_400_000, FEWEST = 30, MOST = 1096;

/** Make the picture in `box`. */
export function make(box, panel) {
  let tables = [], range = { start: 0, end: 1 };
  const legend = el("ul.legend.shares", {}, ...[["all", "all"], ["most", "over 90 %"], ["some", "less"], ["none", "none"]].map(([share, text]) => el("li", {}, el("span.swatch", { "data-share": share, "aria-hidden": "true" }), text)));
  const picture = timeline(box, {
    head: [legend], left: 150, tall: 20, range: () => range, label: panel.description || panel.title,
    rows: () => tables.map(({ label }) => label),
    draw(pen, x, row, y, height) {
      const { days, shares } = tables[row];
      days.forEach((day, i) => {
        if (shares[i] === null) return;
        pen.fillStyle = colour(inkOf(shares[i]));
        pen.fillRect(x(day) + 0.5, y + 2, Math.max(x(day + DAY) - x(day) - 1, 0.5), height - 4);
      });
    },
    words(time, row) {
      const { days, shares, label } = tables[row], place = days.findLastIndex((day) => day <= time);
      if (place < 0 || time - days[place] > DAY || shares[place] === null) return "";
      return `${label}, ${dateOf(days[place] + DAY / 2)}: ${number(100 * shares[place], 1)} % of the rows`;
    },
  });
  return {
    ...picture,
    async load(view, signal) {
      const end = Math.ceil(view.end), start = Math.floor(Math.max(Math.min(view.start, end - FEWEST * DAY), end - MOST * DAY));
      const answers = await Promise.all(panel.series.map(async ({ bucket, measurement, station, label }) => {
        const answer = await ask("/api/missing", { bucket, measurement, station, start, end }, signal);
        return { label, days: answer.days, shares: answer.share };
      }));
      range = { start, end };
      tables = answers;
      picture.draw();
      const known = tables.flatMap(({ shares }) => shares).filter((share) => share !== null);
      const mean = known.reduce((sum, share) => sum + share, 0) / known.length;
      return { empty: !tables.length, how: known.length ? `${number(100 * mean, 1)} % of all rows` : "", words: tables.map(({ label, shares }) => `${label}: ${shares.filter((s) => s !== null && s < 0.995).length} days not complete`).join("; ") };
    },
  };
}

function inkOf(share) {
  return share >= 0.995 ? "share-all" : share >= 0.9 ? "share-most" : share > 0 ? "share-some" : "share-none";
}
