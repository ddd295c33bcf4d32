"""The formats of annotated texts: which can be written, which can be read, and telling a file's format by its content.

A new format is a module of formats/ and a line of FORMATS.
"""

import codecs
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from backend.annotation import AnnotatedText, Scheme
from backend.domain import ImportProblem, UserError, visible
from backend.exchange.labels.archive import Folder, open_archive
from backend.exchange.labels.formats import (
    anchor_sentences,
    bioscope,
    brat,
    brat_reader,
    conll,
    jsonl,
    label_studio,
    label_studio_reader,
    label_studio_tasks,
    parquet,
    token_rows,
)
from backend.exchange.labels.parts import Bundle, Written
from backend.exchange.traces.input_files import ROW_LIMIT, open_regular, reading, shown_name, whole
from backend.exchange.traces.json_text import parse
from backend.exchange.traces.rows import JSON_LIMIT
from backend.exchange.traces.trace_format import RowError

_ANN = re.compile(rb"\s*(?:[TREAMN]\d+|#\d*|\*)\t")


@dataclass(frozen=True, slots=True)
class SpanFormat:
    """A format of annotated texts: `name` on the command line, `title` on pages, `suffix` of its files' names."""

    name: str
    title: str
    suffix: str
    holds: str
    write: Callable[[Bundle], Written] | None = None
    read: Callable[[Path, str], Bundle] | None = None


# -- readers ----------------------------------------------------------------------------------------------------------


def _json(path: Path, shown: str) -> Any:
    with open_regular(path, shown) as stream, reading(shown):
        return parse(whole(stream, JSON_LIMIT))


def _label_studio(unit: label_studio_tasks.Unit | None) -> Callable[[Path, str], Bundle]:
    return lambda path, shown: _tasks(_json(path, shown), shown, unit)


def _tasks(value: Any, shown: str, unit: label_studio_tasks.Unit | None) -> Bundle:
    with reading(shown):
        return label_studio_reader.read(value if isinstance(value, list) else [value], unit)


def _brat(path: Path, shown: str) -> Bundle:
    if path.is_dir():
        return brat_reader.read(Folder(path), shown)
    with reading(shown):
        # A document is two files of one name: whichever was named, both are read.
        if path.suffix.lower() in (".ann", ".txt"):
            pair = [each for each in (path.with_suffix(".txt"), path.with_suffix(".ann")) if each.exists()]
            return brat_reader.read(Folder(path.parent, pair), shown, within="")
        return brat_reader.read(open_archive(path, shown), shown)


def _bioscope(path: Path, shown: str) -> Bundle:
    texts: list[AnnotatedText] = []
    for file in sorted(path.rglob("*.xml")) if path.is_dir() else [path]:
        name = shown_name(file.relative_to(path)) if path.is_dir() else shown
        with open_regular(file, name) as stream, reading(name):
            texts += bioscope.read(whole(stream, JSON_LIMIT), name)
    return _found(texts, bioscope.SCHEME, shown)


def _thought_anchors(path: Path, shown: str) -> Bundle:
    if path.is_dir():
        return _found(anchor_sentences.read_folder(path), anchor_sentences.SCHEME, shown)
    # In its own folder a file of labels lies beside the response its sentences were cut from, with its white space.
    if path.name == "chunks_labeled.json" and len(list(path.parent.rglob(path.name))) == 1:
        return _found(anchor_sentences.read_folder(path.parent), anchor_sentences.SCHEME, shown)
    with open_regular(path, shown) as stream, reading(shown):
        return _found([anchor_sentences.read(whole(stream, JSON_LIMIT), shown)], anchor_sentences.SCHEME, shown)


def _found(texts: Sequence[AnnotatedText], scheme: Scheme, shown: str) -> Bundle:
    if not texts:
        raise ImportProblem(shown, "it holds no annotated text")
    return Bundle(tuple(texts), scheme)


# -- the list ---------------------------------------------------------------------------------------------------------

# The fullest first: pages offer them in this order.
FORMATS: Final = (
    SpanFormat("jsonl", "JSON Lines", ".jsonl", "everything a project holds", jsonl.write, jsonl.read),
    SpanFormat(
        "parquet",
        "Parquet",
        ".parquet",
        "everything, a row a label, for DuckDB and pandas",
        parquet.write,
        parquet.read,
    ),
    SpanFormat("brat", "brat", ".zip", "standoff, a folder an annotator and one for gold", brat.write, _brat),
    SpanFormat(
        "label-studio",
        "Label Studio",
        ".json",
        "tasks with places in code points, as it counts since 2022",
        label_studio.write,
        _label_studio(label_studio.CODE_POINTS),
    ),
    SpanFormat(
        "label-studio-utf16",
        "Label Studio, old",
        ".json",
        "tasks with places in UTF-16 units, as it counted until 2022",
        label_studio.write_utf16,
        _label_studio(label_studio.UTF16),
    ),
    SpanFormat("conll", "CoNLL", ".zip", "tokens with B, I and O; no overlaps", conll.write),
    SpanFormat("hf", "Hugging Face rows", ".jsonl", "rows for token classification; no overlaps", token_rows.write),
    SpanFormat("bioscope", "BioScope", ".xml", "people's hedges in biomedical texts", read=_bioscope),
    SpanFormat(
        "thought-anchors", "thought-anchors", ".json", "sentences of traces labelled by a model", read=_thought_anchors
    ),
)
_BY_NAME: Final = {each.name: each for each in FORMATS}


def named(name: str) -> SpanFormat:
    """The format of that name. Raises UserError."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    raise UserError(f"There is no format '{visible(name, 40)}' of annotations; there are {', '.join(_BY_NAME)}.")


def write(name: str, bundle: Bundle) -> Written:
    """The bundle in that format. Raises UserError where it can't be written."""
    found = named(name)
    if found.write is None:
        able = ", ".join(each.name for each in FORMATS if each.write)
        raise UserError(f"Annotations can be read from {found.title}, but not written: take one of {able}.")
    try:
        return found.write(bundle)
    except RowError as error:
        raise UserError(f"This can't be written as {found.title}: {error}.") from None


def read(path: Path, shown: str = "", name: str = "") -> Bundle:
    """The annotated texts of a file or folder, read in the format `name`, or in the one detected by content.

    `shown` is the file's name to people. Raises ImportProblem, naming file and row where there is one, or UserError.
    """
    shown = shown or shown_name(path)
    found = named(name) if name else None
    if found is not None and found.read is None:
        able = ", ".join(each.name for each in FORMATS if each.read)
        raise UserError(f"Annotations can be written as {found.title}, but not read: take one of {able}.")
    try:
        bundle = found.read(path, shown) if found and found.read else _read(path, shown)
    except RecursionError:  # XML and Parquet have no limit of their own, as JSON has here
        raise ImportProblem(shown, "it is nested too deep") from None
    if not bundle.texts:
        raise ImportProblem(shown, "it holds no annotated text")
    return replace(bundle, notes=tuple(f"{visible(shown, 80)}: {note}" for note in bundle.notes))


def _read(path: Path, shown: str) -> Bundle:
    if path.is_dir():
        return _folder(path, shown)(path, shown)
    # By content, for exports come as "export (3).json" or without a suffix; the two of brat alone have no signature.
    with open_regular(path, shown) as stream, reading(shown):
        head = stream.read(4_096)
    if not head:
        raise ImportProblem(shown, "it is empty")
    if head.startswith(b"PK"):
        return _brat(path, shown)
    if head.startswith(b"PAR1"):
        return parquet.read(path, shown)
    if bioscope.matches(head):
        return _bioscope(path, shown)
    if path.suffix.lower() in (".ann", ".txt") and (path.suffix.lower() == ".txt" or _ANN.match(head)):
        return _brat(path, shown)
    return _from_json(path, shown)


def _folder(path: Path, shown: str) -> Callable[[Path, str], Bundle]:
    # brat first: its folders may well hold other XML files.
    for pattern, read in (("*.ann", _brat), ("chunks_labeled.json", _thought_anchors), ("*.xml", _bioscope)):
        if next(path.rglob(pattern), None) is not None:
            return read
    raise ImportProblem(shown, f"it is a folder without annotations; {_CAN}")


def _from_json(path: Path, shown: str) -> Bundle:
    """The texts of a JSON file, detected by its first line where that is an object, else by its list's first item."""
    with open_regular(path, shown) as stream, reading(shown):
        value, more = _first_line(stream.readline(ROW_LIMIT)), stream.read(1)
    if jsonl.matches(value):
        return jsonl.read(path, shown)
    # Only now the whole file: ours was told by its first line, and may have a gigabyte.
    if value is None or more:
        value = _whole(path, shown)
    rows = value if isinstance(value, list) else [value]
    if rows and label_studio_tasks.matches(rows[0]):
        return _tasks(value, shown, None)
    if rows and isinstance(rows[0], dict) and {"chunk", "function_tags"} <= rows[0].keys():
        return _thought_anchors(path, shown)
    raise ImportProblem(shown, f"it is JSON, but no annotations that can be read; {_CAN}")


def _first_line(raw: bytes) -> Any:
    """The value of a first line; None where it is no JSON value by itself."""
    try:
        return parse(raw.removeprefix(codecs.BOM_UTF8)) if len(raw) < ROW_LIMIT else None
    except RowError:
        return None


def _whole(path: Path, shown: str) -> Any:
    """The JSON value of a file. Raises ImportProblem, which for a file unlike JSON lists what can be read."""
    with open_regular(path, shown) as stream, reading(shown):
        raw = whole(stream, JSON_LIMIT)
    try:
        return parse(raw)
    except RowError as error:
        why = str(error) if raw.lstrip()[:1] in (b"{", b"[") else f"it is of no format that can be read; {_CAN}"
        raise ImportProblem(shown, why) from None


_CAN: Final = (
    "there are our own JSON Lines and Parquet, brat (a folder or a zip), Label Studio's JSON, BioScope's XML and "
    "thought-anchors' chunks_labeled.json"
)
