"""What leaves Browse and Compare by a press: the traces in view, pairs with their rule, and the page of a pair."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from backend.domain import TraceFilter
from backend.services import Services
from tests.browser.app_pages import App

pytestmark = pytest.mark.browser


def test_the_traces_in_view_and_pairs_are_downloaded(app: App, real_services: Services) -> None:
    app.open("browse", dataset="AIME24", verdict="right")
    total = real_services.trace_list.page(TraceFilter(dataset="AIME24", correct=True)).total
    app.page.get_by_role("button", name="Export").click()
    with app.page.expect_download() as started:
        app.page.get_by_role("button", name=f"Download {total:,} traces").click()
    rows = [json.loads(line) for line in Path(started.value.path()).read_bytes().splitlines()]
    assert len(rows) == total and {row["dataset"] for row in rows} == {"AIME24"}
    assert all(row["verify_correct"] for row in rows) and any(row["cues"] for row in rows)
    app.open("browse", dataset="AIME24")
    app.page.get_by_role("button", name="Export").click()
    app.page.get_by_text("Preference pairs", exact=True).click()
    app.page.get_by_text("Both ended by themselves", exact=True).click()
    app.settle()
    button = app.page.get_by_role("button", name="pairs").filter(has_text="Download")
    expect(button).to_be_visible()
    with app.page.expect_download() as started:
        button.click()
    with zipfile.ZipFile(started.value.path()) as archive:
        assert archive.namelist() == ["pairs.jsonl", "pairs.jsonl.rule.json"]
        found = [json.loads(line) for line in archive.read("pairs.jsonl").splitlines()]
        assert json.loads(archive.read("pairs.jsonl.rule.json"))["pairs"] == len(found) > 0
    assert {"prompt", "chosen", "rejected"} <= found[0].keys()


def test_a_pair_is_saved_as_a_page_that_opens_by_itself(app: App, pair_ids: list[str], tmp_path: Path) -> None:
    app.open("compare", runs=",".join(pair_ids))
    with app.page.expect_download() as started:
        app.page.get_by_role("button", name="Save the pair as a page").click()
    assert started.value.suggested_filename == "Qwen2.5-7B-vs-Qwen2.5-7B-LIMO.html"
    started.value.save_as(tmp_path / "pair.html")
    shown = [app.pane(side).locator("h2").inner_text() for side in (0, 1)]
    app.page.goto((tmp_path / "pair.html").as_uri())
    for side, model in enumerate(shown):
        expect(app.page.locator("article h3").nth(side)).to_contain_text(model)
    expect(app.page.locator("table").first).to_contain_text("Accuracy")
    assert app.page.locator("article").nth(1).locator("mark").count() > 10
