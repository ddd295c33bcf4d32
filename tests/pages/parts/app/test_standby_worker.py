"""The app's own worker, a real process: there from the start, back after its death, one for two apps, gone with them."""

import os
import signal
from collections.abc import Callable

import pytest

from backend.config import Settings
from backend.services import Services, build_services
from pages.parts.app import standby_worker
from pages.parts.app.standby_worker import StandbyWorker
from tests.patience import until


@pytest.fixture
def choose(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the environment of the app to the store, with or without a worker."""

    def choose(worker: str) -> None:
        monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(settings.store))
        monkeypatch.setenv("SECOND_THOUGHTS_WORKER", worker)
        monkeypatch.setattr(standby_worker, "_LOOK_SECONDS", 0.2)

    return choose


def test_a_worker_comes_back_and_two_apps_have_one(services: Services, choose: Callable[[str], None]) -> None:
    choose("auto")
    apps = [StandbyWorker(), StandbyWorker()]
    try:
        (first,) = until(services.jobs.workers)
        os.kill(first.pid, signal.SIGKILL)
        until(lambda: [row.pid for row in services.jobs.workers()] not in ([first.pid], []))
        assert [row.id for row in services.jobs.workers()] == [first.id], "under its name, so that one is enough"
    finally:
        for app in apps:
            app.end()
    until(lambda: not services.jobs.worker_at_work())


def test_the_setting_off_means_never(settings: Settings, choose: Callable[[str], None]) -> None:
    choose("off")
    app = StandbyWorker()
    with build_services(settings) as services:
        assert not services.jobs.worker_at_work()
    app.end()
