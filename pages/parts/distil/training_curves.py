"""A training's curves, strip of numbers and table of evaluations, made from its steps and evaluations.

Owns which figures stand where, and how many points are drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import urlencode

from backend.domain import Context
from backend.measure.shares import wilson_interval
from backend.report.model import Curves, Figure, Line, Marks, Point, SeriesRole, known
from backend.report.numbers import Form
from pages.components.charts.chart_parts import Chart
from pages.components.charts.picture_charts import stored_figure, thinned, training_chart
from pages.components.frame.chrome import BigNumber
from pages.components.table.table_model import Cell, Column, Kind, Lines, Link, Row

SEEN = "seen"
_Key = tuple[str, ...]  # where a figure is among a row's values, as ("cues", "kim2026")
# How each kind of line looks. All are of one model: B's colour is the student's, and dash and symbol tell sets apart.
_ROLLOUTS = Line("", SeriesRole.FIRST, (), marks=Marks.NONE)
_TEACHER = Line("", SeriesRole.OTHER, (), dash="dash", marks=Marks.NONE)
_DOTS = Line("", SeriesRole.FIRST, (), marks=Marks.ONLY)
_HELD_OUT = (
    Line("", SeriesRole.FIRST, (), marks=Marks.ALL),
    Line("", SeriesRole.FIRST, (), dash="dash", symbol="square-open", marks=Marks.ALL),
    Line("", SeriesRole.FIRST, (), dash="dot", symbol="diamond-open", marks=Marks.ALL),
)
_SEEN = Line("", SeriesRole.OTHER, (), dash="dash", symbol="triangle-up-open", marks=Marks.ALL)
_SURE = Line("", SeriesRole.WRONG, (), dash="dot", symbol="x", marks=Marks.ALL)


class TrainedStep(Protocol):
    """A training step with its figures, as the store hands them out."""

    @property
    def step(self) -> int:
        """Its number; 0 is before anything was taught."""

    @property
    def values(self) -> Mapping[str, Any]:
        """What was measured, by name."""


class Evaluated(TrainedStep, Protocol):
    """An evaluation at a step with its figures."""

    @property
    def name(self) -> str:
        """The problem set, or "seen"."""

    @property
    def context(self) -> Context:
        """What was shown beside the problem."""

    @property
    def run(self) -> str:
        """The id of the run that holds its traces."""


def title_of(row: Evaluated) -> str:
    """An evaluation's name for people: its set, and what was shown beside the problem."""
    name = "seen" if row.name == SEEN else row.name
    return name if row.context is Context.NONE else f"{name}, {row.context}"


def held_out(rows: Sequence[Evaluated]) -> list[Evaluated]:
    """The rows of the evaluation the others are measured by: the first held-out one, else the first there is."""
    chosen = next((row for row in rows if row.name != SEEN), None) or next(iter(rows), None)
    return [row for row in rows if chosen and (row.name, row.context) == (chosen.name, chosen.context)]


def main_charts(
    steps: Sequence[TrainedStep], rows: Sequence[Evaluated], lexicon: str, last: int, *, clustered: bool
) -> dict[str, Chart]:
    """Score, length, cues and held-out accuracy over steps 0 to `last`.

    `clustered`: several rollouts share a problem, so that they aren't independent and get no interval.
    """
    drawn, checked = thinned(steps), held_out(rows)
    sizes = [responses(row) for row in drawn[1:] or drawn]
    name = f"rollouts, {max(sizes):,} a step" if any(sizes) else "rollouts"
    score = replace(_ROLLOUTS, name=name, points=tuple(_score(row, clustered) for row in drawn), band=not clustered)
    first = drawn[0].values.get("score") if drawn and drawn[0].step == 0 else None

    def panel(unit: str, key: _Key, evaluated: _Key) -> Curves:
        """Rollouts as a line, the held-out evaluation as dots with whiskers, its first value as the base."""
        rollouts, points = replace(_ROLLOUTS, name=name, points=_points(drawn, key)), _found(checked, evaluated)
        dots = [replace(_DOTS, name=title_of(checked[0]), points=points)] if checked else []
        base = points[0].figure.value if points and points[0].x == 0 else None
        return _curves(unit, [rollouts, *dots], last, base=base)

    cues = [  # both, because shorter responses hold fewer cues at the same density
        panel("per 1,000 tokens", ("density", lexicon), ("density_estimate", lexicon)),
        panel("a response", ("cues", lexicon), ("cues", lexicon)),
    ]
    return {
        "score": training_chart("Rollouts that are right", [_curves("", [score], last, Form.PERCENT, first)]),
        "length": training_chart("Length", [panel("tokens", ("length",), ("length",))]),
        "cues": training_chart(f"Cues, {lexicon}", cues),
        "accuracy": training_chart("Accuracy, and false confidence", [_accuracy(rows, last)]),
    }


def more_charts(steps: Sequence[TrainedStep], last: int) -> dict[str, Chart]:
    """What the trainer measures of itself: loss, entropies, where the divergence falls, the gradient."""
    drawn = [row for row in thinned(steps) if row.step]  # nothing is learned at step 0

    def line(name: str, key: str, like: Line = _ROLLOUTS, form: Form = Form.DECIMAL) -> Line:
        return replace(like, name=name, points=_points(drawn, (key,), form))

    entropies = [line("student", "student_entropy"), line("teacher", "teacher_entropy", _TEACHER)]
    percent = Form.PERCENT
    shares = [
        line("of the divergence", "cue_share", form=percent),
        line("of the tokens", "cue_tokens", _TEACHER, percent),
    ]
    lines = {
        "loss": ("Loss", [line("loss", "loss")], Form.DECIMAL),
        "entropy": ("Entropy, nats a token", entropies, Form.DECIMAL),
        "share": ("What falls on cues", shares, percent),
        "grad": ("Size of the gradient", [line("before clipping", "grad_norm")], Form.DECIMAL),
    }
    # Lines nothing is known of are left out: a method without a teacher has no teacher's entropy.
    return {
        key: training_chart(title, [_curves("", [one for one in own if known(one.points)], last, form)])
        for key, (title, own, form) in lines.items()
    }


def numbers(rows: Sequence[Evaluated], lexicon: str) -> list[BigNumber]:
    """The strip where there is nothing to compare yet: the figures of the one evaluation there is."""
    if not (checked := held_out(rows)):
        return []
    values = checked[0].values
    figures = {
        "Accuracy": stored_figure(values.get("accuracy"), Form.PERCENT),
        "Cues per trace": stored_figure(_at(values, ("cues", lexicon))),
        "per 1,000 tokens": stored_figure(_at(values, ("density_estimate", lexicon))),
        "Length, tokens": stored_figure(values.get("length"), Form.COUNT),
    }
    strip = [
        BigNumber(label, found.value, form=found.form, n=found.n, pair=False, note=found.ends)
        for label, found in figures.items()
    ]
    return [*strip, sure_and_wrong(checked[0], None)]


def sure_and_wrong(base: Evaluated, last: Evaluated | None) -> BigNumber:
    """False confidence before and now; the interval is the latter's."""
    before, now = (
        stored_figure(row.values.get("false_confidence") if row else None, Form.PERCENT) for row in (base, last)
    )
    shown = now if last else before
    return BigNumber("Sure but wrong", before.value, now.value, form=Form.PERCENT, n=shown.n, pair=last is not None,
                     note=shown.ends)  # fmt: skip


# False confidence and cues stand in the same row: whether the model is right without doubts, or only without doubts.
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
    """The held-out evaluations before training and at the last step; None where there aren't two."""
    checked = held_out(rows)
    if len(checked) > 1 and checked[0].step == 0 and checked[-1].run != checked[0].run:
        return checked[0], checked[-1]
    return None


def compare_link(base: str, run: str) -> str:
    """The address of Compare on two runs."""
    return "/compare?" + urlencode({"runs": f"{base},{run}"})


def responses(row: TrainedStep) -> int:
    """How many responses a step's means are over: all its tokens over the mean length, since a step keeps no count."""
    length, tokens = row.values.get("length"), row.values.get("tokens")
    return round(tokens / length) if length and tokens else 0


def _table_row(row: Evaluated, lexicon: str, labels: Mapping[str, str], base: str | None) -> Row:
    values, links = row.values, []
    if row.run in labels:
        links.append(Link("Traces", "/browse?" + urlencode({"run": labels[row.run]})))
    if row.step and base in labels:
        links.append(Link("Compare", compare_link(str(base), row.run)))
    accuracy, length = stored_figure(values.get("accuracy")), stored_figure(values.get("length"))
    cells: dict[str, Cell] = {
        "step": row.step,
        "set": Lines(title_of(row), f"{values.get('traces', 0):,} traces"),
        "accuracy": accuracy,
        "sure": stored_figure(values.get("false_confidence")),
        "density": stored_figure(_at(values, ("density_estimate", lexicon))),
        "cues": stored_figure(_at(values, ("cues", lexicon))),
        "length": length,
        "finished": stored_figure(values.get("finished_estimate")),
        "n": accuracy.n or length.n,
        "links": links,
    }
    return Row(f"{row.step}-{row.run}", cells)


def _accuracy(rows: Sequence[Evaluated], last: int) -> Curves:
    """A line for each evaluation, and false confidence on the first held-out one."""
    named = list(dict.fromkeys((row.name, row.context) for row in rows))
    lines, others = [], iter((*_HELD_OUT, *(_HELD_OUT[-1] for _ in named)))
    for key in named:
        own = [row for row in rows if (row.name, row.context) == key]
        like = _SEEN if own[0].name == SEEN else next(others)
        lines.append(replace(like, name=title_of(own[0]), points=_found(own, ("accuracy",), Form.PERCENT)))
    sure = _found(held_out(rows), ("false_confidence",), Form.PERCENT)
    return _curves("", [*lines, replace(_SURE, name="sure but wrong", points=sure)], last, Form.PERCENT)


def _curves(
    unit: str, lines: Sequence[Line], last: int, form: Form = Form.DECIMAL, base: float | None = None
) -> Curves:
    return Curves("", "", "step", unit, form, tuple(lines), base, last=last)


def _points(rows: Sequence[TrainedStep], key: _Key, form: Form = Form.DECIMAL) -> tuple[Point, ...]:
    return tuple(Point(row.step, Figure(_at(row.values, key), n=responses(row) or None, form=form)) for row in rows)


def _score(row: TrainedStep, clustered: bool) -> Point:
    share, n = row.values.get("score"), responses(row)
    # Rollouts of one problem resemble each other: as independent ones their interval would be too narrow.
    low, high = (None, None) if share is None or not n or clustered else wilson_interval(share, n)
    return Point(row.step, Figure(share, low, high, n or None, Form.PERCENT))


def _found(rows: Sequence[Evaluated], key: _Key, form: Form = Form.DECIMAL) -> tuple[Point, ...]:
    return tuple(Point(row.step, stored_figure(_at(row.values, key), form)) for row in rows)


def _at(values: Mapping[str, Any], key: _Key) -> Any:
    found: Any = values
    for part in key:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
