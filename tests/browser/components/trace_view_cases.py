"""Panes for the trace viewer's tests, and a way to open them in a browser.

Owns made-up texts, their cues (found by plain regular expressions, so that a test never asks the code under test),
and the questions a test asks of the page. Knows nothing of how the viewer is built beyond its class names.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

PATTERNS = {
    "hesitation": r"hmm|hold on",
    "hedge": r"maybe|perhaps|might",
    "self-correction": r"wait|actually",
    "alternative": r"alternatively",
    "verification": r"let me check|double-check",
    "admitted ignorance": r"i'm not sure",
}
SENTENCES = (
    "So the goal is 2, and I can start with 11 - 8 = 3.\n",
    "Wait, that is wrong. Hmm, not the same.\n\n",
    "Maybe the sum \\(a_1 + a_2\\) is even; let me check with $$x^2 = \\frac{1}{4}$$ again.\n",
    "Alternatively, perhaps 𝒙 is not real 🤔, I'm not sure.\r\n",
    "The café́ line ends here and goes on for some more words so that it has to be broken over two lines or three.\n",
)


def long_text(length: int) -> str:
    """Exactly `length` code points of sentences with and without cues."""
    text, number = "", 0
    while len(text) < length:
        text += f"{number}. " + SENTENCES[number % len(SENTENCES)]
        number += 1
    return text[:length]


def cues_of(text: str, section: str = "think") -> list[list[Any]]:
    """[start, end, entry, group, section] of every pattern in `text`, in order."""
    found = [
        [match.start(), match.end(), match[0].lower(), group, section]
        for group, pattern in PATTERNS.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]
    return sorted(found)


def pane(text: str, name: str = "A", **more: Any) -> dict[str, Any]:
    """A pane whose first four fifths are thought and whose rest is the answer."""
    cut = len(text) * 4 // 5
    given = {
        "id": name,
        "tag": name,
        "title": f"model {name}",
        "text": text,
        "sections": [["think", 0, cut], ["answer", cut, len(text)]],
        "cues": cues_of(text),
        "facts": [["7", "doubts"]],
    }
    return given | more


class View:
    """The viewer in a page."""

    def __init__(self, page: Page, url: str, cases: Path) -> None:
        self.page, self.url, self.cases = page, url, cases

    def open(self, panes: list[dict[str, Any]], query: str = "", **more: Any) -> View:
        """Write the case, open it and wait until it is painted."""
        name = f"case{len(list(self.cases.iterdir()))}"
        (self.cases / f"{name}.json").write_text(json.dumps({"panes": panes, **more}), encoding="utf-8")
        self.page.goto(f"{self.url}/?case={name}{query}")
        self.painted()
        return self

    def painted(self) -> None:
        """Wait for the viewer's first paint."""
        self.page.wait_for_selector(".tv[data-painted]")

    def pane(self, number: int = 0) -> Locator:
        """The pane at `number`, from the left."""
        return self.page.locator(".pane").nth(number)

    def marks(self, number: int = 0) -> list[str]:
        """The texts of a pane's marks outside its prompt, in order."""
        return (
            self.pane(number)
            .locator("section[data-section] mark")
            .evaluate_all("marks => marks.map(m => m.textContent)")
        )

    def drawn(self, number: int = 0) -> str:
        """Every character of a pane's sections, as the page holds them."""
        chunks = self.pane(number).locator("section[data-section] .chunk")
        return "".join(chunks.evaluate_all("chunks => chunks.map(c => c.textContent)"))

    def scroll(self, number: int = 0) -> dict[str, float]:
        """How far a pane is scrolled: top, the most it can be, and the share."""
        return (
            self.pane(number)
            .locator(".scroll")
            .evaluate(
                "s => ({top: s.scrollTop, most: s.scrollHeight - s.clientHeight,"
                " share: s.scrollTop / (s.scrollHeight - s.clientHeight)})"
            )
        )

    def settle(self) -> None:
        """Let a few frames pass: scrolling and what follows it happen on frames."""
        self.page.evaluate(
            "() => new Promise(done => { let left = 12;"
            " const next = () => left-- ? requestAnimationFrame(next) : done(); next() })"
        )

    def select(self, start: int, end: int, number: int = 0) -> str:
        """Select code points [start, end) of a pane by walking its text nodes, and return what the bar says."""
        self.page.evaluate(SELECT, [number, start, end])
        return str(self.pane(number).locator(".selected:not([hidden]) .where").get_attribute("data-range"))

    def clipboard(self) -> str:
        """The clipboard's text, exactly (Chromium on Linux keeps line ends)."""
        return str(self.page.evaluate("navigator.clipboard.readText()"))

    def highlighted(self) -> list[str]:
        """The texts of the ranges marked as linked."""
        return list(
            self.page.evaluate("[...(CSS.highlights.get('trace-view-linked') ?? [])].map(range => range.toString())")
        )


# Counts code points by iterating strings, which is not how the viewer does it.
SELECT = """async ([number, start, end]) => {
  const host = [...document.querySelectorAll('*')].find(e => e.shadowRoot?.querySelector('.tv'));
  const pane = host.shadowRoot.querySelectorAll('.pane')[number];
  document.getSelection().removeAllRanges();
  const before = pane.querySelector('.selected');
  for (let tries = 0; !before.hidden && tries < 6000; tries++) await new Promise(done => setTimeout(done, 20));
  let seen = 0, from = null, to = null;
  for (const chunk of pane.querySelectorAll('section[data-section] .chunk')) {
    const walker = document.createTreeWalker(chunk, NodeFilter.SHOW_TEXT,
      n => n.parentElement.closest('math') ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      let unit = 0;
      for (const character of node.data) {
        if (seen === start) from = [node, unit];
        unit += character.length;
        seen += 1;
        if (seen === end) to = [node, unit];
      }
    }
  }
  document.getSelection().setBaseAndExtent(from[0], from[1], to[0], to[1]);
  const bar = pane.querySelector('.selected');
  for (let tries = 0; bar.hidden && tries < 6000; tries++) await new Promise(done => setTimeout(done, 20));
}"""
