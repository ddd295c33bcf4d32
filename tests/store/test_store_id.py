"""A ledger and its folder are bound to each other: who comes with another's is refused in a sentence."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from backend.cli.main import main
from backend.config import Settings
from backend.domain import UserError
from backend.store import Store
from backend.worker.main import run_worker
from tests.store.store_cases import put, trace


def opened(folder: Path, url: str = "") -> str | None:
    """Open and close a store; returns its id."""
    store = Store(Settings(store=folder, ledger_url=url))
    identity = store.ledger.store_id()
    store.close()
    return identity


def forget(url: str, folder: Path) -> None:
    """Make a store what an earlier release had left: neither ledger nor folder bears an id."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE state SET store_id = NULL"))
    engine.dispose()
    (folder / "store-id").unlink()


@pytest.fixture
def filled(url: str, tmp_path: Path) -> Path:
    """A store with a run in its folder, its ledger elsewhere."""
    store = Store(Settings(store=tmp_path / "store", ledger_url=url))
    put(store, "r", [trace("r", 0)])
    store.close()
    return tmp_path / "store"


def test_a_new_store_bears_its_ledgers_id(url: str, tmp_path: Path) -> None:
    identity = opened(tmp_path / "a", url)
    assert identity and (tmp_path / "a" / "store-id").read_text() == identity
    assert opened(tmp_path / "a", url) == identity


@pytest.mark.parametrize("with_runs", [True, False])
def test_a_second_folder_on_one_ledger_is_refused(
    url: str, tmp_path: Path, with_runs: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(Settings(store=tmp_path / "a", ledger_url=url))
    if with_runs:
        put(store, "r", [trace("r", 0)])
    store.close()
    with pytest.raises(UserError, match=r"has another folder.*SECOND_THOUGHTS_STORE"):
        opened(tmp_path / "b", url)
    with pytest.raises(UserError, match="has another folder"):
        run_worker(Settings(store=tmp_path / "b", ledger_url=url), once=True)
    monkeypatch.setenv("SECOND_THOUGHTS_LEDGER", url)
    assert main(["runs", "--store", str(tmp_path / "b")]) == 2
    assert "has another folder" in capsys.readouterr().err
    # The remedy it names for a folder that is lost.
    (tmp_path / "b" / "store-id").write_text((tmp_path / "a" / "store-id").read_text() + "\n")
    opened(tmp_path / "b", url)


def test_a_folder_is_not_taken_by_a_second_ledger(url: str, filled: Path) -> None:
    with pytest.raises(UserError, match="belongs to another ledger"):
        opened(filled)
    opened(filled, url)


def test_a_store_of_an_earlier_release_is_bound_when_its_files_lie_there(url: str, filled: Path) -> None:
    forget(url, filled)
    with pytest.raises(UserError, match="has another folder"):
        opened(filled.with_name("new"), url)
    identity = opened(filled, url)
    assert identity and (filled / "store-id").read_text() == identity


def test_an_id_that_was_lost_is_written_anew(url: str, filled: Path) -> None:
    (filled / "store-id").unlink()
    assert opened(filled, url) == (filled / "store-id").read_text()


def test_a_store_copied_with_its_ledger_stays_a_pair(tmp_path: Path) -> None:
    identity = opened(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert opened(tmp_path / "b") == identity
    # Without the file too: the ledger lies in the folder.
    (tmp_path / "b" / "store-id").unlink()
    assert opened(tmp_path / "b") == identity


def test_of_many_that_open_a_new_ledger_at_once_one_folder_wins(url: str, tmp_path: Path) -> None:
    opened(tmp_path / "made", url)  # tables first; who may make them is settled elsewhere
    forget(url, tmp_path / "made")

    def attempt(number: int) -> bool:
        try:
            return bool(opened(tmp_path / f"{number % 2}", url))
        except UserError as error:
            assert "has another folder" in str(error)
            return False

    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(attempt, range(6)))
    assert {taken[0::2] == [True] * 3, taken[1::2] == [True] * 3} == {True, False}
    assert sum(taken) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_takes_no_file_can_still_be_opened(url: str, filled: Path) -> None:
    forget(url, filled)
    filled.chmod(0o500)
    try:
        assert opened(filled, url) is None
    finally:
        filled.chmod(0o700)
    assert opened(filled, url)


def test_a_disk_that_takes_no_file_leaves_the_store_unbound(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("backend.store.create_file", full)
    assert opened(settings.store) is None
    monkeypatch.undo()
    assert opened(settings.store)
