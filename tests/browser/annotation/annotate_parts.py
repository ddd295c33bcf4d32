"""A project of made-up traces, and the annotating view in a browser as a test drives it: by its class names alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from backend.annotation import Project
from backend.services import Services
from backend.services.annotation.records import ProjectSpec
from tests.browser.app_pages import App

# Every trace begins alike, so that a test can say which words it means whichever it is given.
TEXT = (
    "Wait, maybe the sum is even. Hmm, let me check this again: 𝒙 + 𝒚 = 12 🤔, perhaps not.\n"
    "Alternatively, the café is closed, so I might be wrong. Wait, actually wait.\n"
    "I'm not sure whether it isn't 7; maybe 8, maybe 9.\n"
    "The answer is \\boxed{%d}."
)


def fill(services: Services, folder: Path, traces: int = 6) -> None:
    """Import `traces` responses, half of them right."""
    rows = [
        {"question": f"What is {n}?", "generated_responses": [TEXT % n], "gold_answer": str(n if n % 2 else n + 1)}
        for n in range(traces)
    ]
    (folder / "model-a").mkdir(parents=True)
    file = folder / "model-a" / "made.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    assert [outcome.state for outcome in services.imports.run([file])] == ["imported"]


def project(services: Services, name: str, **more: Any) -> Project:
    """A project over all of them, whole texts, cues by `doubts`, nothing blind unless asked."""
    admin = services.people.local("Cleo")
    asked = {"name": name, "lexicon": "doubts", "blind_share": 0.0, "size": 6, "window": 0} | more
    return services.projects.create(admin.id, ProjectSpec(**asked))


def as_person(page: Page, url: str, name: str) -> None:
    """The browser knows this name from now on."""
    page.context.add_cookies([{"name": "second-thoughts-name", "value": name, "url": url}])


PLACE = """([root, start, end]) => {
    const inside = root.querySelector('.inside');
    const walker = document.createTreeWalker(inside, NodeFilter.SHOW_TEXT);
    let seen = 0;
    const range = document.createRange();
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        let unit = 0;
        for (const character of node.data) {
            if (seen === start) range.setStart(node, unit);
            unit += character.length;
            seen += 1;
            if (seen === end) range.setEnd(node, unit);
        }
    }
    const scroller = root.querySelector('.scroll');
    const box = range.getClientRects()[0], view = scroller.getBoundingClientRect();
    if (box.top < view.top + 20 || box.bottom > view.bottom - 20) scroller.scrollTop += box.top - view.top - 120;
    const boxes = [...range.getClientRects()];
    const [first, last] = [boxes[0], boxes.at(-1)];
    return [first.left, first.top + first.height / 2, last.right, last.top + last.height / 2];
}"""


class AnnotateView:
    """The annotating view in one page."""

    def __init__(self, app: App) -> None:
        self.app, self.page = app, app.page

    def open(self, project_id: str, **query: str) -> AnnotateView:
        """Open the page on a project and wait for the text."""
        self.page.goto(f"{self.app.url}/annotate?project={project_id}" + "".join(f"&{k}={v}" for k, v in query.items()))
        return self.ready()

    def ready(self) -> AnnotateView:
        """Wait until an item is painted."""
        self.page.locator(".an[data-painted]:not([data-painted='']) .block").first.wait_for()
        return self

    @property
    def root(self) -> Locator:
        return self.page.locator(".an")

    def text(self) -> str:
        """The stretch to be labelled, as the page holds it."""
        return "".join(self.root.locator(".block").evaluate_all("blocks => blocks.map(b => b.textContent)"))

    def where(self, words: str, nth: int = 0) -> tuple[int, int]:
        """Code points of the `nth` place of some words."""
        text, at = self.text(), -1
        for _ in range(nth + 1):
            at = text.index(words, at + 1)
        return at, at + len(words)

    def drag(self, start: int, end: int, *, shift: bool = False, release: bool = True, reach: int = 2) -> None:
        """Draw the mouse over these characters, from `reach` pixels within the left edge to as many within the right."""
        left, top, right, bottom = self.root.evaluate("(root, [a, b]) => (" + PLACE + ")([root, a, b])", [start, end])
        mouse = self.page.mouse
        if shift:
            self.page.keyboard.down("Shift")
        mouse.move(left + reach, top)
        mouse.down()
        mouse.move((left + right) / 2, (top + bottom) / 2, steps=3)
        mouse.move(right - reach, bottom, steps=3)
        if release:
            self.release(shift)

    def release(self, shift: bool = False) -> None:
        """Let the button go, and Shift after it."""
        self.page.mouse.up()
        if shift:
            self.page.keyboard.up("Shift")

    def chosen(self) -> str:
        """What is chosen now, as the browser highlights it."""
        return str(
            self.page.evaluate("[...(CSS.highlights.get('annotate-pick') ?? [])].map(r => r.toString()).join('|')")
        )

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def labels(self) -> list[tuple[str, str]]:
        """(quote, what it says) of every label beside the text."""
        rows = self.root.locator(".labels .row")
        return [tuple(row) for row in rows.evaluate_all(
            "rows => rows.map(r => [r.querySelector('.quote span:last-child').textContent,"
            " r.querySelector('.what').innerText.replace(/ · (saving|not saved)/, '').trim()])"
        )]  # fmt: skip

    def saved(self) -> None:
        """Wait until the server has everything."""
        expect(self.root.locator(".saved")).to_have_text("all saved")
        expect(self.root).to_have_attribute("data-waiting", "0")

    def cues(self) -> list[str]:
        """The texts of the machine cues nobody answered yet."""
        return list(self.root.locator(".on:has-text('')").evaluate_all(
            "spans => spans.filter(s => s.dataset.keys.split(' ').some(k => k.startsWith('c:'))).map(s => s.textContent)"
        ))  # fmt: skip
