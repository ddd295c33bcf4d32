// Code points (Python, the store, permalinks) to UTF-16 units (the browser) and back, for one text.

class Offsets {
  constructor(text) {
    this.units = text.length;
    this.astral = []; // unit offset of each high surrogate that starts a pair, ascending
    if (/[\ud800-\udbff]/.test(text)) {
      for (const pair of text.matchAll(/[\ud800-\udbff][\udc00-\udfff]/g)) this.astral.push(pair.index);
    }
    this.points = this.units - this.astral.length;
  }

  // The k-th pair starts at code point astral[k] - k, which never falls as k grows: both ways are binary searches.
  toUnits(point) {
    return point + partition(this.astral.length, (k) => this.astral[k] - k < point);
  }

  // A unit in the middle of a pair counts as the pair's start.
  toPoints(unit) {
    return unit - partition(this.astral.length, (k) => this.astral[k] < unit);
  }
}

// How many of 0..length-1 satisfy `before`, which holds for a prefix of them.
function partition(length, before) {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (before(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
