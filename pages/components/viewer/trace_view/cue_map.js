// The whole trace at a glance: the map of cue positions at a pane's edge and the small density chart in its header.

import { count } from "../../browser/count.js";
import { el } from "../../browser/element.js";
import { cueBins, tickPlaces } from "./cue_places.js";

/** @typedef {import("./marked_text.js").MarkedText} MarkedText */

/** @param {MarkedText} doc */
export function mapTicks(doc) {
  const loops = doc.loops.map(({ start, end }) => {
    const band = el("s", { class: "loop" });
    band.style.top = `${(start / doc.text.length) * 100}%`;
    band.style.height = `${((end - start) / doc.text.length) * 100}%`;
    return band;
  });
  const ticks = tickPlaces(doc.cues, doc.text.length).map(({ letter, top, left, width }) => {
    const tick = el("i", { class: `c${letter}` });
    tick.style.top = `${top}%`;
    tick.style.left = `${left}%`;
    tick.style.width = `${width}%`;
    return tick;
  });
  return [...loops, ...ticks];
}

/** A map on which clicking or dragging goes to that share of the text. @param {(share: number) => void} goTo */
export function buildMap(goTo) {
  const view = el("b", { class: "view" });
  // Hidden from assistive technology: the keys n and p and the list of hits serve it.
  const map = el("div", { class: "map", "aria-hidden": "true", title: "Where the cues are; click to go there" }, view);
  /** @param {PointerEvent} event */
  const follow = (event) => {
    const box = map.getBoundingClientRect();
    goTo(Math.min(1, Math.max(0, (event.clientY - box.top) / Math.max(1, box.height))));
  };
  map.onpointerdown = (event) => {
    map.setPointerCapture(event.pointerId);
    follow(event);
  };
  map.onpointermove = (event) => {
    if (map.hasPointerCapture(event.pointerId)) follow(event);
  };
  return { el: map, view };
}

/** @param {MarkedText} doc @param {Set<string>} hidden letters of groups that are off */
export function sparkline(doc, hidden) {
  const shown = doc.cues.filter(({ letter }) => !hidden.has(letter));
  const { bins, most, peak } = cueBins(shown, doc.text.length);
  const label = shown.length ? `${count(shown.length, "cue")} along the trace, densest at ${peak}% of its length` : "no cues";
  const bars = bins.map((number) => {
    const bar = el("b");
    bar.style.height = `${Math.max(6, (number / most) * 100)}%`;
    return bar;
  });
  return el("div", { class: "spark", role: "img", "aria-label": label, title: label }, ...bars);
}
