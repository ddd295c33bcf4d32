"""Tests of series: which runs belong together, their figures, and that these are the figures of the runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.domain import Context, UserError
from backend.import_plan import Overrides
from backend.measure.bootstrap import mean_estimate
from backend.measure.series import StepFigures, distinct
from backend.services import Services
from backend.services.series.series import SeriesLine

WORDS = {0: "Wait, maybe 3. Hmm, no. So it is", 10: "Perhaps 3. So it is", 20: "It is"}


def rollouts(path: Path, steps: dict[int, str], problems: int = 6, *, wrong: int = 2) -> Path:
    """A verl-like folder of rollouts: a file a step, of which the first `wrong` answers are wrong."""
    path.mkdir()
    for step, words in steps.items():
        rows = [
            {
                "input": f"user\nWhat is {p} + {p}?\nassistant\n",
                "output": f"{words} \\boxed{{{2 * p + (p < wrong)}}}." + " And so on." * p,
                "gts": str(2 * p),
                "score": float(p >= wrong),
                "brevity": 0.25 * sample,
                "step": step,
            }
            for p in range(problems)
            for sample in range(2)
        ]
        (path / f"{step}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return path


def _imported(services: Services, folder: Path, said: Overrides | None = None) -> None:
    for outcome in services.imports.run([folder], said or Overrides()):
        assert outcome.state == "imported", outcome


def _only(services: Services, line: SeriesLine | None = None, **how: Any) -> list[StepFigures]:
    (series,) = services.series.all()
    return services.series.figures(series, None, line or series.lines[0], **how)


def test_the_steps_of_a_folder_are_one_series(services: Services, tmp_path: Path) -> None:
    """A file a step is a run a step, and all of them one line, in the order of steps."""
    _imported(services, rollouts(tmp_path / "my-run", WORDS))
    (series,) = services.series.all()
    assert series.name == "my-run" and [step for step, _ in series.lines[0].steps] == [0, 10, 20]
    assert services.series.get("my-run") == series and series.lines[0].context is Context.NONE
    with pytest.raises(UserError, match="no series"):
        services.series.get("another")


def test_figures_of_a_step_are_those_of_its_run(services: Services, tmp_path: Path) -> None:
    """What a step says of accuracy, length, cues and density is what the list of runs says of its run."""
    _imported(services, rollouts(tmp_path / "my-run", WORDS))
    summaries = {each.run.id: each for each in services.runs.summaries()}
    for step in _only(services):
        summary, found = summaries[step.runs[0]], step.figures
        assert (step.traces, step.problems) == (12, 6)
        assert found["accuracy"] == summary.accuracy["final answer"]
        assert found["length"] == summary.length and found["cues"] == summary.cues
        assert found["per_1k"] == summary.per_1k
    assert [step.figures["cues"].value for step in _only(services)] == [3, 1, 0]  # type: ignore[union-attr]


def test_rewards_and_what_the_texts_say_are_counted(services: Services, tmp_path: Path) -> None:
    """Numbers of the trainer's rows by name, doubts of closings, runs of words; what nobody knows is None."""
    _imported(services, rollouts(tmp_path / "my-run", WORDS))
    first, _, last = _only(services, grader="file")
    assert first.figures["reward:brevity"] == mean_estimate([0.125] * 6)
    assert first.figures["reward:score"].value == pytest.approx(4 / 6)  # type: ignore[union-attr]
    assert not {"reward:step", "reward:gts"} & set(first.figures)
    texts = [row["text"] for row in services.store.queries.texts(last.runs[0])]
    assert last.figures["distinct_n"].value == pytest.approx(sum(map(distinct, texts)) / 12, abs=1e-6)  # type: ignore
    # Two sentences before the box are searched: of the first step's words all three.
    assert [step.figures["closing"].value for step in _only(services)] == [1, 1, 0]  # type: ignore[union-attr]
    assert first.figures["ended"] is None and first.figures["entropy"] is None
    # How these responses ended is unknown, so that nobody knows whether they assert anything.
    assert first.figures["confident_wrong"] is None and distinct("two words") is None


def test_without_loops_a_step_has_what_lies_outside_of_them(services: Services, tmp_path: Path) -> None:
    """A loop of doubts is counted, and isn't where loops are left out."""
    _imported(services, rollouts(tmp_path / "my-run", {1: "Wait. " * 60}))
    (whole,), (free,) = _only(services), _only(services, loops=False)
    assert whole.figures["loops"].value == 1 and whole.figures["cues"].value == 60  # type: ignore[union-attr]
    assert free.figures["cues"].value < 5 and free.figures["length"].value < 20  # type: ignore[union-attr]
    assert whole.figures["cues"].low is None and "loops" in whole.figures["cues"].why  # type: ignore[union-attr]


def test_runs_of_one_step_are_pooled_and_another_data_set_is_another_line(services: Services, tmp_path: Path) -> None:
    """A step's shards count as one; what differs in data set or context is never mixed."""
    for name, words, dataset in (("a", "Wait, it is", None), ("b", "It is", None), ("c", "It was", "held out")):
        said = Overrides(series="one", step=5, model="m", dataset=dataset)
        _imported(services, rollouts(tmp_path / name, {5: words}), said)
    (series,) = services.series.all()
    assert [line.dataset for line in series.lines] == ["held out", "training rollouts"]
    (alone,), (pooled,) = (_only(services, line) for line in series.lines)
    assert len(pooled.runs) == 2 and (pooled.traces, pooled.problems) == (24, 6)
    assert pooled.figures["cues"].value == 0.5 and alone.figures["cues"].value == 0  # type: ignore[union-attr]


def test_a_run_of_the_parent_on_the_same_problems_is_offered_as_step_0(services: Services, tmp_path: Path) -> None:
    """Where a series begins later, the model that it was trained from stands at its beginning, if it is in the store."""
    _imported(services, rollouts(tmp_path / "tuned", {10: "It is"}), Overrides(parent="base"))
    assert services.series.all()[0].lines[0].based == services.series.all()[0].lines[0]
    (other,) = services.imports.run(
        [rollouts(tmp_path / "x", {0: "Wait, it is"})], Overrides(model="base", series="", step=0)
    )
    (series,) = services.series.all()
    assert series.lines[0].base == other.run
    assert [(step.step, step.figures["cues"].value) for step in _only(services, series.lines[0].based)] == [
        (0, 1),
        (10, 0),
    ]
