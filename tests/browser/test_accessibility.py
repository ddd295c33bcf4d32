"""axe-core finds no fault on any page, in light and dark, wide and narrow, and Tab goes through all of it.

Pages are taken from their folder, so that a new one is checked by itself; what each needs in its address to show
something real, tests/browser/full_store.py says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.browser.full_store import PAGES, FullApp
from tests.browser.keyboard import Hands

pytestmark = pytest.mark.browser

NAMES = sorted(file.stem for file in PAGES.glob("*.py") if file.stem not in ("shell", "__init__"))
# What is Streamlit's own and can't be mended from outside: rule, where, why it does no harm.
EXCEPTIONS = (
    (
        "presentation-role-conflict",
        "[data-testid=stFileUploaderDropzone]",
        "The drop zone is of no use without a mouse, and the button inside it does the same.",
    ),
    (
        "region",
        "#stFloatingOverlayPortal, [data-react-aria-top-layer]",
        "Lists and popovers hang below the body while they are open; the field that opened them owns them.",
    ),
)
# axe-core loses its way among elements that are scrolled out of a box's upper edge.
UP = """() => {
    const up = (root) => root.querySelectorAll('*').forEach((one) => {
        if (one.scrollTop) one.scrollTop = 0;
        if (one.shadowRoot) up(one.shadowRoot);
    });
    up(document);
}"""
RUN = """async ([options, exceptions]) => {
    const found = await axe.run(document, {elementRef: true, resultTypes: ['violations', 'incomplete'], ...options});
    const excused = (rule, node) => exceptions.some(([id, where]) => id === rule && node.element?.closest(where));
    const faults = found.violations.flatMap((rule) => rule.nodes.filter((node) => !excused(rule.id, node))
        .map((node) => `${rule.impact}: ${rule.id}: ${node.html.slice(0, 200)}: ${node.failureSummary}`));
    const broken = found.incomplete.filter((rule) => rule.error).map((rule) => `${rule.id} did not run: ${rule.error.message}`);
    return [...faults, ...broken];
}"""
# What may differ in a narrow, dark window; all else is the same elements.
OF_LOOK = {"runOnly": ["color-contrast", "scrollable-region-focusable", "target-size", "aria-hidden-focus", "label"]}


def faults(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """What axe-core finds on the page as it stands, shadow roots included, of whatever weight."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    page.evaluate(UP)
    return page.evaluate(RUN, [options or {}, [exception[:2] for exception in EXCEPTIONS]])


def check(full_app: FullApp) -> None:
    """The page as it stands, in light and wide, by Tab alone, then in dark and narrow."""
    page = full_app.app.page
    assert faults(page) == []
    stops = Hands(page).walk()
    assert [stop for stop in stops if not (stop.name and stop.ring)] == [], (
        "each stop has a name, and a ring to see it by"
    )
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 1024, "height": 768})
    try:
        page.wait_for_function(
            "() => getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme === 'dark'"
        )
        full_app.app.settle()
        assert faults(page, OF_LOOK) == []
    finally:
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1440, "height": 900})


@pytest.mark.parametrize("name", NAMES)
def test_no_page_has_a_fault(full_app: FullApp, name: str) -> None:
    for part in range(len(full_app.states.get(name, [{}]))):
        full_app.open(name, part)
        check(full_app)


def press(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("button", name=name).first.click()


def unfold(page: Page) -> None:
    """Everything of our own that can be opened: data under charts, prompts, the list of hits, the help."""
    page.locator("[data-act=hits]").first.click()
    page.evaluate("""() => {
        for (const host of document.querySelectorAll('*')) {
            for (const part of host.shadowRoot?.querySelectorAll('details') ?? []) part.open = true;
        }
    }""")
    assert faults(page) == []  # an open dialog hides the rest from axe-core too
    page.get_by_role("button", name="Keys").click()


@pytest.mark.parametrize(
    ("name", "act"),
    [
        ("browse", press("More")),
        ("compare", unfold),
        ("distil", lambda page: page.get_by_text("Set up your own").click()),
        ("models", press("Add a model")),
        ("jobs", press("Clear finished")),
    ],
    ids=["filters", "everything open", "own training", "dialog", "question"],
)
def test_what_opens_has_no_fault(full_app: FullApp, name: str, act: Callable[[Page], None]) -> None:
    app = full_app.open(name)
    act(app.page)
    app.settle()
    assert faults(app.page) == []


def test_axe_sees_into_our_components(full_app: FullApp) -> None:
    """A fault put into a shadow root on purpose is found: silence of the other tests means something."""
    page = full_app.open("people").page
    page.locator("#box th").first.evaluate("""cell => {
        cell.append(document.createElement('button'));
        cell.style.color = '#cfcdc8';
    }""")
    found = faults(page)
    assert {fault.split(": ")[1] for fault in found} == {"button-name", "color-contrast"}, found
