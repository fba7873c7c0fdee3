/** Depth and time: one row a depth, coloured by the mean of the sensors there. */

import { ask } from "../api.js";
import { momentOf } from "../clock.js";
import { fieldOf, intervalOf, nearest, onlyGood } from "../data.js";
import { colour } from "../look.js";
import { el } from "../dom.js";
import { number, unit } from "../words.js";
import { inkBetween, scaleBar, spread } from "./heat.js";
import { LEFT } from "./frame.js";
import { timeline } from "./timeline.js";

/** Make the picture in `box`. */
export function make(box, panel) {
  const decimals = fieldOf(panel.series[0]).decimals ?? 1, in_ = unit(panel.unit ?? "");
  const bar = scaleBar();
  const step = intervalOf(panel.series[0]) || 1_800_000;
  let got = null, range = null;
  const picture = timeline(box, {
    head: [bar.root], left: LEFT, tall: 26, label: panel.description || panel.title,
    rows: () => (got ? got.depths.map((depth) => (depth < 1 ? `${+(depth * 100).toFixed(1)} cm` : `${depth} m`)) : []),
    draw(pen, x, row, y, height) {
      pen.fillStyle = colour("well");
      pen.fillRect(0, y, 5000, height);
      const { time, every_ms: every } = got, ink = inkBetween(range);
      got.values[row].forEach((value, i) => {
        if (value === null) return;
        const [from, to] = every ? [time[i], time[i] + every] : [Math.max(time[i] - step, time[i - 1] ?? -Infinity), time[i]]; // a row stands at its end
        pen.fillStyle = `rgb(${ink(value).join(" ")})`;
        pen.fillRect(x(from), y, x(to) - x(from) + 0.5, height - 1);
      });
    },
    words(time, row) {
      const place = got ? nearest(got.time, time - got.every_ms / 2) : -1;
      return place < 0 ? "" : `${momentOf(got.time[place])}: ${number(got.values[row][place], decimals)} ${in_}`;
    },
  });
  return {
    ...picture,
    async load(view, signal) {
      const { bucket, measurement, station } = panel.series[0];
      const answer = await ask("/api/soil", {
        bucket, measurement, station, field: panel.series.map(({ field }) => field), start: Math.floor(view.start), end: Math.ceil(view.end), points: Math.max(50, Math.round(picture.wide() / 2) || 400),
        good: onlyGood(),
      }, signal);
      range = spread(answer.values);
      got = range && answer;
      if (got) {
        bar.fill(range, decimals, in_);
        picture.draw();
      }
      return { empty: !got, newest: answer.newest, words: got ? `${panel.title}: ${got.depths.length} depths, from ${number(range[0], decimals)} to ${number(range[1], decimals)} ${in_}.` : panel.title };
    },
  };
}
