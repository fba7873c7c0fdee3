/** The frame of one picture: its title, what can be done with it, and words when there is nothing to see. */

import { addressOf } from "./api.js";
import { byMeasurement, fieldOf, intervalOf, keyOf, pairOf, rangeOf, upTo } from "./data.js";
import { el, put } from "./dom.js";
import { look, state, toggle, view } from "./state.js";
import { momentOf, span } from "./clock.js";
import { now } from "./state.js";
import { save } from "./snapshot.js";
import { unit } from "./words.js";
import * as pictures from "./pictures/all.js";

/** A panel: it loads when it is seen, and again when what it shows has changed. */
export class Panel {
  /** @param {(empty: boolean) => void} heard hears, after each answer, whether there was nothing in the range */
  constructor(panel, heard) {
    this.panel = panel;
    this.heard = heard;
    this.seen = false; // near the screen
    this.stale = true; // asked for nothing yet, or for another range
    this.id = `panel-${panel.id}`.replace(/[^\w-]/g, "_");
    this.body = el("div.body");
    this.note = el("div.note", { hidden: true });
    this.words = el("p.unseen", { id: `${this.id}-words` });
    this.numbers = el("div.numbers", { hidden: true });
    this.root = el("article.panel", { id: this.id, "aria-labelledby": `${this.id}-title`, "data-kind": panel.kind, "data-panel": panel.id, "data-stale": true },
      this.head(), this.body, this.note, this.numbers, this.words);
    this.root.classList.toggle("large", state.large.has(panel.id));
    this.root.classList.toggle("wide", pictures.isWide(panel));
    this.root.classList.toggle("broad", pictures.isBroad(panel));
  }

  head() {
    const { panel } = this;
    this.how = el("span.how");
    return el("header", {},
      el("h3", { id: `${this.id}-title`, title: [panel.title, panel.description].filter(Boolean).join("\n") }, `${panel.title} `,
        panel.unit ? el("span.unit", { text: unit(panel.unit) }) : null),
      this.how, this.menu());
  }

  menu() {
    const list = el("div.list");
    const menu = el("details.menu", {
      ontoggle: () => menu.open && put(list, ...this.deeds()),
      onkeydown: (event) => { if (event.key === "Escape") { menu.open = false; menu.firstChild.focus(); } },
      onfocusout: (event) => { if (!menu.contains(event.relatedTarget)) menu.open = false; },
    }, el("summary", { "aria-label": `What to do with ${this.panel.title}`, text: "⋯" }), list);
    list.addEventListener("click", () => { menu.open = false; });
    return menu;
  }

  deeds() {
    const { panel } = this, large = state.large.has(panel.id);
    const deed = (words, onclick) => el("button", { type: "button", onclick, text: words });
    return [
      ...this.downloads(),
      this.body.hidden ? null : deed("Save as PNG", () => this.snapshot()),
      this.numbers.childElementCount ? deed(this.numbers.hidden ? "Show the numbers" : "Hide the numbers", () => { this.numbers.hidden = !this.numbers.hidden; }) : null,
      deed(large ? "Smaller" : "Larger", () => toggle("large", panel.id, !large)),
      ...this.compare(deed),
      state.pairs.has(panel.id) ? deed("Take this picture away", () => toggle("pairs", panel.id, false)) : deed("Hide this picture", () => toggle("hidden", panel.id, true)),
    ];
  }

  /** Any two series of one picture can be compared. */
  compare(deed) {
    const { kind, series } = this.panel, two = series.filter((one) => !state.off.has(keyOf(one)) && !one.direction);
    if (kind !== "lines" || series.length < 2) return [];
    if (two.length !== 2) return [el("p.said", { text: "to compare two series, leave no other shown" })];
    return [deed(`Compare ${two[0].label} and ${two[1].label}`, () => toggle("pairs", pairOf(...two), true))];
  }

  /** What is shown: the range of the page, or one of its own. */
  range() { return this.root.hasAttribute("data-own") ? rangeOf(this.panel.series, view) : view; }

  /** Links to what is shown, one for each measurement that it comes from: every row, bad ones too, with what the checks said of it. */
  downloads() {
    const tables = byMeasurement(this.panel.series), links = [];
    for (const series of tables) {
      const { bucket, measurement } = series[0];
      const words = {
        bucket, measurement, field: [...new Set(series.flatMap(withFlags))],
        start: new Date(this.range().start).toISOString(), end: new Date(view.end).toISOString(),
      };
      const which = tables.length > 1 ? ` ${measurement}` : "";
      for (const [format, name] of [["csv", "CSV"], ["parquet", "Parquet"]]) {
        links.push(el("a", { href: addressOf("/api/export", { ...words, format }), download: true, text: `Download${which} as ${name}` }));
      }
    }
    if (links.length) links.push(el("p.said", { text: this.panel.series.some((one) => fieldOf(one).flags) ? "all rows, with flags" : "all rows" }));
    return links;
  }

  snapshot() {
    const words = [this.panel.id, ...[this.range().start, view.end].map((time) => new Date(time).toISOString().slice(0, 16).replace(/[-:]/g, ""))];
    return save(this.root, `${words.join("_").replace(/[^\w.-]/g, "-")}.png`).catch((error) => this.fail(error));
  }

  /** The picture comes near the screen, or goes. */
  show(seen) {
    this.seen = seen;
    if (seen && this.stale) this.load();
  }

  /** What it shows has changed. */
  refresh(quietly = false) {
    this.stale = true;
    this.root.toggleAttribute("data-stale", true);
    if (this.seen) this.load(quietly);
  }

  /** Ask and draw. @param {boolean} [quietly] rows came by themselves: no sign of work for that */
  async load(quietly = false) {
    this.stale = false;
    this.stop?.abort();
    const stop = (this.stop = new AbortController());
    this.picture ??= pictures.make(this.body, this.panel);
    const slow = quietly ? null : setTimeout(() => this.root.setAttribute("aria-busy", "true"), 250);
    try {
      const summary = await this.picture.load(view, stop.signal);
      if (!stop.signal.aborted) this.tell(summary);
    } catch (error) {
      if (error.name === "AbortError" || stop.signal.aborted) return;
      this.fail(error);
    } finally {
      clearTimeout(slow);
      if (this.stop === stop) {
        this.root.removeAttribute("aria-busy");
        this.root.toggleAttribute("data-stale", this.stale); // what was asked for last is there
      }
    }
  }

  tell(summary) {
    this.root.dataset.loaded = String(Number(this.root.dataset.loaded ?? 0) + 1);
    this.root.toggleAttribute("data-own", Boolean(summary.own)); // a range of its own
    this.how.textContent = (!summary.empty && summary.how) || "";
    this.words.textContent = summary.empty ? `${this.panel.title}: no rows in this range.` : summary.words;
    this.body.firstElementChild?.parentElement.querySelector(".chart")?.setAttribute("aria-describedby", this.words.id);
    this.body.hidden = summary.empty;
    this.note.hidden = !summary.empty;
    if (summary.empty) put(this.note, ...this.emptyWords(summary.newest));
    put(this.numbers, summary.numbers && !summary.empty ? tableOf(summary.numbers) : null);
    this.heard(summary.empty);
  }

  emptyWords(newest) {
    const range = `No rows from ${momentOf(view.start)} to ${momentOf(view.end)}.`;
    if (newest === null || newest === undefined) return [el("p", { text: `${range} None came yet.` })];
    const away = now() - newest;
    return [
      el("p", { text: `${range} The newest one is of ${momentOf(newest)}${away > 0 ? `, ${span(away)} ago` : ""}.` }),
      el("button.there", { type: "button", text: "Go there", onclick: () => look(upTo(newest, intervalOf(this.panel.series[0]), view.end - view.start)) }),
    ];
  }

  fail(error) {
    if (!(error instanceof Error && error.name === "Error")) console.error(error);
    this.note.hidden = false;
    put(this.note, el("p", { text: error.message }), el("button", { type: "button", text: "Try again", onclick: () => this.load() }));
  }

  close() {
    this.stop?.abort();
    this.picture?.close();
  }
}

/** The field of a series, and the field with its flags where it has some. */
const withFlags = (one) => (fieldOf(one).flags ? [one.field, `${one.field}_qc`] : [one.field]);

/** Lists of texts as a table; the first is the head. */
export function tableOf([head, ...rows]) {
  return el("table", {},
    el("thead", {}, el("tr", {}, ...head.map((text) => el("th", { scope: "col", text })))),
    el("tbody", {}, ...rows.map(([name, ...cells]) => el("tr", {}, el("th", { scope: "row", text: name }), ...cells.map((text) => el("td", { text }))))));
}
