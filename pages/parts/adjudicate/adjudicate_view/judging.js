// What an adjudicator can do: every act, whether a key or a click asked for it. Mixed into Judge.

const JUDGE_ACTS = {
  listen() {
    const answer = (event) => {
      if (!this.root.isConnected || event.defaultPrevented || event.isComposing || event.metaKey || event.ctrlKey || event.altKey) return;
      if (typing(event) || document.querySelector("[role=dialog], dialog[open]") || this.help.open) return;
      const target = event.composedPath()[0];
      if (target instanceof Element && target.closest("button, a, summary") && ["Enter", " "].includes(event.key)) return;
      const act = this.actFor(event);
      if (!act) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", answer);
    return () => document.removeEventListener("keydown", answer);
  },

  actFor({ key, shiftKey }) {
    const place = this.current === null ? null : this.found[this.current];
    const free = { n: () => this.walk(1), p: () => this.walk(-1), o: () => this.nextOpen(this.current ?? -1), j: () => this.send("move", 1),
      k: () => this.send("move", -1), "?": () => this.showHelp(), Escape: () => this.letGo() };
    if (free[key]) return free[key];
    if (key in ARROWS && document.activeElement !== document.body) {
      const [kind, by] = ARROWS[key];
      return () => (kind === "step" ? this.hand.step(by, shiftKey, false) : this.hand.line(by, shiftKey));
    }
    if (!this.writable) return null;
    const label = shiftKey && this.data.labels.find(({ letter }) => letter === key || (letter === "×" && key === "X"));
    if (label) return () => this.useLabel(label.key);
    if (key === "u") return () => this.undo();
    if (key === "e") return () => this.settle();
    if (!place) return null;
    if (/^[1-9]$/.test(key) && Number(key) <= this.data.lanes.length) return () => this.adopt(place, Number(key) - 1);
    const acts = { 0: () => this.reject(place), d: () => this.undecide(place) };
    const reason = { g: 0, b: 1, s: 2 }[key];
    if (reason !== undefined) return () => this.because(place, this.data.reasons[reason]);
    return acts[key] ?? null;
  },

  wrote() {
    if (this.settled) {
      this.settled = false;
      this.outbox.say(this.data.item, { settled: false });
      this.drawTop();
    }
  },

  letGo() {
    this.hand.clear();
    this.current = null;
    this.draw();
  },

  pointed(keys) {
    this.goTo(this.found[Number(keys[0].slice(2))]);
    return true;
  },

  goTo(place) {
    if (!place) return;
    this.hand.clear();
    this.current = place.index;
    this.draw();
    this.paper.reveal(this.offsets.toUnits(place.start), this.offsets.toUnits(place.end));
    this.say(`Place ${place.index + 1} of ${this.found.length}, ${place.gold.length ? "decided" : "open"}`);
  },

  walk(step) {
    const to = (this.current ?? (step > 0 ? -1 : this.found.length)) + step;
    if (!this.found[to]) return this.say(step > 0 ? "That was the last place" : "That was the first place");
    return this.goTo(this.found[to]);
  },

  nextOpen(after) {
    const open = this.found.find((place) => place.index > after && !place.gold.length) ?? this.found.find((place) => !place.gold.length);
    if (open) return this.goTo(open);
    return this.say("Every place is decided");
  },

  // -- deciding -----------------------------------------------------------------------------------

  // The gold of a place becomes exactly `wanted`; what stood there is corrected, or withdrawn where there is too much.
  decide(place, wanted, how) {
    const rows = wanted.map((fields, k) => rowOf({ ...fields, text_sha256: this.data.sha256, how, root: place.gold[k]?.root }));
    const gone = place.gold.slice(wanted.length).map((row) => withdrawal(row));
    this.write([...rows, ...gone]);
  },

  adopt(place, lane) {
    const own = place.labels.filter((span) => span.lane === lane);
    if (!own.length) return this.reject(place);
    this.decide(place, own.map(({ start, end, quote, label, flag }) => ({ start, end, quote, label, flag })), "adopted");
    return this.nextOpen(place.index);
  },

  reject(place) {
    const span = place.labels[0] ?? place.gold[0];
    const quote = this.data.text.slice(this.offsets.toUnits(place.start), this.offsets.toUnits(place.end));
    this.decide(place, [{ op: "reject", start: place.start, end: place.end, quote, label: span.label }], "own");
    this.nextOpen(place.index);
  },

  undecide(place) {
    if (!place.gold.length) return this.say("Nothing is decided here");
    this.write(place.gold.map((row) => withdrawal(row)));
    return this.goTo(this.found.find(({ start }) => start >= place.start) ?? this.found.at(-1));
  },

  // On chosen words: a label of the adjudicator's own. On a place: its gold gets that label.
  useLabel(key) {
    if (!this.writable) return this.say(this.data.why);
    const { pick } = this.hand;
    if (pick) {
      const quote = this.paper.text.slice(...pick);
      this.hand.clear();
      this.write([rowOf({ start: this.offsets.toPoints(pick[0]), end: this.offsets.toPoints(pick[1]), quote, label: key,
        text_sha256: this.data.sha256, how: "own" })]);
      return this.say(`Gold: “${quote}” ${this.kind(key).name}`);
    }
    const place = this.current === null ? null : this.found[this.current];
    if (!place) return this.say("Go to a place or choose words first");
    const from = place.gold.filter((row) => row.op === "put");
    const base = from.length ? from : place.labels.length ? [place.labels[0]] : place.gold;
    this.decide(place, base.map(({ start, end, quote, flag }) => ({ start, end, quote, flag, label: key })), "own");
    return this.nextOpen(place.index);
  },

  because(place, reason) {
    if (!place.gold.length) return this.say("Decide first, then say why");
    const on = place.gold.some((row) => row.reason === reason);
    this.write(place.gold.map((row) => rowOf({ ...row, reason: on ? "" : reason })));
    return this.say(on ? "No reason" : reason);
  },

  settle() {
    if (this.settled) return this.send("settled", this.data.item);
    this.settled = true;
    this.settling = true;
    this.outbox.say(this.data.item, { settled: true });
    return this.drawTop();
  },

  showHelp() {
    const rows = JUDGE_KEYS.flatMap(([key, words]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, words)]);
    const close = button("×", "Close", "dialog-close", () => this.help.close(), { class: "icon" });
    this.help.replaceChildren(el("header", {}, el("h2", {}, "Keys"), close), el("dl", {}, ...rows), el("footer"));
    this.help.showModal();
  },
};

Object.assign(Judge.prototype, LOG_ACTS, JUDGE_ACTS);

export default function (component) {
  const { parentElement } = component;
  if (!JUDGES.has(parentElement)) JUDGES.set(parentElement, new Judge(parentElement));
  const judge = JUDGES.get(parentElement);
  judge.update(component);
  return () => {
    judge.destroy();
    JUDGES.delete(parentElement);
  };
}
