"""Adding a verb to the command line: what a verb's module is given, and the option that all verbs share."""

import argparse
from collections.abc import Callable
from pathlib import Path

# Name, what runs it, a sentence for the help -> the verb's parser. What runs it gets the services and the options and
# returns an exit code, None for 0; with the default `bare` set it gets the options alone, and no store is opened. Where
# each action's parser sets `run`, the verb itself has None.
AddVerb = Callable[[str, object, str], argparse.ArgumentParser]


def add_store(sub: argparse.ArgumentParser) -> None:
    """Let the store be named after a verb's action as well as before it."""
    # Suppressed: a default would overwrite what was given before the action.
    sub.add_argument("--store", type=Path, default=argparse.SUPPRESS, metavar="DIR", help="folder of the store")
