"""Lexicons written as YAML are read back as they were."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.config import ROOT
from backend.domain import Group, UserError
from backend.lexicon.entries import Entry, Lexicon, MatchMode, Overlap, from_yaml, load_all, plain
from backend.lexicon.serialization import checked, to_data, to_yaml

SHIPPED = load_all(ROOT / "data" / "lexicons")
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).map(str.strip).filter(bool)
FORMS = st.lists(
    WORDS.map(lambda word: plain(word, MatchMode.WORD)).filter(str.strip), min_size=1, max_size=4, unique=True
)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_lexicons_survive_writing(name: str) -> None:
    lexicon = SHIPPED[name]
    again = from_yaml(to_yaml(lexicon).encode(), "written")
    assert again.id == lexicon.id
    assert dataclasses.replace(again, entries=()) == dataclasses.replace(lexicon, entries=())
    assert again.entries == lexicon.entries


@settings(max_examples=60)
@given(st.lists(st.tuples(WORDS, st.sampled_from(Group), FORMS), min_size=1, max_size=4), WORDS)
def test_any_lexicon_survives_writing(rows: list[tuple[str, Group, list[str]]], title: str) -> None:
    used: set[str] = set()
    entries = {}
    for name, group, forms in rows:
        free = tuple(form for form in forms if form not in used)
        if free and name not in entries:
            used.update(free)
            entries[name] = Entry(name, group, free, why=title)
    if entries:
        lexicon = Lexicon("mine", "1", title, title, MatchMode.WORD, Overlap.LONGEST, tuple(entries.values()))
        assert from_yaml(to_yaml(lexicon).encode(), "written") == lexicon == checked(lexicon)


def test_what_a_file_would_refuse_is_refused() -> None:
    base = SHIPPED["kim2026-words"]
    twice = dataclasses.replace(base, entries=(*base.entries, base.entries[0]))
    with pytest.raises(UserError, match="two entries"):
        checked(twice)
    with pytest.raises(UserError, match="trained detector"):
        to_data(dataclasses.replace(base, learned="abc"))


def test_a_digest_of_weights_is_part_of_the_identity() -> None:
    base = SHIPPED["kim2026-words"]
    assert len({dataclasses.replace(base, learned=learned).id for learned in ("", "a", "b")}) == 3
