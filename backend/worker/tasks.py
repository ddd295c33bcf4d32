"""Handlers by kind of job: how it is carried out, and what is kept of one that was cancelled and ended from outside.

Owns the table of kinds and the import of files as a job. Importing this module loads no model library.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from backend.domain import UserError
from backend.engines.protocol import Engine, Family
from backend.job import Job, JobKind
from backend.services import Services
from backend.services.jobs import JobCancelled, JobProgress
from backend.services.traces.importer import outcomes_of
from backend.services.traces.run_fields import corrected_source
from backend.services.traces.source_importer import ImportOutcome, identity_of

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


def _import(services: Services, job: Job, _engines: Engines, progress: JobProgress) -> Result:
    """Import the files and folders of a job, each whole or not at all."""
    spec = job.spec
    mappings = {tuple(map(Path, files)): said for files, said in spec.get("mappings", ())}
    plan = services.imports.plan_mapped([Path(path) for path in spec["paths"]], mappings)
    tokenizer = Path(spec["tokenizer"]) if spec.get("tokenizer") else None
    outcomes = list(outcomes_of(plan))
    for outcome in outcomes:
        progress.log(outcome.sentence, "info" if outcome.state == "skipped" else "error")
    sources, chosen = plan.sources, spec.get("chosen")
    if chosen is not None:
        there = [identity_of(source) for source in sources]
        found = zip(sources, there, strict=True)
        sources = [corrected_source(source, chosen[key]) for source, key in found if key in chosen]
        if lost := len(set(chosen) - set(there)):
            outcomes.append(ImportOutcome("failed", f"{lost:,} of the chosen sources changed, or went, meanwhile."))
            progress.log(outcomes[-1].sentence, "error")
    before, sizes = 0, [source.size for source in sources]
    progress.begin(sum(sizes), "bytes")

    def on_progress(done: int, _size: int, what: str) -> None:
        if progress.cancelled():
            raise JobCancelled(_stored(outcomes))
        progress.step(before + done, f"reading {what}")

    taken = services.imports.take(sources, tokenizer=tokenizer, on_progress=on_progress)
    for size in sizes:
        if progress.cancelled():
            raise JobCancelled(_stored(outcomes))
        outcomes.append(next(taken))
        progress.log(outcomes[-1].sentence, "error" if outcomes[-1].state == "failed" else "info")
        before += size
        progress.step(before)
    return _result(outcomes)


def _stored(outcomes: list[ImportOutcome]) -> Result:
    return {
        "runs": [outcome.run for outcome in outcomes if outcome.run],
        "problem_sets": [outcome.problem_set for outcome in outcomes if outcome.problem_set],
        "failed": [outcome.sentence for outcome in outcomes if outcome.state in ("failed", "asked")],
    }


def _result(outcomes: list[ImportOutcome]) -> Result:
    """The job's result. Raises UserError where nothing could be imported."""
    result = _stored(outcomes)
    if result["runs"] or result["problem_sets"]:
        return result
    if not result["failed"]:
        raise UserError("There is nothing to import: no file of a known format lies there.")
    more = f" ({len(result['failed']) - 1} more failed; see the job's log.)" if len(result["failed"]) > 1 else ""
    raise UserError(f"{result['failed'][0]}{more}")


def _nothing(_services: Services, _job: Job) -> Result:
    """Nothing is half-made: such a job stores its parts as it goes."""
    return {}


_GENERATE: Final = JobHandler(
    lambda services, job, engines, progress: services.generation.carry_out(job, engines, progress),
    lambda services, job: services.generation.settle(job),
)

TASKS: Final[dict[JobKind, JobHandler]] = {
    JobKind.GENERATE: _GENERATE,
    JobKind.EVALUATE: _GENERATE,
    JobKind.SCORE: JobHandler(
        lambda services, job, engines, progress: services.scores.carry_out(job, engines, progress), _nothing
    ),
    JobKind.IMPORT: JobHandler(_import, _nothing),
    JobKind.REFRESH: JobHandler(
        lambda services, job, _engines, progress: services.refresh.carry_out(job, progress), _nothing
    ),
    JobKind.WATCH: JobHandler(
        lambda services, job, _engines, progress: services.watches.carry_out(job, progress),
        lambda services, job: services.watches.settle(job),
    ),
    # Trainings open no engine here: each is a process of its own.
    JobKind.DISTILL: JobHandler(
        lambda services, job, _engines, progress: services.training_runner.carry_out(job, progress),
        lambda services, job: services.training_runner.settle(job),
    ),
    JobKind.REPRODUCE: JobHandler(
        lambda services, job, _engines, progress: services.reproduction.carry_out(job, progress),
        lambda services, job: services.reproduction.settle(job),
    ),
    JobKind.AGREE: JobHandler(
        lambda services, job, _engines, progress: services.gamma.carry_out(job, progress), _nothing
    ),
    JobKind.DETECT: JobHandler(
        lambda services, job, _engines, progress: services.detectors.carry_out(job, progress), _nothing
    ),
}
