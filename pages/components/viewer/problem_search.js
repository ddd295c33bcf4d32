// Which problems of the list a search leaves, and where a step through them leads.

/** @typedef {[id: string, number: number, question: string, verdicts: (boolean | null)[], figure: string]} Item */

/** Whether a problem's question holds the words, or the words are its number ("7", "07").
 * @param {Item} item @param {string} filter */
export function matches([, number, question], filter) {
  const wanted = filter.trim().toLocaleLowerCase();
  return !wanted || question.toLocaleLowerCase().includes(wanted) || String(number) === wanted.replace(/^0+/, "");
}

/**
 * The place `by` steps from `at` among `size`, at most to an end. From nowhere (-1) a step on leads to the first and one
 * back to the last.
 * @param {number} at
 * @param {number} by
 * @param {number} size
 */
export function nextPlace(at, by, size) {
  if (at < 0) return by > 0 ? 0 : size - 1;
  return Math.max(0, Math.min(size - 1, at + by));
}
