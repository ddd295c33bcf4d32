"""Series in a real browser: two trainings over each other, a step's traces, and one problem at the first and last step."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backend.config import Settings
from backend.services import build_services
from tests.browser.app_pages import App
from tests.browser.conftest import Serve
from tests.services.series.test_series import WORDS, rollouts

pytestmark = pytest.mark.browser
APP = Path(__file__).resolve().parents[3] / "app.py"


def test_from_the_trend_of_two_series_to_one_problem(page: Page, serve: Serve, tmp_path: Path) -> None:
    settings = Settings(store=tmp_path / "store", demo="off")
    with build_services(settings) as services:
        for name, words in (
            ("lab-sdpo", WORDS),
            ("lab-grpo", {step: text + " surely" for step, text in WORDS.items()}),
        ):
            for outcome in services.imports.run([rollouts(tmp_path / name, words)]):
                assert outcome.state == "imported", outcome
        (grpo, _) = services.series.all()
        step_10 = dict(grpo.lines[0].steps)[10][0]
        label = services.runs.labels()[step_10]
    app = App(page, serve(APP, {"SECOND_THOUGHTS_STORE": str(settings.store), "SECOND_THOUGHTS_DEMO": "off"}))
    app.open("series", series="lab-sdpo")
    body = page.locator("body")
    # Two series, laid over each other.
    page.locator(".st-key-series").get_by_role("combobox").first.click()
    page.get_by_role("option", name="lab-grpo", exact=True).click()
    page.keyboard.press("Escape")
    app.settle()
    expect(body).to_contain_text("2 series over their steps")
    chart = page.locator(".st-key-sth-series-curve-cues")
    expect(chart.locator(".scatterlayer .trace")).to_have_count(2)
    expect(chart.locator(".legend")).to_contain_text("lab-grpo")
    # A click on a point is its step.
    chart.locator(".scatterlayer .trace").nth(1).locator(".point").nth(1).click(force=True)
    app.wait_query("step", "10")
    assert app.query()["of"] == "lab-grpo"
    expect(page.get_by_role("heading", name="Step 10", exact=True)).to_be_visible()
    expect(page.locator(".st-key-series-traces tbody tr")).to_have_count(12)
    # One problem at the first step, at this one and at the last.
    expect(page.get_by_role("heading", name="The same problem at step 0 and step 10 and step 20")).to_be_visible()
    for at, words in enumerate(("Wait, maybe 3.", "Perhaps 3.", "It is surely")):
        expect(app.pane(at)).to_contain_text(words)
    page.locator(".st-key-series-problems .rail").get_by_text("What is 3 + 3?").click()
    app.settle()
    expect(page.locator(".st-key-sth-question")).to_contain_text("What is 3 + 3?")
    asked = app.query()["at"]
    page.keyboard.press("j")
    page.wait_for_function("at => new URLSearchParams(location.search).get('at') !== at", arg=asked)
    app.settle()
    expect(page.locator(".st-key-sth-question")).to_contain_text("What is 4 + 4?")
    # The address brings all of it back, and the step's traces are in Browse.
    app.reload()
    expect(page.locator(".st-key-sth-question")).to_contain_text("What is 4 + 4?")
    page.get_by_text("All 12 traces in Browse").click()
    page.wait_for_url("**/browse?**")
    app.settle()
    assert app.query()["run"] == label
    expect(page.locator(".st-key-traces tbody tr")).to_have_count(12)
