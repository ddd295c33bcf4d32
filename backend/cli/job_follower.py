"""Following a job in a terminal to its end, with a worker started for it where there is none."""

import subprocess
import sys
import time

from backend.config import ROOT, Settings
from backend.domain import UserError, visible
from backend.job import Job, JobState
from backend.services import Services
from backend.services.jobs import environment

_POLL_SECONDS = 0.5


def follow(services: Services, job: Job, settings: Settings, *, log: bool = False) -> Job:
    """Wait for a job, with its progress on stderr; without a worker, one is started for as long as there is work.

    With `log` the lines of its log are printed in place of its progress. Ctrl-C cancels the job. Raises UserError with
    its reason where it failed.
    """
    worker = None
    if not services.jobs.worker_at_work():
        command = [sys.executable, "-m", "backend", "worker", "--once"]
        # In a session of its own: Ctrl-C is for this process, which cancels the job, and the worker ends it.
        worker = subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, env=environment(settings), stdout=subprocess.DEVNULL, start_new_session=True
        )
    try:
        _wait(services, job, worker, log)
    except KeyboardInterrupt:
        services.jobs.cancel(job.id)
        _wait(services, job, worker, log=False)
        print("Cancelled. What was finished is stored.", file=sys.stderr)
    finally:
        if worker:  # it ends with the last open job, which may be somebody else's
            worker.wait()
    job = services.jobs.get(job.id)
    if job.state is JobState.FAILED:
        raise UserError(job.error)
    return job


def _wait(services: Services, job: Job, worker: subprocess.Popen[bytes] | None, log: bool) -> None:
    shown, seq, over = "", 0, False
    while not over:
        job = services.jobs.get(job.id)
        over = job.state.final  # before the lines are read: the last ones come ahead of the end
        for each in services.jobs.lines(job.id) if log else ():
            if each.seq > seq:
                print(each.text, file=sys.stdout if each.level == "info" else sys.stderr, flush=True)
                seq = each.seq
        # Asked once more after its end: the job may have been finished between the two looks.
        if not over and worker and worker.poll() is not None and not services.jobs.get(job.id).state.final:
            raise UserError(f"The worker ended with {worker.returncode} before the job did; `jobs log {job.id}` tells.")
        left = f", {job.seconds_left:,.0f} s left" if job.seconds_left else ""
        line = f"{job.state}  {job.done:,} of {job.total:,} {job.unit}{left}  {visible(job.message)}".rstrip()
        if line != shown and not log and not over:
            print(line, file=sys.stderr, flush=True)
            shown = line
        if not over:
            time.sleep(_POLL_SECONDS)
