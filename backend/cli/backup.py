"""The verbs `backup` and `restore`: the whole store copied to a folder while it is in use, and a store made of one."""

import argparse
import sys
from pathlib import Path

from backend.cli.verb import AddVerb
from backend.domain import UserError, visible
from backend.services import build_services
from backend.services.backups import Backup, restore_backup, verify_backup, write_backup


def add_verbs(verb: AddVerb) -> None:
    """Add the verbs to the parser behind `verb`."""
    sub = verb("backup", _backup, "Copy the whole store, while it is in use, to a new folder.")
    sub.add_argument("folder", type=Path, metavar="DIR")
    sub.add_argument("--verify", action="store_true", help="read and compare every file of a backup that is there")
    sub.set_defaults(bare=True)
    sub = verb("restore", _restore, "Make a new store of a backup.")
    sub.add_argument("folder", type=Path, metavar="DIR")
    sub.set_defaults(bare=True)


def _backup(options: argparse.Namespace) -> int:
    if options.verify:
        found = verify_backup(options.folder)
    elif not options.settings.store.is_dir():  # opened, it would be made
        raise UserError(f"There is no store {visible(str(options.settings.store))} to back up.")
    else:
        with build_services(options.settings) as services:
            found = write_backup(services.store, options.settings.lexicons, options.folder, _Progress())
    print(f"{_size(found)}, of {found.created}: every file is there and as it was written.")
    if found.unsound:
        shown = visible(", ".join(found.unsound), 300)
        print(f"Missing or damaged in the store itself: {shown}.", file=sys.stderr)
    return 0


def _restore(options: argparse.Namespace) -> int:
    found, differing = restore_backup(options.folder, options.settings, _Progress())
    print(f"{_size(found)}, of {found.created}, are now the store {visible(str(options.settings.store))}.")
    if differing:
        print(f"These lexicon files are others here, and were left: {visible(', '.join(differing), 300)}.")
    return 0


def _size(found: Backup) -> str:
    return f"{len(found.files):,} files, {found.size / 1e6:,.1f} MB"


class _Progress:
    """Says on standard error when a further tenth is copied."""

    def __init__(self) -> None:
        self._tenth = 0

    def __call__(self, done: int, total: int) -> None:
        if (tenth := 10 * done // max(1, total)) > self._tenth:
            self._tenth = tenth
            print(f"{done / 1e6:,.1f} of {total / 1e6:,.1f} MB", file=sys.stderr, flush=True)
