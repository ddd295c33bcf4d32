// The keys of the viewer and the dialog that explains them. One viewer of a page answers at a time.

import { button } from "../../browser/button.js";
import { el } from "../../browser/element.js";
import { listenForKeys } from "../../browser/keyboard.js";

/**
 * @typedef {object} Viewer  as far as keys act on it
 * @property {HTMLElement} root
 * @property {HTMLDialogElement} help
 * @property {{ keys: boolean, listKeys: boolean }} options
 * @property {import("./pane.js").Pane[]} panes
 * @property {import("./pane.js").Pane} active
 * @property {() => void} toggleMathematics
 * @property {() => void} toggleLink
 * @property {() => void} escape
 * @property {(by: number) => void} step
 */

// Viewers may come from two loads of this script, which share nothing but the window.
const ACTIVE_VIEWER = Symbol.for("second-thoughts.trace-view.active");
const shared = /** @type {{ [ACTIVE_VIEWER]?: Viewer }} */ (globalThis);

/** @type {[key: string, meaning: string, when?: "panes" | "problems" | "tokens"][]} */
const KEYS = [
  ["n", "next cue"],
  ["p", "previous cue"],
  ["h", "list of cues in context"],
  ["v", "select the cue, or else the first word in view; once more: what to do with it"],
  ["⇧ ← →", "let the selection grow or shrink"],
  ["m", "mathematics as source or drawn"],
  ["[", "the pane to the left", "panes"],
  ["]", "the pane to the right", "panes"],
  ["s", "scroll together", "panes"],
  ["j", "next problem", "problems"],
  ["k", "previous problem", "problems"],
  ["← →", "previous or next token, with colours on", "tokens"],
  ["Esc", "close the list or the bar"],
  ["?", "this help"],
];

/** @param {Viewer} viewer */
export function makeActive(viewer) {
  shared[ACTIVE_VIEWER] = viewer;
}

/** @param {Viewer} viewer */
export function makeInactive(viewer) {
  if (shared[ACTIVE_VIEWER] === viewer) delete shared[ACTIVE_VIEWER];
}

/** @param {Viewer} viewer @returns {() => void} ends the listening */
export function answerKeys(viewer) {
  return listenForKeys(viewer.root, (event) => {
    const chosen = shared[ACTIVE_VIEWER];
    if (!viewer.options.keys || viewer.help.open || (chosen && chosen !== viewer && chosen.root.isConnected)) return;
    const action = actionsOf(viewer)[event.key];
    if (!action) return;
    if (event.key !== "Escape") event.preventDefault();
    action();
  });
}

/** @param {Viewer} viewer @returns {Record<string, (() => void) | undefined>} */
function actionsOf(viewer) {
  const several = viewer.panes.length > 1;
  return {
    n: () => viewer.active.nextCue(1),
    p: () => viewer.active.nextCue(-1),
    h: () => viewer.active.toggleHits(),
    v: () => viewer.active.select(),
    m: () => viewer.toggleMathematics(),
    "?": () => viewer.help.showModal(),
    Escape: () => viewer.escape(),
    ...(several && { "[": () => viewer.step(-1), "]": () => viewer.step(1), s: () => viewer.toggleLink() }),
  };
}

export function helpDialog() {
  const dialog = el("dialog", { class: "help", "aria-label": "Keys" });
  const close = button("×", "Close", "help-close", () => dialog.close(), { class: "icon" });
  // A click beside the dialog hits its backdrop, which is the dialog itself.
  dialog.onclick = (event) => {
    if (event.target === dialog) dialog.close();
  };
  dialog.append(el("header", {}, el("h2", {}, "Keys"), close), el("dl"));
  return dialog;
}

/** @param {HTMLDialogElement} dialog @param {Viewer} viewer */
export function fillHelp(dialog, { options, panes }) {
  const when = {
    panes: panes.length > 1,
    tokens: panes.some(({ data }) => data.tokens),
    problems: options.listKeys,
  };
  const shown = KEYS.filter(([, , needs]) => !needs || when[needs]);
  const rows = shown.flatMap(([key, meaning]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, meaning)]);
  dialog.querySelector("dl")?.replaceChildren(...rows);
}
