/** How many of 0..length-1 satisfy `before`, which holds for a prefix of them: a binary search.
 * @param {number} length @param {(index: number) => boolean} before */
export function partition(length, before) {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (before(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
