"""A training job carried out: plan the training, supervise its process, record what it reports.

Pages ask for trainings in trainings.py; the worker and the reproduction of the paper carry them out here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backend.config import Settings
from backend.distill.train_plan import PLAN
from backend.domain import Model, Training, UserError, visible
from backend.grading.pool import GraderPool
from backend.job import Job
from backend.services.generation.models import ModelService
from backend.services.jobs import JobCancelled, JobProgress, environment
from backend.services.lexicons.catalog import LexiconService
from backend.services.training.planner import Planner
from backend.services.training.step_recorder import RecordedTraining, TrainingRecorder
from backend.services.training.supervisor import (
    CANCELLED,
    DONE,
    FAILED,
    PAUSED,
    OnEvent,
    PreparedTraining,
    TrainingSupervisor,
    record_rest,
)
from backend.services.training.training_process import Journal, TrainingProcess, launch_command
from backend.services.training.training_specs import TrainingSpec
from backend.store import Store
from backend.store.trainings import Standing

TRAININGS: Final = "training"
_SHARED: Final = "shared"


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """How a training ended: `state` is "done", "paused" or "failed"; `reason` is a sentence where it failed or taught
    nothing; `models` are ids.
    """

    training_id: str
    state: str
    step: int
    reason: str
    models: tuple[str, ...]


class TrainingRunner:
    """Carries out the trainings of one store."""

    # What starts a training process: its folder and the number of its processes -> a command. Tests replace it.
    launch: Callable[[Path, int], list[str]] = staticmethod(launch_command)

    def __init__(
        self, store: Store, settings: Settings, lexicons: LexiconService, models: ModelService, planner: Planner
    ) -> None:
        self._store, self._settings, self._lexicons = store, settings, lexicons
        self._models, self._planner = models, planner

    def carry_out(self, job: Job, progress: JobProgress) -> dict[str, Any]:
        """Train what a job names, or go on with it. Returns {"training", "step", "models", "runs"}, ids, the runs being
        the last step's evaluations; "paused" with the step where somebody wanted that, "untrained" with a sentence
        where it taught nothing.

        Raises UserError with the reason where it failed, and JobCancelled where it was cancelled.
        """
        training, _ = find_training(self._store, str(job.spec["training"]))
        # What came of it is read from the store, not from the process: the result is the same after a crash.
        try:
            (outcome,) = self.train([training], 1, progress, TrainingProgress(progress, self._lexicons.default))
        except JobCancelled:
            raise JobCancelled(self._result(training.id)) from None
        if outcome.state == FAILED:
            raise UserError(outcome.reason)
        more = {"paused": outcome.step} if outcome.state == PAUSED else {}
        return self._result(training.id) | more | ({"untrained": outcome.reason} if outcome.reason else {})

    def train(
        self, trainings: Sequence[Training], processes: int, progress: JobProgress, on_event: OnEvent | None = None
    ) -> list[TrainingOutcome]:
        """Train `processes` of `trainings` at once until all have ended; those that are done are not trained again.

        One that fails leaves the others alone. `on_event` gets every event once it is recorded. Raises JobCancelled
        once all processes are gone.
        """
        standings = self._store.trainings.standings()
        ends = {one.id: (DONE, standings[one.id].reason) for one in trainings if standings[one.id].outcome == DONE}
        # One pool for all: its processes are shared by trainings that run beside each other.
        with GraderPool(self._settings.graders) as graders:

            def begin(training: Training) -> PreparedTraining:
                return self._prepared(training, graders, progress)

            supervisor = TrainingSupervisor(
                self._store.trainings, begin, progress, on_event or (lambda _training, _event: None)
            )
            ends |= supervisor.carry_out([one for one in trainings if one.id not in ends], max(1, processes))
        results = [(self._result(one.id), *ends[one.id]) for one in trainings]
        return [
            TrainingOutcome(found["training"], state, found["step"], reason, tuple(found["models"]))
            for found, state, reason in results
        ]

    def settle(self, job: Job) -> dict[str, Any]:
        """The result of a job nobody goes on with; models that its training had just saved become known."""
        training = self._store.trainings.get(str(job.spec["training"]))
        if training is None:
            return {}
        if not self._store.trainings.standings()[training.id].outcome:
            # Without a plan no process was ever started; and planning may fail, which settling must not.
            if (training_folder(self._store, training.id) / PLAN).is_file():
                progress = JobProgress(self._store.jobs, job)
                prepared = self._prepared(training, GraderPool(self._settings.graders), progress)
                record_rest(prepared.journal, prepared.recorder)
            self._store.trainings.end(training.id, CANCELLED)
        return self._result(training.id)

    def _prepared(self, training: Training, graders: GraderPool, progress: JobProgress) -> PreparedTraining:
        """The plan, the recorder and the process of a training. Raises UserError where what it needs isn't there any
        more.
        """
        spec, folder = TrainingSpec.from_json(training.spec), training_folder(self._store, training.id)
        plan = self._planner.load_or_make(spec, folder, self._store.folder / TRAININGS / _SHARED)
        base = self._models.get(training.model)
        subject = RecordedTraining(
            training=training,
            spec=spec,
            plan=plan,
            folder=folder,
            base=base,
            base_parent=self._models.name_of(base.parent),
            tokenizer=self._models.tokenizer(base),
        )
        recorder = TrainingRecorder(self._store, self._lexicons, graders, subject, progress)
        return PreparedTraining(Journal(folder), recorder, lambda: self._start_process(spec, folder, plan.threads))

    def _start_process(self, spec: TrainingSpec, folder: Path, threads: int) -> TrainingProcess:
        env = environment(self._settings) | {"TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
        # torch reads it when it is imported. Trainings run beside each other and beside the app: with two threads each,
        # every small operation waits at a barrier, ten times as long as it computes.
        env["OMP_NUM_THREADS"] = str(threads or 1)
        return TrainingProcess(self.launch(folder, spec.processes), folder, env, launcher=spec.processes > 1)

    def _result(self, training_id: str) -> dict[str, Any]:
        found = self._store.trainings.evaluations(training_id)
        last = max((row.step for row in found), default=0)
        folder = training_folder(self._store, training_id)
        return {
            "training": training_id,
            "step": self._store.trainings.standings()[training_id].step or 0,
            "models": [model.id for model in checkpoints_in(folder, self._store.registry.models())],
            "runs": [row.run for row in found if row.step == last],
        }


class TrainingProgress:
    """Shows in a job's line how far its one training is."""

    def __init__(self, progress: JobProgress, lexicon: str) -> None:
        self._progress, self._lexicon, self._steps, self._answered = progress, lexicon, 0, 0
        progress.note("starting the training process")

    def __call__(self, training: Training, event: Mapping[str, Any]) -> None:
        """Show one event."""
        if event["k"] == "begin":
            self._steps, self._answered = int(event["steps"]), 0
            total, unit = (self._steps, "steps") if self._steps else (len(training.spec["evaluations"]), "evaluations")
            self._progress.begin(total, unit, int(event["step"]))
        elif event["k"] == "traces" and not self._steps:
            self._answered += 1
            self._progress.step(self._answered)
        elif event["k"] == "step" and self._steps:
            step = int(event["step"])
            self._progress.step(step, f"step {step} of {self._steps}{_rollout_figures(event['values'], self._lexicon)}")
        elif event["k"] == "note":
            self._progress.note(visible(str(event["text"]), 200))


def _rollout_figures(values: Mapping[str, Any], lexicon: str) -> str:
    """ ": 43 % right, 61 tokens, 1.2 cues a response", as far as it is known."""
    score, length, cues = values.get("score"), values.get("length"), (values.get("cues") or {}).get(lexicon)
    parts = [
        f"{100 * score:.0f} % right" if score is not None else "",
        f"{length:.0f} tokens" if length is not None else "",
        f"{cues:.1f} cues a response" if cues is not None else "",
    ]
    known = ", ".join(part for part in parts if part)
    return f": {known}" if known else ""


def training_folder(store: Store, training_id: str) -> Path:
    """Where a training's plan, journal, log and checkpoints lie."""
    return store.folder / TRAININGS / training_id


def checkpoints_in(folder: Path, models: Sequence[Model]) -> list[Model]:
    """Those of `models` that are checkpoints in a training's folder, by step."""
    own = [model for model in models if Path(model.location).parent == folder]
    return sorted(own, key=lambda model: int(model.location.rpartition("-")[2]))


def find_training(store: Store, training_id: str) -> tuple[Training, Standing]:
    """A training and how far it is. Raises UserError where there is none."""
    training, standings = store.trainings.get(training_id), store.trainings.standings()
    if training is None or training_id not in standings:
        raise UserError(f"There is no training {visible(training_id, 40)!r}: it was removed, or the name is wrong.")
    return training, standings[training_id]
