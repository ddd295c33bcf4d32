"""Results of the reproduction: every part's figures and the verdicts on the claims, from a store or as shipped.

Owns the shape of results, how a store's runs become evidence, and the file results are shipped in.
"""

import json
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Final, Literal

from backend.codec import decode, encode
from backend.config import ROOT
from backend.domain import GRADERS, UserError, visible
from backend.files import write_file
from backend.services.reproduction.claims import Cell, ClaimResult, OutcomeMeasure, StepChoice
from backend.services.reproduction.recipes.recipe import ReproductionScale
from backend.services.training.training_specs import TrainingSpec
from backend.store import Store
from backend.store.trace_filters import VERDICTS
from backend.store.trainings import EvaluationRow, StepRow

SHIPPED: Final = Path("demo") / "experiments.json"
_DIGITS: Final = 5  # more than any page shows, and half the size of all of them
Values = Mapping[str, Mapping[OutcomeMeasure, float]]


@dataclass(frozen=True, slots=True)
class PartResult:
    """A part of one seed: its figures by step, and its evaluations. `training_id` is None where it was shipped."""

    key: str
    recipe: str
    title: str
    seed: int
    spec: TrainingSpec
    steps: list[StepRow]
    evaluations: list[EvaluationRow]
    training_id: str | None = None

    @property
    def finished(self) -> bool:
        """Whether it came to its last step and every evaluation was answered there."""
        asked = {(one.name, one.context) for one in self.spec.evaluations}
        last = self.spec.settings.steps
        # By its evaluations, not by its state: shipped parts have none, and a job may break off after the last step.
        return asked <= {(row.name, row.context) for row in self.evaluations if row.step == last}


@dataclass(frozen=True, slots=True)
class Results:
    """All there is of a scale. `commit` made the code's version it was written by, "" where that is unknown."""

    scale: ReproductionScale
    parts: list[PartResult]
    claims: list[ClaimResult]
    source: Literal["store", "shipped"]
    commit: str
    lexicon: str

    def table(self) -> dict[str, Any]:
        """The claims as one JSON object."""
        claims = [claim.to_json() for claim in self.claims]
        return {"scale": self.scale.value, "commit": self.commit, "lexicon": self.lexicon, "claims": claims}


class StoreEvidence:
    """The values of single problems behind finished parts."""

    def __init__(self, store: Store, parts: Sequence[PartResult], lexicon: str) -> None:
        """Cues are counted by `lexicon` (an id)."""
        self._parts = {(part.key, part.seed): part for part in parts if part.finished}
        self.seeds: Sequence[int] = sorted({seed for _, seed in self._parts})
        runs = {row.run for part in self._parts.values() for row in part.evaluations}
        self._problems: dict[str, dict[str, dict[OutcomeMeasure, float]]] = defaultdict(dict)
        # One query for all runs: the verdicts ask for hundreds of cells.
        for row in store.queries.per_problem(sorted(runs), lexicon) if runs else []:
            self._problems[row["run_id"]][row["problem_id"]] = _outcomes(row)

    def runs(self, cell: Cell, seed: int) -> tuple[str, ...]:
        """The runs a cell's values are of, by step."""
        part = self._parts.get((cell.part, seed))
        if part is None:
            return ()
        last = part.spec.settings.steps
        chosen = {StepChoice.BASE: lambda step: step == 0, StepChoice.LAST: lambda step: step == last}
        wanted = chosen.get(cell.when, bool)  # on the way: every step but 0
        rows = (row for row in part.evaluations if (row.name, row.context) == (cell.set, cell.context))
        return tuple(row.run for row in rows if wanted(row.step))

    def values(self, cell: Cell, seed: int) -> Values | None:
        """A cell's problems, averaged over its runs where it has several: those that all of them answered."""
        found = [self._problems[run] for run in self.runs(cell, seed) if run in self._problems]
        if not found:
            return None
        # Runs on the way may have answered the first problems only: a mean over steps is of the same problems at each.
        shared = [problem for problem in found[0] if all(problem in run for run in found)]
        return {problem: _mean([run[problem] for run in found]) for problem in shared}


def _outcomes(row: Mapping[str, Any]) -> dict[OutcomeMeasure, float]:
    """A problem's means over its samples, those that are known."""
    column = VERDICTS[GRADERS[0]]
    found = {OutcomeMeasure.CUES: row["cues"] / row["n"]}
    # Lengths in words don't compare with the paper's: an imported run without token counts has no length here.
    if row["tokens"] is not None:
        found[OutcomeMeasure.LENGTH] = row["tokens"] / row["n"]
    if row[f"{column}_known"]:
        found[OutcomeMeasure.ACCURACY] = row[f"{column}_right"] / row[f"{column}_known"]
    return found


def _mean(rows: Sequence[Mapping[OutcomeMeasure, float]]) -> dict[OutcomeMeasure, float]:
    known = [outcome for outcome in OutcomeMeasure if all(outcome in row for row in rows)]
    return {outcome: sum(row[outcome] for row in rows) / len(rows) for outcome in known}


def commit() -> str:
    """The commit the code stands at, "" where there is no repository."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],  # noqa: S607 - whichever git a person uses
            cwd=ROOT, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


# -- shipping ---------------------------------------------------------------------------------------


def write_shipped(results: Results, path: Path, runs: Sequence[str]) -> int:
    """Write `results` and `runs`, the ids of those shipped with their traces; returns the file's size in bytes."""
    parts = [_part_as_json(part) for part in results.parts]
    text = json.dumps(_rounded(results.table() | {"runs": list(runs), "parts": parts}), ensure_ascii=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, text)
    except OSError as error:
        raise UserError(f"The results can't be written to {visible(str(path))}: {error.strerror or error}.") from error
    return len(text.encode())


def load_shipped(path: Path) -> Results:
    """The results in a file. Raises UserError where it is missing or no such file."""
    shown = visible(str(path))
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        parts = decode(list[PartResult], raw["parts"])
        claims = decode(list[ClaimResult], raw["claims"])
        return Results(ReproductionScale(raw["scale"]), parts, claims, "shipped", raw["commit"], raw["lexicon"])
    except OSError as error:
        raise UserError(f"No results are shipped: {shown} can't be read ({error.strerror or error}).") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{shown} is no file of results: {type(error).__name__}, {visible(str(error))}.") from error


def _part_as_json(part: PartResult) -> dict[str, Any]:
    """What is shipped of a part: figures, without the texts of a step and what only this store knows."""
    shown: dict[str, Any] = encode(part)
    del shown["training_id"]
    return shown | {"steps": [_numbers(row) for row in shown["steps"]]}


def _numbers(value: Any) -> Any:
    """`value` without its texts: a shipped file holds only figures."""
    if isinstance(value, Mapping):
        return {name: _numbers(one) for name, one in value.items() if not isinstance(one, str)}
    return value


def _rounded(value: Any) -> Any:
    """`value` with its fractions rounded to five digits; None for what is no number."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value
