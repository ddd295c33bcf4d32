// One trace: its head, its text, its map and its list of hits. Keeps what is drawn in step with the data it is given
// and redraws only what changed, so that a run that alters figures leaves the text and its place alone.

class Pane {
  constructor(viewer) {
    this.viewer = viewer;
    this.data = null;
    this.current = null;
    this.head = el("div", { class: "head" });
    const scroller = el("div", { class: "scroll", tabindex: "0", role: "region" });
    this.body = new Body(scroller);
    this.body.onFilled = () => this.markAgain();
    this.map = buildMap((share) => this.goToShare(share));
    this.hits = new Hits((cue) => this.goToCue(cue), () => this.toggleHits(false));
    this.bar = new SelectionBar(this);
    this.colours = new Colours(this);
    this.tools = toolRow({
      cue: (step) => this.nextCue(step),
      hits: () => this.toggleHits(),
      copy: () => this.copyAll(),
      download: () => saveFile(this.data.text.text, this.data.download),
    });
    this.el = el("section", { class: "pane" }, this.head,
      el("div", { class: "body" }, scroller, this.map.el, this.hits.el, this.bar.el,
        this.colours.card.el, this.colours.tip.el), this.tools);
    this.drawView = onFrame(() => this.placeView());
    scroller.addEventListener("scroll", () => {
      this.drawView();
      viewer.linked.scrolled(this);
    }, { passive: true });
    this.el.addEventListener("pointerdown", () => viewer.activate(this));
    this.el.addEventListener("focusin", () => viewer.activate(this));
    scroller.addEventListener("copy", (event) => this.copied(event));
    this.hits.el.hidden = true;
  }

  get text() {
    return this.body.docs[1];
  }

  update(data, groups, active) {
    const old = this.data;
    this.data = data;
    this.groups = groups;
    const same = old !== null && sameText(old, data) && this.groupKey === JSON.stringify(groups);
    this.groupKey = JSON.stringify(groups);
    const activeKey = JSON.stringify(active);
    const newRange = activeKey !== this.activeKey;
    this.activeKey = activeKey;
    this.active = active;
    if (!same || newRange) this.rebuild(old !== null && old.id === data.id && old.text.text === data.text.text);
    this.drawHead();
    this.colours.update(data.tokens);
    if (active && (newRange || !same)) requestAnimationFrame(() => this.goToRange());
  }

  // `keep` holds the reader's place: the character at the top of the view stays there.
  rebuild(keep) {
    const { scroller } = this.body;
    const anchor = keep && this.text ? this.body.offsetAt(this.text, scroller.scrollTop) : 0;
    const moved = keep && scroller.scrollTop > 0;
    const open = scroller.querySelector("details")?.open ?? false;
    const prompt = new Doc("prompt", this.data.prompt, this.groups, []);
    const text = new Doc("text", this.data.text, this.groups, this.data.sections);
    const edges = this.active ? [text.offsets.toUnits(this.active.start), text.offsets.toUnits(this.active.end)] : [];
    prompt.layOver(this.data.prompt.mathematics, []);
    text.layOver(this.data.text.mathematics, edges);
    const place = keep ? this.current?.index : null;
    this.body.build(prompt, text, this.data.ending, keep && open);
    this.current = place === null || place === undefined ? null : text.cues[place] ?? null;
    this.map.el.replaceChildren(this.map.view, ...mapTicks(text));
    scroller.setAttribute("aria-label", `Text of ${this.data.title}`);
    this.el.setAttribute("aria-label", `${this.data.tag ?? ""} ${this.data.title}`.trim());
    if (moved) this.body.reveal(text, anchor, anchor + 1, 0);
    else if (!keep) scroller.scrollTop = 0;
    if (!this.hits.el.hidden) this.hits.show(text, this.viewer.hidden);
    this.markAgain();
    this.drawView();
  }

  drawHead() {
    const focused = this.head.getRootNode().activeElement?.dataset?.act;
    const within = focused && this.head.contains(this.head.getRootNode().activeElement);
    const quiet = this.viewer.options.fit === "content";
    const { hidden } = this.viewer;
    const step = (by) => this.viewer.send("step", { pane: this.data.id, step: by });
    this.tools.hidden = quiet;
    const chips = groupChips(this.text, hidden, (letter) => this.viewer.toggleGroup(letter), this.data.units);
    const clear = () => this.clearRange();
    this.head.replaceChildren(
      titleRow(this.data, step),
      factRow(this.data, quiet ? null : sparkline(this.text, hidden)),
      ...(quiet || !chips.length ? [] : [el("div", { class: "chips" }, ...chips)]),
      ...(quiet || !this.data.tokens ? [] : [tokenLegend(this.data.tokens)]),
      notices(this.text, this.body.docs[0], this.data.text.mathematics, this.active, clear),
    );
    this.drawPlace();
    if (within) this.head.querySelector(`[data-act="${focused}"]`)?.focus({ preventScroll: true });
  }

  // Cues a person can go to: those of groups that are on, in reading order; the prompt's once it is open.
  shownCues() {
    const on = (cue) => !this.viewer.hidden.has(cue.letter);
    return this.text.cues.filter(on);
  }

  drawPlace() {
    const place = this.tools.querySelector(".cue-place");
    const cues = this.shownCues();
    const at = this.current ? cues.indexOf(this.current) : -1;
    place.textContent = `${at < 0 ? "–" : at + 1}/${cues.length}`;
  }

  // From the current cue while it is in view, else from the top of the view.
  nextCue(step) {
    const cues = this.shownCues();
    if (!cues.length) return this.say("No cues to go to");
    let at = this.current ? cues.indexOf(this.current) : -1;
    if (at < 0 || !this.body.isVisible(this.text, this.current.start, this.current.end)) {
      const top = this.body.offsetAt(this.text, this.body.scroller.scrollTop);
      const first = this.body.scroller.scrollTop < 2 ? 0 : partition(cues.length, (k) => cues[k].start < top);
      at = step > 0 ? first - 1 : first;
    }
    const next = at + step;
    if (next < 0 || next >= cues.length) return this.say(step > 0 ? "That was the last cue" : "That was the first cue");
    return this.goToCue(cues[next]);
  }

  goToCue(cue) {
    this.current = cue;
    if (!this.body.isVisible(this.text, cue.start, cue.end)) this.body.reveal(this.text, cue.start, cue.end);
    this.markAgain();
    this.drawPlace();
    this.hits.mark(cue);
    const cues = this.shownCues();
    this.say(`Cue ${cues.indexOf(cue) + 1} of ${cues.length}: “${this.text.slice(cue.start, cue.end)}”, ` +
      this.text.groups[cue.group].label, true);
  }

  // Selecting without a mouse: the cue gone to, or the first word in view; with a selection there, on to its buttons.
  select() {
    if (this.bar.parts?.length) return this.bar.focus();
    const { scroller } = this.body;
    const [from, to] = [0, scroller.clientHeight].map((pixels) => this.body.offsetAt(this.text, scroller.scrollTop + pixels));
    const word = /\S+/.exec(this.text.slice(from, to));
    const seen = this.current && this.body.isVisible(this.text, this.current.start, this.current.end);
    if (!seen && !word) return this.say("There is no text to select");
    const [start, end] = seen ? [this.current.start, this.current.end] : [from + word.index, from + word.index + word[0].length];
    const range = this.body.range(this.text, start, end);
    scroller.focus({ preventScroll: true });
    document.getSelection().setBaseAndExtent(range.startContainer, range.startOffset, range.endContainer, range.endOffset);
    return this.say(`Selected: “${this.text.slice(start, end)}”`, true);
  }

  // What depends on elements that come and go: the outline of the current cue and the linked range.
  markAgain() {
    const { scroller } = this.body;
    for (const old of scroller.querySelectorAll("mark.current")) old.classList.remove("current");
    if (this.current) {
      const marks = scroller.querySelectorAll(`section[data-section] mark[data-cue="${this.current.index}"]`);
      for (const mark of marks) mark.classList.add("current");
    }
    this.colours.moved();
    this.markRange();
  }

  markRange() {
    const registry = highlight("trace-view-linked");
    if (this.range) registry?.delete(this.range);
    this.range = null;
    if (!this.active || !this.text) return;
    const start = this.text.offsets.toUnits(this.active.start);
    const end = this.text.offsets.toUnits(this.active.end);
    const ends = [this.body.chunkAt(this.text, start), this.body.chunkAt(this.text, end - 1)];
    if (ends.some((chunk) => !chunk?.filled)) return;
    this.range = this.body.range(this.text, start, end);
    registry?.add(this.range);
  }

  goToRange() {
    if (!this.active) return;
    const { offsets } = this.text;
    this.viewer.activate(this);
    this.body.reveal(this.text, offsets.toUnits(this.active.start), offsets.toUnits(this.active.end));
    this.markRange();
    this.say(`Linked: characters ${this.active.start} to ${this.active.end}`);
  }

  clearRange() {
    this.active = null;
    this.markRange();
    this.drawHead();
    this.body.scroller.focus({ preventScroll: true });
  }

  goToShare(share) {
    const offset = Math.min(this.text.text.length - 1, Math.round(share * this.text.text.length));
    if (offset >= 0) this.body.reveal(this.text, offset, offset + 1, 1 / 2);
  }

  placeView() {
    const { scroller } = this.body;
    if (!this.text || !this.text.text.length || this.map.el.offsetHeight === 0) return;
    const size = this.text.text.length;
    const top = this.body.offsetAt(this.text, scroller.scrollTop) / size;
    const bottom = this.body.offsetAt(this.text, scroller.scrollTop + scroller.clientHeight) / size;
    this.map.view.style.top = `${top * 100}%`;
    this.map.view.style.height = `${Math.max(1, (bottom - top) * 100)}%`;
  }

  toggleHits(open = this.hits.el.hidden) {
    this.hits.el.hidden = !open;
    if (open) this.hits.show(this.text, this.viewer.hidden);
    if (open) this.hits.mark(this.current);
    const toggle = this.tools.querySelector('[data-act="hits"]');
    toggle?.setAttribute("aria-expanded", String(open));
    if (!open && !this.el.contains(this.el.getRootNode().activeElement)) toggle?.focus({ preventScroll: true });
    this.drawView();
  }

  groupsChanged() {
    if (this.current && this.viewer.hidden.has(this.current.letter)) this.current = null;
    this.drawHead();
    this.markAgain();
    if (!this.hits.el.hidden) this.hits.show(this.text, this.viewer.hidden);
  }

  // The clipboard gets the characters of the trace, not what stands in the page for them.
  copied(event) {
    this.bar.update();
    if (!this.bar.parts.length) return;
    event.clipboardData.setData("text/plain", this.bar.text());
    event.preventDefault();
  }

  async copyAll() {
    this.say((await toClipboard(this.data.text.text)) ? "Text copied" : "The browser refused to copy");
  }

  say(words, silent = false) {
    this.viewer.say(words, silent);
  }

  destroy() {
    this.active = null;
    this.markRange();
    this.colours.destroy();
    this.body.observer?.disconnect();
    this.el.remove();
  }
}

// Whether everything drawn in the text's place is unchanged; figures and verdicts aside.
function sameText(old, data) {
  if (old.id !== data.id || old.text.text !== data.text.text || old.prompt.text !== data.prompt.text) return false;
  const drawn = ({ text, prompt, sections, ending }) =>
    JSON.stringify([text.cues, text.entries, text.mathematics, prompt.cues, prompt.entries, prompt.mathematics, sections, ending]);
  return drawn(old) === drawn(data);
}
