/** The row of buttons: range, clock, flags, colours, filter, link. */

import { el, put, say } from "./dom.js";
import { dateOf, clockOf, dayOf, fromShown, inputOf, stationName, yearOf, zoneName } from "./clock.js";
import { hear } from "./hub.js";
import { isDark } from "./look.js";
import { back, change, look, now, RANGES, shift, state, view, write, zoom } from "./state.js";

/** Build it into `node`. */
export function build(node) {
  const ranges = el("div.buttons", { role: "group", "aria-label": "Range" }, ...RANGES.map(([name, words]) => button(words, () => look({ last: name }), { "data-range": name, "aria-label": `last ${words}` })));
  const steps = el("div.buttons", { role: "group", "aria-label": "Move" },
    button("‹", () => shift(-0.5), { "aria-label": "earlier" }), button("›", () => shift(0.5), { "aria-label": "later" }),
    button("+", () => zoom(0.5), { "aria-label": "zoom in" }), button("−", () => zoom(2), { "aria-label": "zoom out" }), button("↶", back, { "aria-label": "back to the range before" }));
  const span = el("span"), own = custom(span);
  const find = el("input.find", { type: "search", placeholder: "Filter", "aria-label": "Show only pictures with these words", value: state.find, oninput: () => change({ find: find.value }) });
  const flags = el("select", { "aria-label": "Flags", onchange: () => change({ flags: flags.value }) },
    ...[["mark", "Mark bad values"], ["hide", "Hide bad values"], ["none", "Do not mark"]].map(([value, text]) => el("option", { value, text })));
  const zone = el("div.buttons", { role: "group", "aria-label": "Clock", id: "zone" },
    button("Station", () => change({ zone: "station" }), { "data-zone": "station" }), button("UTC", () => change({ zone: "utc" }), { "data-zone": "utc" }));
  const theme = button("", () => change({ theme: isDark() ? "light" : "dark" }), { id: "theme" });
  const link = links();
  put(node, ranges, steps, own, find, flags, zone, theme, link);

  const fill = () => {
    for (const one of ranges.children) one.setAttribute("aria-pressed", String(view.live && one.dataset.range === state.last));
    span.textContent = rangeWords();
    own.firstChild.setAttribute("aria-label", `${span.textContent}: choose a range`);
    flags.value = state.flags;
    if (document.activeElement !== find) find.value = state.find;
    for (const one of zone.children) one.setAttribute("aria-pressed", String(one.dataset.zone === state.zone));
    zone.firstChild.title = `The station's clock, ${stationName()}`;
    theme.textContent = isDark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", isDark() ? "Light colours" : "Dark colours");
  };
  for (const topic of ["state", "view", "look"]) hear(topic, fill);
  fill();
}

function button(text, onclick, traits = {}) { return el("button", { type: "button", text, onclick, ...traits }); }

function rangeWords() {
  const { start, end } = view;
  const same = dateOf(start) === dateOf(end), long = end - start > 40 * 86_400_000;
  if (long) return `${dateOf(start)} – ${dateOf(end)}`;
  const day = yearOf(start) === yearOf(now()) && yearOf(end) === yearOf(now()) ? dayOf : dateOf; // this year goes without saying
  return `${day(start)} ${clockOf(start, false)} – ${same ? "" : `${day(end)} `}${clockOf(end, false)}`;
}

function custom(span) {
  const from = el("input", { type: "datetime-local", required: true }), to = el("input", { type: "datetime-local", required: true });
  const wrong = el("p.wrong", { role: "alert" });
  const form = el("form", { onsubmit: (event) => {
    event.preventDefault();
    const range = { from: timeOf(from.value), to: timeOf(to.value) };
    wrong.textContent = range.from < range.to ? "" : "The end must be after the start.";
    if (range.from < range.to) { box.open = false; look(range); }
  } }, el("label", {}, "From", from), el("label", {}, "To", to), el("p.soft.zonewords"), wrong, el("button.main", { type: "submit", text: "Show" }));
  const box = el("details.menu.custom", {
    ontoggle: () => { if (box.open) { from.value = inputOf(view.start); to.value = inputOf(view.end); form.querySelector(".zonewords").textContent = `Times are ${zoneName()}.`; } },
    onkeydown: (event) => { if (event.key === "Escape") { box.open = false; box.firstChild.focus(); } },
  }, el("summary", { title: "Choose a range" }, span), el("div.list", {}, form));
  return box;
}

const timeOf = (text) => fromShown(Date.parse(`${text}Z`));

/** Links to this view. A range that ends now can stay one, or be held as it is seen now, so that it shows the same rows later. */
function links() {
  const list = el("div.list");
  const fill = () => put(list,
    !view.live ? null : button(`The last ${RANGES.find(([name]) => name === state.last)[1]}, as time goes on`, () => copy({ ...state, chosen: true }), { "data-link": "moving" }),
    button("This range", () => copy({ ...state, last: null, from: Math.round(view.start), to: Math.round(view.end) }), { "data-link": "fixed" }));
  const box = el("details.menu.links", {
    ontoggle: () => {
      box.classList.toggle("first", box.getBoundingClientRect().left < 230); // no room for its list on the left
      if (box.open) fill();
    },
    onkeydown: (event) => { if (event.key === "Escape") { box.open = false; box.firstChild.focus(); } },
    onfocusout: (event) => { if (!box.contains(event.relatedTarget)) box.open = false; },
  }, el("summary", { id: "link", title: "A link that shows this view", text: "Link" }), list);
  list.addEventListener("click", () => { box.open = false; });
  return box;
}

async function copy(shown) {
  try {
    await navigator.clipboard.writeText(new URL(write(shown), location.href).href);
    said("Copied");
  } catch {
    said("Copy the address of this page"); // without https a browser keeps the clipboard to itself
  }
}

function said(words) {
  say(words);
  const node = document.getElementById("link");
  node.textContent = words;
  setTimeout(() => { node.textContent = "Link"; }, 2500);
}
