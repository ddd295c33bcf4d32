"""The sources of an import as one table to edit, counted in the background, with what each will become."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from backend.domain import digest, visible
from backend.import_plan import Source, SourceKind
from backend.services.traces.import_survey import CountedSources, SourceSurvey
from backend.services.traces.run_fields import Values, checked, corrected_source
from backend.services.traces.source_importer import identity_of
from pages.components.editing.find_replace import edit_tools
from pages.components.editing.run_editor import BesideColumn, EditRow, RunEditor
from pages.components.frame.notice import notice
from pages.components.frame.session import services
from pages.parts.imports.reading import files_of

_AT_ONCE, _BYTES_AT_ONCE = 12, 32_000_000  # counted before the table is drawn: within a second or two
_COLUMNS = (
    BesideColumn("becomes", "Becomes", width=250, before="model", help="Counted by reading the whole file."),
    BesideColumn("format", "Format", width=150),
    BesideColumn("file", "File", width=300),
)


@dataclass(frozen=True, slots=True)
class ChosenSource:
    """A source that is to be imported: its identity, what was corrected in it, and the source with that."""

    identity: str
    given: Values
    source: Source


def counted(sources: Sequence[Source]) -> list[SourceSurvey | None]:
    """What each source will become, as far as it is known: many or large ones are counted while the page is there."""
    held: CountedSources | None = st.session_state.get("counted")
    if held is None or held.sources != tuple(sources):
        if held:
            held.stop()
        held = st.session_state.counted = services().imports.count(sources)
    if len(sources) <= _AT_ONCE and sum(source.size for source in sources) <= _BYTES_AT_ONCE:
        with st.spinner("Counting traces"):
            held.wait()
    return [*held.found, *[None] * (len(sources) - len(held.found))]


@st.fragment(run_every=0.5)
def _progress(held: CountedSources) -> None:
    """Draws how far the count is, and the page anew once it is done."""
    found, total = len(held.found), len(held.sources)
    st.progress(
        found / total, f"Counting traces: {found:,} of {total:,} sources. Edit and import meanwhile as you like."
    )
    if held.done:
        st.rerun()


def source_table(sources: Sequence[Source], found: Sequence[SourceSurvey | None]) -> list[ChosenSource]:
    """Draws the sources with what is corrected in them; returns those to import, none while one of them can't be."""
    st.header("Will be imported as", anchor=False)
    for name in list(dict.fromkeys(source.info.series for source in sources if source.info.series))[:4]:
        steps = sorted({s.info.step for s in sources if s.info.series == name and s.info.step is not None})
        told = f"{len(steps):,} steps, {steps[0]:,} to {steps[-1]:,}" if len(steps) > 1 else "one step"
        st.text(f"Series {visible(name, 120)}: {told}.")
    names = services().imports.present(sources)
    # Of many long paths only the ends differ.
    above = os.path.commonpath([source.files[0].shown.rpartition("/")[0] for source in sources]) + "/"
    identities = [identity_of(source) for source in sources]
    rows = []
    for at, (source, identity) in enumerate(zip(sources, identities, strict=True)):
        first, survey = identities.index(identity), found[at]
        becomes = _becomes(source, survey, names[at])
        if first < at:
            becomes = f"the same content as {files_of(sources[first]).removeprefix(above)}: one run, not two"
        file = visible(files_of(source).removeprefix(above))
        nothing = survey is not None and survey.counts is not None and not survey.counts.made
        ticked = first == at and not names[at] and not nothing and not (survey and survey.problem)
        key = digest(identity, *map(str, source.paths), size=6)
        rows.append(EditRow(key, source.info, {"becomes": becomes, "format": source.format, "file": file}, ticked))
    editor = RunEditor("sources", rows, lambda row, given: checked(row.info, given))
    for row in rows:
        if why := editor.problems.get(row.id):
            row.beside["becomes"] = why
    edit_tools(editor, rows)
    editor.draw(rows, _COLUMNS, "Import")
    if not (held := st.session_state.counted).done:
        _progress(held)
    if len(sources) > 1:
        st.caption("Type into a cell to change it; drag its corner, or copy and paste, to set many rows at once.")
    taken = [(row, at) for at, row in enumerate(rows) if editor.is_ticked(row)]
    wrong = [row for row, _ in taken if row.id in editor.problems]
    for row in wrong[:3]:
        notice(f"{row.beside['file']}: {editor.problems[row.id]}", "error", key=f"wrong-{row.id}")
    given = [(identities[at], editor.values.get(row.id, {}), sources[at]) for row, at in taken if not wrong]
    return [ChosenSource(key, values, corrected_source(source, values)) for key, values, source in given]


def _becomes(source: Source, found: SourceSurvey | None, present: str) -> str:
    if present:
        return f"already in the store as {visible(present)}"
    if found is None:
        return "counting …"
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
