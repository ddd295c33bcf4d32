"""From a new store to two models answering side by side: the app with its own worker, as a presenter starts it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.config import Settings
from backend.services import Services, build_services
from tests.browser.app_pages import ROOT, TIMEOUT
from tests.browser.conftest import start_server
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.browser
PANES = ".lv .pane"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Services]]:
    """The whole app over a new store: it brings the demo and starts a worker, and ends it when it ends."""
    folder = tmp_path_factory.mktemp("whole")
    env = {
        "SECOND_THOUGHTS_STORE": str(folder / "store"),
        "SECOND_THOUGHTS_WORKER": "auto",
        "SECOND_THOUGHTS_DEMO": "auto",
    }
    process, url = start_server(ROOT / "app.py", env, folder / "log")
    with build_services(Settings(store=folder / "store", graders=1)) as services:
        yield url, services
        process.terminate()
        process.wait(PATIENCE)
        until_gone(services)


def until_gone(services: Services) -> None:
    """The worker an app brought goes with it."""
    until(lambda: not services.jobs.worker_at_work())


def watch_bytes(page: Page) -> list[int]:
    """Sizes of what comes over the WebSocket from now on."""
    sizes: list[int] = []
    page.on("websocket", lambda ws: ws.on("framereceived", lambda frame: sizes.append(len(frame))))
    return sizes


def texts(page: Page) -> list[str]:
    return [page.locator(PANES).nth(i).locator(".grown").inner_text() for i in range(2)]


def test_the_first_screen_shows_the_demo_and_lets_it_go(served: tuple[str, Services], browser: Browser) -> None:
    url, services = served
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(TIMEOUT)
    page.goto(url)
    expect(page.get_by_role("heading", name="A model that lost its second thoughts")).to_be_visible(timeout=TIMEOUT)
    verdicts = page.locator(".verdict")
    expect(verdicts).to_have_count(2, timeout=TIMEOUT)
    assert sorted(verdicts.nth(i).inner_text()[0] for i in range(2)) == sorted("✓✕")
    box = verdicts.nth(1).bounding_box()
    assert box and box["y"] < 400, "seen without scrolling"
    question = page.locator(".st-key-sth-hero").inner_text().split("\n")[0]
    page.get_by_role("button", name="another").click()
    expect(page.locator(".st-key-sth-hero")).not_to_contain_text(question, timeout=TIMEOUT)
    assert services.demo.present()
    page.close()


def test_two_models_answer_side_by_side(served: tuple[str, Services], browser: Browser) -> None:
    """One press; words arrive in both panes; verdicts; the same again in another browser; runs in the store."""
    url, services = served
    first = browser.new_context(viewport={"width": 1440, "height": 900})
    page = first.new_page()
    page.set_default_timeout(TIMEOUT)
    sizes = watch_bytes(page)
    page.goto(f"{url}/live")
    button = page.get_by_role("button", name="Generate", exact=True)
    button.wait_for()
    before = sum(sizes)
    button.click()
    for i in range(2):
        expect(page.locator(PANES).nth(i)).to_contain_text("think", timeout=TIMEOUT)
    page.wait_for_url("**job=**")
    for i in range(2):
        expect(page.locator(PANES).nth(i)).to_contain_text("boxed", timeout=TIMEOUT)
    expect(page.get_by_role("button", name="Compare the runs")).to_be_visible(timeout=TIMEOUT)
    assert sum(sizes) - before < 500_000
    shown, address = texts(page), page.url
    first.close()
    second = browser.new_context(viewport={"width": 1024, "height": 900})
    other = second.new_page()
    other.set_default_timeout(TIMEOUT)
    other.goto(address)
    expect(other.get_by_role("button", name="Compare the runs")).to_be_visible(timeout=TIMEOUT)
    for i in range(2):
        expect(other.locator(PANES).nth(i)).to_contain_text("boxed", timeout=TIMEOUT)
    assert texts(other) == shown
    job = services.jobs.get(address.rpartition("job=")[2].partition("&")[0])
    runs = [services.runs.get(run) for run in job.result["runs"]]
    assert {run.info.model for run in runs} == {"lab-base", "lab-sft-guided"} and all(run.live for run in runs)
    assert {run.info.parent for run in runs} == {None, "lab-base"}
    other.get_by_role("button", name="Compare the runs").click()
    expect(other.get_by_role("heading", name="Compare")).to_be_visible(timeout=TIMEOUT)
    second.close()


def test_closing_every_tab_stops_nothing(served: tuple[str, Services], browser: Browser) -> None:
    url, services = served
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.goto(f"{url}/live")
    page.get_by_role("button", name="Watch 20 problems").click()
    page.wait_for_url("**job=**")
    identity = page.url.rpartition("job=")[2].partition("&")[0]
    context.close()
    job = until(lambda: (now := services.jobs.get(identity)).state.final and now, 4 * PATIENCE)
    assert (job.state.value, job.done, len(job.result["runs"])) == ("done", 40, 2), job.error
