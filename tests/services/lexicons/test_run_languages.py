"""A list that doesn't speak a run's language is warned of when traces arrive, and beside the figures of two runs."""

from __future__ import annotations

from pathlib import Path

from backend.services import Services
from tests.services.made_files import row, take, take_one, write

CHINESE = "等等，也许我们可以先计算这个表达式的值，然后再检查一遍结果是否正确。\\boxed{2}"
RUSSIAN = "Подождите, возможно, это неверно: нужно ещё раз проверить ответ. \\boxed{2}"
ENGLISH = "Wait, so we have the sum, and that is maybe 2. \\boxed{2}"


def test_an_import_says_which_lists_do_not_speak_its_language(services: Services, tmp_path: Path) -> None:
    (chinese,) = take(services, write(tmp_path / "zh.jsonl", [row(f"{n}?", CHINESE) for n in range(3)]))
    assert "The lists companion2026, kim2026-words, kim2026 are English; " in chinese.sentence.replace(
        "kim2026, kim2026-words", "kim2026-words, kim2026"
    )
    assert "letters are Chinese, so their counts say little." in chinese.sentence
    (russian,) = take(services, write(tmp_path / "ru.jsonl", [row(f"{n}?", RUSSIAN) for n in range(3)]))
    assert "The lists doubts, " in russian.sentence and "letters are Cyrillic" in russian.sentence
    (english,) = take(services, write(tmp_path / "en.jsonl", [row(f"{n}?", ENGLISH) for n in range(3)]))
    assert "letters are" not in english.sentence


def test_a_comparison_says_it_of_its_own_list_alone(services: Services, tmp_path: Path) -> None:
    runs = [
        take_one(services, write(tmp_path / name, [row(f"{n}?", text + str(n)) for n in range(3)]))
        for name, text in (("a.jsonl", CHINESE), ("b.jsonl", ENGLISH))
    ]
    said = [w for w in services.comparison.compare(runs, "kim2026", "paper").warnings if "letters" in w]
    assert said == ["The list kim2026 is English; 100% of these traces’ letters are Chinese, so its counts say little."]
    assert not any("letters" in warning for warning in services.comparison.compare(runs, "doubts", "paper").warnings)
