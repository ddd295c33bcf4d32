"""Browse in a real browser, on real traces: every filter, the search, the order and the pages, against the service."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from backend.domain import SearchAs, TraceFilter
from backend.report.numbers import Form, number
from backend.services import Services
from backend.services.traces.trace_list import PAGE
from tests.browser.app_pages import App, same_figures, table_rows

pytestmark = pytest.mark.browser
RUN = "Qwen2.5-7B · LIMO · AIME24"
FLAWED = "(?P<unclosed"


@pytest.fixture(scope="module")
def run(real_services: Services) -> str:
    """The id of Qwen2.5-7B trained on LIMO, on AIME24."""
    return next(run for run, label in real_services.runs.labels().items() if label == RUN)


@pytest.fixture(scope="module")
def texts(shared_data: Path) -> list[str]:
    """Its responses, read from the file itself."""
    [file] = (shared_data / "traces/strategic-info/limo/Qwen2.5-7B/aime").glob("*.jsonl")
    return [json.loads(line)["generated_responses"][0] for line in file.read_text("utf-8").splitlines()]


def shown_ids(app: App) -> list[str]:
    """The traces in the table, in its order."""
    return app.page.locator(".st-key-traces tbody tr").evaluate_all("rows => rows.map((row) => row.dataset.row)")


def same_page(
    app: App, services: Services, wanted: TraceFilter, number: int = 1, sort: str = "run", down: bool = False
) -> None:
    """Assert that the table is exactly the service's page, and that the header counts the same traces."""
    found = services.trace_list.page(wanted, number, sort, down)
    expect(app.page.locator(".st-key-sth-header")).to_contain_text(f"{found.total:,} traces")
    assert shown_ids(app) == [row.id for row in found.rows]


def test_a_row_holds_what_the_store_holds(app: App, real_services: Services) -> None:
    app.open("browse", sort="-cues")
    found = real_services.trace_list.page(TraceFilter(lexicon="doubts"), 1, "cues", True)
    rows = table_rows(app.page.locator(".st-key-traces table"))
    assert [row["id"] for row in rows] == [listed.id for listed in found.rows] and len(rows) == PAGE
    for row, listed in zip(rows, found.rows, strict=True):
        assert row["Problem"].startswith(f"{listed.number}. {listed.question.split()[0]}")
        assert row["Right"] == {True: "✓", False: "✗", None: "–"}[listed.correct]
        assert row["Answer"].startswith((listed.answer or "–")[:40])
        same_figures(row["Cues"], [listed.cues])
        length = listed.words if listed.tokens is None else listed.tokens
        same_figures(row["Length"], [length])
        same_figures(row["per 1,000"], [1000 * listed.cues / length])
        assert listed.looped is not None and row["In loops"] == number(listed.looped, Form.PERCENT)
    assert [listed.cues for listed in found.rows] == sorted((listed.cues for listed in found.rows), reverse=True)


def test_filters_stand_in_the_address_and_survive_a_reload(app: App, real_services: Services) -> None:
    app.open("browse")
    same_page(app, real_services, TraceFilter())
    app.choose("dataset", "AIME25").wait_query("dataset", "AIME25")
    same_page(app, real_services, TraceFilter(dataset="AIME25"))
    app.choose("verdict", "disputed").wait_query("verdict", "disputed")
    disputed = TraceFilter(dataset="AIME25", disagree=True)
    assert real_services.trace_list.page(disputed).total
    same_page(app, real_services, disputed)
    app.choose("verdict", "right").wait_query("verdict", "right")
    wanted = TraceFilter(dataset="AIME25", correct=True)
    same_page(app, real_services, wanted)
    app.reload()
    same_page(app, real_services, wanted)
    expect(app.page.locator(".st-key-dataset input")).to_have_value("AIME25")
    app.choose("ending", "cut off").wait_query("ending", "cut off")
    same_page(app, real_services, TraceFilter(dataset="AIME25", correct=True, cut=True))
    expect(app.page.get_by_text("No trace passes these filters.")).to_be_visible()


def test_runs_and_bounds_narrow_the_list(app: App, real_services: Services, run: str) -> None:
    app.open("browse", run=RUN)
    same_page(app, real_services, TraceFilter(runs=(run,)))
    app.page.get_by_role("button", name="More").click()
    for label, name, value in (
        ("Words from", "min", "3000"),
        ("Words to", "max", "15000"),
        ("Cues per 1,000 to", "dmax", "30.5"),
    ):
        app.page.get_by_label(label, exact=True).fill(value)
        app.page.get_by_label(label, exact=True).press("Enter")
        app.wait_query(name, value)
    wanted = TraceFilter(runs=(run,), min_words=3000, max_words=15000, max_density=30.5, lexicon="doubts")
    same_page(app, real_services, wanted)
    app.reload()
    same_page(app, real_services, wanted)
    found = real_services.trace_list.page(wanted)
    assert 0 < found.total < 30
    assert all(3000 <= row.words <= 15000 and row.per_1k <= 30.5 for row in found.rows)


@pytest.mark.parametrize(
    ("kind", "search", "pattern"),
    [
        ("text", "HOLD on", "(?i)hold on"),
        ("word", "incorrect", r"(?i)\bincorrect\b"),
        ("regex", r"boxed\{\d{3}\}", r"boxed\{\d{3}\}"),
    ],
)
def test_the_search_finds_what_python_finds(
    app: App, run: str, texts: list[str], kind: str, search: str, pattern: str
) -> None:
    app.open("browse", run=RUN)
    if kind != "text":
        app.page.get_by_role("radio", name=kind).click()
        app.wait_query("as", kind)
    field = app.page.get_by_label("Search the text")
    field.fill(search)
    field.press("Enter")
    app.wait_query("q", search)
    numbers = [i for i, text in enumerate(texts) if re.search(pattern, text)]
    assert 0 < len(numbers) < 30
    assert shown_ids(app) == [f"{run}-{number:05d}" for number in numbers]


def test_a_flawed_pattern_gets_a_sentence(app: App, real_services: Services) -> None:
    app.open("browse", q=FLAWED, **{"as": "regex"})
    expect(app.page.get_by_text(f"The search {FLAWED} is no regular expression: ")).to_be_visible()
    assert "Traceback" not in app.text()
    field = app.page.get_by_label("Search the text")
    field.fill("hold on")
    field.press("Enter")
    app.wait_query("q", "hold on")
    same_page(app, real_services, TraceFilter(search="hold on", search_as=SearchAs.REGEX))


def test_pages_and_order_are_the_services(app: App, real_services: Services) -> None:
    app.open("browse")
    wanted = TraceFilter(lexicon="doubts")
    same_page(app, real_services, wanted)
    head = app.page.locator(".st-key-traces thead")
    head.get_by_role("button", name="Length").click()
    app.wait_query("sort", "words")
    same_page(app, real_services, wanted, 1, "words")
    head.get_by_role("button", name="Length").click()
    app.wait_query("sort", "-words")
    same_page(app, real_services, wanted, 1, "words", True)
    number = app.page.locator(".st-key-page input")
    number.fill("3")
    number.press("Enter")
    app.wait_query("page", "3")
    same_page(app, real_services, wanted, 3, "words", True)
    app.reload()
    same_page(app, real_services, wanted, 3, "words", True)
    app.choose("dataset", "AMC23").wait_query("dataset", "AMC23")
    same_page(app, real_services, TraceFilter(dataset="AMC23"), 1, "words", True)
    assert app.query().get("page", "1") == "1"


def test_a_row_opens_the_reader(app: App) -> None:
    app.open("browse", run=RUN)
    first = shown_ids(app)[1]
    app.page.locator(".st-key-traces tbody tr").nth(1).click()
    app.page.wait_for_url("**/reader?**")
    app.settle()
    assert app.query()["trace"] == first
    app.open("browse", run=RUN)
    app.page.locator(".st-key-traces tbody tr").nth(1).focus()
    app.page.keyboard.press("Enter")
    app.page.wait_for_url("**/reader?**")
    app.settle()
    assert app.query()["trace"] == first
