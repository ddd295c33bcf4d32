"""Bundles: a colleague finds the same figures, can change nothing, and finds nothing of the people and the machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.cli.main import main
from backend.config import Settings
from backend.domain import TraceFilter, UserError
from backend.outages import StoreUnavailable
from backend.services import Services, build_services
from backend.services.backups import restore_backup, verify_backup
from tests.services.exports.test_trace_export import figures
from tests.services.made_files import row, take, take_one, write

MAIL = "ana@example.org"


@pytest.fixture
def runs(services: Services, tmp_path: Path) -> list[str]:
    """Two runs of one problem, in a store whose people have e-mail addresses."""
    services.people.local(MAIL)
    rows = [row("What is 1 + 1?", "Wait, maybe \\boxed{2}"), row("What is 2 + 1?", "\\boxed{3}", gold="3")]
    return [take_one(services, write(tmp_path / name / "in.jsonl", rows * n)) for n, name in ((1, "one"), (2, "two"))]


def bundled(services: Services, settings: Settings, folder: Path, *words: str) -> Settings:
    """The settings to open a bundle with, made by the command line."""
    assert main(["bundle", str(folder), *words, "--store", str(settings.store)]) == 0
    return replace(settings, store=folder / "store", lexicons=folder / "lexicons")


def test_a_colleague_finds_the_same_figures(
    services: Services, settings: Settings, runs: list[str], tmp_path: Path
) -> None:
    own = bundled(services, settings, tmp_path / "bundle", "--pair", *runs)
    with build_services(own) as other:
        assert [run.id for run in other.runs.all()] == [run.id for run in services.runs.all()]
        for run in runs:
            assert figures(other, run) == figures(services, run)
        assert other.comparison.compare(runs, "doubts", "final answer").problems
        assert other.exports.traces(TraceFilter(), tmp_path / "out.jsonl").rows == 6


def test_nothing_can_be_changed_in_it(services: Services, settings: Settings, runs: list[str], tmp_path: Path) -> None:
    own = bundled(services, settings, tmp_path / "bundle", "--run", runs[0])
    before = verify_backup(tmp_path / "bundle")
    with build_services(own) as other:
        assert other.runs.unwritable() == "this is a bundle of runs, to be looked at" and other.runs.sealed()
        for change in (lambda: other.people.local("Ben"), lambda: other.runs.delete(runs[0])):
            with pytest.raises(StoreUnavailable, match="Nothing was changed"):
                change()
        [outcome] = take(other, write(tmp_path / "new.jsonl", [row("New?", "Hm.")]))
        assert outcome.state == "failed" and "Nothing was changed" in outcome.sentence
        assert [run.id for run in other.runs.all()] == runs[:1]
    assert verify_backup(tmp_path / "bundle") == before
    assert {path.name for path in (tmp_path / "bundle" / "store" / "parts").iterdir()} == {runs[0]}


def test_nothing_of_people_and_secrets_is_in_it(
    services: Services, settings: Settings, runs: list[str], tmp_path: Path
) -> None:
    own = bundled(services, settings, tmp_path / "bundle", "--run", runs[1])
    held = b"".join(path.read_bytes() for path in sorted((tmp_path / "bundle").rglob("*")) if path.is_file())
    for secret in (MAIL, services.store.ledger.secret(), runs[0]):
        assert secret.encode() not in held
    with build_services(own) as other:
        assert other.people.all() == [] and other.store.ledger.sources(runs[1])[0].file == "in.jsonl"
        assert [run.info.source for run in other.runs.all()] == ["in.jsonl"]


def test_what_is_wrong_with_a_bundle_is_said(
    services: Services, settings: Settings, runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundled(services, settings, tmp_path / "bundle", "--run", runs[0])
    with pytest.raises(UserError, match="is a bundle of runs"):
        restore_backup(tmp_path / "bundle", Settings(store=tmp_path / "new"), lambda *_: None)
    part = next((tmp_path / "bundle" / "store" / "parts").rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-1])
    assert main(["open", str(tmp_path / "bundle")]) == 2
    store = ("--store", str(settings.store))
    assert main(["bundle", str(tmp_path / "bundle"), "--run", runs[0], *store]) == 2
    assert (
        main(["bundle", str(tmp_path / "none"), *store])
        == main(["bundle", str(tmp_path / "none"), "--run", "x", *store])
        == 2
    )
    said = capsys.readouterr().err
    assert "missing or damaged" in said and "is not empty" in said and "Name the runs" in said and "no run x" in said
    assert not (tmp_path / "none").exists() and not [*tmp_path.glob(".*.half")]
