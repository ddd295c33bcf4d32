"""The store, all that is kept on disk: the ledger (SQL), the trace parts (Parquet) and queries over both (DuckDB).

`Store` opens them all and is what services are given.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from backend.config import Settings
from backend.domain import Run, UserError, visible
from backend.files import create_file
from backend.outages import StoreUnavailable
from backend.store.annotation.annotations import Annotations
from backend.store.annotation.people_rows import People
from backend.store.annotation.project_progress import ProgressCounts
from backend.store.annotation.project_rows import Projects
from backend.store.database import connect
from backend.store.job_rows import Jobs
from backend.store.ledger import Ledger, sqlite_url
from backend.store.ledger_copy import LedgerCopy
from backend.store.lexicon_versions import OwnLexicons
from backend.store.parts import disk_errors, remove_parts, strays, sweep
from backend.store.queries import Queries
from backend.store.registry import Registry
from backend.store.snapshot import write_snapshot
from backend.store.sqlite_connections import sealed
from backend.store.streams import Streams
from backend.store.trainings import Trainings
from backend.store.verification import StoredParts
from backend.store.watched import Watched

STORE_ID: Final = "store-id"  # the file in a store's folder that names its ledger by `state.store_id`
DAY = 86_400.0  # an unregistered file this old belongs to no writer that is still at work: no import takes a day
_LEAST_BYTES = 2**20  # with less, next to nothing can be kept


class Store:
    """A store folder with its ledger, parts and query engine."""

    def __init__(self, settings: Settings) -> None:
        """Open the store, creating it where it doesn't exist. Raises UserError where that fails, or where the folder is
        another ledger's.
        """
        self.folder: Path = settings.store
        with disk_errors():
            (self.folder / "parts").mkdir(parents=True, exist_ok=True)
        # One engine for all of them: they share its pool of connections and, on SQLite, its lock of writers.
        engine = connect(settings.ledger_url or sqlite_url(self.folder))
        self.ledger, self.watched = Ledger(engine), Watched(engine)
        self.jobs, self.streams = Jobs(engine), Streams(engine)
        self.registry, self.trainings = Registry(engine, self.folder), Trainings(engine)
        self.own_lexicons, self.ledger_copy = OwnLexicons(engine), LedgerCopy(engine)
        self.people, self.projects = People(engine), Projects(engine)
        self.annotations, self.progress = Annotations(engine), ProgressCounts(engine)
        try:
            _bind(self.folder, self.ledger, engine)
        except BaseException:
            engine.dispose()
            raise
        self.parts = StoredParts(self.ledger, self.folder)
        # On the command line and in a worker nobody else waits, and a report may take its time.
        seconds = None if settings.served_at is None else settings.query_seconds
        self.queries = Queries(self.ledger, self.parts, self.folder, settings.threads, settings.memory_mb, seconds)

    def close(self) -> None:
        """Close the query engine and every connection."""
        self.queries.close()
        self.ledger.close()

    def runs(self) -> list[Run]:
        """Every run by dataset, then model, without those that are damaged: they are as good as not there."""
        damaged = self.parts.damaged()
        return [run for run in self.ledger.runs() if run.id not in damaged]

    def chosen(self, run_ids: Sequence[str]) -> list[Run]:
        """The runs of these ids, in this order. Raises UserError for one that isn't there or is damaged."""
        self.parts.require(run_ids)
        stored = {run.id: run for run in self.ledger.runs()}
        if lacking := [run for run in run_ids if run not in stored]:
            raise UserError(f"There is no run {visible(lacking[0], 40)} in this store. It may have been deleted.")
        return [stored[run] for run in run_ids]

    def unwritable(self) -> str:
        """Why the store can only be read, as a clause; "" where it can be written."""
        if sealed(self.folder):
            return "this is a bundle of runs, to be looked at"
        if not os.access(self.folder / "parts", os.W_OK) or self.ledger.read_only():
            return "its disk or folder is read-only"
        return "" if shutil.disk_usage(self.folder).free > _LEAST_BYTES else "its disk is full"

    def delete_run(self, run_id: str) -> None:
        """Delete a run and its files; readers see it whole until it is gone."""
        # Rows first: a crash between the two leaves files that the sweep finds, never a row without its file.
        remove_parts(self.folder, self.ledger.delete_run(run_id))

    def sweep(self, older_than: float = DAY) -> int:
        """Delete files left by writers that died at least `older_than` seconds ago; returns how many."""
        with disk_errors():
            return sweep(self.folder, self.ledger.part_paths, time.time() - older_than)

    def strays(self) -> list[Path]:
        """Files that no ledger row names and no writer is at work on: of deletes and writes that were broken off."""
        return strays(self.folder, self.ledger.part_paths, time.time())

    def snapshot(self, target: Path) -> dict[str, int]:
        """Write the store as one plain DuckDB file; returns rows by table."""
        return write_snapshot(self.ledger, self.parts, self.folder, target)


def _bind(folder: Path, ledger: Ledger, engine: Engine) -> None:
    """Tie a folder to its ledger at their first opening. Raises UserError where either belongs to another one."""
    # Two machines with one ledger and a folder each would both do every job, and sweep what the other wrote.
    own, found = ledger.store_id(), _read_id(folder)
    if own and own == found:
        return
    paths = ledger.part_paths()
    inside = engine.url.get_backend_name() == "sqlite" and Path(engine.url.database or "").parent == folder
    # Stores of earlier releases bear no id: they are known by what lies in them.
    here = inside or any((folder / path).is_file() for path in paths)
    # A disk that takes nothing can still be read: whoever opens the store next tries again.
    with suppress(OSError, StoreUnavailable):
        if own is None and (here or not paths):
            ledger.bind(partial(create_file, folder / STORE_ID))
        elif own and not found and here:
            create_file(folder / STORE_ID, own)
    own, found = ledger.store_id(), _read_id(folder)
    shown, address = visible(str(folder)), visible(engine.url.render_as_string())
    if found and found != own:
        raise UserError(
            f"The folder {shown} belongs to another ledger than {address}: set SECOND_THOUGHTS_STORE (or --store) and "
            f"SECOND_THOUGHTS_LEDGER to a folder and its own ledger."
        )
    if not found and not here and (own or paths):
        remedy = f", or write {own} into {STORE_ID} there" if own else ""
        raise UserError(
            f"The ledger {address} has another folder than {shown}: set SECOND_THOUGHTS_STORE (or --store) to the one "
            f"with its traces. Where that is lost, restore a backup{remedy}."
        )


def _read_id(folder: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return (folder / STORE_ID).read_text("utf-8").strip()
    return ""
