// Which key asks an adjudicator's view for what.

/** A command on the place one is at. @typedef {{act: "adopt", lane: number} | {act: "reason", reason: number} | {act: "reject" | "undecide"}} PlaceCommand */
/**
 * @typedef {PlaceCommand | {act: "walk" | "move", step: 1 | -1} | {act: "label", key: string} |
 *   {act: "nextOpen" | "help" | "letGo" | "undo" | "settle"}} Command
 */

/** The keys as the help lists them. */
export const ADJUDICATE_KEYS = [
  ["1 … 9", "adopt the label of that lane"], ["0", "no label belongs here"], ["Shift + letter", "this label instead: H, M, C …"],
  ["g b s", "reason: guideline gap, ambiguous, slip"], ["n p", "next, previous place"], ["o", "next open place"], ["u", "undo"],
  ["d", "take the decision back"], ["j k", "next, previous item"], ["e", "settle the item, and go on"], ["?", "this help"],
];

/** @type {Record<string, Command>} what only reads */
const READING = {
  n: { act: "walk", step: 1 }, p: { act: "walk", step: -1 }, o: { act: "nextOpen" },
  j: { act: "move", step: 1 }, k: { act: "move", step: -1 }, "?": { act: "help" }, Escape: { act: "letGo" },
};
/** @type {Record<string, PlaceCommand>} reasons by their number in the page's list */
const DECIDING = {
  0: { act: "reject" }, d: { act: "undecide" },
  g: { act: "reason", reason: 0 }, b: { act: "reason", reason: 1 }, s: { act: "reason", reason: 2 },
};

/** @param {{key: string, shiftKey: boolean}} pressed
 * @param {{writable: boolean, labels: {key: string, letter: string}[], lanes: number, isAtPlace: boolean}} state
 * @returns {Command | null} */
export function commandFor({ key, shiftKey }, { writable, labels, lanes, isAtPlace }) {
  if (key in READING) return READING[key];
  if (!writable) return null;
  // No keyboard has the cross that "not a cue" is drawn with.
  const label = shiftKey && labels.find(({ letter }) => letter === key || (letter === "×" && key === "X"));
  if (label) return { act: "label", key: label.key };
  if (key === "u") return { act: "undo" };
  if (key === "e") return { act: "settle" };
  if (!isAtPlace) return null;
  if (/^[1-9]$/.test(key) && Number(key) <= lanes) return { act: "adopt", lane: Number(key) - 1 };
  return DECIDING[key] ?? null;
}
