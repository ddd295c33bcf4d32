"""Any table by its columns, overrides, previews, and the order and economy of a scan."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.domain import Context, Finish, ImportProblem, ProblemDraft, TraceDraft
from backend.exchange.traces.columns import guess_mapping
from backend.exchange.traces.read import RowTally, preview, read
from backend.exchange.traces.scan import scan, scan_mapped
from backend.exchange.traces.tables import view
from backend.import_plan import ColumnMapping, Overrides, Source, SourceKind


def with_mapping(path: Path, mapping: ColumnMapping) -> list[Source]:
    plan = scan_mapped([path], [(mapping, "")])
    if plan.failed:
        raise plan.failed[0]
    return plan.sources


def traces(path: Path, mapping: ColumnMapping) -> list[TraceDraft]:
    (source,) = with_mapping(path, mapping)
    return [draft for draft in read(source) if isinstance(draft, TraceDraft)]


def test_csv_by_mapping_keeps_every_character(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["Frage", "Antwort", "Lösung", "ok", "n", "end", "rest"])
        writer.writerow(["q1", 'a,"b"\r\n\r\n\n c', "007", "yes", "12", "length", "r"])
        writer.writerow(["q1", "", "", "", "", "", ""])
    mapping = ColumnMapping(question="Frage", text="Antwort", gold="Lösung", verdict="ok", tokens="n", finish="end")
    first, second = traces(path, mapping)
    assert (first.text, first.gold, first.verdict, first.tokens, first.finish) == (
        *('a,"b"\r\n\r\n\n c', "007", True, 12, Finish.LENGTH),
    )
    assert (second.text, second.gold, second.verdict, second.tokens, second.sample) == ("", None, None, None, 1)
    assert first.extra == {"rest": "r"} and [first.source.row, second.source.row] == [1, 2]


def test_nested_columns_lists_and_reasoning(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    row = {"in": {"q": "Q", "gold": [4]}, "out": [{"t": "x"}], "r": "hm", "all": ["a", "b"], "ok": [1, None]}
    path.write_text(json.dumps([row], indent=2))
    draft = traces(path, ColumnMapping(question="in.q", text="out.0.t", gold="in.gold", reasoning="r"))[0]
    assert (draft.question, draft.text, draft.gold) == ("Q", "<think>hm</think>x", "4")
    many = traces(path, ColumnMapping(question="in.q", text="all", verdict="ok"))
    assert [(each.text, each.sample, each.verdict) for each in many] == [("a", 0, True), ("b", 1, None)]


def test_a_column_of_models_divides_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    rows = [{"question": "q", "response": f"r{n}", "model": "ab"[n % 2], "n": float("nan")} for n in range(4)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    sources = scan([path]).sources
    assert [(source.info.model, source.key) for source in sources] == [("a", "a"), ("b", "b")]
    assert "guessed" in sources[0].info.note
    drafts = [draft for draft in read(sources[1]) if isinstance(draft, TraceDraft)]
    assert [(draft.text, draft.sample, draft.extra) for draft in drafts] == [
        ("r1", 0, {"n": None}),
        ("r3", 1, {"n": None}),
    ]


def test_rows_without_responses_are_problems(tmp_path: Path) -> None:
    path = tmp_path / "math500.jsonl"
    path.write_text('{"problem": "p", "solution": "s", "answer": "a"}')
    (source,) = scan([path]).sources
    assert (source.kind, source.info.dataset, source.info.model) == (SourceKind.PROBLEMS, "MATH500", "")
    (draft,) = read(source)
    assert isinstance(draft, ProblemDraft) and (draft.question, draft.gold, draft.extra) == (
        "p",
        "a",
        {"solution": "s"},
    )


def test_sample_numbers_of_the_source(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps({"q": "q", "t": "t", "s": each}) + "\n" for each in (5, 3, 5)))
    mapping = ColumnMapping(question="q", text="t", sample="s")
    with pytest.raises(ImportProblem, match="row 3: sample 5 of this problem was in row 1 already"):
        traces(path, mapping)
    assert [each.sample for each in traces(path, ColumnMapping(question="q", text="t"))] == [0, 1, 2]


def test_mapping_to_absent_columns_says_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": 1, "b": 2}')
    with pytest.raises(ImportProblem, match=r"'zz' is missing \(it has a, b\)"):
        with_mapping(path, ColumnMapping(question="a", text="zz"))
    path.write_text('{"a": "q", "b": "t"}\n{"a": "q"}')
    (source,), tally = with_mapping(path, ColumnMapping(question="a", text="b")), RowTally()
    assert (
        len(list(read(source, tally=tally))) == 1
        and tally.counts.words == "2 rows read, 1 left out: no response in 'b'"
    )
    assert [column.name for column in view(path).columns] == ["a", "b"]


def test_guesses() -> None:
    assert guess_mapping(["id", "Problem", "Model Output", "ground_truth", "is_correct"]) == ColumnMapping(
        question="Problem", text="Model Output", gold="ground_truth", verdict="is_correct"
    )
    assert guess_mapping(["instruction", "input", "output"]) == ColumnMapping(
        question="instruction", text="output", prompt="input"
    )
    assert guess_mapping(["prompt", "completion", "meta.finish_reason"]) == ColumnMapping(
        question="prompt", text="completion", finish="meta.finish_reason"
    )
    assert guess_mapping(["city", "rain"]) == ColumnMapping()


def test_overrides_replace_only_what_is_given(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"question": "q", "response": "r"}')
    source = scan([path]).sources[0]
    changed = Overrides(model="bee", temperature=0.0, context=Context.ANSWER, seed=0).on(source)
    assert (changed.info.model, changed.info.sampling.temperature, changed.info.sampling.seed) == ("bee", 0.0, 0)
    assert changed.info.context is Context.ANSWER and changed.info.dataset == source.info.dataset
    assert [draft.text for draft in read(changed)] == ["r"]  # type: ignore[union-attr]


def test_preview_reads_no_further_than_asked(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"question": "q", "response": "r"}\n' * 3 + "broken\n")
    shown = preview(scan([path]).sources[0], 3)
    assert len(shown.rows) == len(shown.drafts) == 3 and shown.columns == ("question", "response")


def test_progress_is_told_in_bytes(tmp_path: Path) -> None:
    row = json.dumps({"question": "q", "response": "r" * 50_000}) + "\n"
    for name, raw in (("t.jsonl", row * 40), ("t.json", f"[{','.join([row] * 40)}]")):
        (tmp_path / name).write_text(raw)
        source = scan([tmp_path / name]).sources[0]
        told: list[int] = []
        assert sum(1 for _ in read(source, on_progress=told.append)) == 40
        assert told == sorted(told) and told[-1] == source.size == len(raw.encode())
    assert len(told) >= 1


def test_scan_is_sorted_takes_each_file_once_and_stays_inside(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for path in (inside / "b" / "2.jsonl", inside / "a.jsonl", inside / ".hidden" / "x.jsonl", outside / "o.jsonl"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"question": "q", "response": "r"}')
    (inside / "loop").symlink_to(inside)
    (inside / "away").symlink_to(outside)
    (inside / "away.jsonl").symlink_to(outside / "o.jsonl")
    plan = scan([inside, inside / "a.jsonl", inside])
    assert [source.files[0].path.name for source in plan.sources] == ["a.jsonl", "2.jsonl"]
    assert sorted({each.reason for each in plan.skipped}) == ["a hidden folder", "a link, not followed"]
    (told,) = scan([inside / "a.jsonl"], base=inside).sources
    assert told.files[0].shown == "a.jsonl" and told.info.source == "a.jsonl"
    assert scan([inside / "away.jsonl"]).sources  # a link that the person names is followed


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "traces.txt"
    path.write_text('{"question": "q", "generated_responses": ["r"], "generated_answers": ["1"]}')
    table = tmp_path / "table"
    table.write_text("question;response\nq;r\n")
    formats = [(source.format, source.files[0].shape.value) for source in scan([path, table]).sources]
    assert formats == [("companion evaluation", "JSON Lines"), ("mapped columns", "CSV")]
