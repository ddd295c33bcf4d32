"""Jobs in a real browser: progress that comes by itself, cancel, retry, remove, the log, the card on other pages."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from backend.config import Settings
from backend.job import Job, JobKind, JobState, Lane
from backend.services import Services, build_services
from backend.store.job_rows import WorkerRow
from tests.browser.app_pages import ROOT, App, held

pytestmark = pytest.mark.browser
BEACON = "http://198.51.100.7"
HOSTILE = f"<img src='{BEACON}/i' onerror=alert(1)> ![m]({BEACON}/m) :material/bug: **b** $x$"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("jobs")
    return Settings(store=folder / "store", lab=folder / "lab", graders=1)


@pytest.fixture(scope="module")
def services(store: Settings) -> Iterator[Services]:
    """Everything wired over the store that the application shows."""
    with build_services(store) as wired:
        yield wired


@pytest.fixture(scope="module")
def address(store: Settings, serve: Callable[..., str]) -> str:
    names = {"STORE": store.store, "LAB": store.lab, "DEMO": "off", "WORKER": "off"}
    return serve(
        ROOT / "tests/browser/harness_held.py", {f"SECOND_THOUGHTS_{name}": str(value) for name, value in names.items()}
    )


class Heart:
    """Says every second that a worker is alive, as one does; a slow machine must not make it look silent."""

    def __init__(self, services: Services) -> None:
        self._services, self._ended = services, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        jobs = self._services.store.jobs
        token = jobs.enlist(WorkerRow("gpu-1", "elsewhere", 4242, tuple(Lane), device="0"))
        while not self._ended.wait(1):
            jobs.beat(token)

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()


@pytest.fixture(autouse=True)
def heart(services: Services) -> Iterator[Heart]:
    """No job is left of another test, and a worker is alive."""
    for job in services.jobs.open():
        services.store.jobs.finish(job.id, JobState.CANCELLED)
    services.jobs.forget([job.id for job in services.jobs.all()])
    beating = Heart(services)
    yield beating
    beating.stop()


@pytest.fixture
def app(tab: Page, address: str) -> App:
    return App(tab, address)


@pytest.fixture(scope="module")
def pair(services: Services, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two runs over the same problems."""
    made = []
    for name in ("Base-1B", "Base-1B-SFT"):
        file = tmp_path_factory.mktemp("runs") / f"base/{name}/aime/test_qwen-instruct_t0.0_k1_s0_e3.jsonl"
        file.parent.mkdir(parents=True)
        rows = [
            {"question": f"What is {n}?", "generated_responses": [f"Wait. {name} \\boxed{{{n}}}"], "gold_answer": str(n),
             "generated_answers": [str(n)], "is_correct": True, "answers_correctness": [True], "id": n}
            for n in (1, 2)
        ]  # fmt: skip
        file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        [outcome] = services.imports.run([file])
        made.append(str(outcome.run))
    return made


def submit(services: Services, title: str, lane: Lane = Lane.BATCH, **spec: object) -> Job:
    return services.jobs.submit(JobKind.EVALUATE, title, spec, lane)


def work(services: Services, job: Job, done: int, total: int = 40) -> None:
    """A worker's report."""
    services.store.jobs.take(job.id, "gpu-1")
    services.store.jobs.progress(job.id, done, total, "traces", 2.0, "generating")


def history(app: App) -> Locator:
    return app.page.locator(".st-key-jobs-history tbody tr")


def test_a_job_is_followed_from_the_queue_to_what_it_made(app: App, services: Services, pair: list[str]) -> None:
    page = app.open("jobs").page
    assert "Nothing is being worked on." in app.text()
    first, second = submit(services, "first job"), submit(services, "second job")
    expect(page.get_by_text("Next in the batch lane.")).to_be_visible()
    expect(page.get_by_text("Waits for 1 job before it in the batch lane.")).to_be_visible()
    work(services, first, 10)
    expect(page.get_by_text("10 of 40 traces · 2.0 a second · about 15 s left · generating")).to_be_visible()
    work(services, first, 30)
    expect(page.get_by_text("30 of 40 traces")).to_be_visible()
    bar = page.locator(f".st-key-sth-job-open-{first.id}").get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", "75")
    with held(services):  # the news of it stays until it is read
        services.store.jobs.finish(first.id, JobState.DONE, "", {"runs": pair})
        expect(page.locator(".st-key-sth-job-card")).to_contain_text("Done: first job")
    row = page.locator(f".st-key-jobs-history tr[data-row='{first.id}']")
    expect(row).to_contain_text("✓ done")
    expect(row).to_contain_text("4")
    expect(page.get_by_text("Next in the batch lane.")).to_be_visible()
    services.store.jobs.finish(second.id, JobState.FAILED, "It broke.")
    expect(history(app)).to_have_count(2)
    row.get_by_role("link", name="Compare").click()
    page.wait_for_url("**/compare?runs=*")
    app.settle()
    assert app.query()["runs"] == ",".join(pair)
    assert "Base-1B-SFT" in app.text()


def test_cancel_retry_remove_and_clear(app: App, services: Services) -> None:
    running, waiting = submit(services, "running job"), submit(services, "waiting job")
    work(services, running, 5)
    page = app.open("jobs").page
    page.locator(f".st-key-job-stop-{running.id}").get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Stopping; what is finished is kept.")).to_be_visible()
    expect(page.get_by_role("button", name="Stopping")).to_be_disabled()
    assert services.jobs.get(running.id).state is JobState.CANCELLING
    page.locator(f".st-key-job-stop-{waiting.id}").get_by_role("button", name="Cancel").click()
    services.store.jobs.finish(running.id, JobState.CANCELLED)
    expect(history(app)).to_have_count(2)
    app.settle()
    page.locator(f"tr[data-row='{waiting.id}']").get_by_role("button", name="Retry").click()
    expect(page.get_by_text("Next in the batch lane.")).to_be_visible()
    [again] = services.jobs.open()
    assert again.retry_of == waiting.id
    app.settle()
    page.locator(f"tr[data-row='{waiting.id}']").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("dialog")).to_contain_text("waiting job")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(history(app)).to_have_count(1)
    app.settle()
    page.get_by_role("button", name="Clear finished").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(history(app)).to_have_count(0)
    assert [job.id for job in services.jobs.all()] == [again.id]


def test_a_job_has_an_address_with_its_error_and_log(app: App, services: Services) -> None:
    job = submit(services, "logged job", live=True)
    work(services, job, 1)
    services.store.jobs.log(job.id, "loading the model")
    page = app.open("jobs", job=job.id).page
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("loading the model")
    services.store.jobs.log(job.id, "one more line")
    expect(dialog).to_contain_text("one more line")
    services.store.jobs.finish(job.id, JobState.FAILED, "The disk is full: free some space and retry.")
    expect(dialog).to_contain_text("The disk is full: free some space and retry.")
    expect(dialog.get_by_role("button", name="Retry")).to_be_visible()
    app.settle()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    app.wait_query("job", None)
    history(app).first.click()
    expect(dialog).to_contain_text("The disk is full")
    assert app.query()["job"] == job.id
    dialog.get_by_role("button", name="Retry").click()
    page.wait_for_function("old => new URLSearchParams(location.search).get('job') !== old", arg=job.id)
    expect(dialog).to_contain_text("second try of an earlier job")


def test_hostile_titles_errors_and_logs_stay_text(app: App, services: Services) -> None:
    seen: list[str] = []
    app.page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    app.page.on("request", lambda request: seen.append(request.url) if BEACON in request.url else None)
    running, failed = submit(services, HOSTILE, live=True), submit(services, HOSTILE)
    work(services, running, 3)
    services.store.jobs.progress(running.id, 3, 40, "traces", 1.0, HOSTILE)
    services.store.jobs.take(failed.id, "w")
    services.store.jobs.log(failed.id, HOSTILE)
    services.store.jobs.finish(failed.id, JobState.FAILED, HOSTILE)
    app.open("jobs", job=failed.id)
    expect(app.page.get_by_role("dialog")).to_contain_text("onerror=alert(1)")
    app.settle()
    assert app.text().count(HOSTILE) >= 6
    assert not seen
    assert app.page.locator("img[src*='198.51']").count() == 0


def test_a_silent_worker_is_told_at_once_and_gone_when_it_is_back(app: App, services: Services, heart: Heart) -> None:
    heart.stop()
    submit(services, "a job that waits")
    with services.store.jobs.writing(counted=False) as connection:
        connection.exec_driver_sql("UPDATE workers SET beat = beat - 60")
    page = app.open("jobs").page
    expect(page.locator("[class*=st-key-sth-notice-warning]")).to_contain_text("has not been heard of for 1 minute")
    expect(page.get_by_role("button", name="Start the worker")).to_be_enabled()
    again = Heart(services)
    try:
        expect(page.get_by_role("button", name="Start the worker")).to_have_count(0)
    finally:
        again.stop()


def test_the_card_appears_on_another_page_without_a_rerun_of_it(app: App, services: Services) -> None:
    page = app.open("import").page
    card = page.locator(".st-key-sth-job-card")
    expect(card).to_have_count(0)
    field = page.get_by_role("textbox", name="Or a path on this machine")
    field.fill("half typed")  # a full rerun would send it
    job = submit(services, "a job begun elsewhere")
    work(services, job, 10)
    expect(card).to_contain_text("a job begun elsewhere")
    work(services, job, 20)
    expect(card).to_contain_text("20 of 40 · 10 s left")
    expect(field).to_have_value("half typed")
    expect(page.locator("[class*=st-key-sth-notice]")).to_have_count(0)
    field.fill("")
    card.get_by_role("link", name="Jobs").click()
    page.wait_for_url("**/jobs")
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    with held(services):
        services.store.jobs.finish(job.id, JobState.DONE)
        expect(card).to_contain_text("Done: a job begun elsewhere")
    expect(card).to_have_count(0)


@pytest.mark.parametrize("width", [1440, 1024])
def test_everything_has_a_name_and_nothing_overflows(app: App, services: Services, width: int) -> None:
    work(services, submit(services, "a" * 290), 1)
    services.store.jobs.finish(submit(services, "b" * 290).id, JobState.DONE)
    app.page.set_viewport_size({"width": width, "height": 900})
    page = app.open("jobs").page
    for control in page.locator("button:visible, input:visible, [role=progressbar]:visible").all():
        assert control.evaluate(
            "e => e.ariaLabel || e.innerText || e.labels?.length || e.title || e.getAttribute('aria-labelledby')"
        ), control.evaluate("e => e.outerHTML")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("[data-testid=stMain]").evaluate("e => e.scrollWidth <= e.clientWidth")
