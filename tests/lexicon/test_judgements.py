"""The judgements shipped beside `doubts`: they point into the research data, and hold its versions to their precision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from backend.domain import UserError
from backend.lexicon.entries import load_all
from backend.lexicon.judgements import DOUBT, JudgedHit, load_judgements, text_key
from backend.lexicon.matcher import Matcher
from backend.measure.shares import wilson_interval
from tests.lexicon.lexicon_texts import LEXICONS

MATCHERS = {name: Matcher(lexicon) for name, lexicon in load_all(LEXICONS).items()}
JUDGED = load_judgements(LEXICONS)
Texts = Mapping[tuple[str, int], str]


@pytest.fixture(scope="module")
def pointed(shared_data: Path) -> Texts:
    """The texts of the research data that the judgements point to, by source and row."""
    found: dict[tuple[str, int], str] = {}
    for source in {hit.source for hit in JUDGED.hits if hit.arm != "lab"}:
        path = shared_data / "traces" / source
        if path.suffix == ".json":
            found[source, 0] = json.loads(path.read_bytes())["full_cot"]
            continue
        for number, line in enumerate(path.read_bytes().splitlines()):
            row = json.loads(line)
            answer = row.get("generated_responses") or row.get("code") or row.get("response")
            found[source, number] = answer[0] if isinstance(answer, list) else answer
    return found


def is_marked(hit: JudgedHit, name: str, texts: Texts) -> bool:
    marks = MATCHERS[name].find(texts[hit.source, hit.row])
    return any(start < hit.end and hit.start < end for _, start, end in marks)


def precision(sample: str, arm: str, name: str, texts: Texts) -> tuple[int, int]:
    """Right of all: hits of a sample that the list `name` marks."""
    hits = [hit for hit in JUDGED.hits if (hit.sample, hit.arm) == (sample, arm) and is_marked(hit, name, texts)]
    return sum(hit.label == DOUBT for hit in hits), len(hits)


def test_every_pointer_leads_to_the_text_it_was_read_in(pointed: Texts) -> None:
    hits = [hit for hit in JUDGED.hits if hit.arm != "lab"]
    assert len(hits) > 600 and all(text_key(pointed[hit.source, hit.row]) == hit.text for hit in hits)
    assert {hit.label for hit in hits} == {DOUBT, "procedure", "other"} and JUDGED.rule.count("procedure") == 1
    # What the first version marks stays what it was: its sample is of its own hits.
    first = [hit for hit in hits if hit.sample == "doubts-1"]
    for hit in first:
        found = MATCHERS["doubts-1"].find(pointed[hit.source, hit.row])
        assert any((start, end) == (hit.start, hit.end) for _, start, end in found), hit


@pytest.mark.parametrize(
    ("sample", "arm", "right", "of"),
    [
        ("doubts-1", "long", 97, 109),
        ("doubts-1", "base", 30, 90),
        ("doubts", "long", 95, 96),
        ("doubts", "base", 85, 92),
    ],
)
def test_precision_by_arm(pointed: Texts, sample: str, arm: str, right: int, of: int) -> None:
    assert precision(sample, arm, sample, pointed) == (right, of)


def test_the_new_version_is_above_eighty_percent_in_both_arms(pointed: Texts) -> None:
    for arm in ("long", "base"):
        right, of = precision("doubts", arm, "doubts", pointed)
        assert wilson_interval(right / of, of)[0] > 0.8


def test_every_added_entry_is_above_eighty_percent(pointed: Texts) -> None:
    old = {entry.name for entry in MATCHERS["doubts-1"].lexicon.entries}
    added = {entry.name for entry in MATCHERS["doubts"].lexicon.entries} - old
    counts: dict[str, list[bool]] = {}
    for hit in JUDGED.hits:
        if hit.arm != "lab" and hit.entry in added and is_marked(hit, "doubts", pointed):
            counts.setdefault(hit.entry, []).append(hit.label == DOUBT)
    # "Let me verify", "let me confirm" and "try again" are narrower forms of older entries.
    assert set(counts) == added
    assert all(len(labels) >= 8 and sum(labels) / len(labels) >= 0.8 for labels in counts.values()), counts


def test_it_finds_more_of_the_sentences_that_doubt(pointed: Texts) -> None:
    doubting = [hit for hit in JUDGED.hits if hit.sample == "sentences" and hit.arm == "long"]
    found = {name: sum(is_marked(hit, name, pointed) for hit in doubting) for name in ("doubts-1", "doubts")}
    assert len(doubting) == 57 and found == {"doubts-1": 47, "doubts": 50}


def test_a_bad_table_is_a_sentence(tmp_path: Path) -> None:
    assert load_judgements(tmp_path).hits == ()
    (tmp_path / "judged").mkdir()
    (tmp_path / "judged" / "x.tsv").write_text("# A rule.\nsample\tarm\nx\ty\n")
    with pytest.raises(UserError, match=r"x\.tsv: a judgement can't be read"):
        load_judgements(tmp_path)
