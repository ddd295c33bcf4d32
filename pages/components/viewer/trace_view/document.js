// One text with everything laid over it, in UTF-16 units. Owns which stretch is drawn how; draws nothing.

const WINDOWED_FROM = 200_000;
const CHUNK = 4_000;
const LONGEST_CHUNK = 16_000;
const CONTEXT = 50;

class Doc {
  constructor(name, data, groups, sections) {
    this.name = name;
    this.text = data.text ?? "";
    this.offsets = new Offsets(this.text);
    this.groups = groups;
    const size = this.offsets.points;
    this.cues = data.cues
      .filter(([start, end]) => 0 <= start && start < end && end <= size)
      .map(([start, end, group, entry], index) => ({
        kind: "cue",
        index,
        start: this.offsets.toUnits(start),
        end: this.offsets.toUnits(end),
        group,
        letter: groups[group].letter,
        entry: data.entries[entry],
      }));
    this.formulas = [];
    this.spans = this.cues;
    this.chunks = [];
    this.windowed = this.text.length > WINDOWED_FROM;
    this.segments = segmentsOf(this, sections);
  }

  // Formulas replace their source only where nothing has to be seen inside it: no cue, no edge of a linked range or of
  // a section. A cue that a section's edge cuts is drawn in two parts.
  layOver(formulas, edges) {
    const borders = this.segments.map(({ end }) => end);
    this.formulas = (formulas?.spans ?? []).map(([start, end, tree, display]) => ({
      kind: "formula",
      start: this.offsets.toUnits(start),
      end: this.offsets.toUnits(end),
      tree: formulas.trees[tree],
      display,
    }));
    const covered = ({ start, end }) =>
      touches(this.cues, start, end) || [...edges, ...borders].some((edge) => start < edge && edge < end);
    const cues = this.cues.flatMap((cue) => cutAt(cue, borders));
    const spans = [...cues, ...this.formulas.filter((formula) => !covered(formula))];
    spans.sort((a, b) => a.start - b.start || b.end - a.end);
    this.spans = apart(spans);
  }

  // The spans that begin in [start, end), in order; none reaches across a chunk's edge.
  spansIn(start, end) {
    const first = partition(this.spans.length, (k) => this.spans[k].start < start);
    const last = partition(this.spans.length, (k) => this.spans[k].start < end);
    return this.spans.slice(first, last);
  }

  // Where [start, end) may be cut into pieces of about CHUNK units: after a line's end, never inside a span.
  // A windowed text is also cut inside lines too long to draw at once.
  cuts(start, end) {
    const pieces = [];
    let at = start;
    while (at < end) {
      let cut = this.lineEnd(at + CHUNK, end);
      if (this.windowed && cut - at > LONGEST_CHUNK) cut = this.wordEnd(at + LONGEST_CHUNK, end);
      for (let span = this.spanAcross(cut); span && cut < end; span = this.spanAcross(cut)) {
        cut = this.windowed ? Math.min(span.end, end) : this.lineEnd(span.end, end);
      }
      pieces.push({ doc: this, start: at, end: cut, nodes: [], el: null, filled: false });
      at = cut;
    }
    return pieces;
  }

  lineEnd(from, end) {
    const found = from >= end ? -1 : this.text.indexOf("\n", from - 1);
    return found < 0 || found >= end ? end : found + 1;
  }

  wordEnd(from, end) {
    const limit = Math.min(from, end);
    const blank = this.text.lastIndexOf(" ", limit - 1);
    if (blank > limit - CHUNK) return blank + 1;
    return /[\udc00-\udfff\u0300-\u036f\u200d\ufe0f]/.test(this.text[limit] ?? "") ? limit - 2 : limit;
  }

  spanAcross(cut) {
    const k = partition(this.spans.length, (index) => this.spans[index].start < cut) - 1;
    return k >= 0 && this.spans[k].end > cut ? this.spans[k] : null;
  }

  slice(start, end) {
    return this.text.slice(start, end);
  }

  context(cue) {
    const flat = (text) => text.replace(/\s+/g, " ");
    const from = cue.start - CONTEXT - (isLow(this.text, cue.start - CONTEXT) ? 1 : 0);
    const to = cue.end + CONTEXT + (isLow(this.text, cue.end + CONTEXT) ? 1 : 0);
    return [
      flat(this.text.slice(Math.max(0, from), cue.start)),
      flat(this.text.slice(cue.start, cue.end)),
      flat(this.text.slice(cue.end, to)),
    ];
  }
}

function isLow(text, at) {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

function touches(spans, start, end) {
  const k = partition(spans.length, (index) => spans[index].start < end) - 1;
  return k >= 0 && spans[k].end > start;
}

// Sorted spans made disjoint: one that starts inside another keeps the part that sticks out.
function apart(spans) {
  const kept = [];
  let reach = 0;
  for (const span of spans) {
    if (span.end <= reach) continue;
    if (span.start >= reach) kept.push(span);
    else if (span.kind === "cue") kept.push({ ...span, start: reach });
    else continue;
    reach = span.end;
  }
  return kept;
}

function cutAt(span, borders) {
  const edges = [span.start, ...borders.filter((edge) => span.start < edge && edge < span.end), span.end];
  return edges.slice(1).map((end, k) => ({ ...span, start: edges[k], end }));
}

// Sections in order plus the text between them, so that every character is drawn once.
function segmentsOf(doc, sections) {
  const segments = [];
  let at = 0;
  const known = sections
    .map(([name, start, end]) => ({ name, start: doc.offsets.toUnits(start), end: doc.offsets.toUnits(end) }))
    .filter(({ name, start, end }) => name !== "prompt" && start < end)
    .sort((a, b) => a.start - b.start);
  for (const section of known) {
    const start = Math.max(section.start, at);
    const end = Math.min(section.end, doc.text.length);
    if (start >= end) continue;
    if (start > at) segments.push({ name: "", start: at, end: start });
    segments.push({ name: section.name, start, end });
    at = end;
  }
  if (at < doc.text.length || segments.length === 0) segments.push({ name: "", start: at, end: doc.text.length });
  return segments;
}
