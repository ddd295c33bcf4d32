// The text of an item on the screen: what may be labelled, the text around it dimmed, and a line under the words of every
// label and cue. Owns the way between places in the text (UTF-16 units) and points of the window.

import { button } from "../../browser/button.js";
import { unitUnder } from "../../browser/caret.js";
import { count } from "../../browser/count.js";
import { el } from "../../browser/element.js";
import { partition } from "../../browser/partition.js";
import { appendText } from "../../browser/text_nodes.js";
import { blocksOf, stretches, withLevels } from "./text_marks.js";
import { wholeCharacters } from "./words.js";

/** @import { Mark, PlacedMark } from "./text_marks.js" */

/** A text node and where it begins. @typedef {{node: Text, start: number}} Carrier */
/** @typedef {{start: number, end: number, element: HTMLElement, carriers: Carrier[], drawn: string}} Block */

const SHOWN_AROUND = 12_000;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/;

export class TextView {
  /** @param {HTMLElement} scroller */
  constructor(scroller) {
    this.scroller = scroller;
    this.text = "";
    this.start = 0;
    this.end = 0;
    /** @type {Block[]} */ this.blocks = [];
    /** @type {WeakMap<Element, Block>} */ this.blockOf = new WeakMap();
  }

  /** Shows another text, of which [start, end) may be labelled.
   * @param {{text: string, start: number, end: number}} shown */
  build({ text, start, end }) {
    this.text = text;
    this.start = start;
    this.end = end;
    this.blocks = blocksOf(text, start, end).map(([from, to]) => (
      { start: from, end: to, element: el("div", { class: "block" }), carriers: [], drawn: "" }));
    this.blocks.forEach((block) => this.blockOf.set(block.element, block));
    const inside = el("div", { class: "inside" }, ...this.blocks.map(({ element }) => element));
    this.scroller.replaceChildren(this.around(0, start, "before"), inside, this.around(end, text.length, "after"));
  }

  /** The text before or after the stretch to be labelled, to read only.
   * @param {number} from @param {number} to @param {"before" | "after"} side */
  around(from, to, side) {
    const before = side === "before";
    // A trace of 200,000 characters around an item of 2,000 would be most of the page's work.
    const cut = before ? Math.max(from, to - SHOWN_AROUND) : Math.min(to, from + SHOWN_AROUND);
    const [shown, hidden] = before ? [[cut, to], [from, cut]] : [[from, cut], [cut, to]];
    const part = el("div", { class: "around", "data-around": side });
    /** @param {number[]} span */
    const context = ([a, b]) => appendText(el("div", { class: "context" }), this.text, a, b);
    if (shown[1] > shown[0]) part.append(context(shown));
    if (hidden[1] > hidden[0]) {
      const more = button(`Show ${count(hidden[1] - hidden[0], "more character")} of context`,
        "Show all of the text around", "more-context", () => more.replaceWith(context(hidden)), { class: "more" });
      if (before) part.prepend(more);
      else part.append(more);
    }
    return part;
  }

  /** @param {Mark[]} marks in reading order */
  paint(marks) {
    const placed = withLevels(marks);
    for (const block of this.blocks) {
      const here = placed.filter((mark) => mark.start < block.end && mark.end > block.start);
      // Drawing all of a long text takes long enough to be felt at every key: only blocks that change are drawn.
      const drawn = JSON.stringify(here);
      if (block.drawn === drawn) continue;
      block.drawn = drawn;
      this.fill(block, here);
    }
  }

  /** @param {Block} block @param {PlacedMark[]} marks */
  fill(block, marks) {
    block.carriers = []; // in the order of the text, for the binary search in `boundary`
    // Filled beside the page and put in at once: the browser lays a block out a single time.
    const filled = document.createDocumentFragment();
    for (const { from, to, over } of stretches(block.start, block.end, marks)) {
      const target = over.length ? markedStretch(over) : filled;
      appendText(target, this.text, from, to, (node, start) => block.carriers.push({ node, start }));
      if (target !== filled) filled.append(target);
      for (const mark of over) if (mark.end === to && mark.letter) filled.append(letterBadge(mark));
    }
    block.element.replaceChildren(filled);
  }

  /** @param {number} unit @returns {{node: Text, at: number} | null} */
  boundary(unit) {
    const b = partition(this.blocks.length, (i) => this.blocks[i].end <= unit);
    const block = this.blocks[Math.min(b, this.blocks.length - 1)];
    if (!block?.carriers.length) return null;
    const k = Math.max(0, partition(block.carriers.length, (i) => block.carriers[i].start <= unit) - 1);
    const { node, start } = block.carriers[k];
    return { node, at: Math.max(0, Math.min(unit - start, node.length)) };
  }

  /** @param {number} start @param {number} end */
  range(start, end) {
    // The end is sought as the last character's place: a boundary between two nodes would fall into the next line.
    const [from, to] = [this.boundary(start), this.boundary(Math.max(start, end - 1))];
    if (!from || !to) return null;
    const range = document.createRange();
    range.setStart(from.node, from.at);
    range.setEnd(to.node, Math.min(to.node.length, to.at + (end > start ? 1 : 0)));
    return range;
  }

  /** The gap between characters nearest to a point of the window; null beside the text.
   * @param {number} x @param {number} y @returns {number | null} */
  unitAt(x, y) {
    const root = this.scroller.getRootNode();
    // Chromium from 128 on and Firefox have it; where it is missing the mouse chooses nothing, and the keys still do.
    // Without the shadow root the browser answers with the component's host, as if it had no text.
    const shadowRoots = root instanceof ShadowRoot ? [root] : [];
    const found = document.caretPositionFromPoint?.(x, y, { shadowRoots });
    const carrier = found && this.carrierOf(found.offsetNode);
    if (!carrier) return null;
    const unit = carrier.start + Math.min(found.offset, carrier.node.length);
    const drawn = this.characterAt(x, y);
    const [from, to] = drawn < 0 ? [unit, unit] : wholeCharacters(this.text, drawn, drawn + 1);
    if (unit >= from && unit <= to) return unit;
    // Where writing directions meet, the browser may name the far end of the other direction's stretch.
    const box = this.box(from, to);
    const right = box !== null && x > box.left + box.width / 2;
    return right === this.leftwards(from) ? from : to;
  }

  /** The character drawn under a point of the window; -1 where there is none. @param {number} x @param {number} y */
  characterAt(x, y) {
    return unitUnder(this.scroller.getRootNode(), x, y, (node) => this.carrierOf(node)?.start);
  }

  /** @param {number} unit @returns {boolean} whether the character is of a script written from right to left */
  leftwards(unit) {
    return RIGHT_TO_LEFT.test(this.text.charAt(unit));
  }

  /** @param {Node} node @returns {Carrier | undefined} */
  carrierOf(node) {
    const element = node.parentElement?.closest(".block");
    const block = element && this.blockOf.get(element);
    return block?.carriers.find((carrier) => carrier.node === node) ?? undefined;
  }

  /** @param {number} start @param {number} end */
  box(start, end) {
    return this.range(start, end)?.getBoundingClientRect() ?? null;
  }

  /** Scrolls to a stretch unless it is in view.
   * @param {number} start @param {number} end
   * @param {number} share where in the view it comes to stand, from 0 (top) to 1 */
  reveal(start, end, share = 0.4) {
    const box = this.box(start, end);
    if (!box) return;
    const view = this.scroller.getBoundingClientRect();
    if (box.top >= view.top + 30 && box.bottom <= view.bottom - 30) return;
    this.scroller.scrollTop += box.top - view.top - this.scroller.clientHeight * share;
  }

  focus() {
    this.scroller.focus({ preventScroll: true });
  }
}

/** @param {PlacedMark[]} over */
function markedStretch(over) {
  const lines = over.map(({ style, dashed, thick, level }) => {
    const image = dashed
      ? `repeating-linear-gradient(90deg, var(${style}) 0 5px, transparent 5px 9px)`
      : `linear-gradient(var(${style}), var(${style}))`;
    return { image, size: `100% ${thick ? 3.5 : dashed ? 1.5 : 2.5}px`, position: `0 calc(100% - ${12 - 4 * level}px)` };
  });
  const states = /** @type {const} */ (["current", "negative", "gold", "open"]).filter((name) => over.some((mark) => mark[name]));
  const span = el("span", {
    class: ["on", ...states].join(" "),
    "data-keys": over.map(({ key }) => key).join(" "), title: over.map(({ title }) => title).join("\n"),
  });
  // Lines are backgrounds: a text decoration has one line an element, and these are up to four.
  span.style.backgroundImage = lines.map(({ image }) => image).join(", ");
  span.style.backgroundSize = lines.map(({ size }) => size).join(", ");
  span.style.backgroundPosition = lines.map(({ position }) => position).join(", ");
  return span;
}

/** @param {Mark} mark */
function letterBadge({ letter, style, dashed, key }) {
  // The letter is the style sheet's, so that the text holds the trace's characters and nothing else.
  const badge = el("span", { class: `badge${dashed ? " open" : ""}`, "data-letter": letter, "data-badge": key, "aria-hidden": "true" });
  badge.style.color = `var(${style})`;
  return badge;
}
