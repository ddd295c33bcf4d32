"""Rows of JSON Lines, JSON, CSV, Parquet and Arrow files, one at a time.

Owns telling these five apart by content, and streaming their rows as plain JSON-able objects.
"""

from __future__ import annotations

import base64
import csv
import math
import mmap
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from backend.domain import ImportProblem
from backend.exchange.traces.input_files import ROW_LIMIT, lines, open_regular, open_unchanged, reading, whole
from backend.exchange.traces.json_text import as_object, parse, parse_object, type_name
from backend.exchange.traces.row_paths import expand, is_messages
from backend.exchange.traces.trace_format import Advance, LeftOut, RowError
from backend.import_plan import Row, Shape, SourceFile

JSON_LIMIT = 128 * 2**20  # bytes of a JSON file that isn't JSON Lines: it is parsed whole
DATA_SUFFIXES = {".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".pq", ".arrow", ".feather"}
_SUFFIX_SHAPES = {".csv": Shape.CSV, ".tsv": Shape.CSV, ".parquet": Shape.PARQUET, ".pq": Shape.PARQUET}
_ARROW_FILE, _ARROW_STREAM = b"ARROW1", b"\xff\xff\xff\xff"
_QUOTED = re.compile(r'"[^"]*"')
_MOST_COLUMNS = 10_000
_ROWS_A_BYTE = 100  # Parquet writes a value that repeats once; beyond it there is nothing in the rows
_OBJECT = 32  # bytes of a number or of an empty list, as Python has them
_BATCH = 32  # rows decoded at once: 16 samples of 100 kB a row are then 50 MB
csv.field_size_limit(ROW_LIMIT)  # process-wide: the standard module has no other place for it


def rows_of(file: SourceFile, advance: Advance = lambda size: None) -> Iterator[tuple[int, Row]]:
    """Numbered rows (JSON Lines: the line; others: 1 is the first record). Raises ImportProblem."""
    with open_unchanged(file) as stream, reading(file.shown):
        yield from _READERS[file.shape](stream, advance)


def rows_in(
    file: SourceFile, place: str | None, advance: Advance = lambda size: None
) -> Iterator[tuple[int, Row | LeftOut]]:
    """Like `rows_of`, but the rows at a place inside the file's own, numbered through; LeftOut where none lie there."""
    if place is None:
        yield from rows_of(file, advance)
        return
    count = 0
    for number, outer in rows_of(file, advance):
        try:
            inner = expand(outer, place)
        except RowError as error:
            raise ImportProblem(file.shown, str(error), number) from None
        for row in inner or (LeftOut(f"no rows at '{place}'"),):
            count += 1
            yield count, row


def load_object(path: Path, shown: str) -> Row:
    """A small JSON file that must hold one object. Raises ImportProblem."""
    with open_regular(path, shown) as stream, reading(shown):
        return parse_object(whole(stream, JSON_LIMIT))


def first_row(path: Path, shown: str) -> tuple[Shape, Row] | None:
    """Shape and first row of a file, told by its content; None where it holds no rows.

    A file that is neither named like data nor readable as data holds none; one that is named so and can't be read
    raises ImportProblem.
    """
    named = path.suffix.lower() in DATA_SUFFIXES
    with open_regular(path, shown) as stream, reading(shown):
        head = stream.read(4096)
        stream.seek(0)
        try:
            shape = _shape(stream, head, path.suffix.lower())
            stream.seek(0)
            row = next(_READERS[shape](stream, lambda size: None), None) if shape else None
        except RowError:
            if named or head.startswith((b"PAR1", _ARROW_FILE)):
                raise
            return None
    if row is None and named:
        raise ImportProblem(shown, "it holds no rows" if head else "it is empty")
    return (shape, row[1]) if shape and row else None


def _shape(stream: BinaryIO, head: bytes, suffix: str) -> Shape | None:
    # By content first: people name JSON Lines ".json" and tab-separated files ".csv".
    if head.startswith(b"PAR1"):
        return Shape.PARQUET
    if head.startswith(_ARROW_FILE) or (suffix == ".arrow" and head.startswith(_ARROW_STREAM)):
        return Shape.ARROW
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    start = head.decode(encoding, "ignore").lstrip()[:1]
    if start == "[" and suffix not in (".csv", ".tsv"):
        return Shape.JSON
    if start == "{" and suffix not in (".csv", ".tsv"):
        return _json_shape(stream, suffix)
    if suffix in _SUFFIX_SHAPES or suffix in DATA_SUFFIXES:
        return _SUFFIX_SHAPES.get(suffix, Shape.JSONL)
    return Shape.CSV if any(mark in head.split(b"\n", 1)[0] for mark in (b",", b"\t", b";")) else None


def _json_shape(stream: BinaryIO, suffix: str) -> Shape:
    """JSON Lines when the first line is a whole object, one JSON object over several lines otherwise."""
    # The first line decides, so that gigabytes aren't parsed only to tell what they are.
    number, first = next(lines(stream), (1, b""))
    try:
        parse(first)
    except RowError as error:
        stream.seek(0)
        if suffix in (".jsonl", ".ndjson"):
            raise RowError(str(error), number) from None
        parse(whole(stream, JSON_LIMIT))
        return Shape.JSON
    return Shape.JSONL


def _jsonl_rows(stream: BinaryIO, advance: Advance) -> Iterator[tuple[int, Row]]:
    for number, raw in lines(stream, advance):
        try:
            row = parse(raw)
            # A line may be a chat, written as the list of its messages.
            row = {"messages": row} if is_messages(row) else as_object(row)
        except RowError as error:
            raise RowError(str(error), number) from None
        yield number, row


def _json_rows(stream: BinaryIO, advance: Advance) -> Iterator[tuple[int, Row]]:
    raw = whole(stream, JSON_LIMIT)
    for number, row in enumerate(_objects(parse(raw)), 1):
        if not isinstance(row, dict):
            raise RowError(f"it should be a JSON object, but is {type_name(row)}", number)
        yield number, row
    advance(len(raw))


def _objects(value: Any) -> Iterator[Any]:
    """The rows of a JSON value: lists of lists are one table, and a list of messages is one row."""
    if is_messages(value):
        yield {"messages": value}
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item)
    else:
        yield value


def _csv_rows(stream: BinaryIO, advance: Advance) -> Iterator[tuple[int, Row]]:
    number = 0
    source = _texts(stream, advance)
    try:
        first = next(source, "")
        # By the header alone: csv.Sniffer guesses from quoted prose and is often wrong.
        unquoted = _QUOTED.sub("", first)
        delimiter = max(",\t;|", key=unquoted.count)
        # strict: a quote in the wrong place would otherwise swallow the rows after it without a word.
        header = next(csv.reader(chain([first], source), delimiter=delimiter, strict=True), [])
        if (names := Counter(header[: _bounded(len(header))])) and (repeated := names.most_common(1)[0])[1] > 1:
            raise RowError(f"the column '{repeated[0][:60]}' appears twice in its header")
        for cells in csv.reader(source, delimiter=delimiter, strict=True):
            if not cells:
                continue
            if len(cells) != len(header):
                raise RowError(f"it has {len(cells)} cells where the header names {len(header)} columns")
            number += 1
            yield number, dict(zip(header, cells, strict=True))
    except (csv.Error, RowError) as error:
        ends = "unexpected end of data" in str(error)
        raise RowError("it ends inside a quoted cell" if ends else str(error), number + 1) from None


def _texts(stream: BinaryIO, advance: Advance) -> Iterator[str]:
    """Decoded lines with their ends; blank ones matter inside a quoted cell, so they are kept."""
    for _, raw in lines(stream, advance, blank=True):
        try:
            text = raw.decode()
        except UnicodeDecodeError as fault:
            raise RowError(f"byte {fault.start + 1} of a line (0x{raw[fault.start]:02x}) is not valid UTF-8") from None
        if "\0" in text:
            raise RowError(f"byte {raw.index(0) + 1} of a line is a NUL byte")
        yield text


def _parquet_rows(stream: BinaryIO, advance: Advance) -> Iterator[tuple[int, Row]]:
    size = _size(stream)

    def batches() -> Iterator[pa.RecordBatch]:
        file = pq.ParquetFile(stream)
        _believed(file.metadata.num_rows, size)
        leaves = [file.schema.column(place) for place in range(_bounded(len(file.schema)))]
        # Texts that Parquet numbers stay numbered: decoded in its batches, one of 200 MB in 64 rows is 13 GB.
        texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        file = pq.ParquetFile(stream, metadata=file.metadata, read_dictionary=texts)
        # Parquet is read in columns, so that the bytes of a row are not known: each gets an equal share.
        share = size / max(file.metadata.num_rows, 1)
        for batch in file.iter_batches(batch_size=_BATCH):
            # Batches bound the memory, not row groups: many writers make one group of the whole file.
            yield batch
            advance(int(share * batch.num_rows))

    yield from _table_rows(batches(), "Parquet")


def _arrow_rows(stream: BinaryIO, advance: Advance) -> Iterator[tuple[int, Row]]:
    size = _size(stream)

    def batches() -> Iterator[pa.RecordBatch]:
        # Mapped and not read: a batch holds as many rows as its writer liked, and a thousand may be gigabytes.
        source = pa.py_buffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        for batch in _arrow_batches(source):
            _bounded(batch.num_columns)
            _believed(batch.num_rows, size)
            for start in range(0, batch.num_rows, _BATCH):
                piece = batch.slice(start, _BATCH)
                piece.validate(full=True)  # what lies in it is used as it is: a wrong offset reads anywhere
                yield piece
        advance(size)

    yield from _table_rows(batches(), "Arrow")


def _arrow_batches(source: pa.Buffer) -> Iterator[pa.RecordBatch]:
    """The batches of either of Arrow's two kinds of files: with an index at its end, or a stream."""
    if source.slice(0, len(_ARROW_FILE)).to_pybytes() == _ARROW_FILE:
        reader = pa.ipc.open_file(source)
        yield from map(reader.get_batch, range(reader.num_record_batches))
    else:
        yield from pa.ipc.open_stream(source)


def _table_rows(batches: Iterator[pa.RecordBatch], kind: str) -> Iterator[tuple[int, Row]]:
    number = 0
    try:
        for batch in batches:
            for piece in _pieces(batch, number):
                for row in piece.to_pylist():
                    number += 1
                    yield number, {name: jsonable(value) for name, value in row.items()}
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        if isinstance(error, RowError):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160].rstrip(". ")
        raise RowError(f"it can't be read as {kind} ({reason})", number + 1 if number else None) from None


def _believed(rows: int, size: int) -> None:
    if rows > _ROWS_A_BYTE * size:
        raise RowError(f"it claims to hold {rows:,} rows in {size:,} bytes")


def _bounded(columns: int) -> int:
    if columns > _MOST_COLUMNS:
        raise RowError(f"it has {columns:,} columns; at most {_MOST_COLUMNS:,} can be read")
    return columns


def _pieces(batch: pa.RecordBatch, before: int) -> Iterator[pa.RecordBatch]:
    """The batch, or its rows one by one where they would be large together. Raises RowError for a row too large."""
    if sum(map(_decoded_size, batch.columns)) <= ROW_LIMIT:
        yield batch
        return
    for place in range(batch.num_rows):
        row = batch.slice(place, 1)
        if sum(map(_decoded_size, row.columns)) > ROW_LIMIT:
            raise RowError(f"it is longer than {ROW_LIMIT >> 20} MiB, the most one row may hold", before + place + 1)
        yield row


def _decoded_size(array: pa.Array) -> int:
    """About how many bytes the values take as Python's objects."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        lengths = pc.binary_length(array.dictionary)
        return pc.sum(pc.take(lengths, array.indices)).as_py() or 0
    if pa.types.is_struct(kind):
        return _OBJECT * len(array) + sum(map(_decoded_size, array.flatten()))
    if pa.types.is_nested(kind):  # lists and maps
        return _OBJECT * len(array) + _decoded_size(array.flatten())
    return _OBJECT * len(array) + array.nbytes


def _size(stream: BinaryIO) -> int:
    return stream.seek(0, 2)


def jsonable(value: Any) -> Any:
    """A Parquet value as JSON can hold it: NaN is null, dates are ISO 8601, decimals and UTF-8 bytes text."""
    # Reward functions of TRL write NaN for "not scored".
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, dict):
        return {str(name): jsonable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, bytes):
        return _decoded(value)
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value)


def _decoded(raw: bytes) -> Any:
    # Many writers leave out the mark that a string is text. An image becomes an object, so that no column of binary
    # data can be taken for text.
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


_READERS: dict[Shape, Callable[[BinaryIO, Advance], Iterator[tuple[int, Row]]]] = {
    Shape.JSONL: _jsonl_rows,
    Shape.JSON: _json_rows,
    Shape.CSV: _csv_rows,
    Shape.PARQUET: _parquet_rows,
    Shape.ARROW: _arrow_rows,
}
