// One text with everything laid over it, in UTF-16 units. Owns which stretch is drawn how; draws nothing.

import { Offsets } from "../../browser/offsets.js";
import { partition } from "../../browser/partition.js";
import { disjoint } from "./spans.js";

/**
 * @typedef {{ letter: string, label: string }} Group
 * @typedef {[start: number, end: number, group: number, entry: number]} CueData  in code points
 * @typedef {[start: number, end: number, tree: number, display: boolean]} FormulaData  in code points
 * @typedef {[tag: string, attributes: Record<string, string> | null, ...children: any[]]} MathTree
 * @typedef {{ spans: FormulaData[], trees: MathTree[], failed: number, left: number }} MathData
 * @typedef {{ text: string | null, entries: string[], cues: CueData[], mathematics: MathData | null }} TextData
 * @typedef {[name: string, start: number, end: number]} SectionData  in code points
 * @typedef {[start: number, end: number]} LoopData  in code points
 * @typedef {{ kind: "cue", index: number, start: number, end: number, group: number, letter: string, entry: string }} Cue
 * @typedef {{ kind: "formula", start: number, end: number, tree: MathTree, display: boolean }} Formula
 * @typedef {{ start: number, end: number }} Loop  a stretch that repeats itself
 * @typedef {{ name: string, start: number, end: number, loop: Loop | null }} Segment  name "" lies outside every section
 */

// Drawn whole, two panes of 512 KB take 2.1 s to paint and one of 128 KB 0.8 s: beyond this only a window is drawn.
const WINDOWED_FROM = 200_000;
const CHUNK = 4_000;
const LONGEST_CHUNK = 16_000;
const CONTEXT = 50;
const HEAD = 80;

export class MarkedText {
  /** @param {string} name @param {TextData} data @param {Group[]} groups @param {SectionData[]} sections
   * @param {LoopData[]} loops */
  constructor(name, data, groups, sections, loops = []) {
    this.name = name;
    this.text = data.text ?? "";
    this.offsets = new Offsets(this.text);
    this.groups = groups;
    const size = this.offsets.points;
    /** @type {Cue[]} */ this.cues = data.cues
      .filter(([start, end]) => 0 <= start && start < end && end <= size)
      .map(([start, end, group, entry], index) => ({
        kind: "cue",
        index,
        start: this.offsets.toUnits(start),
        end: this.offsets.toUnits(end),
        group,
        letter: groups[group].letter,
        entry: data.entries[entry],
      }));
    /** @type {(Cue | Formula)[]} what is drawn, disjoint and in order */ this.spans = this.cues;
    this.windowed = this.text.length > WINDOWED_FROM;
    /** @type {Loop[]} */ this.loops = loops
      .filter(([start, end]) => 0 <= start && start < end && end <= size)
      .map(([start, end]) => beginAtLine(this.text, this.offsets.toUnits(start), this.offsets.toUnits(end)));
    this.segments = segmentsOf(this.text.length, this.offsets, sections).flatMap((segment) => cutByLoops(segment, this.loops));
  }

  /**
   * Lays formulas over the text. They replace their source only where nothing has to be seen inside it: no cue, no edge
   * of a linked range or of a section. A cue that a section's edge cuts is drawn in two parts.
   * @param {MathData | null} mathematics
   * @param {number[]} edges
   */
  layOver(mathematics, edges) {
    const borders = this.segments.map(({ end }) => end);
    /** @type {Formula[]} */ const formulas = (mathematics?.spans ?? []).map(([start, end, tree, display]) => ({
      kind: "formula",
      start: this.offsets.toUnits(start),
      end: this.offsets.toUnits(end),
      tree: /** @type {MathData} */ (mathematics).trees[tree],
      display,
    }));
    /** @param {Formula} formula */
    const covered = ({ start, end }) =>
      touches(this.cues, start, end) || [...edges, ...borders].some((edge) => start < edge && edge < end);
    const cues = this.cues.flatMap((cue) => cutAt(cue, borders));
    const spans = [...cues, ...formulas.filter((formula) => !covered(formula))];
    spans.sort((a, b) => a.start - b.start || b.end - a.end);
    this.spans = disjoint(spans);
  }

  /** The spans that begin in [start, end), in order; none reaches across a chunk's edge.
   * @param {number} start @param {number} end */
  spansIn(start, end) {
    const first = partition(this.spans.length, (k) => this.spans[k].start < start);
    const last = partition(this.spans.length, (k) => this.spans[k].start < end);
    return this.spans.slice(first, last);
  }

  /**
   * Where [start, end) may be cut into pieces of about CHUNK units: after a line's end, never inside a span. A windowed
   * text is also cut inside lines too long to draw at once.
   * @param {number} start
   * @param {number} end
   * @returns {[start: number, end: number][]}
   */
  cuts(start, end) {
    /** @type {[number, number][]} */ const pieces = [];
    let at = start;
    while (at < end) {
      let cut = this.lineEnd(at + CHUNK, end);
      if (this.windowed && cut - at > LONGEST_CHUNK) cut = this.wordEnd(at + LONGEST_CHUNK, end);
      for (let span = this.spanAcross(cut); span && cut < end; span = this.spanAcross(cut)) {
        cut = this.windowed ? Math.min(span.end, end) : this.lineEnd(span.end, end);
      }
      pieces.push([at, cut]);
      at = cut;
    }
    return pieces;
  }

  /** @param {number} from @param {number} end */
  lineEnd(from, end) {
    const found = from >= end ? -1 : this.text.indexOf("\n", from - 1);
    return found < 0 || found >= end ? end : found + 1;
  }

  /** @param {number} from @param {number} end */
  wordEnd(from, end) {
    const limit = Math.min(from, end);
    const blank = this.text.lastIndexOf(" ", limit - 1);
    if (blank > limit - CHUNK) return blank + 1;
    // No blank near: at least no character is cut in two, nor torn from its accent.
    return /[\udc00-\udfff\u0300-\u036f\u200d\ufe0f]/.test(this.text[limit] ?? "") ? limit - 2 : limit;
  }

  /** @param {number} cut */
  spanAcross(cut) {
    const k = partition(this.spans.length, (index) => this.spans[index].start < cut) - 1;
    return k >= 0 && this.spans[k].end > cut ? this.spans[k] : null;
  }

  /** @param {number} start @param {number} end */
  slice(start, end) {
    return this.text.slice(start, end);
  }

  /** What stands left of a cue, the cue, and what stands right of it, each on one line. @param {Cue} cue */
  context({ start, end }) {
    /** @param {string} text */
    const flat = (text) => text.replace(/\s+/g, " ");
    const from = start - CONTEXT - (isLow(this.text, start - CONTEXT) ? 1 : 0);
    const to = end + CONTEXT + (isLow(this.text, end + CONTEXT) ? 1 : 0);
    return [flat(this.text.slice(Math.max(0, from), start)), flat(this.text.slice(start, end)), flat(this.text.slice(end, to))];
  }
}

/** Whether a unit is the second of a surrogate pair. @param {string} text @param {number} at */
function isLow(text, at) {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** @param {Cue[]} spans @param {number} start @param {number} end */
function touches(spans, start, end) {
  const k = partition(spans.length, (index) => spans[index].start < end) - 1;
  return k >= 0 && spans[k].end > start;
}

/** @param {Cue} span @param {number[]} borders */
function cutAt(span, borders) {
  const edges = [span.start, ...borders.filter((edge) => span.start < edge && edge < span.end), span.end];
  return edges.slice(1).map((end, k) => ({ ...span, start: edges[k], end }));
}

/** A loop from the first line that begins near its start, or the first word: it may start amid one.
 * @param {string} text @param {number} start @param {number} end @returns {Loop} */
function beginAtLine(text, start, end) {
  const head = text.slice(start, Math.min(start + HEAD, end));
  const blank = /\n\s*/.exec(head) ?? /\s+/.exec(head);
  return { start: start && blank ? start + blank.index + blank[0].length : start, end };
}

/** A segment in pieces that lie in one of the loops or in none. @param {Segment} segment @param {Loop[]} loops */
function cutByLoops(segment, loops) {
  /** @type {Segment[]} */ const pieces = [];
  let at = segment.start;
  for (const loop of loops) {
    const [start, end] = [Math.max(loop.start, at), Math.min(loop.end, segment.end)];
    if (start >= end) continue;
    if (start > at) pieces.push({ ...segment, start: at, end: start });
    pieces.push({ ...segment, start, end, loop });
    at = end;
  }
  if (at < segment.end || !pieces.length) pieces.push({ ...segment, start: at });
  return pieces;
}

/** Sections in order plus the text between them, so that every character is drawn once.
 * @param {number} size @param {Offsets} offsets @param {SectionData[]} sections */
function segmentsOf(size, offsets, sections) {
  /** @type {Segment[]} */ const segments = [];
  let at = 0;
  const known = sections
    .map(([name, start, end]) => ({ name, start: offsets.toUnits(start), end: offsets.toUnits(end) }))
    .filter(({ name, start, end }) => name !== "prompt" && start < end)
    .sort((a, b) => a.start - b.start);
  for (const section of known) {
    const start = Math.max(section.start, at);
    const end = Math.min(section.end, size);
    if (start >= end) continue;
    if (start > at) segments.push({ name: "", start: at, end: start, loop: null });
    segments.push({ name: section.name, start, end, loop: null });
    at = end;
  }
  if (at < size || segments.length === 0) segments.push({ name: "", start: at, end: size, loop: null });
  return segments;
}
