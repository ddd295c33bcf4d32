"""The rows of the page Runs: every stored run with its counts, and which of them hold the words of the filter."""

from backend.domain import visible
from backend.services.traces.run_fields import values_of
from pages.components.editing.run_editor import BesideColumn, EditRow
from pages.components.frame.session import cached_by_version, runs, services

COLUMNS = (
    BesideColumn("traces", "Traces", int, 76, "temperature"),
    BesideColumn("problems", "Problems", int, 90, "temperature"),
    BesideColumn("graded", "Graded", int, 80, "temperature", "Traces that the default grader could judge."),
    BesideColumn("format", "Format", width=130),
    BesideColumn("source", "Source", width=260),
    BesideColumn("imported", "Imported or made", width=140),
    BesideColumn("id", "Id", width=120),
)


@cached_by_version(2)
def run_rows() -> list[EditRow]:
    """A row a run, those of a series by their steps."""
    graded = services().runs.graded()
    order = sorted(
        runs().values(),
        key=lambda run: (run.info.dataset, run.info.series or "", run.info.step or 0, run.info.model, run.created),
    )
    return [
        EditRow(run.id, run.info, {
            "traces": run.traces, "problems": run.problems, "graded": graded.get(run.id), "format": run.info.format,
            "source": visible(run.info.source), "imported": run.created[:16].replace("T", " "), "id": run.id,
        })
        for run in order
    ]  # fmt: skip


def wanted(row: EditRow, search: str | None) -> bool:
    """Whether a run holds every word of the filter, in whatever column."""
    if not search:
        return True
    text = " ".join(str(value) for value in (*values_of(row.info).values(), *row.beside.values()) if value is not None)
    return all(word in text.casefold() for word in search.casefold().split())
