"""What is done for each kind of job, and what is kept of one that was cancelled and has to be ended from outside.

Owns the list of kinds and the import of files as a job. Importing this module loads no model library. Knows nothing of
processes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from backend.domain import Job, JobKind, UserError
from backend.engines.protocol import Engine, Family
from backend.services import Services
from backend.services.jobs import JobCancelled, JobProgress
from backend.services.traces.importer import ImportOutcome

Engines = Callable[[Family, str], Engine]
Result = dict[str, Any]


class JobHandler(NamedTuple):
    """How a kind of job is done. `settle` needs no engine and is quick; it is called once nobody works on the job."""

    carry_out: Callable[[Services, Job, Engines, JobProgress], Result]
    settle: Callable[[Services, Job], Result]


def carry_out(services: Services, job: Job, engines: Engines, progress: JobProgress) -> Result:
    """Do a job, or what is left of it; returns its result. Raises UserError, or JobCancelled where it was cancelled."""
    return TASKS[job.kind].carry_out(services, job, engines, progress)


def settle(services: Services, job: Job) -> Result:
    """Store what a cancelled job had finished; returns its result."""
    return TASKS[job.kind].settle(services, job)


def preload() -> None:
    """Load the libraries of the default engine ahead of the first job: seconds a person would wait for."""
    importlib.import_module("backend.engines.transformers.transformers_engine")


def _generate(services: Services, job: Job, engines: Engines, progress: JobProgress) -> Result:
    return services.generation.carry_out(job, engines, progress)


def _settle_generate(services: Services, job: Job) -> Result:
    return services.generation.settle(job)


def _score(services: Services, job: Job, engines: Engines, progress: JobProgress) -> Result:
    return services.scores.carry_out(job, engines, progress)


def _train(services: Services, job: Job, _engines: Engines, progress: JobProgress) -> Result:
    return services.training_runner.carry_out(job, progress)


def _settle_training(services: Services, job: Job) -> Result:
    return services.training_runner.settle(job)


def _reproduce(services: Services, job: Job, _engines: Engines, progress: JobProgress) -> Result:
    return services.reproduction.carry_out(job, progress)


def _settle_reproduce(services: Services, job: Job) -> Result:
    return services.reproduction.settle(job)


def _agree(services: Services, job: Job, _engines: Engines, progress: JobProgress) -> Result:
    return services.gamma.carry_out(job, progress)


def _detect(services: Services, job: Job, _engines: Engines, progress: JobProgress) -> Result:
    return services.detectors.carry_out(job, progress)


def _import(services: Services, job: Job, _engines: Engines, progress: JobProgress) -> Result:
    """Import the files and folders of a job. A source is stored whole or not at all, so a cancelled one leaves none."""
    plan = services.imports.plan([Path(path) for path in job.spec["paths"]])
    tokenizer = Path(job.spec["tokenizer"]) if job.spec.get("tokenizer") else None
    for skipped in plan.skipped:
        progress.log(f"Skipped {skipped.file}: {skipped.reason}.")
    outcomes = [ImportOutcome("failed", str(problem)) for problem in plan.failed]
    before, sizes = 0, [source.size for source in plan.sources]
    progress.begin(sum(sizes), "bytes")

    def on_progress(done: int, _size: int, what: str) -> None:
        if progress.cancelled():
            raise JobCancelled(_stored(outcomes))
        progress.step(before + done, f"reading {what}")

    taken = services.imports.take(plan.sources, tokenizer=tokenizer, on_progress=on_progress)
    for size in sizes:
        if progress.cancelled():
            raise JobCancelled(_stored(outcomes))
        outcomes.append(next(taken))
        progress.log(outcomes[-1].sentence, "error" if outcomes[-1].state == "failed" else "info")
        before += size
        progress.step(before)
    return _told(outcomes)


def _stored(outcomes: list[ImportOutcome]) -> Result:
    return {
        "runs": [outcome.run for outcome in outcomes if outcome.run],
        "problem_sets": [outcome.problem_set for outcome in outcomes if outcome.problem_set],
        "failed": [outcome.sentence for outcome in outcomes if outcome.state == "failed"],
    }


def _told(outcomes: list[ImportOutcome]) -> Result:
    """The result. Raises UserError where nothing could be taken in."""
    result = _stored(outcomes)
    if result["runs"] or result["problem_sets"]:
        return result
    if not outcomes:
        raise UserError("There is nothing to import: no file of a known format lies there.")
    more = f" ({len(outcomes) - 1} more failed; see the job's log.)" if len(outcomes) > 1 else ""
    raise UserError(f"{outcomes[0].sentence}{more}")


def _nothing(_services: Services, _job: Job) -> Result:
    """There is nothing half-made: such a job stores its parts as it goes."""
    return {}


TASKS: Final[dict[JobKind, JobHandler]] = {
    JobKind.GENERATE: JobHandler(_generate, _settle_generate),
    JobKind.EVALUATE: JobHandler(_generate, _settle_generate),
    JobKind.SCORE: JobHandler(_score, _nothing),
    JobKind.IMPORT: JobHandler(_import, _nothing),
    JobKind.DISTILL: JobHandler(_train, _settle_training),
    JobKind.REPRODUCE: JobHandler(_reproduce, _settle_reproduce),
    JobKind.AGREE: JobHandler(_agree, _nothing),
    JobKind.DETECT: JobHandler(_detect, _nothing),
}
