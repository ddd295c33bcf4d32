// The text of an item: what may be labelled, the text around it dimmed, and every label and cue drawn under its words.
// Each stretch between two edges is one element, so that labels may overlap in any way; units are UTF-16.

const BLOCK = 1_500;
const AROUND = 12_000;
const LEVELS = 4;

class Paper {
  constructor(scroller) {
    this.scroller = scroller;
    this.blocks = [];
  }

  build({ text, start, end }) {
    Object.assign(this, { text, start, end });
    this.blocks = [];
    const inside = el("div", { class: "inside" });
    for (const [from, to] of pieces(text, start, end)) {
      const block = { start: from, end: to, nodes: [], el: el("div", { class: "block" }) };
      block.el.block = block;
      this.blocks.push(block);
      inside.append(block.el);
    }
    this.scroller.replaceChildren(this.around(0, start, true), inside, this.around(end, text.length, false));
  }

  // Context is read, not labelled. A very long one is shown in part until somebody asks for the rest.
  around(from, to, before) {
    const shown = before ? Math.max(from, to - AROUND) : Math.min(to, from + AROUND);
    const part = el("div", { class: "around", "data-around": before ? "before" : "after" });
    const fill = (a, b) => appendText(el("div", { class: "context" }), this.text, a, b);
    const [a, b] = before ? [shown, to] : [from, shown];
    if (b > a) part.append(fill(a, b));
    const [c, d] = before ? [from, shown] : [shown, to];
    if (d > c) {
      const more = button(`Show ${count(d - c, "more character")} of context`, "Show all of the text around", "more-context",
        () => more.replaceWith(fill(c, d)), { class: "more" });
      if (before) part.prepend(more);
      else part.append(more);
    }
    return part;
  }

  // `marks` are {start, end, kind, key, letter, colour...} in order of start; only blocks whose marks changed are drawn.
  paint(marks) {
    const placed = levels(marks);
    for (const block of this.blocks) {
      const here = placed.filter((mark) => mark.start < block.end && mark.end > block.start);
      const print = JSON.stringify(here.map(({ start, end, key, style, level, current }) => [start, end, key, style, level, current]));
      if (block.print === print) continue;
      block.print = print;
      this.fill(block, here);
    }
  }

  fill(block, marks) {
    const edges = new Set([block.start, block.end]);
    for (const { start, end } of marks) {
      if (start > block.start) edges.add(start);
      if (end < block.end) edges.add(end);
    }
    const sorted = [...edges].sort((a, b) => a - b);
    block.nodes = [];
    const drawn = document.createDocumentFragment();
    sorted.slice(1).forEach((to, k) => {
      const from = sorted[k];
      const over = marks.filter((mark) => mark.start <= from && mark.end >= to);
      const target = over.length ? stretch(over) : drawn;
      appendText(target, this.text, from, to, (node, at) => block.nodes.push({ node, start: at }));
      if (target !== drawn) drawn.append(target);
      for (const mark of over.filter(({ end, letter }) => end === to && letter)) drawn.append(badge(mark));
    });
    block.el.replaceChildren(drawn);
  }

  blockAt(unit) {
    const k = partition(this.blocks.length, (i) => this.blocks[i].end <= unit);
    return this.blocks[Math.min(k, this.blocks.length - 1)];
  }

  boundary(unit) {
    const block = this.blockAt(unit);
    if (!block?.nodes.length) return null;
    const k = Math.max(0, partition(block.nodes.length, (i) => block.nodes[i].start <= unit) - 1);
    const { node, start } = block.nodes[k];
    return { node, at: Math.max(0, Math.min(unit - start, node.length)) };
  }

  range(start, end) {
    const [from, to] = [this.boundary(start), this.boundary(Math.max(start, end - 1))];
    if (!from || !to) return null;
    const range = document.createRange();
    range.setStart(from.node, from.at);
    range.setEnd(to.node, Math.min(to.node.length, to.at + (end > start ? 1 : 0)));
    return range;
  }

  // The unit of the text under a point of the window: the gap between characters nearest to it; null beside the text.
  unitAt(x, y) {
    const root = this.scroller.getRootNode();
    const shadowRoots = root instanceof ShadowRoot ? [root] : [];
    const found = document.caretPositionFromPoint?.(x, y, { shadowRoots });
    const block = found?.offsetNode.parentElement?.closest(".block")?.block;
    const carrier = block?.nodes.find(({ node }) => node === found.offsetNode);
    return carrier ? carrier.start + Math.min(found.offset, carrier.node.length) : null;
  }

  box(start, end) {
    return this.range(start, end)?.getBoundingClientRect() ?? null;
  }

  reveal(start, end, share = 0.4) {
    const box = this.box(start, end);
    if (!box) return;
    const view = this.scroller.getBoundingClientRect();
    if (box.top >= view.top + 30 && box.bottom <= view.bottom - 30) return;
    this.scroller.scrollTop += box.top - view.top - this.scroller.clientHeight * share;
  }
}

// Pieces of about BLOCK units that end after a line's end, where there is one.
function pieces(text, start, end) {
  const found = [];
  for (let at = start; at < end; ) {
    const line = at + BLOCK >= end ? -1 : text.indexOf("\n", at + BLOCK);
    const to = line < 0 || line >= end ? end : line + 1;
    found.push([at, to]);
    at = to;
  }
  return found.length ? found : [[start, end]];
}

// Marks that overlap get lines of their own, the longest nearest to the words.
function levels(marks) {
  const free = [];
  return marks.map((mark) => {
    if (mark.level !== undefined) return mark; // a lane of its own
    let level = free.findIndex((end) => end <= mark.start);
    if (level < 0) level = free.length;
    free[level] = mark.end;
    return { ...mark, level: Math.min(level, LEVELS - 1) };
  });
}

function stretch(over) {
  const lines = over.map(({ style, dashed, thick, level }) => {
    const paint = dashed
      ? `repeating-linear-gradient(90deg, var(${style}) 0 5px, transparent 5px 9px)`
      : `linear-gradient(var(${style}), var(${style}))`;
    return { paint, size: `100% ${thick ? 3.5 : dashed ? 1.5 : 2.5}px`, place: `0 calc(100% - ${12 - 4 * level}px)` };
  });
  const has = (name) => (over.some((mark) => mark[name]) ? ` ${name}` : "");
  const span = el("span", {
    class: `on${has("current")}${has("negative")}${has("gold")}${has("open")}`,
    "data-keys": over.map(({ key }) => key).join(" "), title: over.map(({ title }) => title).join("\n"),
  });
  span.style.backgroundImage = lines.map(({ paint }) => paint).join(", ");
  span.style.backgroundSize = lines.map(({ size }) => size).join(", ");
  span.style.backgroundPosition = lines.map(({ place }) => place).join(", ");
  return span;
}

// The letter is the style sheet's, so that the text holds the trace's characters and nothing else.
function badge({ letter, style, dashed, key }) {
  const mark = el("span", { class: `badge${dashed ? " open" : ""}`, "data-letter": letter, "data-badge": key, "aria-hidden": "true" });
  mark.style.color = `var(${style})`;
  return mark;
}
