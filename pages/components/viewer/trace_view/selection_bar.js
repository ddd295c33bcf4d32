// The small bar at a selection: the selected characters as text or as a link, and the way on from there.

import { button } from "../../browser/button.js";
import { toClipboard } from "../../browser/clipboard.js";
import { el } from "../../browser/element.js";
import { selectedRange } from "../../browser/selected_range.js";

/**
 * @typedef {object} SelectionHost  the pane a bar belongs to
 * @property {import("./body.js").Body} body
 * @property {{ id: string }} data
 * @property {{ options: { goOn: boolean }, send(name: string, value: unknown): void }} viewer
 * @property {(words: string) => void} announce
 */

export class SelectionBar {
  /** @type {ReturnType<import("./body.js").Body["parts"]>} */ parts = [];
  /** @type {[start: number, end: number]} the last part in code points */ points = [0, 0];

  /** @param {SelectionHost} pane */
  constructor(pane) {
    this.pane = pane;
    this.where = el("span", { class: "where" });
    this.link = button("Copy link", "Copy a link to these characters", "copy-link", () => this.copyLink());
    const copy = button("Copy text", "Copy these characters", "copy-selection", () => this.copyText());
    this.goOn = button("Go on from here", "Write the rest anew from where the selection begins", "go-on",
      () => pane.viewer.send("place", { pane: pane.data.id, at: this.points[0] }));
    this.el = el("div", { class: "selected", role: "toolbar", "aria-label": "Selected characters", hidden: true },
      this.where, this.link, copy, this.goOn);
    this.el.onpointerdown = (event) => event.preventDefault(); // a click here must not drop the selection
  }

  update() {
    const { body } = this.pane;
    const selected = selectedRange(body.scroller.getRootNode());
    const empty = !selected || (selected.startContainer === selected.endContainer && selected.startOffset === selected.endOffset);
    this.parts = empty || !body.scroller.contains(selected.startContainer) ? [] : body.parts(selected);
    this.el.hidden = this.parts.length === 0;
    if (selected && this.parts.length) this.place(selected);
  }

  /** @param {AbstractRange} selected */
  place(selected) {
    const [doc, start, end] = this.parts[this.parts.length - 1];
    // A link names a range of the trace's own text: not of its prompt, nor one that runs over both.
    const inText = doc.name === "text" && this.parts.length === 1;
    this.points = [doc.offsets.toPoints(start), doc.offsets.toPoints(end)];
    this.where.textContent = inText ? `characters ${this.points[0]}–${this.points[1]}` : doc.name;
    this.where.dataset.range = this.points.join("-");
    this.link.hidden = !inText;
    this.goOn.hidden = !inText || !this.pane.viewer.options.goOn;
    const range = document.createRange();
    range.setStart(selected.endContainer, selected.endOffset);
    const { scroller } = this.pane.body;
    const box = range.getClientRects()[0] ?? (selected.endContainer.parentElement ?? scroller).getBoundingClientRect();
    const frame = (scroller.parentElement ?? scroller).getBoundingClientRect();
    const left = Math.min(box.left - frame.left, frame.width - this.el.offsetWidth - 26);
    const top = Math.min(box.bottom - frame.top + 6, frame.height - this.el.offsetHeight - 6);
    this.el.style.left = `${Math.max(6, left)}px`;
    this.el.style.top = `${Math.max(6, top)}px`;
  }

  focus() {
    this.el.querySelector(/** @type {"button"} */ ("button:not([hidden])"))?.focus();
  }

  text() {
    return this.parts.map(([doc, start, end]) => doc.slice(start, end)).join("\n");
  }

  async copyLink() {
    const done = await toClipboard(permalink(window.location.href, this.pane.data.id, this.points));
    this.pane.announce(done ? "Link copied" : "The browser refused to copy");
  }

  async copyText() {
    const done = await toClipboard(this.text());
    this.pane.announce(done ? "Text copied" : "The browser refused to copy");
  }
}

/** A page's address, asking for characters [start, end) of a pane, in code points.
 * @param {string} page @param {string} pane @param {[start: number, end: number]} points */
export function permalink(page, pane, [start, end]) {
  const address = new URL(page);
  address.searchParams.set("range", `${start}-${end}`);
  address.searchParams.set("pane", pane);
  return address.toString();
}
