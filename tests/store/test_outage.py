"""A database that is gone, frozen or full: told in a sentence within seconds, read where it can be, and taken up again."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.config import Settings
from backend.outages import AGAIN_SECONDS, Breaker, LedgerUnreachable, StoreUnavailable
from backend.services import build_services
from backend.services.traces.runs import RunService
from backend.store import Store
from backend.store.database import _LIBPQ
from tests.patience import until
from tests.postgres_server import PostgresServer


def asked(store: Store) -> int | None:
    """The ledger's version, if it answers."""
    try:
        return store.ledger.version()
    except LedgerUnreachable:
        return None


@pytest.fixture
def shared(own_postgres: PostgresServer, tmp_path: Path) -> Iterator[Store]:
    """A store whose ledger is on a PostgreSQL that can be stopped."""
    opened = Store(Settings(store=tmp_path / "store", ledger_url=own_postgres.new()))
    yield opened
    opened.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["in order", "at once"])
def test_a_server_that_stops_and_comes_back_is_taken_up_again(
    how: int, shared: Store, own_postgres: PostgresServer
) -> None:
    with (
        pytest.raises(LedgerUnreachable, match=r"could not be written: .* Nothing was changed"),
        shared.ledger.writing(),
    ):
        own_postgres.stop(how)
        shared.ledger.version()
    with pytest.raises(LedgerUnreachable, match=r"^The ledger (can't be read|could not be written)"):
        shared.ledger.version()
    own_postgres.start()
    until(lambda: asked(shared) is not None)


def test_whether_an_unanswered_commit_was_kept_is_not_claimed(shared: Store, own_postgres: PostgresServer) -> None:
    with pytest.raises(LedgerUnreachable, match="Whether it was kept is unknown"), shared.ledger.writing():
        own_postgres.stop()
    own_postgres.start()
    until(lambda: asked(shared) is not None)


def test_a_server_that_is_frozen_is_given_up(
    own_postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.store.database._ANSWER_SECONDS", 1.0)
    monkeypatch.setitem(_LIBPQ, "connect_timeout", 2)
    shared = Store(Settings(store=tmp_path / "store", ledger_url=own_postgres.new()))
    shared.ledger.version()
    main = own_postgres.process.pid
    tree = [main, *map(int, Path(f"/proc/{main}/task/{main}/children").read_text().split())]
    for pid in tree:
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(LedgerUnreachable):
            shared.ledger.version()
    finally:
        for pid in tree:
            os.kill(pid, signal.SIGCONT)
    until(lambda: asked(shared) is not None)
    shared.close()


def test_one_asks_for_all_while_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("backend.outages.time.monotonic", lambda: now[0])
    breaker = Breaker()

    def ask(answers: bool = False) -> bool:
        """Whether the database was asked."""
        met = []
        try:
            with breaker.attempt():
                met.append(True)
                if not answers:
                    raise LedgerUnreachable("gone")
        except LedgerUnreachable as error:
            assert str(error) == "gone"
        return bool(met)

    assert [ask(), ask(), ask()] == [True, False, False]
    now[0] += AGAIN_SECONDS
    with breaker.attempt():
        assert not ask(), "somebody is asking already"
    assert ask(answers=True) and ask(answers=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("a file system can't be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_store_on_a_full_disk_is_read(small_disk: Path, tmp_path: Path) -> None:
    settings = Settings(store=small_disk / "store", lab=tmp_path / "lab", graders=1)
    with build_services(settings) as services:
        services.people.local("Ana")
        with (small_disk / "ballast").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(4096))
        full(services.runs)
    # Opened anew, also after a crash that left the log, but not the index that there is no room for.
    for lost in ((), ("ledger.sqlite-shm",)):
        for name in lost:
            (settings.store / name).unlink(missing_ok=True)
            (small_disk / "more").write_bytes(b"")
            with (small_disk / "more").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
                while True:
                    file.write(bytes(4096))
        with build_services(settings) as services:
            full(services.runs)
            assert [person.name for person in services.people.all()] == ["Ana"]
            with pytest.raises(StoreUnavailable, match=r"(is full|read-only)\. Nothing was changed"):
                services.people.local("Ben")
    (small_disk / "ballast").unlink()
    with build_services(settings) as services:
        assert not services.runs.unwritable()
        assert services.people.local("Ben")


def full(runs: RunService) -> None:
    assert runs.unwritable() in ("its disk is full", "its disk or folder is read-only")
