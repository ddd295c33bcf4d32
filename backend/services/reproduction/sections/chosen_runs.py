"""Any runs of the store as an experiment: conditions, words against the first, tries, density at equal length.

Owns this section. Knows nothing of recipes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backend.domain import Run
from backend.report.model import ReportColumn, ReportForm, ReportRow, ReportSection, Table
from backend.services.reproduction.sections.self_distillation import matched_table, tries_table
from backend.services.reproduction.sections.word_tables import change_bars, word_bars, word_table
from backend.services.reproduction.sections.workspace import (
    FINISHED,
    GIVEN,
    MEASURED,
    PROBLEMS,
    ROLES,
    ReportWorkspace,
    count,
    figure,
    measured,
)

MOST_RUNS = 8


def chosen_runs(desk: ReportWorkspace, runs: Sequence[Run], labels: Mapping[str, str]) -> ReportSection:
    """The runs, the first of them as the base of the others."""
    title, first = "Runs", runs[0]
    told = f"The first, {labels[first.id]}, is what the others are held against." if len(runs) > 1 else ""
    sides = [(labels[run.id], (run.id,), () if run is first else (first.id,)) for run in runs]
    changes = [(name, role, own, base) for (name, own, base), role in zip(sides[1:], ROLES, strict=False)]
    pair = [own for _, own, _ in sides[:2]]
    tables = [_conditions(desk, runs, labels), tries_table(desk, "runs-tries", "Tries and endings", sides)]
    pictures = []
    if len(runs) > 1:
        names = ("first run", "second run")
        tables += [_changes(desk, sides), matched_table(desk, "runs-matched", sides[1:])]
        tables += word_table(desk, "runs-words-table", pair, names, {})
        pictures += word_bars(desk, "runs-words", "Words, the first two runs", pair, names)
        pictures += change_bars(desk, "runs-changes", "Words, change from the first run", changes)
    return ReportSection("runs", title, told, tuple(tables), tuple(pictures))


def _conditions(desk: ReportWorkspace, runs: Sequence[Run], labels: Mapping[str, str]) -> Table:
    columns = (ReportColumn("run", "Run"), ReportColumn("context", "Context"), *MEASURED, FINISHED, GIVEN, PROBLEMS)
    rows = tuple(
        ReportRow(
            {"run": labels[run.id], "context": run.info.context.value} | measured(desk.figures.pooled((run.id,))),
            (run.id,),
        )
        for run in runs
    )
    units = {run.length_unit for run in runs}
    note = f"Lengths in {' and '.join(sorted(units))}, as each run counts." if units != {"tokens"} else ""
    return Table("runs", "Conditions", columns, rows, note)


def _changes(desk: ReportWorkspace, sides: Sequence[tuple[str, tuple[str, ...], tuple[str, ...]]]) -> Table:
    columns = (ReportColumn("run", "Run"), ReportColumn("change", "Change of accuracy"), PROBLEMS)
    rows = []
    for name, own, base in sides[1:]:
        found = figure(desk.figures.change(own, base), ReportForm.PERCENT, signed=True)
        rows.append(ReportRow({"run": name, "change": found, "n": count(found.n)}, own, base))
    return Table(
        "runs-change", "Accuracy against the first run", columns, tuple(rows), "Paired by the problems both answered."
    )
