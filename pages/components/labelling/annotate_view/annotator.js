// The annotating view: an item, what a person does to it, and Streamlit's way in (the default export) and out (send).
// Labels never pass through Streamlit: the outbox posts them, and the page is not run again for them.

const ANNOTATORS = new WeakMap();
const IDLE_MS = 60_000;
const TELL_EVERY = 20; // seconds at work between two words to the server
const SPARE_STYLE = "--sth-a";

class Annotator {
  constructor(parent) {
    this.parent = parent;
    this.current = null; // {cue: index} or {root}
    this.armed = null;
    this.build();
    this.stopKeys = listenFor(this);
    this.awake = () => (this.touched = performance.now());
    for (const kind of ["pointermove", "keydown", "wheel"]) document.addEventListener(kind, this.awake, { passive: true });
    this.back = () => document.visibilityState === "visible" && this.outbox?.send(true);
    document.addEventListener("visibilitychange", this.back);
    window.addEventListener("focus", this.back);
    this.leaving = () => this.tellTime(true);
    window.addEventListener("pagehide", this.leaving);
    this.clock = setInterval(() => this.tick(), 1_000);
    this.resized = onFrame(() => this.fit());
    window.addEventListener("resize", this.resized);
    this.observer = new ResizeObserver(this.resized);
    this.observer.observe(document.body);
    this.unspoken = 0;
    this.awake();
  }

  build() {
    const scroller = el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "The text to annotate" });
    this.paper = new Paper(scroller);
    this.hand = new Hand(this.paper, {
      chosen: (pick, walking) => this.chosen(pick, walking),
      pointed: (keys) => this.pointed(keys),
    });
    this.rail = new Rail(this);
    this.dialogs = new Dialogs(this);
    this.top = el("div", { class: "top" });
    this.palette = el("div", { class: "palette", role: "toolbar", "aria-label": "Labels" });
    this.status = el("div", { class: "status", role: "status", "aria-live": "polite" });
    this.saved = el("span", { class: "saved", role: "status" });
    const refused = el("div", { class: "refused", role: "alert", hidden: true });
    this.refused = refused;
    const sheet = el("div", { class: "sheet" }, scroller, refused, this.palette);
    this.root = el("div", { class: "an", "data-painted": "" }, this.top, el("div", { class: "desk" }, sheet, this.rail.el), this.status,
      this.dialogs.el);
    this.parent.append(this.root);
    scroller.addEventListener("scroll", debounce(() => this.keepPlace(), 800), { passive: true });
  }

  update(component) {
    const { data } = component;
    this.component = component;
    const other = this.data?.item !== data.item || this.data?.project !== data.project;
    this.data = data;
    this.writable = data.writable;
    if (this.person !== `${data.person}.${data.project}`) this.enter(data);
    if (other) this.open(data);
    else data.rows.forEach((row) => this.book.learn(row));
    this.outbox.use({ token: data.token, url: data.url, item: data.item, after: () => this.book.after });
    this.rail.guidelines(data.guidelines, other ? undefined : this.rail.guide.open);
    this.fit();
    this.draw();
    this.drawTop();
    this.drawPalette();
    this.drawSaved();
    if (other) requestAnimationFrame(() => this.resume());
  }

  enter(data) {
    this.person = `${data.person}.${data.project}`;
    this.outbox?.close();
    this.kept = new Kept(this.person);
    this.keymap = new Keymap(new Kept(data.person), data.labels);
    this.outbox = new Outbox({
      storage: this.kept,
      learned: (saved, rows) => this.learned(saved, rows),
      changed: () => this.drawSaved(),
      renew: () => this.send("renew", performance.now()),
    });
  }

  open(data) {
    this.offsets = new Offsets(data.text);
    this.book = new Book(data.rows);
    for (const row of this.outbox.rows) if (row.item === data.item) this.book.add({ ...row, root: row.root || row.id });
    this.undos = this.kept.get("undo", data.item) ?? [];
    this.keymap.labels = data.labels;
    const units = (at) => this.offsets.toUnits(at);
    this.cues = data.cues.map(([start, end, entry, group], index) => ({
      index, start, end, entry, group, from: units(start), to: units(end) }));
    this.paper.build({ text: data.text, start: units(data.start), end: units(data.end) });
    this.words = new Words(data.text, units(data.start), units(data.end));
    this.hand.begin(this.words);
    this.current = null;
    this.seconds = data.seconds;
    this.state = data.state;
  }

  // Where one stopped; an item never seen begins at its own first line.
  resume() {
    const at = this.offsets.toUnits(this.data.place);
    const begun = at > this.paper.start && at < this.paper.end;
    this.paper.scroller.scrollTop = 0;
    this.paper.reveal(begun ? at : this.paper.start, (begun ? at : this.paper.start) + 1, begun ? 0.3 : 0.04);
    this.paper.scroller.focus({ preventScroll: true, focusVisible: false });
    this.root.dataset.painted = String(performance.now());
  }

  // -- what is drawn ------------------------------------------------------------------------------

  kind(key) {
    const found = this.data.labels.find((label) => label.key === key);
    if (!found) return { key, name: key, letter: "?", style: SPARE_STYLE, negative: false };
    return { ...found, style: found.letter && found.group ? `--sth-group-${found.letter.toLowerCase()}` : SPARE_STYLE };
  }

  draw() {
    const rows = this.book.standing().map((row) => ({ ...row, refused: this.outbox.refused.some((one) => one.row?.id === row.id) }));
    const marks = rows.map((row) => {
      const kind = this.kind(row.label);
      return { start: this.offsets.toUnits(row.start), end: this.offsets.toUnits(row.end), key: `r:${row.root}`, letter: kind.letter,
        style: kind.style, negative: kind.negative, current: this.current?.root === row.root,
        title: [kind.name, row.flag, row.comment].filter(Boolean).join(" · ") };
    });
    for (const cue of this.cues) {
      if (rows.some((row) => answers(row, cue))) continue;
      const kind = this.suggested(cue);
      marks.push({ start: cue.from, end: cue.to, key: `c:${cue.index}`, letter: kind.letter, style: kind.style, dashed: true,
        current: this.current?.cue === cue.index, title: `machine: ${cue.entry}, ${cue.group}` });
    }
    marks.sort((a, b) => a.start - b.start || b.end - a.end);
    this.paper.paint(marks);
    this.hand.draw();
    this.rail.draw(rows);
    this.rows = rows;
  }

  drawTop() {
    const { number, of, done, blind, project } = this.data;
    const bar = el("span", { class: "bar", role: "progressbar", "aria-label": "Your finished items", "aria-valuemin": 0,
      "aria-valuemax": of, "aria-valuenow": done });
    const fill = el("i");
    fill.style.width = `${of ? (100 * done) / of : 0}%`;
    bar.append(fill);
    const moves = (step, sign, words) => button(sign, words, step > 0 ? "item-on" : "item-back", () => this.send("move", step), { class: "icon" });
    this.time = el("span", { class: "time", title: "Time at work on this item" });
    const act = (name, words, title, more = {}) => button(words, `${title} (${this.keymap.keyFor(name)})`, name, () => this.act(name), more);
    this.top.replaceChildren(
      moves(-1, "‹", "Previous item"), el("b", {}, number ? `Your item ${number}` : "Item"), moves(1, "›", "Next item"),
      el("span", { class: "quiet" }, `${done} of ${of} finished`), bar,
      blind ? el("span", { class: "pill", title: "This item shows no machine cues: what you find here says how many they miss" }, "blind")
        : el("span", { class: "quiet" }, `${count(this.cues.length, "machine cue")}`),
      el("span", { class: "gap" }), this.saved, this.time,
      act("flag", this.state === "flagged" ? "Flagged" : "Flag", "Flag this item for somebody to look at",
        { "aria-pressed": String(this.state === "flagged"), class: "switch", disabled: !this.writable }),
      act("help", "? keys", "Keys"),
      act("done", this.state === "done" ? "Finished" : "Finish item", "Finish this item", { class: "main", disabled: !this.writable, "data-project": project }),
    );
    this.drawTime();
  }

  drawPalette() {
    const chips = this.data.labels.map((label) => {
      const kind = this.kind(label.key);
      const key = this.keymap.keyFor(`label:${label.key}`);
      const chip = button("", `${label.name}${label.description ? `: ${label.description}` : ""}${key ? ` (${key})` : ""}`, `label-${label.key}`,
        () => this.act(`label:${label.key}`), { class: "label-chip", "aria-pressed": String(this.armed === label.key), disabled: !this.writable });
      chip.append(key ? el("kbd", {}, key) : "", letterOf(kind), appendText(el("span"), label.name));
      return chip;
    });
    const hint = !this.writable ? this.data.why : this.armed ? `Every selection becomes “${this.kind(this.armed).name}” until Esc.` : "";
    this.palette.replaceChildren(...chips, el("span", { class: "quiet" }, hint));
  }

  drawSaved() {
    this.tellSaved();
    if (this.finishing && this.outbox.settled) {
      const item = this.finishing;
      this.finishing = null;
      if (!this.outbox.refused.length) this.send("finished", item);
    }
  }

  drawTime() {
    const seconds = Math.floor(this.seconds);
    this.time.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }

  say(words) {
    this.status.textContent = words;
  }

  send(name, value) {
    this.component.setTriggerValue(name, value);
  }

  destroy() {
    this.tellTime(true);
    this.stopKeys();
    for (const kind of ["pointermove", "keydown", "wheel"]) document.removeEventListener(kind, this.awake);
    document.removeEventListener("visibilitychange", this.back);
    window.removeEventListener("focus", this.back);
    window.removeEventListener("pagehide", this.leaving);
    window.removeEventListener("resize", this.resized);
    clearInterval(this.clock);
    this.observer.disconnect();
    this.outbox?.close();
    this.hand.clear();
    this.root.remove();
  }
}

export default function (component) {
  const { parentElement } = component;
  if (!ANNOTATORS.has(parentElement)) ANNOTATORS.set(parentElement, new Annotator(parentElement));
  const annotator = ANNOTATORS.get(parentElement);
  annotator.update(component);
  return () => {
    annotator.destroy();
    ANNOTATORS.delete(parentElement);
  };
}
