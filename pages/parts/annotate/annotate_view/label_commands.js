// What an annotator does to labels: putting, changing, withdrawing, and labelling every place alike. Each is one act to
// undo, whether a key, a click or a button asked for it.

import { count } from "../../../components/browser/count.js";
import { newRow, withdrawal } from "../../../components/labelling/labelling_view/label_log.js";

/** @import { LabelFields, LabelRow } from "../../../components/labelling/labelling_view/label_log.js" */
/** @import { Span } from "../../../components/labelling/labelling_view/words.js" */
/** @import { Cue } from "./annotation_item.js" */
/** @import { Annotator } from "./annotator.js" */

export class LabelCommands {
  /** @param {Annotator} annotator */
  constructor(annotator) {
    this.annotator = annotator;
    /** @type {string | null} the label that every selection gets until Escape */ this.armed = null;
  }

  /** Gives a label to what is chosen, else to the current cue or label; where nothing is, arms it.
   * @param {string} key */
  useLabel(key) {
    const { annotator } = this;
    const { item, selection } = annotator;
    if (selection.span) {
      this.labelSpan(selection.span, key);
      return;
    }
    const cue = item.unansweredCue();
    const row = item.currentRow();
    if (cue) this.answer(cue, key, "keyboard");
    else if (row) this.change(row, { label: key });
    else {
      this.armed = this.armed === key ? null : key;
      annotator.drawPalette();
    }
  }

  /** @param {Span} span @param {string} key */
  labelSpan(span, key) {
    const { annotator } = this;
    const { item, selection } = annotator;
    const fields = item.spanFields(span, key, selection.how);
    const same = item.sameLabel(fields, key);
    selection.clear();
    // A second label that says the same would count twice in every figure.
    if (same) {
      annotator.navigation.toLabel(same);
      return;
    }
    const row = newRow(fields);
    item.current = { root: row.root };
    annotator.write([row]);
    annotator.say(`Labelled “${row.quote}” ${item.kind(key).name}`);
  }

  /** Answers a cue and goes on to the next that is open.
   * @param {Cue} cue @param {string} key @param {string} how */
  answer(cue, key, how) {
    const { annotator } = this;
    const row = newRow(annotator.item.answerFields(cue, key, how));
    annotator.item.current = { root: row.root };
    annotator.write([row]);
    annotator.navigation.toNextOpen(cue.index);
  }

  accept() {
    const { item, navigation } = this.annotator;
    const cue = item.unansweredCue();
    if (cue) this.answer(cue, item.suggested(cue).key, "accepted");
    else navigation.walk(1);
  }

  refuse() {
    const { item, selection } = this.annotator;
    const key = item.negative?.key;
    const row = item.currentRow();
    const cue = item.currentCue();
    if (key === undefined) this.annotator.say("This project’s scheme has no label for “not a cue”");
    else if (selection.span) this.labelSpan(selection.span, key);
    else if (row) this.change(row, { label: key });
    else if (cue) this.answer(cue, key, "keyboard");
    else this.annotator.say("Choose a cue or some words first");
  }

  /** @param {LabelRow} row @param {Partial<LabelFields>} fields */
  change(row, fields) {
    if (this.annotator.writable) this.annotator.write([newRow({ ...row, ...fields, how: "changed" })]);
  }

  /** @param {LabelRow | null} row */
  withdraw(row) {
    const { annotator } = this;
    if (!row) {
      annotator.say("Choose a label first");
      return;
    }
    // Back to the cue it answered, which is open again: another answer is one key away.
    const cue = annotator.item.cueOf(row);
    annotator.item.current = cue ? { cue: cue.index } : null;
    annotator.write([withdrawal(row)]);
    annotator.say(`Taken back: “${row.quote}”`);
  }

  undo() {
    const { annotator } = this;
    if (!annotator.item.session.undo()) {
      annotator.say("There is nothing to undo here");
      return;
    }
    // What was current may stand no more.
    annotator.item.current = null;
    annotator.afterWriting();
    annotator.say("Undone");
  }

  /** Gives the current label the next of the scheme's uses (genuine, filler, quoted), or none after the last. */
  nextUse() {
    const row = this.annotator.item.currentRow();
    const uses = ["", ...this.annotator.item.data.flags];
    if (row) this.change(row, { flag: uses[(uses.indexOf(row.flag) + 1) % uses.length] });
    else this.annotator.say("Choose a label first");
  }

  /** Labels every place like the current one, after a person has seen them all. */
  labelSimilar() {
    const { annotator } = this;
    const { item, selection } = annotator;
    const cue = item.currentCue();
    const row = item.currentRow();
    /** @type {Span | null} */
    const span = selection.span ?? (row ? [item.offsets.toUnits(row.start), item.offsets.toUnits(row.end)] : null);
    if (!cue && !span) {
      annotator.say("Go to a cue or choose some words first");
      return;
    }
    const key = row?.label ?? this.armed ?? (cue ? item.suggested(cue).key : item.data.labels[0].key);
    const places = item.similarPlaces(cue, span, key);
    if (!places.length) {
      annotator.say("Every place like this one has this label already");
      return;
    }
    annotator.dialogs.showPlaces(item.kind(key).name, places, (chosen) => {
      annotator.write(chosen.map(({ context: _, ...place }) => newRow({ ...place, label: key, how: "bulk" })));
      annotator.say(`Labelled ${count(chosen.length, "place")}`);
    });
  }

  /** Answers cues at once: each with its own suggestion, or all with one label.
   * @param {Cue[]} cues @param {string | null} key */
  answerAll(cues, key) {
    const { annotator } = this;
    annotator.write(cues.map((cue) => newRow(annotator.item.answerFields(cue, key ?? annotator.item.suggested(cue).key, "bulk"))));
  }
}
