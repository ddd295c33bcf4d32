// The adjudicating view of one item: everybody's labels as lanes over one text, and below them the gold lane that is
// decided here.

import { button } from "../../../components/browser/button.js";
import { el } from "../../../components/browser/element.js";
import { mount } from "../../../components/browser/mount.js";
import { appendText } from "../../../components/browser/text_nodes.js";
import { labelChip } from "../../../components/labelling/labelling_view/label_chip.js";
import { newRow, withdrawal } from "../../../components/labelling/labelling_view/label_log.js";
import { LabellingFrame } from "../../../components/labelling/labelling_view/labelling_frame.js";
import { keyTerms, ModalDialog } from "../../../components/labelling/labelling_view/modal_dialog.js";
import { ARROWS, SpanSelection } from "../../../components/labelling/labelling_view/span_selection.js";
import { AdjudicationItem } from "./adjudication_item.js";
import { ADJUDICATE_KEYS, commandFor } from "./adjudicate_keys.js";
import { adoptedLabels, decisionRows, hasReason, reasonRows, rejection, relabelled } from "./decisions.js";
import { nextOpenPlace } from "./places.js";
import { PlacesList } from "./places_list.js";

/** @import { Component } from "../../../components/browser/mount.js" */
/** @import { LabelRow } from "../../../components/labelling/labelling_view/label_log.js" */
/** @import { LabelSession } from "../../../components/labelling/labelling_view/label_session.js" */
/** @import { Span } from "../../../components/labelling/labelling_view/words.js" */
/** @import { AdjudicateData } from "./adjudication_item.js" */
/** @import { Command, PlaceCommand } from "./adjudicate_keys.js" */
/** @import { GoldFields } from "./decisions.js" */
/** @import { Place } from "./places.js" */

export class Adjudicator {
  /** @param {ShadowRoot} parent */
  constructor(parent) {
    this.lanes = el("div", { class: "lanes" });
    this.dialog = new ModalDialog();
    this.placesList = new PlacesList({
      goTo: (place) => this.goTo(place), adopt: (place, lane) => this.adopt(place, lane), reject: (place) => this.reject(place),
      undecide: (place) => this.undecide(place), giveReason: (place, reason) => this.giveReason(place, reason),
    });
    this.frame = new LabellingFrame(parent, {
      className: "an adj", textTitle: "The text with everybody’s labels", aboveText: this.lanes,
      sidebar: this.placesList.element, dialog: this.dialog.element,
    }, this);
    this.view = this.frame.view;
    this.selection = new SpanSelection(this.view, { onChosen: () => this.draw(), onPointed: (keys) => this.goToMark(keys) });
    /** @type {Component<AdjudicateData> | null} */ this.component = null;
    /** @type {AdjudicationItem | null} */ this.opened = null;
    this.isSettling = false; // settled here, and the server doesn't know yet
    this.frame.onKey((event) => this.answerKey(event));
  }

  // Streamlit sends the first item before anybody can press a key, so that commands needn't ask whether there is one.
  get item() {
    return /** @type {AdjudicationItem} */ (this.opened);
  }

  get data() {
    return this.item.data;
  }

  /** @param {Component<AdjudicateData>} component */
  update(component) {
    const { data } = component;
    this.component = component;
    const session = this.frame.enter(data, ".gold");
    const isOther = session !== this.frame.session;
    if (isOther) this.open(data, session);
    else this.item.data = data;
    this.frame.connect(data, session);
    this.frame.fit();
    this.draw();
    this.drawTop();
    this.drawSaved();
    if (isOther) requestAnimationFrame(() => this.begin());
  }

  /** @param {AdjudicateData} data @param {LabelSession} session */
  open(data, session) {
    const item = new AdjudicationItem(data, session);
    item.isNamed = this.opened?.isNamed ?? false;
    this.opened = item;
    this.view.build({ text: data.text, start: item.start, end: item.end });
    this.selection.begin(item.words);
  }

  begin() {
    this.frame.begin(this.view.start, 0.04);
    this.goToNextOpen(-1);
  }

  // -- commands -----------------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  answerKey(event) {
    if (!this.opened || this.dialog.open) return;
    const target = event.composedPath()[0];
    // A focused button takes Enter and the space bar itself.
    if (target instanceof Element && target.closest("button, a, summary") && ["Enter", " "].includes(event.key)) return;
    if (event.key in ARROWS && document.activeElement !== document.body) {
      event.preventDefault();
      this.selection.moveCaret(event);
      return;
    }
    const { writable, labels, lanes } = this.data;
    const command = commandFor(event, { writable, labels, lanes: lanes.length, isAtPlace: this.item.place !== null });
    if (!command) return;
    event.preventDefault();
    this.act(command);
  }

  /** @param {Command} command */
  act(command) {
    switch (command.act) {
      case "walk": return this.walk(command.step);
      case "move": return this.send("move", command.step);
      case "nextOpen": return this.goToNextOpen(this.item.current ?? -1);
      case "help": return this.showHelp();
      case "letGo": return this.letGo();
      case "label": return this.useLabel(command.key);
      case "undo": return this.undo();
      case "settle": return this.settle();
      default: return this.item.place ? this.actOn(this.item.place, command) : undefined;
    }
  }

  /** @param {Place} place @param {PlaceCommand} command */
  actOn(place, command) {
    switch (command.act) {
      case "adopt": return this.adopt(place, command.lane);
      case "reject": return this.reject(place);
      case "undecide": return this.undecide(place);
      case "reason": return this.giveReason(place, this.data.reasons[command.reason]);
    }
  }

  showHelp() {
    this.dialog.show("Keys", el("dl", {}, ...keyTerms(ADJUDICATE_KEYS)), el("footer"));
  }

  letGo() {
    this.selection.clear();
    this.item.current = null;
    this.draw();
  }

  // -- going from place to place ------------------------------------------------------------------

  /** @param {Place | undefined} place */
  goTo(place) {
    if (!place) return;
    const { offsets } = this.item;
    this.selection.clear();
    this.item.current = place.index;
    this.draw();
    this.view.reveal(offsets.toUnits(place.start), offsets.toUnits(place.end));
    this.say(`Place ${place.index + 1} of ${this.item.places.length}, ${place.gold.length ? "decided" : "open"}`);
  }

  /** @param {string[]} keys the marks under a click, all of one place */
  goToMark([key]) {
    this.goTo(this.item.places[Number(key.slice(2))]);
    return true;
  }

  /** @param {1 | -1} step */
  walk(step) {
    const to = (this.item.current ?? (step > 0 ? -1 : this.item.places.length)) + step;
    if (this.item.places[to]) this.goTo(this.item.places[to]);
    else this.say(step > 0 ? "That was the last place" : "That was the first place");
  }

  /** @param {number} after the number of a place */
  goToNextOpen(after) {
    const open = nextOpenPlace(this.item.places, after);
    if (open) this.goTo(open);
    else this.say("Every place is decided");
  }

  // -- deciding -----------------------------------------------------------------------------------

  /** @param {Place} place @param {GoldFields[]} wanted @param {"adopted" | "own"} how */
  decide(place, wanted, how) {
    this.write(decisionRows(place, wanted, how, this.data.sha256));
    this.goToNextOpen(place.index);
  }

  /** @param {Place} place @param {number} lane */
  adopt(place, lane) {
    const labels = adoptedLabels(place, lane);
    if (labels.length) this.decide(place, labels, "adopted");
    else this.reject(place);
  }

  /** @param {Place} place */
  reject(place) {
    this.decide(place, rejection(place, this.item.quote(place)), "own");
  }

  /** @param {Place} place */
  undecide(place) {
    if (!place.gold.length) {
      this.say("Nothing is decided here");
      return;
    }
    this.write(place.gold.map((row) => withdrawal(row)));
    // A place that was gold alone is gone, and those after it have other numbers.
    this.goTo(this.item.places.find(({ start }) => start >= place.start) ?? this.item.places.at(-1));
  }

  /** Makes chosen words a gold label of the adjudicator's own, or else gives the current place another label.
   * @param {string} key */
  useLabel(key) {
    const { span } = this.selection;
    const { place } = this.item;
    if (!this.data.writable) this.say(this.data.why);
    else if (span) this.labelSpan(span, key);
    else if (place) this.decide(place, relabelled(place, key), "own");
    else this.say("Go to a place or choose words first");
  }

  /** @param {Span} span @param {string} key */
  labelSpan(span, key) {
    const { offsets } = this.item;
    const [start, end] = span.map((unit) => offsets.toPoints(unit));
    const quote = this.view.text.slice(...span);
    this.selection.clear();
    this.write([newRow({ start, end, quote, label: key, text_sha256: this.data.sha256, how: "own" })]);
    this.say(`Gold: “${quote}” ${this.item.kind(key).name}`);
  }

  /** @param {Place} place @param {string} reason */
  giveReason(place, reason) {
    if (!place.gold.length) {
      this.say("Decide first, then say why");
      return;
    }
    const words = hasReason(place, reason) ? "No reason" : reason;
    this.write(reasonRows(place, reason));
    this.say(words);
  }

  /** Settles the item; one that is settled is left for the next. */
  settle() {
    if (this.item.settled) {
      this.send("settled", this.data.item);
      return;
    }
    this.item.settled = true;
    // Before the mark: sending it draws what is saved, which is where the next item is asked for.
    this.isSettling = true;
    this.frame.outbox?.mark(this.data.item, { settled: true });
    this.drawTop();
  }

  undo() {
    if (!this.item.session.undo()) {
      this.say("There is nothing to undo here");
      return;
    }
    this.item.current = null;
    this.afterWriting();
    this.say("Undone");
  }

  /** @param {LabelRow[]} rows one act */
  write(rows) {
    this.item.session.write(rows);
    this.afterWriting();
  }

  afterWriting() {
    // Who decides anew on a settled item hasn't settled it.
    if (this.item.settled) {
      this.item.settled = false;
      this.frame.outbox?.mark(this.data.item, { settled: false });
      this.drawTop();
    }
    this.draw();
  }

  // -- drawing ------------------------------------------------------------------------------------

  draw() {
    this.item.refresh();
    this.view.paint(this.item.marks());
    this.selection.draw();
    this.placesList.draw(this.item);
    this.drawPalette();
  }

  drawTop() {
    const { number, of, agreement, lanes, writable } = this.data;
    const names = button("Names", "Show who is who", "names", () => {
      this.item.isNamed = !this.item.isNamed;
      this.drawTop();
      this.draw();
    }, { class: "switch", "aria-pressed": String(this.item.isNamed) });
    this.frame.top.replaceChildren(
      button("‹", "Previous item (k)", "item-back", () => this.send("move", -1), { class: "icon" }),
      el("b", {}, `Item ${number} of ${of}`),
      button("›", "Next item (j)", "item-on", () => this.send("move", 1), { class: "icon" }),
      el("span", { class: "quiet" }, agreement), el("span", { class: "gap" }), this.frame.saveStatus.saved, names,
      button("? keys", "Keys (?)", "help", () => this.showHelp()),
      button(this.item.settled ? "Settled" : "Settle item", "Finished with this item (e)", "settle", () => this.settle(),
        { class: "main", disabled: !writable }));
    const legend = lanes.map(({ done }, lane) => el("span", { class: "lane-name", title: this.item.isNamed ? "" : "Hidden: press Names" },
      el("kbd", {}, String(lane + 1)), appendText(el("span"), this.item.laneName(lane)),
      el("i", {}, `line ${lane + 1}${done ? "" : " · not finished"}`)));
    this.lanes.replaceChildren(...legend,
      el("span", { class: "lane-name gold-name" }, el("b", {}, "Gold"), el("i", {}, "thick line")));
  }

  drawPalette() {
    const { labels, writable, why } = this.data;
    const chips = labels.map(({ key, name, letter }) => labelChip(this.item.kind(key),
      { title: `Gold is ${name} (Shift + ${letter})`, onclick: () => this.useLabel(key) }, { disabled: !writable }));
    this.frame.palette.replaceChildren(...chips, el("span", { class: "quiet" }, writable ? "" : why));
  }

  drawSaved() {
    this.frame.drawSaved();
    if (!this.isSettling || !this.frame.outbox?.delivered) return;
    this.isSettling = false;
    // Another page would hide what the server refused.
    if (!this.frame.outbox.refused.length) this.send("settled", this.data.item);
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
    this.selection.clear();
    this.frame.destroy();
  }
}

export default mount(Adjudicator);
