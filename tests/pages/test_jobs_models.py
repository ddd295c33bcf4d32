"""Jobs and models without a browser: words, the family tree, and both pages and the card on stores of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from backend.config import Settings
from backend.domain import Run, RunInfo
from backend.job import Job, JobKind, JobState, Lane
from backend.services import Services, build_services
from backend.store.job_rows import WorkerRow
from pages.components.jobs import job_words
from pages.components.jobs.job_links import page_links, traces_made
from pages.parts.models.lineage import Branch, Node, choice, tree
from pages.parts.models.model_words import facts_line, size
from tests.pages.test_pages import forget, opened, said, sound

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)> **bold** :material/bug: ![p](http://198.51.100.7/p) $x$"


def job(**values: object) -> Job:
    return Job(**({"id": "j", "kind": JobKind.EVALUATE, "title": "t", "lane": Lane.BATCH, "spec": {}} | values))


# -- words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (44, "just now"),
        (50, "1 minute ago"),
        (170, "3 minutes ago"),
        (3599, "1 hour ago"),
        (5 * 3600, "5 hours ago"),
        (30 * 3600, "yesterday"),
        (10 * 86_400, "21 Jun 2026"),
        (-5, "just now"),
    ],
)
def test_a_moment_in_words(seconds: int, words: str) -> None:
    assert job_words.ago((NOW - timedelta(seconds=seconds)).isoformat(), NOW) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1 s"), (42.4, "42 s"), (99, "99 s"), (100, "2 min"), (5940, "99 min"), (7200, "2 h"), (400_000, "5 days")],
)
def test_a_length_of_time_in_words(seconds: float, words: str) -> None:
    assert job_words.short_time(seconds) == words


def test_how_far_a_job_is_in_words() -> None:
    running = {"state": JobState.RUNNING, "done": 132, "total": 400, "unit": "traces"}
    assert (
        job_words.progress_line(job(**running, rate=6.7), True) == "132 of 400 traces · 6.7 a second · about 40 s left"
    )
    assert (
        job_words.progress_line(job(**running, rate=0.05), True)
        == "132 of 400 traces · 3.0 a minute · about 89 min left"
    )
    assert job_words.progress_line(job(**running, rate=6.7), False) == "132 of 400 traces"
    files = {"state": JobState.RUNNING, "done": 12_000_000, "total": 40_500_000, "unit": "bytes"}
    assert (
        job_words.progress_line(job(**files, rate=1.2e6), True) == "12.0 of 40.5 MB · 1.2 MB a second · about 25 s left"
    )
    assert job_words.progress_line(job(state=JobState.RUNNING), True) == ""
    assert job_words.share(job(done=5, total=4)) == 1 and job_words.share(job()) == 0


def test_what_an_open_job_does_or_waits_for() -> None:
    assert job_words.doing(job(), 0, True) == "Next in the batch lane."
    assert job_words.doing(job(), 0, False) == "Next in the batch lane, once a worker is there."
    assert job_words.doing(job(lane=Lane.LIVE), 2, True) == "Waits for 2 jobs before it in the live lane."
    assert job_words.doing(job(state=JobState.RUNNING, message="a\u202eb"), 0, True) == "a\\u202eb"
    assert job_words.doing(job(state=JobState.RUNNING), 0, False) == "stands still until a worker is there"
    assert job_words.doing(job(state=JobState.CANCELLING), 0, True) == "Stopping; what is finished is kept."


def test_a_finished_job_says_how_much_of_it_failed() -> None:
    assert job_words.state_words(job(state=JobState.DONE, result={"failed": 3, "reason": "r"})) == "✓ done, 3 failed"
    assert job_words.state_words(job(state=JobState.DONE, result={"failed": ["a", "b"]})) == "✓ done, 2 failed"
    assert job_words.failures(job(result={"failed": ["a", "b"]})) == ["a", "b"]
    assert job_words.state_words(job(state=JobState.DONE, result={"failed": []})) == "✓ done"
    assert job_words.took(job(started=NOW.isoformat(), ended=(NOW + timedelta(seconds=150)).isoformat())) == "2 min"


def test_where_a_job_leads() -> None:
    runs = {name: Run(name, RunInfo(name, "d"), 2, 4, "tokens", "") for name in ("a", "b")}
    live = Run("c", RunInfo("c", "d", format="live"), 1, 1, "tokens", "")
    labels = {"a": "A & co", "b": "B"}
    finished = job(state=JobState.DONE, result={"runs": ["a", "b", "gone"]})
    compare, browse = page_links(finished, runs, labels)
    assert (compare.link.href, browse.link.href) == ("/compare?runs=a%2Cb", "/browse?run=A+%26+co&run=B")
    assert traces_made(finished, runs) == 8
    [watched] = page_links(job(id="x", spec={"live": True}, result={"runs": ["c"]}), runs | {"c": live}, labels)
    assert (watched.label, watched.link.href) == ("Live", "/live?job=x")
    assert page_links(job(result={"runs": "abc"}), runs, labels) == []


def test_a_model_in_words() -> None:
    assert [size(n) for n in (690_000, 14_800_000_000, 500, 0, None)] == ["0.69 M", "14.8 B", "0.50 k", "", ""]
    from backend.domain import ModelKind

    line = facts_line(ModelKind.ADAPTER, {"method": "LORA", "rank": 8, "parameters": 9_730, "base": "x/y"})
    assert line == "an adapter: LORA, 9.73 k parameters, rank 8, on x/y"


# -- the family tree --------------------------------------------------------------------------------


def node(name: str, parent: str | None = None) -> Node:
    return Node(name, name, parent, "", (), 0)


def shape(branches: list[Branch] | tuple[Branch, ...]) -> list[object]:
    return [(branch.node.id, shape(branch.children)) for branch in branches]


def test_models_stand_under_their_parents() -> None:
    nodes = [node("c", "b"), node("a"), node("b", "a"), node("d", "a"), node("e", "gone")]
    assert shape(tree(nodes)) == [("a", [("b", [("c", [])]), ("d", [])]), ("e", [])]


def test_a_circle_of_models_is_shown_once_each() -> None:
    assert shape(tree([node("a", "b"), node("b", "a"), node("c", "c")])) == [("a", [("b", [])]), ("c", [])]


@pytest.mark.parametrize("sent", [None, "a", {}, {"model": "z"}, {"model": ["a"]}, {"model": {"a": 1}}, [1]])
def test_nonsense_from_the_browser_chooses_nothing(sent: object) -> None:
    assert choice(sent, [node("a")]) is None
    assert choice({"model": "a"}, [node("a")]) == "a"


# -- the pages --------------------------------------------------------------------------------------


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Services]:
    """An empty store without shipped models, which the pages read too."""
    forget()
    settings = Settings(store=tmp_path / "store", lab=tmp_path / "lab", graders=1)
    monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(settings.store))
    monkeypatch.setenv("SECOND_THOUGHTS_LAB", str(settings.lab))
    monkeypatch.setenv("SECOND_THOUGHTS_DEMO", "off")
    with build_services(settings) as services:
        yield services
    forget()


def begun(services: Services, title: str, **progress: object) -> Job:
    """A job a worker works on."""
    made = services.jobs.submit(JobKind.EVALUATE, title, {}, Lane.BATCH)
    assert services.store.jobs.take(made.id, "w")
    services.store.jobs.progress(made.id, 132, 400, "traces", 6.7, "generating")
    return made


def unmarked(test: AppTest) -> str:
    """Everything Streamlit would read as Markdown: it must hold no text of a job or a model."""
    parts = [
        element.value for kind in ("markdown", "title", "header", "subheader", "caption") for element in test.get(kind)
    ]
    parts += [element.label for kind in ("button", "expander", "selectbox") for element in test.get(kind)]
    parts += [getattr(element.proto, "text", "") for element in test.get("progress")]
    return "\n".join(map(str, parts))


def test_without_a_job_the_page_says_what_jobs_are(store: Services) -> None:
    test = sound(opened("jobs"))
    assert "Whatever takes longer than a moment becomes a job" in said(test)
    assert "No worker is running" in said(test)
    assert {"Start the worker", "Answer live", "Evaluate a model"} <= {button.label for button in test.button}
    assert not test.sidebar.get("progress")


WORKER = WorkerRow("gpu-1", "elsewhere", 4242, (Lane.BATCH,), device="0")


def test_jobs_in_every_state_are_listed_and_their_words_stay_plain(
    store: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.services.jobs._SILENT_SECONDS", 3_600)
    running = begun(store, HOSTILE)
    store.jobs.submit(JobKind.EVALUATE, "second", {}, Lane.BATCH)
    failed = begun(store, "third")
    store.store.jobs.finish(failed.id, JobState.FAILED, f"It broke: {HOSTILE}.")
    store.store.jobs.enlist(WORKER)
    test = sound(opened("jobs"))
    text = said(test)
    assert HOSTILE in text and "A worker is running (process 4242)." in text
    assert "132 of 400 traces · 6.7 a second · about 40 s left · generating" in text
    assert "Waits for 1 job before it in the batch lane." in text
    assert "132 of 400 · 40 s left" in "\n".join(element.value for element in test.sidebar.text)
    assert "onerror" not in unmarked(test) and "198.51" not in unmarked(test)
    test.button(key=f"job-stop-{running.id}").click().run()
    assert store.jobs.get(running.id).state is JobState.CANCELLING
    assert "Stopping; what is finished is kept." in said(sound(test))


def test_a_silent_worker_is_told_with_the_way_out(store: Services) -> None:
    begun(store, "waiting")
    store.store.jobs.enlist(WORKER)
    with store.store.jobs.writing(counted=False) as connection:
        connection.exec_driver_sql("UPDATE workers SET beat = beat - 120")
    text = said(sound(opened("jobs")))
    assert "The worker (process 4242) has not been heard of for 2 minutes" in text
    assert "stands still until a worker is there" in text and "left" not in text


@pytest.mark.parametrize("asked", ["nothing", HOSTILE, "0" * 5000, "\u202e", ""])
def test_a_wrong_job_in_the_address_leaves_the_page_standing(asked: str, store: Services) -> None:
    begun(store, "one")
    assert "132 of 400" in said(sound(opened("jobs", job=asked)))


def test_without_a_model_the_page_says_what_a_model_is(store: Services) -> None:
    test = sound(opened("models"))
    assert "No model is known here yet." in said(test)
    assert [button.label for button in test.button] == ["Add a model"]


def test_a_model_that_cannot_be_served_says_why(store: Services) -> None:
    store.models.add_hub("no-such/model")
    store.models.add_endpoint("http://127.0.0.1:9", "served", "SECOND_THOUGHTS_KEY_NO_SUCH", HOSTILE)
    test = sound(opened("models", model="no-such/model"))
    assert "no-such/model has not been downloaded to this machine" in said(test)
    assert test.button(key="open-evaluate").disabled
    test = sound(opened("models", model=HOSTILE))
    assert "The environment variable SECOND_THOUGHTS_KEY_NO_SUCH" in said(test)
    assert HOSTILE in said(test) and "onerror" not in unmarked(test)


@pytest.mark.parametrize("asked", ["nothing", "0" * 5000, "\u202e", ""])
def test_a_wrong_model_in_the_address_shows_the_first(asked: str, store: Services) -> None:
    store.models.add_hub("no-such/model")
    assert "no-such/model" in said(sound(opened("models", model=asked)))
