// The scrolling text of one pane: sections, chunks, and the way between offsets, DOM positions and pixels.
// Most texts are drawn whole; of a windowed one only the chunks near the view exist.

import { unitUnder } from "../../browser/caret.js";
import { count } from "../../browser/count.js";
import { el } from "../../browser/element.js";
import { partition } from "../../browser/partition.js";
import { paintText } from "./paint.js";

/**
 * @typedef {import("./marked_text.js").MarkedText} MarkedText
 * @typedef {object} Chunk  a piece of a text in an element of its own
 * @property {MarkedText} doc
 * @property {number} start
 * @property {number} end
 * @property {import("./paint.js").Carrier[]} nodes
 * @property {HTMLElement} el
 * @property {boolean} filled
 * @typedef {{ doc: MarkedText, start: number, end: number, share: number, frames: number }} Goal
 * @typedef {(node: Node, edge: number) => boolean} Before  whether a DOM position lies before the one looked for
 */

/** @type {Record<string, string>} */
const HEADINGS = { think: "Thinking", answer: "Answer", response: "Response" };
const NEAR = 1_500; // px beyond the view within which the chunks of a windowed text exist
const LINE = 25.6; // px
const CHARACTER = 7.4; // px, on average
const HOLD_FRAMES = 20;

export class Body {
  /** @type {MarkedText[]} the prompt and the text */ docs = [];
  /** @type {{ name: string, el: HTMLElement }[]} */ sections = [];
  /** @type {Map<MarkedText, Chunk[]>} */ chunks = new Map();
  /** @type {WeakMap<Node, Chunk>} */ chunkOf = new WeakMap();
  /** @type {Goal | null} */ goal = null;
  /** @type {IntersectionObserver | null} */ observer = null;
  /** @type {() => void} called when chunks were drawn or emptied */ onFilled = () => {};
  perLine = 75;

  /** @param {HTMLElement} scroller */
  constructor(scroller) {
    this.scroller = scroller;
    for (const kind of ["wheel", "touchmove", "pointerdown", "keydown"]) {
      scroller.addEventListener(kind, () => this.release(), { passive: true });
    }
  }

  /** @param {MarkedText} prompt @param {MarkedText} text @param {string} ending @param {boolean} promptOpen */
  build(prompt, text, ending, promptOpen) {
    this.goal = null;
    this.observer?.disconnect();
    this.docs = [prompt, text];
    this.sections = [];
    this.chunks = new Map([[prompt, []], [text, []]]);
    const width = Math.max(200, this.scroller.clientWidth - 52);
    this.perLine = Math.max(20, Math.min(75, width / CHARACTER));
    this.watch(prompt.windowed || text.windowed);
    const parts = [];
    if (prompt.text) parts.push(this.promptPart(prompt, promptOpen));
    for (const segment of text.segments) parts.push(this.sectionPart(text, segment));
    if (ending) parts.push(el("p", { class: "ending" }, ending));
    this.scroller.replaceChildren(...parts);
  }

  /** @param {MarkedText} doc */
  chunksOf(doc) {
    return this.chunks.get(doc) ?? [];
  }

  /** @param {boolean} windowed */
  watch(windowed) {
    if (!windowed) return;
    /** @param {IntersectionObserverEntry[]} entries */
    const seen = (entries) => {
      for (const { target, isIntersecting } of entries) {
        const chunk = this.chunkOf.get(target);
        if (chunk && isIntersecting) this.fill(chunk);
        else if (chunk) this.empty(chunk);
      }
      this.onFilled();
    };
    this.observer = new IntersectionObserver(seen, { root: this.scroller, rootMargin: `${NEAR}px 0px` });
  }

  /** @param {MarkedText} doc @param {boolean} open */
  promptPart(doc, open) {
    const size = count(doc.offsets.points, "character");
    const cues = doc.cues.length ? ` · ${count(doc.cues.length, "cue")}` : "";
    const summary = el("summary", {}, el("span", { class: "sec" }, "prompt"), ` ${size}${cues}`);
    const part = el("details", { class: "prompt", "data-section": "prompt", open }, summary);
    part.append(...this.chunkParts(doc, 0, doc.text.length));
    this.sections.push({ name: "prompt", el: part });
    return part;
  }

  /** @param {MarkedText} doc @param {import("./marked_text.js").Segment} segment */
  sectionPart(doc, { name, start, end, loop }) {
    const classes = [name ? "" : "outside", loop ? "looped" : ""].filter(Boolean).join(" ");
    const part = el("section", { "data-section": name || "outside", class: classes || null });
    const label = loop && el("span", { class: "loop-label" }, loopWords(doc, loop, start));
    if (name || label) part.append(el("div", { class: "sec" }, label, HEADINGS[name] ?? name));
    part.append(...this.chunkParts(doc, start, end));
    this.sections.push({ name: name || "outside", el: part });
    return part;
  }

  /** @param {MarkedText} doc @param {number} from @param {number} to */
  chunkParts(doc, from, to) {
    return doc.cuts(from, to).map(([start, end]) => {
      /** @type {Chunk} */
      const chunk = { doc, start, end, nodes: [], el: el("div", { class: "chunk" }), filled: false };
      this.chunkOf.set(chunk.el, chunk);
      const height = Math.round(this.linesOf(doc, chunk) * LINE);
      // A guess until the browser has laid the chunk out: without one the scroll bar jumps.
      chunk.el.style.containIntrinsicSize = `auto none auto ${height}px`;
      this.chunksOf(doc).push(chunk);
      if (doc.windowed) {
        chunk.el.style.height = `${height}px`;
        this.observer?.observe(chunk.el);
      } else {
        this.fill(chunk);
      }
      return chunk.el;
    });
  }

  /** @param {MarkedText} doc @param {{ start: number, end: number }} stretch */
  linesOf(doc, { start, end }) {
    let lines = 0;
    for (const line of doc.slice(start, end).replace(/\n$/, "").split("\n")) {
      lines += Math.max(1, Math.ceil(line.length / this.perLine));
    }
    return lines;
  }

  /** @param {Chunk} chunk */
  fill(chunk) {
    if (chunk.filled) return;
    chunk.filled = true;
    const drawn = document.createDocumentFragment();
    chunk.nodes = paintText(drawn, chunk.doc, chunk.start, chunk.end);
    chunk.el.replaceChildren(drawn);
    chunk.el.style.height = "";
  }

  /** @param {Chunk} chunk */
  empty(chunk) {
    const selected = document.getSelection();
    // A selection would lose the text it stands in.
    if (!chunk.filled || (selected && !selected.isCollapsed)) return;
    const height = chunk.el.getBoundingClientRect().height;
    chunk.filled = false;
    chunk.nodes = [];
    chunk.el.style.height = `${height}px`;
    chunk.el.replaceChildren();
  }

  /** @param {MarkedText} doc @param {number} offset @returns {Chunk | undefined} */
  chunkAt(doc, offset) {
    const chunks = this.chunksOf(doc);
    const k = partition(chunks.length, (index) => chunks[index].end <= offset);
    return chunks[Math.min(k, chunks.length - 1)];
  }

  /** The DOM range of doc.text[start:end]; its chunks are drawn first.
   * @param {MarkedText} doc @param {number} start @param {number} end */
  range(doc, start, end) {
    const first = this.chunkAt(doc, start);
    const last = this.chunkAt(doc, Math.max(start, end - 1));
    if (!first || !last) return null;
    for (const chunk of [first, last]) this.fill(chunk);
    const [from, to] = [this.boundary(first, start), this.boundary(last, end)];
    const range = document.createRange();
    range.setStart(from.node, from.at);
    range.setEnd(to.node, to.at);
    return range;
  }

  /** @param {Chunk} chunk drawn @param {number} offset */
  boundary(chunk, offset) {
    const k = Math.max(0, partition(chunk.nodes.length, (index) => chunk.nodes[index].start <= offset) - 1);
    const { node, start } = chunk.nodes[k];
    return { node, at: Math.min(offset - start, node.length) };
  }

  /** The offset in doc of a DOM position anywhere in the viewer, null where it lies in another tree.
   * @param {MarkedText} doc @param {Node} container @param {number} at @param {boolean} isEnd */
  offsetOf(doc, container, at, isEnd) {
    const place = document.createRange();
    place.setStart(container, at);
    const formula = (container instanceof Element ? container : container.parentElement)?.closest(".fx");
    const source = formula?.querySelector(".src");
    if (source && container.getRootNode() === this.scroller.getRootNode()) {
      // A place in a drawn formula is one end or the other of its source.
      place.selectNodeContents(source);
      place.collapse(!isEnd);
    }
    /** @type {Before} */ const before = (node, edge) => place.comparePoint(node, edge) < 0;
    const chunks = this.chunksOf(doc);
    try {
      const k = partition(chunks.length, (i) => before(chunks[i].el, chunks[i].el.childNodes.length));
      return k === chunks.length ? doc.text.length : offsetIn(chunks[k], place, before);
    } catch {
      return null; // comparePoint throws for a node of another tree
    }
  }

  /** The unit of doc under a point of the window; -1 where there is none of its text.
   * @param {MarkedText} doc @param {number} x @param {number} y */
  unitAt(doc, x, y) {
    return unitUnder(this.scroller.getRootNode(), x, y, (node) => {
      const element = node.parentElement?.closest(".chunk");
      const chunk = element ? this.chunkOf.get(element) : undefined;
      return chunk?.doc === doc ? chunk.nodes.find((carrier) => carrier.node === node)?.start : undefined;
    });
  }

  /** The part of each document between two DOM positions, empty parts left out. @param {AbstractRange} selected */
  parts(selected) {
    /** @type {[doc: MarkedText, start: number, end: number][]} */ const found = [];
    for (const doc of this.docs) {
      const start = this.offsetOf(doc, selected.startContainer, selected.startOffset, false);
      const end = this.offsetOf(doc, selected.endContainer, selected.endOffset, true);
      if (start !== null && end !== null && start < end) found.push([doc, start, end]);
    }
    return found;
  }

  /**
   * Scrolls [start, end) to a share of the view, and keeps it there while chunks around it get their true heights, or
   * until a person scrolls.
   * @param {MarkedText} doc
   * @param {number} start
   * @param {number} end
   * @param {number} [share]
   */
  reveal(doc, start, end, share = 1 / 3) {
    /** @type {Goal} */ const goal = { doc, start, end, share, frames: HOLD_FRAMES };
    this.goal = goal;
    const hold = () => {
      if (this.goal !== goal || goal.frames-- <= 0) return;
      this.scrollTo(goal);
      requestAnimationFrame(hold);
    };
    hold();
  }

  release() {
    this.goal = null;
  }

  destroy() {
    this.goal = null;
    this.observer?.disconnect();
  }

  /** @param {Goal} goal */
  scrollTo({ doc, start, end, share }) {
    const range = this.range(doc, start, end);
    if (!range) return;
    let box = range.getBoundingClientRect();
    // Hidden source has no box: the formula drawn over it has.
    if (box.height === 0) box = (range.startContainer.parentElement?.closest(".fx, .chunk") ?? this.scroller).getBoundingClientRect();
    const off = box.top - this.scroller.getBoundingClientRect().top - this.scroller.clientHeight * share;
    if (Math.abs(off) > 1) this.scroller.scrollTop += off;
  }

  /** @param {MarkedText} doc @param {number} start @param {number} end */
  isVisible(doc, start, end) {
    if (!this.chunkAt(doc, start)?.filled) return false;
    const view = this.scroller.getBoundingClientRect();
    const box = this.range(doc, start, end)?.getBoundingClientRect();
    return box !== undefined && box.height > 0 && box.bottom > view.top + 20 && box.top < view.bottom;
  }

  /** @param {Chunk} chunk */
  topOf(chunk) {
    return chunk.el.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top + this.scroller.scrollTop;
  }

  /** The offset at a height in pixels from the top of the scrolled content; between chunk edges by proportion.
   * @param {MarkedText} doc @param {number} pixels */
  offsetAt(doc, pixels) {
    const chunks = this.chunksOf(doc);
    if (!chunks.length) return 0;
    const k = Math.max(0, partition(chunks.length, (index) => this.topOf(chunks[index]) <= pixels) - 1);
    const share = (pixels - this.topOf(chunks[k])) / Math.max(1, chunks[k].el.offsetHeight);
    const { start, end } = chunks[k];
    return Math.round(start + Math.min(1, Math.max(0, share)) * (end - start));
  }
}

/** @param {MarkedText} doc @param {import("./marked_text.js").Loop} loop
 * @param {number} start  of the piece of it that the words stand over */
function loopWords(doc, loop, start) {
  const share = (100 * (loop.end - loop.start)) / Math.max(1, doc.text.length);
  const size = share < 1 ? "under 1%" : `${Math.round(share)}%`;
  return start > loop.start ? "still repeats itself" : `Repeats itself from here: ${size} of the text`;
}

/** @param {Chunk} chunk @param {Range} place @param {Before} before */
function offsetIn(chunk, place, before) {
  const k = partition(chunk.nodes.length, (i) => before(chunk.nodes[i].node, chunk.nodes[i].node.length));
  if (k === chunk.nodes.length) return chunk.filled ? chunk.end : chunk.start;
  const { node, start } = chunk.nodes[k];
  return place.startContainer === node ? start + place.startOffset : start;
}
