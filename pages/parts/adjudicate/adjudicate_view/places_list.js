// The places of an item beside the text: what each says, and for the current one the lanes to adopt and the reasons.

import { button } from "../../../components/browser/button.js";
import { el } from "../../../components/browser/element.js";
import { keepFocus } from "../../../components/browser/keep_focus.js";
import { appendText } from "../../../components/browser/text_nodes.js";
import { hasReason } from "./decisions.js";

/** @import { AdjudicationItem } from "./adjudication_item.js" */
/** @import { LaneLabel, Place } from "./places.js" */

/**
 * @typedef {{
 *   goTo: (place: Place) => void, adopt: (place: Place, lane: number) => void, reject: (place: Place) => void,
 *   undecide: (place: Place) => void, giveReason: (place: Place, reason: string) => void,
 * }} PlaceActions
 */

export class PlacesList {
  /** @param {PlaceActions} actions */
  constructor(actions) {
    this.actions = actions;
    this.list = el("ol", { class: "places", "aria-label": "Places where somebody put a label" });
    this.element = el("aside", { class: "sidebar", "aria-label": "Places to decide" }, this.list);
  }

  /** @param {AdjudicationItem} item */
  draw(item) {
    const rows = item.places.map((place) => this.row(place, item));
    if (!rows.length) {
      rows.push(el("li", { class: "none" },
        "Nobody put a label on this item. Settle it if that is right, or choose words and give them a label."));
    }
    // Deciding draws the list anew, and a person who goes by Tab must not start from its top again.
    keepFocus(this.list, "focus", () => this.list.replaceChildren(...rows), { preventScroll: true });
    this.list.querySelector(".current")?.scrollIntoView({ block: "nearest" });
  }

  /** @param {Place} place @param {AdjudicationItem} item */
  row(place, item) {
    const isCurrent = place.index === item.current;
    const head = el("button", { type: "button", class: "quote", "data-focus": `p${place.index}`, onclick: () => this.actions.goTo(place) },
      el("span", { class: "letter", "aria-hidden": "true" }, place.gold.length ? "✓" : "○"),
      appendText(el("span"), item.quote(place).replace(/\s+/g, " ")));
    return el("li", { class: `row${isCurrent ? " current" : ""}`, "data-place": place.index }, head,
      el("span", { class: "what" }, decisionWords(place, item)), isCurrent ? this.details(place, item) : null);
  }

  /** @param {Place} place @param {AdjudicationItem} item */
  details(place, item) {
    const { actions } = this;
    const reject = button("", "No label belongs here (0)", "reject", () => actions.reject(place),
      { class: "lane", disabled: !item.data.writable, "data-focus": "a-" });
    reject.append(el("kbd", {}, "0"), el("b", {}, "–"), "no label here");
    const disabled = !place.gold.length || !item.data.writable;
    const reasons = item.data.reasons.map((reason) => button(reason, `Reason: ${reason}`, `reason-${reason}`, () => actions.giveReason(place, reason),
      { class: "use", "aria-pressed": String(hasReason(place, reason)), disabled, "data-focus": `r${reason}` }));
    const undecide = button("Take back", "Take the decision back (d)", "undecide", () => actions.undecide(place), { disabled });
    return el("div", { class: "details" }, ...item.data.lanes.map((_, lane) => this.laneButton(place, lane, item)), reject,
      el("div", { class: "uses", role: "group", "aria-label": "Why they differ" }, ...reasons), el("div", { class: "foot" }, undecide));
  }

  /** @param {Place} place @param {number} lane @param {AdjudicationItem} item */
  laneButton(place, lane, item) {
    const { lanes, writable } = item.data;
    const own = place.labels.filter((label) => label.lane === lane);
    const words = own.length ? own.map((label) => labelWords(label, item.kind(label.label).name)).join(", ") : lanes[lane].done ? "nothing" : "not finished";
    const name = item.laneName(lane);
    // Who hasn't finished hasn't said that nothing is here: there is nothing to adopt yet.
    const disabled = !writable || (!own.length && !lanes[lane].done);
    const adopt = button("", `Adopt what ${name} says: ${words}`, `adopt-${lane + 1}`, () => this.actions.adopt(place, lane),
      { class: "lane", disabled, "data-focus": `a${lane}` });
    adopt.append(el("kbd", {}, String(lane + 1)), appendText(el("b"), name), appendText(el("span"), words));
    return adopt;
  }
}

/** @param {Place} place @param {AdjudicationItem} item */
function decisionWords(place, item) {
  if (!place.gold.length) return place.agreed ? "all agree" : "open";
  return place.gold.map(({ op, label }) => (op === "reject" ? "no label" : item.kind(label).name)).join(", ");
}

/** @param {LaneLabel} label @param {string} name of its kind */
function labelWords({ flag, comment }, name) {
  return `${name}${flag ? ` · ${flag}` : ""}${comment ? ` · “${comment}”` : ""}`;
}
