// The growing text of one pane as text nodes and marks. What stands is left alone: an addition pops the runs it
// changes and appends the new ones, so that a selection, a scroll position and the browser's layout survive.

const BLOCK = 4_000;

class LiveText {
  constructor(groups) {
    this.groups = groups;
    this.el = el("div", { class: "grown" });
    this.caret = el("i", { class: "caret", "aria-hidden": "true" });
    this.clear();
  }

  clear() {
    this.runs = []; // { start, end, nodes, carriers } in units, in order
    this.startOf = new WeakMap();
    this.blocks = [];
    this.el.replaceChildren();
    this.addBlock(0);
  }

  addBlock(start) {
    const block = { start, el: el("div", { class: "chunk" }) };
    this.blocks.push(block);
    this.el.append(block.el);
  }

  draw(trace) {
    const { text } = trace;
    const from = this.popFrom(trace.from ?? text.length);
    trace.from = null;
    const put = trace.offsets?.toUnits(trace.forcedPoints()) ?? 0;
    let at = from;
    for (const span of this.spans(trace, from)) {
      this.plain(text, at, span.start, put);
      this.special(text, span, put);
      at = span.end;
    }
    this.plain(text, at, text.length, put);
    if (trace.state === "writing") this.blocks.at(-1).el.append(this.caret);
    else this.caret.remove();
  }

  // Takes away every run that ends after `from`, and blocks that begin after what is left; returns where that ends.
  popFrom(from) {
    while (this.runs.length && this.runs.at(-1).end > from) {
      for (const node of this.runs.pop().nodes) node.remove();
    }
    const end = this.runs.at(-1)?.end ?? 0;
    while (this.blocks.at(-1).start > end) this.blocks.pop().el.remove();
    return end;
  }

  spans(trace, from) {
    const marks = trace.marks
      .map(([start, end, entry, group], index) => ({ kind: "cue", index, start, end, entry, group }))
      .filter(({ end }) => trace.offsets.toUnits(end) > from)
      .map((mark) => ({ ...mark, start: trace.offsets.toUnits(mark.start), end: trace.offsets.toUnits(mark.end),
        letter: this.groups[mark.group].letter, fresh: mark.index >= trace.news }));
    const tags = trace.tags.filter(([, end]) => end > from).map(([start, end]) => ({ kind: "tag", start, end }));
    const spans = [...marks, ...tags].sort((a, b) => a.start - b.start || b.end - a.end);
    return apart(spans).map((span) => (span.start < from ? { ...span, start: from } : span));
  }

  // Long texts are cut into blocks after a line's end, so that the browser lays out what is seen.
  plain(text, start, end, put) {
    let at = start;
    for (const edge of [Math.min(put, end), end]) {
      while (at < edge) {
        const line = at - this.blocks.at(-1).start > BLOCK ? text.indexOf("\n", at) : -1;
        const stop = line >= 0 && line + 1 < edge ? line + 1 : edge;
        this.run(at, stop, (parent, carry) => {
          const target = at < put ? el("span", { class: "put", title: "Put there, not said by the model" }) : parent;
          appendText(target, text, at, stop, carry);
          if (target !== parent) parent.append(target);
        });
        at = stop;
        if (line >= 0 && at < text.length) this.addBlock(at);
      }
    }
  }

  special(text, span, put) {
    this.run(span.start, span.end, (parent, carry) => {
      if (span.kind === "cue") paintCue(parent, { text, groups: this.groups }, span, carry);
      else parent.append(appendText(el("span", { class: "think-tag" }), text, span.start, span.end, carry));
      parent.lastChild.classList.toggle("put", span.start < put);
      parent.lastChild.classList.toggle("fresh", span.fresh === true);
    });
  }

  run(start, end, paint) {
    if (start >= end) return;
    const carriers = [];
    const drawn = document.createDocumentFragment();
    paint(drawn, (node, at) => {
      carriers.push({ node, start: at });
      this.startOf.set(node, at);
    });
    this.runs.push({ start, end, nodes: [...drawn.childNodes], carriers });
    this.caret.remove();
    this.blocks.at(-1).el.append(drawn);
  }

  // The unit under a point of the window; -1 where there is no text.
  unitAt(x, y) {
    const root = this.el.getRootNode();
    const found = document.caretPositionFromPoint
      ? document.caretPositionFromPoint(x, y, { shadowRoots: root instanceof ShadowRoot ? [root] : [] })
      : null;
    const node = found?.offsetNode ?? null;
    if (!node || !this.startOf.has(node)) return -1;
    const at = Math.min(found.offset, node.length - 1);
    // The nearest gap between characters may lie on either side of the character that is pointed at.
    for (const place of [at, at - 1]) {
      if (place >= 0 && this.covers(node, place, x, y)) return this.startOf.get(node) + place;
    }
    return -1;
  }

  covers(node, at, x, y) {
    const range = document.createRange();
    range.setStart(node, at);
    range.setEnd(node, at + 1);
    return [...range.getClientRects()].some((box) => x >= box.left - 1 && x <= box.right + 1 && y >= box.top && y <= box.bottom);
  }

  range(start, end) {
    const [from, to] = [this.place(start, false), this.place(end, true)];
    if (!from || !to) return null;
    const range = document.createRange();
    range.setStart(from.node, from.at);
    range.setEnd(to.node, to.at);
    return range;
  }

  place(unit, isEnd) {
    const reaches = (end) => (isEnd ? end < unit : end <= unit);
    const run = this.runs[partition(this.runs.length, (k) => reaches(this.runs[k].end))];
    if (!run) return null;
    const k = partition(run.carriers.length, (c) => reaches(run.carriers[c].start + run.carriers[c].node.length));
    const { node, start } = run.carriers[Math.min(k, run.carriers.length - 1)];
    return { node, at: Math.min(Math.max(0, unit - start), node.length) };
  }
}
