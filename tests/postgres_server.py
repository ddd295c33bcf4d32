"""A real PostgreSQL for tests of the ledger, where its server is installed; else those tests skip.

`make postgres` installs Debian's package. The server is ours alone: it listens on a socket in a temporary folder.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
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


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """SQLAlchemy URL prefix of a server of our own that listens on a socket in a temporary folder."""
    initdb, server = _binary("initdb"), _binary("postgres")
    if not (initdb and server and importlib.util.find_spec("psycopg")):
        pytest.skip("PostgreSQL's server or psycopg (dependency group `postgres`) is not installed")
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    who: dict[str, Any] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    data = folder / "data"
    setup = subprocess.run(
        [initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        cwd=folder,
        capture_output=True,
        text=True,
        **who,
    )
    if setup.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"PostgreSQL can't be set up here: {setup.stderr.strip()[-300:]}")
    command = [server, "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **who)
    try:
        _wait(folder, process)
        yield f"postgresql+psycopg://postgres@/{{}}?host={folder}"
    finally:
        process.terminate()
        process.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(folder: Path, process: subprocess.Popen[bytes]) -> None:
    engine = create_engine(f"postgresql+psycopg://postgres@/postgres?host={folder}")
    for _ in range(round(10 * PATIENCE)):
        try:
            with engine.connect():
                engine.dispose()
                return
        except Exception:
            if process.poll() is not None:
                pytest.skip(f"PostgreSQL can't run here: {(folder / 'log').read_text()[-300:]}")
            process_wait(0.1, process)
    pytest.fail("PostgreSQL did not start")


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
    prefix: str = request.getfixturevalue("postgres")
    name = f"ledger{next(_number)}"
    engine = create_engine(prefix.format("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return prefix.format(name)
