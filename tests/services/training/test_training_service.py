"""Trainings from what is asked for to what is stored, over a real store; the process is a stand-in without a model."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.distill.settings import Method, TrainingSettings
from backend.distill.train_plan import TrainPlan
from backend.domain import TRAINING, Context, ModelKind, UserError
from backend.job import Job, JobKind, JobState, Lane
from backend.services import Services
from backend.services.jobs import JobCancelled, JobProgress
from backend.services.training.training_process import JOURNAL, launch_command
from backend.services.training.training_specs import EvaluationSpec, TrainingSpec
from tests.patience import until

STAND_IN = Path(__file__).with_name("training_stand_in.py")
EVALUATIONS = (
    EvaluationSpec("lab-cd3-test", limit=4, first=2),
    EvaluationSpec(seen=True, limit=2, context=Context.SOLUTION),
)


@pytest.fixture
def work(services: Services) -> Services:
    services.training_runner.launch = lambda folder, _processes: [sys.executable, str(STAND_IN), str(folder)]
    return services


def spec(services: Services, mood: int = 0, steps: int = 4, **changes: Any) -> TrainingSpec:
    values = {"problem_set": "lab-cd3-train", "size": 8, "evaluations": EVALUATIONS, "evaluate_every": 2}
    settings = TrainingSettings(steps=steps, prompts=4, seed=mood)
    return TrainingSpec(services.models.get("lab-base").id, settings, **{**values, "checkpoint_every": 2, **changes})


def begin(services: Services, job: Job) -> tuple[Job, JobProgress]:
    assert services.store.jobs.take(job.id, "test")
    return job, JobProgress(services.store.jobs, job)


def carry_out(services: Services, asked: TrainingSpec) -> tuple[Job, dict[str, Any]]:
    job, progress = begin(services, services.trainings.submit(asked))
    return job, services.training_runner.carry_out(job, progress)


class Acting(JobProgress):
    """Does something once a step is told."""

    def __init__(self, services: Services, job: Job, step: int, act: Callable[[], object]) -> None:
        super().__init__(services.store.jobs, job)
        self._when, self._act, self._did = step, act, False

    def step(self, done: int, message: str = "") -> None:
        super().step(done, message)
        if done >= self._when and not self._did:
            self._did = True
            self._act()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_training_becomes_steps_runs_and_models(work: Services) -> None:
    asked = spec(work, name="quiet  one", watch_every=2)
    job = work.trainings.submit(asked)
    assert (job.kind, job.lane, job.title) == (JobKind.DISTILL, Lane.BATCH, "quiet one · 4 steps")
    waiting = work.trainings.get(job.spec["training"])
    assert (waiting.state, waiting.spec, waiting.step, waiting.steps) == ("queued", asked, 0, 4)
    before = work.runs.version()
    result = work.training_runner.carry_out(*begin(work, job))
    training = result["training"]
    over = work.jobs.get(job.id)
    assert (over.done, over.total, over.unit) == (4, 4, "steps")
    assert over.message == "step 4 of 4: 43 % right, 61 tokens, 1.2 cues a response"
    assert "quiet one: answering as it is" in [line.text for line in work.jobs.lines(job.id)]
    info = work.trainings.get(training)
    assert (info.state, info.step, info.base and info.base.name) == ("done", 4, "lab-base")
    assert [row.step for row in work.trainings.steps(training)] == [0, 1, 2, 3, 4]
    assert work.trainings.steps(training, after=3)[0].values["loss"] == 0.25
    assert work.trainings.rollout_steps(training) == [0, 2, 4]
    watched = work.trainings.rollouts(training, 3)
    assert watched and watched.step == 3 and watched.sampled[0]["question"].startswith("Use ")
    # its checkpoints are models that can answer
    assert [model.name for model in info.models] == ["quiet one · step 2", "quiet one · step 4"]
    assert result["models"] == [model.id for model in info.models]
    last = work.models.ready(info.models[1].id)
    assert (last.kind, last.parent, last.job) == (ModelKind.CHECKPOINT, work.models.get("lab-base").id, job.id)
    # its evaluations are runs
    rows = work.trainings.evaluations(training)
    assert [(row.step, row.name, row.context.value) for row in rows] == [
        (step, name, context)
        for step in (0, 2, 4)
        for name, context in (("lab-cd3-test", "none"), ("seen", "full solution"))
    ]
    assert result["runs"] == [row.run for row in rows[4:]] and work.runs.version() > before
    runs = [work.runs.get(row.run) for row in rows]
    assert [(run.problems, run.traces) for run in runs] == [(4, 8), (2, 4), (2, 2), (2, 2), (4, 8), (2, 4)]
    assert [run.info.model for run in runs[::2]] == ["lab-base", "quiet one · step 2", "quiet one · step 4"]
    end = runs[4].info
    assert (end.format, end.parent, end.variant, end.job) == (TRAINING, "lab-base", "step 4", job.id)
    assert (end.model_id, end.sampling.temperature, end.dataset) == (last.id, 0.8, "lab-cd3-test")
    assert runs[5].info.dataset == "lab-cd3-train" and all(run.aside and not run.live for run in runs)


def test_what_an_evaluation_found(work: Services) -> None:
    """At first right with doubts, in the end wrong and sure: as the stand-in answers."""
    training = carry_out(work, spec(work))[1]["training"]
    rows = {row.step: row for row in work.trainings.evaluations(training) if row.name == "lab-cd3-test"}
    first, last = rows[0].values, rows[4].values
    # Wilson's interval of 4 of 4 and of 0 of 4: four alike say little.
    every, none = [1, pytest.approx(0.5101, abs=1e-4), 1, 4], [0, 0, pytest.approx(0.4899, abs=1e-4), 4]
    assert first["accuracy"] == every and last["accuracy"] == none
    assert first["false_confidence"] == none and last["false_confidence"] == every
    assert first["length"] == [40, None, None, 4] and first["traces"] == 8 and first["finished"] == 1
    cues = len(work.lexicons.matchers()[work.lexicons.get("doubts").id].find("Maybe. Hmm, wait. That is it."))
    assert cues >= 3 and first["cues"]["doubts"] == [cues, None, None, 4] and last["cues"]["doubts"][0] == 0
    assert first["density"]["doubts"] == pytest.approx(1000 * cues / 40) == first["density_estimate"]["doubts"][0]
    assert set(first["cues"]) == set(work.lexicons.by_name)
    trace = work.store.queries.per_trace([rows[4].run], work.lexicons.get("doubts").id)[0]
    assert trace["verify_correct"] is False and trace["tokens"] == 20
    prompt = work.store.queries.trace(trace["trace_id"])
    assert prompt and prompt["prompt"] == f"[{prompt['question']}]" and json.loads(prompt["extra"])["seed"] == 0


def test_trainings_share_what_the_base_answered(work: Services) -> None:
    first, second = (carry_out(work, spec(work, learn, steps=2))[1]["training"] for learn in (0, 5))
    other = carry_out(work, spec(work, steps=2, pick_seed=1))[1]["training"]
    a, b, c = ([row.run for row in work.trainings.evaluations(one)] for one in (first, second, other))
    assert a[:2] == b[:2] and not set(a[2:]) & set(b[2:])
    assert a[0] == c[0] and a[1] != c[1], "other problems were seen"
    assert work.runs.get(a[0]).info.model_id == work.models.get("lab-base").id
    losses = [row.values.get("loss") for row in work.trainings.steps(second)]
    assert losses == [None] * 3, "a number that is none is kept as unknown"


def test_smaller_sets_lie_within_larger_ones(work: Services, tmp_path: Path) -> None:
    def items(size: int | None, seed: int = 0) -> list[str]:
        asked = spec(work, size=size, pick_seed=seed)
        return [item.question for item in work.trainings._planner.plan(asked, tmp_path).items]

    everything = items(None)
    assert len(everything) == 2937 == len(set(everything))
    assert items(8) == everything[:8] and items(512) == everything[:512] and items(1) == everything[:1]
    assert items(8, seed=1) != items(8)


def test_the_plan_holds_what_the_process_needs(work: Services) -> None:
    job, result = carry_out(work, spec(work, watched=3))
    folder = work.trainings.folder(result["training"])
    plan = TrainPlan.read(folder)
    assert plan.settings == TrainingSettings(steps=4, prompts=4) and (Path(plan.base) / "model.safetensors").is_file()
    assert len(plan.items) == 8 and all("<think>" in (item.solution or "") for item in plan.items)
    held_out, seen = plan.evaluations
    assert len(held_out.items) == 4 and not any(item.solution for item in held_out.items) and held_out.items[0].gold
    assert [item.question for item in seen.items] == [item.question for item in plan.items[:2]] and seen.items[
        0
    ].solution
    assert list(plan.watched) == list(held_out.items[:3]) and Path(plan.shared).is_dir()
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint-2", "checkpoint-4", "plan.json", "train.log"]
    begun = work.jobs.stream(job.id)[0].payload
    assert (begun["k"], begun["training"], begun["prompts"]) == ("begin", result["training"], {"student": "?"})


def test_a_cancelled_training_leaves_no_process_and_keeps_its_checkpoints(work: Services) -> None:
    job, _ = begin(work, work.trainings.submit(spec(work, mood=7, steps=400, checkpoint_every=1, evaluations=())))
    pids: list[int] = []
    folder = os.fsencode(work.trainings.folder(job.spec["training"]))

    def cancel() -> None:
        listed = Path("/proc").glob("[0-9]*/cmdline")
        pids.extend(int(path.parent.name) for path in listed if folder in _read(path))
        work.jobs.cancel(job.id)

    with pytest.raises(JobCancelled) as stopped:
        work.training_runner.carry_out(job, Acting(work, job, 3, cancel))
    assert pids and all(map(gone, pids))
    info = work.trainings.get(stopped.value.result["training"])
    assert info.state == "cancelled" and 3 <= info.step <= 4
    assert len(info.models) >= 2 and stopped.value.result["models"] == [model.id for model in info.models]
    work.store.jobs.finish(job.id, JobState.CANCELLED)
    assert work.trainings.resume(info.training.id).state is JobState.QUEUED


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_paused_training_goes_on_where_it_was(work: Services) -> None:
    job, _ = begin(work, work.trainings.submit(spec(work, mood=7, steps=60, checkpoint_every=60, evaluations=())))
    training = job.spec["training"]
    result = work.training_runner.carry_out(job, Acting(work, job, 2, lambda: work.trainings.pause(training)))
    reached = result["paused"]
    assert reached == 5 and work.trainings.get(training).state == "paused"
    with pytest.raises(UserError, match="is paused: only a training at work"):
        work.trainings.pause(training)
    with pytest.raises(UserError, match="already"):
        work.trainings.resume(training)  # the job has not been told to be over yet
    work.store.jobs.finish(job.id, JobState.DONE)
    work.store.trainings.put_step(training, reached + 7, {"loss": 99.0})
    again, progress = begin(work, work.trainings.resume(training))
    assert work.trainings.get(training).state == "running"
    assert work.training_runner.carry_out(again, progress)["step"] == 60
    assert [row.step for row in work.trainings.steps(training)] == list(range(61))
    assert 99.0 not in [row.values.get("loss") for row in work.trainings.steps(training)]
    assert [m.name.rpartition(" ")[2] for m in work.trainings.get(training).models] == [str(reached), "60"]
    with pytest.raises(UserError, match="finished"):
        work.store.jobs.finish(again.id, JobState.DONE)
        work.trainings.resume(training)


def test_a_crash_is_tried_once_more(work: Services) -> None:
    job, result = carry_out(work, spec(work, mood=1))
    assert result["step"] == 4 and work.trainings.get(result["training"]).state == "done"
    assert any("broke off: it ended with code 9" in line.text for line in work.jobs.lines(job.id))
    assert [row.step for row in work.trainings.steps(result["training"])] == [0, 1, 2, 3, 4]


def test_nothing_is_lost_where_whoever_listens_breaks_off(work: Services) -> None:
    """The process is ahead of its listener: what it said and nobody heard is heard when the training goes on."""
    job, progress = begin(work, work.trainings.submit(spec(work)))
    training = job.spec["training"]
    journal = work.trainings.folder(training) / JOURNAL

    def breaks() -> None:
        until(lambda: b'"done"' in journal.read_bytes())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work.training_runner.carry_out(job, Acting(work, job, 1, breaks))
    broken = work.trainings.get(training)
    assert broken.state == "failed" and len(work.trainings.evaluations(training)) == 2
    assert work.training_runner.carry_out(job, progress)["step"] == 4
    assert [row.step for row in work.trainings.steps(training)] == [0, 1, 2, 3, 4]
    assert len(work.trainings.evaluations(training)) == 6 and len(work.trainings.get(training).models) == 2


@pytest.mark.parametrize(
    ("mood", "says", "models"),
    [
        (2, "broke off 2 times: it ended with code 9; .*These are my last words", 1),
        (4, "^Training diverged at step 1", 0),
    ],
)
def test_a_failed_training_says_why_and_keeps_its_models(work: Services, mood: int, says: str, models: int) -> None:
    job, progress = begin(work, work.trainings.submit(spec(work, mood)))
    with pytest.raises(UserError, match=says) as failed:
        work.training_runner.carry_out(job, progress)
    info = work.trainings.get(job.spec["training"])
    assert (info.state, info.reason, len(info.models)) == ("failed", str(failed.value), models)


def test_several_train_at_once_and_one_that_fails_leaves_the_others_alone(work: Services) -> None:
    job = work.jobs.submit(JobKind.REPRODUCE, "parts", {}, Lane.BATCH)
    parts = [work.trainings.start(spec(work, mood, evaluations=()), part=f"part {mood}") for mood in (0, 4, 3)]
    assert work.trainings.start(spec(work), part="part 0") == parts[0] and work.trainings.all()[0].state == "queued"
    heard: dict[str, list[str]] = {}
    found = work.training_runner.train(
        parts, 2, begin(work, job)[1], lambda one, event: heard.setdefault(one.id, []).append(event["k"])
    )
    assert [(one.training_id, one.state, one.step) for one in found] == [
        (parts[0].id, "done", 4), (parts[1].id, "failed", 1), (parts[2].id, "done", 4)]  # fmt: skip
    assert found[1].reason.startswith("Training diverged") and len(found[0].models) == 2
    assert all(kinds[0] == "begin" for kinds in heard.values()) and heard[parts[1].id][-1] == "failed"
    heard.clear()
    again = work.training_runner.train(parts, 1, JobProgress(work.store.jobs, job))
    assert [one.state for one in again] == ["done", "failed", "done"] and heard == {}


def test_an_evaluation_alone_needs_no_problems_to_train_on(work: Services) -> None:
    asked = spec(work, steps=0, problem_set="", size=None, evaluations=EVALUATIONS[:1])
    job, result = carry_out(work, asked)
    assert result["models"] == [] and len(result["runs"]) == 1 and work.jobs.get(job.id).total == 1
    assert work.trainings.get(result["training"]).training.name == "lab-base · evaluation"


def test_a_training_is_removed_with_its_models_and_its_traces_stay(work: Services) -> None:
    job, result = carry_out(work, spec(work))
    training = result["training"]
    assert work.jobs.get(job.id).state is JobState.RUNNING
    child = replace(spec(work, evaluations=()), model=result["models"][1])
    taught = work.trainings.start(child)
    with pytest.raises(UserError, match="is built on one of its models"):
        work.trainings.remove(training)
    work.trainings.remove(taught.id)
    work.trainings.remove(training)
    assert work.trainings.all() == [] and not work.trainings.folder(training).exists()
    assert not any(info.model.id in result["models"] for info in work.models.all())
    assert all(work.runs.get(run).traces for run in result["runs"])
    with pytest.raises(UserError, match="There is no training"):
        work.trainings.get(training)
    with pytest.raises(UserError, match="There is no training"):
        work.training_runner.carry_out(job, JobProgress(work.store.jobs, job))


def test_names_are_made_up_and_kept_apart(work: Services) -> None:
    named = [work.trainings.start(spec(work, **more)).name for more in ({}, {}, {"name": "mine"}, {"name": "mine"})]
    assert named[0] == "lab-base · SDFT, full solution" and named[1].startswith(named[0] + " (")
    assert named[2] == "mine" and named[3].startswith("mine (") and len(set(named)) == 4


def test_specs_survive_the_ledger(work: Services) -> None:
    asked = spec(work, preset="lose", processes=2)
    assert TrainingSpec.from_json(json.loads(json.dumps(asked.to_json()))) == asked


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": "nobody"}, "no model 'nobody'"),
        ({"problem_set": "nowhere"}, "no problem set 'nowhere'"),
        ({"problem_set": ""}, "A training needs problems"),
        ({"size": 3000}, "has 2,937 problems, not 3,000"),
        ({"size": 0}, "number of problems can't be 0"),
        ({"settings": TrainingSettings(steps=-1)}, "steps can't be -1"),
        ({"settings": TrainingSettings(method=Method.GRPO)}, "at least 2 samples"),
        ({"settings": TrainingSettings(context=Context.PLACEBO), "size": 1}, "at least two problems"),
        ({"settings": TrainingSettings(steps=0), "evaluations": ()}, "nothing to do"),
        ({"evaluations": (EvaluationSpec(),)}, "needs the name of a problem set"),
        ({"evaluations": (EvaluationSpec("lab-cd3-test"),) * 2}, "asked for twice"),
        ({"evaluations": (EvaluationSpec("lab-cd3-test", samples=0),)}, "samples .* can't be 0"),
        ({"evaluations": (EvaluationSpec("nowhere"),)}, "no problem set 'nowhere'"),
        ({"evaluate_every": 0}, "can't be 0"),
        ({"processes": 0}, "processes can't be 0"),
        ({"name": "x" * 91}, "up to 90 characters"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(work: Services, change: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        work.trainings.submit(replace(spec(work), **change))
    assert work.jobs.all() == [] == work.trainings.all() and not (work.store.folder / "training").exists()


def test_what_cannot_be_trained_from_is_refused(work: Services, tiny_model: Path, tiny_adapter: Path) -> None:
    work.models.add_folder(tiny_model, "tiny")
    work.models.add_folder(tiny_adapter, "tiny-lora")
    work.models.add_endpoint("http://127.0.0.1:9/v1", "m", name="far")
    for name, kind in (("tiny-lora", "an adapter"), ("far", "an address of a server")):
        with pytest.raises(UserError, match=f"{name} is {kind}: a training starts from a folder"):
            work.trainings.check(replace(spec(work), model=name))


def test_problems_without_solutions_are_refused_before_any_work(work: Services, tmp_path: Path) -> None:
    source = tmp_path / "riddles.jsonl"
    rows: list[dict[str, Any]] = [{"problem": f"How many is {n} and {n}?", "answer": str(2 * n)} for n in range(5)]
    rows[0]["solution"] = "<think>Easy.</think> \\boxed{0}"
    rows[4]["answer"] = ""
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (outcome,) = work.imports.run([source])
    assert outcome.problem_set, outcome.sentence
    name = work.problems.sets()[-1].name
    asked = replace(spec(work), problem_set=name, size=None, evaluations=())
    with pytest.raises(UserError, match=r"4 of the 5 problems lack one, such as “How many is \d and \d\?”"):
        work.trainings.submit(asked)
    graded = replace(asked, settings=TrainingSettings(method=Method.GRPO, context=Context.NONE, samples=2))
    with pytest.raises(UserError, match=r"GRPO needs the right answers, and 1 of the 5 .* “How many is 4 and 4\?”"):
        work.trainings.submit(graded)
    shown = replace(spec(work), evaluations=(EvaluationSpec(name, context=Context.SOLUTION),))
    with pytest.raises(UserError, match="evaluation with the context 'full solution' shows a worked solution"):
        work.trainings.submit(shown)
    assert work.jobs.all() == [] and not (work.store.folder / "training").exists()


def test_the_same_training_runs_on_several_gpus(tmp_path: Path) -> None:
    assert launch_command(tmp_path) == [sys.executable, "-m", "backend.distill", str(tmp_path)]
    from accelerate.commands.launch import launch_command_parser

    python, _, module, *words = launch_command(tmp_path, 4)
    assert (python, module) == (sys.executable, "accelerate.commands.launch")
    read = launch_command_parser().parse_args(words)
    assert (read.num_processes, read.num_machines, read.mixed_precision) == (4, 1, "no")
    assert read.module and (read.training_script, read.training_script_args) == ("backend.distill", [str(tmp_path)])
