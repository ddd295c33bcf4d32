// One arm's pane: its head, its text as it grows, and the place in it a reader keeps.

const AT_END = 28; // pixels from the end that still count as the end
const TAGS = ["A", "B", "C", "D"];

class Column {
  constructor(view, arm) {
    this.view = view;
    this.arm = arm;
    this.trace = null;
    this.following = true;
    this.head = el("div", { class: "head" });
    this.scroller = el("div", { class: "scroll", tabindex: "0", role: "region" });
    this.text = new LiveText(view.data.groups);
    this.prompt = el("details", { class: "prompt", hidden: true });
    this.ending = el("p", { class: "ending", hidden: true });
    this.scroller.append(this.prompt, this.text.el, this.ending);
    this.jump = button("↓ Follow", "Go to the end and stay there", "follow", () => this.follow(), { class: "jump", hidden: true });
    this.tokens = new Tokens(this);
    this.foot = el("div", { class: "tools" });
    this.el = el("section", { class: "pane" }, this.head,
      el("div", { class: "body" }, this.scroller, this.jump, this.tokens.tip, this.tokens.el), this.foot);
    this.scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.scroller.addEventListener("copy", (event) => this.copied(event));
  }

  // Everything that hangs on the trace's state and not on each token.
  drawHead() {
    const arm = this.view.live.plan.arms[this.arm];
    const link = this.storedLink();
    const several = this.view.live.plan.arms.some(({ notes }) => notes);
    const subtitle = arm.notes || (several ? "as it is" : "");
    const row = titleRow({ tag: TAGS[this.arm], title: arm.title, subtitle, verdict: null, sample: null, link });
    row.append(this.verdict());
    this.cueCount = el("b");
    this.density = el("b");
    this.tokenCount = el("b");
    this.tally = el("span", { class: "tally" });
    const facts = el("div", { class: "facts" }, el("span", {}, this.cueCount, el("i")), el("span", {}, this.density, " per 1,000"),
      el("span", {}, this.tokenCount, " tokens"), this.tally);
    this.head.replaceChildren(row, facts, el("div", { class: "notices" }, this.bans(arm)));
    this.scroller.setAttribute("aria-label", `Text of ${TAGS[this.arm]} ${arm.title}`);
    this.el.setAttribute("aria-label", `${TAGS[this.arm]} ${arm.title}`);
    this.drawPrompt();
    this.drawEnding();
  }

  // A trace's own page, once it is in the store.
  storedLink() {
    const { done } = this.trace;
    return done?.trace && this.view.live.over ? `reader?trace=${encodeURIComponent(done.trace)}` : null;
  }

  verdict() {
    const { state, done } = this.trace;
    if (done) {
      const words = done.correct === null && done.finish === "length" ? "cut off" : null;
      return verdictMark({ right: done.correct, answer: done.answer, words });
    }
    if (state === "failed") return el("span", { class: "verdict no" }, "✕ failed");
    if (this.view.live.over) return el("span", { class: "verdict" }, state === "writing" ? "stopped" : "not begun");
    return el("span", { class: `verdict ${state}` }, state);
  }

  bans({ banned, bans }) {
    if (!bans) return null;
    const texts = [...new Set(banned.map(([, text]) => text.trim() || "␣"))];
    const all = banned.map(([id, text]) => `${id} ${JSON.stringify(text)}`).join("\n");
    const shown = texts.slice(0, 12).join(", ") + (texts.length > 12 ? " …" : "");
    return named("p", `${count(bans, "token id")} it can’t say: ${shown}`, { title: all });
  }

  drawPrompt() {
    const { prompt } = this.trace;
    this.prompt.hidden = !prompt;
    if (!prompt || this.prompted === prompt) return;
    this.prompted = prompt;
    const size = count(new Offsets(prompt).points, "character");
    this.prompt.replaceChildren(el("summary", {}, el("span", { class: "sec" }, "prompt"), ` ${size}`),
      appendText(el("div", { class: "chunk" }), prompt));
  }

  drawEnding() {
    const { done, reason } = this.trace;
    const unsaid = done?.tokens > 0 && !this.trace.text ? "This job was too large to be shown word by word. Once it has ended, the name above opens the trace." : "";
    const said = reason || unsaid || (done?.finish === "length" ? "Cut off at the token limit" : "");
    this.ending.hidden = !said;
    this.ending.replaceChildren(said);
    const facts = done ? [done.words !== null && count(done.words, "word"), done.seconds && `${done.seconds.toFixed(1)} s`] : [];
    this.speed = el("span", { class: "speed" });
    const spent = el("span", { class: "spent" }, this.speed, facts.filter(Boolean).map((fact) => ` · ${fact}`).join(""));
    const copy = button("copy", "Copy the text so far", "copy", () => this.copyAll());
    const stored = this.storedLink();
    const open = stored && el("a", { href: safeLink(stored), target: "_self", title: "Open this trace in the Reader" }, "reader");
    this.foot.replaceChildren(spent, el("span", { class: "acts" }, open, copy));
  }

  // Called at most once a frame; `trace` may be another one than before.
  update(trace) {
    if (trace !== this.trace || trace.version !== this.version) {
      if (trace !== this.trace || trace.begun !== this.begun) this.reset(trace);
      this.version = trace.version;
      this.drawHead();
    }
    const grown = trace.from !== null || trace.state !== this.drawnState;
    if (grown) this.drawText();
    this.drawFacts();
    if (grown && this.following) this.scroller.scrollTop = this.scroller.scrollHeight;
    if (grown) this.showJump();
  }

  reset(trace) {
    if (this.trace) this.tokens.forget();
    this.trace = trace;
    this.begun = trace.begun;
    this.text.clear();
    this.prompted = null;
    this.following = true;
    trace.from = 0;
  }

  drawText() {
    this.drawnState = this.trace.state;
    this.text.draw(this.trace);
    this.tokens.placed();
  }

  drawFacts() {
    const { trace } = this;
    const [cues, tokens, rate] = [trace.cues(), trace.tokens(), trace.rate()];
    this.cueCount.textContent = cues.toLocaleString("en");
    this.cueCount.nextSibling.textContent = cues === 1 ? " doubt" : " doubts";
    this.density.textContent = tokens ? ((1000 * cues) / tokens).toFixed(1) : "–";
    this.tokenCount.textContent = tokens.toLocaleString("en");
    this.speed.textContent = rate === null ? "" : `${Math.round(rate).toLocaleString("en")} tokens/s`;
    const key = trace.marks.map((mark) => mark[3]).join();
    if (key !== this.tallied || !this.tally.firstChild) this.drawTally();
    this.tallied = key;
  }

  drawTally() {
    const counts = this.view.data.groups.map(() => 0);
    for (const [, , , group] of this.trace.marks) counts[group] += 1;
    this.tally.replaceChildren(...this.view.data.groups.map(({ letter, label }, group) =>
      el("span", { class: `c${letter}${counts[group] ? "" : " none"}`, title: `${label}: ${counts[group]}` },
        el("i", {}, letter), String(counts[group]))));
  }

  scrolled() {
    this.following = this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight <= AT_END;
    this.showJump();
  }

  showJump() {
    const long = this.scroller.scrollHeight > this.scroller.clientHeight + AT_END;
    this.jump.hidden = this.following || !long || this.trace?.state !== "writing";
  }

  follow() {
    this.following = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.scroller.focus({ preventScroll: true });
    this.showJump();
  }

  reveal(start, end) {
    const box = this.text.range(start, end)?.getBoundingClientRect();
    const view = this.scroller.getBoundingClientRect();
    if (!box || (box.top >= view.top + 8 && box.bottom <= view.bottom - 8)) return;
    this.following = false;
    this.scroller.scrollTop += box.top - view.top - view.height / 2;
  }

  // Puts a small window at characters [start, end), inside the pane; hidden while they are scrolled away.
  attach(node, start, end, above) {
    const box = this.text.range(start, end)?.getClientRects()[0];
    if (!box) return;
    const frame = this.scroller.getBoundingClientRect();
    node.style.visibility = box.bottom < frame.top || box.top > frame.bottom ? "hidden" : "visible";
    const below = box.bottom - frame.top + 6;
    const over = box.top - frame.top - node.offsetHeight - 6;
    const fits = below + node.offsetHeight <= frame.height - 4;
    const top = (above && over >= 0) || (!fits && over >= 0) ? over : below;
    node.style.top = `${Math.max(4, top)}px`;
    node.style.left = `${Math.max(6, Math.min(box.left - frame.left - 10, frame.width - node.offsetWidth - 10))}px`;
  }

  // The clipboard gets the characters of the text, not what stands in the page for them.
  copied(event) {
    const selected = selectedRange(this.scroller.getRootNode());
    const [from, to] = selected ? [selected.startContainer, selected.endContainer] : [];
    const { startOf } = this.text;
    if (!startOf.has(from) || !startOf.has(to)) return;
    const text = this.trace.text.slice(startOf.get(from) + selected.startOffset, startOf.get(to) + selected.endOffset);
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
  }

  async copyAll() {
    this.view.say((await toClipboard(this.trace.text)) ? "Text copied" : "The browser refused to copy", true);
  }

  destroy() {
    if (this.trace) this.tokens.forget();
    this.el.remove();
  }
}
