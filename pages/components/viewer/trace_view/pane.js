// One trace: its head, its text, its map and its list of hits. Keeps what is drawn in step with the data it is given
// and redraws only what changed, so that a run that alters figures leaves the text and its place alone.

import { toClipboard } from "../../browser/clipboard.js";
import { download } from "../../browser/download.js";
import { el } from "../../browser/element.js";
import { highlight } from "../../browser/highlight.js";
import { keepFocus } from "../../browser/keep_focus.js";
import { onFrame } from "../../browser/on_frame.js";
import { Body } from "./body.js";
import { buildMap, mapTicks, sparkline } from "./cue_map.js";
import { nextCuePlace } from "./cue_places.js";
import { factRow, groupChips, notices, toolRow } from "./header.js";
import { Hits } from "./hits.js";
import { MarkedText } from "./marked_text.js";
import { titleRow } from "./pane_title.js";
import { SelectionBar } from "./selection_bar.js";
import { tokenLegend } from "./token_card.js";
import { TokenColours } from "./token_colours.js";

/**
 * @typedef {import("./marked_text.js").Cue} Cue
 * @typedef {import("./marked_text.js").Group} Group
 * @typedef {import("./header.js").LinkedRange} LinkedRange
 * @typedef {object} PaneHost  the viewer a pane stands in
 * @property {{ fit: "window" | "content", goOn: boolean }} options
 * @property {Set<string>} hidden  letters of groups that are off
 * @property {{ scrolled(pane: Pane): void }} linked
 * @property {(pane: Pane) => void} activate
 * @property {(letter: string) => void} toggleGroup
 * @property {(name: string, value: unknown) => void} send
 * @property {(words: string, unseen: boolean) => void} announce
 * @typedef {object} PaneFields
 * @property {string} id
 * @property {[value: string, label: string][]} facts
 * @property {number} units
 * @property {string} download  a file's name
 * @property {string} ending
 * @property {import("./marked_text.js").TextData} prompt
 * @property {import("./marked_text.js").TextData} text
 * @property {import("./marked_text.js").SectionData[]} sections
 * @property {import("./marked_text.js").LoopData[]} loops
 * @property {import("./tokens.js").TokenData | null} tokens
 * @typedef {import("./pane_title.js").Title & PaneFields} PaneData
 */

export class Pane {
  /** @type {PaneData} */ data;
  /** @type {Group[]} */ groups = [];
  /** @type {Cue | null} the cue a person went to */ current = null;
  /** @type {LinkedRange | null} */ active = null;
  /** @type {Range | null} the linked range as it is drawn */ range = null;
  /** @type {string | undefined} the linked range as it was given, though a person has taken its mark away */ linkedKey;

  /** @param {PaneHost} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.head = el("div", { class: "head" });
    const scroller = el("div", { class: "scroll", tabindex: "0", role: "region" });
    this.body = new Body(scroller);
    this.body.onFilled = () => this.markAgain();
    this.map = buildMap((share) => this.goToShare(share));
    this.hits = new Hits((cue) => this.goToCue(cue), () => this.toggleHits(false));
    this.bar = new SelectionBar(this);
    this.colours = new TokenColours(this);
    this.tools = toolRow({
      cue: (step) => this.nextCue(step),
      hits: () => this.toggleHits(),
      copy: () => this.copyAll(),
      download: () => download(new Blob([this.data.text.text ?? ""], { type: "text/plain;charset=utf-8" }), this.data.download),
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

  /** @param {PaneData} data @param {Group[]} groups @param {LinkedRange | null} active */
  update(data, groups, active) {
    const { data: old, linkedKey, groups: oldGroups } = this;
    this.data = data;
    this.groups = groups;
    const same = old !== undefined && sameText(old, data) && JSON.stringify(oldGroups) === JSON.stringify(groups);
    this.linkedKey = JSON.stringify(active);
    const newRange = this.linkedKey !== linkedKey;
    this.active = active;
    if (!same || newRange) this.rebuild(old !== undefined && old.id === data.id && old.text.text === data.text.text);
    this.drawHead();
    this.colours.update(data.tokens);
    if (active && (newRange || !same)) requestAnimationFrame(() => this.goToRange());
  }

  /** @param {boolean} keep  holds the reader's place: the character at the top of the view stays there */
  rebuild(keep) {
    const { scroller } = this.body;
    const anchor = keep && this.text ? this.body.offsetAt(this.text, scroller.scrollTop) : 0;
    const moved = keep && scroller.scrollTop > 0;
    const open = scroller.querySelector("details")?.open ?? false;
    const prompt = new MarkedText("prompt", this.data.prompt, this.groups, []);
    const text = new MarkedText("text", this.data.text, this.groups, this.data.sections, this.data.loops);
    const edges = this.active ? [text.offsets.toUnits(this.active.start), text.offsets.toUnits(this.active.end)] : [];
    prompt.layOver(this.data.prompt.mathematics, []);
    text.layOver(this.data.text.mathematics, edges);
    const place = keep ? this.current?.index : null;
    this.body.build(prompt, text, this.data.ending, keep && open);
    this.current = text.cues[place ?? -1] ?? null;
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
    const { data, text, viewer } = this;
    const quiet = viewer.options.fit === "content";
    this.tools.hidden = quiet;
    const chips = groupChips(text, viewer.hidden, (letter) => viewer.toggleGroup(letter), data.units);
    const windowed = text.windowed || this.body.docs[0].windowed;
    const draw = () => this.head.replaceChildren(
      titleRow(data, (step) => viewer.send("step", { pane: data.id, step })),
      factRow(data.facts, data.verdict?.disagreement, quiet ? null : sparkline(text, viewer.hidden)),
      ...(quiet || !chips.length ? [] : [el("div", { class: "chips" }, ...chips)]),
      ...(quiet || !data.tokens ? [] : [tokenLegend(data.tokens)]),
      notices(windowed, data.text.mathematics, this.active, () => this.clearRange()),
    );
    keepFocus(this.head, "act", draw, { preventScroll: true });
    this.drawPlace();
  }

  /** Cues a person can go to: those of groups that are on, in reading order. */
  shownCues() {
    return this.text.cues.filter((cue) => !this.viewer.hidden.has(cue.letter));
  }

  drawPlace() {
    const cues = this.shownCues();
    const at = this.current ? cues.indexOf(this.current) : -1;
    const place = this.tools.querySelector(".cue-place");
    if (place) place.textContent = `${at < 0 ? "–" : at + 1}/${cues.length}`;
  }

  /** From the current cue while it is in view, else from the top of the view. @param {number} step */
  nextCue(step) {
    const { body, current, text } = this;
    const cues = this.shownCues();
    if (!cues.length) return this.announce("No cues to go to");
    const at = current && body.isVisible(text, current.start, current.end) ? cues.indexOf(current) : -1;
    const top = body.scroller.scrollTop < 2 ? 0 : body.offsetAt(text, body.scroller.scrollTop);
    const next = nextCuePlace(cues, at, top, step);
    if (!cues[next]) return this.announce(step > 0 ? "That was the last cue" : "That was the first cue");
    return this.goToCue(cues[next]);
  }

  /** @param {Cue} cue */
  goToCue(cue) {
    this.current = cue;
    if (!this.body.isVisible(this.text, cue.start, cue.end)) this.body.reveal(this.text, cue.start, cue.end);
    this.markAgain();
    this.drawPlace();
    this.hits.mark(cue);
    const cues = this.shownCues();
    this.announce(`Cue ${cues.indexOf(cue) + 1} of ${cues.length}: “${this.text.slice(cue.start, cue.end)}”, ` +
      this.text.groups[cue.group].label, true);
  }

  /** Selecting without a mouse: the cue gone to, or the first word in view; with a selection there, on to its buttons. */
  select() {
    if (this.bar.parts.length) return this.bar.focus();
    const { body, text } = this;
    const { scroller } = body;
    const [from, to] = [0, scroller.clientHeight].map((pixels) => body.offsetAt(text, scroller.scrollTop + pixels));
    const word = /\S+/.exec(text.slice(from, to));
    const seen = this.current && body.isVisible(text, this.current.start, this.current.end) ? this.current : null;
    const chosen = seen ?? (word && { start: from + word.index, end: from + word.index + word[0].length });
    const range = chosen && body.range(text, chosen.start, chosen.end);
    if (!range) return this.announce("There is no text to select");
    scroller.focus({ preventScroll: true });
    document.getSelection()?.setBaseAndExtent(range.startContainer, range.startOffset, range.endContainer, range.endOffset);
    return this.announce(`Selected: “${text.slice(chosen.start, chosen.end)}”`, true);
  }

  /** Draws anew what depends on elements that come and go: the outline of the current cue and the linked range. */
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
    // In a windowed text the range is marked once both its ends are drawn: it draws nothing itself.
    if (ends.some((chunk) => !chunk?.filled)) return;
    this.range = this.body.range(this.text, start, end);
    if (this.range) registry?.add(this.range);
  }

  goToRange() {
    if (!this.active) return;
    const { offsets } = this.text;
    this.viewer.activate(this);
    this.body.reveal(this.text, offsets.toUnits(this.active.start), offsets.toUnits(this.active.end));
    this.markRange();
    this.announce(`Linked: characters ${this.active.start} to ${this.active.end}`);
  }

  clearRange() {
    this.active = null;
    this.markRange();
    this.drawHead();
    this.body.scroller.focus({ preventScroll: true });
  }

  /** @param {number} share  of the text */
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
    const toggle = /** @type {HTMLElement | null} */ (this.tools.querySelector('[data-act="hits"]'));
    const { activeElement } = /** @type {Document | ShadowRoot} */ (this.el.getRootNode());
    toggle?.setAttribute("aria-expanded", String(open));
    if (!open && !this.el.contains(activeElement)) toggle?.focus({ preventScroll: true });
    this.drawView();
  }

  groupsChanged() {
    if (this.current && this.viewer.hidden.has(this.current.letter)) this.current = null;
    this.drawHead();
    this.markAgain();
    if (!this.hits.el.hidden) this.hits.show(this.text, this.viewer.hidden);
  }

  /** The clipboard gets the characters of the trace, not what stands in the page for them.
   * @param {ClipboardEvent} event */
  copied(event) {
    this.bar.update();
    if (!this.bar.parts.length) return;
    event.clipboardData?.setData("text/plain", this.bar.text());
    event.preventDefault();
  }

  async copyAll() {
    this.announce((await toClipboard(this.text.text)) ? "Text copied" : "The browser refused to copy");
  }

  /** @param {string} words @param {boolean} [unseen] */
  announce(words, unseen = false) {
    this.viewer.announce(words, unseen);
  }

  destroy() {
    this.active = null;
    this.markRange();
    this.colours.destroy();
    this.body.destroy();
    this.el.remove();
  }
}

/** Whether everything drawn in the text's place is unchanged; figures and verdicts aside.
 * @param {PaneData} old @param {PaneData} data */
function sameText(old, data) {
  if (old.id !== data.id || old.text.text !== data.text.text || old.prompt.text !== data.prompt.text) return false;
  /** @param {PaneData} pane */
  const drawn = ({ text, prompt, sections, loops, ending }) =>
    JSON.stringify([text.cues, text.entries, text.mathematics, prompt.cues, prompt.entries, prompt.mathematics, sections, loops, ending]);
  return drawn(old) === drawn(data);
}
