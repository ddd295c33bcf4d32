"""The verb `demo`: the shipped runs brought in, taken out, made anew to ship with a table of figures, or read anew."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from backend.cli.job_follower import follow
from backend.cli.verb import AddVerb
from backend.config import Settings
from backend.domain import GRADERS
from backend.job import JobKind
from backend.measure.bootstrap import Estimate
from backend.services import Services, build_services
from backend.services.generation.presets import demo_specs
from backend.services.traces.runs import RunSummary


def add_verb(verb: AddVerb) -> None:
    """Add the verb to the parser behind `verb`."""
    sub = verb("demo", _demo, "Bring the shipped demo runs, take them out, make them anew to ship, or read them anew.")
    sub.add_argument(
        "action", choices=["bring", "remove", "make", "refresh"], metavar="bring | remove | make | refresh"
    )


def _demo(services: Services, options: argparse.Namespace) -> None:
    if options.action == "bring":
        print(f"brought  {len(services.demo.restore())} runs")
    elif options.action == "remove":
        print(f"removed  {services.demo.remove()} runs")
    elif options.action == "refresh":
        _refresh(options.settings)
    else:
        models = {info.model.name: info.model.id for info in services.models.all()}
        jobs = [services.generation.submit(spec, kind=JobKind.EVALUATE) for spec in demo_specs(models)]
        runs = [run for job in jobs for run in follow(services, job, options.settings).result["runs"]]
        print(f"wrote  {len(runs)} runs, {services.demo.ship(runs):,} bytes, to {options.settings.lab / 'demo'}")
        _print_table(services, runs)


def _refresh(settings: Settings) -> None:
    """Read the shipped traces anew, in a store of their own, and ship them as they are read now."""
    with TemporaryDirectory() as folder:
        aside = replace(settings, store=Path(folder), ledger_url="")
        with build_services(aside) as services:
            runs = services.demo.install()
            services.refresh.run_all()
            print(f"wrote  {len(runs)} runs, {services.demo.ship_all(runs):,} bytes, to {settings.lab / 'demo'}")
            _print_table(services, runs)


def _print_table(services: Services, runs: Sequence[str]) -> None:
    """The table of the lab's README, without the answers of trainings."""
    figures = {summary.run.id: summary for summary in services.runs.summaries("kim2026")}
    print("\n".join(_table_row(figures[run]) for run in runs if not figures[run].run.aside))


def _table_row(summary: RunSummary) -> str:
    info = summary.run.info
    condition = info.context.value + (f"; {info.variant}" if info.variant else "")
    right = summary.accuracy[GRADERS[0]]
    cells = [
        *(f"`{info.model}`", f"`{info.dataset}`", condition),
        _with_ends(right, 100, 1) if right else "-",
        _with_ends(summary.cues, 1, 2) if summary.cues else "-",
        _with_ends(summary.length, 1, 0),
    ]
    return f"| {' | '.join(cells)} |"


def _with_ends(estimate: Estimate, times: int, places: int) -> str:
    values = [end for end in (estimate.value, estimate.low, estimate.high) if end is not None]
    # Figures next to 0 lose their sign: "-0.00" would differ from machine to machine.
    value, *ends = (f"{abs(times * v) if abs(v) < 1e-9 else times * v:.{places}f}" for v in values)
    return f"{value} [{', '.join(ends)}]" if ends else value
