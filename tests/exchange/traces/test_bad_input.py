"""Bad files: each gives one sentence naming file, row and reason, and reading stops there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.domain import ImportProblem
from backend.exchange.traces.read import read
from backend.exchange.traces.scan import scan

GOOD = {"question": "q", "generated_responses": ["a", "b"], "generated_answers": ["1", "2"], "gold_answer": "1"}
LINE = json.dumps(GOOD).encode()


def problem(path: Path) -> ImportProblem:
    """The one failure that importing `path` gives, while looking or while reading."""
    plan = scan([path])
    if plan.failed:
        assert not plan.sources
        return plan.failed[0]
    with pytest.raises(ImportProblem) as caught:
        for source in plan.sources:
            list(read(source))
    return caught.value


def check(path: Path, row: int | None, *words: str) -> None:
    found = problem(path)
    assert found.row == row, str(found)
    assert path.name in str(found) and str(found).endswith(".") and "\n" not in str(found)
    for word in words:
        assert word in str(found), str(found)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (LINE[:-9], ["truncated"]),
        (b'{"question": "q\x00"}', ["NUL byte", "byte 16"]),
        (b'{"question": "caf\xe9"}', ["byte 18", "0xe9", "not valid UTF-8"]),
        (b'{"question": "\\ud83d alone"}', ["surrogate"]),
        (b'{"question": "\\udc00"}', ["surrogate"]),
        (b'{"question": "q", "x": NaN}', ["'generated_responses' is missing"]),
        (b'{"question": "q", "x": -Infinity', ["not valid JSON"]),
        (b'{"question": "q", "question": "r"}', ["'question' stands twice"]),
        (b'{"question": "q", "x": 1e999}', ["too large"]),
        (b'{"question": "q", "x": ' + b"9" * 30 + b"}", ["30 digits"]),
        (b'{"question": "q", "x": [' + b"9" * 6000 + b"]}", ["too large"]),
        (b'{"question": "q", "x": ' + b"[" * 150 + b"]" * 150 + b"}", ["nested"]),
        (b'{"question": "q", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", ["nested"]),
        (b'{"question": "q",}', ["not valid JSON"]),
        (b"[1, 2]", ["should be a JSON object", "a list"]),
        (b'"text"', ["should be a JSON object", "text"]),
        (b"{}", ["'question' is missing"]),
    ],
)
def test_a_bad_second_line(tmp_path: Path, second: bytes, words: list[str]) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(LINE + b"\n" + second + b"\n" + LINE + b"\n")
    check(path, 2, *words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"generated_responses": "one text"}, ["'generated_responses'", "a list of texts", "is text"]),
        ({"generated_responses": ["a", 3]}, ["item 2 is a number"]),
        ({"generated_responses": ["a", None]}, ["item 2 is null"]),
        ({"generated_responses": []}, ["empty list"]),
        ({"generated_responses": None}, ["is null"]),
        ({"generated_answers": ["1"]}, ["1 items for 2 responses"]),
        ({"generated_answers": [["1"], "2"]}, ["'generated_answers' should be text", "a list"]),
        ({"answers_correctness": [True, False, True]}, ["3 items for 2 responses"]),
        ({"answers_correctness": [True, 0.5]}, ["'answers_correctness' should be true, false"]),
        ({"response_token_lengths": [1, -4]}, ["whole number"]),
        ({"response_token_lengths": [1, True]}, ["whole number"]),
        ({"response_token_lengths": {"a": 1}}, ["should be a list", "an object"]),
        ({"question": 12}, ["'question' should be text", "a number"]),
        ({"gold_answer": {"x": 1}}, ["'gold_answer' should be text"]),
    ],
)
def test_wrong_types(tmp_path: Path, change: dict[str, Any], words: list[str]) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(LINE + b"\n" + json.dumps({**GOOD, **change}).encode())
    check(path, 2, *words)


@pytest.mark.parametrize("name", ["empty.jsonl", "empty.json", "empty.csv", "empty.parquet"])
def test_empty_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    found = problem(tmp_path / name)
    assert name in str(found) and ("empty" in str(found) or "Parquet" in str(found))


def test_blank_and_headless_files(tmp_path: Path) -> None:
    (tmp_path / "blank.jsonl").write_text("\n\n  \n")
    check(tmp_path / "blank.jsonl", None, "holds no rows")
    (tmp_path / "list.json").write_text("[]")
    check(tmp_path / "list.json", None, "holds no rows")
    (tmp_path / "head.csv").write_text("question,response\n")
    check(tmp_path / "head.csv", None, "holds no rows")


def test_truncated_json_file(tmp_path: Path) -> None:
    path = tmp_path / "runs.json"
    path.write_text(json.dumps([GOOD, GOOD], indent=1)[:-30])
    check(path, None, "truncated")
    path.write_text(json.dumps(GOOD, indent=1)[:-30])
    check(path, None, "truncated")


def test_a_line_of_200_megabytes_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    with path.open("wb") as file:
        file.write(LINE + b'\n{"question": "')
        file.truncate(200 * 2**20)  # a hole: nothing is written, yet 200 MB would be read
    tracemalloc.start()
    try:
        check(path, 2, "longer than 64 MiB")
        assert tracemalloc.get_traced_memory()[1] < 160 * 2**20
    finally:
        tracemalloc.stop()


def test_encodings(tmp_path: Path) -> None:
    text = json.dumps({**GOOD, "generated_responses": ["Zürich 😀", "b"]}, ensure_ascii=False)
    for name, encoding in (("bom", "utf-8-sig"), ("wide", "utf-16"), ("big", "utf-16-be")):
        path = tmp_path / f"{name}.jsonl"
        raw = text.encode(encoding)
        path.write_bytes(b"\xfe\xff" + raw if encoding == "utf-16-be" else raw)
        first = next(iter(read(scan([path]).sources[0])))
        assert first.text == "Zürich 😀"  # type: ignore[union-attr]
    (tmp_path / "odd.jsonl").write_bytes(text.encode("utf-16")[:-1])
    check(tmp_path / "odd.jsonl", 1, "UTF-16")
    (tmp_path / "latin.jsonl").write_bytes(text.encode().replace("ü".encode(), b"\xfc"))
    check(tmp_path / "latin.jsonl", 1, "0xfc", "UTF-8")


def test_parquet_of_another_kind_and_damaged(tmp_path: Path) -> None:
    path = tmp_path / "weather.parquet"
    pq.write_table(pa.table({"city": ["Bonn"], "rain": [1.5]}), path)
    check(path, None, "city, rain", "city, rain")
    pq.write_table(pa.Table.from_pylist([GOOD] * 500), path)
    raw = path.read_bytes()
    path.write_bytes(raw[:-20])
    check(path, None, "Parquet")
    (tmp_path / "fake.parquet").write_bytes(b"not parquet at all")
    check(tmp_path / "fake.parquet", None, "Parquet")
    start = raw.index(b"PAR1") + 4
    path.write_bytes(raw[:start] + bytes(len(raw) // 3) + raw[start + len(raw) // 3 :])
    assert "Parquet" in str(problem(path))


def test_missing_column_in_a_known_parquet(tmp_path: Path) -> None:
    path = tmp_path / "set.parquet"
    pq.write_table(pa.table({"prompt": ["[]"], "reward_model": ["{}"]}), path)
    check(path, 1, "'prompt' should be a list of messages")
    pq.write_table(pa.table({"prompt": ["not json"], "reward_model": ["{}"]}), path)
    check(path, 1, "'prompt' should be", "JSON text")


@pytest.mark.parametrize(
    ("text", "row", "words"),
    [
        ("question,response\na,b\nc\n", 2, ["1 cells where the header names 2"]),
        ('question,response\na,"b\n', 1, ["inside a quoted cell"]),
        ("question,question\na,b\n", 1, ["appears twice"]),
        ("question,response\na,b\0\n", 1, ["NUL byte"]),
    ],
)
def test_bad_csv(tmp_path: Path, text: str, row: int, words: list[str]) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    check(path, row, *words)


def test_csv_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("question,response\na,Zürich\n".encode("latin-1"))
    check(path, 1, "0xfc", "UTF-8")


def test_files_that_are_no_files(tmp_path: Path) -> None:
    gone, link, pipe = tmp_path / "gone.jsonl", tmp_path / "link.jsonl", tmp_path / "pipe.jsonl"
    link.symlink_to(gone)
    os.mkfifo(pipe)
    check(gone, None, "no such file")
    check(link, None, "link to a file that is not there")
    check(pipe, None, "pipe or a device")  # would hang if it were opened like a file
    assert "null byte" in str(scan([Path("a\0b")]).failed[0])
    plan = scan([tmp_path])
    assert {each.reason for each in plan.skipped} == {"a link, not followed", "a pipe or a device, not a file"}
    assert scan([tmp_path / ("n" * 300)]).failed


def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "shut.jsonl"
    path.write_bytes(LINE)
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser reads everything: ask as somebody else
        code = "\n".join(
            (
                f"import os, sys; sys.path[:0] = {[str(Path(__file__).parents[3]), *sys.path]!r}",
                "from pathlib import Path; from backend.exchange.traces.scan import scan",
                f"os.setuid(65534); print(scan([Path({str(path)!r})]).failed[0])",
            )
        )
        for folder in (tmp_path, *list(tmp_path.parents)[:2]):
            folder.chmod(0o755)
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        if run.returncode:
            pytest.skip(f"can't become another user here: {run.stderr[-200:]}")
        assert "no permission" in run.stdout
    else:
        check(path, None, "no permission")


def test_a_file_that_changes_after_the_look(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(LINE)
    source = scan([path]).sources[0]
    path.write_bytes(LINE + b"\n" + LINE)
    with pytest.raises(ImportProblem, match="changed since"):
        list(read(source))


def test_named_directly_but_not_data(tmp_path: Path) -> None:
    for name, raw, word in (
        ("LICENSE", b"Do as you like, but kindly.", "licence"),
        ("notes.md", b"# Notes", "text, not traces"),
        ("logs.zip", b"PK\x03\x04rest", "unpacked"),
        ("model.pkl", b"\x80\x04K\x01.", "pickled"),
        ("rows.jsonl.gz", b"\x1f\x8b\x08", "unpacked"),
        ("x.bin", b"\x00\x01\x02", "not a data file"),
    ):
        path = tmp_path / name
        path.write_bytes(raw)
        check(path, None, word)
    plan = scan([tmp_path])
    # In a folder the same files are passed over, but for archives: what is in them may have been traces.
    assert len(plan.skipped) == 4 and [Path(each.file).name for each in plan.failed] == ["logs.zip", "rows.jsonl.gz"]


def test_a_broken_data_file_in_a_folder_fails_and_the_others_stand(tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_bytes(LINE)
    (tmp_path / "bad.json").write_bytes(b'{"half": ')
    (tmp_path / "none.jsonl").touch()
    plan = scan([tmp_path])
    assert len(plan.sources) == 1
    assert [each.file.rsplit("/", 1)[-1] for each in plan.failed] == ["bad.json", "none.jsonl"]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    path = tmp_path / "<img src=x onerror=alert(1)>\u202e.jsonl"
    path.write_text(json.dumps({**row, "model": "../../etc/passwd"}) + "\n" + '{"messages": 3}')
    plan = scan([path])
    assert plan.sources[0].info.model == "../../etc/passwd"
    raw = tmp_path.joinpath(os.fsdecode(b"odd\xff.jsonl"))
    raw.write_bytes(LINE + b"\n{")
    message = str(problem(raw))
    assert "odd\\xff.jsonl" in message and message.encode()
    path.write_text(json.dumps(row) + "\n" + '{"messages": 3}')
    assert "\u202e" not in str(problem(path)) and "row 2" in str(problem(path))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"messages": []}, ["list of messages"]),
        ({"messages": [{"role": "user", "content": "q"}]}, ["no message of the assistant"]),
        ({"messages": [{"role": "assistant", "content": "a"}]}, ["no message of the user"]),
        ({"messages": [{"content": "q"}]}, ["no role"]),
        ({"messages": ["q"]}, ["item 1 is text"]),
        (
            {"messages": [{"role": "user", "content": [3]}, {"role": "assistant", "content": "a"}]},
            ["not text (a number)"],
        ),
        ({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": 3}]}, ["but is a number"]),
        ({"input": "i", "output": {"a": 1}, "score": 1}, ["'output' should be text, but is an object with a"]),
        ({"input": "i", "output": "o", "score": 1, "step": 1.5}, ["'step' should be a whole number"]),
        ({"problem": "p", "generations": "g"}, ["'generations' should be a list"]),
        ({"problem": "p", "generations": ["g"], "correctness_math_verify": [True, True]}, ["2 items for 1"]),
        ({"problem": "p", "response": ["r"], "response_length": [1, 2]}, ["2 items for 1"]),
        ({"question": "q", "code": [1], "pred": ["x"]}, ["item 1 is a number"]),
        ({"full_cot": "c", "solution": "s", "is_correct": True}, ["problem.json", "no such file"]),
    ],
)
def test_bad_rows_of_the_other_formats(tmp_path: Path, row: dict[str, Any], words: list[str]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row))
    message = str(problem(path))
    for word in words:
        assert word in message, message


def test_bad_settings_beside_a_dump(tmp_path: Path) -> None:
    (tmp_path / "generation.jsonl").write_text(
        json.dumps({"problem": "p", "response": ["r"], "finish_reason": ["stop"]})
    )
    (tmp_path / "config.json").write_text('{"base_model": "m", "temperature": "warm"}')
    assert "'temperature' of config.json" in str(scan([tmp_path]).failed[0])
