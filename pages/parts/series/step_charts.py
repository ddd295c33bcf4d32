"""The charts and the table of series over their steps: which figures stand where, under which title, in which colour.

Owns what a title may say: a direction only where the first and the last step differ beyond their intervals.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from backend.domain import visible
from backend.measure.alarms import Alarm, alarms
from backend.measure.bootstrap import Estimate
from backend.measure.series import GROUP, METRIC, REWARD, StepFigures
from backend.report.model import Curves, Line, Marks, Point, Record, SeriesRole
from backend.report.numbers import Form, number
from pages.components.charts.chart_parts import Chart
from pages.components.charts.picture_charts import stored_figure, thinned, training_chart
from pages.components.table.table_model import Cell, Column, Kind, Row, interval_cell

ROLES = (SeriesRole.FIRST, SeriesRole.SECOND, SeriesRole.THIRD, SeriesRole.OTHER)
_MOST_POINTS = 80  # of a line: more marks on 300 pixels can't be told apart, nor clicked
_LONG = 13  # characters of a title, beyond which there is no room for "no clear change"
_WHISKERS = 20  # points of all lines together, above which intervals are bands


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart: its title, and its figures by key, each with the name it has beside the first's."""

    title: str
    keys: Mapping[str, str]
    form: Form = Form.DECIMAL
    unit: str = ""


def panels(figures: Sequence[StepFigures], unit: str, group: str | None) -> list[Panel]:
    """The charts that hold anything, in order; cues are those of `group`, or all."""
    cues, density = (f"{GROUP}{group}", f"per_1k:{group}") if group else ("cues", "per_1k")
    what = f"{group} cues".capitalize() if group else "Cues"
    found = [
        Panel("Accuracy", {"accuracy": ""}, Form.PERCENT),
        Panel("Length", {"length": "", "finished_length": "finished alone"}, Form.COUNT, unit),
        Panel(f"{what} a trace", {cues: ""}),
        Panel(f"{what} per 1,000 {unit}", {density: ""}),
        Panel("Ends by itself", {"ended": "", "loops": "with loops"}, Form.PERCENT),
        Panel("Sure but wrong", {"confident_wrong": "", "closing": "doubts at the end"}, Form.PERCENT),
        Panel("Distinct 3-grams", {"distinct_n": ""}, Form.PERCENT),
        Panel("Entropy, nats a token", {"entropy": ""}),
    ]
    named = dict.fromkeys(key for step in figures for key in step.figures)
    rewards = {key: key.removeprefix(REWARD) for key in named if key.startswith(REWARD)}
    found += [Panel(name if "reward" in name.lower() else f"Reward {name}", {key: ""}) for key, name in rewards.items()]
    found += [Panel(f"Reported: {key.removeprefix(METRIC)}", {key: ""}) for key in named if key.startswith(METRIC)]
    held = {key for step in figures for key, estimate in step.figures.items() if estimate}
    return [panel for panel in found if held & set(panel.keys)]


def charts(
    found: Mapping[str, Sequence[StepFigures]], rang: Sequence[tuple[int, Alarm]], unit: str, group: str | None
) -> dict[str, Chart]:
    """The charts by the first key of each, of one series or of several over each other, with the alarms that rang."""
    drawn = {}
    for panel in panels([step for steps in found.values() for step in steps], unit, group):
        marks = [(alarm.step, alarm.sentence) for _, alarm in rang if alarm.key in panel.keys]
        size = sum(min(len(steps), _MOST_POINTS) for steps in found.values()) * len(panel.keys)
        lines = [
            Line(
                " · ".join(filter(None, (name if len(found) > 1 else "", more))),
                role,
                tuple(
                    Point(step.step, stored_figure(step.figures.get(key), panel.form))
                    for step in thinned(steps, _MOST_POINTS, [at for at, _ in marks])
                ),
                dash="dash" if at else "solid",
                symbol="square-open" if at else "circle",
                marks=Marks.ALL,
                band=size > _WHISKERS,
            )
            for (name, steps), role in zip(found.items(), ROLES, strict=False)
            for at, (key, more) in enumerate(panel.keys.items())
        ]
        known = tuple(line for line in lines if any(point.figure.known for point in line.points))
        last = max(steps[-1].step for steps in found.values())
        curves = Curves("", "", "step", panel.unit, panel.form, known, last=last, alarms=tuple(marks))
        only, *others = found.values()
        # The first of its figures that is known in any series gives the title.
        (key, more), *further = [
            (key, more)
            for key, more in panel.keys.items()
            if any(step.figures.get(key) for steps in found.values() for step in steps)
        ]
        title = more.capitalize() if more and not further else panel.title
        if len(known) == 1:  # the title names it
            curves = replace(curves, lines=(replace(known[0], name=""),))
        told = title if others else f"{title}: {change(only, key, panel.form, short=len(title) > _LONG)}"
        drawn[next(iter(panel.keys))] = training_chart(told, [curves])
    return drawn


def change(steps: Sequence[StepFigures], key: str, form: Form, *, short: bool = False) -> str:
    """From the first to the last step at which a figure is known: "62% → 25%", or that nothing is clear."""
    (_, first), (_, last) = _ends(steps, key)
    if first is last:
        return number(first.value, form)
    before, now = number(first.value, form), number(last.value, form)
    return f"{before} → {now}" if apart(first, last, form) else now if short else f"{now}, no clear change"


def apart(first: Estimate, last: Estimate, form: Form) -> int:
    """1 where a figure rises, -1 where it falls, 0 where the interval of the difference holds 0 or isn't known.

    The difference of two figures gets its interval from theirs (Zou and Donner 2008); that the problems are the same
    would make it narrower.
    """
    lower, upper = (first, last) if first.value < last.value else (last, first)
    if lower.low is None or lower.high is None or upper.low is None:
        return 0
    # Of a mean the lower sides alone: where few problems differ, the upper one can be a hundred times as long.
    above = lower.high if form is Form.PERCENT or lower.value < 0 else 2 * lower.value - lower.low
    error = math.hypot(upper.value - upper.low, above - lower.value)
    return (1 if upper is last else -1) if upper.value - lower.value > error else 0


def headline(steps: Sequence[StepFigures]) -> str:
    """What the figures say of cues and accuracy: "Cues fall from 8.1 to 0.9 a trace by step 60, accuracy ..."."""
    said, by = [], steps[-1].step
    for key, name, verbs, form, tail in (
        ("cues", "cues", ("fall", "rise"), Form.DECIMAL, " a trace"),
        ("accuracy", "accuracy", ("falls", "rises"), Form.PERCENT, ""),
    ):
        if not any(step.figures.get(key) for step in steps):
            continue
        (_, first), (at, last) = _ends(steps, key)
        if way := apart(first, last, form):
            verb, by = verbs[way > 0], min(by, at)
            said.append(f"{name} {verb} from {number(first.value, form)} to {number(last.value, form)}{tail}")
        elif first is not last:
            said.append(f"no clear change in {name}")
    if not said:
        return "A single step" if len(steps) == 1 else f"{len(steps)} steps"
    text = ", ".join(said)
    return f"{text[0].upper()}{text[1:]} by step {by:,}"


def alarms_in(found: Mapping[str, Sequence[StepFigures]]) -> list[tuple[int, Alarm]]:
    """Every alarm that was set off, with the place of its series."""
    return [(at, alarm) for at, steps in enumerate(found.values()) for alarm in alarms(steps)]


def alarm_rows(names: Sequence[str], rang: Sequence[tuple[int, Alarm]]) -> tuple[list[Column], list[Row]]:
    """Alarms as rows, whose ids are like those of rows of `table`; `names` are those of the series."""
    columns = [Column("step", "Alarm at step", Kind.NUMBER, Form.COUNT, width="9%"), Column("said", "What happened")]
    columns += [Column("series", "Series", width="24%")] if len(names) > 1 else []
    rows = [
        Row(
            f"{at}-{alarm.step}-{alarm.rule}",
            {"step": alarm.step, "said": alarm.sentence, "series": visible(names[at], 60)},
        )
        for at, alarm in rang
    ]
    return columns, rows


COLUMNS = (
    ("accuracy", "Accuracy", Form.PERCENT),
    ("length", "Length", Form.COUNT),
    ("cues", "Cues", Form.DECIMAL),
    ("per_1k", "Per 1,000", Form.DECIMAL),
    ("ended", "Ended", Form.PERCENT),
    ("closing", "Doubts at the end", Form.PERCENT),
    ("confident_wrong", "Sure but wrong", Form.PERCENT),
)


def table(found: Mapping[str, Sequence[StepFigures]]) -> tuple[list[Column], list[Row]]:
    """Every step of every series as a row of figures with their intervals."""
    columns = [Column("step", "Step", Kind.NUMBER, Form.COUNT), Column("n", "Traces", Kind.NUMBER, Form.COUNT)]
    columns += [Column(key, name, Kind.NUMBER, form) for key, name, form in COLUMNS]
    columns[:0] = [Column("series", "Series", width="16%")] if len(found) > 1 else []
    rows = []
    for at, (name, steps) in enumerate(found.items()):
        for step in steps:
            cells: dict[str, Cell] = {"series": visible(name, 60), "step": step.step, "n": step.traces}
            cells |= {key: interval_cell(step.figures.get(key)) for key, *_ in COLUMNS}
            rows.append(Row(f"{at}-{step.step}", cells))
    return columns, rows


def records(found: Mapping[str, Sequence[StepFigures]]) -> Iterator[Record]:
    """Every figure of every step for the CSV, unrounded."""
    for name, steps in found.items():
        for step in steps:
            place: Record = {"series": name, "step": step.step, "traces": step.traces, "problems": step.problems}
            for key, one in step.figures.items():
                ends = (one.value, one.low, one.high, one.n) if one else (None,) * 4
                yield {**place, "figure": key, **dict(zip(("value", "low", "high", "n"), ends, strict=True))}


def _ends(steps: Sequence[StepFigures], key: str) -> tuple[tuple[int, Estimate], tuple[int, Estimate]]:
    """The first and the last step at which a figure is known, with an interval if any two have one."""
    known = [(step.step, one) for step in steps if (one := step.figures.get(key))]
    sure = [(step, one) for step, one in known if one.low is not None]
    return (sure[0], sure[-1]) if len(sure) > 1 else (known[0], known[-1])
