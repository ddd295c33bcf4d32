"""Scanning files and folders: which runs and problem sets are in them, and what is left aside and why.

Owns detection by content and the forming of sources out of files. No rows beyond the first are read unless a file
holds several runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from backend.domain import ImportProblem, RunInfo
from backend.exchange.traces import fields
from backend.exchange.traces.detection import detect
from backend.exchange.traces.formats import mapped
from backend.exchange.traces.input_files import describe_file, open_regular, shown_name
from backend.exchange.traces.paths import WalkedFile, walk
from backend.exchange.traces.rows import DATA_SUFFIXES, first_row, rows_of
from backend.exchange.traces.source_names import UNNAMED, from_file, shard_name
from backend.exchange.traces.trace_format import Format, RowError, ScannedFile
from backend.import_plan import ColumnMapping, ImportPlan, Preview, Row, Skipped, Source, SourceFile, SourceKind

_MOST_PARTS = 1000  # beyond it the column is an id, not a model
_GUESSED = "columns were guessed from their names"
_MAGIC = (
    (b"PK\x03\x04", "an archive, not read here; unpack it first"),
    (b"\x1f\x8b", "compressed; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed; unpack it first"),
    # The paper's completions/*.pkl and slime's dumps are such.
    (b"\x80", "pickled objects of a program, never opened: they can run code"),
    (b"\x89PNG", "an image"),
    (b"%PDF", "a PDF document"),
)


def scan(paths: Sequence[Path], base: Path | None = None) -> ImportPlan:
    """What could be imported from files and folders. `base` is the folder that names are shown relative to (uploads).

    A file named directly that is of no known format fails; met in a folder it is skipped with a reason. Broken data
    files fail everywhere.
    """
    plan, founds = ImportPlan([], [], []), []
    for each in walk(paths, base):
        try:
            outcome = _look(each) if isinstance(each, WalkedFile) else each
        except ImportProblem as problem:
            outcome = problem
        if isinstance(outcome, Skipped):
            plan.skipped.append(outcome)
        elif isinstance(outcome, ImportProblem):
            plan.failed.append(outcome)
        else:
            founds.append((outcome, isinstance(each, WalkedFile) and each.direct))
    _settle(founds, plan)
    plan.skipped.sort(key=lambda skipped: skipped.file)
    return plan


def with_mapping(path: Path, mapping: ColumnMapping, info: RunInfo) -> list[Source]:
    """The sources of any table whose columns are named: one, or one a model where `mapping.model` names a column.

    Raises ImportProblem for a file that is no table, and for columns its first row doesn't have.
    """
    found = _found(WalkedFile(path, shown_name(path), path.absolute().parts[1:], True))
    if found is None:
        raise ImportProblem(shown_name(path), "it is no table of rows: JSON Lines, JSON, CSV or Parquet are")
    for column in mapping.used().values():
        try:
            mapped.value_at(found.row, column)
        except RowError as error:
            raise ImportProblem(found.shown, str(error), 1) from None
    return list(_sources(mapped.FORMAT, [found], (), mapping, info))


def peek(path: Path, rows: int = 5) -> Preview:
    """Columns and first rows of any table, whatever its format. Raises ImportProblem."""
    looked = first_row(path, shown_name(path))
    if looked is None:
        raise ImportProblem(shown_name(path), "it is no table of rows: JSON Lines, JSON, CSV or Parquet are")
    file = describe_file(path, shown_name(path), looked[0])
    first = [row for _, row in islice(rows_of(file), rows)]
    columns = dict.fromkeys(name for row in first for name in mapped.columns_of(row))
    return Preview(tuple(columns), first, [])


def _look(entry: WalkedFile) -> ScannedFile | Skipped:
    found = _found(entry)
    if found is not None:
        return found
    reason = _reason(entry)
    if entry.direct:
        raise ImportProblem(entry.shown, f"it is not a file of traces or problems: {reason}")
    return Skipped(entry.shown, reason)


def _found(entry: WalkedFile) -> ScannedFile | None:
    looked = first_row(entry.path, entry.shown)
    if looked is None:
        return None
    found = ScannedFile(entry.path, entry.shown, entry.names, *looked)
    # A log may consist of JSON lines: a file that isn't named like data has to look like traces.
    if entry.path.suffix.lower() in DATA_SUFFIXES or detect(found.row) or mapped.is_enough(_guess(found)):
        return found
    return None


def _guess(found: ScannedFile) -> ColumnMapping:
    return mapped.guess_mapping(mapped.columns_of(found.row))


def _reason(entry: WalkedFile) -> str:
    name, suffix = entry.path.name.upper(), entry.path.suffix.lower()
    with open_regular(entry.path, entry.shown) as stream:
        head = stream.read(8)
    if not head:
        return "it is empty"
    # What people try to import and can't be read deserves its own sentence.
    known = next((reason for magic, reason in _MAGIC if head.startswith(magic)), None)
    if known:
        return known
    if name.startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE")):
        return "licence text"
    return "text, not traces" if name.startswith("README") or suffix in (".md", ".rst", ".txt") else "not a data file"


def _settle(founds: Sequence[tuple[ScannedFile, bool]], plan: ImportPlan) -> None:
    """Decide for each file: a run by its format, part of a neighbour, a run by guessed columns, or nothing."""
    detected = [(found, detect(found.row)) for found, _ in founds]
    # A file may belong to one beside it (settings, requests), so that all are detected before any is decided on.
    neighbours: dict[Path, dict[str, tuple[Format, list[ScannedFile]]]] = {}
    for found, form in detected:
        if form:
            folder = neighbours.setdefault(found.path.parent, {})
            folder.setdefault(form.name, (form, []))[1].append(found)
    groups: dict[tuple[str, str], tuple[Format, list[ScannedFile], ColumnMapping | None]] = {}
    aside: list[ScannedFile] = []
    for (found, form), (_, direct) in zip(detected, founds, strict=True):
        near = neighbours.get(found.path.parent, {}).values()
        reasons = (other.beside(found, members) for other, members in near if other.beside)
        reason = next(filter(None, reasons), None)
        guess = None if form or reason else _guess(found)
        if reason:
            aside.append(found)
            plan.skipped.append(Skipped(found.shown, reason))
        elif form or (guess and mapped.is_enough(guess)):
            chosen = form or mapped.FORMAT
            groups.setdefault((chosen.name, _group(chosen, found)), (chosen, [], guess))[1].append(found)
        else:
            _unknown(found, direct, plan)
    for chosen, members, guess in groups.values():
        _add(chosen, members, aside, guess, plan)


def _group(form: Format, found: ScannedFile) -> str:
    if form.group:
        return form.group(found)
    # train-00000-of-00004.parquet and its like are pieces of one table.
    shared = shard_name(found.stem)
    return str(found.path.parent / shared) if shared else str(found.path)


def _unknown(found: ScannedFile, direct: bool, plan: ImportPlan) -> None:
    reason = f"no format known here (its columns: {fields.listed(found.row)}); it can be imported by mapping columns"
    # Whoever names a file wants it imported; a folder may hold anything.
    if direct:
        plan.failed.append(ImportProblem(found.shown, reason))
    else:
        plan.skipped.append(Skipped(found.shown, reason))


def _add(
    form: Format, members: list[ScannedFile], aside: list[ScannedFile], guess: ColumnMapping | None, plan: ImportPlan
) -> None:
    folders = {member.path.parent for member in members}
    beside = [found for found in aside if found.path.parent in folders and form.beside and form.beside(found, members)]
    info = None
    if guess:
        model, dataset = from_file(members[0])
        note = f"{_GUESSED}; {UNNAMED}" if not guess.model else _GUESSED
        info = RunInfo(model, dataset, format=form.name, source=members[0].shown, note=note)
    try:
        plan.sources.extend(_sources(form, members, beside, guess, info))
    except ImportProblem as problem:
        plan.failed.append(problem)


def _sources(
    form: Format,
    members: Sequence[ScannedFile],
    beside: Sequence[ScannedFile],
    mapping: ColumnMapping | None,
    info: RunInfo | None,
) -> Iterator[Source]:
    """The runs that some files become together."""
    # The whole file is hashed now, for a run's id follows from it, and so does whether it was imported before.
    files = tuple(describe_file(each.path, each.shown, each.shape) for each in members)
    extra = tuple(describe_file(each.path, each.shown, each.shape) for each in beside)
    kind = SourceKind.PROBLEMS if mapping and not mapping.text else form.kind
    for found in _parts(form, members, files, mapping):
        try:
            proposals = [mapped.proposal(info, found.row, mapping)] if mapping and info else form.describe(found)
            for each in proposals:
                named = each.info
                if kind is SourceKind.PROBLEMS:
                    # Problems have no model, sampling or context, whatever the format guessed.
                    named = RunInfo("", named.dataset, format=named.format, source=named.source, note=named.note)
                yield Source(form.name, kind, files, named, each.key, mapping, extra)
        except RowError as error:
            raise ImportProblem(found.shown, str(error), error.row) from None


def _parts(
    form: Format, members: Sequence[ScannedFile], files: Sequence[SourceFile], mapping: ColumnMapping | None
) -> Iterator[ScannedFile]:
    """The first row of each part (model or step). Reads the files through where a format has parts."""
    if not form.split and not (mapping and mapping.model):
        yield members[0]
        return
    seen: set[str] = set()
    for found, file in zip(members, files, strict=True):
        for number, row in rows_of(file):
            part = _part(form, row, mapping, file, number)
            if part is None or part in seen:
                continue
            seen.add(part)
            if len(seen) > _MOST_PARTS:
                raise ImportProblem(file.shown, f"it holds more than {_MOST_PARTS} runs, one a model or step", number)
            yield ScannedFile(found.path, found.shown, found.names, found.shape, row)
    if not seen:
        yield members[0]


def _part(form: Format, row: Row, mapping: ColumnMapping | None, file: SourceFile, number: int) -> str | None:
    try:
        return part_of(form, row, mapping)
    except RowError as error:
        raise ImportProblem(file.shown, str(error), number) from None


def part_of(form: Format, row: Row, mapping: ColumnMapping | None) -> str | None:
    """Which run of its file a row belongs to, None for every one. Raises RowError."""
    if mapping and mapping.model:
        return mapped.model_of(row, mapping)
    return form.split(row) if form.split else ""
