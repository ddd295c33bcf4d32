"""`python -m backend.worker.runner`: does the jobs a worker names, one after the other, and stays warm between them.

Owns the final state of a job it carried out, and its lines of JSON: {"job": id, "holder": token} comes on standard
input, and {"ready": true} and {"ended": token} go to standard output. Everything else goes to the ledger.
"""

import json
import os
import signal
import sys
import time
import traceback
from functools import partial
from queue import SimpleQueue
from typing import Final

from backend.child_process import follow_input, json_output
from backend.config import Settings, load
from backend.domain import UserError, visible
from backend.engines.compatibility import look_for_vllm
from backend.engines.factory import open_engine
from backend.engines.protocol import Engine, Family
from backend.job import Job, JobKind, JobState
from backend.services import Services, build_services
from backend.services.jobs import JobCancelled, JobFailed, JobProgress
from backend.store.database import Fence, JobLost, LedgerAway, holding
from backend.worker.engine_cache import EngineCache, OnProgress
from backend.worker.tasks import carry_out, preload

# Jobs whose own processes need the memory and the device that warm engines hold.
_ALONE: Final = (JobKind.DISTILL, JobKind.REPRODUCE)
_RETRY_SECONDS: Final = 1.0


def main() -> None:
    """Serve until standard input closes."""
    send, inbox = json_output(), _inbox()
    settings = load()
    engines = EngineCache(partial(_open, settings))
    with build_services(settings) as services:
        if "--preload" in sys.argv[1:]:
            try:
                preload()
            except ImportError:  # imports of files need none of it; a job that does will say what is missing
                traceback.print_exc()
        send({"ready": True})
        while True:
            _hold(services, engines, fence := inbox.get())
            engines.release()
            send({"ended": fence.holder})


def _hold(services: Services, engines: EngineCache, fence: Fence) -> None:
    """Carry a job out for as long as this worker holds it, from what was kept where the ledger was away meanwhile."""
    while True:
        try:
            with holding(fence):
                job = services.store.jobs.get(fence.job)
                if job is not None and not job.state.final:
                    _carry_out(services, engines, job)
            return
        except JobLost:
            return
        except LedgerAway:
            time.sleep(_RETRY_SECONDS)


def _carry_out(services: Services, engines: EngineCache, job: Job) -> None:
    """Carry a job out and write to the ledger how it ended."""
    jobs, progress = services.store.jobs, JobProgress(services.store.jobs, job)

    def on_progress(what: str) -> None:
        progress.check()
        progress.note(what)
        progress.log(what)

    if job.kind in _ALONE:
        engines.close()
    try:
        result = carry_out(services, job, lambda family, choice: engines.open(family, choice, on_progress), progress)
        progress.flush()
        jobs.finish(job.id, JobState.DONE, result=result)
    except JobCancelled as stop:
        progress.flush()
        jobs.finish(job.id, JobState.CANCELLED, result=stop.result)
    except UserError as error:
        progress.flush()
        jobs.finish(job.id, JobState.FAILED, str(error), error.result if isinstance(error, JobFailed) else None)
    except Exception as error:
        engines.close()  # an engine that raised may be in any state
        for line in traceback.format_exc().splitlines():
            jobs.log(job.id, line, "error")
        what = f"{type(error).__name__}: {visible(str(error))}".rstrip(". :")
        reason = f"The job stopped on an error of the program: {what}. The whole of it is in the job's log."
        jobs.finish(job.id, JobState.FAILED, reason)


def _open(settings: Settings, family: Family, choice: str, on_progress: OnProgress | None) -> Engine:
    """An engine as the settings want it."""
    vllm = look_for_vllm(settings.vllm_url, settings.vllm_python)
    return open_engine(family, choice, threads=settings.engine_threads, vllm=vllm, on_progress=on_progress)


def _inbox() -> SimpleQueue[Fence]:
    """Jobs as they come. The process ends, with all it started, as soon as standard input closes."""
    # The work itself stays in the main thread: graders' alarms are signals, and those reach no other.
    inbox: SimpleQueue[Fence] = SimpleQueue()

    def end() -> None:
        if os.getpgrp() == os.getpid():  # not a test's or a terminal's group
            os.killpg(0, signal.SIGKILL)
        os._exit(0)

    follow_input(lambda line: inbox.put(Fence(**json.loads(line))), end)
    return inbox


if __name__ == "__main__":
    main()
