"""Experiments in a real browser: sections and charts, the address, and a report that opens offline."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.app_pages import ROOT, App, table_rows

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., str]) -> str:
    """The application as it first starts: an empty store, the demo and the shipped results."""
    store = tmp_path_factory.mktemp("experiments") / "store"
    names = {"STORE": str(store), "DEMO": "auto", "WORKER": "off"}
    return serve(ROOT / "app.py", {f"SECOND_THOUGHTS_{name}": value for name, value in names.items()})


def test_first_start_shows_verdicts_sections_and_ways_to_traces(tab: Page, address: str) -> None:
    app = App(tab, address).open("experiments")
    claims = app.page.get_by_role("table", name="The nine claims")
    rows = table_rows(claims)
    assert len(rows) == 9
    assert {row["Verdict"] for row in rows} <= {"reproduced", "not reproduced", "undecided"}
    compare = claims.get_by_role("link", name="Compare").first
    expect(compare).to_be_visible()

    app.page.get_by_role("radio", name="6 Coverage").click()
    app.wait_query("section", "coverage")
    assert [name["name"] for name in app.drawn("experiment-coverage-sweep")][:2] == [
        "training problems, after", "training problems, base",
    ]  # fmt: skip
    data = app.chart_rows("experiment-coverage-sweep")
    assert data[0]["|D|"] == "1" and 0 <= float(data[0]["value"]) <= 1

    app.reload()
    expect(app.page.get_by_role("table", name="Accuracy by number of training problems")).to_be_visible()
    app.open("experiments")
    app.page.get_by_role("table", name="The nine claims").get_by_role("link", name="Compare").first.click()
    app.page.wait_for_url("**/compare?runs=*")
    app.settle()
    assert app.pane(1).is_visible()


def test_the_report_opens_offline_and_names_its_runs(tab: Page, address: str, browser: Browser, tmp_path: Path) -> None:
    app = App(tab, address).open("experiments", section="contexts")
    shown = table_rows(app.page.get_by_role("table", name="Conditions"))
    files = {}
    for label in ("Report, one HTML file", "Tables as LaTeX"):
        app.page.get_by_role("button", name="Export").click()
        with app.page.expect_download() as waiting:
            app.page.get_by_role("button", name=label).click()
        files[label] = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(files[label])
        app.page.keyboard.press("Escape")
        app.settle()
    assert "contexts.tex" in zipfile.ZipFile(files["Tables as LaTeX"]).namelist()

    context = browser.new_context(offline=True, java_script_enabled=True, color_scheme="dark")
    page, asked, said = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(files["Report, one HTML file"].as_uri())
    assert asked == [files["Report, one HTML file"].as_uri()] and not said
    first = page.locator("#contexts table").first.locator("tbody tr").first.locator("td").all_inner_texts()
    assert first[2].split()[0] == shown[0]["Accuracy"].split()[0]
    assert page.locator("svg circle, svg rect").count() > 50
    assert page.locator("article mark").count() > 3
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(21, 23, 28)"
    context.close()
