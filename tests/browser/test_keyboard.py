"""The ways people take through the application, by the keyboard alone: no test here touches the mouse."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import FileChooser, expect

from tests.browser.full_store import FullApp
from tests.browser.keyboard import Hands

pytestmark = pytest.mark.browser


@pytest.fixture
def hands(full_app: FullApp) -> Iterator[Hands]:
    yield Hands(full_app.app.page)
    full_app.app.page.keyboard.press("Escape")


def test_from_the_overview_to_a_pair_a_problem_a_cue_and_what_a_bar_holds(full_app: FullApp, hands: Hands) -> None:
    page = full_app.open("overview").page
    assert hands.to("Skip to main content")
    hands.press("Enter").to("Remove demo data")  # past the sidebar
    hands.to("lab-base", "tr")
    hands.press("ArrowDown", "Enter")
    page.wait_for_url("**/compare?runs=*")
    full_app.app.settle()
    first = page.locator(".st-key-sth-question").inner_text()
    hands.to("Problems", "div")
    hands.press("ArrowDown", "ArrowDown")
    page.wait_for_url("**problem=*")
    full_app.app.settle()
    assert page.locator(".st-key-sth-question").inner_text() != first
    hands.press("Tab")
    hands.press("j")
    expect(page.locator(".st-key-sth-question")).to_contain_text("Problem 4")
    full_app.app.settle()
    hands.to("Text of", "div")
    hands.press("n")
    expect(page.locator(".tv .status")).to_have_text(re.compile("Cue 1 of"))
    hands.to("Data", "summary")
    hands.press("Enter").to("Show what is behind")
    hands.press("Enter")
    full_app.app.settle()
    chip = page.get_by_role("button", name=re.compile("^✕ "))
    expect(chip).to_be_visible()
    hands.to("✕ ")
    hands.press("Enter")
    full_app.app.settle()
    expect(chip).to_have_count(0)


def test_a_row_of_browse_opens_and_the_reader_goes_on(full_app: FullApp, hands: Hands) -> None:
    page = full_app.open("browse").page
    hands.to("Run", "button")
    hands.to("coverage", "tr")
    hands.press("ArrowDown", "ArrowDown", "Home", "ArrowDown", "Enter")
    page.wait_for_url("**/reader?trace=*")
    full_app.app.settle()
    before = page.url
    hands.to("Next")
    hands.press("Enter")
    page.wait_for_url(lambda url: url != before)
    full_app.app.settle()
    hands.to("Text of", "div")
    hands.press("v")
    expect(page.get_by_role("toolbar", name="Selected characters")).to_be_visible()


def test_a_problem_is_set_and_started(full_app: FullApp, hands: Hands) -> None:
    page = full_app.open("live").page
    first = page.get_by_text("Use ").first.inner_text()
    hands.to("Number", "input")
    hands.press("7", "Enter")
    full_app.app.settle()
    assert page.get_by_text("Use ").first.inner_text() != first
    hands.to("Generate")
    hands.press("Enter")
    page.wait_for_url("**/live?job=*")


def test_words_of_a_live_job_are_gone_through_and_gone_on_from(full_app: FullApp, hands: Hands) -> None:
    full_app.open("live", 1)
    hands.to("Text of A", "div")
    hands.press("ArrowRight", "ArrowRight", "Enter")
    assert (focus := hands.focus()) and focus.name.startswith("Go on from here with")
    hands.press("Escape")
    assert (focus := hands.focus()) and focus.name.startswith("Text of A")


def test_files_are_chosen_for_import(full_app: FullApp, hands: Hands) -> None:
    def heard(_chooser: FileChooser) -> None:
        """Listening early: Playwright asks the browser for choosers without waiting for its answer."""

    hands.page.on("filechooser", heard)
    full_app.open("import")
    hands.to("Upload")
    with hands.page.expect_file_chooser():
        hands.press("Enter")
    hands.page.remove_listener("filechooser", heard)


@pytest.mark.parametrize(("name", "target", "tag"), [("jobs", "✓ done", "tr"), ("models", "Add a model", "button")])
def test_a_dialog_keeps_the_focus_and_gives_it_back(
    full_app: FullApp, hands: Hands, name: str, target: str, tag: str
) -> None:
    page = full_app.open(name).page
    came_from = hands.to(target, tag)
    hands.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    full_app.app.settle()
    for _ in range(30):
        hands.press("Tab")
        assert dialog.evaluate("dialog => dialog.contains(document.activeElement)")
    hands.press("Escape")
    expect(dialog).to_have_count(0)
    full_app.app.settle()
    now = hands.focus()  # the table may have been drawn anew meanwhile
    assert now and (now.tag, now.name[:10], now.ring) == (came_from.tag, came_from.name[:10], True)


def test_a_model_is_chosen_in_the_tree(full_app: FullApp, hands: Hands) -> None:
    page = full_app.open("models").page
    hands.to("lab-base", "button")
    hands.press("ArrowDown", "ArrowDown", "Enter")
    page.wait_for_url("**model=lab-sft-unguided")


def test_a_row_is_come_back_to_past_the_links_in_rows(full_app: FullApp, hands: Hands) -> None:
    full_app.open("jobs")
    row = hands.to("✓ done", "tr")
    hands.to("Retry")
    hands.press("Shift+Tab", "Shift+Tab", "Shift+Tab")
    assert hands.focus() == row
