"""The verb `store`: every file of the store is verified against the ledger, and repaired."""

import argparse

from backend.cli.verb import AddVerb
from backend.domain import visible
from backend.services import Services


def add_verb(verb: AddVerb) -> None:
    """Add the verb to the parser behind `verb`."""
    sub = verb("store", _store, "Hold every file of the store against the ledger, and repair what can be repaired.")
    sub.add_argument("action", choices=["verify"], metavar="verify")
    sub.add_argument("--repair", action="store_true", help="mend or mark damaged runs, remove files that nothing names")


def _store(services: Services, options: argparse.Namespace) -> int:
    strays, damaged = services.repair.strays(), 0
    for each in services.repair.repair() if options.repair else services.repair.verify():
        state = "damaged" if each.damage else "mended" if each.mended else "whole"
        words = each.damage or (f"{each.mended}." if each.mended else "")
        size = f"{each.files:4} files {each.bytes / 1e6:9.1f} MB"
        print(f"{state:8} {each.run.id}  {size}  {visible(each.run.label, 60)}  {words}".rstrip(), flush=True)
        damaged += bool(each.damage)
    done = "removed" if options.repair else "found; --repair removes them"
    print(f"{damaged} damaged runs; {strays} files that nothing names {done}")
    return int(bool(damaged or (strays and not options.repair)))
