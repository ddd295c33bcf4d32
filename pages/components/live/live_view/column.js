// One arm's pane: its head, its text as it grows, and the place in it a reader keeps.

import { button } from "../../browser/button.js";
import { toClipboard } from "../../browser/clipboard.js";
import { count } from "../../browser/count.js";
import { el } from "../../browser/element.js";
import { isolatedName } from "../../browser/isolated_name.js";
import { Offsets } from "../../browser/offsets.js";
import { selectedRange } from "../../browser/selected_range.js";
import { appendText } from "../../browser/text_nodes.js";
import { safeLink, titleRow, verdictMark } from "../../viewer/trace_view/pane_title.js";
import { TAGS } from "./arm_tags.js";
import { LiveText } from "./live_text.js";
import { TokenInspector } from "./token_inspector.js";

/** @import { Arm, Trace } from "./job_state.js" */
/** @import { ColumnHost } from "./token_inspector.js" */

/** @type {Record<string, string>} */
const ENDINGS = {
  length: "Cut off at the token limit",
  refusal: "The model refused to answer",
  "tool call": "Ended in a tool call",
};
const AT_END = 28; // pixels from the end that still count as the end

export class Column {
  /** @type {Trace} */ trace;
  /** @type {number | undefined} of the trace as the head shows it */ version;
  /** @type {Trace["state"] | undefined} */ drawnState;
  /** @type {string | null} */ drawnPrompt = null;
  /** @type {string | undefined} */ drawnTally;
  following = true; // whether the view stays at the end as the text grows

  /** @param {ColumnHost} view @param {number} place among the arms */
  constructor(view, place) {
    this.view = view;
    this.place = place;
    this.head = el("div", { class: "head" });
    this.scroller = el("div", { class: "scroll", tabindex: "0", role: "region" });
    this.text = new LiveText(view.data.groups);
    this.prompt = el("details", { class: "prompt", hidden: true });
    this.ending = el("p", { class: "ending", hidden: true });
    this.scroller.append(this.prompt, this.text.el, this.ending);
    this.jump = button("↓ Follow", "Go to the end and stay there", "follow", () => this.follow(), { class: "jump", hidden: true });
    this.cueCount = el("b");
    this.cueNoun = el("i");
    this.density = el("b");
    this.tokenCount = el("b");
    this.tally = el("span", { class: "tally" });
    this.speed = el("span", { class: "speed" });
    this.tokens = new TokenInspector(this);
    this.foot = el("div", { class: "tools" });
    this.el = el("section", { class: "pane" }, this.head,
      el("div", { class: "body" }, this.scroller, this.jump, this.tokens.tip, this.tokens.el), this.foot);
    this.scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.scroller.addEventListener("copy", (event) => this.copied(event));
  }

  get arm() {
    return /** @type {import("./job_state.js").Plan} */ (this.view.state.plan).arms[this.place];
  }

  /** Draws everything that hangs on the trace's state and not on each token. */
  drawHead() {
    const { arm } = this;
    const tag = TAGS[this.place];
    const several = this.view.state.plan?.arms.some(({ notes }) => notes);
    const subtitle = arm.notes || (several ? "as it is" : "");
    const row = titleRow({ tag, title: arm.title, subtitle, verdict: null, sample: null, link: this.storedLink() }, () => {});
    row.append(this.verdict());
    this.tally.replaceChildren();
    const facts = el("div", { class: "facts" }, el("span", {}, this.cueCount, this.cueNoun),
      el("span", {}, this.density, " per 1,000"), el("span", {}, this.tokenCount, " tokens"), this.tally);
    this.head.replaceChildren(row, facts, el("div", { class: "notices" }, bannedTokens(arm)));
    this.scroller.setAttribute("aria-label", `Text of ${tag} ${arm.title}`);
    this.el.setAttribute("aria-label", `${tag} ${arm.title}`);
    this.drawPrompt();
    this.drawEnding();
  }

  /** The address of the trace's own page, once it is in the store. */
  storedLink() {
    const { done } = this.trace;
    return done?.trace && this.view.state.over ? `reader?trace=${encodeURIComponent(done.trace)}` : null;
  }

  verdict() {
    const { state, done } = this.trace;
    if (done) {
      const words = done.correct === null && done.finish === "length" ? "cut off" : null;
      return verdictMark({ right: done.correct, answer: done.answer, words });
    }
    if (state === "failed") return el("span", { class: "verdict no" }, "✕ failed");
    if (this.view.state.over) return el("span", { class: "verdict" }, state === "writing" ? "stopped" : "not begun");
    return el("span", { class: `verdict ${state}` }, state);
  }

  drawPrompt() {
    const { prompt } = this.trace;
    this.prompt.hidden = !prompt;
    if (!prompt || this.drawnPrompt === prompt) return;
    this.drawnPrompt = prompt;
    const size = count(new Offsets(prompt).points, "character");
    this.prompt.replaceChildren(el("summary", {}, el("span", { class: "sec" }, "prompt"), ` ${size}`),
      appendText(el("div", { class: "chunk" }), prompt));
  }

  drawEnding() {
    const { done, reason } = this.trace;
    const unseen = done?.tokens && !this.trace.text
      ? "This job was too large to be shown word by word. Once it has ended, the name above opens the trace."
      : "";
    const ending = reason || unseen || ENDINGS[done?.finish ?? ""] || "";
    this.ending.hidden = !ending;
    this.ending.replaceChildren(ending);
    const facts = done ? [done.words !== null && count(done.words, "word"), done.seconds && `${done.seconds.toFixed(1)} s`] : [];
    this.speed.textContent = "";
    const spent = el("span", { class: "spent" }, this.speed, facts.filter(Boolean).map((fact) => ` · ${fact}`).join(""));
    const copy = button("copy", "Copy the text so far", "copy", () => this.copyAll());
    const stored = this.storedLink();
    const open = stored === null ? null : el("a", { href: safeLink(stored), target: "_self", title: "Open this trace in the Reader" }, "reader");
    this.foot.replaceChildren(spent, el("span", { class: "acts" }, open, copy));
  }

  /** Called at most once a frame. @param {Trace} trace may be another one than before */
  update(trace) {
    if (trace !== this.trace || trace.version !== this.version) {
      if (trace !== this.trace) this.reset(trace);
      this.version = trace.version;
      this.drawHead();
    }
    const grown = trace.from !== null || trace.state !== this.drawnState;
    if (grown) this.drawText();
    this.drawFacts();
    if (grown && this.following) this.scroller.scrollTop = this.scroller.scrollHeight;
    if (grown) this.showJump();
  }

  /** @param {Trace} trace */
  reset(trace) {
    if (this.trace) this.tokens.forget();
    this.trace = trace;
    this.text.clear();
    this.drawnPrompt = null;
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
    this.cueNoun.textContent = cues === 1 ? " doubt" : " doubts";
    this.density.textContent = tokens ? ((1000 * cues) / tokens).toFixed(1) : "–";
    this.tokenCount.textContent = tokens.toLocaleString("en");
    this.speed.textContent = rate === null ? "" : `${Math.round(rate).toLocaleString("en")} tokens/s`;
    const key = trace.marks.map((mark) => mark[3]).join();
    if (key !== this.drawnTally || !this.tally.firstChild) this.drawTally();
    this.drawnTally = key;
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

  /** @param {number} start @param {number} end */
  reveal(start, end) {
    const box = this.text.range(start, end)?.getBoundingClientRect();
    const view = this.scroller.getBoundingClientRect();
    if (!box || (box.top >= view.top + 8 && box.bottom <= view.bottom - 8)) return;
    this.following = false;
    this.scroller.scrollTop += box.top - view.top - view.height / 2;
  }

  /** Puts a small window at characters [start, end), inside the pane; hidden while they are scrolled away.
   * @param {HTMLElement} node @param {number} start @param {number} end
   * @param {boolean} above  where there is room */
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

  /** The clipboard gets the characters of the text, not what stands in the page for them.
   * @param {ClipboardEvent} event */
  copied(event) {
    const selected = selectedRange(this.scroller.getRootNode());
    if (!selected) return;
    const from = this.text.startOf.get(selected.startContainer);
    const to = this.text.startOf.get(selected.endContainer);
    if (from === undefined || to === undefined) return;
    event.clipboardData?.setData("text/plain", this.trace.text.slice(from + selected.startOffset, to + selected.endOffset));
    event.preventDefault();
  }

  async copyAll() {
    this.view.announce((await toClipboard(this.trace.text)) ? "Text copied" : "The browser refused to copy");
  }

  destroy() {
    if (this.trace) this.tokens.forget();
    this.el.remove();
  }
}

/** @param {Arm} arm */
function bannedTokens({ banned, bans }) {
  if (!bans) return null;
  const texts = [...new Set(banned.map(([, text]) => text.trim() || "␣"))];
  const all = banned.map(([id, text]) => `${id} ${JSON.stringify(text)}`).join("\n");
  const shown = texts.slice(0, 12).join(", ") + (texts.length > 12 ? " …" : "");
  return isolatedName("p", `${count(bans, "token id")} it can’t say: ${shown}`, { title: all });
}
