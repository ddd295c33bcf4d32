// The tokens of one text as a model saw them: where each lies, its shade, its figures. Draws nothing.

import { partition } from "../../browser/partition.js";

/**
 * @typedef {object} TokenData  arrays as base64 of little-endian numbers
 * @property {string} key
 * @property {string} title
 * @property {string | null} said  the means, for the legend
 * @property {{ shade: string, label: string }[]} steps
 * @property {string[]} names  of what is compared
 * @property {string[]} texts  of alternatives
 * @property {string} starts
 * @property {string} ends
 * @property {string} shades
 * @property {string} logprobs
 * @property {string} entropies
 * @property {string | null} others  log-probabilities under the model compared with
 * @property {string} forced
 * @property {string} top
 * @property {string} topMilli
 * @property {string} topEnds
 */

const NO_SHADE = 255;

export class Tokens {
  /** Offsets come as code points and are kept as UTF-16 units.
   * @param {TokenData} given @param {import("../../browser/offsets.js").Offsets} offsets */
  constructor(given, offsets) {
    this.given = given;
    this.starts = unpacked(given.starts, Int32Array).map((point) => offsets.toUnits(point));
    this.ends = unpacked(given.ends, Int32Array).map((point) => offsets.toUnits(point));
    this.shades = unpacked(given.shades, Uint8Array);
    this.logprobs = unpacked(given.logprobs, Float32Array);
    this.entropies = unpacked(given.entropies, Float32Array);
    this.others = given.others === null ? null : unpacked(given.others, Float32Array);
    this.forced = unpacked(given.forced, Uint8Array);
    this.top = unpacked(given.top, Int32Array);
    this.topMilli = unpacked(given.topMilli, Uint16Array);
    this.topEnds = unpacked(given.topEnds, Int32Array);
  }

  get size() {
    return this.ends.length;
  }

  /** The first token that ends after `unit`. @param {number} unit */
  from(unit) {
    return partition(this.size, (k) => this.ends[k] <= unit);
  }

  /** The token that holds `unit`; -1 where none does. @param {number} unit */
  at(unit) {
    const token = this.from(unit);
    return token < this.size && this.starts[token] <= unit ? token : -1;
  }

  /** The next token with text from `token` on, in steps of 1 or -1; -1 where there is none.
   * @param {number} token @param {number} step */
  seek(token, step) {
    let at = token;
    while (at >= 0 && at < this.size && this.starts[at] === this.ends[at]) at += step;
    return at < this.size ? at : -1;
  }

  /** The highlight a token is drawn by, "" for none. @param {number} token */
  shade(token) {
    const shade = this.shades[token];
    return shade === NO_SHADE ? "" : this.given.steps[shade].shade;
  }

  /** Stretches of one shade that begin in tokens reaching into [start, end), cut to it.
   * @param {number} start @param {number} end */
  stretches(start, end) {
    /** @type {[shade: string, start: number, end: number][]} */ const found = [];
    for (let token = this.from(start); token < this.size && this.starts[token] < end; token++) {
      const shade = this.shade(token);
      const [from, to] = [Math.max(start, this.starts[token]), Math.min(end, this.ends[token])];
      if (!shade || from >= to) continue;
      const last = found.at(-1);
      if (last && last[0] === shade && last[2] === from) last[2] = to;
      else found.push([shade, from, to]);
    }
    return found;
  }

  /** The likeliest tokens at its place. @param {number} token */
  alternatives(token) {
    const first = token ? this.topEnds[token - 1] : 0;
    return Array.from(this.top.subarray(first, this.topEnds[token]), (text, k) =>
      ({ text: this.given.texts[text], logprob: -this.topMilli[first + k] / 1000 }));
  }
}

/** Base64 to numbers. Both ends are little-endian.
 * @template A @param {string} text @param {new (buffer: ArrayBuffer) => A} Kind */
function unpacked(text, Kind) {
  return new Kind(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer);
}
