/** One section a group: folded or open, filtered, and its pictures loaded when they come near the screen. */

import { chosenIn } from "./data.js";
import { el, put } from "./dom.js";
import { hear } from "./hub.js";
import { change, state, toggle } from "./state.js";
import { Panel } from "./panel.js";
import { count } from "./words.js";

const FIRST = 48; // pictures of a group that stand on the page; a network of a thousand stations has more, each at a press

const panels = new Map();
let groups = [];

const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) panels.get(target.dataset.panel)?.show(isIntersecting);
}, { rootMargin: "160px 0px" });

const grown = new ResizeObserver((entries) => {
  for (const { target } of entries) panels.get(target.dataset.panel)?.picture?.resize?.();
});

/** Build all sections into `main`. */
export function build(main, layout) {
  for (const panel of panels.values()) panel.close();
  panels.clear();
  groups = layout.groups.map((group) => section(group));
  put(main, ...groups.map(({ root }) => root), el("p.notice", { id: "nothing", hidden: true, text: "No picture has these words in its title or its fields." }));
  put(document.getElementById("groups"), ...groups.map(({ link }) => link));
  arrange();
  // what is on the screen is asked for now, not after the first frame
  for (const panel of panels.values()) if (!panel.root.hidden && panel.root.getBoundingClientRect().top < innerHeight) panel.show(true);
}

function section(group) {
  const inside = [...group.panels, ...chosenIn(group)].map((panel) => itemOf(panel, group));
  const id = `group-${group.id}`.replace(/[^\w-]/g, "_");
  const grid = el("div.grid", { id: `${id}-grid` });
  const button = el("button", {
    type: "button", "aria-controls": grid.id, onclick: () => toggle("closed", group.id, !state.closed.has(group.id)),
  }, el("span.arrow", { "aria-hidden": "true" }), el("span", { text: group.title }));
  const more = el("button.more", { type: "button", onclick: () => change({ hidden: new Set([...state.hidden].filter((name) => !group.panels.some((p) => p.id === name))) }) });
  const further = el("button.further", { type: "button", onclick: () => { mine.most += FIRST; arrange(); } });
  const root = el("section", { id, tabindex: "-1", "aria-label": group.title }, el("h2", {}, button, more), grid, further);
  const link = el("a", { href: `#${id}`, text: group.title, onclick: (event) => { event.preventDefault(); goTo(group.id, root); } });
  const mine = { group, inside, root, grid, button, more, further, link, most: FIRST };
  return mine;
}

const itemOf = (panel, group) => ({ panel, text: textOf(panel, group), made: null });

/** Add the pairs that somebody chose, and take away those that nobody wants any more. */
function adopt() {
  for (const { group, inside } of groups) {
    const wanted = chosenIn(group), there = new Set(inside.map(({ panel }) => panel.id));
    for (const item of inside.filter(({ panel }) => panel.description === "chosen" && !state.pairs.has(panel.id))) {
      inside.splice(inside.indexOf(item), 1);
      panels.delete(item.panel.id);
      item.made?.close();
      item.made?.root.remove();
    }
    const more = wanted.filter(({ id }) => !there.has(id)).map((panel) => itemOf(panel, group));
    inside.push(...more);
    arrange();
    more[0]?.made?.root.scrollIntoView({ block: "nearest" });
  }
}

/** The picture of an item, in its place among those that are there. */
function made(item, inside, grid) {
  if (item.made) return item.made;
  item.made = new Panel(item.panel);
  panels.set(item.panel.id, item.made);
  const after = inside.slice(inside.indexOf(item) + 1).find((one) => one.made);
  grid.insertBefore(item.made.root, after?.made.root ?? null);
  near.observe(item.made.root);
  grown.observe(item.made.root);
  return item.made;
}

function goTo(name, root) {
  if (state.closed.has(name)) toggle("closed", name, false);
  root.scrollIntoView({ block: "start" });
  root.focus({ preventScroll: true });
}

/** Show and hide by the state. */
function arrange() {
  const words = state.find.toLowerCase().split(/\s+/).filter(Boolean);
  let any = false;
  for (const one of groups) any = arrangeGroup(one, words) || any;
  const nothing = document.getElementById("nothing");
  if (nothing) nothing.hidden = any || !words.length;
}

/** As `arrange`, one group. @returns {boolean} whether it has a picture to show */
function arrangeGroup({ group, inside, root, grid, button, more, further, link, most }, words) {
  const closed = state.closed.has(group.id) && !words.length;
  let left = 0, hidden = 0;
  for (const item of inside) {
    const { panel, text } = item, away = state.hidden.has(panel.id), shown = !away && words.every((word) => text.includes(word));
    const there = shown && left < most;
    if (there) {
      const one = made(item, inside, grid).root;
      one.hidden = false;
      one.classList.toggle("large", state.large.has(panel.id));
    } else if (item.made) item.made.root.hidden = true;
    left += Number(shown);
    hidden += Number(away);
  }
  grid.hidden = closed;
  root.hidden = link.hidden = left === 0 && (words.length > 0 || hidden === 0);
  button.setAttribute("aria-expanded", String(!closed));
  more.hidden = hidden === 0;
  more.textContent = `${count(hidden, "picture")} hidden: show`;
  further.hidden = closed || left <= most;
  further.textContent = `Show ${Math.min(left - most, FIRST)} more of ${count(left - most, "picture")}`;
  return left > 0;
}

/** What the filter looks at. */
const textOf = (panel, group) => [panel.title, group.title, ...panel.series.flatMap(({ label, field, station }) => [label, field, station])].join(" ").toLowerCase();

/** The name by which the server tells of changes. */
const changing = ({ bucket, measurement }) => `${bucket}/${measurement}`;

/** Load again what shows one of these tables ("bucket/measurement"; null: all), and move the others along. */
function refresh(changed = null, quietly = false) {
  for (const panel of panels.values()) {
    panel.picture?.rescale?.();
    if (changed === null || panel.panel.series.some((one) => changed.has(changing(one)))) panel.refresh(quietly);
  }
}

/** Everything drawn again, in other colours or with another clock. */
function restyle() { for (const panel of panels.values()) panel.picture?.restyle?.(); }

hear("look", restyle);
hear("state", (what) => {
  if ("pairs" in what) adopt();
  if (["closed", "hidden", "large", "find"].some((name) => name in what)) arrange();
  if ("zone" in what) restyle();
  if ("flags" in what) { restyle(); refresh(); }
});
hear("view", (view, changed, quietly) => refresh(changed, quietly));
