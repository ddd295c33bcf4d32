"""YAML of any kind, hostile too: plain data or a sentence, and nothing that fills memory or time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from backend.config import ROOT
from backend.domain import UserError
from backend.lexicon import markers
from backend.lexicon.entries import from_yaml
from backend.lexicon.yaml_reader import parse_yaml, read_yaml

NAMES = "abcdefghijklmnopqrst"
BOMB = "a: &a [" + "lol, " * 9 + "lol]\n" + "".join(f"{b}: &{b} [{f'*{a}, ' * 9}*{a}]\n" for a, b in pairwise(NAMES))
HEAD = "name: x\nversion: '1'\ntitle: X\nmode: word\noverlap: longest\n"

HOSTILE = {
    "alias bomb": (BOMB, r"write out what \*a in line 2 stands for"),
    "alias of itself": ("a: &a [*a]", "write out what"),
    "merge bomb": ("a: &a {x: 1}\nb: &b {<<: [*a, *a, *a]}\n", "write out what"),
    "merge": ("a: {<<: {x: 1}}", "merged or stands twice"),
    "doubled key": ("name: a\nname: b\n", "'name' is merged or stands twice"),
    "doubled set": ("!!set {a, a}", "stands twice"),
    "deep lists": ("[" * 100_000, "nested too deeply"),
    "deep mappings": ("{a: " * 100_000, "nested too deeply"),
    "deep blocks": ("- " * 100_000, "nested too deeply"),
    "deep keys": ("? " * 100_000, "nested too deeply|is not YAML"),
    "many items": ("[" + "a," * 400_000 + "]", "too many items"),
    "many keys": ("".join(f"k{n}: 1\n" for n in range(110_000)), "too large|too many items"),
    "a long text": ("a: " + "x" * 30_000, "a text in line 1 has more than"),
    "a long key": ("? " + "x" * 30_000 + "\n: 1", "a text in line 1 has more than"),
    "too large": ("a: b\n" * 300_000, "more than 1,000,000 bytes"),
    "base 60": ("a: " + "1:" * 9_000 + "1", "the number is too long"),
    "base 60, broken": ("a: " + "1:" * 9_000 + "1.5", "is not YAML"),
    "hexadecimal": ("a: 0x" + "f" * 15_000, "the number is too long"),
    "decimal": ("a: " + "9" * 15_000, "the number is too long"),
    "no day": ("a: 2026-99-99", "is not YAML"),
    "a program": ("!!python/object/apply:os.getcwd []", "is not YAML in line 1"),
    "an unknown tag": ("a: !x y", "is not YAML"),
    "a list for a key": ("? [a]\n: b", "is not YAML"),
    "two documents": ("a\n---\nb", "is not YAML"),
    "signs": ("a: \x07", "is not YAML"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_yaml_is_a_sentence(kind: str) -> None:
    content, words = HOSTILE[kind]
    with pytest.raises(UserError, match=rf"^x\.yaml: .*({words}).*\.$") as caught:
        parse_yaml(content.encode(), "x.yaml")
    assert len(str(caught.value)) < 500 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [BOMB, HEAD + "".join(f"k{n}: 1\n" for n in range(9_000)), HEAD + "entries: [0x" + "f" * 39 + "]"]
)
def test_a_lexicon_is_read_so_and_refused_in_few_words(content: str) -> None:
    with pytest.raises(UserError) as caught:
        from_yaml(content.encode(), "x.yaml")
    assert len(str(caught.value)) < 1_000


def test_a_table_of_markers_is_read_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "markers").mkdir()
    (tmp_path / "markers" / "x.yaml").write_text(BOMB, encoding="utf-8")
    monkeypatch.setenv("SECOND_THOUGHTS_LEXICONS", str(tmp_path))
    with pytest.raises(UserError, match=r"x\.yaml: is not YAML that is read here"):
        markers.markers.__wrapped__()


def test_a_table_of_markers_without_a_mark_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "markers").mkdir()
    (tmp_path / "markers" / "x.yaml").write_text("markers: [{close: x}]", encoding="utf-8")
    monkeypatch.setenv("SECOND_THOUGHTS_LEXICONS", str(tmp_path))
    with pytest.raises(UserError, match="no table of markers"):
        markers.markers.__wrapped__()


def test_a_mark_with_many_blanks_is_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "markers").mkdir()
    (tmp_path / "markers" / "x.yaml").write_text(
        f"markers: [{{open: 'begin{' ' * 40}now', close: '<end{' ' * 40}x>'}}]"
    )
    monkeypatch.setenv("SECOND_THOUGHTS_LEXICONS", str(tmp_path))
    table = markers.markers.__wrapped__()
    assert list(table.find("begin" + " " * 3_000 + "<end" + " " * 3_000)) == []
    assert [mark.start for mark in table.find("begin  now <end x>")] == [0, 11]


def test_a_file_is_read_no_further_than_the_limit() -> None:
    with pytest.raises(UserError, match="more than 1,000,000 bytes"):
        read_yaml(Path("/dev/zero"))


def test_shipped_files_read_as_they_always_did() -> None:
    for path in (ROOT / "data" / "lexicons").rglob("*.yaml"):
        assert read_yaml(path) == yaml.safe_load(path.read_text(encoding="utf-8"))


@given(
    st.recursive(
        st.text() | st.integers() | st.booleans() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=12,
    )
)
def test_what_is_written_is_read_back(data: Any) -> None:
    # Dumped without aliases, as this app writes its lists.
    dumper = type("Plain", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})
    written = yaml.dump(data, Dumper=dumper, allow_unicode=True)
    try:
        assert parse_yaml(written.encode(), "x.yaml") == yaml.safe_load(written)
    except (UserError, yaml.YAMLError):
        assert not str(data).isprintable()


@given(st.text(st.sampled_from("ab:-?[]{},&*!|>'\"%@#\n \t<=1.0xe"), max_size=60))
def test_any_text_is_data_or_a_sentence(text: str) -> None:
    try:
        parse_yaml(text.encode(), "x.yaml")
    except UserError as error:
        assert str(error).startswith("x.yaml: ")
