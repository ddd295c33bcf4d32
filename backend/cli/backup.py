"""The verbs `backup` and `restore` of a whole store, and `bundle` and `open` of some of its runs, for a colleague."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson

from backend.cli.actor import actor_of, add_actor
from backend.cli.verb import AddVerb
from backend.config import ROOT, environment
from backend.domain import UserError, visible
from backend.services import Services, build_services
from backend.services.backups import LEXICONS, STORE, Backup, restore_backup, verify_backup, write_backup
from backend.services.exports.bundles import is_bundle, write_bundle


def add_verbs(verb: AddVerb) -> None:
    """Add the verbs to the parser behind `verb`."""
    sub = verb("backup", _backup, "Copy the whole store, while it is in use, to a new folder.")
    sub.add_argument("folder", type=Path, metavar="DIR")
    sub.add_argument("--verify", action="store_true", help="read and compare every file of a backup that is there")
    sub.set_defaults(bare=True)
    sub = verb("restore", _restore, "Make a new store of a backup.")
    sub.add_argument("folder", type=Path, metavar="DIR")
    sub.set_defaults(bare=True)
    sub = verb("bundle", _bundle, "Write some runs to a folder that a colleague opens, for reading.")
    sub.add_argument("folder", type=Path, metavar="DIR")
    sub.add_argument("--run", dest="runs", action="append", default=[], metavar="RUN", help="this run (repeatable)")
    sub.add_argument("--pair", nargs=2, default=[], metavar="RUN", help="these two")
    sub.add_argument("--series", default="", metavar="NAME", help="the runs of this training")
    sub.add_argument("--labels", action="append", default=[], metavar="PROJECT", help="with this project's labels")
    add_actor(sub)
    sub = verb("open", _open, "Open a bundle in the browser.")
    sub.add_argument("folder", type=Path, metavar="DIR")
    sub.add_argument("--port", type=int, default=8501)
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


def _bundle(services: Services, options: argparse.Namespace) -> None:
    lines = services.series.get(options.series).lines if options.series else ()
    runs = [*options.runs, *options.pair, *(line.base for line in lines if line.base)]
    runs += [run for line in lines for _, ids in line.steps for run in ids]
    labels = {}
    for project in options.labels:
        actor = actor_of(services, options).id
        file = services.label_files.export(actor, services.projects.get(project).id, traces=True)
        labels[file.name] = _without_addresses(file.data, [person.name for person in services.people.all()])
    found = write_bundle(services.store, options.settings.lexicons, runs, options.folder, labels)
    print(f"{_size(found)}: `python -m backend open {visible(str(options.folder))}` shows it.")


def _without_addresses(data: bytes, names: Sequence[str]) -> bytes:
    # Somebody who signed in without a name is called by their e-mail address.
    for number, name in enumerate((name for name in names if "@" in name), 1):
        data = data.replace(orjson.dumps(name), orjson.dumps(f"annotator {number}"))
    return data


def _open(options: argparse.Namespace) -> int:
    found, folder = verify_backup(options.folder), options.folder.resolve()
    if not is_bundle(folder):
        raise UserError(f"{visible(str(folder))} is a whole store's backup: `restore` makes a store of it.")
    settings = replace(options.settings, store=folder / STORE, lexicons=folder / LEXICONS, ledger_url="")
    print(f"{_size(found)}, as they were written. Second Thoughts: http://127.0.0.1:{options.port}", flush=True)
    words = ["-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(options.port)]
    variables = environment(replace(settings, worker="off", demo="off"))
    command, env = [sys.executable, *words], {**os.environ, **variables}
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode  # noqa: S603 - our own app


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
