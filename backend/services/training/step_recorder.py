"""The recorder of a training's events: steps become rows, evaluations runs, checkpoints models.

Owns the identity of an evaluation's run and of a checkpoint's model, so that an event that comes twice is entered once.
"""

import dataclasses
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from backend.distill.arguments import save_steps
from backend.distill.train_plan import Evaluation, TrainPlan
from backend.domain import (
    GRADERS,
    TRAINING,
    Finish,
    Model,
    ModelKind,
    Run,
    RunInfo,
    Sampling,
    SourceRef,
    TraceDraft,
    Training,
    digest,
    visible,
)
from backend.grading.pool import GraderPool
from backend.grading.rules import Response
from backend.measure.bootstrap import Estimate
from backend.measure.confidence import falsely_confident
from backend.measure.cues import fraction
from backend.measure.run_figures import density_estimate, known_share
from backend.services.jobs import JobProgress
from backend.services.lexicons.catalog import LexiconService
from backend.services.traces.problem_rows import by_problem, grader_accuracy
from backend.services.traces.run_builder import RunBuilder
from backend.services.training.training_specs import SEEN, TrainingSpec
from backend.services.training.untrained import sentence, why_untrained
from backend.store import Store
from backend.store.ledger import SourceRow
from backend.store.parts import PartWriter
from backend.store.trace_filters import VERDICTS
from backend.store.trainings import EvaluationRow

Event = Mapping[str, Any]
Figure = list[float | int | None]  # value, low, high, number of problems

_RIGHT = VERDICTS[GRADERS[0]]
_ANSWER = _RIGHT.replace("correct", "answer")


@dataclass(frozen=True, slots=True)
class RecordedTraining:
    """The training that is recorded. `base_parent` is the name of the model the base was trained from, `tokenizer` the
    identity of the base's tokenizer.
    """

    training: Training
    spec: TrainingSpec
    plan: TrainPlan
    folder: Path
    base: Model
    base_parent: str | None
    tokenizer: str | None

    @property
    def steps(self) -> int:
        """The number of steps in all."""
        return self.spec.settings.steps

    def name_at(self, step: int) -> str:
        """The model's name after `step`."""
        return f"{self.training.name} · step {step}" if step else self.base.name

    def model_at(self, step: int) -> str | None:
        """The id of the model after `step`; None where no checkpoint is made then."""
        if step == 0:
            return self.base.id
        # The run of an evaluation names its model before the checkpoint's event comes, or where none ever will.
        kept = step == self.steps or step % save_steps(self.plan) == 0
        return digest("checkpoint", self.training.id, str(step), size=6) if kept else None


class TrainingRecorder:
    """Records the events of one training."""

    def __init__(
        self,
        store: Store,
        lexicons: LexiconService,
        graders: GraderPool,
        subject: RecordedTraining,
        progress: JobProgress,
    ) -> None:
        """A cancelled job ends the grading of traces with JobCancelled, and nothing of them is stored."""
        self._store, self._lexicons, self._graders = store, lexicons, graders
        self._subject, self._progress = subject, progress
        self._training = subject.training

    def take(self, event: Event) -> None:
        """Record one event; events of kinds that aren't stored are ignored."""
        if event["k"] == "begin":
            self._begin(event)
        elif event["k"] == "step":
            values, responses = _finite(event["values"]), (_finite(event["sampled"]), _finite(event["watched"]))
            self._store.trainings.put_step(self._training.id, int(event["step"]), values, *responses)
        elif event["k"] == "traces":
            self._traces(event)
        elif event["k"] == "checkpoint":
            self._enter_model(int(event["step"]), str(event["folder"]))
        elif event["k"] == "note":
            self._progress.log(self._named(str(event["text"])))

    def take_last(self, event: Event) -> None:
        """Record an event of a process that was ended, if that is quickly done."""
        # A checkpoint on the disk must be known as a model. Traces have to be graded: they wait for whoever goes on.
        if event["k"] in ("step", "checkpoint"):
            self.take(event)

    def conclusion(self) -> str:
        """A sentence on a training that has come to its end without having taught anything, "" on others."""
        subject = self._subject
        clause = self._untrained(subject.steps, f"checkpoint-{subject.steps}")
        return sentence(clause, self._updates(subject.steps), subject.spec.settings) if clause else ""

    def _untrained(self, step: int, folder: str) -> str:
        return why_untrained(self._subject.folder / folder, self._updates(step)) if step else ""

    def _updates(self, step: int) -> list[Mapping[str, Any]]:
        return [row.values for row in self._store.trainings.steps(self._training.id, 0) if row.step <= step]

    def _named(self, text: str) -> str:
        return f"{visible(self._training.name, 80)}: {visible(text)}"

    def _begin(self, event: Event) -> None:
        # An earlier process may have gone further than its last checkpoint: those steps come again. And it may have
        # been killed after writing the checkpoint, before its event was read.
        step = int(event["step"])
        self._store.trainings.cut(self._training.id, step)
        if step and (self._subject.folder / f"checkpoint-{step}").is_dir():
            self._enter_model(step, f"checkpoint-{step}")
        self._store.streams.append(self._progress.job, [{**event, "training": self._training.id}])
        where = f"begins at step {step} of {event['steps']} on {event['device']}, with {event['train']:,} to learn from"
        self._progress.log(self._named(where))

    # -- evaluations --------------------------------------------------------------------------------

    def _traces(self, event: Event) -> None:
        step, asked = int(event["step"]), self._subject.plan.evaluations[event["evaluation"]]
        identity = self._run_id(step, event)
        # The event may come a second time, after a crash between storing the run and remembering the event as read.
        run = self._store.ledger.find_run(identity) or self._store_run(identity, step, asked, event["traces"])
        self._progress.check()
        found = evaluation_figures(self._store, self._lexicons, run)
        row = EvaluationRow(step, asked.name, asked.context, identity, found)
        self._store.trainings.put_evaluation(self._training.id, row)

    def _run_id(self, step: int, event: Event) -> str:
        number = int(event["evaluation"])
        if step:
            return digest("training", self._training.id, str(step), str(number), size=6)
        # Before the first step it is the base that answers: all trainings that ask the same of it share the run.
        asked = self._subject.plan.evaluations[number]
        items = orjson.dumps([dataclasses.astuple(item) for item in asked.items]).decode()
        places = orjson.dumps([[t["problem"], t["sample"], t["seed"]] for t in event["traces"]]).decode()
        drawn = f"{asked.temperature} {self._subject.spec.settings.max_tokens}"
        return digest("base", self._subject.base.id, asked.name, asked.context.value, items, places, drawn, size=6)

    def _store_run(self, identity: str, step: int, asked: Evaluation, traces: Sequence[Event]) -> Run:
        raw = orjson.dumps([self._training.id, dict(self._training.spec), step, asked.name])
        source = SourceRow(hashlib.sha256(raw).hexdigest(), f"training {self._training.id}", len(raw))
        samples = 1 + max((int(trace["sample"]) for trace in traces), default=0)
        drafts = [self._draft(asked, trace, source, i) for i, trace in enumerate(traces, 1)]
        with PartWriter(self._store.folder, identity) as writer:
            builder = RunBuilder(identity, self._info(step, asked), self._lexicons.matchers())
            graded = self._graders.grade(self._watched(drafts))
            for trace, draft, verdicts in zip(traces, drafts, graded, strict=True):
                builder.add(draft, verdicts, writer, place=int(trace["problem"]) * samples + int(trace["sample"]))
            run = builder.close(writer)
            builder.register(self._store, writer, run, [source], self._lexicons.contents())
        return run

    def _watched(self, drafts: Sequence[TraceDraft]) -> Iterator[Response]:
        for draft in drafts:
            self._progress.check()
            yield Response.of(draft)

    def _draft(self, asked: Evaluation, trace: Event, source: SourceRow, row: int) -> TraceDraft:
        item = asked.items[trace["problem"]]
        return TraceDraft(
            question=item.question,
            text=trace["text"],
            source=SourceRef(source.file, source.sha256, row),
            gold=item.gold,
            prompt=trace["prompt"],
            sample=int(trace["sample"]),
            tokens=trace["tokens"],
            finish=Finish(trace["finish"]),
            extra={"seed": trace["seed"], "training": self._training.id},
        )

    def _info(self, step: int, asked: Evaluation) -> RunInfo:
        subject = self._subject
        return RunInfo(
            model=subject.name_at(step),
            dataset=subject.spec.problem_set if asked.name == SEEN else asked.name,
            parent=subject.base.name if step else subject.base_parent,
            variant=f"step {step}",
            context=asked.context,
            sampling=Sampling(
                temperature=asked.temperature, max_tokens=subject.spec.settings.max_tokens, seed=asked.seed
            ),
            format=TRAINING,
            source=f"training {self._training.id}",
            tokenizer=subject.tokenizer,
            model_id=subject.model_at(step),
            job=self._progress.job,
        )

    # -- checkpoints --------------------------------------------------------------------------------

    def _enter_model(self, step: int, folder: str) -> None:
        """Enter a checkpoint as a model, unless it is known: its id follows from training and step."""
        subject, adapter = self._subject, self._subject.spec.settings.lora_rank > 0
        identity = digest("checkpoint", self._training.id, str(step), size=6)
        registry = self._store.registry
        if registry.model(identity):
            return
        if untrained := self._untrained(step, folder):
            return self._progress.log(self._named(f"no model is made of step {step}: {untrained}"))
        model = Model(
            id=identity,
            name=subject.name_at(step),
            kind=ModelKind.ADAPTER if adapter else ModelKind.CHECKPOINT,
            location=str(subject.folder / folder),
            base=subject.base.id if adapter else None,
            parent=subject.base.id,
            job=self._progress.job,
            note=f"Step {step} of {subject.steps}: {subject.spec.what}, {subject.spec.problem_set}.",
        )
        # Refused only where another model has the name: somebody may have renamed one to it.
        if not registry.add_model(model):
            registry.add_model(dataclasses.replace(model, name=f"{model.name} ({identity[:4]})"))


def _finite(value: Any) -> Any:
    """`value` as JSON can hold it: NaN and infinities become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list) else value


# -- figures ----------------------------------------------------------------------------------------


def evaluation_figures(store: Store, lexicons: LexiconService, run: Run) -> dict[str, Any]:
    """The figures of an evaluation's run, each [value, low, high, problems], or None where it is unknown.

    `accuracy`, `false_confidence` and `finished_estimate` are shares, `length` is in the run's unit, `cues` a response
    and `density_estimate` per 1,000 units pooled, both by lexicon; `density` and `finished` are the bare values.
    """
    held = store.ledger.run_lexicons()[run.id]  # a lexicon made while the run was under way is matched later
    known = {name: one.id for name, one in lexicons.by_name.items() if one.id in held}
    tables = {name: store.queries.per_problem([run.id], identity) for name, identity in known.items()}
    rows = tables[lexicons.default]
    counts = {name: [row["cues"] for row in table] for name, table in tables.items()}
    means = by_problem(rows, run.length_unit, counts)
    length, cues = means.length_and_cues()
    densities = {name: _figure(density_estimate(found, means.length)) for name, found in means.cues.items()}
    finished = _figure(known_share(means.finished, means.samples))
    return {
        "accuracy": _figure(grader_accuracy(rows, GRADERS[0])),
        "length": _figure(length),
        "cues": {name: _figure(estimate) for name, estimate in cues.items()},
        "density": {name: figure and figure[0] for name, figure in densities.items()},
        "density_estimate": densities,
        "finished": finished and finished[0],
        "finished_estimate": finished,
        "false_confidence": _false_confidence(store, lexicons, run),
        "traces": run.traces,
    }


def _false_confidence(store: Store, lexicons: LexiconService, run: Run) -> Figure | None:
    """The share of responses that assert a wrong answer, among those whose verdict is known."""
    identity = lexicons.get(lexicons.default).id
    rows = store.queries.per_trace([run.id], identity)
    sure = [
        falsely_confident(row["finish"] == Finish.STOP, row[_ANSWER], row[_RIGHT], bool(row["closing"])) for row in rows
    ]
    return _figure(fraction(sure, [row["problem_id"] for row in rows]))


def _figure(estimate: Estimate | None) -> Figure | None:
    return None if estimate is None else [estimate.value, estimate.low, estimate.high, estimate.n]
