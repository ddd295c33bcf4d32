"""The review of an import: files that need a word, the sources as one table to edit, and each source's first rows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from backend.domain import UserError, digest, visible
from backend.import_plan import ImportPlan, Source, SourceKind, Unmapped
from backend.services.traces.import_survey import SourceSurvey
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services
from pages.parts.imports.mapping_form import mapping_form
from pages.parts.imports.preview import draft_table, row_table
from pages.parts.imports.reading import files_of

_MOST_LEFT = 40  # files that nothing reads and that are looked at, whether they are tables


def problems_of(plan: ImportPlan) -> None:
    """Draws what can't be read, a notice each, and what is skipped, a line a kind."""
    for sentence in dict.fromkeys(map(str, plan.failed)):
        notice(sentence, "error")
    if not plan.skipped:
        return
    kinds: dict[str, list[str]] = {}
    for skipped in plan.skipped:
        kinds.setdefault(skipped.reason, []).append(visible(skipped.file))
    with st.expander(f"{len(plan.skipped):,} {'file' if len(plan.skipped) == 1 else 'files'} skipped"):
        for reason, files in kinds.items():
            more = f" and {len(files) - 3:,} more" if len(files) > 3 else ""
            st.text(f"{len(files):,} × {visible(reason)}: {', '.join(files[:3])}{more}")


def source_table(sources: Sequence[Source]) -> list[Source]:
    """Draws the sources as a table whose names can be edited; returns those to import, with their corrections."""
    with st.spinner("Counting traces"):
        surveys = [services().imports.survey(source) for source in sources]
    st.header("Will be imported as", anchor=False)
    # Of many long paths only the ends differ.
    above = os.path.commonpath([source.files[0].shown.rpartition("/")[0] for source in sources])
    rows = [_row(source, found, f"{above}/") for source, found in zip(sources, surveys, strict=True)]
    names = st.column_config
    edited: list[dict[str, Any]] = st.data_editor(
        rows, key="sources-" + digest(*(f"{s.sha256s}{s.key}{s.mapping}" for s in sources), size=6),
        hide_index=True, placeholder="–",
        disabled=["becomes", "file", "format"],
        column_config={
            "take": names.CheckboxColumn("Import", width=76),
            "becomes": names.TextColumn("Becomes", width=200, help="Counted by reading the whole file."),
            "model": names.TextColumn("Model", width=190, max_chars=200),
            "dataset": names.TextColumn("Data set", width=130, max_chars=200),
            "parent": names.TextColumn("Trained from", width=150, max_chars=200, help="The model's base, if any."),
            "temperature": names.NumberColumn("Temperature", width=96, min_value=0.0, max_value=5.0),
            "format": names.TextColumn("Format", width=140),
            "file": names.TextColumn("File"),
        },
    )  # fmt: skip
    if len(sources) > 1:
        st.caption("Click a cell to change a name; drag its corner, or copy and paste, to set many rows at once.")
    found = zip(sources, edited, rows, strict=True)
    return [_corrected(source, row, shown) for source, row, shown in found if row["take"]]


def _row(source: Source, found: SourceSurvey, above: str) -> dict[str, Any]:
    present, info = services().imports.present(source), source.info
    return {
        "take": not present and not found.problem,
        "becomes": _becomes(source, found, present),
        "model": visible(info.model),
        "dataset": visible(info.dataset),
        "parent": visible(info.parent or "") or None,
        "temperature": info.sampling.temperature,
        "format": source.format,
        "file": visible(files_of(source).removeprefix(above)),
    }


def _becomes(source: Source, found: SourceSurvey, present: str) -> str:
    if present:
        return f"already in the store as {visible(present)}"
    if found.problem:
        return "can't be read"
    if found.counts is None:
        return "– traces: counted at the import"
    if source.kind is SourceKind.PROBLEMS:
        return f"problem set, {_number(found.problems, 'problem')}"
    left = sum(number for _, number in found.counts.left)
    told = f"{_number(found.counts.made, 'trace')} of {_number(found.problems, 'problem')}"
    return told + (f", {left:,} left out" if left else "")


def _number(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def _corrected(source: Source, row: dict[str, Any], shown: dict[str, Any]) -> Source:
    # Only what was changed: a name is shown with its control characters written out, and kept as it is.
    said = {name: row[name] for name in ("model", "dataset", "parent", "temperature") if row[name] != shown[name]}
    sampling = replace(source.info.sampling, temperature=said.pop("temperature", source.info.sampling.temperature))
    names = {name: str(value or "").strip() for name, value in said.items()}
    # A run has a model and a data set; it needn't have a parent.
    kept = {name: value or None for name, value in names.items() if value or name == "parent"}
    return replace(source, info=replace(source.info, sampling=sampling, **kept))  # type: ignore[arg-type]


def question_view(questions: Sequence[Unmapped], base: Path | None, key: str = "asking") -> None:
    """Draws the files that need a word: why, and the form in which it is said."""
    question = questions[_choice([question.shown for question in questions], key)]
    columns = ", ".join(f"{visible(c.name, 60)} (~{c.length:,} characters)" for c in question.long)
    unused = f" Long columns that nothing uses: {columns}." if columns else ""
    if key == "asking":  # of the others the page has said it
        notice(f"{visible(question.shown)}: {visible(question.reason)}.{unused}", "warning")
    mapping_form(question.paths, question.guess, base, first=True)


def source_view(sources: Sequence[Source], base: Path | None) -> None:
    """Draws a source's first rows as they would be stored, and the form to have its files read differently."""
    st.header("Preview and edit", anchor=False)
    labels = [" · ".join(filter(None, (s.info.model, s.info.dataset, files_of(s)))) for s in sources]
    source = sources[_choice(labels, "looking")]
    _first_rows(source)
    paths = source.paths
    key = f"differently-{digest(*map(str, paths), size=6)}"
    if st.toggle("Read it differently", key=key, help="Choose yourself which column holds what."):
        mapping_form(paths, source.mapping, base, first=False)


def leftover_view(plan: ImportPlan, base: Path | None) -> None:
    """Draws the form for files that nothing reads, where they are tables all the same."""
    left = [(problem.file, problem.reason) for problem in plan.failed]
    left += [(skipped.file, skipped.reason) for skipped in plan.skipped]
    if not left:
        return
    if (plan.sources or plan.questions) and not st.toggle("Read a skipped file by its columns", key="leftovers"):
        return
    found = []
    for shown, reason in left[:_MOST_LEFT]:
        path = base / shown if base else Path(shown)
        with suppress(UserError):
            found.append(Unmapped((path,), shown, reason, (), services().imports.peek(path).guess))
    if found:
        question_view(found, base, "leftover")


def _choice(labels: Sequence[str], key: str) -> int:
    """Draws a choice among several; returns its place."""
    if len(labels) == 1:
        return 0
    # There may be fewer than before: what was asked about is answered, or read by another mapping now.
    if st.session_state.get(key) not in range(len(labels)):
        st.session_state.pop(key, None)
    return (
        st.selectbox("File", range(len(labels)), key=key, format_func=lambda at: visible(labels[at]),
                     label_visibility="collapsed") or 0
    )  # fmt: skip


def _first_rows(source: Source) -> None:
    found = services().imports.survey(source)
    if found.problem:
        notice(found.problem, "error")
    if found.counts and (found.counts.left or found.counts.tags):
        notice(f"{visible(files_of(source))}: {found.counts.words}.", "warning")
    if source.kind is SourceKind.RUN and found.looked:
        st.text(_sections(found) + (f" Note: {visible(source.info.note)}." if source.info.note else ""))
    with error_notice():
        first = services().imports.preview(source)
        draft_table(first.drafts)
        with st.popover("First rows of the file", icon=":material/table:"):
            row_table(first.rows)


def _sections(found: SourceSurvey) -> str:
    if not found.thinking:
        return f"No marks of thinking in the first {found.looked:,} traces: their whole text counts as the response."
    return f"{found.thinking:,} of the first {found.looked:,} traces have thinking apart from the response."
