"""Lexicon files: the shipped ones, identity by content, and a sentence for every mistake."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.domain import Group, UserError
from backend.lexicon.entries import Anchor, MatchMode, Overlap, load, load_all
from backend.lexicon.matcher import Matcher
from tests.lexicon.lexicon_texts import LEXICONS

HEAD = "name: mine\nversion: 1\ntitle: Mine\nmode: word\noverlap: longest\n"
ONE = "entries:\n  - {name: maybe, group: hedge}\n"


def written(tmp_path: Path, content: str | bytes, name: str = "mine.yaml") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_shipped_lexicons() -> None:
    found = load_all(LEXICONS)
    assert {"kim2026", "kim2026-words", "companion2026", "doubts", "doubts-1", "procedure"} == set(found)
    ten = [entry.name for entry in found["kim2026"].entries]
    assert len(ten) == 10
    assert [entry.name for entry in found["kim2026-words"].entries] == ten
    assert [entry.name for entry in found["companion2026"].entries] == [word for word in ten if word != "likely"]
    assert (found["kim2026"].mode, found["kim2026"].overlap) == (MatchMode.SUBSTRING, Overlap.EACH)
    assert (found["kim2026-words"].mode, found["kim2026-words"].overlap) == (MatchMode.WORD, Overlap.LONGEST)
    assert {entry.group for entry in found["doubts"].entries} == set(Group)
    assert len(found["doubts"].entries) >= len(found["doubts-1"].entries) == 84


# Ids of lists whose figures are published, and stand in stores and links: they never change.
PUBLISHED = {
    "kim2026": "kim2026@481b2303987eae0c",
    "kim2026-words": "kim2026-words@52cb5164d9a35b98",
    "companion2026": "companion2026@529504f2630ce0d4",
    "doubts-1": "doubts@4a2ae6045035f0d1",
}


def test_published_lists_keep_their_ids() -> None:
    found = load_all(LEXICONS)
    assert {name: found[name].id for name in PUBLISHED} == PUBLISHED
    assert found["doubts"].id.startswith("doubts@") and found["doubts"].id != found["doubts-1"].id


def test_every_shipped_form_can_match() -> None:
    for lexicon in load_all(LEXICONS).values():
        matcher = Matcher(lexicon)
        for number, form in enumerate(matcher.forms):
            asked = matcher.entry_of[number].at is Anchor.QUESTION
            assert matcher.find(f"{form} 7?" if asked else form) == [(number, 0, len(form))]


def test_identity_is_content_not_layout(tmp_path: Path) -> None:
    two = "entries:\n  - {name: maybe, group: hedge, forms: [maybe, Perhaps  so]}\n  - {name: hmm, group: hesitation}\n"
    turned = (
        "entries:\n- name: hmm\n  group: hesitation\n- group: hedge\n  name: maybe\n  why: Because.\n"
        "  forms:\n  - perhaps so\n  - MAYBE\n"
    )
    first = load(written(tmp_path, HEAD + two))
    second = load(written(tmp_path, HEAD.replace("Mine", "Other") + turned, "b.yaml"))
    assert first.id == second.id
    assert first.id.startswith("mine@")
    for change in (
        replace(first, mode=MatchMode.SUBSTRING),
        replace(first, overlap=Overlap.EACH),
        replace(first, entries=first.entries[:1]),
        replace(first, entries=(replace(first.entries[0], exceptions=("maybe so",)), first.entries[1])),
        replace(first, entries=(replace(first.entries[0], group=Group.IGNORANCE), first.entries[1])),
    ):
        assert change.id != first.id


def test_forms_are_compared_in_one_spelling(tmp_path: Path) -> None:
    lexicon = load(written(tmp_path, HEAD + "entries:\n  - {name: unsure, group: hedge, forms: ['I’m  NOT sure']}\n"))
    assert lexicon.entries[0].forms == ("i'm not sure",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "expected a mapping"),
        ("- a\n- b\n", "expected a mapping"),
        ("name: [unclosed\n", "is not YAML in line"),
        (b"name: \xff\xfe\n", "is not UTF-8"),
        ("name: a\x00b\n", "is not YAML"),
        (HEAD, "entries must be a list"),
        (HEAD + "entries: []\n", "entries must be a list"),
        (HEAD + "entries: {maybe: hedge}\n", "entries must be a list"),
        (HEAD + ONE + "colour: red\n", "unknown field colour"),
        (HEAD.replace("name: mine", "name: ../mine") + ONE, "name must be"),
        (HEAD.replace("name: mine\n", "") + ONE, "name must be text"),
        (HEAD.replace("title: Mine\n", "title: 3\n") + ONE, "title must be text"),
        (HEAD.replace("mode: word", "mode: regex") + ONE, "mode must be one of substring, word; found regex"),
        (HEAD.replace("longest", "[1]") + ONE, "overlap must be one of each, longest"),
        (HEAD + "entries: [maybe]\n", "entry no. 1: expected a mapping"),
        (HEAD + "entries: [{group: hedge}]\n", "entry no. 1: name must be text"),
        (HEAD + "entries: [{name: no, group: hedge}]\n", "entry no. 1: name must be text"),
        (HEAD + "entries: [{name: maybe, group: fear}]\n", "entry maybe: group must be one of"),
        (HEAD + "entries: [{name: maybe, group: hedge, at: end}]\n", "at must be one of anywhere, sentence, question"),
        (HEAD + "entries: [{name: maybe, group: hedge, froms: [x]}]\n", "entry no. 1: unknown field froms"),
        (HEAD + "entries: [{name: maybe, group: hedge, forms: maybe}]\n", "entry maybe: forms must be a list"),
        (HEAD + "entries: [{name: maybe, group: hedge, forms: []}]\n", "entry maybe: forms must not be empty"),
        (HEAD + "entries: [{name: nope, group: hedge, forms: [no]}]\n", "entry nope: forms: False is not text"),
        (HEAD + "entries: [{name: a, group: hedge, forms: ['  ']}]\n", "between 1 and 200 characters"),
        (HEAD + "entries: [{name: a, group: hedge, forms: [x, X]}]\n", "entry a: forms: 'x' is listed twice"),
        (HEAD + ONE + "  - {name: maybe, group: hedge, forms: [x]}\n", "entry maybe: there are two entries"),
        (HEAD + ONE + "  - {name: b, group: hedge, forms: [Maybe]}\n", "entry b: form 'maybe' stands in entry maybe"),
        (HEAD + "entries: !!python/object/apply:os.getcwd []\n", "is not YAML in line"),
        ("[" * 1500, "is not YAML"),
        (HEAD + ONE + "description: " + "x" * 1_000_000, "is too large"),
    ],
)
def test_bad_files_get_a_sentence(tmp_path: Path, content: str | bytes, reason: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(UserError) as caught:
        load(path)
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)
    assert str(caught.value).endswith(".")


def test_missing_file_and_doubled_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be read"):
        load(tmp_path / "none.yaml")
    written(tmp_path, HEAD + ONE)
    written(tmp_path, HEAD + ONE, "other.yaml")
    with pytest.raises(UserError, match=r"other\.yaml: another file of this folder"):
        load_all(tmp_path)
    assert load_all(tmp_path / "nowhere") == {}
