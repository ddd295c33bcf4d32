"""Training runs in the ledger, on SQLite and on PostgreSQL: what was said again takes the place of what was said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from backend.domain import Context, Training
from backend.store.database import connect
from backend.store.ledger import Ledger, sqlite_url
from backend.store.trainings import EvaluationRow, RolloutRow, Standing, StepRow, Trainings


@pytest.fixture
def trainings(url: str) -> Iterator[Trainings]:
    opened = Trainings(connect(url))
    yield opened
    opened.close()


def add(trainings: Trainings, name: str, **more: str) -> Training:
    return trainings.add(Training(name, f"name of {name}", "base", {"steps": 3, "ü": [None, 0.5]}, **more))


def found(step: int, name: str = "test", context: Context = Context.NONE, run: str = "r") -> EvaluationRow:
    return EvaluationRow(step, name, context, run, {"accuracy": [0.5, None, None, 1], "traces": 3})


def test_a_training_comes_back_as_it_was_put_in(trainings: Trainings) -> None:
    first, second = add(trainings, "a"), add(trainings, "b", part="p")
    assert trainings.get("a") == first and first.created and trainings.get("nowhere") is None
    assert trainings.all() == [second, first]
    assert trainings.of_part("p") == second and trainings.of_part("") is None and trainings.of_part("q") is None
    again = add(trainings, "c", part="p")
    assert trainings.of_part("p") == again, "the newest"
    trainings.set_job("a", "j")
    trainings.wish("a", "pause")
    assert trainings.get("a") == replace(first, job="j", wish="pause") and trainings.get("b") == second


def test_steps_are_told_in_order_and_a_step_once(trainings: Trainings) -> None:
    add(trainings, "a")
    add(trainings, "b")
    for step in (2, 0, 1):
        trainings.put_step("a", step, {"score": step / 4, "cues": {"doubts": 1.5}}, [{"text": "x\u202e"}], [])
    trainings.put_step("a", 1, {"score": None})
    trainings.put_step("b", 7, {})
    values = {"cues": {"doubts": 1.5}}
    assert trainings.steps("a") == [
        StepRow(0, values | {"score": 0.0}), StepRow(1, {"score": None}), StepRow(2, values | {"score": 0.5})]  # fmt: skip
    assert [row.step for row in trainings.steps("a", after=1)] == [2] and trainings.steps("a", after=2) == []
    assert trainings.rollouts("a", 1) == RolloutRow(0, [{"text": "x\u202e"}], []), "step 1 took back what it said"


def test_the_latest_rollouts_before_a_step_are_shown(trainings: Trainings) -> None:
    add(trainings, "a")
    assert trainings.rollouts("a", 9) is None and trainings.rollout_steps("a") == []
    trainings.put_step("a", 0, {}, [{"text": "s"}], [{"problem": 0, "text": "w"}])
    trainings.put_step("a", 1, {}, [{"text": "t"}], [])
    trainings.put_step("a", 2, {})
    trainings.put_step("a", 4, {}, [], [{"problem": 0, "text": "v"}])
    assert trainings.rollout_steps("a") == [0, 4]
    assert trainings.rollouts("a", 0) == RolloutRow(0, [{"text": "s"}], [{"problem": 0, "text": "w"}])
    assert trainings.rollouts("a", 3) == RolloutRow(1, [{"text": "t"}], [])
    assert trainings.rollouts("a", 99) == RolloutRow(4, [], [{"problem": 0, "text": "v"}])


def test_an_evaluation_said_again_takes_the_place_of_the_first(trainings: Trainings) -> None:
    add(trainings, "a")
    rows = [found(0), found(0, context=Context.SOLUTION), found(0, "zwei"), found(2)]
    for row in (*reversed(rows), found(2, run="other")):
        trainings.put_evaluation("a", row)
    shown = trainings.evaluations("a")
    assert shown == [rows[1], rows[0], rows[2], found(2, run="other")] and shown[0].context is Context.SOLUTION


def test_going_on_forgets_what_will_be_said_again(trainings: Trainings) -> None:
    for name in ("a", "b"):
        add(trainings, name)
        for step in range(4):
            trainings.put_step(name, step, {}, [{"text": "t"}])
            trainings.put_evaluation(name, found(step))
    trainings.cut("a", 1)
    assert [row.step for row in trainings.steps("a")] == [row.step for row in trainings.evaluations("a")] == [0, 1]
    assert (trainings.rollouts("a", 9) or found(9)).step == 1
    assert len(trainings.steps("b")) == len(trainings.evaluations("b")) == 4
    trainings.forget("b")
    assert trainings.get("b") is None and trainings.steps("b") == [] == trainings.evaluations("b")
    assert trainings.get("a") and trainings.rollouts("b", 9) is None


def test_how_far_each_is_and_how_it_ended(trainings: Trainings) -> None:
    for name in "abc":
        add(trainings, name)
    trainings.put_step("b", 0, {})
    trainings.put_step("b", 5, {})
    trainings.put_step("c", 0, {})
    trainings.end("c", "failed", "It broke.")
    assert trainings.standings() == {
        "a": Standing(None, "", ""), "b": Standing(5, "", ""), "c": Standing(0, "failed", "It broke.")}  # fmt: skip
    trainings.end("c", "")
    assert trainings.standings()["c"] == Standing(0, "", "")


def test_steps_leave_cached_figures_alone_and_evaluations_do_not(url: str) -> None:
    engine = connect(url)
    trainings, ledger = Trainings(engine), Ledger(engine)
    add(trainings, "a")
    before = ledger.version()
    trainings.put_step("a", 0, {"loss": 1.0}, [{"text": "t"}], [{"text": "t"}])
    trainings.wish("a", "pause")
    assert ledger.version() == before
    trainings.put_evaluation("a", found(0))
    assert ledger.version() == before + 1
    ledger.close()


def test_a_ledger_of_the_release_before_gets_the_tables(tmp_path: Path) -> None:
    """As a store that has run under the second migration is opened by this release."""
    url = sqlite_url(tmp_path)
    connect(url).dispose()
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in ("evaluations", "training_rollouts", "training_steps", "trainings"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("DELETE FROM migrations WHERE name = 'm003_trainings'"))
    engine.dispose()
    trainings = Trainings(connect(url))
    assert add(trainings, "a") == trainings.get("a")
    assert {"trainings", "evaluations"} <= set(inspect(trainings._engine).get_table_names())
    trainings.close()
