// A dialog over a labelling view: one element, filled anew each time it is shown.

import { button } from "../../browser/button.js";
import { el } from "../../browser/element.js";

export class ModalDialog {
  /** @param {(() => void) | null} onClose */
  constructor(onClose = null) {
    this.element = el("dialog", { class: "ask", onclose: onClose });
  }

  get open() {
    return this.element.open;
  }

  /** @param {string} title @param {...Node} parts */
  show(title, ...parts) {
    const close = button("×", "Close", "dialog-close", () => this.close(), { class: "icon" });
    this.element.setAttribute("aria-label", title);
    this.element.replaceChildren(el("header", {}, el("h2", {}, title), close), ...parts);
    // showModal on an open dialog throws.
    if (!this.element.open) this.element.showModal();
  }

  close() {
    this.element.close();
  }
}

/** Keys and what they do, as the children of a definition list. @param {string[][]} rows [key, words] */
export function keyTerms(rows) {
  return rows.flatMap(([key, words]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, words)]);
}
