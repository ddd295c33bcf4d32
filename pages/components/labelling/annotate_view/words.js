// Words of a text, in UTF-16 units: what a selection snaps to and a caret walks over.

class Words {
  constructor(text, start, end) {
    this.text = text;
    this.starts = [];
    this.ends = [];
    const segmenter = new Intl.Segmenter("en", { granularity: "word" });
    for (const { segment, index, isWordLike } of segmenter.segment(text.slice(start, end))) {
      if (!isWordLike) continue;
      this.starts.push(start + index);
      this.ends.push(start + index + segment.length);
    }
    this.from = start;
    this.to = end;
  }

  get size() {
    return this.starts.length;
  }

  // The number of the word at or after a place; the last one where there is none.
  at(unit) {
    const k = partition(this.size, (i) => this.ends[i] <= unit);
    return Math.max(0, Math.min(k, this.size - 1));
  }

  span(k) {
    return this.size ? [this.starts[k], this.ends[k]] : [this.from, this.from];
  }

  // [start, end) grown to whole words and stripped of what lies around them; null where it touches no word.
  snap(start, end) {
    const first = partition(this.size, (i) => this.ends[i] <= start);
    const last = partition(this.size, (i) => this.starts[i] < Math.max(end, start + 1)) - 1;
    return first <= last ? [this.starts[first], this.ends[last]] : null;
  }
}

// [start, end) in whole characters: never half of a pair, a combining mark stays with its letter.
function wholeCharacters(text, start, end) {
  const inside = (at) => at > 0 && at < text.length && /[\udc00-\udfff\p{M}\u200d\ufe0f]/u.test(charFrom(text, at));
  let [from, to] = [Math.min(start, end), Math.max(start, end)];
  while (inside(from)) from -= 1;
  while (inside(to)) to += 1;
  return [from, to];
}

function charFrom(text, at) {
  const unit = text.charCodeAt(at);
  if (unit >= 0xdc00 && unit <= 0xdfff) return text[at]; // a low half on its own matches as such
  return String.fromCodePoint(text.codePointAt(at));
}

// Every place in [from, to) where `quote` stands as whole words, in any case.
function occurrences(text, quote, from, to, words) {
  const hay = text.toLowerCase();
  const needle = quote.toLowerCase();
  if (!needle.trim() || hay.length !== text.length) return [];
  const found = [];
  for (let at = hay.indexOf(needle, from); at >= 0 && at + needle.length <= to; at = hay.indexOf(needle, at + 1)) {
    const whole = words.snap(at, at + needle.length);
    if (whole && whole[0] === at && whole[1] === at + needle.length) found.push([at, at + needle.length]);
  }
  return found;
}
