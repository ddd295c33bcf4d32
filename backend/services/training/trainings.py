"""Distillation on demand: a training is asked for, carried out by a worker, paused, gone on with, looked at, removed.

Owns the folder of a training and what comes of its job. Knows nothing of trainers, of
engines or of pages.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from backend.annotation import Role
from backend.config import Settings
from backend.distill.train_plan import PLAN
from backend.domain import Job, JobKind, Lane, Model, SectionSpan, Training, UserError, visible
from backend.grading.pool import GraderPool
from backend.lexicon.sections import split_sections
from backend.services.access.authorization import needs
from backend.services.generation.models import ModelService
from backend.services.generation.problems import ProblemService
from backend.services.jobs import JobCancelled, JobProgress, JobService, environment
from backend.services.lexicons.catalog import LexiconService
from backend.services.training.planner import Planner
from backend.services.training.step_recorder import Recorder, Subject
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
from backend.services.training.training_presets import TrainingPreset, training_presets
from backend.services.training.training_process import Journal, TrainingProcess, launch_command
from backend.services.training.training_specs import TrainingSpec
from backend.services.training.training_state import TrainingInfo, TrainingOutcome, TrainingReporter, state_of
from backend.store import Store
from backend.store.parts import disk_errors
from backend.store.trainings import EvaluationRow, RolloutRow, Standing, StepRow

FOLDER: Final = "training"
_SHARED: Final = "shared"
PAUSE: Final = "pause"


class TrainingService:
    """Trainings of one store."""

    # What starts a training process: its folder and the number of its processes -> a command.
    launch: Callable[[Path, int], list[str]] = staticmethod(launch_command)

    def __init__(
        self,
        store: Store,
        settings: Settings,
        lexicons: LexiconService,
        models: ModelService,
        problems: ProblemService,
        jobs: JobService,
        graders: int,
    ) -> None:
        """`graders` processes grade answers; `settings` are handed on to training processes."""
        self._store, self._settings, self._lexicons = store, settings, lexicons
        self._models, self._jobs, self._graders = models, jobs, graders
        self._planner = Planner(settings, models, problems)

    # -- asking -------------------------------------------------------------------------------------

    def presets(self) -> list[TrainingPreset]:
        """Trainings ready to start, those whose models are there."""
        return training_presets({info.model.name: info.model.id for info in self._models.all() if info.ready})

    def check(self, spec: TrainingSpec) -> None:
        """Raise UserError, before anything is begun, where `spec` can't be carried out."""
        self._planner.check(spec)

    @needs(Role.ADMIN)
    def start(self, spec: TrainingSpec, part: str = "") -> Training:
        """Enter a training without a job for it. One that `part` of a recipe has already is given back as it is.

        Raises UserError like `check`.
        """
        if found := self._store.trainings.of_part(part):
            return found
        self.check(spec)
        base = self._models.get(spec.model)
        identity = uuid.uuid4().hex
        training = Training(identity, self._free_name(spec, base, identity), base.id, spec.to_json(), part=part)
        return self._store.trainings.add(training)

    def submit(self, spec: TrainingSpec, part: str = "") -> Job:
        """Check what is asked for and queue it. Raises UserError, with nothing begun, where it can't be done."""
        return self._queue(self.start(spec, part), spec)

    @needs(Role.ADMIN)
    def pause(self, training_id: str) -> None:
        """Have a training save where it is and end; it can go on from there. Raises UserError where it isn't."""
        info = self.get(training_id)
        if info.state not in ("queued", "running"):
            name = visible(info.training.name, 80)
            raise UserError(f"{name} is {info.state}: only a training at work can be paused.")
        self._store.trainings.wish(training_id, PAUSE)

    @needs(Role.ADMIN)
    def resume(self, training_id: str) -> Job:
        """Queue a training again; it goes on from its last checkpoint. Raises UserError where it is at work or done."""
        info = self.get(training_id)
        if info.job and not info.job.state.final:
            raise UserError(f"{visible(info.training.name, 80)} is {info.state} already.")
        if info.state == DONE:
            raise UserError(f"{visible(info.training.name, 80)} is finished: there is nothing left to go on with.")
        self._store.trainings.wish(training_id, "")
        self._store.trainings.end(training_id, "")
        return self._queue(info.training, info.spec)

    @needs(Role.ADMIN)
    def remove(self, training_id: str) -> None:
        """Remove a training with its checkpoints and their models; its traces stay. Raises UserError where it is at
        work, or something is built on one of its models.
        """
        info = self.get(training_id)
        name = visible(info.training.name, 80)
        if info.state in ("queued", "running") and info.job and not info.job.state.final:
            raise UserError(f"{name} is {info.state}: cancel it first.")
        own = {model.id for model in info.models}
        sitting = [m.name for m in self._store.registry.models() if m.base in own and m.id not in own]
        taught = [other.training.name for other in self.all() if other.training.model in own and other.state != DONE]
        if used := sitting or taught:
            raise UserError(f"{name} can't be removed: {visible(', '.join(used), 200)} is built on one of its models.")
        for model in info.models:
            self._store.registry.remove_model(model.id)
        with disk_errors():
            shutil.rmtree(self.folder(training_id), ignore_errors=True)
        self._store.trainings.forget(training_id)

    # -- looking ------------------------------------------------------------------------------------

    def all(self) -> list[TrainingInfo]:
        """Every training, the newest first."""
        standings, models = self._store.trainings.standings(), self._store.registry.models()
        found = [one for one in self._store.trainings.all() if one.id in standings]
        return [self._info(one, standings[one.id], models) for one in found]

    def get(self, training_id: str) -> TrainingInfo:
        """One training. Raises UserError where there is none."""
        training, standings = self._store.trainings.get(training_id), self._store.trainings.standings()
        if training is None or training_id not in standings:
            raise UserError(f"There is no training {visible(training_id, 40)!r}: it was removed, or the name is wrong.")
        return self._info(training, standings[training_id], self._store.registry.models())

    def steps(self, training_id: str, after: int = -1) -> list[StepRow]:
        """The figures of the steps after number `after`, in order."""
        return self._store.trainings.steps(training_id, after)

    def rollouts(self, training_id: str, step: int) -> RolloutRow | None:
        """Responses of the latest step up to `step` that kept some."""
        return self._store.trainings.rollouts(training_id, step)

    def sections(self, text: str) -> tuple[SectionSpan, ...]:
        """Which parts of a rollout are thinking and which the answer; offsets are code points."""
        return split_sections(text)

    def rollout_steps(self, training_id: str) -> list[int]:
        """The steps at which watched problems were answered."""
        return self._store.trainings.rollout_steps(training_id)

    def evaluations(self, training_id: str) -> list[EvaluationRow]:
        """What evaluations found, by step."""
        return self._store.trainings.evaluations(training_id)

    def folder(self, training_id: str) -> Path:
        """Where a training's plan, log and checkpoints lie."""
        return self._store.folder / FOLDER / training_id

    # -- doing --------------------------------------------------------------------------------------

    def carry_out(self, job: Job, progress: JobProgress) -> dict[str, Any]:
        """Train what a job names, or go on with it. Returns {"training", "step", "models", "runs"}, ids, the runs being
        the last step's evaluations; and "paused" with the step where somebody wanted that.

        Raises UserError with the reason where it failed, and JobCancelled where it was cancelled.
        """
        training = self.get(str(job.spec["training"])).training
        try:
            (outcome,) = self.carry_out_many(
                [training], 1, progress, TrainingReporter(progress, self._lexicons.default)
            )
        except JobCancelled:
            raise JobCancelled(self._result(training.id)) from None
        if outcome.state == FAILED:
            raise UserError(outcome.reason)
        paused = {"paused": outcome.step} if outcome.state == PAUSED else {}
        return self._result(training.id) | paused

    def settle(self, job: Job) -> dict[str, Any]:
        """The result of a job nobody goes on with; models that its training had just saved become known."""
        training = self._store.trainings.get(str(job.spec["training"]))
        if training is None:
            return {}
        if not self._store.trainings.standings()[training.id].outcome:
            if (self.folder(training.id) / PLAN).is_file():
                progress = JobProgress(self._store.jobs, job)
                prepared = self._prepared(training, GraderPool(self._graders), progress)
                record_rest(prepared.journal, prepared.recorder)
            self._store.trainings.end(training.id, CANCELLED)
        return self._result(training.id)

    def carry_out_many(
        self, trainings: Sequence[Training], processes: int, progress: JobProgress, on_event: OnEvent | None = None
    ) -> list[TrainingOutcome]:
        """Train `processes` of `trainings` at once until all have ended; those that are done are not trained again.

        One that fails leaves the others alone. `on_event` is told what each says. Raises JobCancelled once all
        processes are gone.
        """
        standings = self._store.trainings.standings()
        ends = {one.id: (DONE, "") for one in trainings if standings[one.id].outcome == DONE}
        with GraderPool(self._graders) as graders:

            def prepare(training: Training) -> PreparedTraining:
                return self._prepared(training, graders, progress)

            on_event = on_event or (lambda _training, _event: None)
            supervisor = TrainingSupervisor(self._store.trainings, prepare, progress, on_event)
            ends |= supervisor.carry_out([one for one in trainings if one.id not in ends], max(1, processes))
        return [self._outcome(one.id, *ends[one.id]) for one in trainings]

    # -- inside -------------------------------------------------------------------------------------

    def _queue(self, training: Training, spec: TrainingSpec) -> Job:
        amount = f"{spec.settings.steps:,} steps" if spec.settings.steps else f"{len(spec.evaluations)} evaluations"
        title = f"{visible(training.name, 120)} · {amount}"
        job = self._jobs.submit(JobKind.DISTILL, title, {"training": training.id}, Lane.BATCH)
        self._store.trainings.set_job(training.id, job.id)
        return job

    def _free_name(self, spec: TrainingSpec, base: Model, identity: str) -> str:
        """The name asked for, or one that says what is done; with a few letters behind it where it is taken."""
        name = " ".join(spec.name.split()) or f"{base.name[:40]} · {spec.what}"
        taken = {training.name for training in self._store.trainings.all()}
        return f"{name} ({identity[:4]})" if name in taken else name

    def _prepared(self, training: Training, graders: GraderPool, progress: JobProgress) -> PreparedTraining:
        """What carrying out a training takes. Raises UserError where what it needs isn't there any more."""
        spec, folder = TrainingSpec.from_json(training.spec), self.folder(training.id)
        plan = self._planner.kept(spec, folder, self._store.folder / FOLDER / _SHARED)
        base = self._models.get(training.model)
        subject = Subject(
            training=training,
            spec=spec,
            plan=plan,
            folder=folder,
            base=base,
            base_parent=self._models.name_of(base.parent),
            tokenizer=self._models.tokenizer(base),
        )
        recorder = Recorder(self._store, self._lexicons, graders, subject, progress, progress.check)
        return PreparedTraining(Journal(folder), recorder, lambda: self._start_process(spec, folder, plan.threads))

    def _start_process(self, spec: TrainingSpec, folder: Path, threads: int) -> TrainingProcess:
        env = environment(self._settings) | {"TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
        env["OMP_NUM_THREADS"] = str(threads or 1)
        return TrainingProcess(self.launch(folder, spec.processes), folder, env, launcher=spec.processes > 1)

    def _outcome(self, training_id: str, state: str, reason: str) -> TrainingOutcome:
        result = self._result(training_id)
        return TrainingOutcome(training_id, state, result["step"], reason, tuple(result["models"]))

    def _result(self, training_id: str) -> dict[str, Any]:
        found = self._store.trainings.evaluations(training_id)
        last = max((row.step for row in found), default=0)
        return {
            "training": training_id,
            "step": self._store.trainings.standings()[training_id].step or 0,
            "models": [model.id for model in self._models_of(training_id, self._store.registry.models())],
            "runs": [row.run for row in found if row.step == last],
        }

    def _models_of(self, training_id: str, models: Sequence[Model]) -> list[Model]:
        folder = self.folder(training_id)
        own = [model for model in models if Path(model.location).parent == folder]
        return sorted(own, key=lambda model: int(model.location.rpartition("-")[2]))

    def _info(self, training: Training, standing: Standing, models: Sequence[Model]) -> TrainingInfo:
        job = self._store.jobs.get(training.job) if training.job else None
        spec = TrainingSpec.from_json(training.spec)
        base = next((model for model in models if model.id == training.model), None)
        return TrainingInfo(
            training=training,
            spec=spec,
            base=base,
            job=job,
            step=standing.step or 0,
            steps=spec.settings.steps,
            state=state_of(job, standing),
            models=self._models_of(training.id, models),
            reason=standing.reason or (job.error if job and not standing.outcome else ""),
        )
