// What both labelling views stand in: a bar above, the text with its palette, a sidebar, and the outbox of the person who
// works here. Owns their elements, the height they fill and when the outbox is asked to send.

import { el } from "../../browser/element.js";
import { listenForKeys } from "../../browser/keyboard.js";
import { onFrame } from "../../browser/on_frame.js";
import { heightBelow } from "../../browser/window_height.js";
import { BrowserStorage } from "./browser_storage.js";
import { LabelSession } from "./label_session.js";
import { Outbox, postLabels } from "./outbox.js";
import { SaveStatus } from "./save_status.js";
import { TextView } from "./text_view.js";

/** @import { LabelKind } from "./label_kinds.js" */
/** @import { LabelRow } from "./label_log.js" */

/**
 * What the page sends of an item in either view. Offsets are code points; `why` says why it isn't writable.
 * @typedef {{
 *   item: string, project: string, person: string, token: string, url: string, text: string, sha256: string,
 *   start: number, end: number, rows: LabelRow[], labels: LabelKind[], number: number, of: number,
 *   writable: boolean, why: string,
 * }} ItemData
 */
/** The view that stands in a frame. @typedef {{draw(): void, drawSaved(): void, send(name: string, value: unknown): void}} FramedView */

// About ten lines of text over the palette; in a lower window the page scrolls instead.
const LEAST_HEIGHT = 460;

export class LabellingFrame {
  /** @param {ShadowRoot} parent
   * @param {{className: string, textTitle: string, aboveText?: HTMLElement, sidebar: HTMLElement, dialog: HTMLElement}} parts
   * @param {FramedView} framed */
  constructor(parent, { className, textTitle, aboveText, sidebar, dialog }, framed) {
    this.framed = framed;
    /** @type {LabelSession | null} of the item that is open */ this.session = null;
    /** @type {Outbox | null} */ this.outbox = null;
    this.owner = "";
    const scroller = el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": textTitle });
    this.view = new TextView(scroller);
    this.saveStatus = new SaveStatus(() => {
      this.session?.dropRefused();
      framed.draw();
    });
    this.top = el("div", { class: "top" });
    this.palette = el("div", { class: "palette", role: "toolbar", "aria-label": "Labels" });
    this.status = el("div", { class: "status", role: "status", "aria-live": "polite" });
    const panel = el("div", { class: "text-panel" }, aboveText, scroller, this.saveStatus.refused, this.palette);
    this.root = el("div", { class: className, "data-painted": "" }, this.top,
      el("div", { class: "columns" }, panel, sidebar), this.status, dialog);
    parent.append(this.root);
    // Aborting it ends every listener at once.
    this.listening = new AbortController();
    this.watchSize();
    this.on(window, "focus", () => this.catchUp());
  }

  /** Listens until the view is destroyed.
   * @param {EventTarget} target @param {string} kind @param {(event: any) => void} action
   * @param {AddEventListenerOptions} options */
  on(target, kind, action, options = {}) {
    target.addEventListener(kind, action, { ...options, signal: this.listening.signal });
  }

  /** Answers keys that are nobody else's until the view is destroyed.
   * @param {(event: KeyboardEvent) => void} answer @param {{modifiers?: boolean}} [options] */
  onKey(answer, options) {
    this.listening.signal.addEventListener("abort", listenForKeys(this.root, answer, options));
  }

  /** Sends what waits and asks for what other tabs wrote meanwhile. */
  catchUp() {
    if (document.visibilityState === "visible") this.outbox?.send(true);
  }

  watchSize() {
    const refit = onFrame(() => this.fit());
    this.on(window, "resize", refit);
    // Streamlit moves what is above without a resize of the window: a notice that comes, a sidebar that goes.
    const observer = new ResizeObserver(refit);
    observer.observe(document.body);
    this.listening.signal.addEventListener("abort", () => observer.disconnect());
  }

  fit() {
    const height = Math.max(LEAST_HEIGHT, Math.floor(heightBelow(this.root) - 16));
    this.root.style.setProperty("--an-height", `${height}px`);
  }

  /** The session of an item's labels, a new one unless it is open, with the outbox of its person in a project.
   * @param {ItemData} data
   * @param {string} part of the storage: annotators' and adjudicators' rows go to different routes
   * @returns {LabelSession} */
  enter({ person, project, item, rows }, part = "") {
    const { framed } = this;
    const owner = `${person}.${project}${part}`;
    if (!this.outbox || this.owner !== owner) {
      this.owner = owner;
      // What another person left waiting stays in the browser: it is sent under their name or not at all.
      this.outbox?.close();
      this.outbox = new Outbox({ storage: new BrowserStorage(owner), post: postLabels, onChange: () => framed.drawSaved(),
        onSaved: (saved, news) => this.session?.learn(saved, news) && framed.draw(),
        onTokenRefused: () => framed.send("renew", performance.now()) });
    }
    const { outbox, session } = this;
    if (session?.item !== item || session.outbox !== outbox) return new LabelSession({ item, rows, outbox, storage: outbox.storage });
    session.learn(new Map(), rows);
    return session;
  }

  /** @param {ItemData} data @param {LabelSession} session */
  connect({ token, url, item }, session) {
    this.session = session;
    this.outbox?.connect({ token, url, item, lastSeq: () => session.log.lastSeq });
  }

  /** Draws what waits and what was refused. */
  drawSaved() {
    if (!this.outbox) return;
    this.saveStatus.draw(this.outbox);
    this.root.dataset.waiting = String(this.outbox.rows.length);
  }

  /** Shows a stretch of a text that was just built, and takes the keyboard.
   * @param {number} unit @param {number} share */
  begin(unit, share) {
    this.view.scroller.scrollTop = 0;
    this.view.reveal(unit, unit + 1, share);
    // focusVisible is newer than TypeScript's options; no ring is drawn around a text nobody asked the focus for.
    this.view.scroller.focus(/** @type {FocusOptions} */ ({ preventScroll: true, focusVisible: false }));
    this.root.dataset.painted = String(performance.now());
  }

  /** @param {string} words for the screen reader, and in the status line */
  say(words) {
    this.status.textContent = words;
  }

  destroy() {
    this.listening.abort();
    this.outbox?.close();
    this.root.remove();
  }
}
