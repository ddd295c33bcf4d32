"""First paint of a long trace against a short one, in a real browser.

Owns the two traces and the clock: the browser's own, from navigation to the second frame after the text is in the
page. Knows nothing of the application's pages; the viewer stands alone in its test page.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.browser.components.trace_view_cases import long_text, pane
from tests.browser.conftest import CHROMIUM, FLAGS, start_server

_BROWSER_TESTS = Path(__file__).resolve().parents[1] / "browser"
LONG, SHORT, LOADS = 80_000, 2_000, 5


def run() -> list[tuple[str, float, str]]:
    """(what, ratio, detail): whole first paint, and the viewer's own part of it (data in hand to painted)."""
    if not CHROMIUM.exists():
        return [("first paint, 80,000 characters against 2,000", float("nan"), f"no Chromium at {CHROMIUM}")]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        cases = Path(folder)
        for name, length in (("long", LONG), ("short", SHORT)):
            (cases / f"{name}.json").write_text(json.dumps({"panes": [pane(long_text(length))]}), encoding="utf-8")
        process, url = start_server(
            _BROWSER_TESTS / "components" / "harness_trace_view.py", {"TRACE_VIEW_CASES": folder}, cases / "server.log"
        )
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        try:
            times = _times(browser, url)
        finally:
            browser.close()
            process.kill()
            process.wait()
    cues = len(pane(long_text(LONG))["cues"])
    return [
        _row(f"first paint, {LONG:,} characters and {cues:,} cues against {SHORT:,} characters", times, "painted"),
        _row("the viewer's own part of it (data in hand to painted)", times, "own"),
    ]


def _times(browser: Browser, url: str) -> dict[str, list[dict[str, float]]]:
    """Loads of both traces in turn, after one load each that fills the browser's cache."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    times: dict[str, list[dict[str, float]]] = {"long": [], "short": []}
    for load in range(LOADS + 1):
        for name, gathered in times.items():
            page.goto(f"{url}/?case={name}")
            page.wait_for_selector(".tv[data-painted]", timeout=60_000)
            measured: dict[str, Any] = page.locator(".tv").evaluate(
                "({dataset: at}) => ({painted: Number(at.painted), own: Number(at.painted) - Number(at.given)})"
            )
            if load:
                gathered.append(measured)
    page.close()
    return times


def _row(what: str, times: dict[str, list[dict[str, float]]], key: str) -> tuple[str, float, str]:
    long, short = (statistics.median(load[key] for load in times[name]) for name in ("long", "short"))
    return what, long / short, f"median of {LOADS} loads: {long:.0f} ms against {short:.0f} ms"


if __name__ == "__main__":
    for name, ratio, detail in run():
        print(f"{name}: {ratio:.2f}x ({detail})")
