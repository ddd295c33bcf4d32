"""`python -m backend.worker.runner`: does the jobs a worker names, one after the other, and stays warm between them.

Lines of JSON: {"job": id} comes on standard input; {"ready": true} and {"job": id, "ended": true} go out on standard
output. All else it has to say goes to the ledger. Owns the final state of a job it carried out. Ends, with all it
started, as soon as standard input closes: a worker that was killed leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO, Final

from backend.config import Settings, load
from backend.domain import Job, JobKind, JobState, UserError, visible
from backend.engines.compatibility import look_for_vllm
from backend.engines.factory import open_engine
from backend.engines.protocol import Engine, Family
from backend.services import Services, build_services
from backend.services.jobs import JobCancelled, JobProgress
from backend.worker.engine_cache import EngineCache, Says
from backend.worker.tasks import carry_out, preload

Say = Callable[[dict[str, Any]], None]

# Jobs whose own processes need the memory and the device that warm engines hold.
_ALONE: Final = (JobKind.DISTILL, JobKind.REPRODUCE)


def main() -> None:
    """Serve until standard input closes."""
    say, inbox = _mouth(), _ear(sys.stdin.buffer)
    settings = load()
    engines = EngineCache(partial(_open, settings))
    with build_services(settings) as services:
        if "--preload" in sys.argv[1:]:
            try:
                preload()
            except ImportError:  # imports of files need none of it; a job that does will say what is missing
                traceback.print_exc()
        say({"ready": True})
        while True:
            job = services.store.jobs.get(job_id := inbox.get())
            if job is not None and not job.state.final:
                _do(services, engines, job)
            engines.release()
            say({"job": job_id, "ended": True})


def _do(services: Services, engines: EngineCache, job: Job) -> None:
    """Carry a job out and say in the ledger how it ended."""
    jobs, progress = services.store.jobs, JobProgress(services.store.jobs, job)

    def says(what: str) -> None:
        progress.check()
        progress.note(what)
        progress.log(what)

    if job.kind in _ALONE:
        engines.close()
    try:
        result = carry_out(services, job, lambda family, choice: engines.open(family, choice, says), progress)
        progress.flush()
        jobs.finish(job.id, JobState.DONE, result=result)
    except JobCancelled as stop:
        progress.flush()
        jobs.finish(job.id, JobState.CANCELLED, result=stop.result)
    except UserError as error:
        jobs.finish(job.id, JobState.FAILED, str(error))
    except Exception as error:
        engines.close()  # an engine that raised may be in any state
        for line in traceback.format_exc().splitlines():
            jobs.log(job.id, line, "error")
        what = f"{type(error).__name__}: {visible(str(error))}".rstrip(". :")
        told = f"The job stopped on an error of the program: {what}."
        jobs.finish(job.id, JobState.FAILED, f"{told} The whole of it is in the job's log.")


def _open(settings: Settings, family: Family, choice: str, says: Says | None) -> Engine:
    """An engine as the settings want it."""
    vllm = look_for_vllm(settings.vllm_url, settings.vllm_python)
    return open_engine(family, choice, threads=settings.engine_threads, vllm=vllm, on_progress=says)


def _mouth() -> Say:
    """Writes lines to what was standard output; what libraries print there goes to standard error from now on."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def say(word: dict[str, Any]) -> None:
        out.write(json.dumps(word).encode() + b"\n")

    return say


def _ear(source: BinaryIO) -> SimpleQueue[str]:
    """Job ids as they come. The work itself stays in the main thread, where graders' alarms need it to be."""
    inbox: SimpleQueue[str] = SimpleQueue()

    def listen() -> None:
        for line in source:
            inbox.put(json.loads(line)["job"])
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(0)

    Thread(target=listen, daemon=True).start()
    return inbox


if __name__ == "__main__":
    main()
