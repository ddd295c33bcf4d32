// Panes scroll together by relative position: the same share of the same section, or of the whole where only one
// has that section. The line that is compared slides from the top of the view to its bottom, so ends meet ends.

class Linked {
  constructor(viewer) {
    this.viewer = viewer;
    this.on = true;
    this.leader = null;
    this.expected = new Map();
    this.follow = onFrame(() => this.align());
  }

  scrolled(pane) {
    const expected = this.expected.get(pane);
    if (expected !== undefined && Math.abs(pane.body.scroller.scrollTop - expected) <= 2) return;
    this.expected.delete(pane);
    if (!this.on || this.viewer.panes.length < 2) return;
    this.leader = pane;
    this.follow();
  }

  align() {
    const place = this.placeOf(this.leader);
    for (const pane of this.viewer.panes) {
      if (pane === this.leader) continue;
      const { scroller } = pane.body;
      pane.body.release();
      scroller.scrollTop = this.target(pane, place);
      this.expected.set(pane, scroller.scrollTop);
    }
  }

  placeOf(pane) {
    const { scroller, sections } = pane.body;
    const most = scroller.scrollHeight - scroller.clientHeight;
    const whole = most > 0 ? Math.min(1, scroller.scrollTop / most) : 0;
    const line = whole * scroller.scrollHeight;
    for (const { name, el: part } of sections) {
      const share = (line - part.offsetTop) / Math.max(1, part.offsetHeight);
      if (share >= 0 && share <= 1) return { whole, name, share };
    }
    return { whole, name: null, share: whole };
  }

  target(pane, { whole, name, share }) {
    const { scroller, sections } = pane.body;
    const most = Math.max(0, scroller.scrollHeight - scroller.clientHeight);
    const same = sections.find((section) => section.name === name);
    if (!same || whole === 0 || whole === 1) return whole * most;
    const line = same.el.offsetTop + share * same.el.offsetHeight;
    return (line / scroller.scrollHeight) * most;
  }
}
