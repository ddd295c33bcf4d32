"""The command line: parses words, calls one use case a verb, prints its answer.

Owns verbs, options and how answers look in a terminal. A mistake of the person ends in one sentence on
stderr and exit code 2. Knows nothing of how anything is done.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from backend import config
from backend.cli import annotations as annotation_verbs
from backend.cli import distill, lexicon, report, reproduce, work
from backend.domain import Context, RunInfo, UserError, visible
from backend.import_plan import Overrides
from backend.measure.bootstrap import Estimate
from backend.services import Services, build_services


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code (0 done, 2 the person's mistake, 130 interrupted)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a terminal may lack characters; that must not end in an error
    options = _parser().parse_args(argv)
    try:
        settings = config.load()
        if options.store:
            settings = dataclasses.replace(settings, store=options.store.expanduser().resolve())
        options.settings = settings
        if options.bare:
            return options.run(options)
        with build_services(settings) as services:
            return options.run(services, options) or 0
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. Nothing half-written is left.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
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

    sub = verb("import", _import, "Import traces and problem sets from files and folders.")
    sub.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    _add_overrides(sub)
    sub.add_argument(
        "--map", nargs="+", default=[], metavar="FIELD=COLUMN", help="columns of a file of no known format"
    )
    sub.add_argument("--count-with", type=Path, metavar="FILE", help="a tokenizer.json to count tokens with")
    sub.add_argument("--dry-run", action="store_true", help="say what would be imported, and change nothing")

    sub = verb("runs", _runs, "List the runs with their figures.")
    sub.add_argument("--json", action="store_true", help="one JSON object a run, one a line")
    sub = verb("measures", _measures, "Count a run's cues by group, section and entry, with intervals.")
    sub.add_argument("id", metavar="RUN")
    sub.add_argument("--lexicon", metavar="NAME", help="the lexicon to count by (default: doubts)")
    sub.add_argument("--json", action="store_true", help="one JSON object")
    verb("pairs", _pairs, "List the runs that belong side by side.")
    sub = verb("delete", _delete, "Delete runs and reclaim their files.")
    sub.add_argument("ids", nargs="+", metavar="RUN")
    sub = verb("snapshot", _snapshot, "Write the store as one plain DuckDB file.")
    sub.add_argument("file", type=Path, metavar="FILE.duckdb")
    verb("lexicons", _lexicons, "List the lexicons and how many runs hold their cues.")
    verb("match", _match, "Find the cues of lexicons that stored runs don't hold yet.")
    work.add_verbs(verb)
    distill.add_verbs(verb)
    reproduce.add_verbs(verb)
    report.add_verbs(verb)
    lexicon.add_verbs(verb)
    annotation_verbs.add_verbs(verb)
    return parser


def _add_overrides(sub: argparse.ArgumentParser) -> None:
    for field in dataclasses.fields(Overrides):
        name = field.name.replace("_", "-")
        kind = {"float | None": float, "int | None": int, "Context | None": Context}.get(str(field.type), _text)
        sub.add_argument(f"--{name}", type=kind, metavar=name.upper(), help=f"{name}, whatever the source says")


def _text(word: str) -> str:
    """A word of the command line as text; bytes that are no UTF-8 are written out."""
    return os.fsencode(word).decode("utf-8", "backslashreplace")


def _overrides(options: argparse.Namespace) -> Overrides:
    return Overrides(**{field.name: getattr(options, field.name) for field in dataclasses.fields(Overrides)})


def _mapping(items: Sequence[str]) -> dict[str, str]:
    """Field -> column. Raises UserError for an item of another form."""
    for item in items:
        if not all(item.partition("=")):
            raise UserError(f"--map takes FIELD=COLUMN, as in question=problem; {visible(item, 60)!r} is no such pair.")
    return dict(item.partition("=")[::2] for item in items)


def _import(services: Services, options: argparse.Namespace) -> int:
    mapping = _mapping(options.map)
    outcomes = services.imports.run(
        options.paths, _overrides(options), mapping=mapping, tokenizer=options.count_with, dry_run=options.dry_run
    )
    failed = False
    for outcome in outcomes:
        failed |= outcome.state == "failed"
        stream = sys.stderr if outcome.state == "failed" else sys.stdout
        print(f"{outcome.state:>9}  {outcome.sentence}", file=stream, flush=True)
    return 2 if failed else 0


def _runs(services: Services, options: argparse.Namespace) -> None:
    densities = services.runs.densities()
    for summary in services.runs.summaries():
        row = services.runs.as_json(summary, densities[summary.run.id])
        print(json.dumps(row, ensure_ascii=False) if options.json else _run_line(row, summary.run.info))


def _run_line(row: dict[str, object], info: RunInfo) -> str:
    accuracy = row["accuracy"]
    assert isinstance(accuracy, dict)
    shown = next((f"{value:6.1%} {grader}" for grader, value in accuracy.items() if value is not None), "no verdict")
    return (
        f"{row['id']}  {visible(info.model, 44):44} {visible(info.dataset, 16):16} {row['traces']:>6} traces  {shown}"
    )


def _measures(services: Services, options: argparse.Namespace) -> None:
    unit, found = services.runs.get(options.id).length_unit, services.runs.measures(options.id, options.lexicon)
    if options.json:
        print(json.dumps({by: {k: dataclasses.asdict(v) for k, v in rows.items()} for by, rows in found.items()}))
        return
    for by, rows in found.items():
        for name, figures in sorted(rows.items(), key=lambda item: -item[1].count.value):
            density = f"{_figure(figures.pooled)} per 1,000 {unit}"
            print(f"{by:8} {visible(name, 30):30} {_figure(figures.count)} a trace  {density}")


def _figure(estimate: Estimate | None) -> str:
    if estimate is None:
        return f"{'-':>27}"
    ends = "" if estimate.low is None or estimate.high is None else f"[{estimate.low:.2f}, {estimate.high:.2f}]"
    return f"{estimate.value:9.2f} {ends:17}"


def _pairs(services: Services, _options: argparse.Namespace) -> None:
    for pair in services.runs.pairs():
        print(f"{pair.base.id} {pair.variant.id}  {visible(pair.base.label)} | {visible(pair.variant.label)}  "
              f"({pair.problems} problems, {pair.reason})")  # fmt: skip


def _delete(services: Services, options: argparse.Namespace) -> None:
    for run in options.ids:
        print(f"deleted  {visible(services.runs.delete(run).label)}")


def _snapshot(services: Services, options: argparse.Namespace) -> None:
    for table, rows in services.runs.snapshot(options.file).items():
        print(f"{table:10} {rows:>10,} rows")


def _lexicons(services: Services, _options: argparse.Namespace) -> None:
    for row in services.lexicons.overview():
        print(f"{row.id:36} {row.entries:>4} entries  {row.runs:>4} runs  {row.title}")


def _match(services: Services, _options: argparse.Namespace) -> None:
    for label, lexicons in services.lexicons.match_missing():
        print(f"matched  {visible(label)}: {', '.join(lexicons)}")
