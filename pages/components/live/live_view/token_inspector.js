// One token at a time under a reader's eye: what is under the pointer, what is chosen, and the small window at the
// chosen one, from which the trace can be gone on from with another word.

import { button } from "../../browser/button.js";
import { el } from "../../browser/element.js";
import { highlight } from "../../browser/highlight.js";
import { isolatedName } from "../../browser/isolated_name.js";
import { onFrame } from "../../browser/on_frame.js";
import { partition } from "../../browser/partition.js";
import { insertedText, oddsOf } from "./token_odds.js";

/**
 * @typedef {object} ColumnHost  the view a column stands in
 * @property {{ groups: import("../../viewer/trace_view/marked_text.js").Group[], suggestions: string[], forks: boolean }} data
 * @property {import("./job_state.js").JobState} state
 * @property {(name: string, value: unknown) => void} send
 * @property {(words: string, unseen?: boolean) => void} announce
 * @typedef {object} InspectedPane
 * @property {HTMLElement} scroller
 * @property {import("./live_text.js").LiveText} text
 * @property {import("./job_state.js").Trace} trace
 * @property {ColumnHost} view
 * @property {(node: HTMLElement, start: number, end: number, above: boolean) => void} attach
 * @property {(start: number, end: number) => void} reveal
 */

const HOVER = "live-view-hover";
const CHOSEN = "live-view-chosen";

export class TokenInspector {
  /** @type {[x: number, y: number] | null} */ point = null;
  /** @type {Record<string, Range | null>} what is highlighted, by the highlight's name */ ranges = {};
  chosen = -1;
  hovered = -1;

  /** @param {InspectedPane} pane */
  constructor(pane) {
    this.pane = pane;
    this.tip = el("div", { class: "tip", "aria-hidden": "true", hidden: true });
    this.word = el("span", { class: "word" });
    this.facts = el("span", { class: "odds" });
    this.input = el("input", { type: "text", maxlength: "80", "aria-label": "Go on from here with", placeholder: "a word",
      autocomplete: "off", spellcheck: "false" });
    this.words = el("span", { class: "words" });
    this.go = button("Go on", "Write the rest anew from here, in a job of its own", "fork", () => this.fork(this.input.value),
      { class: "go" });
    this.form = el("div", { class: "go-on" }, el("label", {}, "Go on from here with ", this.input), this.go, this.words);
    this.later = el("p", { class: "later" });
    const close = button("×", "Close (Esc)", "token-close", () => this.choose(-1), { class: "icon" });
    this.el = el("div", { class: "inspector", role: "group", "aria-label": "The chosen token", hidden: true },
      el("div", { class: "what" }, this.word, this.facts, close), this.form, this.later);
    this.el.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") this.leave();
      if (event.key === "Enter" && event.target === this.input) this.fork(this.input.value);
    });
    const { scroller } = pane;
    const hover = onFrame(() => this.hover());
    scroller.addEventListener("pointermove", (event) => {
      this.point = [event.clientX, event.clientY];
      hover();
    }, { passive: true });
    scroller.addEventListener("pointerleave", () => {
      this.point = null;
      hover();
    });
    scroller.addEventListener("click", (event) => this.clicked(event));
    scroller.addEventListener("keydown", (event) => this.key(event));
    scroller.addEventListener("scroll", () => this.placed(), { passive: true });
  }

  get trace() {
    return this.pane.trace;
  }

  /** @param {number} token @returns {[start: number, end: number]} */
  unitsOf(token) {
    const { offsets, ends } = this.trace;
    return [offsets.toUnits(this.trace.tokenStart(token)), offsets.toUnits(ends[token])];
  }

  /** @param {number} token */
  textOf(token) {
    return this.trace.text.slice(...this.unitsOf(token));
  }

  /** The token under a point of the window; -1 where there is none. @param {number} x @param {number} y */
  at(x, y) {
    const unit = this.pane.text.unitAt(x, y);
    return unit < 0 ? -1 : this.trace.tokenAt(this.trace.offsets.toPoints(unit));
  }

  hover() {
    const token = this.point ? this.at(...this.point) : -1;
    if (token === this.hovered) return;
    this.hovered = token;
    this.paint(HOVER, token);
    const odds = token < 0 ? "" : oddsOf(this.trace, token);
    this.tip.hidden = !odds || token === this.chosen;
    this.tip.textContent = odds;
    if (!this.tip.hidden) this.pane.attach(this.tip, ...this.unitsOf(token), true);
  }

  /** @param {string} name @param {number} token -1 for none */
  paint(name, token) {
    const registry = highlight(name);
    const old = this.ranges[name];
    if (old) registry?.delete(old);
    const range = token >= 0 ? this.pane.text.range(...this.unitsOf(token)) : null;
    this.ranges[name] = range;
    if (range) registry?.add(range);
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const target = /** @type {Element} */ (event.target);
    // The end of a drag over the text is a click too, but one that selects.
    if (!document.getSelection()?.isCollapsed || target.closest("summary, button, a")) return;
    this.choose(this.at(event.clientX, event.clientY));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.pane.scroller || !this.trace.ends.length) return;
    /** @type {Record<string, () => unknown>} */ const acts = {
      ArrowRight: () => this.step(1),
      ArrowLeft: () => this.step(-1),
      Enter: () => this.chosen >= 0 && !this.form.hidden && this.input.focus(),
      Escape: () => this.choose(-1),
    };
    if (!acts[event.key] || (event.key === "Escape" && this.chosen < 0)) return;
    event.preventDefault();
    event.stopPropagation();
    acts[event.key]();
  }

  /** To the next token that has text; the first step goes to the first one in view. @param {number} by */
  step(by) {
    const { ends } = this.trace;
    let token = this.chosen < 0 ? this.firstInView() - by : this.chosen;
    do token += by;
    while (token >= 0 && token < ends.length && ends[token] === this.trace.tokenStart(token));
    if (token < 0 || token >= ends.length) return;
    this.choose(token);
    this.pane.reveal(...this.unitsOf(token));
    const odds = oddsOf(this.trace, token);
    this.pane.view.announce(`“${this.textOf(token)}”${odds && `, ${odds}`}`, true);
  }

  firstInView() {
    const view = this.pane.scroller.getBoundingClientRect();
    /** @param {number} token */
    const above = (token) => {
      const box = this.pane.text.range(...this.unitsOf(token))?.getBoundingClientRect();
      return !box || box.bottom <= view.top + 8;
    };
    return Math.min(partition(this.trace.ends.length, above), this.trace.ends.length - 1);
  }

  /** @param {number} token  -1 for none */
  choose(token) {
    this.chosen = token;
    this.paint(CHOSEN, token);
    this.el.hidden = token < 0;
    if (token < 0) return;
    this.tip.hidden = true;
    this.word.replaceChildren("“", isolatedName("bdi", this.textOf(token).replaceAll("\n", "⏎")), "”");
    this.facts.textContent = oddsOf(this.trace, token);
    this.input.value = "";
    this.allow();
    this.placed();
  }

  /** Offers to go on from the chosen token, or says when that can be done. */
  allow() {
    const { suggestions, forks } = this.pane.view.data;
    // Going on needs the trace in the store, and so the end of its job.
    const stored = forks && this.trace.done?.trace && this.pane.view.state.over;
    this.form.hidden = !stored;
    this.later.textContent = stored ? "" : forks ? "Once this job has ended you can go on from here with another word." : "";
    this.words.replaceChildren(...suggestions.map((word) =>
      button(word, `Go on with “${word}”`, "fork-word", () => this.fork(word), { class: "suggestion" })));
  }

  placed() {
    if (this.chosen >= 0) this.pane.attach(this.el, ...this.unitsOf(this.chosen), false);
  }

  leave() {
    this.pane.scroller.focus({ preventScroll: true });
    this.choose(-1);
  }

  /** Asks to go on with `word` in the chosen token's place. @param {string} word */
  fork(word) {
    const { index, done } = this.trace;
    if (!done) return;
    const insert = insertedText(this.textOf(this.chosen), word);
    this.pane.view.send("fork", { i: index, trace: done.trace, at: this.trace.tokenStart(this.chosen), insert });
    this.leave();
    this.pane.view.announce(insert ? `Going on with “${insert.trim()}”` : "Going on from here", true);
  }

  forget() {
    this.choose(-1);
    this.hovered = -1;
    this.paint(HOVER, -1);
    this.tip.hidden = true;
  }
}
