// The scrolling text of one pane: sections, chunks, and the way between offsets, DOM positions and pixels.
// Text up to WINDOWED_FROM units is drawn whole; of a longer one only the chunks near the view exist.

const NEAR = 1_500;
const LINE = 25.6;
const CHARACTER = 7.4;
const HOLD_FRAMES = 20;

class Body {
  constructor(scroller) {
    this.scroller = scroller;
    this.goal = null;
    for (const kind of ["wheel", "touchmove", "pointerdown", "keydown"]) {
      scroller.addEventListener(kind, () => this.release(), { passive: true });
    }
    this.docs = [];
    this.sections = [];
    this.observer = null;
  }

  build(prompt, text, ending, promptOpen) {
    this.goal = null;
    this.observer?.disconnect();
    this.docs = [prompt, text];
    this.sections = [];
    const width = Math.max(200, this.scroller.clientWidth - 52);
    this.perLine = Math.max(20, Math.min(75, width / CHARACTER));
    this.watch(prompt.windowed || text.windowed);
    const parts = [];
    prompt.chunks = [];
    if (prompt.text) parts.push(this.promptPart(prompt, promptOpen));
    text.chunks = [];
    for (const segment of text.segments) parts.push(this.sectionPart(text, segment));
    if (ending) parts.push(el("p", { class: "ending" }, ending));
    this.scroller.replaceChildren(...parts);
  }

  watch(windowed) {
    if (!windowed) return;
    const seen = (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) this.fill(target.chunk);
        else this.empty(target.chunk);
      }
      this.onFilled?.();
    };
    this.observer = new IntersectionObserver(seen, { root: this.scroller, rootMargin: `${NEAR}px 0px` });
  }

  promptPart(doc, open) {
    const size = count(doc.offsets.points, "character");
    const cues = doc.cues.length ? ` · ${count(doc.cues.length, "cue")}` : "";
    const summary = el("summary", {}, el("span", { class: "sec" }, "prompt"), ` ${size}${cues}`);
    const part = el("details", { class: "prompt", "data-section": "prompt", open }, summary);
    part.append(...this.chunkParts(doc, 0, doc.text.length));
    this.sections.push({ name: "prompt", el: part });
    return part;
  }

  sectionPart(doc, { name, start, end }) {
    const part = el("section", { "data-section": name || "outside", class: name ? null : "outside" });
    if (name) part.append(el("div", { class: "sec" }, name));
    part.append(...this.chunkParts(doc, start, end));
    this.sections.push({ name: name || "outside", el: part });
    return part;
  }

  chunkParts(doc, start, end) {
    return doc.cuts(start, end).map((chunk) => {
      chunk.el = el("div", { class: "chunk" });
      chunk.el.chunk = chunk;
      const height = Math.round(this.linesOf(doc, chunk) * LINE);
      chunk.el.style.containIntrinsicSize = `auto none auto ${height}px`;
      doc.chunks.push(chunk);
      if (doc.windowed) {
        chunk.el.style.height = `${height}px`;
        this.observer.observe(chunk.el);
      } else {
        this.fill(chunk);
      }
      return chunk.el;
    });
  }

  linesOf(doc, { start, end }) {
    let lines = 0;
    for (const line of doc.text.slice(start, end).replace(/\n$/, "").split("\n")) {
      lines += Math.max(1, Math.ceil(line.length / this.perLine));
    }
    return lines;
  }

  fill(chunk) {
    if (chunk.filled) return;
    chunk.filled = true;
    chunk.nodes = [];
    const drawn = document.createDocumentFragment();
    paintText(drawn, chunk.doc, chunk.start, chunk.end, chunk.nodes);
    chunk.el.replaceChildren(drawn);
    chunk.el.style.height = "";
  }

  empty(chunk) {
    const selected = document.getSelection();
    if (!chunk.filled || (selected && !selected.isCollapsed)) return;
    const height = chunk.el.getBoundingClientRect().height;
    chunk.filled = false;
    chunk.nodes = [];
    chunk.el.style.height = `${height}px`;
    chunk.el.replaceChildren();
  }

  chunkAt(doc, offset) {
    const k = partition(doc.chunks.length, (index) => doc.chunks[index].end <= offset);
    return doc.chunks[Math.min(k, doc.chunks.length - 1)];
  }

  // The DOM range of doc.text[start:end]; its chunks are drawn first.
  range(doc, start, end) {
    const first = this.chunkAt(doc, start);
    const last = this.chunkAt(doc, Math.max(start, end - 1));
    if (!first || !last) return null;
    for (const chunk of [first, last]) this.fill(chunk);
    const [from, to] = [this.boundary(first, start), this.boundary(last, end)];
    const range = document.createRange();
    range.setStart(from.node, from.at);
    range.setEnd(to.node, to.at);
    return range;
  }

  boundary(chunk, offset) {
    const k = Math.max(0, partition(chunk.nodes.length, (index) => chunk.nodes[index].start <= offset) - 1);
    const { node, start } = chunk.nodes[k];
    return { node, at: Math.min(offset - start, node.length) };
  }

  // The offset in doc of a DOM position anywhere in the viewer, null where it lies in another tree.
  offsetOf(doc, container, at, isEnd) {
    const place = document.createRange();
    place.setStart(container, at);
    const formula = (container.nodeType === 1 ? container : container.parentElement)?.closest(".fx");
    if (formula && container.getRootNode() === this.scroller.getRootNode()) {
      place.selectNodeContents(formula.querySelector(".src"));
      place.collapse(!isEnd);
    }
    const before = (node, edge) => place.comparePoint(node, edge) < 0;
    try {
      const k = partition(doc.chunks.length, (i) => before(doc.chunks[i].el, doc.chunks[i].el.childNodes.length));
      return k === doc.chunks.length ? doc.text.length : this.offsetIn(doc.chunks[k], place, before);
    } catch {
      return null;
    }
  }

  offsetIn(chunk, place, before) {
    const k = partition(chunk.nodes.length, (i) => before(chunk.nodes[i].node, chunk.nodes[i].node.length));
    if (k === chunk.nodes.length) return chunk.filled ? chunk.end : chunk.start;
    const { node, start } = chunk.nodes[k];
    return place.startContainer === node ? start + place.startOffset : start;
  }

  // The unit of doc under a point of the window; -1 where there is none of its text.
  unitAt(doc, x, y) {
    const root = this.scroller.getRootNode();
    const shadowRoots = root instanceof ShadowRoot ? [root] : [];
    const found = document.caretPositionFromPoint?.(x, y, { shadowRoots });
    const chunk = found?.offsetNode.parentElement?.closest(".chunk")?.chunk;
    const carrier = chunk?.doc === doc ? chunk.nodes.find(({ node }) => node === found.offsetNode) : null;
    if (!carrier) return -1;
    // The nearest gap between characters may lie on either side of the one that is pointed at.
    const at = [found.offset, found.offset - 1].find((place) => covers(carrier.node, place, x, y));
    return at === undefined ? -1 : carrier.start + at;
  }

  // The part of each document between two DOM positions, as [doc, start, end], empty parts left out.
  parts(selected) {
    const found = [];
    for (const doc of this.docs) {
      const start = this.offsetOf(doc, selected.startContainer, selected.startOffset, false);
      const end = this.offsetOf(doc, selected.endContainer, selected.endOffset, true);
      if (start !== null && end !== null && start < end) found.push([doc, start, end]);
    }
    return found;
  }

  // Scrolls [start, end) to a share of the view, and keeps it there while chunks around it get their true heights,
  // or until a person scrolls.
  reveal(doc, start, end, share = 1 / 3) {
    const goal = { doc, start, end, share, frames: HOLD_FRAMES };
    this.goal = goal;
    const hold = () => {
      if (this.goal !== goal || goal.frames-- <= 0) return;
      this.scrollTo(goal);
      requestAnimationFrame(hold);
    };
    hold();
  }

  release() {
    this.goal = null;
  }

  scrollTo({ doc, start, end, share }) {
    const range = this.range(doc, start, end);
    if (!range) return;
    const view = this.scroller.getBoundingClientRect();
    let box = range.getBoundingClientRect();
    if (box.height === 0) box = range.startContainer.parentElement.closest(".fx, .chunk").getBoundingClientRect();
    const off = box.top - view.top - this.scroller.clientHeight * share;
    if (Math.abs(off) > 1) this.scroller.scrollTop += off;
  }

  isVisible(doc, start, end) {
    const chunk = this.chunkAt(doc, start);
    if (!chunk?.filled) return false;
    const view = this.scroller.getBoundingClientRect();
    const box = this.range(doc, start, end).getBoundingClientRect();
    return box.height > 0 && box.bottom > view.top + 20 && box.top < view.bottom;
  }

  // Pixels from the top of the scrolled content to offset, and back; between chunk edges by proportion.
  topOf(chunk) {
    return chunk.el.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top + this.scroller.scrollTop;
  }

  offsetAt(doc, pixels) {
    const { chunks } = doc;
    if (!chunks.length) return 0;
    const k = Math.max(0, partition(chunks.length, (index) => this.topOf(chunks[index]) <= pixels) - 1);
    const share = (pixels - this.topOf(chunks[k])) / Math.max(1, chunks[k].el.offsetHeight);
    const { start, end } = chunks[k];
    return Math.round(start + Math.min(1, Math.max(0, share)) * (end - start));
  }
}

// Whether character `at` of a text node is drawn over a point of the window.
function covers(node, at, x, y) {
  if (at < 0 || at >= node.length) return false;
  const range = document.createRange();
  range.setStart(node, at);
  range.setEnd(node, at + 1);
  return [...range.getClientRects()].some((box) => x >= box.left - 1 && x <= box.right + 1 && y >= box.top && y <= box.bottom);
}
