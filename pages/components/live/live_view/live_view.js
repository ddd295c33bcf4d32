// The live view: what is known of the job, the panes and the strip above them, and the way out to Streamlit.
// Draws at most once a frame, however fast the stream is.

import { button } from "../../browser/button.js";
import { count } from "../../browser/count.js";
import { el } from "../../browser/element.js";
import { isolatedName } from "../../browser/isolated_name.js";
import { listenForKeys } from "../../browser/keyboard.js";
import { mount } from "../../browser/mount.js";
import { onFrame } from "../../browser/on_frame.js";
import { heightBelow } from "../../browser/window_height.js";
import { TAGS } from "./arm_tags.js";
import { Column } from "./column.js";
import { JobState } from "./job_state.js";
import { Scoreboard } from "./scoreboard.js";
import { StreamSource } from "./stream_source.js";

/**
 * @typedef {import("./job_state.js").Item} Item
 * @typedef {import("./job_state.js").Plan} Plan
 * @typedef {[problem: number, sample: number]} Focus
 * @typedef {object} Expected
 * @property {{ title: string, notes: string }[]} arms
 * @property {number} problems
 * @property {number} samples
 * @property {import("./job_state.js").Problem} asked
 * @typedef {object} LiveData
 * @property {string} job
 * @property {string} token
 * @property {string} lexicon
 * @property {boolean} over  whether the job was over when the page ran
 * @property {Focus} focus
 * @property {Expected | null} expected
 * @property {boolean} forks
 * @property {string[]} suggestions
 * @property {import("../../viewer/trace_view/marked_text.js").Group[]} groups
 * @property {string} marks  the regular expression of what opens and closes thinking
 * @property {number} minimum  pixels
 * @property {number} reserve  pixels
 * @typedef {import("../../browser/mount.js").Component<LiveData>} LiveComponent
 */

const STACKED_WINDOW = 760; // px: below, panes stand under each other
const STACKED_FRAME = 440;
const TOAST = 4_000; // ms
const SLOWEST = 1_000; // ms between drawings while something is under way: speeds fall also when nothing arrives

export class LiveView {
  /** @type {LiveComponent} */ component;
  /** @type {LiveData} */ data;
  /** @type {Focus} */ focus = [0, 0];
  /** @type {Column[]} */ columns = [];
  /** @type {string | undefined} */ drawnProblem;
  /** @type {number | undefined} */ fading;
  state = new JobState();
  stale = false; // what is on the screen is of another stream, and stays until the first word of the new one
  drawnOver = false;
  lost = false;

  /** @param {ShadowRoot} parent */
  constructor(parent) {
    this.scores = new Scoreboard((place) => this.show(place));
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
    parent.append(this.root);
    this.source = new StreamSource({
      items: (items, live) => this.received(items, live),
      trouble: (lost) => this.trouble(lost),
      renew: () => this.send("renew", Date.now()),
    });
    this.drawSoon = onFrame(() => this.draw());
    this.resized = onFrame(() => this.fit());
    window.addEventListener("resize", this.resized);
    this.observer = new ResizeObserver(this.resized);
    this.observer.observe(document.body);
    this.observer.observe(this.above);
    this.stopKeys = listenForKeys(this.root, (event) => this.key(event));
    this.ticking = setInterval(() => this.state.over || this.drawSoon(), SLOWEST);
  }

  /** @param {LiveComponent} component */
  update(component) {
    this.component = component;
    const { data } = component;
    const opening = this.data === undefined || data.job !== this.data.job || data.lexicon !== this.data.lexicon;
    const kept = opening ? data.focus : this.focus;
    this.data = data;
    this.state.mark ??= new RegExp(data.marks, "gi");
    if (opening) this.drawLegend();
    this.listen(kept);
    if (opening) this.drawSoon();
    this.fit();
  }

  /** @param {Focus} focus */
  listen(focus) {
    this.focus = focus;
    const { job, lexicon, token } = this.data;
    const anew = this.source.follow({ job, lexicon, token, problem: focus[0], sample: focus[1] });
    this.stale = this.stale || anew;
  }

  /** @param {Item[]} items @param {boolean} live */
  received(items, live) {
    if (this.stale) {
      this.stale = false;
      this.state = new JobState(this.state.mark);
      this.state.plan = this.expectedPlan();
    }
    for (const item of items) {
      this.state.apply(item, live);
      this.report(item, live);
    }
    this.drawSoon();
  }

  /** The plan as the page knows it before the job has sent it, so that panes stand from the start.
   * @returns {Plan | null} */
  expectedPlan() {
    const { expected } = this.data;
    if (!expected) return null;
    const { arms, problems, samples, asked } = expected;
    /** @type {Focus} */ const focus = [Math.min(this.focus[0], problems - 1), Math.min(this.focus[1], samples - 1)];
    const unknown = { question: "", gold: null };
    return { arms: arms.map((arm) => ({ ...arm, banned: [], bans: 0 })), samples, focus,
      problems: Array.from({ length: problems }, (_, k) => (k === focus[0] ? asked : unknown)) };
  }

  /** Announces the end of a trace that is shown, and of the job. @param {Item} item @param {boolean} live */
  report(item, live) {
    if (item.k === "over" && !this.data.over) this.send("ended", this.data.job);
    const { plan } = this.state;
    if (!live || !plan) return;
    if (item.k === "done") {
      const at = plan.arms.findIndex((_, arm) => this.state.shownIndex(plan, arm) === item.i);
      const verdict = item.correct === null ? "not judged" : item.correct ? "right" : "wrong";
      if (at >= 0) this.announce(`${TAGS[at]} is done: ${verdict}, ${count(item.cues ?? 0, "doubt")}, ${count(item.tokens ?? 0, "token")}`, true);
    }
    if (item.k === "over") this.announce("The job has ended", true);
  }

  draw() {
    const { plan } = this.state;
    this.drawStand();
    this.root.dataset.painted = "";
    if (!plan) return;
    while (this.columns.length > plan.arms.length) this.columns.pop()?.destroy();
    while (this.columns.length < plan.arms.length) {
      const column = new Column(this, this.columns.length);
      this.columns.push(column);
      this.grid.append(column.el);
    }
    this.grid.dataset.panes = String(plan.arms.length);
    this.scores.draw(this.state, plan);
    this.drawProblem(plan);
    const ended = this.state.over !== this.drawnOver;
    this.drawnOver = this.state.over;
    this.columns.forEach((column, arm) => {
      column.update(this.state.trace(this.state.shownIndex(plan, arm)));
      if (ended) {
        column.drawHead();
        column.drawFacts();
        if (column.tokens.chosen >= 0) column.tokens.allow();
      }
    });
  }

  /** @param {Plan} plan */
  drawProblem({ problems, samples, focus: [problem, sample] }) {
    const { question, gold } = problems[problem];
    const key = `${problem}.${sample}.${problems.length}.${question}`;
    const several = problems.length * samples > 1;
    this.back.hidden = this.on.hidden = !several;
    if (key === this.drawnProblem) return;
    this.drawnProblem = key;
    const which = several ? `Problem ${problem + 1} of ${problems.length}` : "Problem";
    this.number.textContent = which + (samples > 1 ? `, sample ${sample + 1}` : "");
    this.question.replaceChildren(isolatedName("bdi", question, { title: question }));
    this.gold.replaceChildren(...(gold === null ? [question && "no gold answer"] : ["gold ", isolatedName("bdi", gold)]));
    const place = problem * samples + sample;
    this.back.disabled = place === 0;
    this.on.disabled = place === problems.length * samples - 1;
    this.drawHints(several);
  }

  /** One line on how the job stands; a banner only where something is wrong. */
  drawStand() {
    const { job, over, end } = this.state;
    const banner = this.lost ? "Connection lost, trying again. Nothing is lost: the job goes on." : (over && (end?.error || job?.error)) || "";
    this.banner.hidden = !banner;
    this.banner.textContent = banner;
    this.banner.classList.toggle("bad", !this.lost);
    this.stand.textContent = job ? jobWords(job, this.state.traces.size > 0) : "connecting";
    this.stand.dataset.state = job?.state ?? "";
  }

  drawLegend() {
    this.legend.replaceChildren(...this.data.groups.map(({ letter, label }) =>
      el("span", { class: `c${letter}` }, el("i", {}, letter), label)));
  }

  /** @param {boolean} several */
  drawHints(several) {
    const words = ["← → token", ...(this.data.forks ? ["Enter go on from it"] : []), ...(several ? ["j k problem"] : [])];
    this.hints.replaceChildren(el("span", {}, words.join(" · ")));
  }

  /** @param {number} place  of a problem's sample, counted through */
  show(place) {
    const { plan } = this.state;
    if (!plan) return;
    /** @type {Focus} */ const focus = [Math.floor(place / plan.samples), place % plan.samples];
    if (focus.join() === this.focus.join()) return;
    this.listen(focus);
    this.send("focus", focus);
  }

  /** @param {number} by */
  step(by) {
    const { plan } = this.state;
    if (!plan) return;
    const place = this.focus[0] * plan.samples + this.focus[1] + by;
    if (place >= 0 && place < plan.problems.length * plan.samples) this.show(place);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key !== "j" && event.key !== "k") return;
    event.preventDefault();
    this.step(event.key === "j" ? 1 : -1);
  }

  /** @param {boolean} lost */
  trouble(lost) {
    if (lost === this.lost) return;
    this.lost = lost;
    this.announce(lost ? "Connection lost, trying again" : "Connected again", true);
    this.drawSoon();
  }

  fit() {
    const narrow = window.innerWidth <= STACKED_WINDOW || this.root.getBoundingClientRect().width < STACKED_FRAME;
    this.frame.classList.toggle("stacked", narrow && this.columns.length > 1);
    const least = this.data.minimum + this.above.offsetHeight;
    const height = Math.max(least, Math.floor(heightBelow(this.root) - this.data.reserve));
    this.frame.style.setProperty("--tv-height", `${height}px`);
  }

  /** Tells what has happened, to those who hear the page and, unless `unseen`, to those who see it.
   * @param {string} words @param {boolean} [unseen] */
  announce(words, unseen = false) {
    this.status.textContent = words;
    this.toast.textContent = unseen ? "" : words;
    clearTimeout(this.fading);
    this.fading = window.setTimeout(() => (this.toast.textContent = ""), TOAST);
  }

  /** @param {string} name @param {unknown} value */
  send(name, value) {
    this.component.setTriggerValue(name, value);
  }

  destroy() {
    this.source.close();
    clearInterval(this.ticking);
    window.removeEventListener("resize", this.resized);
    this.stopKeys();
    this.observer.disconnect();
    this.columns.forEach((column) => column.destroy());
    this.root.remove();
  }
}

/** @param {import("./job_state.js").JobRow} job @param {boolean} begun whether a trace has begun */
function jobWords(job, begun) {
  const amount = job.total > 1 ? `${job.done.toLocaleString("en")} of ${count(job.total, "trace")}` : "writing";
  /** @type {Record<string, string>} */ const words = {
    queued: job.before ? `queued, ${count(job.before, "job")} before it` : "queued, next",
    running: begun ? amount : job.message || "running",
    cancelling: "stopping", done: "done", failed: "failed", cancelled: "cancelled",
  };
  return words[job.state] ?? "";
}

export default mount(LiveView);
