import { partition } from "./partition.js";

/** Code points (Python, the store, permalinks) to UTF-16 units (the browser) and back, for one text. */
export class Offsets {
  /** @param {string} text */
  constructor(text) {
    this.units = text.length;
    /** @type {number[]} the unit offset of each high surrogate that starts a pair, ascending */ this.astral = [];
    // Most traces hold no pair at all: one scan is cheaper than the iterator over none.
    if (/[\ud800-\udbff]/.test(text)) {
      for (const pair of text.matchAll(/[\ud800-\udbff][\udc00-\udfff]/g)) this.astral.push(pair.index);
    }
    this.points = this.units - this.astral.length;
  }

  /** The k-th pair starts at code point astral[k] - k, which never falls as k grows: both ways are binary searches.
   * @param {number} point */
  toUnits(point) {
    return point + partition(this.astral.length, (k) => this.astral[k] - k < point);
  }

  /** A unit in the middle of a pair counts as the pair's start. @param {number} unit */
  toPoints(unit) {
    return unit - partition(this.astral.length, (k) => this.astral[k] < unit);
  }
}
