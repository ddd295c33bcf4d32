"""Responses that are lost on their way: every one is counted with its reason, what came of it is kept, and the lost
ones alone are asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.config import Settings
from backend.domain import Finish, Run, UserError
from backend.engines.openai.openai_engine import OpenAIEngine
from backend.engines.protocol import Decoding, Engine, Family
from backend.job import Job, JobKind, JobState
from backend.services import Services, build_services
from backend.services.generation.specs import GenerationSpec, Question, RunArm
from backend.services.jobs import JobFailed, JobProgress
from backend.services.traces.losses import BROKEN_OFF, answered, answered_text, losses_of, missing_sentence
from tests.engines.openai.faulty_server import FaultyServer

# Question -> the kind of its loss ("" for none), and whether a text is kept.
FATES = {
    "plain": ("", True),
    "forbidden": ("key refused", False),
    "unnamed": ("not found", False),
    "impatient": ("rate limit", False),
    "heavy": ("error of the server", False),
    "strange": ("request refused", False),
    "garbled": ("not JSON", True),
    "shapeless": ("unexpected form", True),
    "halfway": ("connection cut", True),
    "hasty": ("connection cut", False),
    "reported": ("error of the server", True),
    "silent": ("timed out", True),
    "empty": ("", True),
}


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    running = FaultyServer()
    yield running
    running.close()


@pytest.fixture
def work(settings: Settings, tmp_path: Path, server: FaultyServer) -> Iterator[Services]:
    with build_services(Settings(store=settings.store, lab=tmp_path / "no-lab", graders=1)) as services:
        services.models.add_endpoint(server.address, server.name, name="faulty")
        yield services


def impatient(family: Family, _kind: str) -> Engine:
    return OpenAIEngine(family.base, timeout=0.6, retries=0)


def asked(services: Services, questions: tuple[str, ...], samples: int = 1) -> GenerationSpec:
    return GenerationSpec(
        (RunArm(services.models.get("faulty").id),),
        questions=tuple(Question(f"{one}: what is 3 + 4?", "7", "faults") for one in questions),
        samples=samples, decoding=Decoding(max_tokens=16), logprobs=True,
    )  # fmt: skip


def carry_out(services: Services, job: Job) -> dict[str, Any]:
    """The job's result, entered in the ledger as the runner does it."""
    assert services.store.jobs.take(job.id, "test")
    try:
        result = services.generation.carry_out(job, impatient, JobProgress(services.store.jobs, job))
    except JobFailed as error:
        services.store.jobs.finish(job.id, JobState.FAILED, str(error), error.result)
        raise
    services.store.jobs.finish(job.id, JobState.DONE, result=result)
    return result


def texts(services: Services, run: str) -> dict[str, dict[str, Any]]:
    """The first word of a question -> its stored trace."""
    questions = {problem.id: problem.question.partition(":")[0] for problem in services.store.ledger.problems(run)}
    rows = services.store.queries.texts(run)
    return {questions[row["problem_id"]]: services.store.queries.trace(row["trace_id"]) or {} for row in rows}


def test_every_loss_is_counted_and_what_came_is_kept(work: Services) -> None:
    job = work.generation.submit(asked(work, tuple(FATES)), kind=JobKind.EVALUATE)
    result = carry_out(work, job)
    run = work.runs.get(result["runs"][0])
    lost = {place.question.partition(":")[0]: loss.kind for loss in losses_of(run.info.losses) for place in loss.places}
    assert lost == {question: kind for question, (kind, _) in FATES.items() if kind}
    stored = texts(work, run.id)
    assert set(stored) == {question for question, (_, kept) in FATES.items() if kept}
    for question in ("garbled", "shapeless", "halfway", "reported", "silent"):
        trace = stored[question]
        assert trace["text"] == "Wait so 3" and trace["finish"] == Finish.UNKNOWN and trace["tokens"] == 3
        assert (trace["verify_correct"], trace["paper_correct"]) == (None, None), (
            "nobody knows whether it would be right"
        )
        opened = work.traces.open(trace["trace_id"], work.lexicons.get("doubts").id)
        assert opened.extra[BROKEN_OFF] and "broke off" in opened.verdict("paper").note
    kept = {place.trace for loss in losses_of(run.info.losses) for place in loss.places if place.trace}
    assert kept == {stored[q]["trace_id"] for q, (kind, text) in FATES.items() if kind and text}
    assert (answered(run), run.info.planned, answered_text(run)) == (2, 13, "2 of 13 answered")
    assert (
        missing_sentence(run)
        == result["reason"]
        == (
            "2 of 13 answered; 11 failed: 2 connection cut, 2 error of the server, 1 key refused, 1 not JSON, 1 not found, "
            "1 rate limit, 1 request refused, 1 timed out, 1 unexpected form. The text of 5 is kept: lengths and cues count "
            "it, accuracy doesn't."
        )
    )
    assert result["reasons"][0].startswith("2 connection cut (problems 9, 10): The server at ")
    assert result["failed"] == 11 and run.length_unit == "tokens", "a broken response doesn't turn the run into words"
    assert not work.store.streams.kept(job.id)


def test_a_run_that_lacks_nothing_says_nothing(work: Services) -> None:
    result = carry_out(work, work.generation.submit(asked(work, ("plain", "empty"), samples=2)))
    run = work.runs.get(result["runs"][0])
    assert set(result) == {"runs"} and missing_sentence(run) == "" and answered_text(run) == "4 traces"


def test_what_broke_off_stays_ungraded_when_the_run_is_read_anew(work: Services) -> None:
    result = carry_out(work, work.generation.submit(asked(work, ("plain", "halfway"))))
    before = {word: trace["verify_correct"] for word, trace in texts(work, result["runs"][0]).items()}
    work.refresh.run_all()
    assert {word: trace["verify_correct"] for word, trace in texts(work, result["runs"][0]).items()} == before
    assert before["halfway"] is None and answered_text(work.runs.get(result["runs"][0])) == "1 of 2 answered"


def test_only_the_lost_ones_are_asked_again(work: Services, server: FaultyServer) -> None:
    first = work.generation.submit(asked(work, ("plain", "halfway", "heavy", "lively"), samples=2))
    old = carry_out(work, first)["runs"][0]
    server.healed, server.asked = True, []
    second = work.jobs.retry(first.id)
    result = carry_out(work, second)
    assert len(server.asked) == 4 and set(result) == {"runs"}
    run = work.runs.get(result["runs"][0])
    assert (run.id != old, run.traces, answered_text(run), run.info.job) == (True, 8, "8 traces", second.id)
    before = {row["trace_id"]: row["text"] for row in work.store.queries.texts(old)}
    for row in work.store.queries.texts(run.id, ("extra", "ordinal")):
        trace = work.traces.open(row["trace_id"], work.lexicons.get("doubts").id)
        (tokens,) = work.store.queries.tokens(trace.id)
        assert tokens["ends"][-1] == len(trace.text) == len("Wait so 3 + 4") and BROKEN_OFF not in trace.extra
        if origin := trace.extra.get("taken from"):
            assert before[origin] == trace.text
    assert answered(work.runs.get(old)) == 4, "the first run stays as it is"
    with pytest.raises(UserError, match="only one that failed"):
        work.jobs.retry(second.id)


def test_a_retry_that_gains_nothing_stores_no_second_run(work: Services) -> None:
    first = work.generation.submit(asked(work, ("plain", "halfway")))
    carry_out(work, first)
    with pytest.raises(JobFailed, match=r"half-way\. 1 of 2 answered; 1 failed: 1 connection cut"):
        carry_out(work, work.jobs.retry(first.id))
    assert len(work.runs.all()) == 1


def test_a_job_without_a_whole_response_fails_and_keeps_the_texts(work: Services) -> None:
    job = work.generation.submit(asked(work, ("halfway", "heavy")))
    with pytest.raises(
        JobFailed, match=r"0 of 2 answered; 2 failed: 1 connection cut, 1 error of the server"
    ) as failed:
        carry_out(work, job)
    (run,) = failed.value.result["runs"]
    assert [trace["text"] for trace in texts(work, run).values()] == ["Wait so 3"]


def test_a_program_error_costs_nothing_that_was_finished(work: Services) -> None:
    job = work.generation.submit(asked(work, ("plain", "halfway", "silent")))

    class Breaking(OpenAIEngine):
        def generate(self, *args: Any) -> Iterator[Any]:
            for number, event in enumerate(super().generate(*args)):
                if number == 12:
                    raise ZeroDivisionError
                yield event

    assert work.store.jobs.take(job.id, "test")
    with pytest.raises(ZeroDivisionError):
        work.generation.carry_out(
            job, lambda family, _: Breaking(family.base, timeout=5, retries=0), JobProgress(work.store.jobs, job)
        )
    (run,) = work.runs.all()
    assert answered(run) < 3 == run.info.planned and "not asked" in missing_sentence(run)


def test_a_failure_is_remembered_by_whoever_goes_on(work: Services) -> None:
    """Another process settles the job: it knows what failed and why."""
    job = work.generation.submit(asked(work, ("plain", "heavy")))
    settle = work.generation._settle  # the moment between the last response and the run

    def dies(_plan: Any) -> dict[str, Any]:
        raise KeyboardInterrupt

    work.generation._settle = dies  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        carry_out(work, job)
    work.generation._settle = settle  # type: ignore[method-assign]
    result = work.generation.settle(job)
    assert result["failed"] == 1 and result["reason"].startswith("1 of 2 answered; 1 failed: 1 error of the server")


def test_losses_of_older_runs_are_unknown_and_not_invented(work: Services) -> None:
    from backend.domain import RunInfo

    cancelled = Run("a", RunInfo("m", "d", planned=400), 100, 100, "tokens", "")
    assert missing_sentence(cancelled) == "100 of 400 answered; 300 not asked, because the job ended before."
    assert missing_sentence(Run("a", RunInfo("m", "d"), 100, 100, "tokens", "")) == ""
