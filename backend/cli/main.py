"""The command line: it parses the words, opens the store and calls the module of the verb.

A mistake of the person ends in one sentence on stderr and exit code 2.
"""

import argparse
import dataclasses
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from backend import config
from backend.cli import annotations as annotations_verb  # `annotations` alone is the __future__ feature's name
from backend.cli import (
    backup,
    demo,
    distill,
    evaluate,
    export,
    imports,
    jobs,
    lab,
    lexicon,
    models,
    report,
    reproduce,
    runs,
    score,
    store,
)
from backend.domain import UserError
from backend.services import build_services

# In the order of the help.
_VERBS: Final = (
    *(imports.add_verbs, runs.add_verbs, lexicon.add_listing_verbs, evaluate.add_verb),
    *(score.add_verb, models.add_verb),
    *(jobs.add_verbs, demo.add_verb, lab.add_verb, distill.add_verb, reproduce.add_verb),
    *(report.add_verb, export.add_verb, lexicon.add_verb, annotations_verb.add_verb, backup.add_verbs, store.add_verb),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code (0 done, 1 damage found, 2 the person's mistake, 130 interrupted)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal may lack characters of a trace; that must not end in an error.
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(argv)
    try:
        settings = config.load()
        if options.store:
            settings = dataclasses.replace(settings, store=config.folder(str(options.store), "--store"))
        options.settings = settings
        if options.bare:  # the verb opens the store itself, or needs none
            return options.run(options)
        with build_services(settings) as services:
            return options.run(services, options) or 0
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. Nothing half-written is left.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `… | head`
        sys.stderr.close()  # the interpreter would complain of it at its end
        return 0


def verbs() -> list[str]:
    """The names of all verbs."""
    actions = _parser()._actions  # argparse offers no public way to ask
    return [name for action in actions if isinstance(action, argparse._SubParsersAction) for name in action.choices]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m backend", description="Second Thoughts on the command line.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--store", type=Path, metavar="DIR", help="folder of the store (default: SECOND_THOUGHTS_STORE)"
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, run: object, what: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, parents=[common], help=what, description=what)
        sub.set_defaults(run=run, bare=False)
        return sub

    for add in _VERBS:
        add(verb)
    return parser
