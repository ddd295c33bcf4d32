"""Tables of a lexicon's precision and recall, as a whole, by group and by entry, and of runs' corrected counts."""

import streamlit as st

from backend.domain import UserError
from backend.measure.gold import Corrected
from backend.report.numbers import Form
from backend.services.detection.gold_report import GoldReport, LexiconScore
from pages.components.frame.notice import notice
from pages.components.frame.session import run_labels, runs, services
from pages.components.table.table import Select, data_table
from pages.components.table.table_model import Cell, Column, Kind, Lines, Row, interval_cell, rows_of

_HELP = {
    "precision": "The share of its marks that people marked too (overlap, one to one)",
    "recall": "The share of what people marked in blind items that it found",
    "f1": "The harmonic mean of both",
    "exact": "F1 where the very same characters are asked for",
}
_RUNS = 12  # chosen at first; each run's correction reads all its cues


def scores_table(report: GoldReport) -> str | None:
    """Draws every lexicon with its figures, without gold the lexicons alone; returns the one that was chosen."""
    scores = {score.name: score for score in report.scores}
    columns = [Column("name", "Lexicon", width="30%"), Column("entries", "Entries", Kind.NUMBER, Form.COUNT)]
    if scores:
        columns += [
            Column(key, label, Kind.NUMBER, Form.SCORE, help=_HELP[key])
            for key, label in (("precision", "Precision"), ("recall", "Recall"), ("f1", "F1"), ("exact", "F1 exact"))
        ]
        columns.append(Column("n", "n"))
    columns.append(Column("runs", "Runs", Kind.NUMBER, Form.COUNT, help="Stored runs that hold its cues"))
    rows = []
    for one in services().lexicons.overview():
        cells: dict[str, Cell] = {"name": Lines(one.name, one.title), "entries": one.entries, "runs": one.runs}
        if score := scores.get(one.name):
            whole = score.overlap.whole
            cells |= {
                "precision": interval_cell(whole.precision),
                "recall": interval_cell(whole.recall),
                "f1": interval_cell(whole.f1),
                "exact": interval_cell(score.exact.whole.f1),
                "n": Lines(f"{whole.found:,} marks", f"{whole.recall_gold:,} blind gold"),
            }
        rows.append(Row(one.name, cells, current=one.name == st.query_params.get("lexicon")))
    event = data_table(columns, rows, key="lexicons", caption="Lexicons", select=Select.ROW)
    return event.row if event and event.kind == "row" else None


def groups_table(score: LexiconScore) -> None:
    """Draws precision and recall by cue group; a hit has to be of the group people gave it."""
    columns = [
        Column("group", "Group", width="30%", of=lambda row: row[0] or "no group"),
        Column("precision", "Precision", Kind.NUMBER, Form.SCORE, help=_HELP["precision"],
               of=lambda row: interval_cell(row[1].precision)),
        Column("recall", "Recall", Kind.NUMBER, Form.SCORE, help=_HELP["recall"],
               of=lambda row: interval_cell(row[1].recall)),
        Column("f1", "F1", Kind.NUMBER, Form.SCORE, of=lambda row: interval_cell(row[1].f1)),
        Column("n", "n", width="24%", of=lambda row: Lines(
            f"{row[1].found:,} marks, {row[1].matched:,} right", f"{row[1].recall_gold:,} blind gold spans")),
    ]  # fmt: skip
    rows = rows_of(columns, score.overlap.groups.items(), lambda row: row[0] or "none")
    data_table(columns, rows, key=f"groups-{score.name}", caption="By group", note="Overlap, and the same group.")


@st.cache_data(show_spinner=False, max_entries=32)
def _corrected(versions: tuple[int, str], lexicon: str, project: str | None, run: str) -> Corrected | None:
    return services().gold.corrected(run, lexicon, project)


def corrected_counts(lexicon: str, project: str | None) -> None:
    """Draws the cues per trace of chosen runs, as counted and corrected by the precision and recall against gold."""
    known = {key: run for key, run in runs().items() if not run.aside}
    if not known:
        st.text("There are no runs whose counts could be corrected.")
        return
    labels = run_labels()
    order = sorted(known, key=lambda key: labels[key])
    chosen = st.multiselect(
        "Runs", order, default=order[:_RUNS], max_selections=40,
        format_func=lambda key: labels[key], key=f"corrected-{lexicon}",
    )  # fmt: skip
    # Corrected counts follow from cues and labels alike, and each has a version of its own.
    versions = (services().runs.version(), services().projects.version())
    rows, refused = [], ""
    for key in chosen:
        try:
            found = _corrected(versions, lexicon, project, key)
        except UserError as error:
            refused = str(error)  # the same sentence for every such run: its cues aren't matched yet
            continue
        if found is not None:
            rows.append(_corrected_row(key, labels[key], found))
    columns = [
        Column("run", "Run", width="40%"),
        Column("counted", "As counted", Kind.NUMBER, help="Cues per trace, with the interval over problems"),
        Column("real", "Really, about", Kind.NUMBER, help="Each entry by its precision, all by recall"),
        Column("n", "Rests on", width="22%"),
    ]
    data_table(
        columns, rows, key=f"real-{lexicon}", caption="Corrected counts",
        note="An entry judged seldom leans on the precision of all. Where gold comes from other models than the run’s, "
        "take it as a hint.",
    )  # fmt: skip
    if refused:
        notice(refused, "info")


def _corrected_row(key: str, label: str, found: Corrected) -> Row:
    # Only blind items show what a lexicon misses: elsewhere people saw its marks first.
    rests = f"{found.blind:,} blind gold spans" if found.missed else "no blind gold: misses aren’t counted"
    return Row(
        key,
        {
            "run": label,
            "counted": interval_cell(found.counted),
            "real": interval_cell(found.real),
            "n": Lines(f"{found.gold:,} judged marks", rests) if found.gold else "no gold yet",
        },
    )
