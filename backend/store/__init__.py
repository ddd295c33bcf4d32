"""The store, all that is kept on disk: the ledger (SQL), the trace parts (Parquet) and queries over both (DuckDB).

`Store` opens them all and is what services are given.
"""

from __future__ import annotations

import time
from pathlib import Path

from backend.config import Settings
from backend.store.annotation.annotations import Annotations
from backend.store.annotation.people_rows import People
from backend.store.annotation.project_progress import ProgressCounts
from backend.store.annotation.project_rows import Projects
from backend.store.database import connect
from backend.store.job_rows import Jobs
from backend.store.ledger import Ledger, sqlite_url
from backend.store.lexicon_versions import OwnLexicons
from backend.store.parts import disk_errors, remove_parts, sweep
from backend.store.queries import Queries
from backend.store.registry import Registry
from backend.store.snapshot import write_snapshot
from backend.store.streams import Streams
from backend.store.trainings import Trainings

DAY = 86_400.0  # an unregistered file this old belongs to no writer that is still at work: no import takes a day


class Store:
    """A store folder with its ledger, parts and query engine."""

    def __init__(self, settings: Settings) -> None:
        """Open the store, creating it where it doesn't exist. Raises UserError where that fails."""
        self.folder: Path = settings.store
        with disk_errors():
            (self.folder / "parts").mkdir(parents=True, exist_ok=True)
        # One engine for all of them: they share its pool of connections and, on SQLite, its lock of writers.
        engine = connect(settings.ledger_url or sqlite_url(self.folder))
        self.ledger, self.jobs, self.streams = Ledger(engine), Jobs(engine), Streams(engine)
        self.registry, self.trainings = Registry(engine), Trainings(engine)
        self.own_lexicons = OwnLexicons(engine)
        self.people, self.projects = People(engine), Projects(engine)
        self.annotations, self.progress = Annotations(engine), ProgressCounts(engine)
        self.queries = Queries(self.ledger, self.folder, settings.threads, settings.memory_mb)

    def close(self) -> None:
        """Close the query engine and every connection."""
        self.queries.close()
        self.ledger.close()

    def delete_run(self, run_id: str) -> None:
        """Delete a run and its files; readers see it whole until it is gone."""
        # Rows first: a crash between the two leaves files that the sweep finds, never a row without its file.
        remove_parts(self.folder, self.ledger.delete_run(run_id))

    def sweep(self, older_than: float = DAY) -> int:
        """Delete files left by writers that died at least `older_than` seconds ago; returns how many."""
        with disk_errors():
            return sweep(self.folder, self.ledger.part_paths, time.time() - older_than)

    def snapshot(self, target: Path) -> dict[str, int]:
        """Write the store as one plain DuckDB file; returns rows by table."""
        return write_snapshot(self.ledger, self.folder, target)
