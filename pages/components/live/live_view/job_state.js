// What is known of a job so far: its plan, and each trace as it grows, fed with the stream's items. Draws nothing.
// Offsets in here are code points, as they arrive; `from` and `tags` alone are in UTF-16 units, because they say what to
// redraw.

import { Offsets } from "../../browser/offsets.js";
import { partition } from "../../browser/partition.js";

/**
 * @typedef {[start: number, end: number, entry: string, group: number]} Mark
 * @typedef {{ title: string, notes: string, banned: [id: number, text: string][], bans: number }} Arm
 * @typedef {{ question: string, gold: string | null }} Problem
 * @typedef {object} Plan
 * @property {Arm[]} arms
 * @property {Problem[]} problems
 * @property {number} samples
 * @property {[problem: number, sample: number]} focus  what the stream shows
 * @typedef {object} Done  how a trace ended
 * @property {string | null} trace  its id in the store
 * @property {boolean | null} correct
 * @property {string | null} answer
 * @property {string | null} finish
 * @property {number | null} tokens
 * @property {number | null} cues
 * @property {number | null} words
 * @property {number} seconds
 * @typedef {object} Addition
 * @property {string} t  text
 * @property {number[]} n  code points of each token
 * @property {number} m  how many of the marks known so far still stand
 * @property {Mark[]} [c]  marks that follow them
 * @property {number} [f]  how many of the tokens were put there
 * @property {(number | null)[]} [lp]  log-probabilities
 * @property {(number | null)[]} [h]  entropies
 * @typedef {{ state: string, before?: number, total: number, done: number, message?: string, error?: string }} JobRow
 * @typedef {{ k: "plan" } & Plan
 *   | { k: "open", i: number, prompt?: string }
 *   | { k: "text", i: number } & Addition
 *   | { k: "done", i: number } & Done
 *   | { k: "failed", i: number, reason: string }
 *   | { k: "job" } & JobRow
 *   | { k: "end", error?: string }
 *   | { k: "over" }} Item
 */

const RATE_WINDOW = 2_000; // ms
const RATE_LEAST = 300; // ms: over a shorter time a speed is noise
const LONGEST_MARK = 300;

export class Trace {
  /** @type {"waiting" | "writing" | "done" | "failed"} */ state = "waiting";
  /** @type {number[]} where each token ends */ ends = [];
  /** @type {(number | null)[]} */ logprobs = [];
  /** @type {(number | null)[]} */ entropies = [];
  /** @type {Mark[]} */ marks = [];
  /** @type {[start: number, end: number][]} of what marks thinking */ tags = [];
  /** @type {number | null} where drawing has to begin again; null where all is drawn */ from = 0;
  /** @type {[time: number, tokens: number][]} */ arrivals = [];
  /** @type {Done | null} */ done = null;
  offsets = new Offsets("");
  prompt = "";
  text = "";
  reason = "";
  forced = 0; // how many tokens at the start were put there
  freshFrom = 0; // marks from this one on arrived with the last addition
  version = 1; // of what doesn't hang on each token

  /** @param {number} index in its job @param {RegExp} mark what opens and closes thinking */
  constructor(index, mark = /<\/?think>/g) {
    this.index = index;
    this.mark = mark;
  }

  /** @param {string} [prompt] */
  open(prompt = "") {
    this.state = "writing";
    this.prompt = prompt;
  }

  get points() {
    return this.ends.at(-1) ?? 0;
  }

  /** @param {number} token */
  tokenStart(token) {
    return token > 0 ? this.ends[token - 1] : 0;
  }

  /** The token that holds this code point; -1 where none does. Those without text hold none. @param {number} point */
  tokenAt(point) {
    const token = partition(this.ends.length, (k) => this.ends[k] <= point);
    return token < this.ends.length ? token : -1;
  }

  forcedPoints() {
    return this.forced ? this.ends[Math.min(this.forced, this.ends.length) - 1] : 0;
  }

  /** @param {Addition} addition @param {boolean} live false for what was there before the page listened */
  add({ t, n, m, c = [], f = 0, lp, h }, live) {
    const before = this.text.length;
    const first = this.ends.length;
    const dropped = this.marks[m]?.[0] ?? Infinity;
    this.text += t;
    let end = this.points;
    for (const size of n) this.ends.push((end += size));
    n.forEach((_, k) => {
      this.logprobs[first + k] = lp?.[k] ?? null;
      this.entropies[first + k] = h?.[k] ?? null;
    });
    this.forced += f;
    this.marks.length = m;
    this.marks.push(...c);
    this.freshFrom = live ? m : Infinity;
    this.offsets = new Offsets(this.text);
    const changed = Math.min(dropped, c[0]?.[0] ?? Infinity);
    const marked = changed === Infinity ? before : this.offsets.toUnits(changed);
    this.from = Math.min(this.from ?? before, before, marked, this.findTags(before));
    if (live) this.arrivals.push([performance.now(), n.length]);
  }

  /** Where the first tag begins that is new since the text was `before` units long; `before` where there is none.
   * @param {number} before */
  findTags(before) {
    // Tags may arrive in pieces: the last few characters are looked at again.
    this.mark.lastIndex = Math.max(this.tags.at(-1)?.[1] ?? 0, before - LONGEST_MARK);
    const known = this.tags.length;
    for (let tag = this.mark.exec(this.text); tag; tag = this.mark.exec(this.text)) {
      this.tags.push([tag.index, tag.index + tag[0].length]);
    }
    return this.tags[known]?.[0] ?? before;
  }

  /** @param {Done} done */
  finish(done) {
    this.state = "done";
    this.done = done;
    this.version += 1;
  }

  /** @param {string} reason */
  fail(reason) {
    this.state = "failed";
    this.reason = reason;
    this.version += 1;
  }

  /** Tokens a second: of the last two seconds while it grows, of the whole once it is done; null where unknown. */
  rate() {
    if (this.done) return this.done.seconds > 0 && this.done.tokens ? this.done.tokens / this.done.seconds : null;
    const now = performance.now();
    while (this.arrivals.length && now - this.arrivals[0][0] > RATE_WINDOW) this.arrivals.shift();
    if (this.arrivals.length < 3) return null;
    const [[start], ...rest] = this.arrivals;
    const made = rest.reduce((sum, [, tokens]) => sum + tokens, 0);
    return now - start > RATE_LEAST ? (made * 1000) / (now - start) : null;
  }

  cues() {
    return this.done?.cues ?? this.marks.length;
  }

  tokens() {
    return this.done?.tokens ?? this.ends.length;
  }
}

/** A job's traces are numbered by arm, then problem, then sample. */
export class JobState {
  /** @type {Plan | null} */ plan = null;
  /** @type {Map<number, Trace>} */ traces = new Map();
  /** @type {JobRow | null} */ job = null;
  /** @type {{ error?: string } | null} */ end = null;
  over = false;

  /** @param {RegExp} [mark]  what opens and closes thinking */
  constructor(mark) {
    this.mark = mark;
  }

  /** @param {number} index */
  trace(index) {
    return this.traces.get(index) ?? this.begin(index);
  }

  /** @param {number} index */
  begin(index) {
    const made = new Trace(index, this.mark);
    this.traces.set(index, made);
    return made;
  }

  /** @param {Plan} plan @param {number} arm */
  shownIndex({ problems, samples, focus: [problem, sample] }, arm) {
    return (arm * problems.length + problem) * samples + sample;
  }

  /** @param {Plan} plan @param {number} arm */
  ofArm({ problems, samples }, arm) {
    const each = problems.length * samples;
    return Array.from({ length: each }, (_, k) => this.traces.get(arm * each + k) ?? null);
  }

  /** @param {Item} item @param {boolean} live false for what was there before the page listened */
  apply(item, live) {
    switch (item.k) {
      case "plan": this.plan = item; break;
      // A trace may begin anew after a crash: what was there is forgotten.
      case "open": this.begin(item.i).open(item.prompt); break;
      case "text": this.trace(item.i).add(item, live); break;
      case "done": this.trace(item.i).finish(item); break;
      case "failed": this.trace(item.i).fail(item.reason); break;
      case "job": this.job = item; break;
      case "end": this.end = item; break;
      case "over": this.over = true; break;
    }
  }
}
