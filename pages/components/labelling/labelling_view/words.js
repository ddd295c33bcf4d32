// Words and whole characters of a text, in UTF-16 units: what a selection snaps to and a caret walks over.

import { partition } from "../../browser/partition.js";

/** A stretch [start, end) of a text. @typedef {[number, number]} Span */

export class Words {
  /**
   * @param {string} text
   * @param {number} start
   * @param {number} end only words of text[start:end] count
   */
  constructor(text, start, end) {
    /** @type {number[]} */ this.starts = [];
    /** @type {number[]} */ this.ends = [];
    const segmenter = new Intl.Segmenter("en", { granularity: "word" });
    for (const { segment, index, isWordLike } of segmenter.segment(text.slice(start, end))) {
      if (!isWordLike) continue;
      this.starts.push(start + index);
      this.ends.push(start + index + segment.length);
    }
    this.from = start;
  }

  get size() {
    return this.starts.length;
  }

  /** The number of the word at or after a place; the last one where there is none. @param {number} unit */
  at(unit) {
    const k = partition(this.size, (i) => this.ends[i] <= unit);
    return Math.max(0, Math.min(k, this.size - 1));
  }

  /** @param {number} unit */
  covers(unit) {
    return this.size > 0 && this.starts[this.at(unit)] <= unit && unit < this.ends[this.at(unit)];
  }

  /** @param {number} k @returns {Span} */
  span(k) {
    return this.size ? [this.starts[k], this.ends[k]] : [this.from, this.from];
  }

  /** [start, end) grown to whole words and stripped of what lies around them; null where it touches no word.
   * @param {number} start @param {number} end @returns {Span | null} */
  snap(start, end) {
    const first = partition(this.size, (i) => this.ends[i] <= start);
    const last = partition(this.size, (i) => this.starts[i] < Math.max(end, start + 1)) - 1;
    return first <= last ? [this.starts[first], this.ends[last]] : null;
  }
}

/** [start, end) in whole characters: never half of a surrogate pair, and a combining mark stays with its letter.
 * @param {string} text @param {number} start @param {number} end @returns {Span} */
export function wholeCharacters(text, start, end) {
  /** @param {number} at */
  const inside = (at) => at > 0 && at < text.length && /[\udc00-\udfff\p{M}\u200d\ufe0f]/u.test(characterAt(text, at));
  let [from, to] = [Math.min(start, end), Math.max(start, end)];
  while (inside(from)) from -= 1;
  while (inside(to)) to += 1;
  return [from, to];
}

/** @param {string} text @param {number} at */
function characterAt(text, at) {
  const unit = text.charCodeAt(at);
  // With the flag u a whole pair matches no surrogate class; a low half that stands alone here does.
  if (unit >= 0xdc00 && unit <= 0xdfff) return text[at];
  return String.fromCodePoint(text.codePointAt(at) ?? 0);
}

/** [start, end) without the white space around it.
 * @param {string} text @param {number} start @param {number} end @returns {Span} */
export function trimmed(text, start, end) {
  const part = text.slice(start, end);
  const from = start + (part.length - part.trimStart().length);
  return [from, Math.max(from, from + part.trim().length)];
}
