"""The review of an import: files that need a word, files that are left out, and each source's first rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

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


def question_view(questions: Sequence[Unmapped], base: Path | None, key: str = "asking") -> None:
    """Draws the files that need a word: why, and the form in which it is said."""
    question = questions[_choice([question.shown for question in questions], key)]
    columns = ", ".join(f"{visible(c.name, 60)} (~{c.length:,} characters)" for c in question.long)
    unused = f" Long columns that nothing uses: {columns}." if columns else ""
    if key == "asking":  # of the others the page has said it
        notice(f"{visible(question.shown)}: {visible(question.reason)}.{unused}", "warning")
    mapping_form(question.paths, question.guess, base, first=True)


def source_view(sources: Sequence[Source], found: Sequence[SourceSurvey | None], base: Path | None) -> None:
    """Draws a source's first rows as they would be stored, and the form to have its files read differently."""
    st.header("Preview and edit", anchor=False)
    labels = [" · ".join(filter(None, (s.info.model, s.info.dataset, files_of(s)))) for s in sources]
    at = _choice(labels, "looking")
    source = sources[at]
    _first_rows(source, found[at])
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


def _first_rows(source: Source, found: SourceSurvey | None) -> None:
    if found and found.problem:
        notice(found.problem, "error")
    if found and found.counts and (found.counts.left or found.counts.tags):
        notice(f"{visible(files_of(source))}: {found.counts.words}.", "warning")
    if found and source.kind is SourceKind.RUN and found.looked:
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
