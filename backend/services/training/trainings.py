"""Distillation trainings as pages ask for them: submitted, paused, resumed, removed, listed, looked at.

run.py carries them out.
"""

import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.annotation import Role
from backend.domain import Model, SectionSpan, Training, UserError, visible
from backend.job import Job, JobKind, JobState, Lane
from backend.lexicon.sections import split_sections
from backend.services.access.authorization import needs
from backend.services.generation.models import ModelService
from backend.services.jobs import JobService
from backend.services.training.planner import Planner
from backend.services.training.run import checkpoints_in, find_training, training_folder
from backend.services.training.supervisor import CANCELLED, DONE, FAILED
from backend.services.training.training_presets import TrainingPreset, training_presets
from backend.services.training.training_specs import TrainingSpec
from backend.store import Store
from backend.store.parts import disk_errors
from backend.store.trainings import EvaluationRow, RolloutRow, Standing, StepRow

PAUSE: Final = "pause"


@dataclass(frozen=True, slots=True)
class TrainingInfo:
    """A training as a list shows it. `step` of `steps` is the last recorded one; `models` are its checkpoints by step.

    `state` is queued, running, paused, done, failed or cancelled; `reason` says why it failed or taught nothing.
    """

    training: Training
    spec: TrainingSpec
    base: Model | None
    job: Job | None
    step: int
    steps: int
    state: str
    models: list[Model]
    reason: str = ""


class TrainingService:
    """Trainings of one store."""

    def __init__(self, store: Store, models: ModelService, jobs: JobService, planner: Planner) -> None:
        self._store, self._models, self._jobs, self._planner = store, models, jobs, planner

    # -- asking -------------------------------------------------------------------------------------

    def presets(self) -> list[TrainingPreset]:
        """Trainings ready to start, those whose models are there."""
        return training_presets({info.model.name: info.model.id for info in self._models.all() if info.ready})

    def check(self, spec: TrainingSpec) -> None:
        """Raise UserError, before anything is begun, where `spec` can't be carried out."""
        self._planner.check(spec)

    @needs(Role.ADMIN)
    def start(self, spec: TrainingSpec, part: str = "") -> Training:
        """Enter a training without a job; where `part` of a recipe has one already, that one is returned.

        Raises UserError like `check`.
        """
        if found := self._store.trainings.of_part(part):
            return found
        self.check(spec)
        base = self._models.get(spec.model)
        identity = uuid.uuid4().hex
        name = " ".join(spec.name.split()) or f"{base.name[:40]} · {spec.what}"
        if name in {training.name for training in self._store.trainings.all()}:
            name = f"{name} ({identity[:4]})"
        training = Training(identity, name, base.id, spec.to_json(), part=part)
        return self._store.trainings.add(training)

    def submit(self, spec: TrainingSpec, part: str = "") -> Job:
        """Check what is asked for and queue it. Raises UserError, with nothing begun, where it can't be done."""
        return self._queue(self.start(spec, part), spec)

    @needs(Role.ADMIN)
    def pause(self, training_id: str) -> None:
        """Have a training save a checkpoint and end, to go on later. Raises UserError where it isn't at work."""
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
        # A pause asked for before must not end it again, nor its old end count as the new one.
        self._store.trainings.wish(training_id, "")
        self._store.trainings.end(training_id, "")
        return self._queue(info.training, info.spec)

    @needs(Role.ADMIN)
    def remove(self, training_id: str) -> None:
        """Remove a training with its checkpoints and their models; its traces stay.

        Raises UserError where it is at work, or where something is built on one of its models.
        """
        info = self.get(training_id)
        name = visible(info.training.name, 80)
        if info.state in ("queued", "running") and info.job and not info.job.state.final:
            raise UserError(f"{name} is {info.state}: cancel it first.")
        # An adapter needs its base's files, and a training that was paused its base to go on.
        own = {model.id for model in info.models}
        sitting = [m.name for m in self._store.registry.models() if m.base in own and m.id not in own]
        taught = [other.training.name for other in self.all() if other.training.model in own and other.state != DONE]
        if used := sitting or taught:
            raise UserError(f"{name} can't be removed: {visible(', '.join(used), 200)} is built on one of its models.")
        # Models first: one whose files are gone would be offered, and fail.
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
        training, standing = find_training(self._store, training_id)
        return self._info(training, standing, self._store.registry.models())

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
        """The figures of evaluations, by step."""
        return self._store.trainings.evaluations(training_id)

    def folder(self, training_id: str) -> Path:
        """Where a training's plan, log and checkpoints lie."""
        return training_folder(self._store, training_id)

    # -- inside -------------------------------------------------------------------------------------

    def _queue(self, training: Training, spec: TrainingSpec) -> Job:
        amount = f"{spec.settings.steps:,} steps" if spec.settings.steps else f"{len(spec.evaluations)} evaluations"
        title = f"{visible(training.name, 120)} · {amount}"
        job = self._jobs.submit(JobKind.DISTILL, title, {"training": training.id}, Lane.BATCH)
        self._store.trainings.set_job(training.id, job.id)
        return job

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
            state=_state(job, standing),
            models=checkpoints_in(self.folder(training.id), models),
            reason=standing.reason or (job.error if job and not standing.outcome else ""),
        )


def _state(job: Job | None, standing: Standing) -> str:
    # How its process ended tells most; a job may be done whose training was paused.
    if standing.outcome:
        return standing.outcome
    if job is None:
        return "queued" if standing.step is None else CANCELLED
    if not job.state.final:
        return "queued" if job.state is JobState.QUEUED else "running"
    return FAILED if job.state is JobState.FAILED else CANCELLED
