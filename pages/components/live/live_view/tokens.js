// One token at a time under a reader's eye: what is under the pointer, what is chosen, and the small window at the
// chosen one, from which the trace can be gone on from with another word.

const HOVER = "live-view-hover";
const CHOSEN = "live-view-chosen";

function percent(logprob) {
  const share = 100 * Math.exp(logprob);
  return share >= 99.5 ? ">99%" : share < 1 ? "<1%" : `${Math.round(share)}%`;
}

class Tokens {
  constructor(pane) {
    this.pane = pane;
    this.chosen = -1;
    this.hovered = -1;
    this.ranges = {};
    this.tip = el("div", { class: "tip", "aria-hidden": "true", hidden: true });
    this.build();
    const { scroller } = pane;
    this.point = null;
    const hover = onFrame(() => this.hover());
    scroller.addEventListener("pointermove", (event) => {
      this.point = [event.clientX, event.clientY];
      hover();
    }, { passive: true });
    scroller.addEventListener("pointerleave", () => {
      this.point = null;
      hover();
    });
    scroller.addEventListener("click", (event) => this.clicked(event));
    scroller.addEventListener("keydown", (event) => this.key(event));
    scroller.addEventListener("scroll", () => this.placed(), { passive: true });
  }

  build() {
    this.word = el("span", { class: "word" });
    this.facts = el("span", { class: "odds" });
    this.input = el("input", { type: "text", maxlength: "80", "aria-label": "Go on from here with", placeholder: "a word",
      autocomplete: "off", spellcheck: "false" });
    this.words = el("span", { class: "words" });
    this.go = button("Go on", "Write the rest anew from here, in a job of its own", "fork", () => this.fork(this.input.value),
      { class: "go" });
    this.form = el("div", { class: "go-on" }, el("label", {}, "Go on from here with ", this.input), this.go, this.words);
    this.later = el("p", { class: "later" });
    const close = button("×", "Close (Esc)", "token-close", () => this.choose(-1), { class: "icon" });
    this.el = el("div", { class: "inspector", role: "group", "aria-label": "The chosen token", hidden: true },
      el("div", { class: "what" }, this.word, this.facts, close), this.form, this.later);
    this.el.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") this.leave();
      if (event.key === "Enter" && event.target === this.input) this.fork(this.input.value);
    });
  }

  get trace() {
    return this.pane.trace;
  }

  unitsOf(token) {
    const { offsets, ends } = this.trace;
    return [offsets.toUnits(this.trace.tokenStart(token)), offsets.toUnits(ends[token])];
  }

  textOf(token) {
    return this.trace.text.slice(...this.unitsOf(token));
  }

  at(x, y) {
    const unit = this.trace?.offsets ? this.pane.text.unitAt(x, y) : -1;
    return unit < 0 ? -1 : this.trace.tokenAt(this.trace.offsets.toPoints(unit));
  }

  hover() {
    const token = this.point ? this.at(...this.point) : -1;
    if (token === this.hovered) return;
    this.hovered = token;
    this.paint(HOVER, token);
    const said = token < 0 ? "" : this.odds(token);
    this.tip.hidden = !said || token === this.chosen;
    this.tip.textContent = said;
    if (!this.tip.hidden) this.pane.attach(this.tip, ...this.unitsOf(token), true);
  }

  odds(token) {
    const { logprobs, entropies, forced } = this.trace;
    const said = [];
    if (token < forced) said.push("put there");
    if (logprobs[token] !== null) said.push(`probability ${percent(logprobs[token])}`);
    if (entropies[token] !== null) said.push(`entropy ${entropies[token].toFixed(2)} nats`);
    return said.join(" · ");
  }

  paint(name, token) {
    const registry = highlight(name);
    if (this.ranges[name]) registry?.delete(this.ranges[name]);
    this.ranges[name] = token >= 0 ? this.pane.text.range(...this.unitsOf(token)) : null;
    if (this.ranges[name]) registry?.add(this.ranges[name]);
  }

  clicked(event) {
    if (!document.getSelection()?.isCollapsed || event.target.closest("summary, button, a")) return;
    this.choose(this.at(event.clientX, event.clientY));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.pane.scroller || !this.trace?.ends.length) return;
    const acts = {
      ArrowRight: () => this.step(1),
      ArrowLeft: () => this.step(-1),
      Enter: () => this.chosen >= 0 && !this.form.hidden && this.input.focus(),
      Escape: () => this.choose(-1),
    };
    if (!acts[event.key] || (event.key === "Escape" && this.chosen < 0)) return;
    event.preventDefault();
    event.stopPropagation();
    acts[event.key]();
  }

  // To the next token that has text; the first step goes to the first one in view.
  step(by) {
    const { ends } = this.trace;
    let token = this.chosen < 0 ? this.firstInView() - by : this.chosen;
    do token += by;
    while (token >= 0 && token < ends.length && ends[token] === this.trace.tokenStart(token));
    if (token < 0 || token >= ends.length) return;
    this.choose(token);
    this.pane.reveal(...this.unitsOf(token));
    const odds = this.odds(token);
    this.pane.view.say(`“${this.textOf(token)}”${odds && `, ${odds}`}`);
  }

  firstInView() {
    const view = this.pane.scroller.getBoundingClientRect();
    const above = (token) => {
      const box = this.pane.text.range(...this.unitsOf(token))?.getBoundingClientRect();
      return !box || box.bottom <= view.top + 8;
    };
    return Math.min(partition(this.trace.ends.length, above), this.trace.ends.length - 1);
  }

  choose(token) {
    this.chosen = token;
    this.paint(CHOSEN, token);
    this.el.hidden = token < 0;
    if (token < 0) return;
    this.tip.hidden = true;
    this.word.replaceChildren("“", named("bdi", this.textOf(token).replaceAll("\n", "⏎")), "”");
    this.facts.textContent = this.odds(token);
    this.input.value = "";
    this.allow();
    this.placed();
  }

  // Going on needs the trace in the store, and so the end of its job.
  allow() {
    const { suggestions, forks } = this.pane.view.data;
    const stored = forks && this.trace.done?.trace && this.pane.view.live.over;
    this.form.hidden = !stored;
    this.later.textContent = stored ? "" : forks ? "Once this job has ended you can go on from here with another word." : "";
    this.words.replaceChildren(...suggestions.map((word) =>
      button(word, `Go on with “${word}”`, "fork-word", () => this.fork(word), { class: "suggestion" })));
  }

  placed() {
    if (this.chosen >= 0) this.pane.attach(this.el, ...this.unitsOf(this.chosen), false);
  }

  leave() {
    this.pane.scroller.focus({ preventScroll: true });
    this.choose(-1);
  }

  // The word takes the place of the chosen token and keeps the blank before it.
  fork(word) {
    const blank = /^\s*/.exec(this.textOf(this.chosen))[0];
    const insert = word.trim() ? blank + word.trim() : "";
    const { index, done } = this.trace;
    this.pane.view.send("fork", { i: index, trace: done.trace, at: this.trace.tokenStart(this.chosen), insert });
    this.leave();
    this.pane.view.say(insert ? `Going on with “${insert.trim()}”` : "Going on from here");
  }

  forget() {
    this.choose(-1);
    this.hovered = -1;
    this.paint(HOVER, -1);
    this.tip.hidden = true;
  }
}
