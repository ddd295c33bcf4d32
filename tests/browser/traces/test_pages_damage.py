"""A part damaged under the running app, in a real browser: Overview marks the run, its links say why, the rest works."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backend.config import Settings
from backend.services import build_services
from tests.browser.app_pages import App
from tests.browser.conftest import Serve
from tests.pages.test_pages import fill

pytestmark = pytest.mark.browser
APP = Path(__file__).resolve().parents[3] / "app.py"


def test_a_damaged_run_is_marked_and_comes_back(page: Page, serve: Serve, tmp_path: Path) -> None:
    settings = Settings(store=tmp_path / "store", demo="off")
    with build_services(settings) as services:
        fill(services, tmp_path)
        pair = services.runs.pairs()[0]
        broken, other = pair.base, pair.variant
        file = settings.store / services.store.ledger.parts("traces", [broken.id])[0].path
    app = App(page, serve(APP, {"SECOND_THOUGHTS_STORE": str(settings.store), "SECOND_THOUGHTS_DEMO": "off"}))
    app.open()
    expect(page.locator(".st-key-runs_table")).not_to_contain_text("damaged")
    content = file.read_bytes()
    file.write_bytes(content[:100])
    # The Reader reads the file itself, whenever it was last looked at.
    sentence = f"The run {broken.label} is damaged: 1 of 3 files has another size. Import "
    app.open("reader", trace=f"{broken.id}-00001")
    expect(page.locator("body")).to_contain_text(sentence)
    app.open()
    marked = page.locator(".st-key-runs_table tbody tr", has_text="damaged: 1 of 3 files has another size. Import ")
    expect(marked).to_have_count(1)
    marked.click()
    expect(page.locator("body")).to_contain_text(sentence)
    app.open("browse")
    expect(page.locator("body")).to_contain_text("1 damaged run is left out: ")
    expect(page.locator(".st-key-traces tbody tr")).to_have_count(6)
    app.open("compare", runs=f"{broken.id},{other.id}")
    expect(page.locator("body")).to_contain_text(sentence)
    assert page.get_by_text("Traceback").count() == 0
    with build_services(settings) as services:
        [again] = services.imports.run([next(path for path in tmp_path.rglob("base/*/aime/*.jsonl"))])
        assert (again.state, again.run) == ("imported", broken.id)
    app.open("compare", runs=f"{broken.id},{other.id}")
    expect(page.locator("body")).to_contain_text("Problem 1")
    expect(page.locator("body")).not_to_contain_text("damaged")
