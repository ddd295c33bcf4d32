"""The verb `worker`: the store's jobs are done until a signal to stop."""

from __future__ import annotations

import argparse

from backend.cli.verb import AddVerb


def add_verb(verb: AddVerb) -> None:
    """Add the verb to the parser behind `verb`."""
    sub = verb("worker", _worker, "Do the store's jobs until stopped.")
    sub.set_defaults(bare=True)
    sub.add_argument("--once", action="store_true", help="end when no job is left")


def _worker(options: argparse.Namespace) -> int:
    from backend.worker.main import configure_logging, run_worker  # noqa: PLC0415 - other verbs need no job queue

    configure_logging()
    return run_worker(options.settings, once=options.once)
