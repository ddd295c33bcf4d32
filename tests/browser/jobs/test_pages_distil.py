"""Distil in a browser, over the real worker and the real lab model: begun, paused, gone on with, watched, compared."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.config import Settings
from backend.services import Services, build_services
from backend.services.training.training_specs import EvaluationSpec, TrainingSpec
from tests.browser.app_pages import ROOT, TIMEOUT, App, held
from tests.browser.conftest import start_server
from tests.browser.live.test_live_whole import until_gone
from tests.patience import PATIENCE, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]
LONG = 2 * TIMEOUT  # ms: a training process loads its libraries first, which takes long on a busy machine

# Any Python that is started reads this first: a training begins once it may, so that it can be paused before it is over.
HELD = """
import os, pathlib, sys, time
starter = os.getppid()
while "backend.distill" in sys.orig_argv and pathlib.Path({hold!r}).exists() and os.getppid() == starter:
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Services]]:
    """The whole app over a new store, with a worker of its own."""
    folder = tmp_path_factory.mktemp("distil")
    (folder / "sitecustomize.py").write_text(HELD.format(hold=str(folder / "store" / "hold")), encoding="utf-8")
    env = {
        "SECOND_THOUGHTS_STORE": str(folder / "store"), "SECOND_THOUGHTS_WORKER": "auto",
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
    }  # fmt: skip
    process, url = start_server(ROOT / "app.py", env, folder / "log")
    with build_services(Settings(store=folder / "store", graders=1)) as services:
        yield url, services
        process.terminate()
        process.wait(PATIENCE)
        until_gone(services)


@pytest.fixture
def app(served: tuple[str, Services], browser: Browser) -> Iterator[App]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield App(page, served[0])
    context.close()
    assert not errors, errors


def small(services: Services, name: str) -> TrainingSpec:
    """A training of few steps on few problems."""
    checked = (EvaluationSpec("lab-cd3-test", limit=6, last_samples=1),)
    preset = services.trainings.presets()[0].spec
    return TrainingSpec(preset.model, preset.settings, "lab-cd3-train", 16, evaluations=checked, name=name)


def fill(page: Page, label: str, value: int) -> None:
    box = page.get_by_label(label, exact=True).first
    box.fill(str(value))
    box.press("Tab")
    expect(box).to_have_value(str(value))


def test_names_reasons_and_texts_stay_text(served: tuple[str, Services], app: App) -> None:
    """What wants to be a picture or a script is text: in the list, above the curves, in the panes."""
    services = served[1]
    name = "<img src=x onerror=alert(1)> ![p](http://198.51.100.7/p)"
    training = services.trainings.start(small(services, name)).id
    said = {"problem": 0, "text": f"Maybe. {name}", "correct": False, "tokens": 9, "finish": "length"}
    for step in (0, 1):
        figures = {"score": 0.5, "length": 9.0, "tokens": 36, "density": {"doubts": 1.0}, "cues": {"doubts": 1.0}}
        services.store.trainings.put_step(training, step, figures, [], [said])
    services.store.trainings.end(training, "failed", f"It failed: {name}")
    requests: list[str] = []
    app.page.on("request", lambda request: requests.append(request.url))
    app.open("distil", training=training)
    panes = app.page.locator(".st-key-distil-panes .pane")
    expect(panes).to_have_count(2, timeout=TIMEOUT)
    assert panes.nth(0).locator("mark").all_inner_texts()[0].startswith("Maybe")
    assert app.text().count(name) >= 4
    app.page.get_by_role("button", name="All trainings").click()
    app.page.wait_for_function("() => !location.search.includes('training')")
    app.settle()
    assert app.text().count(name) >= 2 and not [url for url in requests if "198.51" in url]
    assert app.page.locator("img[src='x']").count() == 0


def test_a_training_begun_by_form_is_paused_gone_on_with_watched_and_compared(
    served: tuple[str, Services], app: App
) -> None:
    services, page = served[1], app.page
    app.open("distil")
    expect(page.get_by_role("button", name="Lose the doubts")).to_be_visible()
    page.get_by_text("Set up your own").click()
    expect(page.get_by_label("Steps", exact=True)).to_have_value("50", timeout=TIMEOUT)
    for label, value in (("Steps", 4), ("Problems a step", 4), ("Problems |D|", 16), ("Problems of each", 6)):
        fill(page, label, value)
        app.settle()
    start = page.get_by_role("button", name="Start the training")
    expect(start).to_be_enabled(timeout=TIMEOUT)
    assert "4 steps of 4 responses" in app.text() and "Jensen–Shannon" not in app.text()
    with held(services):
        start.click()
        page.wait_for_url("**training=**")
        training = page.url.rpartition("training=")[2].partition("&")[0]
        page.get_by_role("button", name="Pause").click()
        until(lambda: services.store.trainings.get(training).wish == "pause")
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=LONG)
    info = services.trainings.get(training)
    assert info.state == "paused" and 0 < info.step < 4 and len(info.models) == 1
    page.get_by_role("button", name="Resume").click()
    compare = page.get_by_role("button", name="Compare with its base")
    expect(page.locator(".st-key-sth-distil-state")).to_contain_text("✓ done · step 4 of 4", timeout=LONG)
    app.settle()
    for name in ("score", "length", "cues", "accuracy"):
        assert app.drawn(f"distil-{name}"), name
    recorded = {row.step: row.values for row in services.trainings.steps(training)}
    rows = app.chart_rows("distil-score")
    assert [int(row["step"]) for row in rows] == [0, 1, 2, 3, 4]
    assert [float(row["value"]) for row in rows] == pytest.approx([recorded[at]["score"] for at in range(5)], abs=1e-4)
    the_same_problem_at_every_step(app, services, training)
    runs = [row.run for row in services.trainings.evaluations(training) if row.name == "lab-cd3-test"]
    compare.click()
    page.wait_for_url("**/compare?**")
    app.settle()
    assert app.query()["runs"] == f"{runs[0]},{runs[-1]}"
    expect(page.locator(".tv .pane")).to_have_count(2, timeout=TIMEOUT)


def the_same_problem_at_every_step(app: App, services: Services, training: str) -> None:
    """The slider moves the middle pane, by keyboard too, and the others stay."""
    panes = app.page.locator(".st-key-distil-panes .pane")
    expect(panes).to_have_count(3, timeout=TIMEOUT)
    slider = app.page.get_by_role("slider")
    for at in (2, 3):
        slider.press("ArrowRight")
        expect(panes.nth(1)).to_contain_text(f"Step {at}", timeout=TIMEOUT)
        app.settle()
        row = services.trainings.rollouts(training, at)
        text = next(reply["text"] for reply in row.watched if reply["problem"] == 0)
        assert text.split("\n")[1][:30] in str(panes.nth(1).evaluate("pane => pane.textContent"))
    assert "Step 0" in panes.nth(0).inner_text() and "Step 4" in panes.nth(2).inner_text()
