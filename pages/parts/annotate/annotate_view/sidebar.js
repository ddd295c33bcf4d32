// Beside the text: the guidelines, and the labels that stand, the current one with its use, its comment and its history.

import { button } from "../../../components/browser/button.js";
import { count } from "../../../components/browser/count.js";
import { el } from "../../../components/browser/element.js";
import { keepFocus } from "../../../components/browser/keep_focus.js";
import { appendText } from "../../../components/browser/text_nodes.js";
import { labelLetter } from "../../../components/labelling/labelling_view/label_chip.js";

/** @import { LabelRow } from "../../../components/labelling/labelling_view/label_log.js" */
/** @import { AnnotateData, AnnotationItem } from "./annotation_item.js" */
/** @import { LabelCommands } from "./label_commands.js" */

/** @typedef {{commands: LabelCommands, goTo: (row: LabelRow) => void, leave: () => void}} SidebarActions */
/** A comment somebody is in the middle of writing. @typedef {{root: string, value: string, start: number, end: number}} Draft */

export class Sidebar {
  /** @param {SidebarActions} actions `leave` puts the keyboard back to the text */
  constructor(actions) {
    this.actions = actions;
    this.guide = el("details", { class: "guide" });
    this.list = el("ol", { class: "labels", "aria-label": "Labels of this item" });
    this.title = el("h2");
    this.element = el("aside", { class: "sidebar", "aria-label": "Guidelines and labels" }, this.guide, this.title, this.list);
  }

  /** @param {AnnotateData["guidelines"]} guidelines */
  drawGuidelines({ text, version }) {
    const body = appendText(el("div", { class: "guide-text" }), text || "This project has no guidelines yet.");
    this.guide.replaceChildren(el("summary", {}, `Guidelines, version ${version}`), body);
  }

  /** @param {AnnotationItem} item @param {Set<string>} refused ids of rows the server refused */
  draw(item, refused) {
    const { rows } = item;
    // The list is drawn anew whenever the server answers, also while somebody writes a comment.
    const draft = this.draft();
    this.title.textContent = rows.length ? count(rows.length, "label") : "No labels yet";
    keepFocus(this.list, "focus", () => {
      this.list.replaceChildren(...rows.map((row) => this.row(item, row, refused.has(row.id))));
    }, { preventScroll: true });
    if (!rows.length) {
      const words = item.data.writable
        ? "Choose words with the mouse or the arrow keys, then press a label’s number. ? shows every key."
        : item.data.why;
      this.list.append(el("li", { class: "none" }, words));
    }
    if (draft) this.restore(draft);
  }

  /** @returns {Draft | null} */
  draft() {
    const area = /** @type {Document | ShadowRoot} */ (this.list.getRootNode()).activeElement;
    const root = area?.closest("li")?.dataset.root;
    if (!root || !(area instanceof HTMLTextAreaElement)) return null;
    return { root, value: area.value, start: area.selectionStart, end: area.selectionEnd };
  }

  /** @param {Draft} draft */
  restore({ root, value, start, end }) {
    const area = /** @type {HTMLTextAreaElement | null} */ (this.list.querySelector(`[data-root="${CSS.escape(root)}"] textarea`));
    if (!area) return;
    area.value = value;
    area.setSelectionRange(start, end);
  }

  /** @param {AnnotationItem} item @param {LabelRow} row @param {boolean} isRefused */
  row(item, row, isRefused) {
    const kind = item.kind(row.label);
    const isCurrent = item.current?.root === row.root;
    const quote = el("button", { type: "button", class: "quote", "data-focus": `q${row.root}`, onclick: () => this.actions.goTo(row) },
      labelLetter(kind), appendText(el("span"), row.quote.replace(/\s+/g, " ")));
    const waiting = isRefused ? el("i", { class: "bad" }, " · not saved") : row.seq === undefined ? el("i", {}, " · saving") : null;
    const what = el("span", { class: "what" }, appendText(el("span"), kind.name), row.flag ? el("i", {}, ` · ${row.flag}`) : null, waiting);
    const comment = row.comment && !isCurrent ? appendText(el("p", { class: "comment" }), row.comment) : null;
    return el("li", { class: isCurrent ? "row current" : "row", "data-root": row.root }, quote, what, comment,
      isCurrent ? this.details(item, row) : null);
  }

  /** @param {AnnotationItem} item @param {LabelRow} row */
  details(item, row) {
    const { commands } = this.actions;
    const disabled = !item.data.writable;
    const uses = item.data.flags.map((flag) =>
      button(flag, `This is ${flag}`, `use-${flag}`, () => commands.change(row, { flag: row.flag === flag ? "" : flag }),
        { class: "use", "aria-pressed": String(row.flag === flag), "data-focus": `u${flag}`, disabled }));
    const withdraw = button("Take back", "Take this label back (d)", "withdraw", () => commands.withdraw(row), { disabled });
    return el("div", { class: "details" }, el("div", { class: "uses", role: "group", "aria-label": "How it is used here" }, ...uses),
      this.commentField(row, disabled), el("div", { class: "foot" }, withdraw, historyOf(item, row.root)));
  }

  /** @param {LabelRow} row @param {boolean} disabled */
  commentField(row, disabled) {
    const { commands, leave } = this.actions;
    const field = el("textarea", { rows: 2, "aria-label": "Comment on this label", placeholder: "Comment", maxlength: 2000,
      "data-focus": "comment", disabled });
    field.value = row.comment;
    // On leaving the field, not at each key: every change is a row of the log.
    field.onchange = () => commands.change(row, { comment: field.value });
    field.onkeydown = (event) => {
      if (event.key === "Escape" || (event.key === "Enter" && (event.ctrlKey || event.metaKey))) leave();
    };
    return field;
  }

  focusComment() {
    /** @type {HTMLElement | null} */ (this.list.querySelector("[data-focus=comment]"))?.focus();
  }
}

/** Every version of a label, where there are several. @param {AnnotationItem} item @param {string} root */
function historyOf(item, root) {
  const versions = item.session.log.history(root);
  if (versions.length < 2) return null;
  return el("details", { class: "past" }, el("summary", {}, `${versions.length} versions`),
    el("ol", {}, ...versions.map((row) => el("li", {}, appendText(el("span"), versionWords(item, row))))));
}

/** @param {AnnotationItem} item @param {LabelRow} row */
function versionWords(item, row) {
  const time = row.at ? new Date(row.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : "";
  const what = row.op === "withdraw" ? "taken back" : [item.kind(row.label).name, row.flag, row.comment].filter(Boolean).join(" · ");
  return `${time} ${what}${row.how ? ` (${row.how})` : ""}`;
}
