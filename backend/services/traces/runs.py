"""The stored runs: their list with figures and intervals, the pairs among them, deleting, the snapshot.

How each figure is formed stands in measure/run_figures.py.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.annotation import Role
from backend.domain import GRADERS, TRAINING, Run, UserError
from backend.measure.bootstrap import Estimate
from backend.measure.cues import CueSummary
from backend.measure.cues import summarise as summarise_cues
from backend.measure.run_figures import LengthAndCues, ProblemMeans, known_share, length_and_cues, outside_loops, passes
from backend.services.access.authorization import needs
from backend.services.lexicons.catalog import LexiconService
from backend.services.traces.losses import answered, losses_of
from backend.services.traces.problem_rows import by_problem, grader_accuracy, outside_loops_alone, verdicts
from backend.services.traces.run_pairs import Pair, find_pairs, without_middles
from backend.store import Store
from backend.store.ledger import SetRow
from backend.store.sqlite_connections import sealed
from backend.store.verification import Damage

_ALL = "all"  # the cues of a lexicon, whatever their group
_MEASURED = {"group": "grp", "section": "section", "entry": "entry"}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run's figures under one lexicon. Intervals are over problems.

    `accuracy` by grader (None: no verdict known), over the traces that `graded` counts; `length` in the run's unit;
    `cut` is the share of responses that hit the token limit, among those whose ending is known; `per_1k` is pooled:
    all cues over all units. `disagree` counts traces on which the graders contradict each other.

    `free` is without what lies in loops, `in_loops` the share of the cues that does, `looping` counts traces with a
    loop, `largest` is the share of the cues that one trace holds; None where unknown. Medians are over traces.
    """

    run: Run
    lexicon: str
    accuracy: dict[str, Estimate | None]
    graded: dict[str, int]
    pass_k: dict[int, Estimate | None]
    chars: float
    length: Estimate
    cut: Estimate | None
    cues: Estimate | None  # None: the run was not searched with the lexicon yet
    per_1k: Estimate | None
    disagree: int
    free: LengthAndCues | None
    in_loops: float | None
    looping: int | None
    largest: float | None
    median_length: float | None
    median_cues: float | None
    median_free_length: float | None
    median_free_cues: float | None


class RunService:
    """Lists and keeps the runs of one store."""

    def __init__(self, store: Store, lexicons: LexiconService) -> None:
        """`lexicons` names the lexicons figures may be asked for."""
        self._store, self._lexicons = store, lexicons

    def all(self) -> list[Run]:
        """Every run, by dataset, then model, without damaged ones."""
        return self._store.runs()

    def damaged(self) -> dict[str, Damage]:
        """The damaged runs by id: no list and no figure holds them."""
        return self._store.parts.damaged()

    def get(self, run_id: str) -> Run:
        """One run. Raises UserError if it isn't there, or is damaged."""
        return self._store.chosen([run_id])[0]

    def labels(self) -> dict[str, str]:
        """Run id -> a name no other run has: model and dataset, with the id where two would be the same."""
        runs = self.all()
        labels = [run.label for run in runs]
        # Legends and tables name runs by these: two of one label would be taken for one.
        return {
            run.id: label if labels.count(label) == 1 else f"{label} · {run.id[:6]}"
            for run, label in zip(runs, labels, strict=True)
        }

    def version(self, look: bool = False) -> int:
        """Grows with every change of the store; with `look` its files are looked at now."""
        return self._store.parts.version(look)

    def unwritable(self) -> str:
        """Why the store can only be read, as a clause; "" where it can be written."""
        return self._store.unwritable()

    def sealed(self) -> bool:
        """Whether the store is a bundle, which is only read."""
        return sealed(self._store.folder)

    def problem_sets(self) -> list[SetRow]:
        """Every imported problem set."""
        return self._store.ledger.problem_sets()

    def summaries(self, lexicon: str | None = None) -> list[RunSummary]:
        """Every run with its figures under `lexicon` (a name; default: the default one)."""
        name = lexicon or self._lexicons.default
        identity = self._lexicons.get(name).id
        by_run, held = self._by_run(identity), self._store.ledger.run_lexicons()
        whole = {row["run_id"]: row for row in self._store.queries.per_run(None, identity)}
        found = [summarise(run, name, by_run[run.id], whole[run.id]) for run in self.all() if run.id in by_run]
        # A run that was never searched with the lexicon isn't free of doubts.
        return [each if identity in held.get(each.run.id, ()) else unsearched(each) for each in found]

    def graded(self) -> dict[str, int]:
        """Run id -> how many of its traces the default grader could judge."""
        rows = self._store.queries.per_run(None, self._lexicons.get(self._lexicons.default).id)
        return {row["run_id"]: row["graded"] for row in rows}

    def _by_run(self, lexicon: str) -> dict[str, list[Row]]:
        """Run id -> its rows, one a problem (see `Queries.per_problem`)."""
        # One query over all runs, not one a run: a store may hold hundreds.
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self._store.queries.per_problem(None, lexicon):
            found[row["run_id"]].append(row)
        return found

    def pairs(self) -> list[Pair]:
        """Runs that belong side by side, without the answers of trainings; of a series its first and last step."""
        # Hundreds of a training's runs share their problems; the pages of trainings and series pair them themselves.
        kept = {run.id: run for run in without_middles(self.all()) if run.info.format != TRAINING}
        return find_pairs(kept, self._store.ledger.shared_problems(list(kept)))

    @needs(Role.ADMIN)
    def delete(self, run_id: str) -> Run:
        """Delete a run and its files; returns what it was. Raises UserError if it isn't there."""
        run = self._store.ledger.find_run(run_id) or self.get(run_id)
        self._store.delete_run(run_id)
        return run

    @needs(Role.ADMIN)
    def delete_problem_set(self, set_id: str) -> None:
        """Forget a problem set."""
        self._store.ledger.delete_problem_set(set_id)

    def snapshot(self, target: Path) -> dict[str, int]:
        """Write the store as one plain DuckDB file; returns rows by table."""
        return self._store.snapshot(target)

    def densities(self) -> dict[str, dict[str, tuple[float, float | None]]]:
        """Run id -> lexicon name -> (cues a trace, cues per 1,000 units), for the lexicons the run holds cues of."""
        held = self._store.ledger.run_lexicons()
        found: dict[str, dict[str, tuple[float, float | None]]] = defaultdict(dict)
        for name, lexicon in self._lexicons.by_name.items():
            by_run = self._by_run(lexicon.id)
            for run in self.all():
                # A run that was never matched with a lexicon has no row of it, and would count as free of doubts.
                if lexicon.id in held.get(run.id, ()) and run.id in by_run:
                    means = _means(run, by_run[run.id])
                    found[run.id][name] = (float(means.cues[_ALL].mean()), means.density(_ALL))
        return found

    def measures(self, run_id: str, lexicon: str | None = None, loops: bool = True) -> dict[str, dict[str, CueSummary]]:
        """A run's cues by "group", "section" and "entry", then by name: a trace, per 1,000 units, with intervals.

        Densities are over the whole response, in the run's unit, for sections too; without `loops` over what lies
        outside of them. Raises UserError for a run that isn't there, and where loops are to go and aren't known.
        """
        run, identity = self.get(run_id), self._lexicons.get(lexicon or self._lexicons.default).id
        traces = self._store.queries.per_trace([run.id], identity)
        traces = traces if loops else [outside_loops_alone(trace) for trace in traces]
        # Traces without any cue have no row among the tallies, and still count as zeros below.
        found: dict[str, dict[str, Counter[str]]] = {by: defaultdict(Counter) for by in _MEASURED}
        for row in self._store.queries.tallies(run.id, identity, loops):
            for by, column in _MEASURED.items():
                found[by][row["trace_id"]][row[column]] += row["n"]
        units, problems = [trace[run.length_unit] for trace in traces], [trace["problem_id"] for trace in traces]
        return {
            by: summarise_cues(
                [counts[trace["trace_id"]] for trace in traces], units, problems, sorted(set().union(*counts.values()))
            )
            for by, counts in found.items()
        }

    def as_json(self, summary: RunSummary, densities: dict[str, tuple[float, float | None]]) -> dict[str, Any]:
        """The object the command line prints for a run: its figures, and its cues by the name of each lexicon."""
        run, info = summary.run, summary.run.info
        graded = {grader: summary.accuracy[grader] for grader in reversed(GRADERS)}
        return {
            "id": run.id,
            "model": info.model,
            "parent": info.parent,
            "dataset": info.dataset,
            "context": info.context.value,
            "sampling": {k: v for k, v in dataclasses.asdict(info.sampling).items() if v is not None},
            "format": info.format,
            "problems": run.problems,
            "traces": run.traces,
            "planned": info.planned or run.traces,
            "answered": answered(run),
            "lost": {loss.kind: loss.count for loss in losses_of(info.losses)},
            "accuracy": {grader: estimate and estimate.value for grader, estimate in graded.items()},
            "accuracy_interval": {g: [e.low, e.high] if e else None for g, e in graded.items()},
            "graded": summary.graded,
            "pass_at_k": {str(k): estimate and estimate.value for k, estimate in summary.pass_k.items()},
            "grader_disagreements": summary.disagree,
            "mean_chars": summary.chars,
            "mean_length": summary.length.value,
            "length_unit": run.length_unit,
            "cut_off": summary.cut and summary.cut.value,
            "cues_per_trace": {name: figures[0] for name, figures in densities.items()},
            "cues_per_1k": {name: figures[1] for name, figures in densities.items()},
            "cues": {
                "lexicon": summary.lexicon,
                "per_trace": summary.cues and dataclasses.asdict(summary.cues),
                "per_1k": summary.per_1k and dataclasses.asdict(summary.per_1k),
                "without_loops": summary.free and dataclasses.asdict(summary.free),
                "in_loops": summary.in_loops,
                "looping_traces": summary.looping,
                "largest_trace": summary.largest,
                "median": summary.median_cues,
            },
            "length": dataclasses.asdict(summary.length) | {"median": summary.median_length},
        }


def summarise(run: Run, lexicon: str, rows: list[Row], whole: Row) -> RunSummary:
    """A run's figures from its rows, one a problem, and the one of the whole run (`Queries.per_problem`, `per_run`)."""
    means = _means(run, rows)
    figures = length_and_cues(means, _ALL)
    if figures is None:
        raise UserError(f"The run {run.id} holds no trace.")
    in_loops, long = means.loop_share(_ALL), means.loop_share("")
    free = figures if in_loops == long == 0 or means.free is None else length_and_cues(means.free, _ALL)
    length, cues = outside_loops(figures.length, long), outside_loops(figures.cues, in_loops)
    assert length is not None and cues is not None
    return RunSummary(
        run=run,
        lexicon=lexicon,
        accuracy={grader: grader_accuracy(rows, grader) for grader in GRADERS},
        graded={grader: sum(verdicts(rows, grader)[1]) for grader in GRADERS},
        pass_k=passes(*verdicts(rows, GRADERS[0])),
        chars=sum(row["chars"] for row in rows) / sum(row["n"] for row in rows),
        length=length,
        cut=known_share(means.cut, means.samples),
        cues=cues,
        per_1k=outside_loops(figures.per_1k, None if in_loops is None else max(in_loops, long or 0.0)),
        disagree=sum(row["disagree"] for row in rows),
        free=free if means.free else None,
        in_loops=in_loops,
        looping=whole["looping"],
        largest=whole["largest"] / whole["cues"] if whole["cues"] else None,
        median_length=whole[f"median_{run.length_unit}"],
        median_cues=whole["median_cues"],
        median_free_length=whole[f"median_free_{run.length_unit}"],
        median_free_cues=whole["median_free_cues"],
    )


def unsearched(summary: RunSummary) -> RunSummary:
    """The figures of a run whose cues of the lexicon are unknown."""
    unknown = dataclasses.replace(summary, cues=None, per_1k=None, free=None, in_loops=None, largest=None)
    return dataclasses.replace(unknown, median_cues=None, median_free_cues=None)


def _means(run: Run, rows: list[Row]) -> ProblemMeans:
    cues, looped = ({_ALL: [row[name] for row in rows]} for name in ("cues", "loop_cues"))
    return by_problem(rows, run.length_unit, cues, looped=looped)
