// Where cues lie along a text, as figures. Draws nothing.

import { partition } from "../../browser/partition.js";

/** @typedef {{ start: number, letter: string }} PlacedCue */

const MAP_ROWS = 320;
const SPARK_BARS = 48;

/** One tick a row and group, groups of one row side by side, so that any number of cues makes a bounded map.
 * @param {PlacedCue[]} cues @param {number} size  of the text
 * @returns {{ letter: string, top: number, left: number, width: number }[]} in percent */
export function tickPlaces(cues, size) {
  /** @type {Map<number, Set<string>>} */ const rows = new Map();
  for (const { start, letter } of cues) {
    const row = Math.floor((start / Math.max(1, size)) * MAP_ROWS);
    rows.set(row, (rows.get(row) ?? new Set()).add(letter));
  }
  return [...rows].flatMap(([row, letters]) =>
    [...letters].map((letter, place) => ({ letter, top: (row / MAP_ROWS) * 100, left: (place / letters.size) * 100, width: 100 / letters.size })));
}

/** Cues counted in equal parts of the text, and the middle of the densest part in percent.
 * @param {PlacedCue[]} cues @param {number} size  of the text */
export function cueBins(cues, size) {
  const bins = new Array(SPARK_BARS).fill(0);
  for (const { start } of cues) bins[Math.min(SPARK_BARS - 1, Math.floor((start / Math.max(1, size)) * SPARK_BARS))] += 1;
  const most = Math.max(1, ...bins);
  return { bins, most, peak: Math.round(((bins.indexOf(most) + 0.5) / SPARK_BARS) * 100) };
}

/**
 * The cue `step` from the current one, or from the first at or below the top of the view where none is current; -1 or
 * the number of cues where there is no further one.
 * @param {PlacedCue[]} cues
 * @param {number} current  -1 for none
 * @param {number} top  a unit of the text
 * @param {number} step
 */
export function nextCuePlace(cues, current, top, step) {
  if (current >= 0) return current + step;
  const first = partition(cues.length, (k) => cues[k].start < top);
  return step > 0 ? first : first - 1;
}
