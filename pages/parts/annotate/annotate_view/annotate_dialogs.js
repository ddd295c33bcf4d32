// The three dialogs of annotating: the keys and their change, every place like this one, and finishing with cues left
// unanswered.

import { button } from "../../../components/browser/button.js";
import { count } from "../../../components/browser/count.js";
import { el } from "../../../components/browser/element.js";
import { appendText } from "../../../components/browser/text_nodes.js";
import { keyTerms, ModalDialog } from "../../../components/labelling/labelling_view/modal_dialog.js";
import { FIXED_KEYS } from "./keymap.js";

/** @import { SimilarPlace } from "./annotation_item.js" */
/** @import { Keymap, KeyRow } from "./keymap.js" */

export class AnnotateDialogs {
  /** @param {{onClose: () => void, onKeysChanged: () => void}} handlers */
  constructor({ onClose, onKeysChanged }) {
    this.dialog = new ModalDialog(onClose);
    this.onKeysChanged = onKeysChanged;
  }

  get element() {
    return this.dialog.element;
  }

  /** @param {Keymap} keymap */
  showKeys(keymap) {
    const reset = button("Back to the usual keys", "Forget every change", "keys-reset", () => {
      keymap.reset();
      this.onKeysChanged();
      this.showKeys(keymap);
    });
    this.dialog.show("Keys",
      el("p", { class: "quiet" }, "Press a key’s button, then the key you want instead. They are yours, in this browser."),
      el("dl", {}, ...keymap.list().flatMap((row) => this.keyTerm(keymap, row)), ...keyTerms(FIXED_KEYS)),
      el("footer", {}, reset));
  }

  /** @param {Keymap} keymap @param {KeyRow} row */
  keyTerm(keymap, [command, key, words]) {
    const cap = button(key || "–", `Change the key for: ${words}`, `key-${command}`, () => {
      cap.textContent = "press";
      this.waitForKey(keymap, command);
    }, { class: "cap" });
    return [el("dt", {}, cap), el("dd", {}, words)];
  }

  /** @param {Keymap} keymap @param {string} command */
  waitForKey(keymap, command) {
    /** @param {KeyboardEvent} event */
    const pressed = (event) => {
      event.preventDefault();
      event.stopPropagation();
      if (["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
      window.removeEventListener("keydown", pressed, true);
      if (event.key !== "Escape" && event.key !== "Tab") keymap.set(command, event.key);
      this.onKeysChanged();
      this.showKeys(keymap);
      /** @type {HTMLElement | null} */ (this.element.querySelector(`[data-act="key-${CSS.escape(command)}"]`))?.focus();
    };
    // On the window and while capturing: before the dialog takes Escape, and before any shortcut.
    window.addEventListener("keydown", pressed, true);
  }

  /** Shows places that would get a label, all ticked until one is taken out.
   * @param {string} label @param {SimilarPlace[]} places @param {(chosen: SimilarPlace[]) => void} accept */
  showPlaces(label, places, accept) {
    const boxes = places.map((place, k) => {
      const input = el("input", { type: "checkbox", checked: true, "data-place": k, onchange: () => draw() });
      return { place, input, line: el("label", { class: "place" }, input, contextWords(place.context)) };
    });
    const chosen = () => boxes.filter(({ input }) => input.checked).map(({ place }) => place);
    const yes = button("", "Label the places that are ticked", "every-yes", () => {
      this.dialog.close();
      accept(chosen());
    }, { class: "main" });
    const draw = () => {
      yes.textContent = `Label ${count(chosen().length, "place")}`;
      yes.disabled = chosen().length === 0;
    };
    draw();
    this.dialog.show(`Every place like this one: ${label}`,
      el("div", { class: "places" }, ...boxes.map(({ line }) => line)), el("footer", {}, yes));
    yes.focus();
  }

  /** Asks what becomes of the cues nobody answered before an item is finished.
   * @param {number} open how many they are
   * @param {{accept: () => void, refuse: () => void, leave: () => void}} choices */
  askUnanswered(open, { accept, refuse, leave }) {
    /** @param {string} words @param {string} act @param {() => void} action @param {string | null} [look] */
    const choice = (words, act, action, look = null) => button(words, words, act, () => {
      this.dialog.close();
      action();
    }, { class: look });
    this.dialog.show(`${count(open, "machine cue")} not answered yet`,
      el("p", { class: "quiet" }, "Only your answer counts: a cue nobody answered is taken for none."),
      el("footer", {}, choice(`Accept ${open === 1 ? "it" : "all"}, finish`, "finish-accept", accept),
        choice("None is a cue, finish", "finish-refuse", refuse),
        choice("Leave them, finish", "finish-leave", leave),
        choice("Go back", "finish-back", () => {}, "main")));
  }
}

/** @param {[string, string, string]} context */
function contextWords([before, inside, after]) {
  const words = appendText(el("span", { class: "in-context" }), `…${before}`);
  words.append(appendText(el("b"), inside));
  return appendText(words, `${after}…`);
}
