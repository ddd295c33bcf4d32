// Colours under a pane's tokens, the token under the pointer, and the chosen one. Shades are CSS highlights over the
// chunks near the view: a token costs no element, and a long trace no more than what is seen of it.

const SHADES = ["s1", "s2", "s3", "s4", "s5", "l1", "l2", "l3", "m1", "m2", "m3"];
const CHOSEN_TOKEN = "trace-view-token";

class Colours {
  constructor(pane) {
    this.pane = pane;
    this.tokens = null;
    this.painted = new Map(); // chunk -> { nodes, drawn: [[highlight, range]] }
    this.chosen = -1;
    this.tip = new TokenCard();
    this.card = new TokenCard({ onGo: () => this.goOn(), onClose: () => this.choose(-1) });
    this.card.el.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.pane.body.scroller.focus({ preventScroll: true });
      this.choose(-1);
    });
    const { scroller } = pane.body;
    this.point = null;
    const hover = onFrame(() => this.hover());
    const pointed = (point) => {
      this.point = point;
      if (this.tokens) hover();
    };
    scroller.addEventListener("pointermove", ({ clientX, clientY }) => pointed([clientX, clientY]), { passive: true });
    scroller.addEventListener("pointerleave", () => pointed(null));
    scroller.addEventListener("click", (event) => this.clicked(event));
    scroller.addEventListener("keydown", (event) => this.key(event));
    this.moved = onFrame(() => this.repaint());
    scroller.addEventListener("scroll", () => {
      this.tip.hide();
      this.moved();
    }, { passive: true });
    this.observer = new ResizeObserver(this.moved);
    this.observer.observe(scroller);
  }

  get doc() {
    return this.pane.text;
  }

  // The pane has new data, or has drawn its text anew.
  update(given) {
    if (this.tokens?.given.key !== given?.key || this.of !== this.doc) {
      this.clear();
      this.of = this.doc;
      this.tokens = given ? new Tokens(given, this.doc.offsets) : null;
    }
    this.pane.el.classList.toggle("coloured", this.tokens !== null);
    this.card.go.hidden = !this.pane.viewer.options.goOn;
    this.repaint();
  }

  clear() {
    for (const chunk of [...this.painted.keys()]) this.wipe(chunk);
    this.choose(-1);
    this.tip.hide();
  }

  repaint() {
    const near = new Set(this.tokens ? this.nearChunks() : []);
    for (const [chunk, { nodes }] of [...this.painted]) {
      if (!near.has(chunk) || nodes !== chunk.nodes) this.wipe(chunk);
    }
    for (const chunk of near) {
      if (!this.painted.has(chunk)) this.paint(chunk);
    }
    if (this.chosen >= 0) this.placeCard();
  }

  // Drawn chunks within a view's height of the view.
  nearChunks() {
    const { chunks } = this.doc;
    const view = this.pane.body.scroller.getBoundingClientRect();
    const box = (k) => chunks[k].el.getBoundingClientRect();
    const found = [];
    let k = partition(chunks.length, (index) => box(index).bottom < view.top - view.height);
    for (; k < chunks.length && box(k).top < view.bottom + view.height; k++) if (chunks[k].filled) found.push(chunks[k]);
    return found;
  }

  // Static ranges: the browser need not keep thousands of them in step with a text that stands still.
  paint(chunk) {
    const drawn = [];
    for (const [shade, start, end] of this.tokens.stretches(chunk.start, chunk.end)) {
      const registry = shadeHighlight(shade);
      const [from, to] = [this.pane.body.boundary(chunk, start), this.pane.body.boundary(chunk, end)];
      const range = new StaticRange({ startContainer: from.node, startOffset: from.at, endContainer: to.node, endOffset: to.at });
      registry?.add(range);
      drawn.push([registry, range]);
    }
    this.painted.set(chunk, { nodes: chunk.nodes, drawn });
  }

  wipe(chunk) {
    for (const [registry, range] of this.painted.get(chunk).drawn) registry?.delete(range);
    this.painted.delete(chunk);
  }

  at(x, y) {
    const unit = this.tokens ? this.pane.body.unitAt(this.doc, x, y) : -1;
    return unit < 0 ? -1 : this.tokens.at(unit);
  }

  hover() {
    const token = this.point ? this.at(...this.point) : -1;
    if (token < 0 || token === this.chosen) this.tip.hide();
    else this.showAt(this.tip, token);
  }

  clicked(event) {
    if (!this.tokens || !document.getSelection()?.isCollapsed || event.target.closest("summary, button, a")) return;
    this.choose(this.at(event.clientX, event.clientY));
  }

  key(event) {
    if (!this.tokens || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey || event.target !== this.pane.body.scroller) return;
    const acts = { ArrowRight: () => this.step(1), ArrowLeft: () => this.step(-1) };
    if (this.chosen >= 0) Object.assign(acts, { Enter: () => this.goOn(), Escape: () => this.choose(-1) });
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }

  // The first step goes to the first token in view.
  step(by) {
    const first = () => this.tokens.from(this.pane.body.offsetAt(this.doc, this.pane.body.scroller.scrollTop));
    const token = this.tokens.seek(this.chosen < 0 ? first() : this.chosen + by, by);
    if (token < 0) return;
    const [start, end] = this.units(token);
    if (!this.pane.body.isVisible(this.doc, start, end)) this.pane.body.reveal(this.doc, start, end);
    this.choose(token);
    const others = this.tokens.alternatives(token).map(({ text, logprob }) => `${shownToken(text)} ${shareOf(logprob)}`);
    this.pane.say([`“${this.doc.slice(start, end)}”`, ...tokenFigures(this.tokens, token), ...others].join(", "), true);
  }

  units(token) {
    return [this.tokens.starts[token], this.tokens.ends[token]];
  }

  choose(token) {
    this.chosen = token;
    const registry = highlight(CHOSEN_TOKEN);
    if (this.mark) registry?.delete(this.mark);
    this.mark = token >= 0 ? this.pane.body.range(this.doc, ...this.units(token)) : null;
    if (this.mark) registry?.add(this.mark);
    if (token < 0) return this.card.hide();
    this.tip.hide();
    return this.placeCard();
  }

  placeCard() {
    if (this.pane.body.isVisible(this.doc, ...this.units(this.chosen))) this.showAt(this.card, this.chosen);
    else this.card.hide();
  }

  showAt(card, token) {
    const [start, end] = this.units(token);
    const { scroller } = this.pane.body;
    const range = this.pane.body.range(this.doc, start, end);
    const box = range.getClientRects()[0] ?? range.startContainer.parentElement.getBoundingClientRect();
    card.show(this.tokens, token, this.doc.slice(start, end), scroller.parentElement.getBoundingClientRect(), box);
  }

  goOn() {
    const { viewer, data } = this.pane;
    if (!viewer.options.goOn || this.chosen < 0) return;
    viewer.send("place", { pane: data.id, at: this.doc.offsets.toPoints(this.tokens.starts[this.chosen]) });
  }

  destroy() {
    this.clear();
    this.tokens = null;
    this.observer.disconnect();
  }
}

// Below the linked range, which is registered with the usual priority 0.
function shadeHighlight(shade) {
  const registry = highlight(`token-${shade}`);
  if (registry) registry.priority = -1;
  return registry;
}
