"""Links from a job to other pages: the runs it made, the page it is watched on."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from backend.domain import Run
from backend.job import Job, JobKind
from pages.components.table.table_model import Link

_MOST_COMPARED = 4  # Compare holds four runs
_MOST_BROWSED = 20  # a name a run, and the address has to stay one that can be sent


@dataclass(frozen=True, slots=True)
class PageLink:
    """A link to another page: `page` is the page's script, `query` the pairs of its address in their order.

    `label` is the app's own text, because buttons read Markdown.
    """

    label: str
    page: str
    query: tuple[tuple[str, str], ...]

    @property
    def link(self) -> Link:
        """The same as a link in a table."""
        # A plain click comes back as `action` and keeps the session; the address serves a new tab.
        return Link(self.label, f"/{self.page.removesuffix('.py')}?{urlencode(self.query)}", action=self.label)


def made(job: Job, runs: Mapping[str, Run]) -> list[Run]:
    """The runs a job made, or read, that are still in the store."""
    # The result is JSON that a worker wrote: what is no list names no runs.
    named = job.result.get("runs")
    return [runs[run] for run in named if run in runs] if isinstance(named, list) else []


def traces_made(job: Job, runs: Mapping[str, Run]) -> int | None:
    """How many traces a job stored or read; None where it isn't known."""
    found = made(job, runs)
    # A scoring names runs of which it may have read some traces alone.
    if job.kind is not JobKind.SCORE and found:
        return sum(run.traces for run in found)
    return job.done if job.unit == "traces" and job.started else None


def page_links(job: Job, runs: Mapping[str, Run], labels: Mapping[str, str]) -> list[PageLink]:
    """Links to the pages that show what a job makes or has made. `labels` are the runs' names in Browse."""
    found = made(job, runs)
    listed = []
    if job.spec.get("live"):
        listed.append(PageLink("Live", "live.py", (("job", job.id),)))
    if job.kind is JobKind.DISTILL and job.spec.get("training"):
        listed.append(PageLink("Curves", "distil.py", (("training", str(job.spec["training"])),)))
    # Runs of an import needn't share problems; those of one generation or evaluation do.
    if 1 < len(found) <= _MOST_COMPARED and job.kind in (JobKind.GENERATE, JobKind.EVALUATE):
        listed.append(PageLink("Compare", "compare.py", (("runs", ",".join(run.id for run in found)),)))
    browsed = [run.id for run in found if not run.aside][:_MOST_BROWSED]
    if browsed:
        listed.append(PageLink("Browse", "browse.py", tuple(("run", labels[id_]) for id_ in browsed if id_ in labels)))
    return listed
