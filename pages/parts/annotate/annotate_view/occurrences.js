/** @typedef {import("../../../components/labelling/labelling_view/words.js").Words} Words */

/** Every place in [from, to) where `quote` stands as whole words, in any case.
 * @param {string} text @param {string} quote @param {number} from @param {number} to @param {Words} words
 * @returns {[start: number, end: number][]} */
export function occurrences(text, quote, from, to, words) {
  const hay = text.toLowerCase();
  const needle = quote.toLowerCase();
  // "İ" becomes two units in lower case: places found in `hay` would not be places in `text`.
  if (!needle.trim() || hay.length !== text.length) return [];
  /** @type {[start: number, end: number][]} */ const found = [];
  for (let at = hay.indexOf(needle, from); at >= 0 && at + needle.length <= to; at = hay.indexOf(needle, at + 1)) {
    const whole = words.snap(at, at + needle.length);
    if (whole && whole[0] === at && whole[1] === at + needle.length) found.push([at, at + needle.length]);
  }
  return found;
}
