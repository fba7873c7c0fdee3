/** A balance: what should be equal, as two lines, and how far it closes. */

import { keyOf, load } from "../data.js";
import { number } from "../words.js";
import * as lines from "./lines.js";

// what each side is made of, by the variables of AmeriFlux; a minus is taken away
const SIDES = {
  radiation: () => [["Incoming − outgoing", { SW_IN: 1, LW_IN: 1, SW_OUT: -1, LW_OUT: -1 }, "#c58300"], ["Net radiation", { NETRAD: 1 }, "#2f80c8"]],
  energy: (variables) => [[`Net radiation${variables.has("G") ? " − soil heat flux" : ""}`, { NETRAD: 1, G: -1 }, "#2f80c8"], ["H + LE", { H: 1, LE: 1 }, "#d6322d"]],
};

/** Make the picture in `box`. */
export function make(box, panel) {
  const variables = new Map(panel.series.map((one) => [variableOf(one), one]));
  const kind = variables.has("H") || variables.has("LE") ? "energy" : "radiation";
  const sides = SIDES[kind](variables).map(([label, parts, colour]) => ({
    ...panel.series[0], field: label, label, colour, parts: Object.entries(parts).filter(([name]) => variables.has(name)).map(([name, sign]) => [keyOf(variables.get(name)), sign]),
  }));
  return lines.make(box, { ...panel, series: sides }, {
    async load(range, points, signal) {
      const table = await load([...variables.values()], range, points, signal);
      const { inside } = table.columns.values().next().value;
      const columns = new Map(sides.map((side) => [keyOf(side), { mean: table.time.map((_, i) => sum(side.parts, table.columns, i)), inside }]));
      return { ...table, columns };
    },
    how(table) {
      const [expected, found] = sides.map((side) => table.columns.get(keyOf(side))).map(({ mean, inside }) => mean.slice(...inside));
      let top = 0, all = 0;
      expected.forEach((value, i) => { if (value != null && found[i] != null) { all += value; top += found[i]; } });
      return all > 0 ? `${sides[1].label} is ${number((100 * top) / all, 0)} % of ${sides[0].label.toLowerCase()}` : "";
    },
  });
}

/** The variable of a series: as the layout says, or the beginning of its field's name. */
function variableOf(one) {
  return one.variable ?? ["SW_IN", "SW_OUT", "LW_IN", "LW_OUT", "NETRAD", "LE", "H", "G"].find((name) => one.field.startsWith(name)) ?? one.field;
}

function sum(parts, columns, i) {
  let total = 0;
  for (const [key, sign] of parts) {
    const value = columns.get(key).mean[i];
    if (value === null || value === undefined) return null;
    total += sign * value;
  }
  return parts.length ? total : null;
}
