"""The verbs that bring traces in: `import` reads files and folders, `watch` follows them while they grow."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from backend.cli.job_follower import follow
from backend.cli.verb import AddVerb
from backend.domain import Context, UserError, visible
from backend.import_plan import Overrides
from backend.services import Services

_NEEDS_A_WORD = 3  # exit code: nothing is wrong with the file, but a person has to say which column is the response
_ALARM = 4  # exit code: an alarm ended the watch


def add_verbs(verb: AddVerb) -> None:
    """Add the verbs to the parser behind `verb`."""
    sub = verb("import", _import, "Import traces and problem sets from files and folders.")
    sub.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    _add_overrides(sub)
    sub.add_argument(
        "--map",
        nargs="+",
        action="extend",
        default=[],
        metavar="FIELD=COLUMN",
        help="columns of files of no known format: question, text (twice or more for several models), gold, ...; "
        "dotted names reach inside, rows=PLACE says where the rows lie",
    )
    sub.add_argument("--count-with", type=Path, metavar="FILE", help="a tokenizer.json to count tokens with")
    sub.add_argument("--dry-run", action="store_true", help="say what would be imported, and change nothing")
    sub = verb("watch", _watch, "Follow files and folders that grow: new steps are read as they come, until Ctrl-C.")
    sub.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    sub.add_argument("--once", action="store_true", help="read what is there, and end")
    sub.add_argument("--until-idle", type=float, metavar="SECONDS", help="end once nothing has changed for so long")
    how = f"end with exit code {_ALARM} when this alarm goes off; may be given several times"
    sub.add_argument("--fail-on", action="append", default=[], metavar="ALARM", help=how)
    how = "another limit for an alarm, as in length-collapse=0.7 or loops=off; may be given several times"
    sub.add_argument("--rule", action="append", default=[], metavar="ALARM=LIMIT", help=how)


def _add_overrides(sub: argparse.ArgumentParser) -> None:
    # An option a field: what a source can be corrected in, it can be corrected in here.
    for field in dataclasses.fields(Overrides):
        name = field.name.replace("_", "-")
        kind = {"float | None": float, "int | None": int, "Context | None": Context}.get(str(field.type), _text)
        sub.add_argument(f"--{name}", type=kind, metavar=name.upper(), help=f"{name}, whatever the source says")


def _text(word: str) -> str:
    """A word of the command line as text; bytes that are no UTF-8 are written out."""
    # Python has them as lone surrogates, which no Parquet file and no database takes.
    return os.fsencode(word).decode("utf-8", "backslashreplace")


def _mapping(items: Sequence[str]) -> dict[str, str | list[str]]:
    """Field -> column, or columns where a field stands several times. Raises UserError for an item of another form."""
    columns: dict[str, list[str]] = {}
    for item in items:
        part, _, column = item.partition("=")
        if not (part and column):
            raise UserError(f"--map takes FIELD=COLUMN, as in question=problem; {visible(item, 60)!r} is no such pair.")
        columns.setdefault(part, []).append(_text(column))
    return {part: names[0] if len(names) == 1 else names for part, names in columns.items()}


def _import(services: Services, options: argparse.Namespace) -> int:
    overrides = Overrides(**{field.name: getattr(options, field.name) for field in dataclasses.fields(Overrides)})
    mapping = _mapping(options.map)
    outcomes = services.imports.run(
        options.paths, overrides, mapping=mapping, tokenizer=options.count_with, dry_run=options.dry_run
    )
    states = set()
    for outcome in outcomes:
        states.add(outcome.state)
        stream = sys.stderr if outcome.state in ("failed", "asked") else sys.stdout
        # Flushed: a folder takes minutes, and what is done is to be seen while the rest is read.
        print(f"{outcome.state:>9}  {outcome.sentence}", file=stream, flush=True)
    if "failed" in states:
        return 2
    if "asked" in states:
        return _NEEDS_A_WORD
    if states.isdisjoint(("imported", "present", "planned")):
        print("Nothing was imported: there are no traces and no problems in it.", file=sys.stderr)
        return 2
    return 0


def _rule(word: str) -> tuple[str, float | None]:
    name, _, limit = word.partition("=")
    try:
        return name, None if limit == "off" else float(limit)
    except ValueError:
        raise UserError(f"--rule takes ALARM=LIMIT or ALARM=off; {visible(word, 60)!r} is neither.") from None


def _watch(services: Services, options: argparse.Namespace) -> int:
    asked = {"once": options.once, "until_idle": options.until_idle, "fail_on": options.fail_on}
    rules = dict(map(_rule, options.rule))
    job = follow(services, services.watches.submit(options.paths, **asked, rules=rules), options.settings, log=True)
    if alarm := job.result.get("alarm"):
        print(f"Ended by the alarm {alarm}", file=sys.stderr)
        return _ALARM
    return 0
