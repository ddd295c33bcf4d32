"""The verbs `jobs` and `worker`: the queue listed or acted on, and its jobs done until a signal to stop."""

import argparse
import sys

from backend.cli.verb import AddVerb
from backend.domain import UserError, visible
from backend.job import Lane
from backend.log_format import configure_logging
from backend.services import Services


def add_verbs(verb: AddVerb) -> None:
    """Add the verbs to the parser behind `verb`."""
    sub = verb("jobs", _jobs, "List jobs, or cancel one, or do a failed one again.")
    sub.add_argument("action", nargs="?", choices=["cancel", "retry", "log"], metavar="cancel | retry | log")
    sub.add_argument("job", nargs="?", metavar="JOB")
    sub = verb("worker", _worker, "Do the store's jobs until stopped; any number of workers share them.")
    sub.set_defaults(bare=True)
    sub.add_argument("--once", action="store_true", help="end when no job is left")
    sub.add_argument("--name", default="", help="what it is called (default: the machine's name and a number)")
    lanes = ",".join(Lane)
    sub.add_argument("--lanes", default=lanes, help=f"the lanes whose jobs it does (default: {lanes})")
    sub.add_argument("--device", default="", help="the GPUs its jobs see, as CUDA_VISIBLE_DEVICES has them")


def _jobs(services: Services, options: argparse.Namespace) -> None:
    if options.action and not options.job:
        raise UserError(f"`jobs {options.action}` takes the job's id; `jobs` lists them.")
    if options.action == "cancel":
        print(f"{services.jobs.cancel(options.job).state}  {options.job}")
    elif options.action == "retry":
        print(f"queued  {services.jobs.retry(options.job).id}")
    elif options.action == "log":
        for line in services.jobs.lines(services.jobs.get(options.job).id):
            print(f"{line.at}  {line.level:5}  {line.text}")
    else:
        print(services.jobs.worker().sentence, file=sys.stderr)
        for job in services.jobs.all():
            said = job.error or job.result.get("reason", "")
            print(f"{job.id}  {job.state:10} {job.done:>6,} of {job.total:<6,} {visible(job.title, 80)}  {said}")


def _worker(options: argparse.Namespace) -> int:
    from backend.worker.main import run_worker  # noqa: PLC0415 - other verbs need no job queue

    asked = [part.strip() for part in options.lanes.split(",")]
    if unknown := [part for part in asked if part not in list(Lane)]:
        raise UserError(f"There is no lane {unknown[0]!r}: --lanes takes {', '.join(Lane)}, with commas between them.")
    lanes = [lane for lane in Lane if lane in asked]
    configure_logging(options.settings.logs)
    return run_worker(options.settings, once=options.once, name=options.name, lanes=lanes, device=options.device)
