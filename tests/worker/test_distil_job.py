"""Trainings as a real worker does them: one at a time, with the engines' memory given back, and nothing left of one that
was cancelled or whose worker was killed. The training process is a stand-in; the last test trains the shipped model.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.config import ROOT, Settings
from backend.distill.settings import TrainingSettings as Teaching
from backend.job import Job, JobState
from backend.services import Services, build_services
from backend.services.training.training_process import Journal
from backend.services.training.training_specs import EvaluationSpec, TrainingSpec
from tests.patience import PATIENCE
from tests.worker.worker_cases import Bench, bench_on, until

WORKER = (sys.executable, str(Path(__file__).with_name("small_training.py")), "worker")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Services, Bench]]:
    """One worker for the whole file."""
    settings = Settings(store=tmp_path_factory.mktemp("distil") / "store", graders=1)
    with build_services(settings) as services, bench_on(settings) as bench:
        bench.start(WORKER)
        yield services, bench


def submit(services: Services, mood: int = 0, steps: int = 2, **more: Any) -> Job:
    base = services.models.get("lab-base").id
    spec = TrainingSpec(base, Teaching(steps=steps, prompts=4, seed=mood), "lab-cd3-train", size=4, **more)
    return services.trainings.submit(spec)


def processes(services: Services, job: Job) -> list[int]:
    """The processes that train for a job, by what stands on their command line."""
    folder = str(services.trainings.folder(job.spec["training"]))
    return [pid for pid in _pids() if folder in _command(pid)]


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_two_trainings_queue_and_cancelling_frees_the_memory(opened: tuple[Services, Bench]) -> None:
    services, bench = opened
    warm = bench.submit()  # a job that leaves an engine open in the runner of this lane
    runner = bench.wait(warm).result["runner"]
    engine = services.store.folder / "engine"
    assert engine.read_text() == "open"
    first = submit(services, mood=7, steps=400, checkpoint_every=1)
    second = submit(services, evaluations=(EvaluationSpec("lab-cd3-test", limit=2),))
    until(lambda: services.trainings.steps(first.spec["training"], after=1))
    assert engine.read_text() == "closed", "memory and device are the training's"
    assert bench.jobs.get(second.id).state is JobState.QUEUED and services.jobs.position(bench.jobs.get(second.id)) == 1
    (pid,) = processes(services, first)
    assert os.getpgid(pid) == os.getpgid(runner), "whoever ends the runner's group ends it too"
    services.jobs.cancel(first.id)
    over = bench.wait(first)
    assert over.state is JobState.CANCELLED
    until(lambda: _command(pid) == "" and processes(services, first) == [])
    info = services.trainings.get(first.spec["training"])
    assert info.state == "cancelled" and over.result["models"] == [model.id for model in info.models] != []
    ended = bench.wait(second)
    assert ended.state is JobState.DONE, ended.error
    assert ended.result["step"] == 2 and len(ended.result["runs"]) == 1 and len(ended.result["models"]) == 1
    assert (over.ended or "") <= (ended.started or "") or bench.jobs.get(first.id).ended <= ended.ended


def test_a_failed_training_fails_its_job_in_a_sentence(opened: tuple[Services, Bench]) -> None:
    services, bench = opened
    job = submit(services, mood=4)
    over = bench.wait(job)
    assert over.state is JobState.FAILED and over.error.startswith("Training diverged at step 1")
    assert services.trainings.get(job.spec["training"]).state == "failed"


def test_a_killed_runner_takes_the_training_with_it_and_it_goes_on(opened: tuple[Services, Bench]) -> None:
    services, bench = opened
    job = submit(services, mood=7, steps=60, checkpoint_every=2)
    until(lambda: len(services.trainings.get(job.spec["training"]).models) == 2)
    # Killed a moment earlier, it would leave events to be read twice; that is allowed, but not what is looked at here.
    until(lambda: Journal(services.trainings.folder(job.spec["training"])).unread() == [])
    (pid,) = processes(services, job)
    os.kill(os.getpgid(pid), signal.SIGKILL)
    until(lambda: _command(pid) == "")
    over = bench.wait(job)
    assert over.state is JobState.DONE and over.result["step"] == 60
    training = job.spec["training"]
    assert [row.step for row in services.trainings.steps(training)] == list(range(61))
    begun = [item.payload["step"] for item in services.jobs.stream(job.id)]
    assert begun == [0, 4], "from its checkpoint"
    assert len(services.trainings.get(training).models) == 30


def test_a_training_without_a_signal_says_so_and_enters_no_model(tmp_path: Path) -> None:
    """Every rollout is cut off and wrong: a sentence, an exit code of its own, a record, and nothing called a variant."""
    words = ["distill", "--model", "lab-base", "--problems", "lab-cd3-train", "--method", "GRPO", "--size", "8", "--steps",
             "2", "--set", "max_tokens=4", "samples=4", "prompts=2", "--name", "cut", "--every", "1"]  # fmt: skip
    env = {**os.environ, "SECOND_THOUGHTS_DEMO": "off", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-m", "backend", *words, "--store", str(tmp_path)], cwd=ROOT, env=env,
                          capture_output=True, text=True, timeout=PATIENCE)  # fmt: skip
    why = (
        "Nothing was learned: every rollout was cut off at 4 tokens and none was right; its weights are those it began"
    )
    assert done.returncode == 4 and why in done.stdout, done.stderr
    with build_services(Settings(store=tmp_path)) as services:
        (info,) = services.trainings.all()
        assert (info.state, info.step, info.models) == ("done", 2, []) and info.reason.startswith(why)
        assert [row.step for row in services.trainings.steps(info.training.id)] == [0, 1, 2]
        assert not [one for one in services.models.all() if one.model.name.startswith("cut")]
        job = services.jobs.get(info.training.job or "")
        assert job.result["untrained"] == info.reason
        assert "no model is made of step 1" in "".join(line.text for line in services.jobs.lines(job.id))


def test_the_shipped_model_is_taught_on_the_command_line(tmp_path: Path) -> None:
    """The whole way, with the real trainer: a verb, a worker, a runner, a training; two steps."""
    words = ["distill", "--model", "lab-base", "--problems", "lab-cd3-train", "--size", "8", "--steps", "2", "--name",
             "taught", "--set", "prompts=4", "max_tokens=48", "--evaluate", "lab-cd3-test", "--limit", "3",
             "--every", "1", "--json", "--store", str(tmp_path)]  # fmt: skip
    env = {**os.environ, "SECOND_THOUGHTS_DEMO": "off", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "backend", *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["state"], told["step"], told["models"]) == ("done", 2, ["taught · step 1", "taught · step 2"])
    assert [(row["step"], row["values"]["traces"]) for row in told["evaluations"]] == [(2, 6)]
    assert "step 2 of 2" in done.stderr
    with build_services(Settings(store=tmp_path)) as services:
        steps = services.trainings.steps(told["id"])
        assert [row.step for row in steps] == [0, 1, 2]
        assert "loss" not in steps[0].values and steps[1].values["loss"] > 0 and steps[2].values["divergence"] > 0
        assert {"score", "length", "cues", "density"} <= set(steps[0].values)
        rows = services.trainings.evaluations(told["id"])
        assert [services.runs.get(row.run).traces for row in rows] == [6, 3, 6]
        last = services.trainings.get(told["id"]).models[-1]
        assert services.models.ready(last.id).parent == services.models.get("lab-base").id
        watched = services.trainings.rollouts(told["id"], 2)
        assert watched and len(watched.watched) == 2 and len(watched.sampled) == 4
