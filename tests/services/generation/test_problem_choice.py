"""Problems to choose from: the lab's sets, imported ones, stored ones, and the solutions contexts show."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.domain import UserError
from backend.import_plan import Overrides
from backend.services import Services
from tests.services.made_files import row, take_one, write


def test_lab_sets_need_no_import(services: Services) -> None:
    sets = {info.name: info for info in services.problems.sets()}
    assert sets["lab-cd3-test"].lab and sets["lab-cd3-test"].size == 200
    first = services.problems.load("lab-cd3-test", 5)
    assert [p.number for p in first] == [1, 2, 3, 4, 5] and first == services.problems.load("lab-cd3-test", 5)


def test_picking_is_repeatable_and_knows_difficulty(services: Services) -> None:
    picked = services.problems.pick("lab-cd3-test", difficulty="hard", seed=7)
    assert picked.difficulty == "hard" and picked == services.problems.pick("lab-cd3-test", difficulty="hard", seed=7)
    assert len({services.problems.pick("lab-cd3-test", seed=s).number for s in range(20)}) > 5
    with pytest.raises(UserError, match="no problem number 999"):
        services.problems.pick("lab-cd3-test", 999)
    with pytest.raises(UserError, match="There is no problem set"):
        services.problems.load("nowhere")


def test_a_stored_right_answer_is_a_solution(services: Services, tmp_path: Path) -> None:
    """The model's own comes first, the shortest of several; a wrong one never."""
    question = "What is one and one?"
    for model, texts in (("a", ("Surely \\boxed{3}", "I think it is \\boxed{2}")), ("b", ("\\boxed{2}",))):
        file = write(tmp_path / model / f"{model}.jsonl", [row(question, *texts)])
        take_one(services, file, overrides=Overrides(model=model))
    assert services.problems.solution(question, "a") == "I think it is \\boxed{2}"
    assert services.problems.solution(question, "b") == services.problems.solution(question, "c") == "\\boxed{2}"
    assert services.problems.solution("What is one and two?", "a") is None
    assert [p.question for p in services.problems.search("ONE  and")] == [question]


def test_real_problem_sets_load(services: Services, shared_data: Path) -> None:
    list(services.imports.run([shared_data / "problems"]))
    sets = [info for info in services.problems.sets() if not info.lab]
    assert {"aime24", "math500"} <= {info.name.lower() for info in sets}
    for info in sets:
        assert len(services.problems.load(info.name)) == info.size
