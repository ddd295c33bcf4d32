"""Health of an installation for whoever watches it: does the ledger answer, is the folder there, is a worker alive."""

import logging
from collections.abc import Callable, Mapping
from threading import Thread
from time import monotonic

from backend.domain import UserError
from backend.services.jobs import JobService
from backend.store import Store

_SECONDS = 1.0  # whoever asks doesn't wait longer, and asks again soon
_log = logging.getLogger(__name__)


class HealthService:
    """The parts an installation needs, each looked at within a second."""

    def __init__(self, store: Store, jobs: JobService) -> None:
        """`jobs` knows the workers."""
        self._folder_there = (store.folder / "parts").is_dir
        self._ledger, self._jobs = store.ledger, jobs
        self._asked: dict[str, Thread] = {}

    def parts(self) -> dict[str, bool]:
        """Whether the ledger answers, the store's folder is there, and a worker is alive."""
        answers = {"ledger": lambda: self._ledger.version() >= 0, "store": self._folder_there}
        return self._look({**answers, "worker": lambda: self._jobs.worker().alive})

    def ready(self) -> dict[str, bool]:
        """Whether an app may take requests: the ledger has the schema of this release, and the folder is there."""
        return self._look({"schema": self._ledger.is_current, "store": self._folder_there})

    def _look(self, questions: Mapping[str, Callable[[], bool]]) -> dict[str, bool]:
        found: dict[str, bool] = {}

        def ask(name: str, question: Callable[[], bool]) -> None:
            try:
                found[name] = question()
            except (UserError, OSError) as error:
                _log.warning("%s: %s", name, error)

        until = monotonic() + _SECONDS
        for name, question in questions.items():
            # A database or a network disk that hangs keeps one thread waiting, however often somebody asks.
            if name not in self._asked or not self._asked[name].is_alive():
                self._asked[name] = Thread(target=ask, args=(name, question), daemon=True)
                self._asked[name].start()
        for name in questions:
            self._asked[name].join(max(0.0, until - monotonic()))
        return {name: found.get(name, False) for name in questions}
