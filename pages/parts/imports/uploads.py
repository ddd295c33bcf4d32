"""Uploads on disk: where they lie until they are imported, under the folders they were dropped with.

Owns which files of a session are under review.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import streamlit as st

from backend.domain import UserError, visible
from pages.components.frame.upload_spool import PlacedFolder, place

_MOST_FOLDERS = 24


def place_uploads(uploads: Sequence[Any], local: str | None, folder: bool) -> tuple[list[Path], Path | None]:
    """The paths to import, and the folder that their names are shown relative to (None: no folder).

    Uploads are written to a temporary folder, of which a dropped `folder` is one path and dropped files are each their
    own; `local`, a path of this machine, is read in place. Raises UserError.
    """
    if local:
        return [Path(local)], None
    if not uploads:
        return [], None
    # Written once for a set of files: the page runs again at every click, and files have hundreds of megabytes.
    known = [upload.file_id for upload in uploads]
    held: tuple[list[str], PlacedFolder] | None = st.session_state.get("held")
    if held is None or held[0] != known:
        if held:
            held[1].remove()
        placed = PlacedFolder()
        for upload in uploads:
            _write(placed.path, upload)
        st.session_state.held = (known, placed)
        forget()
    base: Path = st.session_state.held[1].path
    # Swept, the uploads have been imported: the widget still names them, and there is nothing left to review.
    if not base.is_dir():
        return [], None
    files = sorted(path for path in base.rglob("*") if path.is_file())
    return ([base] if folder and len(files) > 1 else files), base


def forget() -> None:
    """Forgets what was said of earlier files, and what became of them."""
    for name in ("mapped", "looking", "asking", "leftover", "outcomes", "sources-edits"):
        st.session_state.pop(name, None)


def _write(base: Path, upload: Any) -> None:
    # The name comes from a browser and is only a label: whatever it says, the file lies below `base`. Its folders are
    # kept, because formats recognise the folders of evaluations.
    parts = [part for part in PurePosixPath(upload.name.replace("\\", "/")).parts if part not in ("/", "..", ".")]
    inside = Path(*[part.replace("\0", "") for part in parts[-_MOST_FOLDERS:]] or ["upload"])
    target, number = base / inside, 1
    # Files of several folders, dropped as files, come without their folders: `response.json` five times over.
    while target.exists():
        number += 1
        target = base / str(number) / inside
    if not target.resolve().is_relative_to(base.resolve()):
        raise UserError(f"The name {visible(upload.name)} can't be used for a file.")
    target.parent.mkdir(parents=True, exist_ok=True)
    place(upload, target)


def sweep_uploads(base: Path | None) -> None:
    """Removes the uploads that lie in the folder `base`; any other folder stays."""
    if base and (held := st.session_state.get("held")) and held[1].path == base:
        held[1].remove()
