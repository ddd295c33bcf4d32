"""The ledger out of reach, locked, damaged or only to be read: every page says so in one state, and goes on afterwards."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from backend.config import Settings
from backend.domain import UserError
from backend.outages import LedgerUnreachable
from backend.services import Services, build_services
from backend.services.jobs import JobService
from pages.components.frame.session import services as pages_services
from pages.components.labelling import annotate_route
from pages.components.live import stream_route
from tests.browser.live.live_cases import Story
from tests.pages.test_live import items
from tests.pages.test_pages import SHELL, fill, forget, said, sound
from tests.patience import until
from tests.postgres_server import PostgresServer

ALL = sorted(path.stem for path in SHELL.parent.glob("*.py") if path.stem != "shell")
TITLE = "The ledger can’t be reached"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Settings]:
    """A small store on SQLite that pages read and nobody else has opened."""
    settings = Settings(store=tmp_path / "store", lab=tmp_path / "lab", graders=1)
    with build_services(settings) as services:
        fill(services, tmp_path)
    monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(settings.store))
    monkeypatch.setenv("SECOND_THOUGHTS_LAB", str(settings.lab))
    forget()
    yield settings
    forget()


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_postgres: PostgresServer) -> Iterator[Services]:
    """A small store whose ledger is on a PostgreSQL that a test may stop; pages read it too."""
    settings = Settings(store=tmp_path / "store", lab=tmp_path / "lab", ledger_url=own_postgres.new(), graders=1)
    for name, value in {"STORE": settings.store, "LAB": settings.lab, "LEDGER": settings.ledger_url}.items():
        monkeypatch.setenv(f"SECOND_THOUGHTS_{name}", str(value))
    forget()
    with build_services(settings) as services:
        fill(services, tmp_path)
        yield services
    forget()


def shell() -> AppTest:
    return AppTest.from_file(str(SHELL), default_timeout=120)


def each(test: AppTest) -> Iterator[tuple[str, AppTest]]:
    """Every page in turn, after a run."""
    for page in ALL:
        yield page, sound(test.switch_page(f"{page}.py").run())


def back(test: AppTest) -> AppTest:
    """The page once the ledger answers again."""
    return until(lambda: TITLE not in [title.value for title in sound(test.run()).title] and test)


def test_every_page_says_that_the_ledger_is_away_and_comes_back(shared: Services, own_postgres: PostgresServer) -> None:
    own_postgres.stop()
    test = sound(shell().run())  # the first run of this process, so that the store isn't even opened
    assert [title.value for title in test.title] == [TITLE]
    own_postgres.start()
    back(test)
    own_postgres.stop()
    for page, shown in each(test):
        assert [title.value for title in shown.title] == [TITLE], page
        assert "Nothing is lost" in said(shown) and "The ledger can't be" in said(shown)
    own_postgres.start()
    back(test)
    for page, shown in each(test):
        assert TITLE not in [title.value for title in shown.title] and "can't be" not in said(shown), page


def test_a_stream_waits_for_the_ledger_and_goes_on(
    shared: Services, own_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = [], JobService.stream
    monkeypatch.setattr(JobService, "stream", lambda *given: (looks.append(given), look(*given))[1])
    story = Story(shared).begin()
    story.open()
    story.piece(0, "one")
    answers = []
    query = {"job": story.job.id, "token": stream_route.stream_token(story.job.id)}
    client = TestClient(Starlette(routes=stream_route.routes))
    listener = Thread(target=lambda: answers.append(client.get(stream_route.PATH, params=query)))
    listener.start()
    until(lambda: looks)
    before = LedgerUnreachable.met
    own_postgres.stop()
    until(lambda: LedgerUnreachable.met > before)
    own_postgres.start()
    until(lambda: reached(shared))
    story.piece(0, "two")
    story.end()
    listener.join()
    told = [item for item in items(answers[0].text) if item["k"] != "job"]
    assert "".join(item.get("t", "") for item in told) == "onetwo" and told[-1]["k"] == "over"


def reached(services: Services) -> bool:
    try:
        return services.runs.version() >= 0
    except LedgerUnreachable:
        return False


def test_labels_are_asked_for_again_later(shared: Services, own_postgres: PostgresServer) -> None:
    client = TestClient(Starlette(routes=annotate_route.routes))
    headers = {annotate_route.HEADER: annotate_route.annotate_token("ab12", "project")}

    body = {"item": "x", "rows": [], "mark": {"place": 1}}
    assert client.post(annotate_route.PATH, json=body, headers=headers).status_code == 400, "nobody of that name"
    own_postgres.stop()
    assert client.post(annotate_route.PATH, json=body, headers=headers).status_code == 503
    own_postgres.start()
    until(lambda: client.post(annotate_route.PATH, json=body, headers=headers).status_code == 400)


def damaged(ledger: Path) -> None:
    """The pages of every table are overwritten, and the header is left."""
    with ledger.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (ledger.stat().st_size - 4096))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (damaged, "its file is damaged, so restore a backup of it"),
        (
            lambda ledger: ledger.write_bytes(b"this is no database, but a text that somebody put here" * 99),
            "is not a database",
        ),
        (lambda ledger: ledger.write_bytes(ledger.read_bytes()[:5000]), "restore a backup of it"),
    ],
)
def test_a_damaged_ledger_is_told_with_the_remedy(harm, words: str, store: Settings) -> None:
    ledger = store.store / "ledger.sqlite"
    whole = ledger.read_bytes()
    harm(ledger)
    test = sound(shell().run())
    for page, shown in each(test):
        assert [title.value for title in shown.title] == [TITLE] and words in said(shown), page
    ledger.write_bytes(whole)
    assert TITLE not in back(test).title[0].value


def test_a_ledger_that_another_process_holds_is_waited_for(store: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.store.sqlite_connections.WAIT_MS", 50)
    test = sound(shell().run())
    with build_services(store) as services:
        holder = sqlite3.connect(store.store / "ledger.sqlite", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(UserError, match=r"another process kept it locked. Nothing was changed"):
            services.people.local("Eve")
        assert TITLE not in sound(test.run()).title[0].value, "whoever reads isn't held up"
        holder.execute("ROLLBACK")
    pages_services().close()
    forget()
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    for page, shown in each(test):
        assert [title.value for title in shown.title] == [TITLE], page
    holder.close()
    back(test)


@pytest.fixture
def sealed(store: Settings) -> Iterator[Settings]:
    """That store in a folder that nobody can change, root included."""
    if subprocess.run(["chattr", "-R", "+i", store.store], capture_output=True).returncode:
        if os.geteuid() == 0:
            pytest.skip("root can write everywhere here: chattr +i doesn't work on this file system")
        subprocess.run(["chmod", "-R", "a-w", store.store], check=True)
    yield store
    subprocess.run(["chattr", "-R", "-i", store.store], capture_output=True)
    subprocess.run(["chmod", "-R", "u+w", store.store], check=True)


def test_a_store_that_cannot_be_written_is_read(sealed: Settings) -> None:
    test = sound(shell().run())
    for page, shown in each(test):
        assert "Read only: disk or folder is read-only." in said(shown), page
        assert TITLE not in [title.value for title in shown.title], page
    assert "There is nothing" not in said(test.switch_page("browse.py").run())
    with build_services(sealed) as services, pytest.raises(UserError, match=r"is read-only\. Nothing was changed"):
        services.people.local("Eve")
