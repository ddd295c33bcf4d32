"""The runs in a file whose rows belong to several: which one a row belongs to, and the first row of each.

Owns what of a growing file is read again: the rows that came, and the first row of each run that was known before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from backend.domain import ImportProblem
from backend.exchange.traces.file_growth import FILES, Place, remembered
from backend.exchange.traces.formats import mapped
from backend.exchange.traces.rows import rows_in, rows_of
from backend.exchange.traces.trace_format import Format, LeftOut, RowError, ScannedFile
from backend.import_plan import ColumnMapping, Row, SourceFile

_MOST_PARTS = 1000  # beyond it the column is an id, not a model


def part_of(form: Format, row: Row, mapping: ColumnMapping | None) -> str | None:
    """Which run of its file a row belongs to, None for every one. Raises RowError."""
    if mapping and mapping.model:
        return mapped.model_of(row, mapping)
    return form.split(row) if form.split else ""


def first_rows(
    form: Format, members: Sequence[ScannedFile], files: Sequence[SourceFile], mapping: ColumnMapping | None
) -> Iterator[ScannedFile]:
    """The first row of each part (model or step). Reads the files through where a format has parts."""
    if not form.split and not (mapping and mapping.model):
        yield members[0]
        return
    seen: set[str] = set()
    for found, file in zip(members, files, strict=True):
        for part, row in _firsts(form, file, mapping):
            if part not in seen:
                seen.add(part)
                yield replace(found, row=row)
    if not seen:
        yield members[0]


def _firsts(form: Format, file: SourceFile, mapping: ColumnMapping | None) -> list[tuple[str, Row]]:
    path = str(file.path)
    if mapping or not can_begin_later(form, path):
        return remembered(f"parts {mapping}", path, lambda: _through(form, file, mapping, {})[0])
    growing, firsts = FILES[path], []
    parts = dict(growing.parts)
    for part, (place, _) in parts.items():
        with beginning_at(path, place):
            firsts.append((part, next(rows_of(file))[1]))
    with beginning_at(path, growing.known):
        new, known = _through(form, file, None, parts)
    FILES[path] = replace(growing, parts=parts, known=known)
    return firsts + new


def _through(
    form: Format, file: SourceFile, mapping: ColumnMapping | None, parts: dict[str, tuple[Place, int]]
) -> tuple[list[tuple[str, Row]], Place]:
    """The first rows of parts that aren't among `parts`, which are counted on; and how far the file was read."""
    firsts: list[tuple[str, Row]] = []
    growing = FILES.get(str(file.path))
    known = growing.start if growing else (0, 0)
    before, after, shared = known[0], known[0], False

    def advance(size: int) -> None:
        nonlocal before, after
        before, after = after, after + size

    for number, row in rows_in(file, mapping.rows if mapping else None, advance):
        known = (after, number)
        if isinstance(row, LeftOut):
            continue
        try:
            part = part_of(form, row, mapping)
        except RowError as error:
            raise ImportProblem(file.shown, str(error), number) from None
        if part is None:
            shared = True
            continue
        if part not in parts:
            firsts.append((part, row))
        place, rows = parts.get(part, ((before, number - 1), 0))
        parts[part] = (place, rows + 1)
        if len(parts) > _MOST_PARTS:
            raise ImportProblem(file.shown, f"it holds more than {_MOST_PARTS} runs, one a model or step", number)
    if shared:  # a row of all runs: none of them can be read without it
        parts.clear()
    return firsts, (0, 0) if shared else known


def can_begin_later(form: Format, path: str) -> bool:
    """Whether a run of a growing file can be read from its first row on."""
    return bool(form.split and not form.rows and path in FILES and FILES[path].whole is not None)


@contextmanager
def beginning_at(path: str, place: Place) -> Iterator[None]:
    """A growing file that begins later, for the length of a block."""
    FILES[path] = replace(FILES[path], start=place)
    try:
        yield
    finally:
        FILES[path] = replace(FILES[path], start=(0, 0))
