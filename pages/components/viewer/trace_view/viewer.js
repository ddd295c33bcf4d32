// The trace viewer: panes side by side, what they share, and the way out to Streamlit.

import { button } from "../../browser/button.js";
import { debounce } from "../../browser/debounce.js";
import { el } from "../../browser/element.js";
import { mount } from "../../browser/mount.js";
import { onFrame } from "../../browser/on_frame.js";
import { heightBelow } from "../../browser/window_height.js";
import { answerKeys, fillHelp, helpDialog, makeActive, makeInactive } from "./keys.js";
import { LinkedScroll } from "./linked_scroll.js";
import { Pane } from "./pane.js";

/**
 * @typedef {object} Options
 * @property {"window" | "content"} fit
 * @property {number} minimum  pixels
 * @property {number} reserve  pixels
 * @property {boolean} keys
 * @property {boolean} listKeys
 * @property {boolean} goOn
 * @typedef {object} ViewerData
 * @property {import("./marked_text.js").Group[]} groups
 * @property {({ pane: string } & import("./header.js").LinkedRange) | null} active
 * @property {boolean} mathematics
 * @property {Options} options
 * @property {import("./pane.js").PaneData[]} panes
 * @typedef {import("../../browser/mount.js").Component<ViewerData>} ViewerComponent
 */

const STACKED_WINDOW = 760; // px: below, panes stand under each other
const STACKED_FRAME = 440;
const TOAST = 4_000; // ms

export class Viewer {
  /** @type {ViewerComponent} */ component;
  /** @type {Options} */ options;
  /** @type {Pane[]} */ panes = [];
  /** @type {Pane} the one that keys act on */ active;
  /** @type {Set<string>} letters of groups that are off */ hidden = new Set();
  /** @type {number | undefined} */ fading;
  mathematics = false;
  waiting = false;

  /** @param {ShadowRoot} parent */
  constructor(parent) {
    this.linked = new LinkedScroll(this);
    this.grid = el("div", { class: "panes" });
    this.status = el("div", { class: "status", role: "status", "aria-live": "polite" });
    this.toast = el("div", { class: "toast", "aria-hidden": "true" });
    const switches = { class: "switch", "aria-pressed": "false" };
    this.link = button("Scroll together", "Scroll the panes together (s)", "link", () => this.toggleLink(), switches);
    this.math = button("Draw mathematics", "Mathematics as source or drawn (m)", "mathematics",
      () => this.toggleMathematics(), switches);
    this.hints = el("span", { class: "keys" });
    this.help = helpDialog();
    this.footer = el("footer", {}, this.link, this.math, this.toast, this.hints);
    this.frame = el("div", { class: "frame" }, this.grid, this.footer, this.status, this.help);
    this.root = el("div", { class: "tv" }, this.frame);
    parent.append(this.root);
    this.stopKeys = answerKeys(this);
    this.selectionChanged = debounce(() => this.panes.forEach((pane) => pane.bar.update()), 80);
    document.addEventListener("selectionchange", this.selectionChanged);
    this.resized = onFrame(() => this.fit());
    window.addEventListener("resize", this.resized);
    this.observer = new ResizeObserver(this.resized);
    this.observer.observe(document.body);
  }

  /** @param {ViewerComponent} component */
  update(component) {
    const { data } = component;
    this.root.dataset.given = String(performance.now());
    this.component = component;
    this.options = data.options;
    this.mathematics = data.mathematics;
    this.waiting = false;
    this.frame.dataset.fit = data.options.fit;
    this.setPanes(data.panes.length);
    this.fit();
    this.panes.forEach((pane, index) => {
      const given = data.panes[index];
      pane.update(given, data.groups, data.active?.pane === given.id ? data.active : null);
    });
    this.drawFooter();
    fillHelp(this.help, this);
    this.markPainted();
  }

  /** @param {number} number */
  setPanes(number) {
    while (this.panes.length > number) this.panes.pop()?.destroy();
    while (this.panes.length < number) {
      const pane = new Pane(this);
      this.panes.push(pane);
      this.grid.append(pane.el);
    }
    this.grid.dataset.panes = String(number);
    if (!this.panes.includes(this.active)) [this.active] = this.panes;
    this.panes.forEach((pane) => pane.el.classList.toggle("active", pane === this.active));
  }

  fit() {
    const narrow = window.innerWidth <= STACKED_WINDOW || this.root.getBoundingClientRect().width <= STACKED_FRAME;
    this.frame.classList.toggle("stacked", narrow && this.panes.length > 1);
    if (this.options.fit !== "window") return;
    const height = Math.max(this.options.minimum, Math.floor(heightBelow(this.root) - this.options.reserve));
    this.frame.style.setProperty("--tv-height", `${height}px`);
    this.panes.forEach((pane) => pane.drawView());
  }

  /** @param {Pane} pane */
  activate(pane) {
    makeActive(this);
    if (pane === this.active) return;
    this.active = pane;
    this.panes.forEach((each) => each.el.classList.toggle("active", each === pane));
  }

  /** @param {number} by */
  step(by) {
    const at = this.panes.indexOf(this.active);
    const pane = this.panes[Math.min(this.panes.length - 1, Math.max(0, at + by))];
    this.activate(pane);
    pane.el.scrollIntoView({ block: "nearest", inline: "nearest" });
    pane.body.scroller.focus({ preventScroll: true });
    this.announce(`Pane ${pane.data.tag ?? ""} ${pane.data.title}`, true);
  }

  /** @param {string} letter */
  toggleGroup(letter) {
    if (!this.hidden.delete(letter)) this.hidden.add(letter);
    this.frame.classList.toggle(`off-${letter}`, this.hidden.has(letter));
    this.panes.forEach((pane) => pane.groupsChanged());
  }

  toggleLink() {
    this.linked.on = !this.linked.on;
    this.drawFooter();
    this.announce(this.linked.on ? "Panes scroll together" : "Panes scroll apart");
  }

  toggleMathematics() {
    // The server converts formulas once asked; its answer arrives as new data.
    if (this.waiting) return;
    this.mathematics = !this.mathematics;
    this.waiting = true;
    this.drawFooter();
    this.component.setStateValue("mathematics", this.mathematics);
  }

  escape() {
    const { bar, body } = this.active;
    const { activeElement } = /** @type {Document | ShadowRoot} */ (bar.el.getRootNode());
    if (bar.el.contains(activeElement)) body.scroller.focus({ preventScroll: true });
    document.getSelection()?.removeAllRanges();
    this.active.toggleHits(false);
  }

  drawFooter() {
    const several = this.panes.length > 1;
    this.link.hidden = !several;
    this.link.setAttribute("aria-pressed", String(this.linked.on));
    this.math.setAttribute("aria-pressed", String(this.mathematics));
    this.math.toggleAttribute("aria-busy", this.waiting);
    const words = ["n next cue", "p previous", ...(several ? ["[ ] pane"] : []),
      ...(this.options.listKeys ? ["j k problem"] : [])];
    const help = button("? keys", "Keys", "help", () => this.help.showModal());
    this.hints.replaceChildren(...(this.options.keys ? [el("span", {}, words.join(" · ")), help] : []));
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

  markPainted() {
    // Two frames after the change the browser has painted it; tests and the benchmark read when.
    requestAnimationFrame(() => requestAnimationFrame(() => (this.root.dataset.painted = String(performance.now()))));
  }

  destroy() {
    this.stopKeys();
    document.removeEventListener("selectionchange", this.selectionChanged);
    window.removeEventListener("resize", this.resized);
    this.observer.disconnect();
    this.panes.forEach((pane) => pane.destroy());
    this.root.remove();
    makeInactive(this);
  }
}

export default mount(Viewer);
