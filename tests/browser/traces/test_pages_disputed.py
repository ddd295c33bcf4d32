"""Disputed in a real browser, on real traces: what two graders judge differently, why, and the way to the trace."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from backend.services import Services
from tests.browser.app_pages import App, table_rows

pytestmark = pytest.mark.browser


def test_disputes_of_two_graders_are_listed_with_their_reason(app: App, real_services: Services) -> None:
    app.open("disputed")
    found = real_services.disputes.between("final answer", "file")
    expect(app.page.locator(".st-key-sth-header")).to_contain_text(f"{len(found.rows)} of {found.judged:,} traces")
    rows = table_rows(app.page.locator(".st-key-disputes table"))
    assert [row["id"] for row in rows] == [each.trace for each in found.rows]
    for row, each in zip(rows, found.rows, strict=True):
        assert row["Why they differ"] == each.reason
        assert {row["final answer"], row["file"]} == {"✓", "✗"}
    app.page.locator(".st-key-disputes tbody tr").first.click()
    app.page.wait_for_url("**/reader?*")
    assert found.rows[0].trace in app.page.url


def test_other_graders_and_runs_are_chosen_by_the_address(app: App, real_services: Services) -> None:
    label = "Qwen2.5-Math-7B · LIMO · AMC23"
    run = next(run for run, name in real_services.runs.labels().items() if name == label)
    app.open("disputed", graders="final answer and paper", run=label)
    assert real_services.disputes.between("final answer", "paper", [run]).rows == ()
    expect(app.page.get_by_text("These two contradict each other on no trace that both judge.")).to_be_visible()
