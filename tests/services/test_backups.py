"""A backup taken while everybody writes, restored elsewhere: the same runs, labels, people and trainings go on there."""

import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from backend.annotation import DEFAULT_SCHEME, AnnotatedText
from backend.cli.main import main
from backend.config import Settings
from backend.distill.settings import TrainingSettings as Teaching
from backend.domain import UserError
from backend.services import Services, build_services
from backend.services.annotation.records import LabelDraft
from backend.services.backups import restore_backup, verify_backup, write_backup
from backend.services.training.training_specs import EvaluationSpec, TrainingSpec
from tests.patience import until
from tests.services.made_files import row, take_one, write
from tests.worker.worker_cases import bench_on

WORKER = (sys.executable, str(Path(__file__).parents[1] / "worker" / "small_training.py"), "worker")


def silent(_done: int, _total: int) -> None:
    """Nobody looks at how far it is."""


@pytest.fixture
def busy(settings: Settings, url: str) -> Settings:
    """A store with its ledger elsewhere, of either database."""
    return replace(settings, ledger_url=url)


def elsewhere(settings: Settings, tmp_path: Path) -> Settings:
    """The place a backup is restored to, its ledger SQLite's."""
    return replace(settings, store=tmp_path / "elsewhere" / "store", ledger_url="")


def imported(services: Services, folder: Path, number: int) -> str:
    rows = [
        row(f"What is {number} + {n}?", f"Wait, maybe \\boxed{{{number + n}}}", gold=str(number + n)) for n in range(5)
    ]
    return take_one(services, write(folder / f"model{number}" / "aime" / "out.jsonl", rows))


def project(services: Services) -> tuple[str, str]:
    """A person and a project with one text of many words."""
    person = services.people.local("Ada").id
    words = " ".join(f"w{n}" for n in range(3_000)) + " "
    return person, services.projects.import_texts(person, "texts", DEFAULT_SCHEME, [AnnotatedText("t", words)]).id


def label(services: Services, person: str, where: str, number: int) -> int:
    """A label on word `number`; returns its place in the log."""
    time.sleep(0.01)  # people take longer
    item = services.labelling.next_item(person, where)
    assert item
    words, word = services.labelling.open(person, item.id).text, f"w{number} "
    start = words.index(word)
    draft = LabelDraft(
        f"l{number}", start, start + len(word) - 1, word[:-1], item.text_sha256, DEFAULT_SCHEME.labels[0].key
    )
    ((_, seq),) = services.labelling.save(person, where, item.id, [draft])
    return seq


@contextmanager
def always(work: Callable[[int], object]) -> Iterator[list[Any]]:
    """`work` done again and again by a thread, for the length of a block; its results, in order."""
    stop, results, errors = threading.Event(), list[Any](), list[BaseException]()

    def loop() -> None:
        try:
            while not stop.is_set():
                results.append(work(len(results)))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        until(lambda: len(results) >= 2 or errors)
        yield results
    finally:
        stop.set()
        thread.join()
    assert not errors, errors


def labels_of(services: Services, where: str) -> list[int]:
    return [each.seq for each in services.store.annotations.of_project(where)]


def figures(services: Services) -> dict[str, Any]:
    """What every run shows."""
    return {
        one.run.id: services.runs.as_json(one, services.runs.densities()[one.run.id])
        for one in services.runs.summaries()
    }


@pytest.mark.parametrize("url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.stress)], indirect=True)
def test_a_busy_store_is_backed_up_and_goes_on_elsewhere(busy: Settings, tmp_path: Path) -> None:
    there = elsewhere(busy, tmp_path)
    with build_services(busy) as services, bench_on(busy) as bench:
        person, where = project(services)
        base = services.models.get("lab-base").id
        spec = TrainingSpec(base, Teaching(steps=8, prompts=4, seed=7), "lab-cd3-train", size=4, checkpoint_every=2,
                            evaluations=(EvaluationSpec("lab-cd3-test", limit=2),))  # fmt: skip
        bench.start(WORKER)
        training = services.trainings.submit(spec).spec["training"]
        until(lambda: len(services.trainings.steps(training)) == 5)  # it holds there

        made = list[str]()

        def import_or_delete(number: int) -> None:
            if number % 3 == 2:
                services.runs.delete(made.pop())
            else:
                made.append(imported(services, tmp_path / "files", number))

        with (
            always(import_or_delete) as runs,
            always(lambda number: label(services, person, where, number)) as saved,
        ):
            began = len(saved)
            first = imported(services, tmp_path / "files", 1_000)
            found = write_backup(services.store, busy.lexicons, tmp_path / "backup", silent)
            ended = len(saved) + 1
        assert runs and not found.unsound
        whole = labels_of(services, where)
        at_home, people = figures(services), services.people.all()
        identity = services.store.ledger.store_id()
        assert main(["backup", str(tmp_path / "backup"), "--verify"]) == 0
        restore_backup(tmp_path / "backup", there, silent)
        # The store it came from is still at work, on its training too.
        with build_services(there) as restored, bench_on(there) as other:
            assert restored.store.ledger.store_id() == identity
            shown = figures(restored)
            assert first in shown and {run: at_home.get(run, kept) for run, kept in shown.items()} == shown
            for run in shown:
                assert len(list(restored.store.queries.texts(run))) == restored.runs.get(run).traces
            kept = labels_of(restored, where)
            assert kept == whole[: len(kept)] and began <= len(kept) <= ended
            assert restored.people.all() == people
            assert label(restored, person, where, 2_999) > kept[-1]
            models = [model.location for model in restored.trainings.get(training).models]
            assert models == [str(there.store / f"training/{training}/checkpoint-{step}") for step in (2, 4)]
            other.start(WORKER)
            until(lambda: restored.trainings.get(training).state == "done")
            assert [step.step for step in restored.trainings.steps(training)] == list(range(9))
            assert [one.step for one in restored.trainings.evaluations(training)] == [0, 8]
            assert len(restored.trainings.get(training).models) == 4
            with closing(sqlite3.connect(there.store / "ledger.sqlite")) as ledger:
                assert not [line for line in ledger.iterdump() if str(busy.store) in line]


@pytest.mark.stress
def test_a_real_training_ends_alike_in_both_places(settings: Settings, tmp_path: Path) -> None:
    """Backed up at a moment of its choosing, it makes the same weights elsewhere as where it began."""
    there = elsewhere(settings, tmp_path)
    command = (sys.executable, "-m", "backend", "worker")
    with build_services(settings) as services, bench_on(settings) as bench:
        base = services.models.get("lab-base").id
        spec = TrainingSpec(base, Teaching(steps=12, prompts=4, max_tokens=96), "lab-cd3-train", size=8, checkpoint_every=2,
                            evaluations=(EvaluationSpec("lab-cd3-test", limit=4),), evaluate_every=4)  # fmt: skip
        bench.start(command)
        training = services.trainings.submit(spec).spec["training"]
        until(lambda: services.trainings.steps(training, after=4))
        found = write_backup(services.store, settings.lexicons, tmp_path / "backup", silent)
        assert "checkpoint-4/" in str(found.files) and "checkpoint-12" not in str(found.files)
        restore_backup(tmp_path / "backup", there, silent)
        with build_services(there) as restored, bench_on(there) as other:
            other.start(command)
            until(lambda: restored.trainings.get(training).state == services.trainings.get(training).state == "done")
            for place in (services, restored):
                assert [step.step for step in place.trainings.steps(training)] == list(range(13))
            weights = [
                (place.trainings.folder(training) / "checkpoint-12" / "model.safetensors").read_bytes()
                for place in (services, restored)
            ]
            assert weights[0] == weights[1]
            begun = [item.payload["step"] for item in restored.jobs.stream(restored.trainings.get(training).job.id)]
            assert len(begun) == 2 and begun[1] >= 4
            assert figures(restored).keys() == figures(services).keys()


def test_it_is_restored_into_either_database(
    services: Services, settings: Settings, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, where = project(services)
    seqs = [label(services, person, where, number) for number in range(3)]
    run = imported(services, tmp_path / "files", 1)
    gone = services.projects.import_texts(person, "gone", DEFAULT_SCHEME, [AnnotatedText("t", "w0 w1 ")]).id
    last = label(services, person, gone, 0)
    services.projects.delete(person, gone)
    shown = figures(services)
    write_backup(services.store, settings.lexicons, tmp_path / "one", silent)
    there = replace(elsewhere(settings, tmp_path), ledger_url=url)
    restore_backup(tmp_path / "one", there, silent)
    assert not (there.store / "ledger.sqlite").exists()
    with build_services(there) as restored:
        assert figures(restored) == shown and list(shown) == [run]
        assert labels_of(restored, where) == seqs
        assert label(restored, person, where, 7) > last, "numbers of labels that are gone are not given again"
        write_backup(restored.store, there.lexicons, tmp_path / "two", silent)
    third = replace(settings, store=tmp_path / "third")
    restore_backup(tmp_path / "two", third, silent)
    with build_services(third) as again:
        assert figures(again) == shown and label(again, person, where, 8) > last + 1
    # A ledger that holds anything is left alone, and so is the folder.
    with pytest.raises(UserError, match=r"ledger is not empty, it holds .*1 runs"):
        restore_backup(tmp_path / "two", replace(there, store=tmp_path / "fourth"), silent)
    assert not list(tmp_path.glob("*fourth*"))


def test_nothing_is_ever_overwritten(services: Services, settings: Settings, tmp_path: Path) -> None:
    imported(services, tmp_path / "files", 1)
    store = str(settings.store)
    assert main(["backup", str(tmp_path / "backup"), "--store", store]) == 0
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.glob("backup/**/*"))
    assert main(["backup", str(tmp_path / "backup"), "--store", store]) == 2
    assert main(["restore", str(tmp_path / "backup"), "--store", store]) == 2
    with pytest.raises(UserError, match=r"is not empty, it holds .*ledger.sqlite"):
        restore_backup(tmp_path / "backup", settings, silent)
    with pytest.raises(UserError, match="lies in the store itself"):
        write_backup(services.store, settings.lexicons, settings.store / "training" / "backup", silent)
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.glob("backup/**/*")) == before
    (tmp_path / "empty").mkdir()
    assert main(["restore", str(tmp_path / "backup"), "--store", str(tmp_path / "empty")]) == 0
    assert not list(tmp_path.glob(".*"))


def test_a_volume_is_filled_in_its_place(
    services: Services, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a container has one: it can't be renamed."""
    run = imported(services, tmp_path / "files", 1)
    volumes = [tmp_path / "one", tmp_path / "two"]
    for volume in volumes:
        volume.mkdir()
    monkeypatch.setattr(Path, "is_mount", lambda path: path in volumes)
    write_backup(services.store, settings.lexicons, volumes[0], silent)
    assert verify_backup(volumes[0]).files
    restore_backup(volumes[0], replace(settings, store=volumes[1]), silent)
    with build_services(replace(settings, store=volumes[1])) as restored:
        assert list(figures(restored)) == [run]
    assert not [path for volume in volumes for path in volume.glob(".*")]


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", str(tmp_path / "backup"), "--store", str(tmp_path / "typo")]) == 2
    assert "There is no store" in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize("harm", ["truncated", "gone", "another", "no manifest", "leads out"])
def test_a_damaged_backup_is_refused(services: Services, settings: Settings, tmp_path: Path, harm: str) -> None:
    imported(services, tmp_path / "files", 1)
    backup = tmp_path / "backup"
    write_backup(services.store, settings.lexicons, backup, silent)
    part, manifest = next(backup.glob("store/parts/*/*")), backup / "manifest.json"
    if harm == "truncated":
        os.truncate(part, 100)
    elif harm == "gone":
        part.unlink()
    elif harm == "another":
        part.write_bytes(part.read_bytes()[::-1])
    elif harm == "no manifest":
        manifest.unlink()
    else:
        content = json.loads(manifest.read_bytes())
        content["files"]["store/../../../out"] = content["files"]["ledger.sqlite"]
        manifest.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"is no backup|1 of the .* missing or damaged, such as store/parts"):
        restore_backup(backup, elsewhere(settings, tmp_path), silent)
    assert main(["backup", str(backup), "--verify"]) == 2
    assert not (tmp_path / "elsewhere" / "store").exists()


def test_damage_in_the_store_itself_is_told_and_the_rest_is_kept(
    services: Services, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what damages a file of the store later doesn't reach the backup."""
    runs = [imported(services, tmp_path / "files", number) for number in (1, 2, 3)]
    next(settings.store.glob(f"parts/{runs[0]}/traces-*")).unlink()
    other = next(settings.store.glob(f"parts/{runs[1]}/counts-*"))
    other.write_bytes(other.read_bytes()[::-1])
    assert main(["backup", str(tmp_path / "backup"), "--store", str(settings.store)]) == 0
    error = capsys.readouterr().err
    assert "damaged in the store itself" in error and all(run in error for run in runs[:2]) and runs[2] not in error
    for path in settings.store.glob("parts/*/*"):
        os.truncate(path, 0)
    assert len(verify_backup(tmp_path / "backup").unsound) == 2


def afterwards(monkeypatch: pytest.MonkeyPatch, services: Services, does: Callable[[], object]) -> list[int]:
    """Has something happen once the ledger was copied; returns a list that grows with every copy."""
    copies, real = list[int](), services.store.ledger_copy.write

    def write(*args: Any) -> Any:
        found = real(*args)
        if not copies:
            does()
        copies.append(1)
        return found

    monkeypatch.setattr(services.store.ledger_copy, "write", write)
    return copies


def test_a_run_deleted_meanwhile_is_left_out(
    services: Services, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays, goes = (imported(services, tmp_path / "files", number) for number in (1, 2))
    copies = afterwards(monkeypatch, services, lambda: services.runs.delete(goes))
    found = write_backup(services.store, settings.lexicons, tmp_path / "backup", silent)
    assert len(copies) == 2 and not found.unsound
    assert stays in str(found.files) and goes not in str(found.files)


def test_a_training_whose_process_ends_meanwhile_is_copied_anew(
    services: Services, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = services.trainings.folder("t")
    for name, content in {"events.jsonl": '{"k":"begin"}\n{"k":"st', "heard": "14", "plan.json": "{}",
                          "checkpoint-1/whole.json": "{}", "checkpoint-2/half": "", ".x.half": ""}.items():  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)

    def end() -> None:
        (folder / "events.jsonl").unlink()
        (folder / "heard").unlink()
        (folder / "events.jsonl").write_text('{"k":"other"}\n')

    copies = afterwards(monkeypatch, services, end)
    found = write_backup(services.store, settings.lexicons, tmp_path / "backup", silent)
    assert len(copies) == 2
    kept = tmp_path / "backup" / "store" / "training" / "t"
    assert (kept / "events.jsonl").read_text() == '{"k":"other"}\n' and (kept / "heard").read_text() == ""
    assert sorted(name.rpartition("/t/")[2] for name in found.files if "/t/" in name) == [
        *("checkpoint-1/whole.json", "events.jsonl", "heard", "plan.json"),
    ]


def test_a_full_disk_leaves_nothing_half(
    services: Services, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(services, tmp_path / "files", 1)
    usage = type("Usage", (), {"free": 10})
    with monkeypatch.context() as patched:
        patched.setattr("shutil.disk_usage", lambda _path: usage)
        with pytest.raises(UserError, match=r"the disk has 0.0 GB left"):
            write_backup(services.store, settings.lexicons, tmp_path / "backup", silent)
    with monkeypatch.context() as patched:

        def full(_handle: int) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr("os.fsync", full)
        with pytest.raises(UserError, match="could not be written: the disk is full"):
            write_backup(services.store, settings.lexicons, tmp_path / "backup", silent)
    assert not [path for path in tmp_path.iterdir() if "backup" in path.name]


def test_models_of_an_earlier_release_are_found_elsewhere(
    services: Services, settings: Settings, tmp_path: Path
) -> None:
    """They were entered with the whole path of their folder."""
    engine = create_engine(f"sqlite:///{settings.store / 'ledger.sqlite'}")
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE models SET location = :place WHERE name = 'lab-base'"),
            {"place": f"{settings.store}/training/t/checkpoint-4"},
        )
    engine.dispose()
    write_backup(services.store, settings.lexicons, tmp_path / "backup", silent)
    there = elsewhere(settings, tmp_path)
    restore_backup(tmp_path / "backup", there, silent)
    with build_services(there) as restored:
        assert restored.models.get("lab-base").location == str(there.store / "training/t/checkpoint-4")


def test_lexicon_files_are_brought_where_they_lack(services: Services, settings: Settings, tmp_path: Path) -> None:
    write_backup(services.store, settings.lexicons, tmp_path / "backup", silent)
    there = replace(elsewhere(settings, tmp_path), lexicons=tmp_path / "lists")
    there.lexicons.mkdir()
    (there.lexicons / "doubts.yaml").write_text("mine")
    _, differing = restore_backup(tmp_path / "backup", there, silent)
    assert differing == ["lexicons/doubts.yaml"] and (there.lexicons / "doubts.yaml").read_text() == "mine"
    assert (there.lexicons / "kim2026.yaml").read_bytes() == (settings.lexicons / "kim2026.yaml").read_bytes()
