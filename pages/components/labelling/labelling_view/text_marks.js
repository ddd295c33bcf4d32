// Where marks fall in a text: its blocks, the lane each mark is drawn in, and the stretches between two edges. Units are
// UTF-16; nothing here draws.

/**
 * A label or a cue as it is drawn: a line of the colour `style` (a CSS variable) under text[start:end]. `key` names it in
 * clicks; `level` is the lane of its line, chosen here where it is missing.
 * @typedef {{
 *   start: number, end: number, key: string, letter: string, style: string, title: string, level?: number,
 *   current?: boolean, negative?: boolean, dashed?: boolean, thick?: boolean, gold?: boolean, open?: boolean,
 * }} Mark
 */
/** @typedef {Mark & {level: number}} PlacedMark */
/** A stretch and the marks that lie over all of it. @typedef {{from: number, to: number, over: PlacedMark[]}} Stretch */

// More lines under the words would run into the next line of text.
export const LEVELS = 4;
// A block is redrawn at each change of its labels: small enough to be drawn within a frame, large enough to be few.
const BLOCK_UNITS = 1_500;

/**
 * Cuts text[start:end] into blocks, each drawn anew only where its own marks change; they end after a line's end where
 * there is one.
 * @param {string} text
 * @param {number} start
 * @param {number} end
 * @returns {[number, number][]}
 */
export function blocksOf(text, start, end) {
  /** @type {[number, number][]} */ const found = [];
  for (let at = start; at < end; ) {
    const line = at + BLOCK_UNITS >= end ? -1 : text.indexOf("\n", at + BLOCK_UNITS);
    const to = line < 0 || line >= end ? end : line + 1;
    found.push([at, to]);
    at = to;
  }
  return found.length ? found : [[start, end]];
}

/** Gives marks that overlap lines of their own, the first nearest to the words.
 * @param {Mark[]} marks in order of start, the longer first @returns {PlacedMark[]} */
export function withLevels(marks) {
  /** @type {number[]} where each line becomes free */ const free = [];
  return marks.map((mark) => {
    if (mark.level !== undefined) return { ...mark, level: mark.level };
    let level = free.findIndex((end) => end <= mark.start);
    if (level < 0) level = free.length;
    free[level] = mark.end;
    return { ...mark, level: Math.min(level, LEVELS - 1) };
  });
}

/** Cuts [start, end) at every edge of a mark.
 * @param {number} start @param {number} end @param {PlacedMark[]} marks @returns {Stretch[]} */
export function stretches(start, end, marks) {
  // Each stretch becomes one element: labels overlap in any way, and nested elements couldn't.
  const edges = new Set([start, end]);
  for (const mark of marks) {
    if (mark.start > start) edges.add(mark.start);
    if (mark.end < end) edges.add(mark.end);
  }
  const sorted = [...edges].sort((a, b) => a - b);
  return sorted.slice(1).map((to, k) => {
    const from = sorted[k];
    return { from, to, over: marks.filter((mark) => mark.start <= from && mark.end >= to) };
  });
}

/** Orders marks as `withLevels` and drawing need them. @param {Mark[]} marks */
export function inReadingOrder(marks) {
  return marks.sort((a, b) => a.start - b.start || b.end - a.end);
}
