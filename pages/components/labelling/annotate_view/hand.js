// Choosing characters: by mouse, with the whole words shown before the button is let go, or by a caret that walks over
// words. Holds what is chosen, in units; knows nothing of labels.

class Hand {
  constructor(paper, { chosen, pointed }) {
    Object.assign(this, { paper, chosen, pointed });
    this.pick = null; // [start, end)
    this.word = -1; // the caret's
    this.origin = null;
    const { scroller } = paper;
    scroller.addEventListener("pointerdown", (event) => this.down(event));
    scroller.addEventListener("pointermove", (event) => this.move(event));
    scroller.addEventListener("pointerup", (event) => this.up(event));
    scroller.addEventListener("pointercancel", () => this.clear());
    scroller.addEventListener("copy", (event) => this.copied(event));
  }

  begin(words) {
    this.words = words;
    this.clear();
    this.word = -1;
  }

  down(event) {
    if (event.button !== 0) return;
    const at = this.paper.unitAt(event.clientX, event.clientY);
    if (at === null) return;
    event.preventDefault(); // no selection of the browser's beside ours
    this.paper.scroller.focus({ preventScroll: true });
    this.paper.scroller.setPointerCapture(event.pointerId);
    this.origin = { at, x: event.clientX, y: event.clientY, moved: false };
  }

  move(event) {
    if (!this.origin) return;
    const far = Math.hypot(event.clientX - this.origin.x, event.clientY - this.origin.y) > 4;
    this.origin.moved = this.origin.moved || far;
    if (!this.origin.moved) return;
    const at = this.paper.unitAt(event.clientX, event.clientY) ?? this.origin.last;
    if (at === undefined) return;
    this.origin.last = at;
    this.choose(this.between(this.origin.at, at, event.shiftKey), false);
  }

  up(event) {
    const { origin } = this;
    this.origin = null;
    if (!origin) return;
    if (origin.moved) {
      this.choose(this.between(origin.at, origin.last ?? origin.at, event.shiftKey), true, "mouse");
      return;
    }
    // Capture sends the event to the scroller: what lies under the point is asked for.
    const under = this.paper.scroller.getRootNode().elementFromPoint(event.clientX, event.clientY);
    const keys = under?.closest(".on, .badge");
    if (keys && this.pointed((keys.dataset.keys ?? keys.dataset.badge).split(" "))) return;
    this.choose(this.between(origin.at, origin.at, false), true, "mouse");
  }

  between(a, b, characters) {
    const [start, end] = [Math.min(a, b), Math.max(a, b)];
    if (!characters) return this.words.snap(start, end);
    const [from, to] = wholeCharacters(this.paper.text, start, end);
    return trimmed(this.paper.text, Math.max(from, this.paper.start), Math.min(to, this.paper.end));
  }

  choose(pick, final, how = "keyboard") {
    this.pick = pick && pick[1] > pick[0] ? pick : null;
    this.how = how;
    this.draw();
    if (final) {
      if (this.pick) this.word = this.words.at(this.pick[0]);
      this.chosen(this.pick);
    }
  }

  clear() {
    this.pick = null;
    this.anchor = null;
    this.origin = null;
    this.draw();
  }

  // The caret: `by` words, or a line up or down; `extend` keeps where it began.
  step(by, extend, characters) {
    if (!this.words.size) return;
    if (extend && characters && this.pick) return this.stretchBy(by);
    const start = this.anchor ?? (this.word < 0 ? this.firstInView() : this.word);
    const from = this.head ?? start;
    const to = Math.max(0, Math.min(this.words.size - 1, this.word < 0 && !extend ? start : from + by));
    this.moveTo(to, extend ? start : null);
  }

  line(by, extend) {
    if (!this.words.size) return;
    const at = this.head ?? (this.word < 0 ? this.firstInView() : this.word);
    const box = this.paper.box(...this.words.span(at));
    const view = this.paper.scroller.getBoundingClientRect();
    const y = box.top + box.height / 2 + by * 32;
    if (y < view.top + 8 || y > view.bottom - 8) this.paper.scroller.scrollTop += by * 96;
    const moved = this.paper.box(...this.words.span(at));
    const unit = this.paper.unitAt(moved.left + moved.width / 2, moved.top + moved.height / 2 + by * 32);
    const to = unit === null ? at + by * 10 : this.words.at(unit);
    this.moveTo(Math.max(0, Math.min(this.words.size - 1, to)), extend ? (this.anchor ?? at) : null);
  }

  moveTo(word, anchor) {
    this.word = anchor ?? word;
    this.anchor = anchor;
    this.head = word;
    const [a, b] = [Math.min(word, anchor ?? word), Math.max(word, anchor ?? word)];
    this.pick = [this.words.span(a)[0], this.words.span(b)[1]];
    this.how = "keyboard";
    this.paper.reveal(...this.words.span(word));
    this.draw();
    this.chosen(this.pick, true);
  }

  stretchBy(by) {
    const { text, end } = this.paper;
    let to = this.pick[1] + by;
    while (to > this.pick[0] && to < end && wholeCharacters(text, this.pick[0], to)[1] !== to) to += by;
    this.pick = [this.pick[0], Math.max(wholeCharacters(text, this.pick[0], this.pick[0] + 1)[1], Math.min(end, to))];
    this.draw();
    this.chosen(this.pick, true);
  }

  firstInView() {
    const view = this.paper.scroller.getBoundingClientRect();
    for (let y = view.top + 12; y < view.bottom; y += 16) {
      const unit = this.paper.unitAt(view.left + 60, y);
      if (unit !== null) return this.words.at(unit);
    }
    return 0;
  }

  draw() {
    const marks = highlight("annotate-pick");
    if (!this.pick) this.head = null;
    if (this.range) marks?.delete(this.range);
    this.range = this.pick ? this.paper.range(...this.pick) : null;
    if (this.range) marks?.add(this.range);
  }

  copied(event) {
    if (!this.pick) return;
    event.preventDefault();
    event.clipboardData.setData("text/plain", this.paper.text.slice(...this.pick));
  }
}

// Without the white space around it.
function trimmed(text, start, end) {
  const part = text.slice(start, end);
  const from = start + (part.length - part.trimStart().length);
  return [from, Math.max(from, from + part.trim().length)];
}
