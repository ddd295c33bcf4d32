"""The page of a pair of runs, for a mail: its figures with their intervals, and two responses side by side.

It is a report of one section, so that its file, like every report's, opens anywhere and runs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from backend.domain import GRADERS, Group, UserError, visible
from backend.measure.bootstrap import Estimate
from backend.report.colours import LETTERS
from backend.report.headline import headline
from backend.report.model import Cell, Figure, Report, ReportColumn, ReportRow, ReportSection, Table
from backend.report.numbers import Form, answer_text
from backend.services.lexicons.catalog import LexiconService
from backend.services.reproduction.sections.sources import shown_trace
from backend.services.traces.comparison import Comparison, ComparisonService
from backend.services.traces.pair_statistics import Contrast, PairStatistics
from backend.services.traces.run_pairs import Pair
from backend.services.traces.trace_reader import OpenTrace, TraceService
from backend.store.database import now

_COLUMNS = tuple(
    ReportColumn(name, label)
    for name, label in (("figure", ""), ("a", "A"), ("b", "B"), ("change", "Change, A to B"), ("n", "Problems"))
)


class PairPages:
    """Pages of pairs of one store."""

    def __init__(self, lexicons: LexiconService, comparison: ComparisonService, traces: TraceService) -> None:
        """`comparison` pairs runs, `traces` opens the responses to be shown."""
        self._lexicons, self._comparison, self._traces = lexicons, comparison, traces

    def report(
        self,
        runs: Sequence[str],
        lexicon: str = "",
        grader: str = GRADERS[0],
        *,
        loops: bool = True,
        problem: str = "",
        traces: Sequence[str] = (),
    ) -> Report:
        """The page of two runs with the responses named by `traces`, or to `problem`, or to the most telling problem.

        Raises UserError where the runs share no problem, or don't hold what is named.
        """
        lexicon = lexicon or self._lexicons.default
        if len(runs) != 2:
            raise UserError("A page of a pair takes two runs: the base, and the one held against it.")
        compared = self._comparison.compare(runs, lexicon, grader, loops)
        pair = self._comparison.statistics(compared)
        shown = [self._traces.open(each, self._lexicons.get(lexicon).id) for each in traces] or self._both(
            compared, problem
        )
        labels = " and ".join(visible(f"{tag} {run.label}") for tag, run in zip("AB", compared.runs, strict=True))
        judged = f"{pair.flips.right_to_wrong} from right to wrong, {pair.flips.wrong_to_right} from wrong to right"
        sentence = f"{labels}, over the {pair.n:,} problems both answered: {judged}."
        section = ReportSection("figures", "Figures", sentence, _tables(compared, pair))
        return Report(
            headline(pair.cues.covered.change, pair.accuracy.change),
            (section,),
            tuple(shown_trace(trace, grader, f"{tag}  ") for tag, trace in zip("AB" * len(shown), shown, strict=False)),
            self._provenance(compared, shown),
        )

    def _both(self, compared: Comparison, problem: str) -> list[OpenTrace]:
        """One response of each run to a problem: its first sample whose verdict is that of most."""
        if problem and not compared.problem(problem):
            raise UserError(f"The runs don't both hold a problem {visible(problem, 40)}.")
        pair = Pair(compared.runs[0], compared.runs[1], len(compared.problems), "")
        telling = None if problem else self._comparison.telling([pair], compared.lexicon, compared.grader)
        chosen = telling.problem if telling else compared.problem(problem) or compared.problems[0]
        lexicon, found = self._lexicons.get(compared.lexicon).id, []
        for run, side in zip(compared.runs, chosen.sides, strict=True):
            opened = [self._traces.open(each.trace, lexicon) for each in self._comparison.samples(run.id, chosen.id)]
            as_most = (each for each in opened if each.verdict(compared.grader).correct is side.right)
            found.append(next(as_most, opened[0]))
        return found

    def _provenance(self, compared: Comparison, shown: Sequence[OpenTrace]) -> tuple[tuple[str, str], ...]:
        lexicon = self._lexicons.get(compared.lexicon)
        golds = dict.fromkeys(f"{trace.number}: {answer_text(trace.gold) or '–'}" for trace in shown)
        return (
            ("Written", now()),
            *(
                (tag, f"{run.label}, {run.traces:,} traces, {run.id}")
                for tag, run in zip("AB", compared.runs, strict=True)
            ),
            ("Reference answer", "; ".join(golds)),
            ("Lexicon", f"{lexicon.title}, version {lexicon.version}, {lexicon.id}"),
            ("Grader", compared.grader),
            ("Loops", "counted" if compared.loops else "left out"),
            ("Intervals", "95%, over problems; changes are paired by problem"),
            *(("Mind", warning) for warning in compared.warnings),
        )


def _tables(compared: Comparison, pair: PairStatistics) -> tuple[Table, ...]:
    unit = compared.unit
    rows = [
        _row("Accuracy", pair.accuracy, Form.PERCENT),
        _row("Cues per trace", pair.cues, Form.DECIMAL),
        _row(f"Cues per 1,000 {unit}", pair.per_1k, Form.DECIMAL),
        _row(f"Length, {unit}", pair.length, Form.COUNT),
        _row("Cut off", pair.cut, Form.PERCENT),
    ]
    groups = [_row(f"{LETTERS[group]}  {group.value}", pair.groups[group][1], Form.DECIMAL) for group in Group]
    return (
        Table("pair", "All responses", _COLUMNS, tuple(rows)),
        Table("groups", f"Cues per 1,000 {unit} by group, with the letters that mark them", _COLUMNS, tuple(groups)),
    )


def _row(name: str, contrast: Contrast, form: Form) -> ReportRow:
    # Where loops carry too much of a count only the figure without them has an interval.
    covered = contrast.covered
    cells: dict[str, Cell] = {"figure": name if covered is contrast else f"{name}, without loops"}
    cells |= {side: _figure(value, form) for side, value in (("a", covered.a), ("b", covered.b))}
    change = (
        _figure(covered.change, Form.DECIMAL, "times") if covered.ratio else _figure(covered.change, form, signed=True)
    )
    return ReportRow(cells | {"change": change, "n": f"{covered.change.n:,}" if covered.change else "–"})


def _figure(value: Estimate | None, form: Form, unit: str = "", *, signed: bool = False) -> Figure:
    if value is None:
        return Figure(None)
    return Figure(value.value, value.low, value.high, n=value.n, form=form, signed=signed, unit=unit)
