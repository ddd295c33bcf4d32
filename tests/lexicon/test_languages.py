"""Languages told by script and by the commonest words, and the warning where a list doesn't speak a text's."""

from __future__ import annotations

import pytest

from backend.domain import Group
from backend.lexicon.entries import Entry, Lexicon, MatchMode, Overlap, load_all
from backend.lexicon.languages import languages_of, languages_of_forms, letters, warning
from tests.lexicon.lexicon_texts import LEXICONS

SHIPPED = load_all(LEXICONS)


def own(*forms: str) -> Lexicon:
    entries = tuple(Entry(form, Group.HEDGE, (form,)) for form in forms)
    return Lexicon("mine", "1", "Mine", "", MatchMode.WORD, Overlap.LONGEST, entries)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("So we have the sum, and that is 7. Wait, maybe not.", "English"),
        (r"设 $x^2 + \frac{a}{b} = c$，等等，也许我们可以先计算这个表达式的值", "Chinese"),
        ("もしかしたら、これは正しくないかもしれません。計算します", "Japanese"),
        ("잠깐, 아마도 이것은 틀렸을 수 있습니다", "Korean"),
        ("Подождите, возможно, это неверно", "Cyrillic"),
        ("انتظر، ربما هذا غير صحيح", "Arabic"),
        ("Warte, das ist vielleicht nicht die Lösung, denn wir haben eine andere Zahl", "German"),
        ("Attendez, ce n'est pas dans les nombres que nous avons, donc une autre", "French"),
    ],
)
def test_the_language_of_a_text(text: str, language: str) -> None:
    found = letters([text])
    assert found.most_common(1)[0][0] == language
    said = warning([SHIPPED["kim2026"]], found)
    assert bool(said) == (language != "English")
    if said:
        assert said.startswith("The list kim2026 is English; ") and f"letters are {language}, so its counts" in said


def test_lists_that_speak_it_are_not_named() -> None:
    found = letters(["等等，也许我们可以先计算这个表达式的值"])
    assert warning([SHIPPED["doubts"]], found) == "" == warning(list(SHIPPED.values())[1:2], letters(["so the sum"]))
    said = warning(list(SHIPPED.values()), found)
    assert said == (
        "The lists companion2026, kim2026-words, kim2026 are English; 100% of these traces’ letters are Chinese, "
        "so their counts say little."
    )


def test_a_little_of_another_script_and_no_letters_are_no_reason_to_warn() -> None:
    mixed = letters(["So we have the sum, and that is 7, because the other one is larger. " * 3 + "等等，也许"])
    assert warning([SHIPPED["kim2026"]], mixed) == "" == warning([SHIPPED["kim2026"]], letters(["7 + 7 = 14", ""]))


def test_the_languages_of_a_list() -> None:
    assert all("English" in languages_of(lexicon) for lexicon in SHIPPED.values())
    assert languages_of(own("也许", "maybe")) == ("English", "Chinese") and languages_of(own("zounds")) == ()
    # A list of one's own in Latin letters may be in any language written in them, so only other scripts are strange.
    german, chinese = letters(["das ist nicht die Zahl"]), letters(["也许我们"])
    assert warning([own("vielleicht")], german) == "" == warning([own("zounds")], german)
    assert warning([own("zounds")], chinese).startswith("The list mine is in Latin letters; ")
    assert warning([SHIPPED["doubts"]], german).startswith("The list doubts is English and Chinese; ")
    spoken = languages_of(SHIPPED["doubts"])
    assert languages_of_forms(("wait",), spoken) == ("English",) and languages_of_forms(("等等",), spoken) == (
        "Chinese",
    )
    assert languages_of_forms(("zounds",), ()) == ()
