/** One section a group: folded or open, filtered, and its pictures loaded when they come near the screen. */

import { el, put } from "./dom.js";
import { hear } from "./hub.js";
import { change, state, toggle } from "./state.js";
import { Panel } from "./panel.js";
import { count } from "./words.js";

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
  const inside = group.panels.map((panel) => new Panel(panel));
  for (const panel of inside) {
    panels.set(panel.panel.id, panel);
    near.observe(panel.root);
    grown.observe(panel.root);
  }
  const id = `group-${group.id}`.replace(/[^\w-]/g, "_");
  const grid = el("div.grid", { id: `${id}-grid` }, ...inside.map(({ root }) => root));
  const button = el("button", {
    type: "button", "aria-controls": grid.id, onclick: () => toggle("closed", group.id, !state.closed.has(group.id)),
  }, el("span.arrow", { "aria-hidden": "true" }), el("span", { text: group.title }));
  const more = el("button.more", { type: "button", onclick: () => change({ hidden: new Set([...state.hidden].filter((name) => !group.panels.some((p) => p.id === name))) }) });
  const root = el("section", { id, tabindex: "-1", "aria-label": group.title }, el("h2", {}, button, more), grid);
  const link = el("a", { href: `#${id}`, text: group.title, onclick: (event) => { event.preventDefault(); goTo(group.id, root); } });
  return { group, inside, root, grid, button, more, link };
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
  for (const { group, inside, root, grid, button, more, link } of groups) {
    const closed = state.closed.has(group.id) && !words.length;
    let left = 0, hidden = 0;
    for (const { panel, root: one } of inside) {
      const away = state.hidden.has(panel.id), fits = matches(panel, group, words);
      one.hidden = away || !fits;
      one.classList.toggle("large", state.large.has(panel.id));
      left += Number(!one.hidden);
      hidden += Number(away);
    }
    any ||= left > 0;
    grid.hidden = closed;
    root.hidden = link.hidden = left === 0 && (words.length > 0 || hidden === 0);
    button.setAttribute("aria-expanded", String(!closed));
    more.hidden = hidden === 0;
    more.textContent = `${count(hidden, "picture")} hidden: show`;
  }
  const nothing = document.getElementById("nothing");
  if (nothing) nothing.hidden = any || !words.length;
}

function matches(panel, group, words) {
  const all = [panel.title, group.title, ...panel.series.flatMap(({ label, field, station }) => [label, field, station])].join(" ").toLowerCase();
  return words.every((word) => all.includes(word));
}

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
  if (["closed", "hidden", "large", "find"].some((name) => name in what)) arrange();
  if ("zone" in what) restyle();
  if ("flags" in what) { restyle(); refresh(); }
});
hear("view", (view, changed, quietly) => refresh(changed, quietly));
