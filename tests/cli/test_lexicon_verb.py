"""The verb `lexicon` end to end: measured, trained, listed, added, written out, put away; mistakes are one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.cli.main import main
from backend.config import ROOT, Settings
from backend.services import build_services
from tests.services.detection.made_gold import person, project

SHIPPED = ["doubts", "companion2026", "doubts-1", "kim2026", "kim2026-words", "procedure"]


@pytest.fixture
def gold(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of gold, beside a store that holds its project too; the verb works in that store."""
    monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(settings.store))
    path = tmp_path / "gold.jsonl"
    with build_services(settings) as services:
        made = project(services)
        path.write_bytes(services.label_files.export(person(services), made.id, "jsonl").data)
    return path


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What a call prints; its complaints where it fails."""
    assert main(["lexicon", *words]) == code
    said = capsys.readouterr()
    return said.err if code else said.out


def test_evaluate_as_json_is_one_object(gold: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(run(capsys, "evaluate", "--gold", str(gold), "--json"))
    (one,) = told["sets"]
    assert told["gold"] == str(gold) and (one["name"], one["texts"], one["cues"]) == ("gold.jsonl", 12, 31)
    assert [score["name"] for score in one["scores"]] == [*SHIPPED, "learned"]
    for score in one["scores"]:
        assert list(score["figures"]) == ["overlap", "exact"]
    learned = one["scores"][-1]
    assert learned["figures"]["exact"]["f1"].keys() == {"value", "low", "high", "n", "why"}
    assert learned["figures"]["exact"]["f1"]["value"] > 0.8 and learned["how"] == "5 folds by document"
    assert one["scores"][0]["figures"]["overlap"]["precision"] is None, "the shipped lists find nothing in it"


def test_evaluate_as_a_table_names_the_detector_and_how(gold: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "evaluate", "--gold", "zounds")
    assert "zounds: 12 texts of 12 documents, 31 cues; labelled by people" in shown
    assert "by overlap" in shown and "by exact" in shown and "learned: 5 folds by document" in shown
    assert all(f"\n  {name} " in shown for name in (*SHIPPED, "learned"))


def test_training_listing_and_putting_away(gold: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = run(capsys, "train", "--gold", str(gold), "--name", "mine", "--note", "a try")
    assert kept.startswith("kept  mine@") and "version 1. Learned from gold.jsonl: F1 " in kept
    shown = run(capsys, "list")
    assert shown.startswith("mine@") and "in use" in shown
    assert "it learned from 12 of these texts" in run(capsys, "evaluate", "--gold", str(gold))
    assert "has no YAML" in run(capsys, "export", "mine", code=2)
    assert run(capsys, "retire", "mine") == "put away  mine\n"
    assert "put away" in run(capsys, "list")


def test_adding_and_writing_out(gold: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = (ROOT / "data" / "lexicons" / "kim2026-words.yaml").read_text(encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("name: kim2026-words", "name: mine"), encoding="utf-8")
    first = run(capsys, "add", str(path), "--note", "ten words")
    assert first.startswith("kept  mine@") and "version 1" in first
    path.write_text(run(capsys, "export", "mine").replace("hmm", "zounds"), encoding="utf-8")
    assert "version 2" in run(capsys, "add", str(path))
    assert "zounds" in run(capsys, "export", "mine") and "hmm" in run(capsys, "export", first.split()[1])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("evaluate", "--gold", "nosuch.xml"), "neither a file nor a project"),
        (("evaluate", "--gold", "x" * 5000), "neither a file nor a project"),
        (("train", "--gold", "nosuch", "--name", "mine"), "There is no"),
        (("train", "--gold", "zounds", "--name", "doubts"), "is a shipped lexicon"),
        (("train", "--gold", "zounds", "--name", "Not One"), "can't be called"),
        (("train", "--gold", "zounds", "--name", "mine", "--words", "nosuch"), "no lexicon called"),
        (("add", "nosuch.yaml"), "can't be read"),
        (("export", "nosuch"), "no lexicon called"),
        (("retire", "doubts"), "only what was made here"),
        (("retire", "mine", "--as", "Nobody"), "nobody called"),
    ],
)
def test_mistakes_are_one_sentence(
    gold: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    complaint = run(capsys, *words, code=2)
    assert said in complaint and complaint.count("\n") == 1


def test_a_viewers_login_trains_nothing(
    gold: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECOND_THOUGHTS_LOCAL_ROLE", "viewer")
    assert "Ask an admin" in run(capsys, "train", "--gold", str(gold), "--name", "mine", code=2)
