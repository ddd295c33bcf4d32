"""The verb `report`: the experiments as one HTML file, and their tables and figures as CSV, LaTeX and SVG."""

import argparse
from dataclasses import replace
from pathlib import Path

from backend.cli.verb import AddVerb
from backend.domain import UserError, visible
from backend.report.files import FILES, write_files, write_html
from backend.services import Services
from backend.services.reproduction.recipes.catalogue import scale_of
from backend.services.reproduction.recipes.recipe import ReproductionScale
from backend.services.reproduction.reports import From, View

_NAME = Path("second-thoughts-report.html")


def add_verb(verb: AddVerb) -> None:
    """Add the verb to the parser behind `verb`."""
    sub = verb("report", _report, "Write the experiments' results as a report that opens offline, and their tables.")
    sub.add_argument("--scale", default=ReproductionScale.LAB.value, metavar="SCALE", help="lab (default) or paper")
    sub.add_argument("--shipped", action="store_true", help="the results shipped with the app, not the store's own")
    sub.add_argument("--runs", nargs="+", default=[], metavar="RUN", help="any runs, the first as the others' base")
    sub.add_argument("--seed", type=int, action="append", default=[], metavar="K", help="of these seeds alone")
    sub.add_argument("--lexicon", metavar="NAME", help="the lexicon to count by (default: the paper's, kim2026)")
    sub.add_argument("--out", type=Path, metavar="FILE.html", help=f"the report's file (default: {_NAME})")
    for kind in FILES:
        what = "figures as SVG" if kind == "svg" else f"tables as {kind.upper() if kind == 'csv' else 'LaTeX'}"
        sub.add_argument(f"--{kind}", type=Path, metavar="DIR", help=f"a folder for {what}")


def _report(services: Services, options: argparse.Namespace) -> None:
    folders = {kind: getattr(options, kind) for kind in FILES if getattr(options, kind)}
    out = (options.out or _NAME).expanduser()
    # Looked at first: a report takes many seconds to draw up.
    if not out.parent.is_dir():
        raise UserError(f"There is no folder {visible(str(out.parent))} to write the report into: make it first.")
    report = services.reports.report(_view(options))
    if options.out or not folders:
        print(f"written  {out} ({write_html(report, out):,} bytes)")
    for kind, folder in folders.items():
        print(f"written  {folder} ({write_files(folder.expanduser(), FILES[kind](report))} files)")


def _view(options: argparse.Namespace) -> View:
    if options.runs and options.shipped:
        raise UserError("A report is of what is shipped or of runs of the store: leave out --shipped or --runs.")
    source = From.RUNS if options.runs else From.SHIPPED if options.shipped else From.STORE
    view = View(source, scale_of(options.scale), tuple(options.seed), runs=tuple(options.runs))
    return replace(view, lexicon=options.lexicon) if options.lexicon else view
