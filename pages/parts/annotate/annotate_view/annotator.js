// The annotating view of one item: the text, the palette, the labels beside it, and which command a key or a click asks
// for. Labels never pass through Streamlit: the outbox posts them, and the page isn't run again for them.

import { button } from "../../../components/browser/button.js";
import { count } from "../../../components/browser/count.js";
import { debounce } from "../../../components/browser/debounce.js";
import { el } from "../../../components/browser/element.js";
import { mount } from "../../../components/browser/mount.js";
import { BrowserStorage } from "../../../components/labelling/labelling_view/browser_storage.js";
import { labelChip } from "../../../components/labelling/labelling_view/label_chip.js";
import { LabellingFrame } from "../../../components/labelling/labelling_view/labelling_frame.js";
import { ARROWS, SpanSelection } from "../../../components/labelling/labelling_view/span_selection.js";
import { AnnotateDialogs } from "./annotate_dialogs.js";
import { AnnotationItem } from "./annotation_item.js";
import { ItemNavigation } from "./item_navigation.js";
import { Keymap } from "./keymap.js";
import { LabelCommands } from "./label_commands.js";
import { Sidebar } from "./sidebar.js";
import { WorkTimer } from "./work_timer.js";

/** @import { AttributeValue } from "../../../components/browser/element.js" */
/** @import { Component } from "../../../components/browser/mount.js" */
/** @import { LabelRow } from "../../../components/labelling/labelling_view/label_log.js" */
/** @import { LabelSession } from "../../../components/labelling/labelling_view/label_session.js" */
/** @import { Span } from "../../../components/labelling/labelling_view/words.js" */
/** @import { AnnotateData } from "./annotation_item.js" */

const PRESSABLE = "button, a, summary, [role=button], [role=tab]";

export class Annotator {
  /** @param {ShadowRoot} parent */
  constructor(parent) {
    this.navigation = new ItemNavigation(this);
    this.commands = new LabelCommands(this);
    this.timer = new WorkTimer();
    this.dialogs = new AnnotateDialogs({ onClose: () => this.view.focus(), onKeysChanged: () => this.drawPalette() });
    this.sidebar = new Sidebar({
      commands: this.commands, goTo: (row) => this.navigation.toLabel(row), leave: () => this.view.focus() });
    this.frame = new LabellingFrame(parent, {
      className: "an", textTitle: "The text to annotate", sidebar: this.sidebar.element, dialog: this.dialogs.element,
    }, this);
    this.view = this.frame.view;
    this.selection = new SpanSelection(this.view, {
      onChosen: (span, walking) => this.chosen(span, walking), onPointed: (keys) => this.navigation.toMark(keys) });
    this.time = el("span", { class: "time", title: "Time at work on this item" });
    /** @type {Component<AnnotateData> | null} */ this.component = null;
    /** @type {{item: AnnotationItem, keymap: Keymap} | null} */ this.opened = null;
    /** @type {string | null} the item that is finished once the server knows */ this.finishing = null;
    this.listen();
  }

  listen() {
    const { frame } = this;
    frame.onKey((event) => this.answerKey(event), { modifiers: true });
    // On the document: somebody who reads the guidelines or scrolls the page is at work too.
    for (const kind of ["pointermove", "keydown", "wheel"]) {
      frame.on(document, kind, () => this.timer.touch(), { passive: true });
    }
    frame.on(document, "visibilitychange", () => frame.catchUp());
    frame.on(window, "pagehide", () => this.reportTime(false));
    frame.on(this.view.scroller, "scroll", debounce(() => this.keepPlace(), 800), { passive: true });
    this.ticking = setInterval(() => this.tick(), 1_000);
  }

  // Streamlit sends the first item before anybody can press a key, so that commands needn't ask whether there is one.
  get item() {
    return /** @type {{item: AnnotationItem}} */ (this.opened).item;
  }

  get keymap() {
    return /** @type {{keymap: Keymap}} */ (this.opened).keymap;
  }

  get writable() {
    return this.opened !== null && this.item.data.writable;
  }

  /** @param {Component<AnnotateData>} component */
  update(component) {
    const { data } = component;
    this.component = component;
    const session = this.frame.enter(data);
    const isOther = session !== this.frame.session;
    if (isOther) this.open(data, session);
    else this.item.data = data;
    this.frame.connect(data, session);
    this.sidebar.drawGuidelines(data.guidelines);
    this.frame.fit();
    this.draw();
    this.drawTop();
    this.drawPalette();
    this.drawSaved();
    if (isOther) requestAnimationFrame(() => this.resume());
  }

  /** @param {AnnotateData} data @param {LabelSession} session */
  open(data, session) {
    const item = new AnnotationItem(data, session);
    this.opened = { item, keymap: new Keymap(new BrowserStorage(data.person), data.labels) };
    this.view.build({ text: data.text, start: item.start, end: item.end });
    this.selection.begin(item.words);
    this.timer.begin(data.seconds);
  }

  /** Scrolls to where one stopped; an item never seen begins at its own first line. */
  resume() {
    const { item } = this;
    const at = item.offsets.toUnits(item.data.place);
    const isBegun = at > item.start && at < item.end;
    this.frame.begin(isBegun ? at : item.start, isBegun ? 0.3 : 0.04);
  }

  // -- commands -----------------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  answerKey(event) {
    if (!this.opened || this.dialogs.element.open) return;
    const path = event.composedPath();
    const target = path[0];
    // A focused button takes Enter and the space bar itself, and tabs take the arrows.
    const onButton = target instanceof Element && target.closest(PRESSABLE) !== null;
    if (event.key in ARROWS && (path.includes(this.frame.root) ? !onButton : target === document.body)) {
      event.preventDefault();
      this.selection.moveCaret(event);
      return;
    }
    if (event.ctrlKey || event.altKey) return;
    if (event.key === "Escape") this.letGo();
    if (onButton && ["Enter", " "].includes(event.key)) return;
    const command = this.keymap.commandFor(event.key);
    if (!command) return;
    event.preventDefault();
    this.act(command);
  }

  /** @param {string} command as the keymap names it */
  act(command) {
    /** @type {Record<string, () => void>} */ const reading = {
      next: () => this.navigation.walk(1), back: () => this.navigation.walk(-1), help: () => this.dialogs.showKeys(this.keymap),
      forth: () => this.send("move", 1), before: () => this.send("move", -1),
    };
    if (reading[command]) reading[command]();
    else if (!this.writable) this.say(this.item.data.why);
    else if (command.startsWith("label:")) this.commands.useLabel(command.slice("label:".length));
    else this.change(command);
  }

  /** @param {string} command one that writes */
  change(command) {
    const { commands, item } = this;
    /** @type {Record<string, () => void>} */ const writing = {
      accept: () => commands.accept(), no: () => commands.refuse(), withdraw: () => commands.withdraw(item.currentRow()),
      undo: () => commands.undo(), use: () => commands.nextUse(), comment: () => this.comment(), every: () => commands.labelSimilar(),
      flag: () => this.setState(item.state === "flagged" ? "open" : "flagged"), done: () => this.finish(),
    };
    writing[command]?.();
  }

  letGo() {
    this.selection.clear();
    this.commands.armed = null;
    this.item.current = null;
    this.drawPalette();
    this.draw();
  }

  /** @param {Span | null} span @param {boolean} walking */
  chosen(span, walking) {
    const { armed } = this.commands;
    this.item.current = null;
    if (span && armed && !walking) {
      this.commands.labelSpan(span, armed);
      return;
    }
    this.draw();
    if (span) this.say(`Chosen: “${this.view.text.slice(...span)}”`);
  }

  comment() {
    if (this.item.currentRow()) this.sidebar.focusComment();
    else this.say("Choose a label first");
  }

  /** @param {LabelRow[]} rows one act */
  write(rows) {
    this.item.session.write(rows);
    this.afterWriting();
  }

  afterWriting() {
    // Who goes on labelling a finished item hasn't finished it.
    if (this.item.state === "done") this.setState("open");
    this.draw();
  }

  // -- the item -----------------------------------------------------------------------------------

  /** @param {"open" | "flagged" | "done"} state */
  setState(state) {
    this.item.state = state;
    this.frame.outbox?.mark(this.item.data.item, { state });
    this.drawTop();
    this.say({ flagged: "Flagged", open: "Open", done: "Finished" }[state]);
  }

  /** Finishes the item, after asking what becomes of the cues nobody answered. */
  finish() {
    const { commands, item } = this;
    const open = item.openCues();
    const end = () => {
      this.reportTime();
      // Before the mark: sending it draws what is saved, which is where the next item is asked for.
      this.finishing = item.data.item;
      this.setState("done");
    };
    if (!open.length) end();
    else {
      this.dialogs.askUnanswered(open.length, {
        accept: () => (commands.answerAll(open, null), end()),
        refuse: () => (item.negative && commands.answerAll(open, item.negative.key), end()),
        leave: end,
      });
    }
  }

  keepPlace() {
    if (!this.writable) return;
    this.frame.outbox?.mark(this.item.data.item, { place: this.item.offsets.toPoints(this.topUnit()) });
  }

  /** @returns {number} the first unit in view */
  topUnit() {
    const { words } = this.item;
    const isAtTop = this.view.scroller.scrollTop < 4;
    return isAtTop || !words.size ? this.view.start : words.span(this.selection.firstInView())[0];
  }

  tick() {
    if (!this.writable || document.visibilityState !== "visible" || !this.timer.tick()) return;
    this.time.textContent = this.timer.clock;
    if (this.timer.due) this.reportTime();
  }

  /** @param {boolean} now false where the page is going: the browser keeps the seconds, and the next page sends them */
  reportTime(now = true) {
    if (!this.timer.unreported || !this.writable) return;
    this.frame.outbox?.mark(this.item.data.item, { seconds: this.timer.report() }, now);
  }

  // -- drawing ------------------------------------------------------------------------------------

  draw() {
    const { item } = this;
    this.view.paint(item.marks());
    this.selection.draw();
    this.sidebar.draw(item, new Set(item.session.outbox.refused.flatMap(({ row }) => row?.id ?? [])));
  }

  drawTop() {
    const { item } = this;
    const { number, of, done, blind, project } = item.data;
    const disabled = !this.writable;
    this.time.textContent = this.timer.clock;
    this.frame.top.replaceChildren(
      button("‹", "Previous item", "item-back", () => this.send("move", -1), { class: "icon" }),
      el("b", {}, number ? `Your item ${number}` : "Item"),
      button("›", "Next item", "item-on", () => this.send("move", 1), { class: "icon" }),
      el("span", { class: "quiet" }, `${done} of ${of} finished`), progressBar(done, of),
      blind ? el("span", { class: "pill", title: "This item shows no machine cues: what you find here says how many they miss" }, "blind")
        : el("span", { class: "quiet" }, count(item.cues.length, "machine cue")),
      el("span", { class: "gap" }), this.frame.saveStatus.saved, this.time,
      this.commandButton("flag", item.state === "flagged" ? "Flagged" : "Flag", "Flag this item for somebody to look at",
        { "aria-pressed": String(item.state === "flagged"), class: "switch", disabled }),
      this.commandButton("help", "? keys", "Keys"),
      this.commandButton("done", item.state === "done" ? "Finished" : "Finish item", "Finish this item",
        { class: "main", disabled, "data-project": project }),
    );
  }

  /** @param {string} command @param {string} words @param {string} title
   * @param {Record<string, AttributeValue>} [attributes] */
  commandButton(command, words, title, attributes = {}) {
    return button(words, `${title} (${this.keymap.keyFor(command)})`, command, () => this.act(command), attributes);
  }

  drawPalette() {
    const { item, commands } = this;
    const chips = item.data.labels.map(({ key: label, name, description }) => {
      const key = this.keymap.keyFor(`label:${label}`);
      const title = `${name}${description ? `: ${description}` : ""}${key ? ` (${key})` : ""}`;
      return labelChip(item.kind(label), { title, key, onclick: () => this.act(`label:${label}`) },
        { "aria-pressed": String(commands.armed === label), disabled: !this.writable });
    });
    const armed = commands.armed === null ? "" : `Every selection becomes “${item.kind(commands.armed).name}” until Esc.`;
    this.frame.palette.replaceChildren(...chips, el("span", { class: "quiet" }, this.writable ? armed : item.data.why));
  }

  drawSaved() {
    this.frame.drawSaved();
    if (!this.finishing || !this.frame.outbox?.delivered) return;
    const item = this.finishing;
    this.finishing = null;
    // Another page would hide what the server refused.
    if (!this.frame.outbox.refused.length) this.send("finished", item);
  }

  /** @param {string} words */
  say(words) {
    this.frame.say(words);
  }

  /** @param {string} name @param {unknown} value */
  send(name, value) {
    this.component?.setTriggerValue(name, value);
  }

  destroy() {
    this.reportTime(false);
    clearInterval(this.ticking);
    this.selection.clear();
    this.frame.destroy();
  }
}

/** @param {number} done @param {number} of */
function progressBar(done, of) {
  const fill = el("i");
  fill.style.width = `${of ? (100 * done) / of : 0}%`;
  return el("span", { class: "bar", role: "progressbar", "aria-label": "Your finished items", "aria-valuemin": 0,
    "aria-valuemax": of, "aria-valuenow": done }, fill);
}

export default mount(Annotator);
