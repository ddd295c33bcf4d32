"""The reading of some files: the plan of their import, with the mappings a person gave in place of what was recognised.

Owns those mappings, kept in the session by the files they are for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from backend.domain import UserError
from backend.import_plan import ImportPlan, Said, Source
from pages.components.frame.session import services

Paths = tuple[Path, ...]


def read_plan(paths: Sequence[Path], base: Path | None) -> ImportPlan:
    """The plan of these paths, each file that was mapped by a person read by their mapping."""
    imports = services().imports
    plan, told = imports.plan(paths, None, base), mapped()
    for files, said in told.items():
        try:
            found = imports.plan(files, said, base)
        except UserError as error:
            raise UserError(f"{error} Read it as recognised, or choose other columns.") from error
        mine, names = set(files), {problem.file for problem in plan.failed if _is_of(problem.file, files, base)}
        plan = ImportPlan(
            [*found.sources, *(source for source in plan.sources if not mine & set(source.paths))],
            plan.skipped,
            [*(problem for problem in plan.failed if problem.file not in names), *found.failed],
            [question for question in plan.questions if not mine & set(question.paths)],
        )
    return plan


def _is_of(shown: str, files: Paths, base: Path | None) -> bool:
    return any(shown == str(file.relative_to(base) if base and file.is_relative_to(base) else file) for file in files)


def mapped() -> dict[Paths, Said]:
    """The mappings a person gave, by the files they are for."""
    found: dict[Paths, Said] = st.session_state.setdefault("mapped", {})
    return found


def files_of(source: Source) -> str:
    """The name of a source's first file, and how many more it has."""
    more = f" and {len(source.files) - 1} more" if len(source.files) > 1 else ""
    return source.files[0].shown + more
