// The item an annotator works on: its machine cues, the labels on it, which of them is current, and what a new label says.
// Nothing here draws. Cues and labels are in code points; `from` and `to` are UTF-16 units.

import { Offsets } from "../../../components/browser/offsets.js";
import { drawnKind } from "../../../components/labelling/labelling_view/label_kinds.js";
import { inReadingOrder } from "../../../components/labelling/labelling_view/text_marks.js";
import { Words } from "../../../components/labelling/labelling_view/words.js";
import { occurrences } from "./occurrences.js";

/** @import { LabelRow, LabelFields, MachineCue } from "../../../components/labelling/labelling_view/label_log.js" */
/** @import { DrawnKind, LabelKind } from "../../../components/labelling/labelling_view/label_kinds.js" */
/** @import { LabelSession } from "../../../components/labelling/labelling_view/label_session.js" */
/** @import { ItemData } from "../../../components/labelling/labelling_view/labelling_frame.js" */
/** @import { Mark } from "../../../components/labelling/labelling_view/text_marks.js" */
/** @import { Span } from "../../../components/labelling/labelling_view/words.js" */

/**
 * @typedef {ItemData & {
 *   cues: [number, number, string, string][], lexicon: string, flags: string[],
 *   guidelines: {text: string, version: number}, state: string, place: number, seconds: number, done: number, blind: boolean,
 * }} AnnotateData
 */
/** @typedef {{index: number, start: number, end: number, entry: string, group: string, from: number, to: number}} Cue */
/** What one is at: a machine cue by its number, or a label by its root. @typedef {{cue?: number, root?: string}} Current */
/** A place that would get a label, with the words around it. @typedef {LabelPlace & {machine: MachineCue | null, context: [string, string, string]}} SimilarPlace */
/** @typedef {Pick<LabelFields, "start" | "end" | "quote" | "text_sha256">} LabelPlace */

const CONTEXT_UNITS = 40;

export class AnnotationItem {
  /** @param {AnnotateData} data @param {LabelSession} session */
  constructor(data, session) {
    this.data = data;
    this.session = session;
    this.offsets = new Offsets(data.text);
    this.start = this.offsets.toUnits(data.start);
    this.end = this.offsets.toUnits(data.end);
    this.words = new Words(data.text, this.start, this.end);
    /** @type {Cue[]} */ this.cues = data.cues.map(([start, end, entry, group], index) => (
      { index, start, end, entry, group, from: this.offsets.toUnits(start), to: this.offsets.toUnits(end) }));
    /** @type {Current | null} */ this.current = null;
    this.state = data.state;
  }

  /** The labels that stand. @returns {LabelRow[]} */
  get rows() {
    return this.session.log.standing();
  }

  /** @returns {LabelKind | undefined} the scheme's label for what is no cue */
  get negative() {
    return this.data.labels.find((label) => label.negative);
  }

  /** @param {string} key @returns {DrawnKind} */
  kind(key) {
    return drawnKind(this.data.labels, key);
  }

  /** The label that accepting a cue gives it: the one of its group, else the first that isn't negative.
   * @param {Cue} cue */
  suggested(cue) {
    const { labels } = this.data;
    const found = labels.find((label) => label.group === cue.group) ?? labels.find((label) => !label.negative);
    return this.kind(found?.key ?? "");
  }

  // -- what is current ----------------------------------------------------------------------------

  /** @returns {LabelRow | null} */
  currentRow() {
    const root = this.current?.root;
    return root === undefined ? null : this.rows.find((row) => row.root === root) ?? null;
  }

  /** The cue that is current, and not answered. @returns {Cue | null} */
  unansweredCue() {
    return this.current?.cue === undefined ? null : this.cues[this.current.cue] ?? null;
  }

  /** The cue that is current, or that the current label answers. @returns {Cue | null} */
  currentCue() {
    const row = this.currentRow();
    return this.unansweredCue() ?? (row ? this.cueOf(row) : null);
  }

  /** @param {LabelRow} row @returns {Cue | null} */
  cueOf(row) {
    return this.cues.find((cue) => answers(row, cue)) ?? null;
  }

  /** Makes a cue current, or the label that answers it. @param {Cue} cue */
  enterCue(cue) {
    const row = this.rows.find((one) => answers(one, cue));
    this.current = row ? { root: row.root } : { cue: cue.index };
  }

  /** @param {number} after the number of a cue @returns {Cue[]} the cues after it that nobody answered */
  openCues(after = -1) {
    const { rows } = this;
    return this.cues.filter((cue) => cue.index > after && !rows.some((row) => answers(row, cue)));
  }

  /** The cue one step from the current one, or from a place of the text where none is current.
   * @param {1 | -1} step @param {() => number} inView the first unit in view; measured only where it is needed
   * @returns {Cue | undefined} */
  cueBeside(step, inView) {
    const now = this.currentCue();
    if (now) return this.cues[now.index + step];
    if (step < 0) return this.cues.at(-1);
    const top = inView();
    // Past the last cue the walk begins at the first again.
    return this.cues.find((cue) => cue.from >= top) ?? this.cues[0];
  }

  // -- what is written ----------------------------------------------------------------------------

  /** @param {number} from @param {number} to @returns {LabelPlace} */
  place(from, to) {
    return { start: this.offsets.toPoints(from), end: this.offsets.toPoints(to), quote: this.data.text.slice(from, to),
      text_sha256: this.data.sha256 };
  }

  /** @param {Cue} cue @returns {MachineCue} */
  machineCue({ entry, start, end }) {
    return { lexicon: this.data.lexicon, entry, start, end };
  }

  /** @param {Cue} cue @param {string} key @param {string} how @returns {LabelFields} */
  answerFields(cue, key, how) {
    return { ...this.place(cue.from, cue.to), label: key, how, machine: this.machineCue(cue) };
  }

  /** @param {Span} span @param {string} key @param {string} how @returns {LabelFields} */
  spanFields([from, to], key, how) {
    const cue = this.cues.find((one) => one.from === from && one.to === to);
    return { ...this.place(from, to), label: key, how, machine: cue ? this.machineCue(cue) : null };
  }

  /** The standing label that says the same of the same characters.
   * @param {Pick<LabelFields, "start" | "end">} fields @param {string} key */
  sameLabel({ start, end }, key) {
    return this.rows.find((row) => row.start === start && row.end === end && row.label === key);
  }

  /**
   * Every place like the current one that hasn't the label `key` yet: all cues of the same entry, or else all other places
   * with the same words.
   * @param {Cue | null} cue
   * @param {Span | null} span
   * @param {string} key
   * @returns {SimilarPlace[]}
   */
  similarPlaces(cue, span, key) {
    const { text } = this.data;
    // Cues by their entry and not by their words: an entry is a pattern, and its hits differ in words.
    /** @type {[number, number, MachineCue | null][]} */ const found = cue
      ? this.cues.filter(({ entry }) => entry === cue.entry).map((one) => [one.from, one.to, this.machineCue(one)])
      : span ? occurrences(text, text.slice(...span), this.start, this.end, this.words).map(([from, to]) => [from, to, null]) : [];
    return found.map(([from, to, machine]) => ({ ...this.place(from, to), machine, context: this.context(from, to) }))
      .filter((place) => !this.sameLabel(place, key));
  }

  /** @param {number} from @param {number} to @returns {[string, string, string]} before, inside, after */
  context(from, to) {
    const { text } = this.data;
    /** @param {number} a @param {number} b */
    const flat = (a, b) => text.slice(a, b).replace(/\s+/g, " ");
    return [flat(Math.max(0, from - CONTEXT_UNITS), from), flat(from, to), flat(to, to + CONTEXT_UNITS)];
  }

  // -- how it looks -------------------------------------------------------------------------------

  /** The labels, and the cues nobody answered, as they are drawn. @returns {Mark[]} */
  marks() {
    const labels = this.rows.map((row) => this.labelMark(row));
    return inReadingOrder([...labels, ...this.openCues().map((cue) => this.cueMark(cue))]);
  }

  /** @param {LabelRow} row @returns {Mark} */
  labelMark(row) {
    const { name, letter, style, negative } = this.kind(row.label);
    return { start: this.offsets.toUnits(row.start), end: this.offsets.toUnits(row.end), key: `r:${row.root}`, letter, style,
      negative, current: this.current?.root === row.root, title: [name, row.flag, row.comment].filter(Boolean).join(" · ") };
  }

  /** @param {Cue} cue @returns {Mark} */
  cueMark(cue) {
    const { letter, style } = this.suggested(cue);
    return { start: cue.from, end: cue.to, key: `c:${cue.index}`, letter, style, dashed: true,
      current: this.current?.cue === cue.index, title: `machine: ${cue.entry}, ${cue.group}` };
  }

  /** What the mark `key` stands for. @param {string} key @returns {Current} */
  static ofMark(key) {
    return key.startsWith("r:") ? { root: key.slice(2) } : { cue: Number(key.slice(2)) };
  }
}

/** Whether a label answers a cue: it says so, or it lies on the very same characters.
 * @param {Pick<LabelRow, "machine" | "start" | "end">} row @param {Pick<Cue, "entry" | "start" | "end">} cue */
export function answers({ machine, start, end }, cue) {
  const named = machine !== null && machine.entry === cue.entry && machine.start === cue.start && machine.end === cue.end;
  return named || (start === cue.start && end === cue.end);
}
