"""The verb `worker`: the store's jobs are done until a signal to stop."""

import argparse

from backend.cli.verb import AddVerb
from backend.domain import UserError
from backend.job import Lane
from backend.log_format import configure_logging


def add_verb(verb: AddVerb) -> None:
    """Add the verb to the parser behind `verb`."""
    sub = verb("worker", _worker, "Do the store's jobs until stopped; any number of workers share them.")
    sub.set_defaults(bare=True)
    sub.add_argument("--once", action="store_true", help="end when no job is left")
    sub.add_argument("--name", default="", help="what it is called (default: the machine's name and a number)")
    lanes = ",".join(Lane)
    sub.add_argument("--lanes", default=lanes, help=f"the lanes whose jobs it does (default: {lanes})")
    sub.add_argument("--device", default="", help="the GPUs its jobs see, as CUDA_VISIBLE_DEVICES has them")


def _worker(options: argparse.Namespace) -> int:
    from backend.worker.main import run_worker  # noqa: PLC0415 - other verbs need no job queue

    asked = [part.strip() for part in options.lanes.split(",")]
    if unknown := [part for part in asked if part not in list(Lane)]:
        raise UserError(f"There is no lane {unknown[0]!r}: --lanes takes {', '.join(Lane)}, with commas between them.")
    lanes = [lane for lane in Lane if lane in asked]
    configure_logging(options.settings.logs)
    return run_worker(options.settings, once=options.once, name=options.name, lanes=lanes, device=options.device)
