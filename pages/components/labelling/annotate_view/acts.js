// What a person can do to an item: every act, whether a key, a click or a button asked for it. Mixed into Annotator.

const ANNOTATOR_ACTS = {
  act(name) {
    if (name.startsWith("label:")) return this.useLabel(name.slice(6));
    const free = { next: () => this.walk(1), back: () => this.walk(-1), help: () => this.dialogs.help(),
      forth: () => this.send("move", 1), before: () => this.send("move", -1) };
    if (free[name]) return free[name]();
    if (!this.writable) return this.say(this.data.why);
    const acts = { accept: () => this.accept(), no: () => this.refuseCue(), withdraw: () => this.withdraw(this.currentRow()),
      undo: () => this.undo(), use: () => this.nextUse(), comment: () => this.comment(), every: () => this.everyPlace(),
      flag: () => this.setState(this.state === "flagged" ? "open" : "flagged"), done: () => this.finish() };
    return acts[name]?.();
  },

  arrow(kind, by, extend, characters) {
    if (kind === "step") this.hand.step(by, extend, characters);
    else this.hand.line(by, extend);
  },

  letGo() {
    this.hand.clear();
    this.armed = null;
    this.current = null;
    this.drawPalette();
    this.draw();
  },

  // -- choosing -----------------------------------------------------------------------------------

  chosen(pick, walking = false) {
    this.current = null;
    if (pick && this.armed && !walking) return this.labelPick(this.armed);
    this.draw();
    if (pick) this.say(`Chosen: “${this.paper.text.slice(...pick)}”`);
    return undefined;
  },

  // Clicking a mark goes to it; clicking again goes to the next one under the same words.
  pointed(keys) {
    const at = keys.indexOf(this.current?.root ? `r:${this.current.root}` : `c:${this.current?.cue}`);
    if (at >= 0 && keys.length === 1) return false;
    const key = keys[(at + 1) % keys.length];
    this.hand.clear();
    this.current = key.startsWith("r:") ? { root: key.slice(2) } : { cue: Number(key.slice(2)) };
    this.draw();
    this.speak();
    return true;
  },

  goTo(row) {
    this.hand.clear();
    this.current = { root: row.root };
    this.draw();
    this.paper.reveal(this.offsets.toUnits(row.start), this.offsets.toUnits(row.end));
    this.speak();
  },

  currentRow() {
    return this.current?.root ? this.rows.find(({ root }) => root === this.current.root) ?? null : null;
  },

  // The cue that is gone to, or the one the current label answers.
  currentCue() {
    if (this.current?.cue !== undefined) return this.cues[this.current.cue];
    const row = this.currentRow();
    return row ? this.cues.find((cue) => answers(row, cue)) ?? null : null;
  },

  walk(step) {
    if (!this.cues.length) return this.say(this.data.blind ? "This item is blind: it shows no machine cues" : "No machine cues here");
    const now = this.currentCue();
    const from = now ? now.index : step > 0 ? this.cues.findIndex(({ from: at }) => at >= this.topUnit()) - 1 : this.cues.length;
    const to = (now || from >= -1 ? from : -1) + step;
    if (to < 0 || to >= this.cues.length) return this.say(step > 0 ? "That was the last machine cue" : "That was the first machine cue");
    return this.goToCue(this.cues[to]);
  },

  topUnit() {
    if (this.paper.scroller.scrollTop < 4) return this.paper.start;
    return this.words.size ? this.words.span(this.hand.firstInView())[0] : this.paper.start;
  },

  goToCue(cue) {
    this.hand.clear();
    const row = this.rows.find((one) => answers(one, cue));
    this.current = row ? { root: row.root } : { cue: cue.index };
    this.draw();
    this.paper.reveal(cue.from, cue.to);
    this.speak();
  },

  nextOpen(after) {
    const open = this.cues.filter((cue) => cue.index > after && !this.rows.some((row) => answers(row, cue)));
    if (open.length) this.goToCue(open[0]);
    else this.say("Every machine cue from here on is answered");
  },

  speak() {
    const cue = this.currentCue();
    const row = this.currentRow();
    const place = cue ? `Machine cue ${cue.index + 1} of ${this.cues.length}, ` : "Label, ";
    const words = row ? `“${row.quote}”, ${this.kind(row.label).name}` : `“${this.paper.text.slice(cue.from, cue.to)}”, not answered`;
    this.say(place + words);
  },

  // -- labelling ----------------------------------------------------------------------------------

  suggested(cue) {
    const found = this.data.labels.find((label) => label.group === cue.group) ?? this.data.labels.find((label) => !label.negative);
    return this.kind(found.key);
  },

  useLabel(key) {
    if (!this.writable) return this.say(this.data.why);
    if (this.hand.pick) return this.labelPick(key);
    if (this.current?.cue !== undefined) return this.answer(this.cues[this.current.cue], key, "keyboard", true);
    const row = this.currentRow();
    if (row) return this.change(row, { label: key });
    this.armed = this.armed === key ? null : key;
    return this.drawPalette();
  },

  labelPick(key) {
    const [from, to] = this.hand.pick;
    const cue = this.cues.find((one) => one.from === from && one.to === to);
    const fields = { ...this.place(from, to), label: key, how: this.hand.how, machine: cue ? this.machine(cue) : null };
    const same = this.rows.find((row) => row.start === fields.start && row.end === fields.end && row.label === key);
    this.hand.clear();
    if (same) return this.goTo(same);
    const row = rowOf(fields);
    this.write([row]);
    this.current = { root: row.root };
    this.draw();
    return this.say(`Labelled “${row.quote}” ${this.kind(key).name}`);
  },

  answer(cue, key, how, onward = false) {
    const row = rowOf({ ...this.place(cue.from, cue.to), label: key, how, machine: this.machine(cue) });
    this.current = { root: row.root };
    this.write([row]);
    if (onward) this.nextOpen(cue.index);
  },

  accept() {
    const cue = this.current?.cue !== undefined ? this.cues[this.current.cue] : null;
    if (!cue) return this.walk(1);
    return this.answer(cue, this.suggested(cue).key, "accepted", true);
  },

  refuseCue() {
    const negative = this.data.labels.find((label) => label.negative);
    if (!negative) return this.say("This project’s scheme has no label for “not a cue”");
    if (this.hand.pick) return this.labelPick(negative.key);
    const row = this.currentRow();
    if (row) return this.change(row, { label: negative.key });
    const cue = this.currentCue();
    return cue ? this.answer(cue, negative.key, "keyboard", true) : this.say("Choose a cue or some words first");
  },

  place(from, to) {
    return { start: this.offsets.toPoints(from), end: this.offsets.toPoints(to), quote: this.paper.text.slice(from, to),
      text_sha256: this.data.sha256 };
  },

  machine({ entry, start, end }) {
    return { lexicon: this.data.lexicon, entry, start, end };
  },

  change(row, fields) {
    if (!this.writable) return;
    this.write([rowOf({ ...row, ...fields, how: "changed" })]);
  },

  withdraw(row) {
    if (!row) return this.say("Choose a label first");
    const cue = this.cues.find((one) => answers(row, one));
    this.write([withdrawal(row)]);
    this.current = cue ? { cue: cue.index } : null;
    this.draw();
    return this.say(`Taken back: “${row.quote}”`);
  },

  nextUse() {
    const row = this.currentRow();
    if (!row) return this.say("Choose a label first");
    const uses = ["", ...this.data.flags];
    return this.change(row, { flag: uses[(uses.indexOf(row.flag) + 1) % uses.length] });
  },

  comment() {
    if (!this.currentRow()) return this.say("Choose a label first");
    return this.rail.focusComment();
  },

  // All hits of the current cue's entry, or every other place with the words of the current label or selection.
  everyPlace() {
    const cue = this.currentCue();
    const row = this.currentRow();
    const pick = this.hand.pick ?? (row ? [this.offsets.toUnits(row.start), this.offsets.toUnits(row.end)] : null);
    if (!cue && !pick) return this.say("Go to a cue or choose some words first");
    const key = row?.label ?? this.armed ?? (cue ? this.suggested(cue).key : this.data.labels[0].key);
    const hits = cue ? this.cues.filter(({ entry }) => entry === cue.entry).map((one) => [one.from, one.to, this.machine(one)])
      : occurrences(this.paper.text, this.paper.text.slice(...pick), this.paper.start, this.paper.end, this.words).map((span) => [...span, null]);
    const places = hits.map(([from, to, machine]) => ({ ...this.place(from, to), machine, context: this.context(from, to) }))
      .filter((place) => !this.rows.some((one) => one.label === key && one.start === place.start && one.end === place.end));
    if (!places.length) return this.say("Every place like this one has this label already");
    return this.dialogs.every(this.kind(key).name, places, (chosen) => {
      this.write(chosen.map(({ context: _, ...place }) => rowOf({ ...place, label: key, how: "bulk" })));
      this.say(`Labelled ${count(chosen.length, "place")}`);
    });
  },

  context(from, to) {
    const flat = (text) => text.replace(/\s+/g, " ");
    const { text } = this.paper;
    return [flat(text.slice(Math.max(0, from - 40), from)), flat(text.slice(from, to)), flat(text.slice(to, to + 40))];
  },

  // -- the item -----------------------------------------------------------------------------------

  wrote() {
    if (this.state === "done") this.setState("open");
  },

  setState(state) {
    this.state = state;
    this.outbox.say(this.data.item, { state });
    this.drawTop();
    this.say({ flagged: "Flagged", open: "Open", done: "Finished" }[state]);
  },

  finish() {
    const open = this.cues.filter((cue) => !this.rows.some((row) => answers(row, cue)));
    const all = (key) => this.write(open.map((cue) => rowOf({ ...this.place(cue.from, cue.to), machine: this.machine(cue),
      label: key ?? this.suggested(cue).key, how: "bulk" })));
    const negative = this.data.labels.find((label) => label.negative)?.key;
    const end = () => {
      this.tellTime();
      this.finishing = this.data.item;
      this.setState("done");
    };
    if (!open.length) return end();
    return this.dialogs.finish(open.length, {
      accept: () => (all(null), end()), refuse: () => (negative && all(negative), end()), leave: end });
  },

  keepPlace() {
    if (!this.data || !this.writable) return;
    const at = this.topUnit();
    this.outbox.say(this.data.item, { place: this.offsets.toPoints(at) });
  },

  // Time counts while the page is seen and a hand is on it.
  tick() {
    if (!this.data || !this.writable || document.visibilityState !== "visible") return;
    if (performance.now() - this.touched > IDLE_MS) return;
    this.seconds += 1;
    this.unspoken += 1;
    this.drawTime();
    if (this.unspoken >= TELL_EVERY) this.tellTime();
  },

  tellTime(quietly = false) {
    if (!this.unspoken || !this.data || !this.writable) return;
    this.outbox.say(this.data.item, { seconds: this.unspoken }, !quietly);
    this.unspoken = 0;
  },
};

Object.assign(Annotator.prototype, LOG_ACTS, ANNOTATOR_ACTS);
