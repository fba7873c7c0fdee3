/** Numbers, units and flags as people read them. */

const UP = { 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹", "-": "⁻" };
const PLAIN = new Map(Object.entries({ degc: "°C", "deg c": "°C", celsius: "°C", "deg f": "°F", deg: "°", degrees: "°", volts: "V", percent: "%", 1: "" }));

/** "umol m-2 s-1" and "umol/(m^2 s)" to "µmol m⁻² s⁻¹"; what is not known stays as it is. */
export function unit(words) {
  const plain = PLAIN.get(words.trim().toLowerCase());
  if (plain !== undefined) return plain;
  const [over, under] = words.replace(/\bum(?=ol)/g, "µm").split("/");
  const above = over.trim().split(/\s+/).map(raised);
  const below = under === undefined ? [] : under.replace(/[()]/g, "").trim().split(/\s+/).map((part) => raised(inverse(part)));
  return [...above, ...below].join(" ");
}

function inverse(part) {
  const found = /^(.*?)\^?(\d*)$/.exec(part);
  return `${found[1]}-${found[2] || 1}`;
}

function raised(part) {
  const found = /^([A-Za-zµ°%]+)\^?(-?\d+)$/.exec(part);
  return found ? found[1] + [...found[2]].map((c) => UP[c]).join("") : part;
}

/** A number with so many decimals, and a real minus; very large and very small ones as powers of ten. */
export function number(value, decimals = 2) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e7 || (size > 0 && size < 0.5 * 10 ** -Math.max(decimals, 6))) {
    const [digits, power] = value.toExponential(2).split("e");
    return `${digits}×10${[...power.replace("+", "")].map((c) => UP[c]).join("")}`.replace(/^-/, "−");
  }
  const text = value.toFixed(Math.min(Math.max(decimals, 0), 6));
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/** Decimals that a step on an axis needs: 1 for 0.5, 2 for 0.25. */
export function decimalsOf(step) {
  for (let decimals = 0; decimals < 8; decimals++) {
    const shown = step * 10 ** decimals;
    if (Math.abs(shown - Math.round(shown)) < 1e-6 * shown) return decimals;
  }
  return step > 0 ? 8 : 0;
}

/** Labels of an axis; where they would be long, as of bytes, so many millions (M), billions (G) or more (T, P). */
export function axisWords(values, step) {
  const size = Math.max(...values.map(Math.abs)), power = size < 1e7 ? 0 : Math.floor(Math.log10(size) / 3);
  if (power > 5) return values.map((value) => number(value, decimalsOf(step)));
  const one = 1000 ** power, decimals = decimalsOf(step / one);
  return values.map((value) => number(value / one, decimals) + (power && value ? ` ${"kMGTP"[power - 1]}` : ""));
}

/** The flags of QARTOD, as this page says them. */
export const FLAGS = { 1: "good", 2: "not evaluated", 3: "suspect", 4: "fail", 9: "missing" };

/** Whether a flag says that a value is not to be trusted. */
export const bad = (flag) => flag === 3 || flag === 4;

/** "1 row", "2,345 rows". */
export function count(n, thing) {
  return `${n.toLocaleString("en-US")} ${thing}${n === 1 ? "" : "s"}`;
}
