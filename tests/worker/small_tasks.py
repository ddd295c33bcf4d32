"""A worker and its runners whose generating jobs are small and of many moods; everything else about them is real.

`python small_tasks.py worker|once` or `python small_tasks.py runner`, with the store in the environment. So are, where a
test wants them: SMALL_GONE, the seconds of silence after which a worker counts as dead, and SMALL_CLOCK, the seconds by
which the wall clock of worker and runners is off, and SMALL_REST, those after which a worker without jobs closes DBOS.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from backend.config import load
from backend.domain import UserError
from backend.job import Job, JobKind
from backend.log_format import configure_logging
from backend.services import Services
from backend.services.jobs import JobCancelled, JobProgress
from backend.store.streams import Kept
from backend.worker import main, queues, runner
from backend.worker.main import run_worker
from backend.worker.tasks import TASKS, JobHandler


def items(services: Services, job: Job, _engines: Any, progress: JobProgress) -> dict[str, Any]:
    """Keep `items` things, `pause` seconds each, going on where an earlier attempt stopped.

    Where there is a `holds`, it waits before that item until it's cancelled or let go, so that a test finds it running.
    """
    spec, streams = job.spec, services.store.streams
    done = {kept.problem for kept in streams.kept(job.id)}
    progress.begin(spec["items"], "items", len(done))
    for number in range(spec["items"]):
        if number in done:
            continue
        heed(services, job, progress)
        if number == spec.get("holds"):
            progress.flush()
            while not (services.store.folder / f"go-{job.id}").exists():
                heed(services, job, progress)
                time.sleep(0.02)
        time.sleep(spec.get("pause", 0))
        done.add(number)
        said = [{"item": number}]
        assert streams.keep(job.id, Kept(0, number, 0, {"item": number, "runner": os.getpid()}), said)
        progress.step(len(done), f"item {number}")
        mood(spec.get("mood", ""), number, services, job)
    return kept_items(services, job)


def heed(services: Services, job: Job, progress: JobProgress) -> None:
    """Stop where the job is cancelled, unless it's deaf."""
    if job.spec.get("heeds", True) and progress.cancelled():
        raise JobCancelled(kept_items(services, job))


def mood(name: str, number: int, services: Services, job: Job) -> None:
    """What goes wrong after the third item."""
    if number != 2:
        return
    if name == "refuses":
        raise UserError("The third item can't be had: there is no third item. Ask for fewer.")
    if name == "breaks":
        raise ZeroDivisionError("nothing goes into it")
    if name == "shouts":
        print("a library's greeting on standard output", flush=True)
        os.write(1, b"and another, from C\n")
    if name == "dies once" and not any("broke off" in line.text for line in services.store.jobs.lines(job.id)):
        print("last words", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if name == "hangs":
        time.sleep(600)


def dies(services: Services, job: Job, _engines: Any, progress: JobProgress) -> dict[str, Any]:
    """Dies whenever it is tried."""
    print("no memory left", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def kept_items(services: Services, job: Job) -> dict[str, Any]:
    return {"items": len(services.store.streams.kept(job.id))}


TASKS[JobKind.GENERATE] = JobHandler(items, kept_items)
TASKS[JobKind.EVALUATE] = JobHandler(dies, kept_items)

if __name__ == "__main__":
    off, clock = float(os.environ.get("SMALL_CLOCK", 0)), time.time
    time.time = lambda: clock() + off
    verb = sys.argv[1]
    if verb == "runner":
        runner.preload = lambda: None  # the engine's library isn't needed here
        runner.main()
    else:
        configure_logging("text")
        main.GONE_SECONDS = float(os.environ.get("SMALL_GONE", main.GONE_SECONDS))
        queues._REST_SECONDS = float(os.environ.get("SMALL_REST", queues._REST_SECONDS))
        try:
            sys.exit(run_worker(load(), once=verb == "once", runner=[sys.executable, __file__, "runner"]))
        except UserError as error:
            sys.exit(str(error))
