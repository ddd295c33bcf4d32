"""The series of a store: the runs of one training over its steps, imported or made here, and their figures.

Owns which runs belong to a series and to a line of it (a data set under a context), and which run of the model that a
training began with is its step 0.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backend.domain import GRADERS, TRAINING, Context, Group, Run, UserError, visible
from backend.measure.bootstrap import Floats
from backend.measure.series import GROUP, Quantity, QuantityForm, StepCounts, StepFigures, step_figures
from backend.services.lexicons.catalog import LexiconService
from backend.services.series.trace_extras import MOST_EXTRAS, TraceExtras
from backend.store import Store
from backend.store.parts import GROUP_COLUMNS, loop_column

_SHARES = ("accuracy", "ended", "loops", "closing", "confident_wrong")
_FOLDERS = "different folders"  # a folder a step is common; two trainings whose folders are named alike aren't one
# In what the runs of a line should be alike, by what is said where they aren't.
_ALIKE: Mapping[str, Callable[[Run], object]] = {
    "different sampling or prompts": lambda run: replace(run.info.sampling, seed=None),
    "different tokenizers": lambda run: run.info.tokenizer,
    "different formats": lambda run: run.info.format,
    _FOLDERS: lambda run: run.info.source.rpartition("/")[0],
}


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """A series on one data set under one context: each step with the ids of its runs, in order.

    `base` is the run of the model that the training began with, where no run of the series is its step 0.
    """

    dataset: str
    context: Context
    steps: tuple[tuple[int, tuple[str, ...]], ...]
    base: str | None = None

    @property
    def name(self) -> str:
        """The data set, and the context where there is one."""
        return self.dataset if self.context is Context.NONE else f"{self.dataset}, {self.context}"

    @property
    def based(self) -> "SeriesLine":
        """The line with the base's run as its step 0, where there is one."""
        return replace(self, steps=((0, (self.base,)), *self.steps), base=None) if self.base else self


@dataclass(frozen=True, slots=True)
class Series:
    """The runs of one training over its steps."""

    name: str
    lines: tuple[SeriesLine, ...]


class SeriesService:
    """The series of one store."""

    def __init__(self, store: Store, lexicons: LexiconService) -> None:
        """`lexicons` names the lexicons that figures may be asked for."""
        self._store, self._lexicons, self._extras = store, lexicons, TraceExtras(store)

    def all(self) -> list[Series]:
        """Every series, by name."""
        runs = {run.id: run for run in self._store.runs()}
        evaluated = {each: self._store.trainings.evaluations(each.id) for each in self._store.trainings.all()}
        recorded = {f"training {training.id}" for training, rows in evaluated.items() if rows}
        places = {run.id: place for run in runs.values() if (place := place_of(run))}
        found: dict[str, dict[tuple[str, Context], dict[int, list[str]]]] = defaultdict(dict)
        for run, (name, step) in places.items():
            if (info := runs[run].info).format == TRAINING and info.source in recorded:
                continue
            found[name].setdefault((info.dataset, info.context), defaultdict(list))[step].append(run)
        # Evaluations of a training are told apart by name, though two may be on the same data set.
        for training, rows in evaluated.items():
            own = found[training.name if training.name not in found else f"{training.name} ({training.id[:4]})"]
            for row in (row for row in rows if row.run in runs):
                own.setdefault((row.name, row.context), defaultdict(list))[row.step].append(row.run)
        others = [run for run in runs.values() if run.id not in places and not run.live]
        return [
            Series(name, tuple(self._line(*key, steps, runs, others) for key, steps in sorted(lines.items())))
            for name, lines in sorted(found.items())
            if lines
        ]

    def get(self, name: str) -> Series:
        """One series. Raises UserError where there is none of this name."""
        if found := next((series for series in self.all() if series.name == name), None):
            return found
        raise UserError(f"There is no series {visible(name, 80)} in this store.")

    def figures(
        self,
        series: Series,
        lexicon: str | None,
        line: SeriesLine,
        grader: str = GRADERS[0],
        *,
        loops: bool = True,
        groups: Sequence[str] = tuple(Group),
    ) -> list[StepFigures]:
        """The figures of a line of `series` at each of its steps, in order.

        Verdicts are those of `grader`, cues those of `lexicon` (a name; default: the default one); without `loops`,
        lengths and cues are what lies outside of them. Of cues only these `groups` are told apart: each takes as long
        as all cues do. Raises UserError for a run that is gone.
        """
        identity, held = self._lexicons.get(lexicon or self._lexicons.default).id, self._store.ledger.run_lexicons()
        step_of = {run: step for step, ids in line.steps for run in ids}
        runs, unit = {run.id: run for run in self._store.chosen(list(step_of))}, self.unit(line)
        table = self._store.queries.per_step(step_of, identity, grader)
        numbers = (name for name in table.column_names if name != "problem_id")
        columns = {name: table[name].to_numpy().astype(np.float64) for name in numbers}
        edges = np.searchsorted(columns["step"], [step for step, _ in line.steps], side="left")
        extras, counts, problems = self._extras.of(list(runs)), [], table["problem_id"].to_pylist()
        names = list(dict.fromkeys(name for found in extras.values() for name in found))[:MOST_EXTRAS]
        for (step, ids), start, end in zip(line.steps, edges, [*edges[1:], len(table)], strict=True):
            own = {name: column[start:end] for name, column in columns.items()}
            searched = all(identity in held.get(run, ()) for run in ids)
            quantities = _quantities(own, unit, groups, searched=searched, loops=loops)
            for name in names:
                pooled = [extras[run].get(name, {}) for run in ids]
                known = [[one.get(problem, (0.0, 0)) for one in pooled] for problem in problems[start:end]]
                part, whole = np.array(known, dtype=np.float64).sum(axis=1).T
                quantities[name] = Quantity(QuantityForm.MEAN, part, whole)
            reported = {k: v for run in ids for k, v in runs[run].info.metrics.items()}
            counts.append(StepCounts(step, ids, int(own["n"].sum()), end - start, quantities, reported))
        return step_figures(counts)

    def unit(self, line: SeriesLine) -> str:
        """What lengths and densities of a line are counted in: words, unless all of its runs have tokens."""
        # The two are never mixed, neither within a step nor along a curve.
        runs = self._store.chosen([run for _, ids in line.steps for run in ids])
        return "tokens" if all(run.length_unit == "tokens" for run in runs) else "words"

    def caveats(self, line: SeriesLine, lexicon: str) -> list[str]:
        """The sentences to read before trusting a line: which steps weren't made, or searched, like the others."""
        runs = {run.id: run for run in self._store.chosen([run for _, ids in line.steps for run in ids])}
        sentences = []
        for what, of in _ALIKE.items():
            values = [{of(runs[run]) for run in ids} for _, ids in line.steps]
            if mixed := [step for (step, _), own in zip(line.steps, values, strict=True) if len(own) > 1]:
                sentences.append(f"Runs of {what} are pooled at {_named(mixed)}.")
            elif what != _FOLDERS and len(set().union(*values)) > 1:
                sentences.append(f"The steps are of {what}: they aren't wholly comparable.")
        identity, held = self._lexicons.get(lexicon).id, self._store.ledger.run_lexicons()
        if lacking := [step for step, ids in line.steps if any(identity not in held.get(run, ()) for run in ids)]:
            sentences.append(f"Not searched with this lexicon yet: {_named(lacking)}; cues are unknown there.")
        return sentences

    def _line(
        self,
        dataset: str,
        context: Context,
        steps: Mapping[int, Sequence[str]],
        runs: Mapping[str, Run],
        others: Iterable[Run],
    ) -> SeriesLine:
        found = SeriesLine(dataset, context, tuple((step, tuple(ids)) for step, ids in sorted(steps.items())))
        first, ids = found.steps[0]
        if first == 0:
            return found
        return replace(found, base=_base(runs[ids[0]], others))


def _base(first: Run, others: Iterable[Run]) -> str | None:
    """The run of the model that `first` was trained from, asked in the same way; None where there is none."""

    def asked(run: Run) -> tuple[object, ...]:
        sampling = run.info.sampling
        return run.info.dataset, run.info.context, sampling.prefix, sampling.hush

    def distance(run: Run) -> tuple[bool, int, bool]:
        alike = replace(run.info.sampling, seed=None) == replace(first.info.sampling, seed=None)
        return run.info.format != first.info.format, abs(run.problems - first.problems), not alike

    same = [run for run in others if run.info.model == first.info.parent and asked(run) == asked(first)]
    return min(same, key=distance).id if same else None


def _named(steps: Sequence[int]) -> str:
    shown = ", ".join(map(str, steps[:5])) + (", …" if len(steps) > 5 else "")
    return f"step{'s' if len(steps) > 1 else ''} {shown}"


def place_of(run: Run) -> tuple[str, int] | None:
    """The series that a run belongs to, and its step there; None where it belongs to none."""
    info = run.info
    if info.series and info.step is not None:
        return info.series, info.step
    # Evaluations that were shipped or outlived their training are known by how their model is called.
    name, _, step = info.model.rpartition(" · step ")
    return (name, int(step)) if info.format == TRAINING and name and step.isdecimal() else None


def _quantities(
    own: Mapping[str, Any], unit: str, groups: Sequence[str], *, searched: bool, loops: bool
) -> dict[str, Quantity | None]:
    """What the figures of a step are made of, from its sums by problem."""
    n = own["n"]

    def counted(name: str, inside: str, whole: Floats) -> Quantity | None:
        """The mean of a count whose part in loops is known or not; its interval is withheld where much lies in them."""
        part, loop = own[name], own[inside]
        if np.isnan(loop).any():  # one unknown trace, and the count without loops is unknown
            return Quantity(QuantityForm.MEAN, part, whole) if loops else None
        share = float(loop.sum() / part.sum()) if part.sum() else 0.0
        return (
            Quantity(QuantityForm.MEAN, part, whole, share)
            if loops
            else Quantity(QuantityForm.MEAN, part - loop, whole)
        )

    def density(cues: Quantity | None) -> Quantity | None:
        if cues is None or length is None:
            return None
        share = max(cues.looped or 0.0, length.looped or 0.0)
        return Quantity(QuantityForm.DENSITY, cues.part / n, length.part / n, share)

    length = counted(unit, loop_column(unit), n)
    found = {"length": length, "finished_length": counted(f"finished_{unit}", f"looped_{unit}", own["ended"])}
    for key, column in {"cues": "cues", **{f"{GROUP}{each}": GROUP_COLUMNS[Group(each)] for each in groups}}.items():
        found[key] = counted(column, loop_column(column), n) if searched else None
        found[key.replace("cues", "per_1k")] = density(found[key])
    shares = {key: Quantity(QuantityForm.SHARE, own[key], own[f"{key}_known"]) for key in _SHARES}
    return (
        found
        | shares
        | {"distinct_n": Quantity(QuantityForm.MEAN, own["distinct_n"], own["distinct_n_known"], most=1.0)}
    )
