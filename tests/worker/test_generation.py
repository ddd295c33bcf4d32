"""Real generation by a real worker, killed at random moments and cancelled in every phase: whole runs, no trace twice."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter

import pytest

from backend.config import Settings
from backend.engines.protocol import Decoding
from backend.job import Job, JobKind, JobState, Lane
from backend.services import Services, build_services
from backend.services.generation.specs import GenerationSpec, RunArm
from tests.patience import dice
from tests.worker.worker_cases import bench_on, until

WORKER = (sys.executable, "-m", "backend", "worker")
DECODING = Decoding(temperature=1.0, max_tokens=160)


def spec(services: Services, problems: int, samples: int, live: bool = False) -> GenerationSpec:
    model = services.models.get("lab-base").id
    return GenerationSpec((RunArm(model),), problem_set="lab-cd3-test", limit=problems, samples=samples,
                        decoding=DECODING, live=live, logprobs=True)  # fmt: skip


def killed_at_random(settings: Settings, problems: int, samples: int, kills: int, draw: random.Random) -> None:
    """Kill the worker `kills` times: at some moment of its start, or a little after it has got further."""
    with build_services(settings) as services, bench_on(settings) as bench:
        job = services.generation.submit(spec(services, problems, samples))
        for _ in range(kills):
            bench.start(WORKER)
            if draw.random() < 0.25:
                time.sleep(draw.uniform(0, 4))
            else:
                before = bench.jobs.get(job.id).done
                until(lambda before=before: (now := bench.jobs.get(job.id)).done > before or now.state.final)
                time.sleep(draw.uniform(0, 0.3))
            bench.kill()
        bench.start(WORKER)
        over = bench.wait(job)
        assert over.state is JobState.DONE, over.error
        check_whole(services, over, problems, samples)
        assert bench.stop() == 0


def check_whole(services: Services, job: Job, problems: int, samples: int) -> None:
    """Every (problem, sample) once in the store and once among what was said; every text complete with its tokens."""
    (run,) = job.result["runs"]
    rows = services.store.queries.per_trace([run], services.lexicons.get("doubts").id)
    places = Counter((row["problem_id"], row["sample"]) for row in rows)
    assert len(places) == len(rows) == problems * samples == services.runs.get(run).traces
    assert len({row["trace_id"] for row in rows}) == len(rows)
    said = Counter(item.payload["i"] for item in services.jobs.stream(job.id) if item.payload["k"] == "done")
    assert said == Counter(range(problems * samples))
    for row in services.store.queries.texts(run):
        (tokens,) = services.store.queries.tokens(row["trace_id"])
        assert tokens["ends"][-1] == len(row["text"]) and row["text"].startswith("<think>")
    assert services.store.streams.kept(job.id) == []


def test_a_kill_of_a_generating_worker(settings: Settings) -> None:
    killed_at_random(settings, problems=10, samples=2, kills=1, draw=dice())


@pytest.mark.stress
@pytest.mark.timeout(3600)
def test_fifty_kills_during_four_hundred_traces(settings: Settings) -> None:
    killed_at_random(settings, problems=200, samples=2, kills=50, draw=dice())


def test_cancelling_leaves_whole_runs_in_every_phase(settings: Settings) -> None:
    """Queued, while the engine opens, while it writes, while the run is stored."""
    with build_services(settings) as services, bench_on(settings) as bench:
        waiting = services.generation.submit(spec(services, 4, 1))
        assert services.jobs.cancel(waiting.id).state is JobState.CANCELLED
        opening = services.generation.submit(spec(services, 40, 4))
        writing = services.generation.submit(spec(services, 100, 4))
        bench.start(WORKER)
        bench.wait(opening, JobState.RUNNING)
        services.jobs.cancel(opening.id)
        assert bench.wait(opening).state is JobState.CANCELLED
        until(lambda: bench.jobs.get(writing.id).done > 3)
        services.jobs.cancel(writing.id)
        over = bench.wait(writing)
        assert over.state is JobState.CANCELLED
        assert bench.stop() == 0
        for job in (bench.jobs.get(opening.id), over):
            for run in job.result.get("runs", []):
                found = services.runs.get(run)
                rows = services.store.queries.per_trace([run], services.lexicons.get("doubts").id)
                assert found.traces == len(rows) < found.info.planned
        assert over.result["runs"] and not services.store.streams.kept(writing.id)
        assert services.runs.get(over.result["runs"][0]).info.planned == 400


@pytest.mark.stress
def test_a_job_stays_the_same_for_whoever_looks(settings: Settings) -> None:
    """Two readers, one from the middle: the same stream; its texts are what the store holds in the end."""
    with build_services(settings) as services, bench_on(settings) as bench:
        job = services.generation.submit(spec(services, 3, 1, live=True))
        bench.start(WORKER)
        until(lambda: len(services.jobs.stream(job.id)) > 5)
        early = services.jobs.stream(job.id)
        over = bench.wait(job)
        assert over.state is JobState.DONE, over.error
        late = services.jobs.stream(job.id)
        assert late[: len(early)] == early and services.jobs.stream(job.id, early[-1].seq) == late[len(early) :]
        texts: dict[int, str] = {}
        for item in late:
            if item.payload["k"] == "open":
                texts[item.payload["i"]] = ""
            elif item.payload["k"] == "piece":
                texts[item.payload["i"]] += item.payload["t"]
        stored = {row["trace_id"]: row["text"] for row in services.store.queries.texts(over.result["runs"][0])}
        named = {i.payload["i"]: i.payload["trace"] for i in late if i.payload["k"] == "done"}
        assert {named[i]: text for i, text in texts.items()} == stored
        assert bench.stop() == 0


def test_a_failing_job_says_why(settings: Settings) -> None:
    with build_services(settings) as services, bench_on(settings) as bench:
        gone = spec(services, 2, 1).to_json() | {"problem_set": "gone"}
        job = services.jobs.submit(JobKind.GENERATE, "of a set that was deleted", gone, Lane.BATCH)
        bench.start(WORKER)
        assert bench.wait(job).state is JobState.FAILED
        assert "no problem set 'gone'" in bench.jobs.get(job.id).error
        assert bench.stop() == 0
