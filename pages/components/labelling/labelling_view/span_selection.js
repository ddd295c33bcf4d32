// Choosing a span of text: by mouse, with the whole words shown before the button is let go, or by a caret that walks over
// words. Owns what is chosen, in UTF-16 units.

import { highlight } from "../../browser/highlight.js";
import { trimmed, wholeCharacters } from "./words.js";

/** @import { TextView } from "./text_view.js" */
/** @import { Span, Words } from "./words.js" */

// A press becomes a drag after that many pixels: a click on a trackpad wanders by two or three.
const DRAG_PX = 4;
// A drag from edge to edge begins and ends beside the word as often as on it.
const BESIDE_PX = 6;
// Of 16 px text at a line height of about two; the style sheet has both.
const LINE_PX = 32;

/** What each arrow key moves the caret by, and in which direction. @type {Record<string, ["word" | "line", number]>} */
export const ARROWS = { ArrowLeft: ["word", -1], ArrowRight: ["word", 1], ArrowUp: ["line", -1], ArrowDown: ["line", 1] };

export class SpanSelection {
  /**
   * @param {TextView} view
   * @param {{
   *   onChosen: (span: Span | null, walking: boolean) => void,
   *   onPointed: (keys: string[]) => boolean,
   * }} handlers `walking` is true for a step of the caret; `onPointed` gets the marks under a click and says whether it
   *   took them
   */
  constructor(view, { onChosen, onPointed }) {
    this.view = view;
    this.onChosen = onChosen;
    this.onPointed = onPointed;
    /** @type {Span | null} */ this.span = null;
    /** @type {"mouse" | "keyboard"} how it was chosen */ this.how = "keyboard";
    /** @type {Words | null} */ this.words = null;
    this.word = -1; // where the caret stands; -1 before its first step
    /** @type {number | null} the word at which a selection by caret begins */ this.anchor = null;
    /** @type {number | null} the word it has come to */ this.head = null;
    /**
     * Where the button went down: `gap` between characters, and `edges`, which it may mean for a drag over words.
     * @type {{gap: number, edges: Span[], x: number, y: number, top: number, moved: boolean, span: Span | null} | null}
     */
    this.press = null;
    /** @type {Range | null} what is highlighted */ this.range = null;
    const { scroller } = view;
    scroller.addEventListener("pointerdown", (event) => this.down(event));
    scroller.addEventListener("pointermove", (event) => this.move(event));
    scroller.addEventListener("pointerup", (event) => this.up(event));
    scroller.addEventListener("pointercancel", () => this.clear());
    scroller.addEventListener("copy", (event) => this.copy(event));
  }

  /** @param {Words} words of another text */
  begin(words) {
    this.words = words;
    this.clear();
    this.word = -1;
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button !== 0) return;
    const { clientX: x, clientY: y } = event;
    const gap = this.view.unitAt(x, y);
    if (gap === null) return;
    event.preventDefault(); // no selection of the browser's beside ours
    this.view.focus();
    // A drag that leaves the text goes on, and its end is heard.
    this.view.scroller.setPointerCapture(event.pointerId);
    const edges = [-1, 0, 1].map((side) => this.edge(x, y, side, gap));
    this.press = { gap, edges, x, y, top: this.view.scroller.scrollTop, moved: false, span: null };
  }

  /**
   * What a point means as an end of a drag over words: the character under it, or, beside a word, the word `side`wards. Not
   * the nearest gap: where writing directions meet, neighbours on the screen needn't be neighbours in the text.
   * @param {number} x
   * @param {number} y
   * @param {number} side where the other end lies: -1 to the left, 1 to the right, 0 on another line
   * @param {number} gap the gap between characters nearest to the point
   * @returns {Span}
   */
  edge(x, y, side, gap) {
    for (let by = 0; by <= (side && BESIDE_PX); by += 1) {
      const unit = this.view.characterAt(x + side * by, y);
      if (this.words?.covers(unit)) return [unit, unit + 1];
    }
    return [gap, gap];
  }

  /** @param {PointerEvent} event */
  move({ clientX: x, clientY: y, shiftKey }) {
    const { press } = this;
    if (!press) return;
    press.moved ||= Math.hypot(x - press.x, y - press.y) > DRAG_PX;
    if (!press.moved) return;
    const down = y + this.view.scroller.scrollTop - press.y - press.top;
    const side = Math.abs(down) > LINE_PX / 2 ? 0 : Math.sign(press.x - x);
    const gap = this.view.unitAt(x, y);
    if (gap !== null) {
      const [one, other] = shiftKey ? [[gap], [press.gap]] : [this.edge(x, y, side, gap), press.edges[1 - side]];
      press.span = this.between(Math.min(...one, ...other), Math.max(...one, ...other), shiftKey);
    }
    this.show(press.span, "keyboard");
  }

  /** @param {PointerEvent} event */
  up(event) {
    const { press } = this;
    this.press = null;
    if (!press) return;
    if (press.moved) {
      this.choose(press.span);
      return;
    }
    // Pointer capture makes the scroller the event's target: what lies under the point has to be asked for.
    const root = /** @type {Document | ShadowRoot} */ (this.view.scroller.getRootNode());
    const mark = /** @type {HTMLElement | null} */ (root.elementFromPoint(event.clientX, event.clientY)?.closest(".on, .badge") ?? null);
    const keys = mark?.dataset.keys ?? mark?.dataset.badge;
    if (keys && this.onPointed(keys.split(" "))) return;
    // The character and not the nearest gap, which behind a word's last letter is no longer the word's.
    const at = this.view.characterAt(event.clientX, event.clientY);
    this.choose(this.between(at < 0 ? press.gap : at, at < 0 ? press.gap : at + 1, false));
  }

  /** @param {number} start @param {number} end @param {boolean} byCharacter @returns {Span | null} */
  between(start, end, byCharacter) {
    if (!byCharacter) return this.words?.snap(start, end) ?? null;
    const { text } = this.view;
    const [from, to] = wholeCharacters(text, start, end);
    return trimmed(text, Math.max(from, this.view.start), Math.min(to, this.view.end));
  }

  /** @param {Span | null} span chosen with the mouse, for good */
  choose(span) {
    this.show(span, "mouse");
    if (this.span && this.words) this.word = this.words.at(this.span[0]);
    this.onChosen(this.span, false);
  }

  /** @param {Span | null} span @param {"mouse" | "keyboard"} how */
  show(span, how) {
    this.span = span && span[1] > span[0] ? span : null;
    this.how = how;
    this.draw();
  }

  clear() {
    this.span = null;
    this.anchor = null;
    this.press = null;
    this.draw();
  }

  /** Answers an arrow key: with Shift the selection grows, with Alt or Ctrl too it does by characters.
   * @param {KeyboardEvent} event */
  moveCaret({ key, shiftKey, altKey, ctrlKey }) {
    const [unit, by] = ARROWS[key];
    if (unit === "word") this.step(by, shiftKey, altKey || ctrlKey);
    else this.line(by, shiftKey);
  }

  /** Moves the caret by words.
   * @param {number} by @param {boolean} extend keeps where the selection began
   * @param {boolean} byCharacter moves its end by characters instead */
  step(by, extend, byCharacter) {
    if (!this.words?.size) return;
    if (extend && byCharacter && this.span) {
      this.stretchTo(this.span, by);
      return;
    }
    const start = this.anchor ?? (this.word < 0 ? this.firstInView() : this.word);
    const from = this.head ?? start;
    // The first step shows where the caret is; it doesn't go on from there yet.
    const to = this.word < 0 && !extend ? start : from + by;
    this.moveTo(to, extend ? start : null);
  }

  /** Moves the caret by lines. @param {number} by @param {boolean} extend */
  line(by, extend) {
    const { words, view } = this;
    if (!words?.size) return;
    const at = this.head ?? (this.word < 0 ? this.firstInView() : this.word);
    const box = view.box(...words.span(at));
    if (!box) return;
    const seen = view.scroller.getBoundingClientRect();
    // A point outside the window has no character: the line it is on is scrolled in first.
    const y = box.top + box.height / 2 + by * LINE_PX;
    if (y < seen.top + 8 || y > seen.bottom - 8) view.scroller.scrollTop += by * 3 * LINE_PX;
    const moved = view.box(...words.span(at)) ?? box;
    const unit = view.unitAt(moved.left + moved.width / 2, moved.top + moved.height / 2 + by * LINE_PX);
    // An empty line or the text's edge has no word at that point: ten words are about a line.
    const to = unit === null ? at + by * 10 : words.at(unit);
    this.moveTo(to, extend ? (this.anchor ?? at) : null);
  }

  /** @param {number} word @param {number | null} anchor */
  moveTo(word, anchor) {
    const { words } = this;
    if (!words) return;
    const head = Math.max(0, Math.min(words.size - 1, word));
    this.word = anchor ?? head;
    this.anchor = anchor;
    this.head = head;
    const [first, last] = [Math.min(head, this.word), Math.max(head, this.word)];
    // The head and not the whole span: a long one has its other end out of view.
    this.view.reveal(...words.span(head));
    this.show([words.span(first)[0], words.span(last)[1]], "keyboard");
    this.onChosen(this.span, true);
  }

  /** Moves the end of a span by whole characters. @param {Span} span @param {number} by */
  stretchTo([start, end], by) {
    const { text, end: last } = this.view;
    // A step of one unit may end inside a character; it goes on in its direction until it doesn't.
    let to = end + by;
    while (to > start && to < last && wholeCharacters(text, start, to)[1] !== to) to += by;
    const least = wholeCharacters(text, start, start + 1)[1];
    this.span = [start, Math.max(least, Math.min(last, to))];
    this.draw();
    this.onChosen(this.span, true);
  }

  /** @returns {number} the first word that can be seen */
  firstInView() {
    const { view } = this;
    const seen = view.scroller.getBoundingClientRect();
    for (let y = seen.top + 12; y < seen.bottom; y += 16) {
      const unit = view.unitAt(seen.left + 60, y);
      if (unit !== null) return this.words?.at(unit) ?? 0;
    }
    return 0;
  }

  draw() {
    // A CSS highlight needs no element, so that choosing never redraws the marks below it.
    const ranges = highlight("annotate-pick");
    if (!this.span) this.head = null;
    if (this.range) ranges?.delete(this.range);
    this.range = this.span ? this.view.range(...this.span) : null;
    if (this.range) ranges?.add(this.range);
  }

  /** @param {ClipboardEvent} event */
  copy(event) {
    // The text can't be selected in the browser's own way, so that it has nothing to copy.
    if (!this.span) return;
    event.preventDefault();
    event.clipboardData?.setData("text/plain", this.view.text.slice(...this.span));
  }
}
