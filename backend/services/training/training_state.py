"""A training as people see it: where it stands, how it ended, and what its job says of it while it works.

Owns these values and words. Knows nothing of how a training is carried out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.domain import Job, JobState, Model, Training, visible
from backend.services.jobs import JobProgress
from backend.services.training.supervisor import CANCELLED, FAILED
from backend.services.training.training_specs import TrainingSpec
from backend.store.trainings import Standing


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """How a training ended: `state` is "done", "paused" or "failed" (then `reason` is a sentence); `models` are ids."""

    training_id: str
    state: str
    step: int
    reason: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainingInfo:
    """A training as a list shows it. `step` of `steps` is the last that was told; `models` are its checkpoints by step.

    `state` is queued, running, paused, done, failed or cancelled; `reason` says why it failed.
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


def state_of(job: Job | None, standing: Standing) -> str:
    """How its process ended tells most; where that is open, its job does."""
    if standing.outcome:
        return standing.outcome
    if job is None:
        return "queued" if standing.step is None else CANCELLED
    if not job.state.final:
        return "queued" if job.state is JobState.QUEUED else "running"
    return FAILED if job.state is JobState.FAILED else CANCELLED


class TrainingReporter:
    """Says in a job's line how far its one training is."""

    def __init__(self, progress: JobProgress, lexicon: str) -> None:
        """`lexicon` is the one whose cues are told."""
        self._progress, self._lexicon, self._steps, self._answered = progress, lexicon, 0, 0
        progress.note("starting the training process")

    def __call__(self, training: Training, event: Mapping[str, Any]) -> None:
        """Tell one event."""
        if event["k"] == "begin":
            self._steps, self._answered = int(event["steps"]), 0
            total, unit = (self._steps, "steps") if self._steps else (len(training.spec["evaluations"]), "evaluations")
            self._progress.begin(total, unit, int(event["step"]))
        elif event["k"] == "traces" and not self._steps:
            self._answered += 1
            self._progress.step(self._answered)
        elif event["k"] == "step" and self._steps:
            step = int(event["step"])
            self._progress.step(step, f"step {step} of {self._steps}{told(event['values'], self._lexicon)}")
        elif event["k"] == "note":
            self._progress.note(visible(str(event["text"]), 200))


def told(values: Mapping[str, Any], lexicon: str) -> str:
    """ ": 43 % right, 61 tokens, 1.2 cues a response", as far as it is known."""
    score, length, cues = values.get("score"), values.get("length"), (values.get("cues") or {}).get(lexicon)
    parts = [
        f"{100 * score:.0f} % right" if score is not None else "",
        f"{length:.0f} tokens" if length is not None else "",
        f"{cues:.1f} cues a response" if cues is not None else "",
    ]
    said = ", ".join(part for part in parts if part)
    return f": {said}" if said else ""
