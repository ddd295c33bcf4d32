"""The verbs on stored runs: list, measure, pair, edit, delete, refresh, and write all of them as one DuckDB file."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from backend.cli.verb import AddVerb
from backend.domain import GRADERS, Run, UserError, visible
from backend.measure.bootstrap import Estimate
from backend.services import Services
from backend.services.traces.losses import answered_text
from backend.services.traces.run_fields import FIELDS, NAMES, TEXTS, Replacement, values_of

_BY = ("run", "model", "dataset", "series")  # what runs are chosen by


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
    sub = verb("edit", _edit, "Correct what stored runs are called: by value, or by find and replace.")
    for name in _BY:
        sub.add_argument(
            f"--{name}",
            dest=f"by_{name}",
            action="append",
            metavar=name.upper(),
            help="only runs of this one; repeatable",
        )
    sub.add_argument("--set", nargs="+", action="extend", default=[], metavar="FIELD=VALUE",
                     help=f"give the chosen runs a value, none to empty it; fields: {', '.join(FIELDS)}")  # fmt: skip
    sub.add_argument("--replace", nargs=2, metavar=("OLD", "NEW"), help="replace text in names of the runs")
    sub.add_argument("--field", action="append", choices=TEXTS, metavar="FIELD",
                     help=f"a field to replace in; repeatable (default: {', '.join(NAMES)})")  # fmt: skip
    sub.add_argument("--regex", action="store_true", help="OLD is a regular expression, NEW may name groups as \\1")
    sub.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
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


def _edit(services: Services, options: argparse.Namespace) -> None:
    asked = {name: wanted for name in _BY if (wanted := getattr(options, f"by_{name}"))}
    if not options.set and not options.replace:
        raise UserError("Say what to change: --set FIELD=VALUE, or --replace OLD NEW.")
    # A value for every run there is would hardly be meant; a text that is replaced names its runs by itself.
    if options.set and not asked:
        raise UserError(f"Say which runs get it: {', '.join(f'--{name}' for name in _BY)}.")
    runs = {run.id: run for run in services.runs.all()}
    known = {run.id: {"run": run.id, **values_of(run.info)} for run in runs.values()}
    for name, wanted in asked.items():
        if lost := next((one for one in wanted if all(one != known[key][name] for key in runs)), None):
            raise UserError(f"No run of this store has the {name} {visible(lost, 80)!r}.")
    chosen = [key for key in runs if all(known[key][name] in wanted for name, wanted in asked.items())]
    given: dict[str, dict[str, object]] = {key: {} for key in chosen}
    for item in options.set:
        name, equals, value = item.partition("=")
        if not equals:
            raise UserError(f"--set takes FIELD=VALUE, as in model=Qwen3-8B; {visible(item, 60)!r} is no such pair.")
        for values in given.values():
            values[name] = value
    if options.replace:
        replacement = Replacement(options.replace[0], options.replace[1], tuple(options.field or NAMES), options.regex)
        for key, texts in replacement.over({key: {**known[key], **given[key]} for key in chosen}).items():
            given[key].update(texts)
    edits = services.edits.plan(given)
    if not options.dry_run:
        services.edits.save(edits)
    for edit in edits:
        what = "; ".join(
            f"{FIELDS[name].label.lower()} {_value(old)} → {_value(new)}" for name, old, new in edit.changes
        )
        told = f"{visible(edit.run.label)}: {what}{', as its model was renamed' if edit.follows else ''}"
        print(f"{'would change' if options.dry_run else 'changed'}  {edit.run.id}  {told}")
    if not edits:
        print("Nothing to change.")


def _value(value: object) -> str:
    return "–" if value is None else visible(str(value), 120)


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
