// The component: what is known of the job, the panes and the strip above them, Streamlit's way in (the default export)
// and out (send). Draws at most once a frame, however fast the stream is.

const LIVE_VIEWS = new WeakMap();
const STACKED = 760;
const SLOWEST = 1_000; // ms between drawings while something is under way: speeds fall also when nothing arrives

class LiveView {
  constructor(parent) {
    this.parent = parent;
    this.live = new Live();
    this.columns = [];
    this.lost = false;
    this.build();
    this.source = new Source({
      items: (items, live) => this.heard(items, live),
      trouble: (lost) => this.trouble(lost),
      renew: () => this.send("renew", Date.now()),
    });
    this.drawSoon = onFrame(() => this.draw());
    this.resized = onFrame(() => this.fit());
    window.addEventListener("resize", this.resized);
    this.observer = new ResizeObserver(this.resized);
    this.observer.observe(document.body);
    this.observer.observe(this.above);
    this.keys = (event) => this.key(event);
    document.addEventListener("keydown", this.keys);
    this.ticking = setInterval(() => this.live.over || this.drawSoon(), SLOWEST);
  }

  build() {
    this.scores = new Scoreboard(this);
    this.banner = el("p", { class: "banner", hidden: true });
    this.number = el("b");
    this.question = el("span", { class: "asked" });
    this.gold = el("span", { class: "gold" });
    this.stand = el("span", { class: "stand" });
    const icon = { class: "icon" };
    this.back = button("‹", "Previous problem or sample (k)", "problem-back", () => this.step(-1), icon);
    this.on = button("›", "Next problem or sample (j)", "problem-on", () => this.step(1), icon);
    this.back.hidden = this.on.hidden = true;
    this.problem = el("div", { class: "problem" }, this.back, this.on, this.number, this.question, this.gold, this.stand);
    this.above = el("div", { class: "above" }, this.banner, this.scores.el, this.problem);
    this.grid = el("div", { class: "panes" });
    this.legend = el("span", { class: "letters" });
    this.toast = el("div", { class: "toast", "aria-hidden": "true" });
    this.hints = el("span", { class: "keys" });
    this.status = el("div", { class: "status", role: "status", "aria-live": "polite" });
    this.frame = el("div", { class: "frame", "data-fit": "window" }, this.above, this.grid,
      el("footer", {}, this.legend, this.toast, this.hints), this.status);
    this.root = el("div", { class: "tv lv" }, this.frame);
    this.parent.append(this.root);
  }

  update(component) {
    this.component = component;
    const { data } = component;
    const opening = this.data === undefined || data.job !== this.data.job || data.lexicon !== this.data.lexicon;
    const kept = opening ? data.focus : this.focus;
    this.data = data;
    if (opening) this.drawLegend();
    this.listen(kept);
    if (opening) this.drawSoon();
    this.fit();
  }

  listen(focus) {
    this.focus = focus;
    const { job, lexicon, token } = this.data;
    const anew = this.source.follow({ job, lexicon, token, problem: focus[0], sample: focus[1] });
    this.stale = this.stale || anew; // what is on the screen stays until the first word of the new stream
  }

  heard(items, live) {
    if (this.stale) {
      this.stale = false;
      this.live = new Live();
      this.live.plan = this.expectedPlan();
    }
    for (const item of items) {
      this.live.take(item, live);
      this.tell(item, live);
    }
    this.drawSoon();
  }

  // The plan as the page knows it before the job has said it, so that panes stand from the start.
  expectedPlan() {
    const { expected } = this.data;
    if (!expected) return null;
    const { arms, problems, samples, asked } = expected;
    const focus = [Math.min(this.focus[0], problems - 1), Math.min(this.focus[1], samples - 1)];
    const unknown = { question: "", gold: null };
    return { arms: arms.map((arm) => ({ ...arm, banned: [], bans: 0 })), samples, focus,
      problems: Array.from({ length: problems }, (_, k) => (k === focus[0] ? asked : unknown)) };
  }

  // What is said aloud: the end of a trace that is shown, and of the job.
  tell(item, live) {
    if (item.k === "over" && !this.data.over) this.send("ended", this.data.job);
    if (!live || !this.live.plan) return;
    const at = this.live.plan.arms.findIndex((_, arm) => this.live.indexOf(arm, ...this.live.plan.focus) === item.i);
    if (item.k === "done" && at >= 0) {
      const verdict = { true: "right", false: "wrong", null: "not judged" }[item.correct];
      this.say(`${TAGS[at]} is done: ${verdict}, ${count(item.cues ?? 0, "doubt")}, ${count(item.tokens ?? 0, "token")}`, false);
    }
    if (item.k === "over") this.say("The job has ended", false);
  }

  draw() {
    const { plan } = this.live;
    this.drawStand();
    this.root.dataset.painted = "";
    if (!plan) return;
    while (this.columns.length > plan.arms.length) this.columns.pop().destroy();
    while (this.columns.length < plan.arms.length) {
      const column = new Column(this, this.columns.length);
      this.columns.push(column);
      this.grid.append(column.el);
    }
    this.grid.dataset.panes = String(plan.arms.length);
    this.scores.draw(this.live);
    this.drawProblem(plan);
    const ended = this.live.over !== this.wasOver;
    this.wasOver = this.live.over;
    this.columns.forEach((column, arm) => {
      column.update(this.live.shown(arm));
      if (ended) {
        column.drawHead();
        column.drawFacts();
        if (column.tokens.chosen >= 0) column.tokens.allow();
      }
    });
  }

  drawProblem({ problems, samples, focus: [problem, sample] }) {
    const { question, gold } = problems[problem];
    const key = `${problem}.${sample}.${problems.length}.${question}`;
    const several = problems.length * samples > 1;
    this.back.hidden = this.on.hidden = !several;
    if (key === this.drawnProblem) return;
    this.drawnProblem = key;
    const which = several ? `Problem ${problem + 1} of ${problems.length}` : "Problem";
    this.number.textContent = which + (samples > 1 ? `, sample ${sample + 1}` : "");
    this.question.replaceChildren(named("bdi", question, { title: question }));
    this.gold.replaceChildren(...(gold === null ? [question && "no gold answer"] : ["gold ", named("bdi", gold)]));
    const place = problem * samples + sample;
    this.back.disabled = place === 0;
    this.on.disabled = place === problems.length * samples - 1;
    this.drawHints(several);
  }

  // One line on how the job stands; a banner only where something is wrong.
  drawStand() {
    const { job, over, end } = this.live;
    const banner = this.lost ? "Connection lost, trying again. Nothing is lost: the job goes on." : (over && (end?.error || job?.error)) || "";
    this.banner.hidden = !banner;
    this.banner.textContent = banner;
    this.banner.classList.toggle("bad", !this.lost);
    const states = {
      queued: job?.before ? `queued, ${count(job.before, "job")} before it` : "queued, next",
      running: this.live.traces.size ? this.amount(job) : job?.message || "running",
      cancelling: "stopping", done: "done", failed: "failed", cancelled: "cancelled",
    };
    this.stand.textContent = job ? states[job.state] : "connecting";
    this.stand.dataset.state = job?.state ?? "";
  }

  amount(job) {
    return job?.total > 1 ? `${job.done.toLocaleString("en")} of ${count(job.total, "trace")}` : "writing";
  }

  drawLegend() {
    this.legend.replaceChildren(...this.data.groups.map(({ letter, label }) =>
      el("span", { class: `c${letter}` }, el("i", {}, letter), label)));
  }

  drawHints(several) {
    const words = ["← → token", ...(this.data.forks ? ["Enter go on from it"] : []), ...(several ? ["j k problem"] : [])];
    this.hints.replaceChildren(el("span", {}, words.join(" · ")));
  }

  show(place) {
    const { samples } = this.live.plan;
    const focus = [Math.floor(place / samples), place % samples];
    if (focus.join() === this.focus.join()) return;
    this.listen(focus);
    this.send("focus", focus);
  }

  step(by) {
    if (!this.live.plan) return;
    const { problems, samples } = this.live.plan;
    const place = this.focus[0] * samples + this.focus[1] + by;
    if (place >= 0 && place < problems.length * samples) this.show(place);
  }

  key(event) {
    const pressed = this.root.isConnected ? keyOf(event) : null;
    if (pressed !== "j" && pressed !== "k") return;
    event.preventDefault();
    this.step(pressed === "j" ? 1 : -1);
  }

  trouble(lost) {
    if (lost === this.lost) return;
    this.lost = lost;
    this.say(lost ? "Connection lost, trying again" : "Connected again", false);
    this.drawSoon();
  }

  // The height from the view's top to the window's lower edge, as if the page stood at its top.
  fit() {
    const width = this.root.getBoundingClientRect().width;
    this.frame.classList.toggle("stacked", (window.innerWidth <= STACKED || width < 440) && this.columns.length > 1);
    const host = this.root.getRootNode().host ?? this.root;
    const page = host.closest('[data-testid="stMain"]') ?? document.scrollingElement;
    const pageTop = page === document.scrollingElement ? 0 : page.getBoundingClientRect().top;
    const top = this.root.getBoundingClientRect().top - pageTop + page.scrollTop;
    const least = this.data.minimum + this.above.offsetHeight;
    const height = Math.max(least, Math.floor(page.clientHeight - top - this.data.reserve));
    this.frame.style.setProperty("--tv-height", `${height}px`);
  }

  say(words, shown = false) {
    this.status.textContent = words;
    this.toast.textContent = shown ? words : "";
    clearTimeout(this.fading);
    this.fading = setTimeout(() => (this.toast.textContent = ""), 4_000);
  }

  send(name, value) {
    this.component.setTriggerValue(name, value);
  }

  destroy() {
    this.source.close();
    clearInterval(this.ticking);
    window.removeEventListener("resize", this.resized);
    document.removeEventListener("keydown", this.keys);
    this.observer.disconnect();
    this.columns.forEach((column) => column.destroy());
    this.root.remove();
  }
}

export default function (component) {
  const { parentElement } = component;
  if (!LIVE_VIEWS.has(parentElement)) LIVE_VIEWS.set(parentElement, new LiveView(parentElement));
  const view = LIVE_VIEWS.get(parentElement);
  view.update(component);
  return () => {
    view.destroy();
    LIVE_VIEWS.delete(parentElement);
  };
}
