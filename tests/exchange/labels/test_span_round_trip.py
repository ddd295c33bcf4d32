"""Hypothesis: labels written by an exporter come back by its importer, whatever the texts and names hold."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from dataclasses import replace

import pyarrow.json
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.annotation import DEFAULT_SCHEME, AnnotatedSpan, AnnotatedText
from backend.domain import UserError
from backend.exchange.labels import span_formats
from backend.exchange.labels.archive import SafeNames
from backend.exchange.labels.formats.brat import fragments
from backend.exchange.labels.parts import Bundle, Utf16, Window
from backend.exchange.labels.token_tags import OVERLAPS, WIDENED, names_of, tagged
from tests.exchange.labels.annotated_texts import HOSTILE, NAMES, WORDS, bundles, kept, there_and_back

FULL, WITHOUT_REJECTIONS = ("jsonl", "parquet"), ("brat", "label-studio", "label-studio-utf16")


@settings(max_examples=60, deadline=None)
@given(bundles(), st.sampled_from(FULL))
def test_nothing_is_lost_in_our_own_formats(bundle: Bundle, form: str) -> None:
    assert there_and_back(form, bundle) == bundle


def told(span: AnnotatedSpan) -> tuple[object, ...]:
    return span.start, span.end, span.label, span.annotator, span.gold, span.flag, span.comment


@settings(max_examples=90, deadline=None)
@given(bundles(), st.sampled_from(WITHOUT_REJECTIONS))
def test_labels_survive_the_formats_of_others(bundle: Bundle, form: str) -> None:
    written = span_formats.write(form, bundle)
    found = span_formats.read(kept("labels.dat", written.data))
    assert replace(found, texts=(), notes=()) == replace(bundle, texts=())
    assert len(found.texts) == len(bundle.texts)
    lost = 0
    for before, after in zip(bundle.texts, found.texts, strict=True):
        assert (after.id, after.text, after.start, after.end) == (before.id, before.text, before.start, before.end)
        assert sorted(after.done) == sorted(before.done) and after.meta == before.meta
        held = [span for span in before.spans if not span.rejected]
        if form == "brat":
            held = [span for span in held if fragments(before.text, span.start, span.end)]
        lost += len(before.spans) - len(held)
        assert Counter(map(told, after.spans)) == Counter(map(told, held))
    assert bool(lost) == any("Left out" in note for note in written.notes)


@settings(max_examples=40, deadline=None)
@given(bundles())
def test_names_in_archives_lead_nowhere(bundle: Bundle) -> None:
    for form in ("brat", "conll"):
        with zipfile.ZipFile(io.BytesIO(span_formats.write(form, bundle).data)) as archive:
            names = archive.namelist()
        assert len({name.casefold() for name in names}) == len(names)
        assert all(re.fullmatch(r"(?:[A-Za-z0-9_-]+/)?[A-Za-z0-9_-]+\.[a-z]+", name) for name in names)


@given(st.lists(st.one_of(NAMES, st.text())))
def test_safe_names_are_safe_and_each_is_given_once(words: list[str]) -> None:
    names = SafeNames("other", ("gold",))
    given_ = [names.name(word) for word in [*words, *HOSTILE]]
    assert len({name.casefold() for name in [*given_, "gold", "con", "nul"]}) == len(given_) + 3
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,70}", name) for name in given_)


@given(WORDS)
def test_utf16_and_code_points(text: str) -> None:
    places = Utf16(text)
    units = [len(text[:at].encode("utf-16-le")) // 2 for at in range(len(text) + 1)]
    assert [places.units(at) for at in range(len(text) + 1)] == units
    assert [places.place(unit) for unit in units] == list(range(len(text) + 1))
    assert all(places.place(unit) is None for unit in set(range(units[-1])) - set(units))
    assert places.differs == (units[-1] != len(text))


@settings(max_examples=60, deadline=None)
@given(bundles())
def test_tags_say_what_the_spans_say_or_that_they_dont(bundle: Bundle) -> None:
    negative = {label.key for label in (bundle.scheme or DEFAULT_SCHEME).labels if label.negative}
    for row in tagged(bundle):
        words = [row.window.text[a:b] for a, b in zip(row.tokens.starts, row.tokens.ends, strict=True)]
        assert words == row.tokens.words and len(words) == len(row.tags)
        assert set(row.tags) <= set(names_of(bundle))
        own = [
            span for span in row.text.spans if span.gold == row.gold and (row.gold or span.annotator == row.annotator)
        ]
        own = [span for span in own if span.label not in negative and not span.rejected]
        out = [lost for lost in row.lost if lost.why != WIDENED]
        assert sum(tag[0] == "B" for tag in row.tags) == len(own) - len(out)
        for lost in out:
            assert lost.why != OVERLAPS or len(own) > 1
        for at, tag in enumerate(row.tags):
            if tag != "O":
                start = row.window.start + row.tokens.starts[at]
                end = row.window.start + row.tokens.ends[at]
                assert any("_".join(s.label.split()) == tag[2:] and s.start < end and start < s.end for s in own)


@settings(max_examples=30, deadline=None)
@given(bundles())
def test_rows_of_tokens_load_as_a_table(bundle: Bundle) -> None:
    data = span_formats.write("hf", bundle).data
    rows = [json.loads(line) for line in data.decode().split("\n") if line]
    for row in rows:
        assert len(row["tokens"]) == len(row["ner_tags"]) == len(row["offsets"])
        begin = row["text_start"]
        assert [row["text"][a - begin : b - begin] for a, b in row["offsets"]] == row["tokens"]
        assert all(0 <= number < len(row["label_names"]) for number in row["ner_tags"])
    if rows:
        table = pyarrow.json.read_json(io.BytesIO(data))
        assert table.num_rows == len(rows) and table["tokens"].to_pylist() == [row["tokens"] for row in rows]


@settings(max_examples=60, deadline=None)
@given(bundles(), st.sampled_from((*FULL, *WITHOUT_REJECTIONS)), st.data())
def test_a_damaged_file_is_read_or_refused_in_a_sentence(bundle: Bundle, form: str, data: st.DataObject) -> None:
    raw = bytearray(span_formats.write(form, bundle).data)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(raw))))
    try:
        found = span_formats.read(kept("labels.bin", bytes(raw[:cut])))
    except UserError as error:
        assert str(error).endswith(".") and "\n" not in str(error)
        return
    for text in found.texts:
        window = Window.of(text)
        assert all(window.start <= s.start < s.end <= window.start + len(window.text) for s in text.spans)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["a.json", "a.jsonl", "a.zip", "a.ann", "a.xml", "a"]), st.binary(max_size=80))
def test_no_bytes_whatever_break_a_reader(name: str, raw: bytes) -> None:
    for head in (
        b"",
        b'{"text": "ab", "spans": [',
        b'[{"data": {"text": "ab"}, "annotations": [',
        b"PK\x03\x04",
        b"PAR1",
    ):
        try:
            span_formats.read(kept(name, head + raw))
        except UserError as error:
            assert str(error).endswith(".")


def test_spans_of_nothing_are_refused_on_the_way_in() -> None:
    for form in (*FULL, "label-studio"):
        bundle = Bundle((AnnotatedText("t", "Wait", (AnnotatedSpan(2, 2, "hedge", "Ann"),)),))
        with pytest.raises(UserError, match="is empty"):
            there_and_back(form, bundle)
