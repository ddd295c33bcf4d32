"""Scanning files and folders: which runs and problem sets are in them, what is left aside, and what needs a word.

Owns detection by content and the forming of sources out of files. No rows beyond the first are read of a file of a
known format, unless it holds several runs; of others, the first rows are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from backend.domain import ImportProblem, RunInfo
from backend.exchange.traces import fields
from backend.exchange.traces.columns import FAMILIES
from backend.exchange.traces.containers.archives import PICKLED
from backend.exchange.traces.detection import detect, other_kind, own_problems
from backend.exchange.traces.file_growth import remembered
from backend.exchange.traces.formats import mapped
from backend.exchange.traces.input_files import describe_file, open_regular
from backend.exchange.traces.paths import WalkedFile, walk
from backend.exchange.traces.row_paths import expand, value_at
from backend.exchange.traces.rows import DATA_SUFFIXES, first_row, rows_of
from backend.exchange.traces.run_parts import first_rows, part_of
from backend.exchange.traces.source_names import (
    UNNAMED,
    dataset_of,
    from_file,
    is_numbered,
    joined,
    shard_name,
    with_step,
    with_training,
)
from backend.exchange.traces.tables import Arm, GuessedTable, arms_in, guessed, head, of_known_format
from backend.exchange.traces.trace_format import Format, RowError, ScannedFile
from backend.import_plan import (
    NO_QUESTION,
    ColumnMapping,
    ImportPlan,
    Row,
    Said,
    Skipped,
    Source,
    SourceKind,
    Unmapped,
)

_GUESSED = "columns were guessed from their names and values"
_UNKNOWN = "it isn't known which column holds the responses"
_NO_TABLE = "it is no table of rows: JSON Lines, JSON, CSV or Parquet are"
_MAGIC = (
    (b"7z\xbc\xaf", "an archive of a kind that isn't read here; pack it as zip or tar"),
    (b"Rar!", "an archive of a kind that isn't read here; pack it as zip or tar"),
    # The paper's completions/*.pkl are such.
    (b"\x80", PICKLED),
    (b"\x89PNG", "an image"),
    (b"%PDF", "a PDF document"),
)


def scan(paths: Sequence[Path], base: Path | None = None, scratch: Path | None = None) -> ImportPlan:
    """What could be imported from files and folders. `base` is the folder that names are shown relative to (uploads).

    What is packed is unpacked in the folder `scratch`.

    A file named directly that is of no known format fails; met in a folder it is skipped with a reason. Broken data
    files fail everywhere.
    """
    plan = ImportPlan([], [], [])
    founds = list(_walked(paths, base, scratch, _look, plan))
    _settle(founds, plan)
    plan.failed.extend(own_problems())
    plan.skipped.sort(key=lambda skipped: skipped.file)
    return plan


def scan_as(paths: Sequence[Path], said: Said, base: Path | None = None, scratch: Path | None = None) -> ImportPlan:
    """Like `scan_mapped`, with the mappings that a person's words mean. Raises UserError."""
    return scan_mapped(paths, arms_in(paths, said, scratch), base, scratch)


def scan_mapped(
    paths: Sequence[Path], arms: Sequence[Arm], base: Path | None = None, scratch: Path | None = None
) -> ImportPlan:
    """Like `scan`, but every file whose rows have the columns of a mapping is read by it, an arm a mapping."""
    plan = ImportPlan([], [], [])
    groups: dict[str, list[ScannedFile]] = {}
    unfit = "it hasn't the columns of the mapping"
    for found, _ in _walked(paths, base, scratch, lambda entry: _fitting(entry, arms), plan, unfit):
        groups.setdefault(_group(mapped.FORMAT, found, "mapped"), []).append(found)
    for members in groups.values():
        _add(mapped.FORMAT, members, [], GuessedTable(tuple(arms)), plan)
    # A person named the columns: of them nothing was guessed.
    notes = [source.info.note.removeprefix(_GUESSED).removeprefix("; ") for source in plan.sources]
    named = [replace(s, info=replace(s.info, note=note)) for s, note in zip(plan.sources, notes, strict=True)]
    return replace(plan, sources=named)


def _walked(
    paths: Sequence[Path],
    base: Path | None,
    scratch: Path | None,
    look: Callable[[WalkedFile], ScannedFile | Skipped],
    plan: ImportPlan,
    unfit: str = "",
) -> Iterator[tuple[ScannedFile, bool]]:
    """The files that `look` takes, and whether they were named directly; the others are noted in the plan.

    With `unfit` a file met in a folder that `look` refuses is skipped for that reason.
    """
    for each in walk(paths, base, scratch):
        direct = isinstance(each, WalkedFile) and each.direct
        try:
            outcome = look(each) if isinstance(each, WalkedFile) else each
        except ImportProblem as problem:
            outcome = Skipped(problem.file, unfit) if unfit and not direct else problem
        if isinstance(outcome, ScannedFile):
            yield outcome, direct
        elif isinstance(outcome, Skipped):
            plan.skipped.append(outcome)
        else:
            plan.failed.append(outcome)


def _fitting(entry: WalkedFile, arms: Sequence[Arm]) -> ScannedFile | Skipped:
    """The file with the first row that a mapping makes of it. Raises ImportProblem where columns are missing."""
    looked = first_row(entry.path, entry.shown)
    if looked is None:
        raise ImportProblem(entry.shown, _NO_TABLE)
    found = ScannedFile(entry.path, entry.shown, entry.names, *looked)
    place = arms[0][0].rows
    try:
        expand(found.row, place or "")
    except RowError as error:
        raise ImportProblem(entry.shown, str(error), 1) from None
    rows = head(found, place)
    if not rows:
        raise ImportProblem(entry.shown, f"there are no rows at '{place}' (it has {fields.listed(found.row)})")
    for column in (column for arm, _ in arms for part, column in arm.used().items() if part != "rows"):
        problems = [problem for row in rows if (problem := _missing(row, column))]
        # One of the first rows has to have it: what is optional may be missing from the very first.
        if len(problems) == len(rows):
            raise ImportProblem(entry.shown, problems[0], 1)
    return replace(found, row=rows[0])


def _missing(row: Row, column: str) -> str:
    try:
        value_at(row, column)
    except RowError as error:
        return str(error)
    return ""


def _look(entry: WalkedFile) -> ScannedFile | Skipped:
    try:
        looked = remembered("first row", str(entry.path), lambda: first_row(entry.path, entry.shown))
    except ImportProblem:
        if known := _magic(_start(entry)):  # named like what is packed in it
            raise ImportProblem(entry.shown, known) from None
        raise
    if looked is not None:
        found = ScannedFile(entry.path, entry.shown, entry.names, *looked)
        # A log may consist of JSON lines: a file that isn't named like data has to look like traces.
        if entry.path.suffix.lower() in DATA_SUFFIXES or detect(found.row) or guessed(found, [found.row]).is_enough:
            return found
    reason = _reason(entry)
    if entry.direct:
        raise ImportProblem(entry.shown, f"it is not a file of traces or problems: {reason}")
    return Skipped(entry.shown, reason)


def _start(entry: WalkedFile) -> bytes:
    with open_regular(entry.path, entry.shown) as stream:
        return stream.read(16)


def _magic(start: bytes) -> str:
    return next((reason for magic, reason in _MAGIC if start.startswith(magic)), "")


def _reason(entry: WalkedFile) -> str:
    name, suffix = entry.path.name.upper(), entry.path.suffix.lower()
    start = _start(entry)
    if not start:
        return "it is empty"
    # What people try to import and can't be read deserves its own sentence.
    if known := _magic(start):
        return known
    if name.startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE")):
        return "licence text"
    return "text, not traces" if name.startswith("README") or suffix in (".md", ".rst", ".txt") else "not a data file"


_Groups = dict[tuple[str, str, tuple[Arm, ...]], tuple[Format, list[ScannedFile], GuessedTable | None]]


def _settle(founds: Sequence[tuple[ScannedFile, bool]], plan: ImportPlan) -> None:
    """Decide for each file: a run by its format, part of a neighbour, a run by guessed columns, a question, nothing."""
    detected = [of_known_format(found) for found, _ in founds]
    # A file may belong to one beside it (settings, requests), so that all are detected before any is decided on.
    neighbours: dict[Path, dict[str, tuple[Format, list[ScannedFile]]]] = {}
    for found, form, _ in detected:
        if form:
            folder = neighbours.setdefault(found.path.parent, {})
            folder.setdefault(form.name, (form, []))[1].append(found)
    groups: _Groups = {}
    aside: list[ScannedFile] = []
    unknown: list[tuple[ScannedFile, bool, GuessedTable]] = []
    for (found, form, table), (_, direct) in zip(detected, founds, strict=True):
        try:
            near = neighbours.get(found.path.parent, {}).values()
            reasons = (other.beside(found, members) for other, members in near if other.beside)
            if reason := next(filter(None, reasons), None):
                aside.append(found)
                plan.skipped.append(Skipped(found.shown, reason))
            elif not form and (what := other_kind(found.row)):
                _leave(found, direct, what, plan)
            else:
                table = table or (None if form else guessed(found))
                if not _grouped(found, form, table, groups) and table:
                    unknown.append((found, direct, table))
        except ImportProblem as problem:
            plan.failed.append(problem)
    for chosen, members, table in groups.values():
        _add(chosen, members, aside, table, plan)
    _ask(unknown, plan)


def _grouped(found: ScannedFile, form: Format | None, table: GuessedTable | None, groups: _Groups) -> bool:
    """Puts a file beside those of the same source; False where it isn't sure what it holds."""
    if not form and not (table and table.is_enough):
        return False
    chosen = form or mapped.FORMAT
    inner = bool(table and table.arms[0][0].rows)
    together = str(found.path) if inner and not chosen.group else _group(chosen, found, chosen.name)
    place = (chosen.name, together, table.arms if table else ())
    groups.setdefault(place, (chosen, [], table))[1].append(table.placed(found) if table else found)
    return True


def _group(form: Format, found: ScannedFile, kind: str) -> str:
    """Files with the same text become one source."""
    if form.group:
        return form.group(found)
    # train-00000-of-00004.parquet and its like are pieces of one table.
    if shared := shard_name(found.stem):
        return str(found.path.parent / shared)
    if found.path.suffix.lower() != ".json" and not is_numbered(found.stem):
        return str(found.path)
    # A file with a single row is a trace of many; the folder, or the one above folders like `problem_12`, is the run.
    # Names of models stay apart, though: `qwen.json` and `llama.json` are two runs.
    file = describe_file(found.path, found.shown, found.shape)
    if remembered("several rows", str(found.path), lambda: len(list(islice(rows_of(file), 2)))) > 1:
        return str(found.path)
    folder = found.path.parent
    while is_numbered(folder.name):
        folder = folder.parent
    model = re.sub(r"[-_]?\d+$", "", found.stem) if FAMILIES.search(found.stem) else ""
    return f"{folder}/{model}#{kind}"


def _leave(found: ScannedFile, direct: bool, reason: str, plan: ImportPlan) -> None:
    # Whoever names a file wants it imported; a folder may hold anything.
    if direct:
        plan.failed.append(ImportProblem(found.shown, reason))
    else:
        plan.skipped.append(Skipped(found.shown, reason))


def _ask(unknown: Sequence[tuple[ScannedFile, bool, GuessedTable]], plan: ImportPlan) -> None:
    """Files of no known format: a question where their rows could be traces, else skipped, or failed where named."""
    asked: dict[tuple[Path, tuple[str, ...]], list[tuple[ScannedFile, GuessedTable]]] = {}
    for found, direct, table in unknown:
        # A lone object with some text is a setting; with a list of long texts it may be answers.
        rows = direct or table.seen > 1 or table.guess.question or any(c.kind == "texts" for c in table.left)
        if (table.left or table.guess.text) and rows:
            columns = tuple(column.name for column in table.columns)
            asked.setdefault((found.path.parent, columns), []).append((found, table))
        else:
            known = f" (its columns: {fields.listed(found.row)})" if direct else ""
            _leave(found, direct, f"no format known here{known}, and no rows of text in it", plan)
    for pairs in asked.values():
        first, table = pairs[0]
        more = f" and {len(pairs) - 1} more" if len(pairs) > 1 else ""
        paths = tuple(found.path for found, _ in pairs)
        plan.questions.append(Unmapped(paths, first.shown + more, _UNKNOWN, table.left, table.guess, table.places))


def _add(
    form: Format,
    members: list[ScannedFile],
    aside: list[ScannedFile],
    table: GuessedTable | None,
    plan: ImportPlan,
) -> None:
    # A folder of single traces is named by its path: each file's name is that of a problem.
    if len(members) > 1 and not shard_name(members[0].stem) and not form.group:
        above = list(members[0].folders)
        while above and is_numbered(above[-1]):
            above.pop()
        members = [replace(member, names=(*above, "traces.json")) for member in members]
    folders = {member.path.parent for member in members}
    try:
        near = [found for found in aside if found.path.parent in folders and form.beside]
        beside = [found for found in near if form.beside and form.beside(found, members)]
        for arm, name in table.arms if table else [(None, "")]:
            plan.sources.extend(_sources(form, members, beside, arm, name))
    except ImportProblem as problem:
        plan.failed.append(problem)


def _named(found: ScannedFile, mapping: ColumnMapping, arm: str) -> RunInfo:
    model, dataset = from_file(found)
    dataset = dataset_of(found) if mapping.model or arm else dataset
    unnamed = "" if mapping.model or arm else UNNAMED
    question = "" if mapping.question or not mapping.text else NO_QUESTION
    return RunInfo(arm or model, dataset, note=joined(_GUESSED, unnamed, question))


def _sources(
    form: Format,
    members: Sequence[ScannedFile],
    beside: Sequence[ScannedFile],
    mapping: ColumnMapping | None,
    arm: str,
) -> Iterator[Source]:
    """The runs that some files become together."""
    # The whole file is hashed now, for a run's id follows from it, and so does whether it was imported before.
    files = tuple(describe_file(each.path, each.shown, each.shape) for each in members)
    extra = tuple(describe_file(each.path, each.shown, each.shape) for each in beside)
    problems = form is mapped.FORMAT and mapping is not None and not mapping.text
    kind = SourceKind.PROBLEMS if problems else form.kind
    for found in first_rows(form, members, files, mapping):
        try:
            keys = form.several(found) if form.several else [arm or part_of(form, found.row, mapping) or ""]
            for key in keys:
                yield Source(form.name, kind, files, _info(form, found, kind, mapping, arm, key), key, mapping, extra)
        except RowError as error:
            raise ImportProblem(found.shown, str(error), error.row) from None


def _info(
    form: Format, found: ScannedFile, kind: SourceKind, mapping: ColumnMapping | None, arm: str, key: str
) -> RunInfo:
    if form is mapped.FORMAT and mapping:
        info = mapped.described(_named(found, mapping, arm), found.row, mapping, key)
    else:
        info = form.describe(found, key)
    info = with_training(replace(info, format=form.name, source=info.source or found.shown), found.folders)
    info = with_step(info, found.names)
    # Problems have no model, sampling or context, whatever the format guessed.
    if kind is SourceKind.PROBLEMS:
        return RunInfo("", info.dataset, format=info.format, source=info.source, note=info.note)
    return info
