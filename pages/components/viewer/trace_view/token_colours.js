// Colours under a pane's tokens, the token under the pointer, and the chosen one. Shades are CSS highlights over the
// chunks near the view: a token costs no element, and a long trace no more than what is seen of it.

import { highlight } from "../../browser/highlight.js";
import { onFrame } from "../../browser/on_frame.js";
import { partition } from "../../browser/partition.js";
import { TokenCard } from "./token_card.js";
import { percentOf, tokenFigures, visibleBlanks } from "./token_figures.js";
import { Tokens } from "./tokens.js";

/**
 * @typedef {import("./body.js").Chunk} Chunk
 * @typedef {import("./marked_text.js").MarkedText} MarkedText
 * @typedef {object} ColouredPane
 * @property {MarkedText} text
 * @property {HTMLElement} el
 * @property {import("./body.js").Body} body
 * @property {{ id: string }} data
 * @property {{ options: { goOn: boolean }, send(name: string, value: unknown): void }} viewer
 * @property {(words: string, unseen: boolean) => void} announce
 * @typedef {{ nodes: Chunk["nodes"], drawn: [registry: Highlight | null, range: AbstractRange][] }} Painted
 */

const CHOSEN_TOKEN = "trace-view-token";

export class TokenColours {
  /** @type {Tokens | null} */ tokens = null;
  /** @type {MarkedText | null} the text the tokens lie in */ doc = null;
  /** @type {Map<Chunk, Painted>} */ painted = new Map();
  /** @type {[x: number, y: number] | null} */ point = null;
  /** @type {Range | null} */ mark = null;
  chosen = -1;

  /** @param {ColouredPane} pane */
  constructor(pane) {
    this.pane = pane;
    this.tip = new TokenCard();
    this.card = new TokenCard({ goOn: () => this.goOn(), close: () => this.choose(-1) });
    this.card.el.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.pane.body.scroller.focus({ preventScroll: true });
      this.choose(-1);
    });
    const { scroller } = pane.body;
    const hover = onFrame(() => this.hover());
    /** @param {[number, number] | null} point */
    const pointed = (point) => {
      this.point = point;
      if (this.tokens) hover();
    };
    scroller.addEventListener("pointermove", ({ clientX, clientY }) => pointed([clientX, clientY]), { passive: true });
    scroller.addEventListener("pointerleave", () => pointed(null));
    scroller.addEventListener("click", (event) => this.clicked(event));
    scroller.addEventListener("keydown", (event) => this.key(event));
    this.moved = onFrame(() => this.repaint());
    scroller.addEventListener("scroll", () => {
      this.tip.hide();
      this.moved();
    }, { passive: true });
    this.observer = new ResizeObserver(this.moved);
    this.observer.observe(scroller);
  }

  /** The pane has new data, or has drawn its text anew. @param {import("./tokens.js").TokenData | null} given */
  update(given) {
    if (this.tokens?.given.key !== given?.key || this.doc !== this.pane.text) {
      this.clear();
      this.doc = this.pane.text;
      this.tokens = given ? new Tokens(given, this.doc.offsets) : null;
    }
    this.pane.el.classList.toggle("coloured", this.tokens !== null);
    if (this.card.goOn) this.card.goOn.hidden = !this.pane.viewer.options.goOn;
    this.repaint();
  }

  clear() {
    for (const chunk of [...this.painted.keys()]) this.wipe(chunk);
    this.choose(-1);
    this.tip.hide();
  }

  repaint() {
    const { doc, tokens } = this;
    const near = new Set(doc && tokens ? this.nearChunks(doc) : []);
    for (const [chunk, { nodes }] of [...this.painted]) {
      if (!near.has(chunk) || nodes !== chunk.nodes) this.wipe(chunk);
    }
    for (const chunk of near) {
      if (tokens && !this.painted.has(chunk)) this.paint(tokens, chunk);
    }
    if (this.chosen >= 0) this.placeCard();
  }

  /** Drawn chunks within a view's height of the view. @param {MarkedText} doc */
  nearChunks(doc) {
    const chunks = this.pane.body.chunksOf(doc);
    const view = this.pane.body.scroller.getBoundingClientRect();
    /** @param {number} k */
    const box = (k) => chunks[k].el.getBoundingClientRect();
    const found = [];
    let k = partition(chunks.length, (index) => box(index).bottom < view.top - view.height);
    for (; k < chunks.length && box(k).top < view.bottom + view.height; k++) if (chunks[k].filled) found.push(chunks[k]);
    return found;
  }

  /** @param {Tokens} tokens @param {Chunk} chunk */
  paint(tokens, chunk) {
    /** @type {Painted["drawn"]} */ const drawn = [];
    for (const [shade, start, end] of tokens.stretches(chunk.start, chunk.end)) {
      const registry = shadeHighlight(shade);
      const [from, to] = [this.pane.body.boundary(chunk, start), this.pane.body.boundary(chunk, end)];
      // Static: the browser need not keep thousands of ranges in step with a text that stands still.
      const range = new StaticRange({ startContainer: from.node, startOffset: from.at, endContainer: to.node, endOffset: to.at });
      registry?.add(range);
      drawn.push([registry, range]);
    }
    this.painted.set(chunk, { nodes: chunk.nodes, drawn });
  }

  /** @param {Chunk} chunk */
  wipe(chunk) {
    for (const [registry, range] of this.painted.get(chunk)?.drawn ?? []) registry?.delete(range);
    this.painted.delete(chunk);
  }

  /** The token under a point of the window; -1 where there is none. @param {number} x @param {number} y */
  at(x, y) {
    const unit = this.doc && this.tokens ? this.pane.body.unitAt(this.doc, x, y) : -1;
    return this.tokens && unit >= 0 ? this.tokens.at(unit) : -1;
  }

  hover() {
    const token = this.point ? this.at(...this.point) : -1;
    if (token < 0 || token === this.chosen) this.tip.hide();
    else this.showAt(this.tip, token);
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const target = /** @type {Element} */ (event.target);
    // The end of a drag over the text is a click too, but one that selects.
    if (!this.tokens || !document.getSelection()?.isCollapsed || target.closest("summary, button, a")) return;
    this.choose(this.at(event.clientX, event.clientY));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (!this.tokens || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey || event.target !== this.pane.body.scroller) return;
    /** @type {Record<string, () => void>} */
    const actions = { ArrowRight: () => this.step(1), ArrowLeft: () => this.step(-1) };
    if (this.chosen >= 0) Object.assign(actions, { Enter: () => this.goOn(), Escape: () => this.choose(-1) });
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  /** To the next token with text; the first step goes to the first token in view. @param {number} by */
  step(by) {
    const { doc, tokens } = this;
    const { body } = this.pane;
    if (!doc || !tokens) return;
    const from = this.chosen < 0 ? tokens.from(body.offsetAt(doc, body.scroller.scrollTop)) : this.chosen + by;
    const token = tokens.seek(from, by);
    if (token < 0) return;
    const [start, end] = this.units(token);
    if (!body.isVisible(doc, start, end)) body.reveal(doc, start, end);
    this.choose(token);
    const others = tokens.alternatives(token).map(({ text, logprob }) => `${visibleBlanks(text)} ${percentOf(logprob)}`);
    this.pane.announce([`“${doc.slice(start, end)}”`, ...tokenFigures(tokens, token), ...others].join(", "), true);
  }

  /** @param {number} token @returns {[start: number, end: number]} */
  units(token) {
    return [this.tokens?.starts[token] ?? 0, this.tokens?.ends[token] ?? 0];
  }

  /** @param {number} token  -1 for none */
  choose(token) {
    this.chosen = token;
    const registry = highlight(CHOSEN_TOKEN);
    if (this.mark) registry?.delete(this.mark);
    this.mark = this.doc && token >= 0 ? this.pane.body.range(this.doc, ...this.units(token)) : null;
    if (this.mark) registry?.add(this.mark);
    if (token < 0) return this.card.hide();
    this.tip.hide();
    return this.placeCard();
  }

  placeCard() {
    if (this.doc && this.pane.body.isVisible(this.doc, ...this.units(this.chosen))) this.showAt(this.card, this.chosen);
    else this.card.hide();
  }

  /** @param {TokenCard} card @param {number} token */
  showAt(card, token) {
    const { doc, tokens } = this;
    if (!doc || !tokens) return;
    const [start, end] = this.units(token);
    const { scroller } = this.pane.body;
    const range = this.pane.body.range(doc, start, end);
    const frame = (scroller.parentElement ?? scroller).getBoundingClientRect();
    // A token of hidden source has no box of its own: the formula's element has.
    const box = range?.getClientRects()[0] ?? range?.startContainer.parentElement?.getBoundingClientRect();
    if (box) card.show(tokens, token, doc.slice(start, end), frame, box);
  }

  goOn() {
    const { viewer, data } = this.pane;
    if (!this.doc || !viewer.options.goOn || this.chosen < 0) return;
    viewer.send("place", { pane: data.id, at: this.doc.offsets.toPoints(this.units(this.chosen)[0]) });
  }

  destroy() {
    this.clear();
    this.tokens = null;
    this.observer.disconnect();
  }
}

/** @param {string} shade */
function shadeHighlight(shade) {
  const registry = highlight(`token-${shade}`);
  // Below the linked range, which is registered with the usual priority 0.
  if (registry) registry.priority = -1;
  return registry;
}
