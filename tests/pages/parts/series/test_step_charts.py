"""Charts of series over their steps: which figures stand in each, what its title says, how far its axis goes."""

from __future__ import annotations

from itertools import permutations

import pytest

from backend.measure.bootstrap import Estimate
from backend.measure.series import StepFigures
from pages.parts.series.step_charts import alarm_rows, alarms_in, charts


def series(**figures: Estimate) -> list[StepFigures]:
    """Two steps alike."""
    return [StepFigures(step, (f"r{step}",), 8, 4, dict(figures)) for step in (1, 2)]


def known(value: float, low: float | None = None, high: float | None = None) -> Estimate:
    return Estimate(value, low, high, 4)


LENGTH = {"length": known(100.0, 50.0, 150.0)}
MINE, OTHER, PLAIN = (
    series(**LENGTH, loops=known(0.1, 0.0, 0.2), **{"reward:acc": known(0.5)}),
    series(**LENGTH, ended=known(0.9, 0.8, 1.0)),
    series(**LENGTH),
)


@pytest.mark.parametrize("order", permutations(["mine", "other", "plain"]))
def test_every_chart_is_drawn_whichever_series_has_its_figures(order: tuple[str, ...]) -> None:
    found = {name: {"mine": MINE, "other": OTHER, "plain": PLAIN}[name] for name in order}
    drawn = charts(found, [], "words", None)
    assert drawn.keys() == {"length", "ended", "reward:acc"}
    assert len(drawn["reward:acc"].data) == 2 and len(drawn["ended"].data) == 4


def test_a_title_names_the_figure_that_is_known() -> None:
    assert "With loops" in charts({"a": MINE, "b": MINE}, [], "words", None)["ended"].figure.layout.title.text
    assert "Ends by itself" in charts({"a": MINE, "b": OTHER}, [], "words", None)["ended"].figure.layout.title.text


@pytest.mark.parametrize(("high", "top"), [(150.0, None), (299.0, None), (20_000.0, 300.0)])
def test_an_interval_that_tells_nothing_leaves_the_picture(high: float, top: float | None) -> None:
    chart = charts({"a": series(length=known(100.0, 50.0, high))}, [], "words", None)["length"]
    limits = chart.figure.layout.yaxis.range
    assert (limits and limits[1]) == top
    assert {row["high"] for row in chart.data} == {high}, "its numbers are all there"


def test_alarms_lead_to_the_step_of_their_series() -> None:
    falls = [StepFigures(at, (f"r{at}",), 200, 200, {"cues": known(value, value - 0.1, value + 0.1)})
             for at, value in enumerate((9.0, 9.0, 9.0, 1.0, 1.0, 1.0))]  # fmt: skip
    falls = [StepFigures(s.step, s.runs, 200, 200, {"cues": Estimate(e.value, e.low, e.high, 200)})
             for s in falls if (e := s.figures["cues"])]  # fmt: skip
    found = {"calm": PLAIN, "fallen": falls}
    rang = alarms_in(found)
    _, rows = alarm_rows(list(found), rang)
    assert [(row.id, row.cells["series"]) for row in rows] == [("1-3-cues-collapse", "fallen")]
    assert charts(found, rang, "words", None)["cues"].figure.layout.annotations
