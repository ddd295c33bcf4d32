"""What stands between an upload and an import: the files' place on disk, the plan as a table, corrections, previews.

Owns the widgets of that stretch. Uploaded names are only labels: every file lies below a folder of its own,
whatever its name says. Knows nothing of formats.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import streamlit as st

from backend.domain import UserError, visible
from backend.import_plan import Overrides, Preview, Source, SourceKind
from pages.components.frame.notice import notice
from pages.components.frame.session import services
from pages.components.table.table import Select, data_table
from pages.components.table.table_model import Column, Lines, Row
from pages.components.table.table_model import Kind as Cell

_PREFIX = "second-thoughts-"
_CELL = 400
PARTS = ("question", "text", "gold", "prompt", "sample", "tokens", "finish", "answer", "verdict", "reasoning", "model")


def place_uploads(uploads: Sequence[Any], local: str | None) -> tuple[list[Path], Path | None]:
    """Where the files to look at lie, and the folder their names are shown relative to.

    Uploads are written once a set of files to a temporary folder; a path of this machine is read in place. Uploads
    whose folder was swept have been taken in: there is nothing left to look at.
    """
    if local:
        return [Path(local).expanduser()], None
    if not uploads:
        return [], None
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
    if not base.is_dir():
        return [], None
    files = sorted(path for path in base.rglob("*") if path.is_file())
    return (files if len(files) == 1 else [base]), base


def _write(folder: Path, upload: Any) -> None:
    parts = [part for part in PurePosixPath(upload.name.replace("\\", "/")).parts if part not in ("/", "..", ".")]
    target = folder.joinpath(*[part.replace("\0", "") for part in parts[-6:]] or ["upload"])
    if not target.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"The name {visible(upload.name)} can't be used for a file.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        shutil.copyfileobj(upload, out)


def sweep_uploads(base: Path | None) -> None:
    """Remove a temporary folder of uploads."""
    if base and base.name.startswith(_PREFIX):
        shutil.rmtree(base, ignore_errors=True)


def plan_table(sources: Sequence[Source]) -> int:
    """The sources as a table; returns the place of the one a person looks at."""
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
    if event and event.row and int(event.row) != shown:
        st.session_state.looking = int(event.row)
        st.rerun()
    return shown


def _files(source: Source) -> str:
    more = f" and {len(source.files) - 1} more" if len(source.files) > 1 else ""
    return source.files[0].shown + more


def corrected(source: Source) -> Source:
    """A source with what a person has corrected in it."""
    kept: dict[str, Overrides] = st.session_state.get("corrected", {})
    overrides = kept.get(_key(source))
    return overrides.on(source) if overrides else source


def _key(source: Source) -> str:
    return f"{source.files[0].sha256}{source.key}"


def corrections(source: Source) -> None:
    """Fields a person may correct before the import; kept while other sources are looked at."""
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
    """The first drafts of a source, and its first rows as they stand."""
    try:
        found: Preview = services().imports.preview(source)
    except UserError as error:
        notice(str(error), "error")
        return
    st.dataframe([_draft_row(draft) for draft in found.drafts[:5]], alt="The first rows as they would be stored")
    with st.popover("As they stand in the file"):
        st.dataframe(
            [{k: _short(v) for k, v in row.items()} for row in found.rows[:5]], alt="The first rows of the file"
        )


def _draft_row(draft: Any) -> dict[str, Any]:
    names = ("question", "gold", "text", "sample", "answer", "verdict", "tokens", "finish", "prompt")
    return {name: _short(getattr(draft, name)) for name in names if hasattr(draft, name)}


def _short(value: Any) -> Any:
    return value if isinstance(value, int | float | None) else str(value)[:_CELL]


def mapping_form(path: Path) -> None:
    """Ask which column of an unknown table is what; the answer is kept for the next run of the page."""
    try:
        found, guess = services().imports.peek(path)
    except UserError:
        return
    st.text("The format isn't known. Say which column holds what:")
    with st.form("mapping-form"):
        grid, chosen = st.columns(4), {}
        for i, part in enumerate(PARTS):
            at = found.columns.index(guess[part]) if part in guess else None
            chosen[part] = grid[i % 4].selectbox(part, found.columns, at, placeholder="none", key=f"map-{part}")
        if st.form_submit_button("Read it so"):
            st.session_state.mapping = {part: column for part, column in chosen.items() if column}
            st.rerun()
    st.dataframe([{k: _short(v) for k, v in row.items()} for row in found.rows[:5]], alt="The first rows of the file")
