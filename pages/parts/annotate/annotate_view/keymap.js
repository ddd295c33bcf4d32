// Which key asks for which command, and how a person changes it.

/** @import { BrowserStorage } from "../../../components/labelling/labelling_view/browser_storage.js" */

/** A command, the key that asks for it, and what it does. @typedef {[string, string, string]} KeyRow */

// The names are also what browsers keep changed keys under: a name that changes loses somebody's key.
/** @type {KeyRow[]} */
const USUAL_KEYS = [
  ["accept", "Enter", "accept the machine’s cue"],
  ["no", "x", "not a cue here"],
  ["next", "n", "next machine cue"],
  ["back", "p", "previous machine cue"],
  ["withdraw", "d", "take the label back"],
  ["undo", "u", "undo"],
  ["use", "t", "genuine doubt, filler or quoted"],
  ["comment", "c", "comment on the label"],
  ["every", "a", "label every place like this one"],
  ["forth", "j", "next item"],
  ["before", "k", "previous item"],
  ["flag", "f", "flag the item"],
  ["done", "e", "finish the item"],
  ["help", "?", "this help"],
];

/** Keys that can't be changed. */
export const FIXED_KEYS = [
  ["← → ↑ ↓", "choose a word"], ["Shift + arrows", "choose more words"], ["Shift + Alt + ← →", "by characters"],
  ["Shift + mouse", "choose characters"], ["Esc", "let go of what is chosen"],
];

export class Keymap {
  /** @param {BrowserStorage} storage the person's own, whatever the project
   * @param {{key: string, name: string}[]} labels the scheme's, the first nine of which have a number */
  constructor(storage, labels) {
    this.storage = storage;
    this.labels = labels;
    /** @type {Record<string, string>} changed keys by command; empty for a command that lost its key */
    this.changed = storage.get("keys", "map") ?? {};
  }

  /** @returns {KeyRow[]} the labels first */
  list() {
    /** @type {KeyRow[]} */
    const labels = this.labels.map(({ key, name }, k) => [`label:${key}`, k < 9 ? String(k + 1) : "", name]);
    return [...labels, ...USUAL_KEYS].map(([command, key, words]) => [command, this.changed[command] ?? key, words]);
  }

  /** @param {string} command */
  keyFor(command) {
    return this.list().find(([name]) => name === command)?.[1] ?? "";
  }

  /** @param {string} key @returns {string | null} */
  commandFor(key) {
    if (key === "Backspace" || key === "Delete") return "withdraw";
    return this.list().find(([, known]) => known !== "" && known === key)?.[0] ?? null;
  }

  /** Gives a command another key; a command that had the key loses it. @param {string} command @param {string} key */
  set(command, key) {
    for (const [other, known] of this.list()) if (known === key && other !== command) this.changed[other] = "";
    this.changed[command] = key;
    this.storage.set("keys", "map", this.changed);
  }

  reset() {
    this.changed = {};
    this.storage.remove("keys", "map");
  }
}
