// The letter and the button of a label.

import { button } from "../../browser/button.js";
import { el } from "../../browser/element.js";
import { appendText } from "../../browser/text_nodes.js";

/** @import { AttributeValue } from "../../browser/element.js" */
/** @import { DrawnKind } from "./label_kinds.js" */

/** @param {DrawnKind} kind */
export function labelLetter({ letter, style }) {
  const drawn = el("span", { class: "letter", "aria-hidden": "true" }, letter);
  drawn.style.color = `var(${style})`;
  return drawn;
}

/** The button in the palette that uses a label.
 * @param {DrawnKind} kind
 * @param {{title: string, key?: string, onclick: () => void}} use `key` is the keyboard's, shown on it
 * @param {Record<string, AttributeValue>} attributes */
export function labelChip(kind, { title, key = "", onclick }, attributes) {
  const chip = button("", title, `label-${kind.key}`, onclick, { class: "label-chip", ...attributes });
  chip.append(key ? el("kbd", {}, key) : "", labelLetter(kind), appendText(el("span"), kind.name));
  return chip;
}
