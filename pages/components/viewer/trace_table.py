"""Traces as rows of a table, as Browse and Series list them."""

from backend.report.numbers import Form, number
from backend.services.traces.trace_list import Listed
from pages.components.frame.session import runs
from pages.components.table.table_model import Column, Kind, Lines, Row

TRACE_COLUMNS = (
    Column("run", "Run", width="20%"),
    Column("problem", "Problem", width="38%"),
    Column("correct", "Right", Kind.VERDICT),
    Column("answer", "Answer", sortable=False),
    Column("cues", "Cues", Kind.NUMBER, Form.COUNT),
    Column("density", "per 1,000"),
    Column("loops", "In loops", Kind.NUMBER, Form.PERCENT),
    Column("words", "Length"),
    Column("finish", "Ending"),
)


def trace_row(listed: Listed) -> Row:
    """One trace as a row."""
    run = runs()[listed.run]
    # A run that was imported without token counts has words alone.
    length, unit = (listed.words, "words") if listed.tokens is None else (listed.tokens, "tokens")
    question = " ".join(listed.question.split())
    return Row(
        listed.id,
        {
            "run": Lines(run.info.model, f"{run.info.dataset} · sample {listed.sample + 1}"),
            "problem": Lines(f"{listed.number}. {question[:105]}" + ("…" if len(question) > 105 else "")),
            "correct": listed.correct,
            "answer": Lines((listed.answer or "–")[:40], "disputed" if listed.disagree else ""),
            "cues": listed.cues,
            "density": Lines(number(listed.per_1k, Form.DECIMAL), unit),
            "loops": listed.looped,
            "words": Lines(f"{length:,}", unit),
            "finish": {"length": "cut off", "stop": "finished", "refusal": "refused", "tool call": "tool call"}.get(
                listed.finish, "–"
            ),  # unknown is no ending
        },
    )
