// Every cue in its context, one a line: the list of hits of a pane.

import { button } from "../../browser/button.js";
import { count } from "../../browser/count.js";
import { el } from "../../browser/element.js";
import { onFrame } from "../../browser/on_frame.js";
import { appendText } from "../../browser/text_nodes.js";

/** @import { Cue, MarkedText } from "./marked_text.js" */

const HIT_ROWS = 400; // made at a time, as they are scrolled to

export class Hits {
  /** @type {MarkedText} */ doc;
  /** @type {Cue[]} */ cues = [];
  made = 0;

  /** @param {(cue: Cue) => void} onPick @param {() => void} onClose */
  constructor(onPick, onClose) {
    this.onPick = onPick;
    this.list = el("ol", { class: "hit-list" });
    this.title = el("h3");
    const close = button("×", "Close the list (h)", "hits-close", onClose, { class: "icon" });
    this.el = el("aside", { class: "hits", "aria-label": "Cues in context", hidden: true },
      el("header", {}, this.title, close), this.list);
    this.list.onscroll = onFrame(() => {
      if (this.list.scrollTop + this.list.clientHeight > this.list.scrollHeight - 600) this.more();
    });
  }

  /** @param {MarkedText} doc @param {Set<string>} hidden letters of groups that are off */
  show(doc, hidden) {
    this.doc = doc;
    this.cues = doc.cues.filter((cue) => !hidden.has(cue.letter));
    this.made = 0;
    this.list.replaceChildren();
    this.title.textContent = `${count(this.cues.length, "cue")} in context`;
    if (!this.cues.length) this.list.append(el("li", { class: "none" }, "No cues to list."));
    this.more();
  }

  more(until = 0) {
    const end = Math.min(this.cues.length, Math.max(this.made + HIT_ROWS, until));
    const rows = this.cues.slice(this.made, end).map((cue) => this.row(cue));
    this.made = end;
    this.list.append(...rows);
  }

  /** @param {Cue} cue */
  row(cue) {
    const [left, hit, right] = this.doc.context(cue);
    const attributes = { type: "button", class: `hit c${cue.letter}`, "data-cue": cue.index,
      title: this.doc.groups[cue.group].label, onclick: () => this.onPick(cue) };
    return el("li", {}, el("button", attributes,
      el("span", { class: "left" }, appendText(el("bdi"), left)),
      appendText(el("strong", { class: `c${cue.letter}` }), hit),
      appendText(el("span", { class: "right", dir: "auto" }), right)));
  }

  /** @param {Cue | null} cue */
  mark(cue) {
    if (this.el.hidden || !cue) return;
    const place = this.cues.indexOf(cue);
    if (place >= this.made) this.more(place + 1);
    for (const old of this.list.querySelectorAll("[aria-current]")) old.removeAttribute("aria-current");
    const row = this.list.querySelector(`[data-cue="${cue.index}"]`);
    row?.setAttribute("aria-current", "true");
    if (row?.parentElement) this.list.scrollTop = row.parentElement.offsetTop - this.list.clientHeight / 3;
  }
}
