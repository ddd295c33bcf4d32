"""Jobs from the queue to their end, done by a real worker process and real runners over a real ledger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.config import Settings
from backend.domain import UserError
from backend.job import JobKind, JobState, Lane
from backend.services.jobs import HOST
from backend.worker.main import run_worker
from tests.worker.worker_cases import Bench, bench_on, until


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One worker for the whole file: jobs of these tests share its queue, as people's do."""
    with bench_on(Settings(store=tmp_path_factory.mktemp("worker") / "store", graders=1)) as opened:
        opened.start()
        yield opened


def test_jobs_of_a_lane_run_in_turn_and_lanes_beside_each_other(bench: Bench) -> None:
    first = bench.submit(items=4, holds=2)
    second, third = bench.submit(items=2), bench.submit(items=2)
    live = bench.submit(Lane.LIVE, items=2)
    assert [bench.jobs.position(job) for job in (second, third)] == [1, 2]
    assert bench.wait(live).state is JobState.DONE
    assert not bench.jobs.get(first.id).state.final, "what a person watches doesn't wait for a batch"
    bench.jobs.cancel(first.id)
    ended = [bench.wait(job) for job in (first, second, third)]
    assert [job.state for job in ended] == [JobState.CANCELLED, JobState.DONE, JobState.DONE]
    assert bench.said(second) == bench.items(second) == [0, 1]
    assert ended[1].result == {"items": 2} and ended[1].worker == f"{HOST}-1"
    assert (ended[0].ended or "") <= (ended[1].ended or "") <= (ended[2].ended or "")


def test_progress_is_seen_while_it_is_made(bench: Bench) -> None:
    job = bench.submit(items=150, pause=0.02, holds=20)
    seen = until(lambda: (now := bench.jobs.get(job.id)).rate and now.done and now)
    assert seen.state is JobState.RUNNING and 0 < seen.done <= 20 and seen.total == 150 and seen.unit == "items"
    assert seen.message.startswith("item ") and seen.started and seen.seconds_left
    after = bench.jobs.stream(job.id)[0].seq
    assert until(lambda: bench.jobs.stream(job.id, after))[0].payload == {"item": 1}
    assert until(lambda: (now := bench.jobs.get(job.id)).done == 20 and now).state is JobState.RUNNING
    bench.release(job)
    over = bench.wait(job)
    assert (over.done, over.total, over.seconds_left) == (150, 150, None)


def test_a_queued_job_is_cancelled_at_once_and_never_begins(bench: Bench) -> None:
    blocker, job = bench.submit(items=4, holds=2), bench.submit()
    assert bench.jobs.cancel(job.id).state is JobState.CANCELLED
    bench.jobs.cancel(blocker.id)
    after = bench.submit(items=1)
    assert bench.wait(after).state is JobState.DONE
    assert bench.jobs.get(job.id).started is None and bench.items(job) == []


def test_a_running_job_that_heeds_keeps_what_it_has(bench: Bench) -> None:
    job = bench.submit(items=500, pause=0.02, holds=5)
    until(lambda: len(bench.items(job)) > 2)
    assert bench.jobs.cancel(job.id).state is JobState.CANCELLING
    over = bench.wait(job)
    assert over.state is JobState.CANCELLED
    assert over.result == {"items": len(bench.items(job))} and 2 < over.result["items"] <= 5


@pytest.mark.parametrize("lane", [Lane.LIVE, Lane.BATCH])
def test_a_deaf_job_is_ended_with_its_process_and_settled(bench: Bench, lane: Lane) -> None:
    job = bench.submit(lane, items=500, heeds=False, mood="hangs")
    until(lambda: len(bench.items(job)) == 3)
    bench.jobs.cancel(job.id)
    over = bench.wait(job)
    assert over.state is JobState.CANCELLED and over.result == {"items": 3}
    next_one = bench.submit(lane, items=1)
    assert bench.wait(next_one).state is JobState.DONE, "the lane has a new runner"


def test_a_job_that_refuses_fails_with_its_sentence_and_can_be_tried_again(bench: Bench) -> None:
    job = bench.submit(mood="refuses")
    over = bench.wait(job)
    assert over.state is JobState.FAILED
    assert over.error == "The third item can't be had: there is no third item. Ask for fewer."
    again = bench.jobs.retry(job.id)
    assert (again.retry_of, again.spec, again.lane, again.title) == (job.id, job.spec, job.lane, job.title)
    assert bench.wait(again).state is JobState.FAILED
    with pytest.raises(UserError, match="only one that failed, in part or wholly"):
        bench.jobs.retry(bench.wait(bench.submit(items=0)).id)


def test_an_error_of_the_program_is_told_and_logged(bench: Bench) -> None:
    over = bench.wait(job := bench.submit(mood="breaks"))
    assert over.state is JobState.FAILED
    assert over.error.startswith("The job stopped on an error of the program: ZeroDivisionError: nothing goes into it.")
    assert "Traceback" in bench.text(job) and "small_tasks.py" in bench.text(job)
    assert bench.wait(bench.submit(items=1)).state is JobState.DONE, "the runner lives on"


def test_what_libraries_print_does_not_disturb(bench: Bench) -> None:
    assert bench.wait(bench.submit(mood="shouts")).state is JobState.DONE


def test_a_job_whose_process_dies_once_goes_on(bench: Bench) -> None:
    over = bench.wait(job := bench.submit(items=6, mood="dies once"))
    assert over.state is JobState.DONE and bench.items(job) == bench.said(job) == list(range(6))
    assert "last words" in bench.text(job) and "SIGSEGV" in bench.text(job)
    assert len({kept.body["runner"] for kept in bench.store.streams.kept(job.id)}) == 2


def test_a_job_whose_process_always_dies_fails(bench: Bench) -> None:
    over = bench.wait(job := bench.submit(kind=JobKind.EVALUATE))
    assert over.state is JobState.FAILED
    assert "broke off 2 times" in over.error and "out of memory" in over.error
    assert bench.text(job).count("no memory left") == 2


def test_a_name_is_borne_once(bench: Bench) -> None:
    assert bench.jobs.start_worker() is None
    with pytest.raises(UserError, match=rf"A worker of the name {HOST}-1 is at work already"):
        run_worker(bench.settings, name=f"{HOST}-1")
    until(lambda: bench.jobs.worker().alive)


def test_forgotten_jobs_are_gone_and_open_ones_stay(bench: Bench) -> None:
    over, running = bench.wait(bench.submit(items=1)), bench.submit(items=4, holds=2)
    bench.jobs.forget([over.id, running.id])
    with pytest.raises(UserError, match="no job"):
        bench.jobs.get(over.id)
    assert bench.items(over) == [] and bench.jobs.get(running.id)
    bench.jobs.cancel(running.id)
    bench.wait(running)
