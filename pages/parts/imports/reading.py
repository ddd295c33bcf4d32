"""The mappings a person gave of some files, kept in the session by the files they are for, and a source's name."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from backend.import_plan import Said, Source

Paths = tuple[Path, ...]


def mapped() -> dict[Paths, Said]:
    """The mappings a person gave, by the files they are for."""
    found: dict[Paths, Said] = st.session_state.setdefault("mapped", {})
    return found


def files_of(source: Source) -> str:
    """The name of a source's first file, and how many more it has."""
    more = f" and {len(source.files) - 1} more" if len(source.files) > 1 else ""
    return source.files[0].shown + more
