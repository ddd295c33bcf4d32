"""The verb `jobs`: the queue listed, and a job cancelled, done again, or its log printed."""

import argparse
import sys

from backend.cli.verb import AddVerb
from backend.domain import UserError, visible
from backend.services import Services


def add_verb(verb: AddVerb) -> None:
    """Add the verb to the parser behind `verb`."""
    sub = verb("jobs", _jobs, "List jobs, or cancel one, or do a failed one again.")
    sub.add_argument("action", nargs="?", choices=["cancel", "retry", "log"], metavar="cancel | retry | log")
    sub.add_argument("job", nargs="?", metavar="JOB")


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
