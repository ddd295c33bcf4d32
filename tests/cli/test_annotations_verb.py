"""The verb `annotations` as a person uses it."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backend import config
from backend.annotation import Role
from backend.cli.main import main
from backend.config import Settings
from backend.services import build_services

ROW = {"text": "Wait, maybe so.", "done": ["Ann"],
       "spans": [{"start": 0, "end": 4, "label": "hesitation", "annotator": "Ann", "flag": "filler"},
                 {"start": 6, "end": 11, "label": "hedge", "gold": True}]}  # fmt: skip


class Said(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """`python -m backend annotations WORDS` on a store of the test's own, without the start of a process."""
    for name in config.VARIABLES:
        if name not in ("SECOND_THOUGHTS_DEMO", "SECOND_THOUGHTS_WORKER"):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> Said:
        try:
            code = main(["annotations", *map(str, words), "--store", str(tmp_path / "store")])
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Said(code, *capfd.readouterr())

    return call


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of one annotated text."""
    path = tmp_path / "doubts.jsonl"
    path.write_text(json.dumps(ROW) + "\n", encoding="utf-8")
    return path


def rows(said: Said) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.out.splitlines()]


def test_in_and_out_and_in_again(run: Command, file: Path, tmp_path: Path) -> None:
    done = run("import", file)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("imported  ") and "doubts: 1 texts, 1 labels of Ann, 1 gold labels" in done.out
    for form in ("jsonl", "parquet", "brat", "label-studio"):
        done = run("export", "doubts", form, "--out", tmp_path / form)
        assert done.code == 0 and done.out.startswith("written  ") and done.err == ""
        done = run("import", tmp_path / form, "--name", f"again {form}")
        assert done.code == 0 and f"again {form}: 1 texts, 1 labels of Ann, 1 gold labels" in done.out
    done = run("export", "doubts")
    assert done.code == 0 and (tmp_path / "doubts-labels.jsonl").stat().st_size > 100
    done = run("import", file, tmp_path / "brat", "--gold", "--name", "both")
    assert "both: 2 texts, 0 labels of Ann, 4 gold labels" in done.out
    listed = rows(run("projects", "--json"))
    assert [row["name"] for row in listed][-1] == "doubts" and len(listed) == 6
    assert {"id", "state", "items", "finished", "settled", "labels"} <= listed[0].keys()
    assert "doubts" in run("projects").out
    with build_services(Settings(store=tmp_path / "store")) as services:
        assert {person.name for person in services.people.all()} == {getpass.getuser(), "Ann"}


def test_what_a_format_cant_hold_is_said(run: Command, file: Path, tmp_path: Path) -> None:
    spans = [*ROW["spans"], {"start": 0, "end": 11, "label": "hedge", "annotator": "Ann"}]
    file.write_text(json.dumps(ROW | {"spans": spans}))
    run("import", file)
    done = run("export", "doubts", "conll", "--out", tmp_path / "x.zip")
    assert done.code == 0 and done.err == "1 span is left out, which overlaps one that was kept.\n"
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.txt").write_text("Wait")
    (tmp_path / "d" / "a.ann").write_text("T1\thedge 0 4\tWait\nR1\tOf Arg1:T1 Arg2:T1\n")
    done = run("import", tmp_path / "d")
    assert done.code == 0 and "Left out: 1 relation." in done.err


def test_formats_are_listed(run: Command) -> None:
    lines = run("formats").out.splitlines()
    assert [line.split()[0] for line in lines] == [
        *(
            "jsonl",
            "parquet",
            "brat",
            "label-studio",
            "label-studio-utf16",
            "conll",
            "hf",
            "bioscope",
            "thought-anchors",
        ),
    ]
    assert "out and in" in lines[0] and " in " in lines[-1] and "out" not in lines[-1].split("  ")[1]


def test_mistakes_end_in_a_sentence(run: Command, file: Path, tmp_path: Path) -> None:
    assert run("import", file).code == run("import", file).code == 0
    broken = tmp_path / "broken.jsonl"
    broken.write_text(json.dumps(ROW) + "\n" + json.dumps(ROW | {"spans": [{"start": 0, "end": 99, "label": "hedge"}]}))
    for words, reason in (
        (("import", tmp_path / "none"), "none: there is no such file."),
        (("import", broken), "broken.jsonl, row 2: span 1 (hedge, 0 to 99) lies outside the text"),
        (("import", file, "--format", "hf"), "can be written as Hugging Face rows, but not read"),
        (("export", "doubts"), "2 projects are called 'doubts': give the id of one of"),
        (("export", "none"), "There is no project none here"),
        (("export", rows(run("projects", "--json"))[0]["id"], "word"), "There is no format 'word' of annotations"),
        (
            ("export", rows(run("projects", "--json"))[0]["id"], "--out", tmp_path / "no" / "x"),
            "can't be written: No such file",
        ),
        (("import", file, "--as", "Zoe"), "There is nobody called 'Zoe' here"),
        (("import", file, "--as", "Ann"), "Ann is a viewer and may not manage projects and people"),
    ):
        done = run(*words)
        assert done.code == 2 and reason in done.err and done.err.count("\n") == 1, words
    assert run().code == 2 and run("burn").code == 2


def test_an_annotator_may_not_export(run: Command, file: Path, tmp_path: Path) -> None:
    run("import", file)
    with build_services(Settings(store=tmp_path / "store")) as services:
        admin = services.people.local(getpass.getuser())
        services.people.set_role(admin.id, services.people.local("Bob").id, Role.ANNOTATOR)
    assert "may not adjudicate" in run("export", "doubts", "--as", "Bob").err
    assert "may not manage" in run("export", "doubts", "--as", "Bob", "--traces").err
    assert run("export", "doubts", "--traces", "--history").code == 0
