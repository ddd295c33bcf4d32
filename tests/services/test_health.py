"""What is said of an installation whose ledger, folder or worker is gone, or doesn't answer."""

from __future__ import annotations

import shutil
import threading

import pytest

from backend.domain import UserError
from backend.services import Services
from backend.services.jobs import WorkerStatus


def test_each_part_is_told_apart(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    assert services.health.parts() == {"ledger": True, "store": True, "worker": False}
    assert services.health.ready() == {"schema": True, "store": True}
    monkeypatch.setattr(services.jobs, "worker", lambda: WorkerStatus("running", "", 0.0, 1))
    assert all(services.health.parts().values())
    shutil.rmtree(services.store.folder / "parts")
    assert services.health.parts() == {"ledger": True, "store": False, "worker": True}
    assert services.health.ready() == {"schema": True, "store": False}


def test_what_hangs_is_not_waited_for_and_asked_once(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, release = [], threading.Event()

    def hang() -> int:
        asked.append(1)
        release.wait()
        return 1

    monkeypatch.setattr(services.store.ledger, "version", hang)
    for _ in range(3):
        assert services.health.parts() == {"ledger": False, "store": True, "worker": False}
    assert len(asked) == 1
    release.set()
    services.health._asked["ledger"].join()
    assert services.health.parts()["ledger"]


def test_an_error_is_in_the_log_and_not_in_the_answer(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> bool:
        raise UserError("The ledger at db.lab.example can't be read.")

    monkeypatch.setattr(services.store.ledger, "is_current", fail)
    assert services.health.ready() == {"schema": False, "store": True}
    assert "schema: The ledger at db.lab.example can't be read." in caplog.text
