"""Runs of earlier releases are read anew from their stored texts: as an import of today reads them, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from backend.config import ROOT, Settings
from backend.domain import Section, SectionSpan, UserError
from backend.job import JobKind
from backend.services import Services, build_services
from backend.services.jobs import JobCancelled, JobProgress
from backend.services.traces.importer import import_here
from backend.services.traces.source_importer import ImportOutcome
from backend.store.parts import SCHEMAS, read_rows
from tests.services.made_files import row, state, take_one, write

LOOPING = "<think>Hmm. " + "Wait, let me check that again, since it may be wrong after all. " * 20
ROWS = [
    row("1 + 1?", "<think>wait, so perhaps</think>It is \\boxed{2}.", LOOPING),
    row("2 + 2?", "nothing \\boxed{3}", gold="4"),
]
EARLIER = {kind: pa.schema([each for each in schema if "loop" not in each.name]) for kind, schema in SCHEMAS.items()}


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """Settings with a copy of the shipped lexicons."""
    folder = tmp_path / "lexicons"
    shutil.copytree(ROOT / "data" / "lexicons", folder)
    return Settings(store=tmp_path / "store", lexicons=folder)


@pytest.fixture
def services(own: Settings) -> Iterator[Services]:
    with build_services(own) as found:
        yield found


def import_earlier(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str = "a") -> str:
    """A run as an earlier release stored it: other sections, other verdicts, nothing of loops."""
    with monkeypatch.context() as earlier:
        earlier.setattr("backend.services.traces.run_builder.RULES", 1)
        for module in ("parts", "trace_columns"):
            earlier.setattr(f"backend.store.{module}.SCHEMAS", EARLIER)
        everything = lambda text, _prompt: (SectionSpan(Section.ANSWER, 0, len(text)),)  # noqa: E731
        earlier.setattr("backend.store.trace_columns.split_sections", everything)
        file = write(tmp_path / f"{name}.jsonl", [*ROWS, row(f"{name}?", "check")][: None if name > "a" else 2])
        told: list[Any] = []
        # Here, not in a process of its own, which would read by the present rules.
        import_here(
            Settings(store=services.store.folder, lexicons=tmp_path / "lexicons"),
            services.imports.plan([file]).sources,
            None,
            False,
            told.append,
        )
        return next(str(each.run) for each in told if isinstance(each, ImportOutcome))


def stored(services: Services, run: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of a run's parts, whatever files they lie in."""
    folder, ledger = services.store.folder, services.store.ledger
    rows = {
        kind: [each for part in ledger.parts(kind, [run]) for each in read_rows(folder, part)]
        for kind in ("traces", "cues", "counts")
    }
    return {kind: sorted(found, key=repr) for kind, found in rows.items()}


def test_a_run_of_earlier_rules_becomes_what_an_import_of_today_makes(
    services: Services, own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = import_earlier(services, tmp_path, monkeypatch)
    before = state(services.store.folder)
    (outdated,) = services.refresh.outdated()
    assert (outdated.run.id, outdated.reason) == (run, "read by earlier rules")
    trace = services.traces.open(f"{run}-00001", services.lexicons.get("doubts").id)
    assert trace.loops is None and services.store.queries.per_run([run], "")[0]["loop_chars"] is None
    assert [each.run.id for each in services.refresh.run()] == [run] and services.refresh.outdated() == []
    with build_services(Settings(store=tmp_path / "other", lexicons=own.lexicons)) as other:
        assert take_one(other, tmp_path / "a.jsonl") == run
        assert stored(services, run) == stored(other, run)
    after = state(services.store.folder)
    assert len(after[0]) == len(before[0]), "files of the old parts are gone"
    kept = [line for line in before[1] if not any(f'INTO "{name}"' in line for name in ("parts", "runs"))]
    assert set(kept) <= set(after[1]), "nothing but the run's parts and the number of its rules has changed"


def test_a_refresh_that_is_killed_leaves_the_run_whole_and_can_be_done_again(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [import_earlier(services, tmp_path, monkeypatch, name) for name in ("a", "b")]
    before = state(services.store.folder)
    for place in ("backend.services.traces.refresh.find_loops", "backend.store.ledger.insert_rows"):
        with monkeypatch.context() as killed, pytest.raises(ZeroDivisionError):
            killed.setattr(place, lambda *_: 1 / 0)
            list(services.refresh.run())
        assert state(services.store.folder) == before
    assert {each.run.id for each in services.refresh.run(runs[:1])} == {runs[0]}
    assert [each.run.id for each in services.refresh.outdated()] == runs[1:]
    with pytest.raises(UserError, match="There is no run nosuch"):
        list(services.refresh.run(["nosuch"]))


def test_a_run_that_changes_while_it_is_read_stays_as_it_has_become(
    services: Services, own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = import_earlier(services, tmp_path, monkeypatch)
    swap = services.store.ledger.replace_parts

    def late(*args: Any) -> bool:
        path = own.lexicons / "kim2026.yaml"
        path.write_text(path.read_text("utf-8").replace("{name: wait,", "{name: nothing,"), "utf-8")
        with build_services(own) as other:
            assert list(other.lexicons.match_missing())
        return swap(*args)

    monkeypatch.setattr(services.store.ledger, "replace_parts", late)
    assert list(services.refresh.run()) == []
    assert [each.run.id for each in services.refresh.outdated()] == [run]
    assert len(services.store.ledger.parts("traces", [run])) == 1


def test_cues_of_a_shipped_list_that_changed_are_found_and_those_of_the_old_one_stay(
    services: Services, own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, new = (
        import_earlier(services, tmp_path, monkeypatch),
        take_one(services, write(tmp_path / "n.jsonl", ROWS[:1])),
    )
    was = services.lexicons.get("kim2026").id
    path = own.lexicons / "kim2026.yaml"
    path.write_text(path.read_text("utf-8").replace("{name: wait,", "{name: nothing,"), "utf-8")
    with build_services(own) as later:
        now = later.lexicons.get("kim2026").id
        assert {each.run.id: each.reason for each in later.refresh.outdated()} == {
            older: "read by earlier rules; no cues of kim2026",
            new: "no cues of kim2026",
        }
        assert {each.run.id for each in later.refresh.run()} == {older, new}
        assert later.refresh.outdated() == []
        for run in (older, new):
            assert {was, now} <= later.store.ledger.run_lexicons()[run]
        counts = {row["lexicon"]: row for row in stored(later, older)["counts"] if row["trace_id"].endswith("1")}
        assert [(counts[each]["n"], counts[each]["loop_n"]) for each in (was, now)] == [(41, 40), (21, 20)]


def test_a_refresh_is_a_job_queued_once_and_cancelled_between_traces(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert services.refresh.submit_if_needed() is None
    run = import_earlier(services, tmp_path, monkeypatch)
    job = services.refresh.submit_if_needed()
    assert job and (job.kind, job.title) == (JobKind.REFRESH, "Refresh of 1 run")
    assert services.refresh.submit_if_needed() is None, "one is queued already"
    progress = JobProgress(services.store.jobs, job)
    with monkeypatch.context() as cancelled, pytest.raises(JobCancelled):
        cancelled.setattr(progress, "cancelled", lambda: True)
        services.refresh.carry_out(job, progress)
    assert [each.run.id for each in services.refresh.outdated()] == [run]
    other = import_earlier(services, tmp_path, monkeypatch, "b")
    (part,) = services.store.ledger.parts("traces", [other])
    (services.store.folder / part.path).write_bytes(b"damaged")
    result = services.refresh.carry_out(job, progress)
    assert result == {"refreshed": [run], "failed": []} and set(services.runs.damaged()) == {other}
    assert services.jobs.get(job.id).total == services.runs.get(run).traces
