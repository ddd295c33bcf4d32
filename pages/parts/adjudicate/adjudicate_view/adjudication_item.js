// The item an adjudicator works on: its places, which of them is current, and how lanes and gold look. Nothing here draws.

import { Offsets } from "../../../components/browser/offsets.js";
import { drawnKind } from "../../../components/labelling/labelling_view/label_kinds.js";
import { inReadingOrder, LEVELS } from "../../../components/labelling/labelling_view/text_marks.js";
import { Words } from "../../../components/labelling/labelling_view/words.js";
import { laneName, placesOf } from "./places.js";

/** @import { LabelRow } from "../../../components/labelling/labelling_view/label_log.js" */
/** @import { LabelSession } from "../../../components/labelling/labelling_view/label_session.js" */
/** @import { ItemData } from "../../../components/labelling/labelling_view/labelling_frame.js" */
/** @import { Mark } from "../../../components/labelling/labelling_view/text_marks.js" */
/** @import { Lane, LaneLabel, Place } from "./places.js" */

/** @typedef {ItemData & {lanes: Lane[], reasons: string[], agreement: string, settled: boolean}} AdjudicateData */

export class AdjudicationItem {
  /** @param {AdjudicateData} data @param {LabelSession} session whose log holds the gold */
  constructor(data, session) {
    this.data = data;
    this.session = session;
    this.offsets = new Offsets(data.text);
    this.start = this.offsets.toUnits(data.start);
    this.end = this.offsets.toUnits(data.end);
    this.words = new Words(data.text, this.start, this.end);
    this.settled = data.settled;
    /** @type {Place[]} */ this.places = [];
    /** @type {number | null} the number of a place */ this.current = null;
    this.isNamed = false; // whether lanes bear people's names
  }

  /** Finds the places anew after gold was written. A place of gold alone goes with it, and the last may have been current. */
  refresh() {
    this.places = placesOf(this.data.lanes, this.session.log.standing());
    if (this.current !== null && this.current >= this.places.length) this.current = this.places.length ? this.places.length - 1 : null;
  }

  /** @returns {Place | null} the current one */
  get place() {
    return this.current === null ? null : this.places[this.current] ?? null;
  }

  /** @param {string} key of a label */
  kind(key) {
    return drawnKind(this.data.labels, key);
  }

  /** @param {number} lane */
  laneName(lane) {
    return laneName(this.data.lanes, lane, this.isNamed);
  }

  /** @param {Place} place */
  quote({ start, end }) {
    const { data, offsets } = this;
    return data.text.slice(offsets.toUnits(start), offsets.toUnits(end));
  }

  /** Every lane's labels and the gold as they are drawn. @returns {Mark[]} */
  marks() {
    return inReadingOrder(this.places.flatMap((place) => [
      ...place.labels.map((label) => this.laneMark(place, label)), ...place.gold.map((row) => this.goldMark(place, row))]));
  }

  /** @param {Place} place @param {LaneLabel} label @returns {Mark} */
  laneMark(place, { start, end, label, lane, op }) {
    const { name, style, negative } = this.kind(label);
    return { ...this.markOf(place, start, end), style: op === "reject" ? "--sth-mute" : style, letter: "", dashed: negative,
      // The lowest line is gold's; lanes past the third share one.
      level: Math.min(lane, LEVELS - 2), title: `${this.laneName(lane)}: ${op === "reject" ? "no label here" : name}` };
  }

  /** @param {Place} place @param {LabelRow} row @returns {Mark} */
  goldMark(place, { start, end, label, op }) {
    const { name, letter, style } = this.kind(label);
    const isRejected = op === "reject";
    return { ...this.markOf(place, start, end), style: isRejected ? "--sth-mute" : style, letter: isRejected ? "–" : letter,
      level: Math.min(this.data.lanes.length, LEVELS - 1), thick: true, gold: !isRejected,
      title: `gold: ${isRejected ? "no label here" : name}` };
  }

  /** @param {Place} place @param {number} start @param {number} end */
  markOf({ index, gold }, start, end) {
    const { offsets } = this;
    return { start: offsets.toUnits(start), end: offsets.toUnits(end), key: `p:${index}`, open: !gold.length,
      current: index === this.current };
  }
}
