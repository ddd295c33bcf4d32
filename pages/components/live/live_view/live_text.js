// The growing text of one pane as text nodes and marks. What stands is left alone: an addition takes away the runs it
// changes and appends the new ones, so that a selection, a scroll position and the browser's layout survive.

import { unitUnder } from "../../browser/caret.js";
import { el } from "../../browser/element.js";
import { partition } from "../../browser/partition.js";
import { appendText } from "../../browser/text_nodes.js";
import { paintCue } from "../../viewer/trace_view/cue_paint.js";
import { liveSpans } from "./live_spans.js";

/**
 * @typedef {import("./job_state.js").Trace} Trace
 * @typedef {import("../../viewer/trace_view/paint.js").Carrier} Carrier
 * @typedef {import("../../viewer/trace_view/cue_paint.js").Carry} Carry
 * @typedef {{ start: number, end: number, nodes: ChildNode[], carriers: Carrier[] }} Run  in units
 */

// Long texts are cut into blocks after a line's end, so that the browser lays out what is seen.
const BLOCK = 4_000;

export class LiveText {
  /** @type {Run[]} in order */ runs = [];
  /** @type {WeakMap<Node, number>} where each text node begins */ startOf = new WeakMap();
  /** @type {{ start: number, el: HTMLElement }[]} */ blocks = [];

  /** @param {import("../../viewer/trace_view/marked_text.js").Group[]} groups */
  constructor(groups) {
    this.groups = groups;
    this.el = el("div", { class: "grown" });
    this.caret = el("i", { class: "caret", "aria-hidden": "true" });
    this.clear();
  }

  clear() {
    this.runs = [];
    this.startOf = new WeakMap();
    this.blocks = [];
    this.el.replaceChildren();
    this.addBlock(0);
  }

  /** @param {number} start */
  addBlock(start) {
    const block = { start, el: el("div", { class: "chunk" }) };
    this.blocks.push(block);
    this.el.append(block.el);
  }

  get lastBlock() {
    return this.blocks[this.blocks.length - 1];
  }

  /** @param {Trace} trace */
  draw(trace) {
    const { text } = trace;
    const from = this.popFrom(trace.from ?? text.length);
    trace.from = null;
    const put = trace.offsets.toUnits(trace.forcedPoints());
    let at = from;
    for (const span of liveSpans(trace, this.groups, from)) {
      this.plain(text, at, span.start, put);
      this.special(text, span, put);
      at = span.end;
    }
    this.plain(text, at, text.length, put);
    if (trace.state === "writing") this.lastBlock.el.append(this.caret);
    else this.caret.remove();
  }

  /** Takes away every run that ends after `from`, and blocks that begin after what is left; returns where that ends.
   * @param {number} from */
  popFrom(from) {
    for (let run = this.runs.at(-1); run && run.end > from; run = this.runs.at(-1)) {
      for (const node of run.nodes) node.remove();
      this.runs.pop();
    }
    const end = this.runs.at(-1)?.end ?? 0;
    while (this.lastBlock.start > end) this.blocks.pop()?.el.remove();
    return end;
  }

  /** @param {string} text @param {number} start @param {number} end
   * @param {number} put  up to where the text was put there */
  plain(text, start, end, put) {
    let at = start;
    for (const edge of [Math.min(put, end), end]) {
      while (at < edge) {
        const [from, line] = [at, at - this.lastBlock.start > BLOCK ? text.indexOf("\n", at) : -1];
        const stop = line >= 0 && line + 1 < edge ? line + 1 : edge;
        this.run(from, stop, (parent, carry) => {
          if (from >= put) return appendText(parent, text, from, stop, carry);
          return parent.append(appendText(el("span", { class: "put", title: "Put there, not said by the model" }), text, from, stop, carry));
        });
        at = stop;
        if (line >= 0 && at < text.length) this.addBlock(at);
      }
    }
  }

  /** @param {string} text @param {ReturnType<typeof liveSpans>[number]} span @param {number} put */
  special(text, span, put) {
    this.run(span.start, span.end, (parent, carry) => {
      if (span.kind === "cue") {
        const mark = paintCue(parent, { text, groups: this.groups }, span, carry);
        mark.classList.toggle("put", span.start < put);
        mark.classList.toggle("fresh", span.fresh);
      } else {
        const tag = el("span", { class: `think-tag${span.start < put ? " put" : ""}` });
        parent.append(appendText(tag, text, span.start, span.end, carry));
      }
    });
  }

  /** @param {number} start @param {number} end @param {(parent: DocumentFragment, carry: Carry) => void} paint */
  run(start, end, paint) {
    if (start >= end) return;
    /** @type {Carrier[]} */ const carriers = [];
    const drawn = document.createDocumentFragment();
    paint(drawn, (node, at) => {
      carriers.push({ node, start: at });
      this.startOf.set(node, at);
    });
    this.runs.push({ start, end, nodes: [...drawn.childNodes], carriers });
    this.caret.remove();
    this.lastBlock.el.append(drawn);
  }

  /** The unit under a point of the window; -1 where there is no text. @param {number} x @param {number} y */
  unitAt(x, y) {
    return unitUnder(this.el.getRootNode(), x, y, (node) => this.startOf.get(node));
  }

  /** @param {number} start @param {number} end */
  range(start, end) {
    const [from, to] = [this.place(start, false), this.place(end, true)];
    if (!from || !to) return null;
    const range = document.createRange();
    range.setStart(from.node, from.at);
    range.setEnd(to.node, to.at);
    return range;
  }

  /** @param {number} unit @param {boolean} isEnd */
  place(unit, isEnd) {
    /** @param {number} end */
    const reaches = (end) => (isEnd ? end < unit : end <= unit);
    const run = this.runs[partition(this.runs.length, (k) => reaches(this.runs[k].end))];
    if (!run) return null;
    const k = partition(run.carriers.length, (c) => reaches(run.carriers[c].start + run.carriers[c].node.length));
    const { node, start } = run.carriers[Math.min(k, run.carriers.length - 1)];
    return { node, at: Math.min(Math.max(0, unit - start), node.length) };
  }
}
