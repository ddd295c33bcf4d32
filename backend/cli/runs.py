"""The verbs on stored runs: list, measure, pair, delete, refresh, and write all of them as one DuckDB file."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from backend.cli.verb import AddVerb
from backend.domain import GRADERS, Run, visible
from backend.measure.bootstrap import Estimate
from backend.services import Services
from backend.services.traces.losses import answered_text


def add_verbs(verb: AddVerb) -> None:
    """Add the verbs to the parser behind `verb`."""
    sub = verb("runs", _runs, "List the runs with their figures.")
    sub.add_argument("--json", action="store_true", help="one JSON object a run, one a line")
    sub = verb("measures", _measures, "Count a run's cues by group, section and entry, with intervals.")
    sub.add_argument("id", metavar="RUN")
    sub.add_argument("--lexicon", metavar="NAME", help="the lexicon to count by (default: doubts)")
    sub.add_argument("--without-loops", action="store_true", help="leave out what repeats itself")
    sub.add_argument("--json", action="store_true", help="one JSON object")
    verb("pairs", _pairs, "List the runs that belong side by side.")
    sub = verb("delete", _delete, "Delete runs and reclaim their files.")
    sub.add_argument("ids", nargs="+", metavar="RUN")
    sub = verb("refresh", _refresh, "Read the traces of stored runs anew, where they were read by earlier rules.")
    sub.add_argument("ids", nargs="*", metavar="RUN", help="only these runs (default: all that are out of date)")
    sub.add_argument("--dry-run", action="store_true", help="say which runs are out of date and why")
    sub = verb("snapshot", _snapshot, "Write the store as one plain DuckDB file.")
    sub.add_argument("file", type=Path, metavar="FILE.duckdb")


def _say_left_out(services: Services) -> None:
    """Name the damaged runs, which no list and no file holds."""
    for damage in services.runs.damaged().values():
        print(f"left out  {damage.run.id}  {damage}", file=sys.stderr)


def _runs(services: Services, options: argparse.Namespace) -> None:
    _say_left_out(services)
    densities = services.runs.densities()
    for summary in services.runs.summaries():
        row = services.runs.as_json(summary, densities[summary.run.id])
        print(json.dumps(row, ensure_ascii=False) if options.json else run_line(row, summary.run))


def run_line(row: dict[str, object], run: Run) -> str:
    """A run in one line: its id, model, data set, traces and accuracy."""
    accuracy, graded = row["accuracy"], row["graded"]
    assert isinstance(accuracy, dict) and isinstance(graded, dict)
    info = run.info
    # The default grader and the file's own word; a count where not every trace could be judged.
    judged = [
        f"{accuracy[grader]:6.1%} {grader}" + (f", over {graded[grader]:,}" if graded[grader] < run.traces else "")
        for grader in (GRADERS[0], "file")
        if accuracy[grader] is not None
    ]
    shown = "  ".join(judged) or "no verdict"
    return f"{run.id}  {visible(info.model, 44):44} {visible(info.dataset, 16):16} {answered_text(run):>13}  {shown}"


def _measures(services: Services, options: argparse.Namespace) -> None:
    unit = services.runs.get(options.id).length_unit
    found = services.runs.measures(options.id, options.lexicon, not options.without_loops)
    if options.json:
        print(json.dumps({by: {k: dataclasses.asdict(v) for k, v in rows.items()} for by, rows in found.items()}))
        return
    for by, rows in found.items():
        for name, figures in sorted(rows.items(), key=lambda item: -item[1].count.value):
            density = f"{_figure(figures.pooled)} per 1,000 {unit}"
            print(f"{by:8} {visible(name, 30):30} {_figure(figures.count)} per trace  {density}")


def _figure(estimate: Estimate | None) -> str:
    if estimate is None:
        return f"{'-':>27}"
    ends = "" if estimate.low is None or estimate.high is None else f"[{estimate.low:.2f}, {estimate.high:.2f}]"
    return f"{estimate.value:9.2f} {ends:17}"


def _pairs(services: Services, _options: argparse.Namespace) -> None:
    _say_left_out(services)
    for pair in services.runs.pairs():
        print(f"{pair.base.id} {pair.variant.id}  {visible(pair.base.label)} | {visible(pair.variant.label)}  "
              f"({pair.problems} problems, {pair.reason})")  # fmt: skip


def _delete(services: Services, options: argparse.Namespace) -> None:
    for run in options.ids:
        print(f"deleted  {visible(services.runs.delete(run).label)}")


def _refresh(services: Services, options: argparse.Namespace) -> None:
    done = services.refresh.outdated(options.ids) if options.dry_run else services.refresh.run(options.ids)
    for each in done:
        state = "out of date" if options.dry_run else "refreshed"
        print(
            f"{state}  {each.run.id}  {visible(each.run.label)}: {each.run.traces:,} traces, {each.reason}", flush=True
        )


def _snapshot(services: Services, options: argparse.Namespace) -> None:
    rows_of = services.runs.snapshot(options.file)
    _say_left_out(services)
    for table, rows in rows_of.items():
        print(f"{table:10} {rows:>10,} rows")
