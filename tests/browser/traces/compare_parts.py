"""Reading Compare: the strip of figures and the panes, and what the store says they should hold.

Owns what several test modules of Compare share. Knows the page by labels and class names alone.
"""

from __future__ import annotations

from collections import Counter
from statistics import median

from playwright.sync_api import expect

from backend.domain import Section
from backend.measure.bootstrap import Estimate
from backend.measure.run_figures import LOOPED
from backend.report.colours import LETTERS
from backend.services import Services
from backend.services.traces.comparison import Comparison
from backend.services.traces.pair_statistics import Contrast, Spread
from tests.browser.app_pages import App, same_figures

GRADER, LEXICON = "final answer", "doubts"


def strip_texts(app: App) -> list[tuple[str, str]]:
    """(values, change) of each figure above the traces."""
    items = app.page.locator(".sth-numbers > div")
    return [(items.nth(i).locator(".sth-values").inner_text(), items.nth(i).locator(".sth-change").inner_text())
            for i in range(items.count())]  # fmt: skip


def small_print(figure: Contrast, factor: float = 1, spread: Spread | None = None) -> list[float]:
    """The numbers below a figure of the strip: the change, medians, and what lies in and outside loops."""
    numbers = _known(figure.change, factor)
    if spread:
        numbers += [median(spread.a), median(spread.b)]
    if figure.loops and max(figure.loops) > LOOPED and figure.free:
        numbers += [100 * share for share in figure.loops]
        numbers += [figure.free.a.value, figure.free.b.value, *_known(figure.free.change, factor)]
    return numbers


def _known(change: Estimate, factor: float) -> list[float]:
    return [factor * v for v in (change.value, change.low, change.high) if v is not None]


def assert_pane(app: App, services: Services, runs: list[str], compared: Comparison, place: int, lexicon: str = LEXICON,
                grader: str = GRADER) -> None:  # fmt: skip
    """Everything above the texts of a problem's panes, against the store; marks and map against its cues."""
    problem = compared.problems[place]
    question = app.page.locator(".st-key-sth-question")
    expect(question).to_contain_text(f"Problem {problem.number}")
    expect(question).to_contain_text(problem.question)
    expect(question).to_contain_text(f"gold {problem.gold}")
    for side, run in enumerate(runs):
        [sample] = services.comparison.samples(run, problem.id)
        trace = services.traces.open(sample.trace, services.lexicons.get(lexicon).id)
        verdict = next(v for v in trace.verdicts if v.grader == grader)
        pane = app.pane(side)
        word = {True: "✓ right", False: "✕ wrong", None: "○ not judged"}[verdict.correct]
        shown = pane.locator(".verdict").text_content()
        assert shown == (f"{word} · {verdict.answer}" if verdict.answer else word)
        marked = [c for c in trace.cues if c.section is not Section.PROMPT]
        same_figures(pane.locator(".facts b").nth(0).inner_text(), [len(marked)])
        # Between the cues and their density stand those outside loops, where there are loops.
        density, length = pane.locator(".facts > span > b").all_text_contents()[-2:]
        same_figures(density, [1000 * len(marked) / len(trace.text.split())])
        same_figures(length, [len(trace.text.split())])
        assert "words" in pane.locator(".facts").inner_text()
        groups = Counter(cue.group for cue in marked)
        chips = pane.locator(".chip")
        assert chips.count() == len(groups)
        for group, count in groups.items():
            chip = pane.locator(f"[data-act=group-{LETTERS[group]}]")
            same_figures(chip.locator("b").inner_text(), [count])
            same_figures(chip.locator("small").inner_text(), [1000 * count / len(trace.text.split())])
        texts = pane.locator("section[data-section] mark").evaluate_all("marks => marks.map(m => m.textContent)")
        assert texts == [trace.text[cue.start : cue.end] for cue in sorted(marked, key=lambda c: c.start)]
        expect(pane.locator(".cue-place")).to_have_text(f"–/{len(marked)}")
