"""Matching: offsets into the original text, the paper's rule, whole words, exceptions, overlaps, sections of cues."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.domain import Group, UserError
from backend.lexicon.entries import Anchor, Entry, Lexicon, MatchMode, Overlap, load_all
from backend.lexicon.finder import Hit
from backend.lexicon.matcher import Matcher
from tests.lexicon.lexicon_texts import LEXICONS, texts

MATCHERS = {name: Matcher(lexicon) for name, lexicon in load_all(LEXICONS).items()}
TEN = ("wait", "hmm", "perhaps", "maybe", "actually", "alternatively", "seems", "might", "likely", "check")


def found(name: str, text: str) -> list[tuple[str, str]]:
    """What is marked, and by which entry."""
    matcher = MATCHERS[name]
    return [(text[start:end], matcher.entry_of[form].name) for form, start, end in matcher.find(text)]


def lexicon(*entries: Entry, mode: MatchMode = MatchMode.WORD, overlap: Overlap = Overlap.LONGEST) -> Lexicon:
    return Lexicon("sample", "1", "Sample", "", mode, overlap, entries)


def entry(*forms: str, exceptions: tuple[str, ...] = ()) -> Entry:
    return Entry(forms[0], Group.HEDGE, forms, exceptions)


def as_compared(text: str, words: bool) -> str:
    return re.sub(r"[\t\n\v\f\r\x85\xa0]", " ", text.lower().replace("’", "'")) if words else text.lower()


@pytest.mark.parametrize("name", sorted(MATCHERS))
@settings(deadline=None)
@given(text=texts)
def test_offsets_cut_out_the_matched_form(name: str, text: str) -> None:
    matcher = MATCHERS[name]
    for form, start, end in matcher.find(text):
        assert as_compared(text[start:end], matcher.lexicon.mode is MatchMode.WORD) == matcher.forms[form]


@settings(deadline=None)
@given(text=texts)
def test_kim2026_counts_what_the_paper_counts(text: str) -> None:
    lowered = text.lower()
    assert MATCHERS["kim2026"].count(text) == {word: lowered.count(word) for word in TEN}
    assert sum(MATCHERS["companion2026"].count(text).values()) == sum(lowered.count(w) for w in TEN if w != "likely")


odd_forms = st.text("aiİsk?\u0307é可", min_size=1, max_size=4).map(str.lower)


@settings(deadline=None)
@given(text=texts, forms=st.sets(odd_forms, min_size=1, max_size=6))
def test_any_substring_lexicon_counts_each_form_for_itself(text: str, forms: set[str]) -> None:
    text += "aSiİKaasasaskisé可?İi"
    matcher = Matcher(lexicon(*map(entry, sorted(forms)), mode=MatchMode.SUBSTRING, overlap=Overlap.EACH))
    assert matcher.count(text) == {form: text.lower().count(form) for form in forms}
    hits = [(start, end) for _, start, end in matcher.find(text)]
    assert hits == sorted(hits)
    assert all(0 <= start < end <= len(text) for start, end in hits)


def is_edge(text: str, inside: str, outside_at: int) -> bool:
    """The stated rule of word edges, spelt out anew; `inside` is the form's first or last character."""
    han = re.compile(
        "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f𠀀-\U0003ffff]"
    )

    def of_word(c: str) -> bool:
        mark = unicodedata.category(c) in ("Mn", "Mc") and not "\ufe00" <= c <= "\ufe0f"
        return not han.match(c) and (c.isalnum() or c == "_" or mark)

    return not of_word(inside) or not 0 <= outside_at < len(text) or not of_word(text[outside_at])


def plain_matches(text: str, forms: list[str]) -> Iterator[Hit]:
    """Every whole-word occurrence of every form, by brute force, in text without "İ"."""
    folded = as_compared(text, words=True)
    for number, form in enumerate(forms):
        for match in re.finditer(f"(?={re.escape(form)})", folded):
            start, end = match.start(), match.start() + len(form)
            if is_edge(text, form[0], start - 1) and is_edge(text, form[-1], end):
                yield number, start, end


SAMPLE = {"wait", "hmm", "likely", "check", "double-check", "i'm not sure", "right?", "等等", "可能", "不对", "hold on"}


@settings(deadline=None)
@given(text=texts.map(lambda text: text.replace("İ", "")))
def test_whole_words_agree_with_brute_force(text: str) -> None:
    chosen = [e for e in MATCHERS["doubts"].lexicon.entries if e.name in SAMPLE]
    matcher = Matcher(lexicon(*chosen))
    spared = [(s, e) for _, s, e in plain_matches(text, [x for c in chosen for x in c.exceptions])]
    left = [h for h in plain_matches(text, list(matcher.forms)) if not any(h[1] < e and s < h[2] for s, e in spared)]
    expected: list[Hit] = []
    for hit in sorted(left, key=lambda hit: (hit[1], -hit[2])):
        if not expected or hit[1] >= expected[-1][2]:
            expected.append(hit)
    assert matcher.find(text) == expected


@settings(deadline=None)
@given(text=st.text(st.characters(max_codepoint=127)).map(lambda text: text + " wait Check-checking maybe_ MIGHT"))
def test_kim2026_words_agree_with_re_on_ascii(text: str) -> None:
    pattern = re.compile(r"\b(?:" + "|".join(TEN) + r")\b", re.IGNORECASE)
    spans = [(start, end) for _, start, end in MATCHERS["kim2026-words"].find(text)]
    assert spans == [match.span() for match in pattern.finditer(text)]


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("Okay, so I need 3.", []),
        ("So the answer is 7? But wait.", ["So", "wait"]),
        ("So the answer is 7. Is it?", []),
        ("It is 0.5. Therefore, x = 0.25?", ["Therefore"]),
        ("- *The* sum is 7?\nThen what", ["The"]),
        ("所以。So 7？", ["So"]),
        ("So " + "x" * 200 + "?", []),
        ("x = 2.\n\nBut then y = 3", ["But then"]),
        ("It is 2, but then y = 3", []),
        ("(It is 2.) But that's not it", ["But that's"]),
        ("This approach is wrong", ["is wrong"]),
        ("This doesn't work", ["doesn't work"]),
        ("p = 5 does not work", []),
        ("He answered 24 questions incorrectly. My sum is incorrect.", ["is incorrect"]),
        ("maybe I'm missing something, too convoluted", ["maybe", "I'm missing something", "too convoluted"]),
        ("**Check 9713:** we check n = 2. Verify the result.", []),
        ("# check the second condition", []),
        ("Let me try n = 1. Let's see if it holds.", []),
        ("Alternatively, we can use the formula", []),
        ("Alternatively, maybe", ["Alternatively", "maybe"]),
        ("The list could be 1, 2; it may or may not be sorted.", []),
        ("5. **Revisiting the condition:** Let's re-evaluate it.", ["re-evaluate"]),
        ("验证：检查n=2。再检查一遍，对吗？", ["再检查", "对吗"]),
        ("Wait, maybe. Hmm, it seems.", ["Wait", "maybe", "Hmm", "seems"]),
        ("Actually, let me check", ["Actually", "let me check"]),
        ("That seems off", ["seems off"]),
        ("Let me double-check this", ["Let me double-check"]),
        ("I’m not sure", ["I’m not sure"]),
        ("I'm not\nsure", ["I'm not\nsure"]),
        ("I'm not\n\nsure", []),
        ("xi'm not sure", ["not sure"]),
        ("rechecking, rechecked and recheck", ["rechecking", "rechecked", "recheck"]),
        ("The outcomes are equally likely.", []),
        ("It is most likely 4", ["most likely"]),
        ("a checkerboard, checkmate; the king is in check", []),
        (r"the dual \check{f} and \checkmark", []),
        ("The waiting time is five minutes; they wait for the bus.", []),
        ("Wait for it: hold on, then.", ["Wait", "hold on"]),
        ("the bound must hold on [0,1]", []),
        ("Is that all, right? Right.", ["right?"]),
        ("check_prime(n) and wait2", []),
        ("wait-and-see", ["wait"]),
        ("perhaps\u0301", []),
        ("⚠\ufe0fWait", ["Wait"]),
        ("so wait等等，也许不可能", ["wait", "等等", "也许"]),
        ("这是不对称的。不对，让我检查一下", ["不对", "让我检查"]),
        ("可能性为一半，有可能，所有可能的值", ["有可能"]),
        ("苹果、梨等等。", []),
        ("我不确定；不确定性", ["我不确定"]),
        ("WAİT wait İ", ["wait"]),
        ("\ud800 wait 等等", ["wait", "等等"]),
    ],
)
def test_doubts_examples(text: str, marked: list[str]) -> None:
    assert [what for what, _ in found("doubts", text)] == marked


def test_overlaps_of_substrings_follow_the_paper() -> None:
    assert [what for what, _ in found("kim2026", "hmMight seemseems checKing")] == ["hmM", "Might", "seems", "checK"]


def test_longer_lower_case_moves_no_offset() -> None:
    text = "İİ maybe İ wait"
    assert found("kim2026", text) == [("maybe", "maybe"), ("wait", "wait")]
    assert found("doubts", text) == [("maybe", "maybe"), ("wait", "wait")]


def test_half_of_a_dotted_capital_takes_in_the_whole() -> None:
    matcher = Matcher(lexicon(entry("hi"), mode=MatchMode.SUBSTRING, overlap=Overlap.EACH))
    assert matcher.find("ohİ") == [(0, 1, 3)]


def test_exceptions_win_over_longer_overlaps() -> None:
    matcher = Matcher(lexicon(entry("no wait"), entry("wait", exceptions=("wait time",))))
    assert matcher.find("no wait time") == []
    assert matcher.find("no wait") == [(0, 0, 7)]


def test_a_form_covered_by_an_exception_is_refused() -> None:
    with pytest.raises(UserError, match="entry likely: form 'equally likely' can never match"):
        Matcher(lexicon(entry("likely", "equally likely", exceptions=("equally likely",))))


def test_an_anchor_needs_its_sentence() -> None:
    opening = Entry("but", Group.HEDGE, ("but",), at=Anchor.SENTENCE)
    asked = Entry("so", Group.HEDGE, ("so",), at=Anchor.QUESTION)
    matcher = Matcher(lexicon(opening, asked))
    text = "But a, but b. (But) c? So d? so e! so f?\nso g"
    assert [text[start:][:5] for _, start, _ in matcher.find(text)] == ["But a", "But) ", "So d?", "so f?"]
    with pytest.raises(UserError, match="a question is told by one word"):
        Matcher(lexicon(Entry("so", Group.HEDGE, ("so then",), at=Anchor.QUESTION)))


def test_a_list_without_its_anchors_is_another_one() -> None:
    plain = lexicon(entry("but"))
    bound = lexicon(Entry("but", Group.HEDGE, ("but",), at=Anchor.SENTENCE))
    assert plain.id != bound.id


@pytest.mark.parametrize(
    "text", ["?" * 100_000, "So " * 100_000 + "?", "(" * 100_000 + "But then", "But then\n" * 50_000]
)
def test_long_odd_texts_are_matched_in_linear_time(text: str) -> None:
    assert len(MATCHERS["doubts"].find(text)) <= 50_000


def test_count_names_every_entry() -> None:
    counts = MATCHERS["doubts"].count("wait wait maybe")
    assert (counts["wait"], counts["maybe"], counts["perhaps"]) == (2, 1, 0)
    assert set(counts) == {e.name for e in MATCHERS["doubts"].lexicon.entries}


def responses(shared: Path, folder: str) -> list[str]:
    files = sorted((shared / "traces" / "strategic-info" / folder).glob("*.jsonl"))
    assert files, folder
    rows = [json.loads(line) for path in files for line in path.read_bytes().splitlines()]
    return [text for row in rows for text in row["generated_responses"]]


@pytest.mark.parametrize(
    ("folder", "per_response", "digits"),
    [
        ("base/Qwen2.5-7B/aime", 1.07, 2),
        ("limo/Qwen2.5-7B/aime", 638.4, 1),
        ("base/Qwen3-8B-Base/aime", 17.57, 2),
        ("limo/Qwen3-8B-Base/aime", 329.9, 1),
        ("base/Qwen3-14B-Base/aime", 13.53, 2),
        ("limo/Qwen3-14B-Base/aime", 364.8, 1),
        ("base/Qwen2.5-Math-7B/aime", 1.40, 2),
        ("limo/Qwen2.5-Math-7B/aime", 73.7, 1),
        ("base/Qwen3-14B-Base/amc", 0.17, 2),
        ("limo/Qwen3-14B-Base/amc", 132.0, 1),
    ],
)
def test_known_figures(shared_data: Path, folder: str, per_response: float, digits: int) -> None:
    rows = responses(shared_data, folder)
    mean = sum(len(MATCHERS["kim2026"].find(text)) for text in rows) / len(rows)
    assert mean == pytest.approx(per_response, abs=0.6 * 10**-digits)


def test_known_figure_of_whole_words(shared_data: Path) -> None:
    rows = responses(shared_data, "base/Qwen3-14B-Base/aime")
    assert round(sum(len(MATCHERS["kim2026-words"].find(text)) for text in rows) / len(rows), 1) == 3.0


def test_real_traces_cut_out_what_they_match(shared_data: Path) -> None:
    for folder in ("limo/Qwen2.5-Math-7B/aime", "base/Qwen3-8B-Base/aime"):
        for text in responses(shared_data, folder):
            matcher = MATCHERS["doubts"]
            hits = matcher.find(text)
            assert all(as_compared(text[start:end], words=True) == matcher.forms[form] for form, start, end in hits)
            assert all(left[2] <= right[1] for left, right in pairwise(hits))
