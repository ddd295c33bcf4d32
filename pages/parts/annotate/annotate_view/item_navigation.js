// Going from cue to cue and from label to label of an item, and saying where one is.

import { AnnotationItem } from "./annotation_item.js";

/** @import { LabelRow } from "../../../components/labelling/labelling_view/label_log.js" */
/** @import { Cue } from "./annotation_item.js" */
/** @import { Annotator } from "./annotator.js" */

export class ItemNavigation {
  /** @param {Annotator} annotator */
  constructor(annotator) {
    this.annotator = annotator;
  }

  /** @param {1 | -1} step */
  walk(step) {
    const { annotator } = this;
    const { item } = annotator;
    if (!item.cues.length) {
      annotator.say(item.data.blind ? "This item is blind: it shows no machine cues" : "No machine cues here");
      return;
    }
    const cue = item.cueBeside(step, () => annotator.topUnit());
    if (cue) this.toCue(cue);
    else annotator.say(step > 0 ? "That was the last machine cue" : "That was the first machine cue");
  }

  /** @param {Cue} cue */
  toCue(cue) {
    const { annotator } = this;
    annotator.selection.clear();
    annotator.item.enterCue(cue);
    annotator.draw();
    annotator.view.reveal(cue.from, cue.to);
    this.speak();
  }

  /** @param {LabelRow} row */
  toLabel(row) {
    const { annotator } = this;
    const { offsets } = annotator.item;
    annotator.selection.clear();
    annotator.item.current = { root: row.root };
    annotator.draw();
    annotator.view.reveal(offsets.toUnits(row.start), offsets.toUnits(row.end));
    this.speak();
  }

  /** @param {number} after the number of a cue */
  toNextOpen(after) {
    const [cue] = this.annotator.item.openCues(after);
    if (cue) this.toCue(cue);
    else this.annotator.say("Every machine cue from here on is answered");
  }

  /** Goes to a mark that was clicked; clicking again goes to the next one under the same words.
   * @param {string[]} keys the marks under the click
   * @returns {boolean} false where it alone is there and is current already */
  toMark(keys) {
    const { annotator } = this;
    const { current } = annotator.item;
    const at = keys.indexOf(current?.root ? `r:${current.root}` : `c:${current?.cue}`);
    // The click chooses the word then: the only way to choose words under a label.
    if (at >= 0 && keys.length === 1) return false;
    annotator.selection.clear();
    annotator.item.current = AnnotationItem.ofMark(keys[(at + 1) % keys.length]);
    annotator.draw();
    this.speak();
    return true;
  }

  speak() {
    const { item } = this.annotator;
    const cue = item.currentCue();
    const row = item.currentRow();
    const where = cue ? `Machine cue ${cue.index + 1} of ${item.cues.length}, ` : "Label, ";
    if (row) this.annotator.say(`${where}“${row.quote}”, ${item.kind(row.label).name}`);
    else if (cue) this.annotator.say(`${where}“${item.data.text.slice(cue.from, cue.to)}”, not answered`);
  }
}
