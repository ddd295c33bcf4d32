// Panes scroll together by relative position: the same share of the same section, or of the whole where only one
// has that section. The line that is compared slides from the top of the view to its bottom, so ends meet ends.

import { onFrame } from "../../browser/on_frame.js";

/**
 * @typedef {Pick<import("./body.js").Body, "scroller" | "sections">} Scrolled
 * @typedef {{ body: import("./body.js").Body }} Pane
 * @typedef {{ whole: number, name: string | null, share: number }} Place
 */

export class LinkedScroll {
  /** @type {Pane | null} the pane a person scrolls */ leader = null;
  /** @type {Map<Pane, number>} where panes were put: their scroll events from there are our own */ expected = new Map();
  on = true;

  /** @param {{ panes: Pane[] }} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.follow = onFrame(() => this.leader && this.align(this.leader));
  }

  /** @param {Pane} pane */
  scrolled(pane) {
    const expected = this.expected.get(pane);
    if (expected !== undefined && Math.abs(pane.body.scroller.scrollTop - expected) <= 2) return;
    this.expected.delete(pane);
    if (!this.on || this.viewer.panes.length < 2) return;
    this.leader = pane;
    this.follow();
  }

  /** @param {Pane} leader */
  align(leader) {
    const place = placeOf(leader.body);
    for (const pane of this.viewer.panes) {
      if (pane === leader) continue;
      const { scroller } = pane.body;
      pane.body.release();
      scroller.scrollTop = targetOf(pane.body, place);
      this.expected.set(pane, scroller.scrollTop);
    }
  }
}

/** @param {Scrolled} body @returns {Place} */
export function placeOf({ scroller, sections }) {
  const most = scroller.scrollHeight - scroller.clientHeight;
  const whole = most > 0 ? Math.min(1, scroller.scrollTop / most) : 0;
  const line = whole * scroller.scrollHeight;
  for (const { name, el: part } of sections) {
    const share = (line - part.offsetTop) / Math.max(1, part.offsetHeight);
    if (share >= 0 && share <= 1) return { whole, name, share };
  }
  return { whole, name: null, share: whole };
}

/** How far a pane is to be scrolled, in pixels, to stand at the same place as another.
 * @param {Scrolled} body @param {Place} place */
export function targetOf({ scroller, sections }, { whole, name, share }) {
  const most = Math.max(0, scroller.scrollHeight - scroller.clientHeight);
  const same = sections.find((section) => section.name === name);
  if (!same || whole === 0 || whole === 1) return whole * most;
  const line = same.el.offsetTop + share * same.el.offsetHeight;
  return (line / scroller.scrollHeight) * most;
}
