"""Where a job leads: the runs it made, the page it is watched on, and what may be done with it now.

Owns these ways and their addresses. Knows nothing of drawing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from backend.domain import Job, JobKind, JobState, Run
from pages.components.table.table_model import Link

_MOST_COMPARED = 4
_MOST_BROWSED = 20


@dataclass(frozen=True, slots=True)
class Way:
    """A way to another page: `label` is ours, `page` the page's script, `query` its address's query, in order."""

    label: str
    page: str
    query: tuple[tuple[str, str], ...]

    @property
    def link(self) -> Link:
        """As a link in a table: a plain click stays in the app's page, the address serves a new tab."""
        return Link(self.label, f"/{self.page.removesuffix('.py')}?{urlencode(self.query)}", action=self.label)


def made(job: Job, runs: Mapping[str, Run]) -> list[Run]:
    """The runs a job made, or read, that are still in the store."""
    named = job.result.get("runs")
    return [runs[run] for run in named if run in runs] if isinstance(named, list) else []


def traces_made(job: Job, runs: Mapping[str, Run]) -> int | None:
    """How many traces a job stored or read; None where it isn't known."""
    found = made(job, runs)
    if job.kind is not JobKind.SCORE and found:
        return sum(run.traces for run in found)
    return job.done if job.unit == "traces" and job.started else None


def ways(job: Job, runs: Mapping[str, Run], labels: Mapping[str, str]) -> list[Way]:
    """Pages that show what a job makes or has made. `labels` are the runs' names in Browse."""
    found = made(job, runs)
    listed = []
    if job.spec.get("live"):
        listed.append(Way("Live", "live.py", (("job", job.id),)))
    if job.kind is JobKind.DISTILL and job.spec.get("training"):
        listed.append(Way("Curves", "distil.py", (("training", str(job.spec["training"])),)))
    if 1 < len(found) <= _MOST_COMPARED and job.kind in (JobKind.GENERATE, JobKind.EVALUATE):
        listed.append(Way("Compare", "compare.py", (("runs", ",".join(run.id for run in found)),)))
    shown = [run for run in found if not run.aside][:_MOST_BROWSED]
    if shown:
        listed.append(Way("Browse", "browse.py", tuple(("run", labels[run.id]) for run in shown if run.id in labels)))
    return listed


def retriable(job: Job) -> bool:
    """Whether a job may be done again."""
    return job.state in (JobState.FAILED, JobState.CANCELLED)
