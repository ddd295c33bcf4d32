import { el } from "../../browser/element.js";
import { appendText } from "../../browser/text_nodes.js";

/** @typedef {(node: Text, start: number) => void} Carry  called for each text node with its place in the text */

/**
 * Draws a cue as a mark. Its letter and its spoken form are the style sheet's, so that the mark's text is the cue's and
 * nothing else.
 * @param {ParentNode} parent
 * @param {{ text: string, groups: import("./marked_text.js").Group[] }} doc
 * @param {{ index: number, start: number, end: number, group: number, letter: string, entry: string }} cue
 * @param {Carry} carry
 */
export function paintCue(parent, doc, cue, carry) {
  const group = doc.groups[cue.group].label;
  const mark = el("mark", { class: `c${cue.letter}`, title: `${group}: ${cue.entry}`, "data-cue": cue.index });
  parent.append(appendText(mark, doc.text, cue.start, cue.end, carry));
  return mark;
}
