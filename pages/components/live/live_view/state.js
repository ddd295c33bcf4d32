// What is known of a job so far: its plan, and each trace as it grows. Fed with the stream's items; draws nothing.
// Offsets in here are code points, as they arrive; `from` alone is in UTF-16 units, because it says what to redraw.

const RATE_WINDOW = 2_000;
const TAG = /<\/?think>/g;

class Trace {
  constructor(index) {
    this.index = index;
    this.restart("");
    this.state = "waiting";
  }

  // The stream begins this trace, or begins it anew after a crash: what was there is forgotten.
  restart(prompt) {
    this.state = "writing";
    this.prompt = prompt ?? "";
    this.text = "";
    this.ends = []; // where each token ends
    this.logprobs = [];
    this.entropies = [];
    this.marks = [];
    this.tags = []; // [start, end) of <think> and </think>, in units
    this.forced = 0; // how many tokens at the start were put there
    this.news = 0; // marks from this one on arrived with the last addition
    this.from = 0;
    this.arrivals = [];
    this.done = null;
    this.reason = "";
    this.begun = (this.begun ?? 0) + 1;
    this.version = (this.version ?? 0) + 1;
  }

  get points() {
    return this.ends.at(-1) ?? 0;
  }

  tokenStart(token) {
    return token > 0 ? this.ends[token - 1] : 0;
  }

  // The token that holds this code point; those without text hold none.
  tokenAt(point) {
    const token = partition(this.ends.length, (k) => this.ends[k] <= point);
    return token < this.ends.length ? token : -1;
  }

  forcedPoints() {
    return this.forced ? this.ends[Math.min(this.forced, this.ends.length) - 1] : 0;
  }

  add({ t, n, m, c = [], f = 0, lp, h }, live) {
    const before = this.text.length;
    const first = this.ends.length;
    const dropped = this.marks[m]?.[0] ?? Infinity;
    this.text += t;
    let end = this.points;
    for (const size of n) this.ends.push((end += size));
    n.forEach((_, k) => {
      this.logprobs[first + k] = lp?.[k] ?? null;
      this.entropies[first + k] = h?.[k] ?? null;
    });
    this.forced += f;
    this.marks.length = m;
    this.marks.push(...c);
    this.news = live ? m : Infinity;
    this.offsets = new Offsets(this.text);
    const changed = Math.min(dropped, c[0]?.[0] ?? Infinity);
    const marked = changed === Infinity ? before : this.offsets.toUnits(changed);
    this.from = Math.min(this.from ?? before, before, marked, this.findTags(before));
    if (live) this.arrivals.push([performance.now(), n.length]);
  }

  // Tags may arrive in pieces: the last few characters are looked at again. Returns where the first new one starts.
  findTags(before) {
    TAG.lastIndex = Math.max(this.tags.at(-1)?.[1] ?? 0, before - 8);
    const known = this.tags.length;
    for (let tag = TAG.exec(this.text); tag; tag = TAG.exec(this.text)) {
      this.tags.push([tag.index, tag.index + tag[0].length]);
    }
    return this.tags[known]?.[0] ?? before;
  }

  finish(done) {
    this.state = "done";
    this.done = done;
    this.version += 1;
  }

  fail(reason) {
    this.state = "failed";
    this.reason = reason;
    this.version += 1;
  }

  // Tokens a second: of the last two seconds while it grows, of the whole once it is done; null where unknown.
  rate() {
    if (this.done) return this.done.seconds > 0 && this.done.tokens ? this.done.tokens / this.done.seconds : null;
    const now = performance.now();
    while (this.arrivals.length && now - this.arrivals[0][0] > RATE_WINDOW) this.arrivals.shift();
    if (this.arrivals.length < 3) return null;
    const [[start], ...rest] = this.arrivals;
    const made = rest.reduce((sum, [, tokens]) => sum + tokens, 0);
    return now - start > 300 ? (made * 1000) / (now - start) : null;
  }

  cues() {
    return this.done?.cues ?? this.marks.length;
  }

  tokens() {
    return this.done?.tokens ?? this.ends.length;
  }
}

class Live {
  constructor() {
    this.plan = null;
    this.traces = new Map();
    this.job = null;
    this.end = null;
    this.over = false;
  }

  trace(index) {
    if (!this.traces.has(index)) this.traces.set(index, new Trace(index));
    return this.traces.get(index);
  }

  indexOf(arm, problem, sample) {
    return (arm * this.plan.problems.length + problem) * this.plan.samples + sample;
  }

  shown(arm) {
    return this.trace(this.indexOf(arm, ...this.plan.focus));
  }

  ofArm(arm) {
    const each = this.plan.problems.length * this.plan.samples;
    return Array.from({ length: each }, (_, k) => this.traces.get(arm * each + k) ?? null);
  }

  take(item, live) {
    switch (item.k) {
      case "plan": this.plan = item; break;
      case "open": this.trace(item.i).restart(item.prompt); break;
      case "text": this.trace(item.i).add(item, live); break;
      case "done": this.trace(item.i).finish(item); break;
      case "failed": this.trace(item.i).fail(item.reason); break;
      case "job": this.job = item; break;
      case "end": this.end = item; break;
      case "over": this.over = true; break;
    }
  }
}
