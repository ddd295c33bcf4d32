// The adjudicating view: everybody's labels as lanes over one text, and below them the gold lane that is decided here.
// A place is a run of characters where labels overlap; it is decided once gold, or a rejection, lies on it.

const JUDGES = new WeakMap();
const LANE_NAMES = "ABCDEFGHIJKLMNOPQRST";
const JUDGE_KEYS = [
  ["1 … 9", "adopt the label of that lane"], ["0", "no label belongs here"], ["Shift + letter", "this label instead: H, M, C …"],
  ["g b s", "reason: guideline gap, ambiguous, slip"], ["n p", "next, previous place"], ["o", "next open place"], ["u", "undo"],
  ["d", "take the decision back"], ["j k", "next, previous item"], ["e", "settle the item, and go on"], ["?", "this help"],
];

class Judge {
  constructor(parent) {
    this.parent = parent;
    this.current = null; // number of a place
    this.named = false;
    this.build();
    this.stopKeys = this.listen();
    this.back = () => document.visibilityState === "visible" && this.outbox?.send(true);
    window.addEventListener("focus", this.back);
    this.resized = onFrame(() => this.fit());
    window.addEventListener("resize", this.resized);
    this.observer = new ResizeObserver(this.resized);
    this.observer.observe(document.body);
  }

  build() {
    const scroller = el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "The text with everybody’s labels" });
    this.paper = new Paper(scroller);
    this.hand = new Hand(this.paper, { chosen: () => this.draw(), pointed: (keys) => this.pointed(keys) });
    this.top = el("div", { class: "top" });
    this.lanes = el("div", { class: "lanes" });
    this.palette = el("div", { class: "palette", role: "toolbar", "aria-label": "Labels" });
    this.places = el("ol", { class: "places", "aria-label": "Places where somebody put a label" });
    this.status = el("div", { class: "status", role: "status", "aria-live": "polite" });
    this.saved = el("span", { class: "saved", role: "status" });
    this.refused = el("div", { class: "refused", role: "alert", hidden: true });
    this.help = el("dialog", { class: "ask", "aria-label": "Keys" });
    const sheet = el("div", { class: "sheet" }, this.lanes, scroller, this.refused, this.palette);
    const rail = el("aside", { class: "rail", "aria-label": "Places to decide" }, this.places);
    this.root = el("div", { class: "an adj", "data-painted": "" }, this.top, el("div", { class: "desk" }, sheet, rail), this.status, this.help);
    this.parent.append(this.root);
  }

  update(component) {
    const { data } = component;
    this.component = component;
    const other = this.data?.item !== data.item;
    this.data = data;
    this.writable = data.writable;
    if (this.person !== `${data.person}.${data.project}`) this.enter(data);
    if (other) this.open(data);
    else data.rows.forEach((row) => this.book.learn(row));
    this.outbox.use({ token: data.token, url: data.url, item: data.item, after: () => this.book.after });
    this.fit();
    this.draw();
    this.drawTop();
    this.drawSaved();
    if (other) requestAnimationFrame(() => this.begin());
  }

  enter(data) {
    this.person = `${data.person}.${data.project}`;
    this.outbox?.close();
    this.kept = new Kept(`${this.person}.gold`);
    this.outbox = new Outbox({ storage: this.kept, learned: (saved, rows) => this.learned(saved, rows),
      changed: () => this.drawSaved(), renew: () => this.send("renew", performance.now()) });
  }

  open(data) {
    this.offsets = new Offsets(data.text);
    this.book = new Book(data.rows);
    for (const row of this.outbox.rows) if (row.item === data.item) this.book.add({ ...row, root: row.root || row.id });
    this.undos = this.kept.get("undo", data.item) ?? [];
    const units = (at) => this.offsets.toUnits(at);
    this.paper.build({ text: data.text, start: units(data.start), end: units(data.end) });
    this.words = new Words(data.text, units(data.start), units(data.end));
    this.hand.begin(this.words);
    this.current = null;
    this.settled = data.settled;
  }

  begin() {
    this.paper.scroller.scrollTop = 0;
    this.paper.reveal(this.paper.start, this.paper.start + 1, 0.04);
    this.paper.scroller.focus({ preventScroll: true, focusVisible: false });
    this.root.dataset.painted = String(performance.now());
    this.nextOpen(-1);
  }

  // Runs of characters that labels of any lane, or gold, cover together.
  findPlaces(gold) {
    const spans = [
      ...this.data.lanes.flatMap((lane, k) => lane.labels.map((row) => ({ ...row, lane: k }))),
      ...gold.map((row) => ({ ...row, gold: true })),
    ].sort((a, b) => a.start - b.start || a.end - b.end);
    const found = [];
    for (const span of spans) {
      const last = found.at(-1);
      if (last && span.start < last.end) {
        last.end = Math.max(last.end, span.end);
        last.spans.push(span);
      } else found.push({ start: span.start, end: span.end, spans: [span] });
    }
    return found.map((place, index) => {
      const labels = place.spans.filter((span) => !span.gold);
      const said = new Set(labels.map((span) => `${span.start}-${span.end}-${span.label}`));
      return { ...place, index, labels, gold: place.spans.filter((span) => span.gold), agreed: said.size === 1 && labels.length === this.data.lanes.length };
    });
  }

  kind(key) {
    const found = this.data.labels.find((label) => label.key === key);
    if (!found) return { key, name: key, letter: "?", style: "--sth-a", negative: false };
    return { ...found, style: found.group ? `--sth-group-${found.letter.toLowerCase()}` : "--sth-a" };
  }

  laneName(k) {
    return this.named ? this.data.lanes[k].name : LANE_NAMES[k];
  }

  draw() {
    const gold = this.book.standing();
    this.found = this.findPlaces(gold);
    if (this.current !== null && this.current >= this.found.length) this.current = this.found.length - 1;
    const units = (at) => this.offsets.toUnits(at);
    const marks = this.found.flatMap((place) => place.spans.map((span) => {
      const kind = this.kind(span.label);
      const level = span.gold ? Math.min(this.data.lanes.length, LEVELS - 1) : Math.min(span.lane, LEVELS - 2);
      const title = `${span.gold ? "gold" : this.laneName(span.lane)}: ${span.op === "reject" ? "no label here" : kind.name}`;
      return { start: units(span.start), end: units(span.end), key: `p:${place.index}`, style: span.op === "reject" ? "--sth-mute" : kind.style,
        letter: span.gold ? (span.op === "reject" ? "–" : kind.letter) : "", level, thick: span.gold, dashed: !span.gold && kind.negative,
        gold: span.gold && span.op !== "reject", open: !place.gold.length, current: place.index === this.current, title };
    }));
    marks.sort((a, b) => a.start - b.start || b.end - a.end);
    this.paper.paint(marks);
    this.hand.draw();
    this.drawPlaces();
    this.drawPalette();
  }

  drawTop() {
    const { number, of, agreement } = this.data;
    const move = (step, sign, words) => button(sign, words, step > 0 ? "item-on" : "item-back", () => this.send("move", step), { class: "icon" });
    const names = button("Names", "Show who is who", "names", () => {
      this.named = !this.named;
      this.drawTop();
      this.draw();
    }, { class: "switch", "aria-pressed": String(this.named) });
    this.top.replaceChildren(move(-1, "‹", "Previous item (k)"), el("b", {}, `Item ${number} of ${of}`), move(1, "›", "Next item (j)"),
      el("span", { class: "quiet" }, agreement), el("span", { class: "gap" }), this.saved, names,
      button("? keys", "Keys (?)", "help", () => this.showHelp()),
      button(this.settled ? "Settled" : "Settle item", "Finished with this item (e)", "settle", () => this.settle(), { class: "main", disabled: !this.writable }));
    const legend = this.data.lanes.map((lane, k) => el("span", { class: "lane-name", title: this.named ? "" : "Hidden: press Names" },
      el("kbd", {}, String(k + 1)), appendText(el("span"), this.laneName(k)), el("i", {}, `line ${k + 1}${lane.done ? "" : " · not finished"}`)));
    this.lanes.replaceChildren(...legend, el("span", { class: "lane-name gold-name" }, el("b", {}, "Gold"), el("i", {}, "thick line")));
  }

  drawPlaces() {
    const focused = this.places.getRootNode().activeElement?.dataset?.focus;
    this.places.replaceChildren(...this.found.map((place) => this.placeRow(place)));
    if (!this.found.length) this.places.append(el("li", { class: "none" }, "Nobody put a label on this item. Settle it if that is right, or choose words and give them a label."));
    if (focused) this.places.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    this.places.querySelector(".current")?.scrollIntoView({ block: "nearest" });
  }

  placeRow(place) {
    const current = place.index === this.current;
    const quote = this.data.text.slice(this.offsets.toUnits(place.start), this.offsets.toUnits(place.end)).replace(/\s+/g, " ");
    const head = el("button", { type: "button", class: "quote", "data-focus": `p${place.index}`, onclick: () => this.goTo(place) });
    head.append(el("span", { class: "letter", "aria-hidden": "true" }, place.gold.length ? "✓" : "○"), appendText(el("span"), quote));
    const what = place.gold.length ? place.gold.map((row) => (row.op === "reject" ? "no label" : this.kind(row.label).name)).join(", ")
      : place.agreed ? "all agree" : "open";
    const row = el("li", { class: `row${current ? " current" : ""}`, "data-place": place.index }, head, el("span", { class: "what" }, what));
    if (current) row.append(this.details(place));
    return row;
  }

  details(place) {
    const lanes = this.data.lanes.map((lane, k) => {
      const own = place.labels.filter((span) => span.lane === k);
      const words = own.length ? own.map((span) => `${this.kind(span.label).name}${span.flag ? ` · ${span.flag}` : ""}${span.comment ? ` · “${span.comment}”` : ""}`).join(", ")
        : lane.done ? "nothing" : "not finished";
      const adopt = button("", `Adopt what ${this.laneName(k)} says: ${words}`, `adopt-${k + 1}`, () => this.adopt(place, k),
        { class: "lane", disabled: !this.writable || (!own.length && !lane.done), "data-focus": `a${k}` });
      adopt.append(el("kbd", {}, String(k + 1)), appendText(el("b"), this.laneName(k)), appendText(el("span"), words));
      return adopt;
    });
    const reject = button("", "No label belongs here (0)", "reject", () => this.reject(place), { class: "lane", disabled: !this.writable, "data-focus": "a-" });
    reject.append(el("kbd", {}, "0"), el("b", {}, "–"), "no label here");
    const reasons = this.data.reasons.map((reason) => button(reason, `Reason: ${reason}`, `reason-${reason}`, () => this.because(place, reason),
      { class: "use", "aria-pressed": String(place.gold.some((row) => row.reason === reason)), disabled: !place.gold.length || !this.writable, "data-focus": `r${reason}` }));
    const back = button("Take back", "Take the decision back (d)", "undecide", () => this.undecide(place), { disabled: !place.gold.length || !this.writable });
    return el("div", { class: "details" }, ...lanes, reject, el("div", { class: "uses", role: "group", "aria-label": "Why they differ" }, ...reasons), el("div", { class: "foot" }, back));
  }

  drawPalette() {
    const chips = this.data.labels.map((label) => {
      const chip = button("", `Gold is ${label.name} (Shift + ${label.letter})`, `label-${label.key}`, () => this.useLabel(label.key),
        { class: "label-chip", disabled: !this.writable });
      chip.append(letterOf(this.kind(label.key)), appendText(el("span"), label.name));
      return chip;
    });
    this.palette.replaceChildren(...chips, el("span", { class: "quiet" }, this.writable ? "" : this.data.why));
  }

  drawSaved() {
    this.tellSaved();
    if (this.settling && this.outbox.settled) {
      this.settling = false;
      if (!this.outbox.refused.length) this.send("settled", this.data.item);
    }
  }

  say(words) {
    this.status.textContent = words;
  }

  send(name, value) {
    this.component.setTriggerValue(name, value);
  }

  destroy() {
    this.stopKeys();
    window.removeEventListener("focus", this.back);
    window.removeEventListener("resize", this.resized);
    this.observer.disconnect();
    this.outbox?.close();
    this.hand.clear();
    this.root.remove();
  }
}
