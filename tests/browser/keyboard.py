"""A person at the keyboard alone: where the focus is, whether it can be seen, and the way to somewhere else.

Owns reading the focus, shadow roots included, and walking with Tab. Knows nothing of any page.
"""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

MOST = 250  # stops on one page
# The ring may be drawn by what stands around a field, or around the hidden input of a switch.
FOCUS = """() => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    if (!at || at === document.body) return null;
    window.stops ??= new Map();
    if (!window.stops.has(at)) window.stops.set(at, window.stops.size);
    const words = (node) => node.nodeType === 3 ? node.data
        : node.getAttribute?.('aria-hidden') === 'true' ? '' : [...node.childNodes].map(words).join('');
    const named = (at.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => id && at.getRootNode().getElementById(id));
    const labels = [...(at.labels ?? []), ...named].map((label) => label ? words(label) : '').join(' ');
    // Chromium lets Tab reach a box that scrolls; Streamlit gives its grid's box no name, and the grid inside has one.
    const grid = at.matches('[data-testid=stDataFrame] .dvn-scroller, [data-testid=stDataFrameResizable] *') ? 'the grid, which scrolls' : '';
    const name = grid || at.getAttribute('aria-label') || labels.trim() || words(at) || at.title || '';
    const ringed = (one) => {
        const style = getComputedStyle(one);
        const box = one.getBoundingClientRect();
        const drawn = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1) || style.boxShadow !== 'none';
        return drawn && box.width > 4 && box.height > 4 && box.bottom > 0 && box.top < innerHeight
            && box.right > 0 && box.left < innerWidth;
    };
    let ring = false;
    for (let one = at, up = 0; one && up < 5; one = one.parentElement, up += 1) ring ||= ringed(one);
    return {stop: window.stops.get(at), tag: at.localName, role: at.getAttribute('role') ?? '',
        name: name.replace(/\\s+/g, ' ').trim(), ring};
}"""

# Tab goes on from where the focus was last, so it is put at the very beginning.
TOP = """() => {
    window.stops = new Map();
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute('tabindex');
}"""


@dataclass(frozen=True, slots=True)
class Focus:
    """What has the focus; `stop` numbers elements of a page as they got it first, `ring` is whether one can see it."""

    stop: int
    tag: str
    role: str
    name: str
    ring: bool


class Hands:
    """Two hands on the keys of one page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, *keys: str) -> Hands:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def focus(self) -> Focus | None:
        """What has the focus now; None where nothing has."""
        found = self.page.evaluate(FOCUS)
        return Focus(**found) if found else None

    def to(self, name: str, tag: str = "") -> Focus:
        """Press Tab until something is reached whose name begins with `name`."""
        passed: list[str] = []
        for _ in range(MOST):
            focus = self.press("Tab").focus()
            if focus and focus.name.startswith(name) and focus.tag in (tag, tag or focus.tag):
                return focus
            passed.append(focus.name[:40] if focus else "(nothing)")
        raise AssertionError(f"Tab never reaches {name!r}; it passes {passed[:MOST]}")

    def walk(self) -> list[Focus]:
        """Press Tab from the page's start until it leaves the page or is back where it began.

        Fails where Tab is caught in a part of the page.
        """
        self.page.evaluate(TOP)
        stops: list[Focus] = []
        for _ in range(MOST):
            focus = self.press("Tab").focus()
            if focus is None or (stops and focus.stop == stops[0].stop):
                return stops
            if stops and focus == stops[-1] and (focus.tag == "canvas" or focus.role == "gridcell"):
                continue  # Streamlit's grid goes from cell to cell, and may be slow to say to which
            assert focus.stop == len(stops), f"Tab is caught: from {stops[-1]} back to {focus}"
            stops.append(focus)
        raise AssertionError(f"Tab doesn't come to an end: {stops[-5:]}")
