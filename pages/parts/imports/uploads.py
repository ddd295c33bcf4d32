"""From an upload to an import: the files' place on disk, the plan as a table, corrections, previews, the import itself.

Owns the temporary folders of uploads, and the corrections a person makes before the import.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import streamlit as st

from backend.domain import UserError, visible
from backend.import_plan import Overrides, Source, SourceKind
from backend.services.traces.importer import ImportOutcome
from pages.components.frame.notice import error_notice
from pages.components.frame.session import services
from pages.components.table.table import Select, data_table
from pages.components.table.table_model import Column, Lines, Row
from pages.components.table.table_model import Kind as Cell

_PREFIX = "second-thoughts-"
_CELL = 400  # characters: a preview of five traces of 100 kB would be half a megabyte a run
PARTS = ("question", "text", "gold", "prompt", "sample", "tokens", "finish", "answer", "verdict", "reasoning", "model")
_DRAFT_FIELDS = ("question", "gold", "text", "sample", "answer", "verdict", "tokens", "finish", "prompt")


def place_uploads(uploads: Sequence[Any], local: str | None) -> tuple[list[Path], Path | None]:
    """The paths of the files to import, and the folder that their names are shown relative to (None: no folder).

    Uploads are written to a temporary folder; `local`, a path of this machine, is read in place.
    """
    if local:
        return [Path(local).expanduser()], None
    if not uploads:
        return [], None
    # Written once for a set of files: the page runs again at every click, and files have hundreds of megabytes.
    known = [upload.file_id for upload in uploads]
    held: tuple[list[str], Path] | None = st.session_state.get("held")
    if held is None or held[0] != known:
        if held:
            sweep_uploads(held[1])
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        for upload in uploads:
            _write(folder, upload)
        st.session_state.held = (known, folder)
        st.session_state.pop("mapping", None)
        st.session_state.pop("outcomes", None)
    base: Path = st.session_state.held[1]
    # Swept, the uploads have been imported: the widget still names them, and there is nothing left to review.
    if not base.is_dir():
        return [], None
    files = sorted(path for path in base.rglob("*") if path.is_file())
    return (files if len(files) == 1 else [base]), base


def _write(folder: Path, upload: Any) -> None:
    # The name comes from a browser and is only a label: whatever it says, the file lies below `folder`. Of a folder's
    # path the last six parts are kept, because formats recognise the folders of evaluations.
    parts = [part for part in PurePosixPath(upload.name.replace("\\", "/")).parts if part not in ("/", "..", ".")]
    target = folder.joinpath(*[part.replace("\0", "") for part in parts[-6:]] or ["upload"])
    if not target.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"The name {visible(upload.name)} can't be used for a file.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        shutil.copyfileobj(upload, out)


def sweep_uploads(base: Path | None) -> None:
    """Removes a temporary folder of uploads; any other folder stays."""
    if base and base.name.startswith(_PREFIX):
        shutil.rmtree(base, ignore_errors=True)


def plan_table(sources: Sequence[Source]) -> int:
    """Draws the sources as a table; returns the place of the selected one."""
    # The plan may have become shorter since the place was kept.
    shown = min(int(st.session_state.get("looking", 0)), len(sources) - 1)
    rows = [
        Row(
            str(i),
            {
                "what": Lines(source.info.model or source.info.dataset, _files(source)),
                "dataset": source.info.dataset,
                "format": Lines(source.format, source.key),
                "kind": "traces" if source.kind is SourceKind.RUN else "problem set",
                "size": source.size / 1e6,
            },
            current=i == shown,
        )
        for i, source in enumerate(sources)
    ]
    columns = [Column("what", "Would become"), Column("dataset", "Data set"), Column("format", "Recognised as"),
               Column("kind", "Kind"), Column("size", "MB", Cell.NUMBER)]  # fmt: skip
    event = data_table(columns, rows, key="plan", caption="What would be imported", select=Select.ROW, height=320)
    # The table is drawn already, with the row that was selected before.
    if event and event.row and int(event.row) != shown:
        st.session_state.looking = int(event.row)
        st.rerun()
    return shown


def _files(source: Source) -> str:
    more = f" and {len(source.files) - 1} more" if len(source.files) > 1 else ""
    return source.files[0].shown + more


def corrected(source: Source) -> Source:
    """A source with the corrections a person has made to it."""
    kept: dict[str, Overrides] = st.session_state.get("corrected", {})
    overrides = kept.get(_key(source))
    return overrides.on(source) if overrides else source


def _key(source: Source) -> str:
    # By content: corrections survive another upload of the same file, and one file may hold several sources.
    return f"{source.files[0].sha256}{source.key}"


def corrections(source: Source) -> None:
    """Draws the fields a person may correct before the import, and keeps what they hold in the session."""
    overrides = _fields(source)
    if overrides.on(source) != source:
        st.session_state.setdefault("corrected", {})[_key(source)] = overrides
        st.rerun()


def _fields(source: Source) -> Overrides:
    info, key = source.info, _key(source)
    if source.kind is SourceKind.PROBLEMS:
        return Overrides(dataset=st.text_input("Name of the problem set", info.dataset, key=f"set-{key}") or None)
    first, second, third, fourth = st.columns(4)
    model = first.text_input("Model", info.model, key=f"model-{key}")
    dataset = second.text_input("Data set", info.dataset, key=f"dataset-{key}")
    parent = third.text_input("Trained from", info.parent or "", key=f"parent-{key}", placeholder="a model's name")
    temperature = fourth.number_input(
        "Temperature", 0.0, 5.0, info.sampling.temperature, key=f"t-{key}", placeholder="unknown"
    )
    return Overrides(model=model or None, dataset=dataset or None, parent=parent or None, temperature=temperature)


def preview_tables(source: Source) -> None:
    """Draws a source's first traces as they would be stored, and its first rows as they stand in the file."""
    with error_notice():
        found = services().imports.preview(source)
        # A draft of a problem set has fewer fields than one of a trace.
        drafts = [
            {name: _short(getattr(draft, name)) for name in _DRAFT_FIELDS if hasattr(draft, name)}
            for draft in found.drafts[:5]
        ]
        st.dataframe(drafts, alt="The first rows as they would be stored")
        with st.popover("As they stand in the file"):
            _first_rows(found.rows)


def _first_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    st.dataframe([{k: _short(v) for k, v in row.items()} for row in rows[:5]], alt="The first rows of the file")


def _short(value: Any) -> Any:
    # As text, because a column of lists, objects and strings is none that Arrow could take.
    return value if isinstance(value, int | float | None) else str(value)[:_CELL]


def mapping_form(path: Path) -> None:
    """Asks which column of an unknown table holds what; the answer is kept for the next run of the page."""
    try:
        found = services().imports.peek(path)
    except UserError:
        return  # no table at all; the plan's own sentence says what it is
    guess, names = found.guess.used(), [column.name for column in found.columns]
    st.text("The format isn't known. Say which column holds what:")
    with st.form("mapping-form"):
        grid, chosen = st.columns(4), {}
        for i, part in enumerate(PARTS):
            at = names.index(guess[part]) if guess.get(part) in names else None
            chosen[part] = grid[i % 4].selectbox(part, names, at, placeholder="none", key=f"map-{part}")
        if st.form_submit_button("Read it so"):
            st.session_state.mapping = {part: column for part, column in chosen.items() if column}
            st.rerun()
    _first_rows(found.rows)


def import_sources(sources: Sequence[Source], base: Path | None) -> None:
    """Imports the sources while a bar shows the progress, and keeps their outcomes in the session."""
    bar, line = st.progress(0.0), st.empty()
    outcomes: list[ImportOutcome] = []

    def advance(done: int, total: int, name: str) -> None:
        """Shows how much of the present source is read: `done` of `total` bytes."""
        bar.progress((len(outcomes) + done / total) / len(sources))
        line.text(f"{len(outcomes) + 1} of {len(sources)}: {visible(name, 120)}")

    for outcome in services().imports.take(sources, on_progress=advance):
        outcomes.append(outcome)
        bar.progress(len(outcomes) / len(sources))
    st.session_state.outcomes = outcomes
    # What failed can be corrected or mapped, and then needs its file once more.
    if not any(outcome.state == "failed" for outcome in outcomes):
        st.session_state.pop("mapping", None)
        sweep_uploads(base)
