"""Hypothesis: whatever text is written in a format comes back exactly, and no bytes whatever break the reader."""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.domain import ImportProblem, TraceDraft
from backend.exchange.traces.read import read
from backend.exchange.traces.scan import scan, scan_mapped
from backend.import_plan import ColumnMapping

# Line ends of all kinds, astral characters, combining marks, bidi controls, a NUL that is escaped.
AWKWARD = st.sampled_from(
    ["\r\n", "\r", "\n", "\u2028", "\x85", "😀", "e\u0301", "\u202e", "\x00", "\x1b[31m", "İ", "ß"]
)
TEXT = st.lists(st.one_of(AWKWARD, st.text(max_size=8)), max_size=8).map("".join)
ASKED = TEXT.filter(lambda text: bool(text.strip()))


FOLDER = tempfile.TemporaryDirectory()  # one for all examples: a fixture a test would outlive its example


def written(name: str, raw: bytes) -> Path:
    path = Path(FOLDER.name) / name
    path.write_bytes(raw)
    return path


def back(path: Path) -> list[TraceDraft]:
    (source,) = scan([path]).sources
    return [draft for draft in read(source) if isinstance(draft, TraceDraft)]


@settings(max_examples=60, deadline=None)
@given(ASKED, st.lists(TEXT, min_size=1, max_size=3), st.booleans())
def test_json_lines(question: str, texts: list[str], escaped: bool) -> None:
    row = {"question": question, "generated_responses": texts, "gold_answer": texts[0]}
    other = {"question": question + "!", "generated_responses": texts[:1]}
    lines = [json.dumps(each, ensure_ascii=escaped) for each in (row, other)]
    drafts = back(written("t.jsonl", "\r\n".join(lines).encode()))
    assert [draft.text for draft in drafts] == [*texts, texts[0]]
    assert drafts[0].question == question and drafts[0].gold == texts[0] and drafts[-1].source.row == 2


@settings(max_examples=30, deadline=None)
@given(ASKED, TEXT, TEXT)
def test_chat_and_generations(question: str, thought: str, answer: str) -> None:
    said = {"role": "assistant", "content": answer, "reasoning_content": thought}
    row = {"messages": [{"role": "user", "content": question}, said]}
    (draft,) = back(written("t.jsonl", json.dumps(row).encode()))
    whole = f"<think>{thought}</think>{answer}" if answer else f"<think>{thought}"
    if not thought or answer.lstrip().startswith("<think>"):
        whole = answer
    assert (draft.question, draft.text) == (question, whole)
    rows = json.dumps([{"problem": question, "generations": [thought, answer]}]).encode("utf-16")
    assert [draft.text for draft in back(written("t.json", rows))] == [thought, answer]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(ASKED, TEXT), min_size=1, max_size=4))
def test_parquet(pairs: list[tuple[str, str]]) -> None:
    path = written("t.parquet", b"")
    pq.write_table(pa.Table.from_pylist([{"question": asked, "response": text} for asked, text in pairs]), path)
    assert [(draft.question, draft.text) for draft in back(path)] == pairs


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(ASKED, TEXT), min_size=1, max_size=4))
def test_csv(pairs: list[tuple[str, str]]) -> None:
    pairs = [(asked.replace("\0", ""), text.replace("\0", "")) for asked, text in pairs]
    pairs = [pair for pair in pairs if pair[0].strip()] or [("q", "r")]
    path = written("t.csv", b"")
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("question", "response"), *pairs])
    (source,) = scan_mapped([path], [(ColumnMapping(question="question", text="response"), "")]).sources
    assert [(draft.question, draft.text) for draft in read(source)] == pairs  # type: ignore[union-attr]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["t.jsonl", "t.json", "t.csv", "t.parquet", "t"]),
    st.one_of(
        st.binary(max_size=80),
        st.binary(max_size=40).map(lambda raw: b'{"question": "q", "generated_responses": ["' + raw + b'"]}'),
        st.binary(max_size=40).map(lambda raw: b"PAR1" + raw + b"PAR1"),
        st.binary(max_size=40).map(lambda raw: b"question,response\n" + raw),
    ),
)
def test_any_bytes_give_drafts_or_a_sentence(name: str, raw: bytes) -> None:
    plan = scan([written(name, raw)])
    assert plan.sources or plan.failed
    for source in plan.sources:
        try:
            for draft in read(source):
                assert isinstance(draft, TraceDraft) and draft.text.encode() is not None
        except ImportProblem as problem:
            assert str(problem).endswith(".") and "\n" not in str(problem)
