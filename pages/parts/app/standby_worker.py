"""The app's own worker: started with the app and again whenever none is alive, ended with the app.

Runs in a thread of its own, so that neither the start nor a ledger that is away holds up anybody.
"""

import subprocess
from contextlib import suppress
from threading import Event, Thread

from backend import config
from backend.domain import UserError
from backend.services import Services, build_services

_LOOK_SECONDS = 5.0
_MOST_LOOKS = 60


class StandbyWorker:
    """A worker as long as nobody else runs one."""

    def __init__(self) -> None:
        """Start a worker, unless the settings want none or one is there, and look after it from now on."""
        self._ended = Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = Thread(target=self._run, name="standby-worker", daemon=True)
        # A store or a setting that can't be used is no reason not to serve: every page shows the reason.
        with suppress(UserError):
            settings = config.load()
            if settings.worker == "off":
                return
            with build_services(settings) as services:
                if services.runs.sealed():
                    return
                if settings.demo != "off":
                    services.demo.install()
                # What an earlier release stored, the demo included, is read anew while people already look at it.
                services.refresh.submit_if_needed()
                self._process = services.jobs.start_worker()
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            with suppress(UserError), build_services(config.load()) as services:
                self._watch(services)

    def _watch(self, services: Services) -> None:
        """Start a worker where none was alive at two looks, one after the other; more seldom, where it doesn't live."""
        absent, needed = 0, 2
        while not self._ended.wait(_LOOK_SECONDS):
            absent += 1
            # One that was started here may take its time until it is heard of.
            if self._process is not None and self._process.poll() is None:
                absent = 0
            elif services.jobs.worker_at_work():
                absent, needed = 0, 2
            elif absent >= needed:
                self._process, absent, needed = services.jobs.start_worker(), 0, min(2 * needed, _MOST_LOOKS)

    def end(self) -> None:
        """Have the worker end in order; its jobs go on when one is back."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(_LOOK_SECONDS)
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
