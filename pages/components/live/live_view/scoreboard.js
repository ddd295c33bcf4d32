// The strip above the panes when a job holds several problems or samples: a line an arm with what is right so far, and
// a dot a trace. Dots of one problem stand below each other; choosing one shows that problem in the panes.

import { count } from "../../browser/count.js";
import { el } from "../../browser/element.js";
import { isolatedName } from "../../browser/isolated_name.js";
import { TAGS } from "./arm_tags.js";
import { finishedByAll, mean, standing, wilson } from "./standings.js";

/**
 * @typedef {import("./job_state.js").JobState} JobState
 * @typedef {import("./job_state.js").Plan} Plan
 * @typedef {import("./standings.js").Standing} Standing
 * @typedef {object} Row
 * @property {HTMLElement} share
 * @property {HTMLElement} right
 * @property {HTMLElement} wrong
 * @property {HTMLElement} open
 * @property {HTMLElement} bar
 * @property {HTMLElement} doubts
 * @property {HTMLElement} tokens
 * @property {HTMLElement} dots
 * @property {Standing[]} drawn  what each dot shows
 */

/** @type {Record<Standing, string>} */
const MEANINGS = { right: "right", wrong: "wrong", open: "not judged", failed: "failed", writing: "being written", waiting: "waiting" };

export class Scoreboard {
  /** @type {Plan | null} */ plan = null;
  /** @type {Row[]} */ rows = [];

  /** @param {(place: number) => void} onChoice  called with the number of a problem's sample */
  constructor(onChoice) {
    this.onChoice = onChoice;
    this.heading = el("span", { class: "top" });
    this.el = el("div", { class: "scores", role: "group", "aria-label": "Results so far", hidden: true });
    this.el.addEventListener("keydown", (event) => this.key(event));
    this.el.addEventListener("click", (event) => {
      const dot = dotOf(event);
      if (dot) this.onChoice(Number(dot.dataset.place));
    });
  }

  /** @param {Plan} plan */
  build(plan) {
    this.plan = plan;
    const { problems, samples, arms } = plan;
    this.el.hidden = problems.length * samples < 2;
    this.rows = [];
    this.el.replaceChildren();
    if (this.el.hidden) return;
    this.el.append(el("span", { class: "top" }), this.heading, el("span", { class: "top" }),
      el("span", { class: "top num" }, "doubts"), el("span", { class: "top num" }, "tokens"),
      el("span", { class: "top" }, samples > 1 ? `${count(problems.length, "problem")}, ${samples} samples each` : "problems"));
    arms.forEach((arm, place) => this.addRow(plan, arm, TAGS[place]));
  }

  /** @param {Plan} plan @param {import("./job_state.js").Arm} arm @param {string} tag */
  addRow({ problems, samples }, { title, notes }, tag) {
    const [right, wrong, open] = ["right", "wrong", "open"].map((name) => el("i", { class: name }));
    /** @type {Row} */ const row = {
      share: el("span", { class: "share" }), right, wrong, open,
      bar: el("span", { class: "bar", role: "img" }, right, wrong, open),
      doubts: el("span", { class: "num" }), tokens: el("span", { class: "num" }), drawn: [],
      dots: el("span", { class: "dots", role: "group", "aria-label": `Traces of ${tag}` }),
    };
    for (let place = 0; place < problems.length * samples; place++) {
      row.dots.append(el("button", { type: "button", class: `dot${place && place % samples === 0 && samples > 1 ? " next" : ""}`,
        "data-place": place, tabindex: "-1" }));
    }
    const name = el("span", { title: `${title} ${notes}` }, isolatedName("span", title), notes ? isolatedName("small", notes) : null);
    this.el.append(el("span", { class: "arm" }, el("span", { class: `tag ${tag}` }, tag), name),
      row.share, row.bar, row.doubts, row.tokens, row.dots);
    this.rows.push(row);
  }

  /** @param {JobState} state @param {Plan} plan */
  draw(state, plan) {
    if (plan !== this.plan) this.build(plan);
    if (this.el.hidden) return;
    this.heading.textContent = state.over ? "right" : "right so far";
    const arms = this.rows.map((_, arm) => state.ofArm(plan, arm));
    const common = finishedByAll(arms);
    this.rows.forEach((row, arm) => drawRow(row, arms[arm], common, plan.samples, TAGS[arm]));
    const [problem, sample] = plan.focus;
    const here = problem * plan.samples + sample;
    for (const dot of /** @type {NodeListOf<HTMLElement>} */ (this.el.querySelectorAll(".dot"))) {
      const chosen = Number(dot.dataset.place) === here;
      dot.toggleAttribute("aria-current", chosen);
      dot.tabIndex = chosen && dot.parentElement === this.rows[0].dots ? 0 : -1;
    }
  }

  /** Arrows walk over the dots, up and down between arms. @param {KeyboardEvent} event */
  key(event) {
    const dot = dotOf(event);
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const across = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!dot || !(by || across)) return;
    event.preventDefault();
    const arm = this.rows.findIndex((row) => row.dots === dot.parentElement) + (across ?? 0);
    const next = this.rows[arm]?.dots.children[Number(dot.dataset.place) + (by ?? 0)];
    if (next instanceof HTMLElement) next.focus();
  }
}

/** @param {Event} event @returns {HTMLElement | null} */
function dotOf(event) {
  return /** @type {Element} */ (event.target).closest(".dot");
}

/** @param {Row} row @param {(import("./job_state.js").Trace | null)[]} traces
 * @param {number[]} common  the places whose figures count @param {number} samples @param {string} tag */
function drawRow(row, traces, common, samples, tag) {
  const all = traces.map(standing);
  const counted = common.map((place) => all[place]);
  drawShare(row.share, counted, all.length, samples);
  /** @param {...Standing} kinds */
  const number = (...kinds) => all.filter((each) => kinds.includes(each)).length;
  const [right, wrong, open] = [number("right"), number("wrong"), number("open", "failed")];
  row.right.style.width = `${(100 * right) / all.length}%`;
  row.wrong.style.width = `${(100 * wrong) / all.length}%`;
  row.open.style.width = `${(100 * open) / all.length}%`;
  row.bar.setAttribute("aria-label", `${right} right, ${wrong} wrong, ${open} not judged, of ${all.length}`);
  const done = common.map((place) => traces[place]).filter((trace) => trace?.done);
  const [doubts, tokens] = [mean(done.map((trace) => trace?.cues())), mean(done.map((trace) => trace?.done?.tokens))];
  row.doubts.textContent = doubts === null ? "–" : doubts.toFixed(1);
  row.tokens.textContent = tokens === null ? "–" : Math.round(tokens).toLocaleString("en");
  all.forEach((kind, place) => {
    if (row.drawn[place] === kind) return;
    row.drawn[place] = kind;
    const dot = /** @type {HTMLElement} */ (row.dots.children[place]);
    const which = `Problem ${Math.floor(place / samples) + 1}${samples > 1 ? `, sample ${(place % samples) + 1}` : ""}`;
    dot.className = `dot ${kind}${dot.classList.contains("next") ? " next" : ""}`;
    dot.title = `${which}, ${tag}: ${MEANINGS[kind]}`;
    dot.setAttribute("aria-label", dot.title);
  });
}

/** @param {HTMLElement} share @param {Standing[]} counted  how the traces stand that every arm has finished
 * @param {number} whole  how many there will be @param {number} samples */
function drawShare(share, counted, whole, samples) {
  const [right, wrong] = ["right", "wrong"].map((kind) => counted.filter((each) => each === kind).length);
  const [known, open] = [right + wrong, counted.length - right - wrong];
  // Samples of one problem depend on each other: Wilson's interval holds for one sample a problem alone.
  const ends = known && samples === 1 ? wilson(right, known) : null;
  share.replaceChildren(el("b", {}, known ? `${Math.round((100 * right) / known)}%` : "–"),
    el("small", {}, `${ends ? ` [${ends.join(", ")}]` : ""} n = ${known}${open ? ` + ${open} open` : ""}`
      + (counted.length < whole ? ` of ${whole}` : "")));
  share.title = `Share right of those that every ${samples > 1 ? "model has finished, by problem and sample" : "model has finished"}`
    + `${ends ? ", with Wilson’s 95% interval" : ""}. Until all are done, long answers are missing from it.`;
}
