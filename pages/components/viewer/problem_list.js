// Draws the list that problem_list.py describes and reports the problem or mode a person chooses.
// Owns the keys j and k of the page.

import { el } from "../browser/element.js";
import { keepFocus } from "../browser/keep_focus.js";
import { listenForKeys } from "../browser/keyboard.js";
import { mount } from "../browser/mount.js";
import { matches, nextPlace } from "./problem_search.js";

/**
 * @typedef {import("./problem_search.js").Item} Item
 * @typedef {{ id: string, label: string, meaning: string, count: number | null }} Mode
 * @typedef {object} ListData
 * @property {Item[]} items
 * @property {Mode[]} modes
 * @property {string | null} selected
 * @property {string} mode
 * @property {string[]} runs
 * @property {number | null} height  pixels; null fills the window
 * @property {string} empty
 */

/** @type {Map<boolean | null, [glyph: string, word: string, style: string]>} */
const MARKS = new Map([[true, ["✓", "right", "yes"]], [false, ["✗", "wrong", "no"]], [null, ["–", "no verdict", "none"]]]);
/** @type {Record<string, number>} problems a key goes by */
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
const SETTLE = 140; // ms: holding j walks through the list and asks for the last problem only
const PATIENCE = 4000; // ms a choice stands before the page's own word counts again
const MARGIN = 22; // the page's own lower padding
const LEAST = 260; // px
const SIGHT = 14; // px of the neighbour shown beside the chosen problem

class ProblemList {
  /** @type {ListData} */ data;
  /** @type {(event: object) => void} */ emit;
  /** @type {string | null | undefined} */ selected;
  /** @type {{ id: string, at: number } | null} what a person chose and the page hasn't shown yet */ asked = null;
  /** @type {number | undefined} where the list begins on the page, in pixels */ top;
  /** @type {number | undefined} */ timer;
  filter = "";

  /** @param {ShadowRoot} parent */
  constructor(parent) {
    this.rail = /** @type {HTMLElement} */ (parent.querySelector("#rail"));
    this.status = /** @type {HTMLElement} */ (parent.querySelector("#status"));
    this.list = el("div", { class: "list", role: "listbox", "aria-label": "Problems", tabindex: "0", "data-spot": "list",
      onclick: (/** @type {MouseEvent} */ event) => this.clicked(event),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.listKey(event) });
    this.empty = el("p", { class: "empty" });
    this.resized = () => this.fit();
    window.addEventListener("resize", this.resized);
    this.observer = new ResizeObserver(this.resized);
    this.observer.observe(document.querySelector('[data-testid="stMainBlockContainer"]') ?? document.body);
    // j and k walk through the list also while it, or a table on the page, has the focus.
    this.stopKeys = listenForKeys(this.rail, (event) => this.pageKey(event), { inWidgets: true });
  }

  destroy() {
    this.stopKeys();
    window.removeEventListener("resize", this.resized);
    this.observer.disconnect();
    clearTimeout(this.timer);
  }

  /** @param {import("../browser/mount.js").Component<ListData>} component */
  update({ data, setTriggerValue }) {
    if (!data) return;
    this.emit = (event) => setTriggerValue("event", event);
    if (JSON.stringify(data) === JSON.stringify(this.data)) return;
    const before = this.data;
    this.data = data;
    const { asked } = this;
    const waiting = asked && asked.id !== data.selected && Date.now() - asked.at < PATIENCE && data.mode === before?.mode;
    if (!waiting) {
      this.selected = data.selected;
      this.asked = null;
    }
    if (before && drawnFrom(before) === drawnFrom(data)) this.mark();
    else keepFocus(this.rail, "spot", () => this.draw());
    this.fit();
  }

  draw() {
    this.list.replaceChildren(...this.data.items.map((item) => this.row(item)));
    this.rail.replaceChildren(this.modes(), this.search(), heading(this.data), this.list, this.empty);
    this.narrow();
    this.mark();
  }

  modes() {
    const chips = this.data.modes.map(({ id, label, meaning, count }) => {
      const number = count === null ? "" : ` ${count}`;
      const chip = { type: "button", title: meaning, "aria-label": `${meaning}${number}`, "data-spot": `mode ${id}`,
        "aria-pressed": String(id === this.data.mode), onclick: () => this.emit({ mode: id }) };
      return el("button", chip, label, number);
    });
    return el("div", { class: "modes", role: "group", "aria-label": "Which problems" }, ...chips);
  }

  search() {
    const field = el("input", { type: "search", placeholder: "Find in questions", "aria-label": "Find in questions",
      "data-spot": "search", autocomplete: "off", spellcheck: "false" });
    /** @param {string} words */
    const filter = (words) => {
      field.value = this.filter = words;
      this.narrow();
    };
    field.value = this.filter;
    field.oninput = () => filter(field.value);
    field.onkeydown = (event) => {
      if (event.key === "Escape" && field.value) {
        filter("");
      } else if (event.key === "ArrowDown" || event.key === "Enter") {
        event.preventDefault();
        this.list.focus();
      }
    };
    return field;
  }

  /** @param {Item} item */
  row([id, number, question, verdicts, figure]) {
    const made = el("div", { class: "item", role: "option", "data-id": id, id: `problem-${number}-${id}`, title: question },
      el("span", { class: "id" }, String(number).padStart(2, "0")), el("p", {}, el("bdi", {}, question)),
      figure ? el("span", { class: "figure" }, figure) : null);
    verdicts.forEach((verdict, at) => {
      const [glyph, word, style] = MARKS.get(verdict) ?? ["", "", ""];
      made.append(el("span", { class: `v ${style}`, role: "img", "aria-label": `${this.data.runs[at] ?? ""} ${word}` }, glyph));
    });
    return made;
  }

  get rows() {
    return /** @type {HTMLElement[]} */ ([...this.list.children]);
  }

  narrow() {
    const { items, empty } = this.data;
    const searching = this.filter.trim() !== "";
    let shown = 0;
    this.rows.forEach((row, at) => {
      row.hidden = !matches(items[at], this.filter);
      if (!row.hidden) shown += 1;
    });
    this.empty.textContent = shown ? "" : searching && items.length ? "No question here holds these words." : empty;
    this.status.textContent = searching ? `${shown} of ${items.length} problems` : "";
  }

  mark() {
    let chosen = null;
    for (const row of this.rows) {
      const on = row.dataset.id === this.selected;
      row.setAttribute("aria-selected", String(on));
      if (on) chosen = row;
    }
    if (chosen) {
      this.list.setAttribute("aria-activedescendant", chosen.id);
      this.reveal(chosen);
    } else this.list.removeAttribute("aria-activedescendant");
  }

  /** Brings a row into view; scrollIntoView would scroll the page too. @param {HTMLElement} row */
  reveal({ offsetTop: top, offsetHeight }) {
    const { list } = this;
    if (top < list.scrollTop) list.scrollTop = top - SIGHT;
    else if (top + offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = top + offsetHeight - list.clientHeight + SIGHT;
  }

  /** @param {string} id @param {number} wait ms */
  choose(id, wait) {
    this.selected = id;
    this.asked = { id, at: Date.now() };
    this.mark();
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.emit({ problem: id }), wait);
  }

  /** @param {number} by */
  step(by) {
    const shown = this.rows.filter((row) => !row.hidden).map((row) => row.dataset.id);
    const next = shown[nextPlace(shown.indexOf(this.selected ?? undefined), by, shown.length)];
    if (next !== undefined && next !== this.selected) this.choose(next, SETTLE);
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const row = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest(".item"));
    if (row?.dataset.id !== undefined) this.choose(row.dataset.id, 0);
  }

  /** @param {KeyboardEvent} event */
  listKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.key in STEPS) {
      event.preventDefault();
      this.step(STEPS[event.key]);
    } else if (event.key === "Enter" && this.selected) {
      event.preventDefault();
      this.choose(this.selected, 0);
    }
  }

  /** @param {KeyboardEvent} event */
  pageKey(event) {
    if (event.shiftKey || (event.key !== "j" && event.key !== "k")) return;
    event.preventDefault();
    this.step(event.key === "j" ? 1 : -1);
  }

  fit() {
    const { rail, data } = this;
    if (!data || !rail.isConnected) return;
    const tree = rail.getRootNode();
    const page = tree instanceof ShadowRoot ? tree.host.closest('[data-testid="stMain"]') : null;
    const scrolled = page?.scrollTop ?? 0;
    // Scrolled, the list sticks to the window's edge and its place on the page can't be measured.
    if (this.top === undefined || scrolled === 0) this.top = rail.getBoundingClientRect().top + scrolled;
    const wanted = `${Math.round(data.height ?? Math.max(LEAST, window.innerHeight - this.top - MARGIN))}px`;
    if (rail.style.height === wanted) return;
    rail.style.height = wanted;
    const chosen = /** @type {HTMLElement | null} */ (this.list.querySelector('[aria-selected="true"]'));
    if (chosen) this.reveal(chosen);
  }
}

/** What the rows, modes and heading are drawn from: all but what is chosen. @param {ListData} data */
function drawnFrom({ items, modes, mode, runs }) {
  return JSON.stringify([items, modes, mode, runs]);
}

/** @param {ListData} data */
function heading(data) {
  const runs = data.runs.map((run) => el("span", { class: "v" }, run));
  return el("div", { class: "item heading", "aria-hidden": "true" }, el("span", { class: "id" }, "No."), el("p", {}, "Question"), ...runs);
}

export default mount(ProblemList);
