// What a person sees of the outbox: "all saved", what waits and why, and what the server refused.

import { button } from "../../browser/button.js";
import { count } from "../../browser/count.js";
import { el } from "../../browser/element.js";
import { appendText } from "../../browser/text_nodes.js";

/** @import { Outbox } from "./outbox.js" */

export class SaveStatus {
  /** @param {() => void} onForget puts aside what was refused */
  constructor(onForget) {
    this.onForget = onForget;
    this.saved = el("span", { class: "saved", role: "status" });
    this.refused = el("div", { class: "refused", role: "alert", hidden: true });
  }

  /** @param {Outbox} outbox */
  draw(outbox) {
    const words = savedWords(outbox);
    // A live region written anew is read out anew, even where nothing changed.
    if (this.saved.textContent !== words) this.saved.textContent = words;
    this.saved.classList.toggle("bad", Boolean(outbox.trouble));
    this.drawRefused(outbox);
  }

  /** @param {Outbox} outbox */
  drawRefused({ refused }) {
    this.refused.hidden = !refused.length;
    const last = refused.at(-1);
    if (!last) return;
    this.refused.replaceChildren(
      appendText(el("span"), last.sentence), refused.length > 1 ? ` And ${refused.length - 1} more.` : "",
      button("Put it aside", "Forget what was refused", "refused-forget", this.onForget));
  }
}

/** @param {Pick<Outbox, "rows" | "waits" | "trouble" | "busy">} outbox @returns {string} */
export function savedWords({ rows, waits, trouble, busy }) {
  if (rows.length && trouble) return `${count(rows.length, "label")} not saved yet: ${trouble}`;
  if (waits && !trouble) return "saving…";
  return trouble && (waits || !busy) ? `not saved yet: ${trouble}` : "all saved";
}
