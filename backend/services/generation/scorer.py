"""Teacher-forced scoring of stored traces: every token's log-probability under a model and a context.

Owns which traces are scored and where the scores are stored.
"""

from collections.abc import Callable
from typing import Any

from backend.domain import UserError, bare_question, visible
from backend.engines.protocol import Engine, Family
from backend.job import Job, JobKind, Lane
from backend.services.generation.models import ModelService
from backend.services.generation.problems import Problem, ProblemService
from backend.services.generation.prompts import Turns
from backend.services.generation.specs import ScoreSpec
from backend.services.jobs import JobCancelled, JobProgress, JobService
from backend.services.traces.run_builder import Scored, token_row
from backend.store import Store
from backend.store.parts import PartWriter

_PART = 64  # traces whose scores are written together: what a crash may cost


class ScoreService:
    """Scores stored runs."""

    def __init__(self, store: Store, models: ModelService, problems: ProblemService, jobs: JobService) -> None:
        self._store, self._models, self._problems, self._jobs = store, models, problems, jobs

    def submit(self, spec: ScoreSpec) -> Job:
        """Check what is asked for and queue it. Raises UserError where it can't be done."""
        run = self._store.ledger.find_run(spec.run)
        if run is None:
            raise UserError(f"There is no run {visible(spec.run, 40)} in this store.")
        model = self._models.ready(spec.model)
        if not 0 <= spec.top <= 20:
            raise UserError(f"The alternatives a token can't be {spec.top}: they have to lie between 0 and 20.")
        shown = "" if spec.context.value == "none" else f", shown the {spec.context.value}"
        title = f"{visible(run.label)} read by {visible(model.name)}{shown}"
        return self._jobs.submit(JobKind.SCORE, title, spec.to_json(), Lane.BATCH)

    def carry_out(self, job: Job, engines: Callable[[Family, str], Engine], progress: JobProgress) -> dict[str, Any]:
        """Score the run's traces, or those that aren't yet. Returns {"runs": [its id], "scored": n}.

        Raises UserError for what a person can mend, and JobCancelled after storing what is finished.
        """
        spec = ScoreSpec.from_json(job.spec)
        model = self._models.get(spec.model)
        engine = engines(self._models.family([model]), "auto")
        if not engine.abilities.scoring:
            raise UserError(f"The engine {engine.abilities.name} can't score: choose a model that can be loaded here.")
        # An attempt that was cut off left whole parts: only the traces that none of them holds are scored.
        done = self._scored(spec, model.name)
        rows = [row for row in self._store.queries.texts(spec.run) if row["trace_id"] not in done][: spec.limit]
        progress.begin(len(done) + len(rows), "traces", len(done))
        found: list[dict[str, Any]] = []
        for i, row in enumerate(rows, 1):
            if progress.cancelled():
                break
            tokens = engine.score(model.name, self._turn(spec, model.name, row), row["text"], top=spec.top)
            scored = Scored(model.name, spec.context.value, False, tokens)
            found.append(token_row(row["trace_id"], spec.run, scored))
            if len(found) == _PART:
                self._write(spec.run, found)
                found = []
            progress.step(len(done) + i)
        self._write(spec.run, found)
        result = {"runs": [spec.run], "scored": len(self._scored(spec, model.name))}
        if progress.cancelled():
            raise JobCancelled(result)
        return result

    def _turn(self, spec: ScoreSpec, model: str, row: dict[str, Any]) -> str:
        # Built anew, not the stored prompt: the context asked for may not be the one the trace was written under.
        trace = self._store.queries.trace(row["trace_id"])
        if trace is None:
            raise UserError(f"The run {visible(spec.run)} was deleted meanwhile.")
        problem = Problem(bare_question(trace["question"]), trace["gold"], "stored")
        return Turns([problem], self._problems).of(spec.context, model)[0]

    def _scored(self, spec: ScoreSpec, model: str) -> set[str]:
        return self._store.queries.scored(spec.run, model, spec.context.value)

    def _write(self, run: str, rows: list[dict[str, Any]]) -> None:
        with PartWriter(self._store.folder, run) as writer:
            writer.write("tokens", rows)
            # Registering fails where the run was deleted meanwhile, and the part is removed again.
            if not writer.register(lambda parts: self._store.ledger.add_matches(run, parts, {})):
                raise UserError("The run was deleted while it was being scored.")
