"""From what a training said to its curves, its strip of numbers and its table of evaluations.

Owns which figures stand where, and how many points are drawn. Knows nothing of drawing and nothing of the store: rows
come as the services hand them out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlencode

from backend.domain import Context
from backend.report.numbers import Form, Interval, interval_text
from pages.components.charts.chart_parts import Chart
from pages.components.frame.chrome import BigNumber
from pages.components.table.table_model import Cell, Column, Kind, Lines, Link, Row
from pages.parts.distil.step_charts import CurveRole, Panel, PanelLine, PanelPoint, step_chart, wilson

SEEN = "seen"
_MOST_POINTS = 300
_HELD_OUT = (CurveRole.HELD_OUT, CurveRole.SECOND, CurveRole.THIRD)


class StepFigures(Protocol):
    """The figures of a step."""

    @property
    def step(self) -> int:
        """Its number; 0 is before anything was taught."""
        ...

    @property
    def values(self) -> Mapping[str, Any]:
        """What was measured, by name."""
        ...


class Evaluated(StepFigures, Protocol):
    """What an evaluation found at a step."""

    @property
    def name(self) -> str:
        """The problem set, or "seen"."""
        ...

    @property
    def context(self) -> Context:
        """What was shown beside the problem."""
        ...

    @property
    def run(self) -> str:
        """The id of the run that holds its traces."""
        ...


def title_of(row: Evaluated) -> str:
    """An evaluation's name for people: its set, and what was shown beside the problem."""
    name = "seen" if row.name == SEEN else row.name
    return name if row.context is Context.NONE else f"{name}, {row.context}"


def thinned(rows: Sequence[StepFigures], most: int = _MOST_POINTS) -> list[StepFigures]:
    """At most about `most` of the rows, evenly, with the first and the last; more can't be told apart in a chart."""
    every = -(-len(rows) // most)
    return [row for at, row in enumerate(rows) if at % every == 0 or at == len(rows) - 1] if every > 1 else list(rows)


def held_out(rows: Sequence[Evaluated]) -> list[Evaluated]:
    """The rows of the evaluation the others are measured by: the first held-out one, else the first there is."""
    chosen = next((row for row in rows if row.name != SEEN), None) or next(iter(rows), None)
    return [row for row in rows if chosen and (row.name, row.context) == (chosen.name, chosen.context)]


def interval(figure: Any, scale: float = 1.0) -> Interval:
    """A figure as the store keeps it, [value, low, high, n]; without a value where there is none."""
    if not isinstance(figure, Sequence) or len(figure) < 3:
        return Interval(None)
    return Interval(*(None if part is None else float(part) * scale for part in figure[:3]))


def count(figure: Any) -> int | None:
    """The number of problems behind a figure."""
    return int(figure[3]) if isinstance(figure, Sequence) and len(figure) > 3 and figure[3] is not None else None


def main_charts(
    steps: Sequence[StepFigures], rows: Sequence[Evaluated], lexicon: str, last: int, *, clustered: bool
) -> dict[str, Chart]:
    """Score, length, cues and held-out accuracy over steps 0 to `last`.

    `clustered`: several rollouts share a problem, so that they aren't independent and get no interval.
    """
    drawn, checked = thinned(steps), held_out(rows)
    told = [responses(row) for row in drawn[1:] or drawn]
    name = f"rollouts, {max(told):,} a step" if any(told) else "rollouts"
    score = PanelLine(name, CurveRole.ROLLOUTS, [_score(row, clustered) for row in drawn], band=not clustered)
    density = ("density", lexicon)
    cue_panels = [
        _panel("per 1,000 tokens", name, drawn, density, checked, ("density_estimate", lexicon)),
        _panel("a response", name, drawn, ("cues", lexicon), checked, ("cues", lexicon)),
    ]
    length = _panel("tokens", name, drawn, ("length",), checked, ("length",))
    first = drawn[0].values.get("score") if drawn and drawn[0].step == 0 else None
    return {
        "score": step_chart("Rollouts that are right", [Panel("", [score], Form.PERCENT, first)], last),
        "length": step_chart("Length", [length], last),
        "cues": step_chart(f"Cues, {lexicon}", cue_panels, last),
        "accuracy": step_chart("Accuracy, and false confidence", [_accuracy(rows)], last),
    }


def more_charts(steps: Sequence[StepFigures], last: int) -> dict[str, Chart]:
    """What the trainer measures of itself: loss, entropies, where the divergence falls, the gradient."""
    drawn = [row for row in thinned(steps) if row.step]

    def line(name: str, key: str, role: CurveRole = CurveRole.ROLLOUTS) -> PanelLine:
        return PanelLine(name, role, _points(drawn, (key,)))

    entropies = [line("student", "student_entropy"), line("teacher", "teacher_entropy", CurveRole.TEACHER)]
    shares = [line("of the divergence", "cue_share"), line("of the tokens", "cue_tokens", CurveRole.TEACHER)]
    made = {
        "loss": ("Loss", Panel("", [line("loss", "loss")])),
        "entropy": ("Entropy, nats a token", Panel("", entropies)),
        "share": ("What falls on cues", Panel("", shares, Form.PERCENT)),
        "grad": ("Size of the gradient", Panel("", [line("before clipping", "grad_norm")])),
    }
    return {key: step_chart(title, [_known(panel)], last) for key, (title, panel) in made.items()}


def numbers(rows: Sequence[Evaluated], lexicon: str) -> list[BigNumber]:
    """The strip where there is nothing to compare yet: the figures of the one evaluation there is."""
    if not (checked := held_out(rows)):
        return []
    values = checked[0].values
    shown = (
        ("Accuracy", values.get("accuracy"), Form.PERCENT),
        ("Cues a trace", _at(values, ("cues", lexicon)), Form.DECIMAL),
        ("per 1,000 tokens", _at(values, ("density_estimate", lexicon)), Form.DECIMAL),
        ("Length, tokens", values.get("length"), Form.COUNT),
    )
    made = [
        BigNumber(label, interval(found).value, form=form, n=count(found), pair=False, note=_ends(found, form))
        for label, found, form in shown
    ]
    return [*made, sure_and_wrong(checked[0], None)]


def sure_and_wrong(base: Evaluated, last: Evaluated | None) -> BigNumber:
    """False confidence before and now; the interval is the latter's."""
    before, now = (row.values.get("false_confidence") if row else None for row in (base, last))
    told = now if last else before
    return BigNumber(
        "Sure but wrong",
        interval(before).value,
        interval(now).value,
        form=Form.PERCENT,
        n=count(told),
        pair=last is not None,
        note=_ends(told, Form.PERCENT),
    )


def _ends(figure: Any, form: Form) -> str:
    found = interval(figure)
    return interval_text(found.low, found.high, form)


COLUMNS = (
    Column("step", "Step", Kind.NUMBER, Form.COUNT),
    Column("set", "Evaluation", width="13%"),
    Column("accuracy", "Accuracy", Kind.BAR, Form.PERCENT, most=1.0, width="17%"),
    Column("sure", "Sure but wrong", Kind.NUMBER, Form.PERCENT, help="Wrong, finished, and no doubt at the end"),
    Column("density", "Per 1,000", Kind.NUMBER, help="Cues of the lexicon per 1,000 tokens, pooled"),
    Column("cues", "Cues", Kind.NUMBER, help="Cues of the lexicon a response"),
    Column("length", "Tokens", Kind.NUMBER, Form.COUNT),
    Column("finished", "Finished", Kind.NUMBER, Form.PERCENT),
    Column("n", "n", Kind.NUMBER, Form.COUNT, help="Problems"),
    Column("links", "", Kind.LINKS),
)


def evaluation_rows(rows: Sequence[Evaluated], lexicon: str, labels: Mapping[str, str]) -> list[Row]:
    """The evaluations as a table, the latest first; each leads to its traces, and to the base beside it."""
    first = {(row.name, row.context): row.run for row in rows if row.step == 0}
    latest = sorted(rows, key=lambda row: -row.step)
    return [_table_row(row, lexicon, labels, first.get((row.name, row.context))) for row in latest]


def compare_pair(rows: Sequence[Evaluated]) -> tuple[Evaluated, Evaluated] | None:
    """The held-out evaluation before anything was taught and the last one; None where there aren't two."""
    checked = held_out(rows)
    if len(checked) > 1 and checked[0].step == 0 and checked[-1].run != checked[0].run:
        return checked[0], checked[-1]
    return None


def compare_link(base: str, run: str) -> str:
    """The address of Compare on two runs."""
    return "/compare?" + urlencode({"runs": f"{base},{run}"})


def responses(row: StepFigures) -> int:
    """How many responses a step's means are over."""
    length, tokens = row.values.get("length"), row.values.get("tokens")
    return round(tokens / length) if length and tokens else 0


def _table_row(row: Evaluated, lexicon: str, labels: Mapping[str, str], base: str | None) -> Row:
    values, links = row.values, []
    if row.run in labels:
        links.append(Link("Traces", "/browse?" + urlencode({"run": labels[row.run]})))
    if row.step and base in labels:
        links.append(Link("Compare", compare_link(str(base), row.run)))
    cells: dict[str, Cell] = {
        "step": row.step,
        "set": Lines(title_of(row), f"{values.get('traces', 0):,} traces"),
        "accuracy": interval(values.get("accuracy")),
        "sure": interval(values.get("false_confidence")),
        "density": interval(_at(values, ("density_estimate", lexicon))),
        "cues": interval(_at(values, ("cues", lexicon))),
        "length": interval(values.get("length")),
        "finished": interval(values.get("finished_estimate")),
        "n": count(values.get("accuracy")) or count(values.get("length")),
        "links": links,
    }
    return Row(f"{row.step}-{row.run}", cells)


def _accuracy(rows: Sequence[Evaluated]) -> Panel:
    """A line for each evaluation, and false confidence on the first held-out one."""
    named = list(dict.fromkeys((row.name, row.context) for row in rows))
    lines, others = [], iter((*_HELD_OUT, *(CurveRole.THIRD for _ in named)))
    for key in named:
        own = [row for row in rows if (row.name, row.context) == key]
        role = CurveRole.SEEN if own[0].name == SEEN else next(others)
        lines.append(PanelLine(title_of(own[0]), role, [_found(row, ("accuracy",)) for row in own]))
    sure = [_found(row, ("false_confidence",)) for row in held_out(rows)]
    return Panel("", [*lines, PanelLine("sure but wrong", CurveRole.SURE, sure)], Form.PERCENT)


def _panel(
    unit: str,
    name: str,
    steps: Sequence[StepFigures],
    key: tuple[str, ...],
    rows: Sequence[Evaluated],
    same: tuple[str, ...],
) -> Panel:
    """Rollouts as a line, the held-out evaluation as dots with whiskers, its first value as the base."""
    lines = [PanelLine(name, CurveRole.ROLLOUTS, _points(steps, key))]
    found = [_found(row, same) for row in rows]
    if rows:
        lines.append(PanelLine(title_of(rows[0]), CurveRole.HELD_OUT_DOTS, found))
    base = found[0].value.value if found and found[0].step == 0 else None
    return Panel(unit, lines, base=base)


def _known(panel: Panel) -> Panel:
    """Without the lines nothing is known of: a method without a teacher has no teacher's entropy."""
    lines = [line for line in panel.lines if any(point.value.value is not None for point in line.points)]
    return Panel(panel.unit, lines, panel.form, panel.base)


def _points(rows: Sequence[StepFigures], key: tuple[str, ...]) -> list[PanelPoint]:
    return [PanelPoint(row.step, Interval(_at(row.values, key)), responses(row) or None) for row in rows]


def _score(row: StepFigures, clustered: bool) -> PanelPoint:
    share, n = row.values.get("score"), responses(row)
    if share is None or not n or clustered:
        return PanelPoint(row.step, Interval(share), n or None)
    return PanelPoint(row.step, wilson(share, n), n)


def _found(row: Evaluated, key: tuple[str, ...]) -> PanelPoint:
    figure = _at(row.values, key)
    return PanelPoint(row.step, interval(figure), count(figure))


def _at(values: Mapping[str, Any], key: tuple[str, ...]) -> Any:
    found: Any = values
    for part in key:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
