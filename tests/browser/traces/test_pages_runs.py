"""Runs in a real browser: filtered, corrected in place and by find and replace, saved, undone, deleted; the snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Page, expect

from backend.config import Settings
from backend.import_plan import Overrides
from backend.services import Services, build_services
from tests.browser.app_pages import ROOT, App
from tests.services.made_files import row, take_one, write

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("runs")
    with build_services(Settings(store=folder / "store")) as wired:
        for name, parent in (("Base-1B", None), ("Tuned-1B", "Base-1B"), ("Other-7B", None)):
            file = write(folder / f"{name}.jsonl", [row("1+1?", f"Wait. {name} \\boxed{{2}}")])
            take_one(wired, file, overrides=Overrides(model=name, dataset="sums", parent=parent))
        yield wired


@pytest.fixture
def app(tab: Page, services: Services, serve: Callable[..., str]) -> App:
    address = serve(ROOT / "pages/shell.py", {"SECOND_THOUGHTS_STORE": str(services.store.folder)})
    return App(tab, address).open("runs")


def cell(app: App, column: int, line: int) -> str:
    found = app.page.locator(f"[class*=st-key-runs-] #glide-cell-{column}-{line}").first
    found.wait_for(state="attached")
    return str(found.text_content())


def models(services: Services) -> list[str]:
    return sorted(run.info.model for run in services.runs.all())


def test_runs_are_corrected_saved_undone_and_deleted(app: App, services: Services, tmp_path: Path) -> None:
    page = app.page
    assert [cell(app, 1, line) for line in range(3)] == ["Base-1B", "Other-7B", "Tuned-1B"]
    # By find and replace over what the filter shows; the parent's name follows its model.
    page.get_by_role("searchbox").or_(page.get_by_placeholder("Filter by any word")).first.fill("base-1b")
    page.keyboard.press("Enter")
    app.wait_query("q", "base-1b")
    page.get_by_text("Find and replace").click()
    app.settle()
    for name, text in (("Find", "^Base"), ("Replace with", "Root")):
        page.get_by_role("textbox", name=name, exact=True).fill(text)
        page.keyboard.press("Enter")
        app.settle()
    page.get_by_text("Regular expression").click()
    app.settle()
    page.get_by_role("button", name="Replace in 2 cells").click()
    app.settle()
    assert models(services) == ["Base-1B", "Other-7B", "Tuned-1B"]
    page.get_by_role("button", name="Save 2 changes in 2 runs").click()
    expect(page.get_by_text("2 runs changed.")).to_be_visible()
    assert models(services) == ["Other-7B", "Root-1B", "Tuned-1B"]
    [pair] = services.runs.pairs()
    assert (pair.base.info.model, pair.variant.info.parent) == ("Root-1B", "Root-1B")
    app.settle()
    page.get_by_role("button", name="Undo this").click()
    expect(page.get_by_text("The change of 2 runs was taken back.")).to_be_visible()
    assert models(services) == ["Base-1B", "Other-7B", "Tuned-1B"]
    # The whole store as one file, then a run goes.
    with page.expect_download() as started:
        page.get_by_role("button", name="Download a snapshot").click()
    target = tmp_path / "snapshot.duckdb"
    started.value.save_as(target)
    with duckdb.connect(str(target), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM traces").fetchone() == (3,)
    app.open("runs", q="Other-7B")
    page.get_by_role("button", name="Tick all").click()
    app.settle()
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Other-7B · sums")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(dialog).to_have_count(0)
    app.settle()
    assert models(services) == ["Base-1B", "Tuned-1B"]
