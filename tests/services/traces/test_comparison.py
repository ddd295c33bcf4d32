"""Two runs problem by problem: alignment, flips, modes, warnings, and the pair as a whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.config import Settings
from backend.domain import UserError
from backend.import_plan import Overrides
from backend.services import Services, build_services
from backend.services.traces.comparison import ProblemFilter
from pages.parts.compare.compared_runs import export_csv, mode_chips
from tests.services.made_files import row, take_one, write

# question -> (base's response, its verdict, variant's response, its verdict)
PAIRED = {
    "both right?": ("wait wait so", True, "so", True),
    "lost?": ("wait wait wait maybe so", True, "so wait", False),
    "won?": ("so", False, "wait so", True),
    "both wrong?": ("so", False, "so so", False),
    "unknown?": ("so maybe", None, "so", True),
}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """One store for the whole module: comparing changes nothing."""
    with build_services(Settings(store=tmp_path_factory.mktemp("comparing") / "store")) as wired:
        yield wired


@pytest.fixture(scope="module")
def pair(services: Services, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    runs, tmp_path = [], tmp_path_factory.mktemp("pair")
    for side, model in enumerate(("base", "variant")):
        rows = [row(q, c[2 * side], gold=None, answers_correctness=[c[2 * side + 1]]) for q, c in PAIRED.items()]
        rows.append(row(f"only in {model}?", "x", gold=None))
        order = rows if side else rows[::-1]
        runs.append(take_one(services, write(tmp_path / f"{model}.jsonl", order), overrides=Overrides(dataset="d")))
    return runs


def test_runs_are_aligned_on_the_problems_both_hold(services: Services, pair: list[str]) -> None:
    compared = services.comparison.compare(pair, "kim2026", "file")
    assert {problem.question for problem in compared.problems} == set(PAIRED)
    assert compared.unpaired == (1, 1) and compared.unit == "words"
    for problem in compared.problems:
        base, right, variant, then = PAIRED[problem.question]
        a, b = problem.sides
        assert (a.right, b.right) == (right, then)
        assert (a.words, b.words) == (len(base.split()), len(variant.split()))
        assert a.cues == base.count("wait") + base.count("maybe")
        assert b.per_1k == pytest.approx(1000 * (variant.count("wait") + variant.count("maybe")) / b.words)


def test_the_unknown_is_no_zero(services: Services, pair: list[str]) -> None:
    """These files don't say how responses ended, and give no verdict on one: on page and in the file there is nothing."""
    compared = services.comparison.compare(pair, "kim2026", "file")
    assert all(side.cut is None for problem in compared.problems for side in problem.sides)
    assert "cut off" not in [chip.id for chip in mode_chips(compared)]
    unknown = next(row for row in csv.DictReader(io.StringIO(export_csv(compared))) if row["question"] == "unknown?")
    assert (unknown["judged A"], unknown["right A"], unknown["cut A"], unknown["cut B"]) == ("0", "", "", "")
    assert unknown["right B"] == "1"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (ProblemFilter.RIGHT_TO_WRONG, ["lost?"]),
        (ProblemFilter.WRONG_TO_RIGHT, ["won?"]),
        (ProblemFilter.BOTH_WRONG, ["both wrong?"]),
        (ProblemFilter.CUE_DROP, ["lost?", "both right?", "unknown?"]),
        (ProblemFilter.CUT_OFF, []),
    ],
)
def test_modes_list_their_problems(
    services: Services, pair: list[str], mode: ProblemFilter, expected: list[str]
) -> None:
    listed = services.comparison.compare(pair, "kim2026", "file").listed(mode)
    assert [problem.question for problem in listed] == expected
    turned = services.comparison.compare(pair[::-1], "kim2026", "file")
    assert len(turned.listed(ProblemFilter.ALL)) == 5
    assert [problem.question for problem in turned.listed(ProblemFilter.RIGHT_TO_WRONG)] == ["won?"]


def test_the_pair_as_a_whole(services: Services, pair: list[str]) -> None:
    compared = services.comparison.compare(pair, "kim2026", "file")
    found = services.comparison.statistics(compared)
    assert (found.n, found.judged) == (5, 4)
    assert (found.accuracy.a.value, found.accuracy.b.value, found.accuracy.change.value) == (0.5, 0.5, 0.0)
    assert found.cues.a.value == pytest.approx(7 / 5) and found.cues.b.value == pytest.approx(2 / 5)
    assert found.cues.change.value == pytest.approx(-1.0)
    assert found.length.change.value == pytest.approx(8 / 12), "a ratio of lengths"
    assert (found.flips.right_to_wrong, found.flips.wrong_to_right) == (1, 1)
    words = {word.entry: (word.a, word.b, word.change.value) for word in found.words}
    assert words == {"wait": pytest.approx((1.0, 0.4, -0.6)), "maybe": pytest.approx((0.4, 0.0, -0.4))}
    assert sum(contrast[0].a.value for contrast in found.groups.values()) == pytest.approx(found.cues.a.value)
    assert sorted(found.lengths.problems) == sorted(problem.id for problem in compared.problems)
    assert found.lengths.within("A", 4, 9) == {p.id for p in compared.problems if p.question == "lost?"}


def test_the_real_pair_equals_its_runs(real_store: Settings) -> None:
    with build_services(real_store) as services:
        (pair,) = [
            pair
            for pair in services.runs.pairs()
            if (pair.base.info.model, pair.variant.info.model) == ("Qwen2.5-7B", "Qwen2.5-7B · LIMO")
        ]
        compared = services.comparison.compare([pair.base.id, pair.variant.id], "kim2026", "file")
        found = services.comparison.statistics(compared)
        summaries = {summary.run.id: summary for summary in services.runs.summaries("kim2026")}
    assert len(compared.problems) == found.n == 30 and pair.reason == "trained from"
    for side, run in ((found.cues.a, pair.base), (found.cues.b, pair.variant)):
        assert side.value == pytest.approx(summaries[run.id].cues.value)
    assert found.accuracy.a.value == pytest.approx(4 / 30) and found.accuracy.b.value == pytest.approx(8 / 30)
    assert found.flips.wrong_to_right - found.flips.right_to_wrong == 4
    assert found.resolution.startswith("30 problems")


def test_runs_made_differently_are_pointed_out(services: Services, tmp_path: Path) -> None:
    runs = []
    for number, temperature in enumerate((0.0, 0.6)):
        given = Overrides(temperature=temperature, seed=number, template="think" if number else "plain")
        runs.append(take_one(services, write(tmp_path / f"{number}.jsonl", [row("1?", str(number))]), overrides=given))
    warnings = " ".join(services.comparison.compare(runs, "doubts", "paper").warnings)
    assert "temperature (0.0 | 0.6)" in warnings and "prompt template (plain | think)" in warnings
    assert "seed" not in warnings


def test_different_prompts_are_pointed_out(services: Services, tmp_path: Path) -> None:
    runs = []
    mapping = {"question": "q", "text": "text", "prompt": "prompt"}
    for number, prompt in enumerate(("Answer.", "Think.")):
        rows = [{"q": f"{q}?", "text": f"{number}", "prompt": prompt if q else "Same."} for q in range(3)]
        runs.append(take_one(services, write(tmp_path / f"{number}.jsonl", rows), mapping=mapping))
    warnings = services.comparison.compare(runs, "doubts", "paper").warnings
    assert any("different prompts on 2 of 3 problems" in warning for warning in warnings)


@pytest.mark.parametrize("chosen", [[], ["a"] * 2, ["nosuch"], list("abcde")])
def test_what_cannot_be_compared_is_a_sentence(services: Services, pair: list[str], chosen: list[str]) -> None:
    names = dict(zip("ab", pair, strict=True))
    with pytest.raises(UserError):
        services.comparison.compare([names.get(name, name) for name in chosen], "doubts", "paper")


def test_runs_without_a_shared_problem_are_a_sentence(services: Services, tmp_path: Path) -> None:
    runs = [take_one(services, write(tmp_path / f"{q}.jsonl", [row(q, "x")])) for q in ("1?", "2?")]
    with pytest.raises(UserError, match="share no problem"):
        services.comparison.compare(runs, "doubts", "paper")
