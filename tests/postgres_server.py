"""A real PostgreSQL for tests of the ledger, where its server is installed; else those tests skip.

`make postgres` installs Debian's package. The server is ours alone: it listens on a socket in a temporary folder.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from backend.store.ledger import sqlite_url
from tests.patience import PATIENCE

_number = count()


def _binary(name: str) -> str | None:
    """A server program: on the path, or where Debian keeps them."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(debian[-1]) if debian else None)


class PostgresServer:
    """A server of our own that listens on a socket in a temporary folder, and can be stopped and started again."""

    def __init__(self) -> None:
        initdb, server = _binary("initdb"), _binary("postgres")
        if not (initdb and server and importlib.util.find_spec("psycopg")):
            pytest.skip("PostgreSQL's server or psycopg (dependency group `postgres`) is not installed")
        self._folder = Path(tempfile.mkdtemp(prefix="pg"))
        self._who: dict[str, Any] = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            nobody = pwd.getpwnam("nobody")
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
            self._who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        data = self._folder / "data"
        setup = subprocess.run(
            [initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            cwd=self._folder,
            capture_output=True,
            text=True,
            **self._who,
        )
        if setup.returncode:
            shutil.rmtree(self._folder, ignore_errors=True)
            pytest.skip(f"PostgreSQL can't be set up here: {setup.stderr.strip()[-300:]}")
        # Beside the socket no address, and no port: several servers can run at once.
        self._command = [server, "-D", data, "-k", self._folder, "-c", "listen_addresses=", "-c", "fsync=off"]
        self.prefix = f"postgresql+psycopg://postgres@/{{}}?host={self._folder}"
        self.process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        log = self._folder / "log"
        with log.open("ab") as file:
            process = subprocess.Popen(self._command, cwd=self._folder, stdout=file, stderr=file, **self._who)
        engine = create_engine(self.prefix.format("postgres"))
        for _ in range(round(10 * PATIENCE)):
            try:
                with engine.connect():
                    engine.dispose()
                    return process
            except Exception:
                if process.poll() is not None:
                    pytest.skip(f"PostgreSQL can't run here: {log.read_text()[-300:]}")
                process_wait(0.1, process)
        pytest.fail("PostgreSQL did not start")

    def start(self) -> None:
        """Start the server again, on what it holds."""
        self.process = self._started()

    def stop(self, how: int = signal.SIGINT) -> None:
        """Stop the server, which ends its connections (SIGINT: fast, SIGQUIT: at once, without a word to anybody)."""
        self.process.send_signal(how)
        self.process.wait(PATIENCE)

    def new(self) -> str:
        """The address of a new, empty database."""
        name = f"ledger{next(_number)}"
        engine = create_engine(self.prefix.format("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.prefix.format(name)

    def close(self) -> None:
        """Stop the server for good."""
        if self.process.poll() is None:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server that runs throughout."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """A server that a test may stop and start."""
    server = PostgresServer()
    yield server
    server.close()


def process_wait(seconds: float, process: subprocess.Popen[bytes]) -> None:
    """Wait a moment, or until the process ends."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new, empty ledger in each database."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path).render_as_string()
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new()
