"""The page of a pair, opened as a file: both themes are drawn, and it fetches and runs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from backend.report.html import html
from backend.services import Services
from tests.services.exports.pair_cases import pair_of_runs

pytestmark = pytest.mark.browser


def test_a_browser_shows_it_in_both_themes_and_runs_nothing(
    services: Services, browser: Browser, tmp_path: Path
) -> None:
    pair = pair_of_runs(services, tmp_path)
    path = tmp_path / "pair.html"
    path.write_text(html(services.pair_pages.report(pair)), "utf-8")
    grounds = set()
    for theme in ("light", "dark"):
        page = browser.new_page(color_scheme=theme)  # type: ignore[arg-type]
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))  # type: ignore[misc]
        page.goto(path.as_uri())
        assert page.title() == services.pair_pages.report(pair).title and asked == [path.as_uri()]
        assert page.locator("article").nth(0).bounding_box()["y"] == page.locator("article").nth(1).bounding_box()["y"]  # type: ignore[index]
        assert page.locator("mark").first.inner_text() == "Wait", "its letter is no part of the text"
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.close()
    assert len(grounds) == 2
