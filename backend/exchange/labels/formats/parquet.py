"""Reader and writer of annotated texts as Parquet, a row a span, made for DuckDB and pandas: nothing is lost in it.

A text stands in the first row that needs it and is null in the others; a text without spans has one row whose `start`
is null. The project's settings are in the file's metadata.
"""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from backend.annotation import AnnotatedText
from backend.domain import ImportProblem, visible
from backend.exchange.labels.parts import (
    OUTPUT_LIMIT,
    Bundle,
    Written,
    at_row,
    bounded,
    bundle_from,
    checked,
    names_from,
    project_json,
    sha256,
    span_from,
    span_json,
    taken,
)
from backend.exchange.traces.input_files import open_regular, reading
from backend.exchange.traces.json_text import parse_object
from backend.exchange.traces.trace_format import RowError

KEY: Final = b"second-thoughts annotations"
_WORDS: Final = ("label", "quote", "annotator", "flag", "comment", "how", "id", "reason", "at")
_CUE: Final = {"machine_lexicon": "lexicon", "machine_entry": "entry", "machine_start": "start", "machine_end": "end"}
_TEXTS: Final = ("text_id", "text_sha256", "text", "meta", *_WORDS, "machine_lexicon", "machine_entry")
# Flat columns: DuckDB and pandas filter by them without unnesting.
_SCHEMA: Final = pa.schema(
    [
        ("item", pa.int32()),
        *((name, pa.string()) for name in ("text_id", "text_sha256", "text")),
        ("window_start", pa.int32()),
        ("window_end", pa.int32()),
        ("done", pa.list_(pa.string())),
        ("meta", pa.string()),
        *((name, pa.int32()) for name in ("start", "end")),
        *((name, pa.string()) for name in _WORDS),
        *((name, pa.bool_()) for name in ("gold", "rejected")),
        *((name, pa.int32()) for name in ("scheme_version", "guidelines_version")),
        *((name, pa.int32() if name.endswith(("start", "end")) else pa.string()) for name in _CUE),
    ]
)
_COUNTED: Final = [field.name for field in _SCHEMA if pa.types.is_integer(field.type)]  # of texts they'd be copies
_BATCH = 1_000


def write(bundle: Bundle) -> Written:
    """The bundle as one Parquet file."""
    bounded(bundle.texts)
    known: set[str] = set()
    rows = [row for item, text in enumerate(bundle.texts) for row in _rows(item, text, known)]
    head = orjson.dumps({"version": 1, "project": project_json(bundle)})
    table = pa.Table.from_pylist(rows, schema=_SCHEMA.with_metadata({KEY: head}))
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd", write_statistics=_COUNTED)
    return Written(stream.getvalue())


def _rows(item: int, text: AnnotatedText, known: set[str]) -> Iterator[dict[str, Any]]:
    name = sha256(text.text)
    head = {
        "item": item,
        "text_id": text.id,
        "text_sha256": name,
        "window_start": text.start,
        "window_end": len(text.text) if text.end is None else text.end,
    }
    first = {
        "text": None if name in known else text.text,
        "done": list(text.done),
        "meta": orjson.dumps(dict(text.meta)).decode(),
    }
    known.add(name)
    for number, span in enumerate(text.spans):
        row = span_json(span, text.text)
        cue = row.pop("machine", {})
        # `span_json` leaves defaults out; in a table a missing value would read as unknown.
        usual = {"annotator": "", "gold": False, "flag": "", "comment": "", "rejected": False}
        usual |= {"scheme_version": 1, "guidelines_version": 1}
        row = usual | row | {column: cue.get(field) for column, field in _CUE.items()}
        yield head | (first if number == 0 else {}) | row
    if not text.spans:
        yield head | first


def read(path: Path, shown: str) -> Bundle:
    """The texts of a file. Raises ImportProblem naming the row."""
    with open_regular(path, shown) as stream, reading(shown):
        number = 0
        try:
            schema = pq.read_schema(stream)
            head = (schema.metadata or {}).get(KEY)
            if head is None:
                raise ImportProblem(shown, "it is Parquet, but no annotations that an export from here wrote")
            # Dictionaries keep each text once in memory; see `_values`.
            file = pq.ParquetFile(stream, read_dictionary=[name for name in _TEXTS if name in schema.names])
            found = _Items()
            for batch in file.iter_batches(batch_size=_BATCH):
                columns = {name: _values(name, batch.column(i)) for i, name in enumerate(batch.schema.names)}
                for values in zip(*columns.values(), strict=True):
                    number += 1
                    with at_row(number):
                        found.take(dict(zip(columns, values, strict=True)))
        except (RowError, MemoryError):
            raise
        except (pa.ArrowException, OSError, ValueError, LookupError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:160].rstrip(". ")
            raise RowError(f"it can't be read as Parquet ({reason})", number + 1 if number else None) from None
        return bundle_from(parse_object(head).get("project"), [checked(text) for text in found.texts()])


def _values(name: str, column: pa.Array) -> list[Any]:
    # Texts are read as a dictionary and kept once, however many rows repeat them: otherwise a file of a few kB could
    # hold the same megabytes in a million rows.
    if not pa.types.is_dictionary(column.type):
        if column.nbytes > OUTPUT_LIMIT // 4:
            raise RowError(f"the column '{visible(name, 40)}' is too large")
        return column.to_pylist()
    if column.dictionary.nbytes > OUTPUT_LIMIT // 4:
        raise RowError(f"the column '{visible(name, 40)}' is too large")
    known = column.dictionary.to_pylist()
    return [None if index is None else known[index] for index in column.indices.to_pylist()]


class _Items:
    """Collects rows into texts."""

    def __init__(self) -> None:
        self._wholes: dict[str, str] = {}
        self._size = 0
        self._first: dict[int, Mapping[str, Any]] = {}
        self._spans: dict[int, list[Any]] = {}

    def take(self, row: dict[str, Any]) -> None:
        """Take one more row. Raises RowError."""
        item = taken(row, "item", int, "it")
        # Rows may have been sorted or filtered since: whichever comes first brings what belongs to the text.
        if item not in self._first:
            row["text"] = self._text(row)
            self._first[item], self._spans[item] = row, []
        if row.get("start") is not None:
            values = {name: value for name, value in row.items() if value is not None and name not in _CUE}
            if row.get("machine_entry") is not None:
                values["machine"] = {field: row.get(column) for column, field in _CUE.items()}
            text = self._first[item]["text"]
            self._spans[item].append(span_from(values, text, len(self._spans[item]) + 1))

    def _text(self, row: Mapping[str, Any]) -> str:
        name = taken(row, "text_sha256", str, "it")
        if row.get("text") is not None:
            text = taken(row, "text", str, "it")
            if sha256(text) != name:
                raise RowError("its text isn't the one the labels were put on: it has another hash")
            self._size += len(text)
            if self._size > OUTPUT_LIMIT:
                raise RowError(f"the texts up to here have more than {OUTPUT_LIMIT:,} characters, the most a file may")
            self._wholes[name] = text
        if name not in self._wholes:
            raise RowError(f"it names the text {visible(name, 12)} by its hash, which no row before it holds")
        return self._wholes[name]

    def texts(self) -> Iterator[AnnotatedText]:
        """The texts, in the order of the items."""
        for item, row in sorted(self._first.items()):
            meta = row.get("meta")
            yield AnnotatedText(
                id=str(row.get("text_id") or f"text {item + 1}"),
                text=row["text"],
                spans=tuple(self._spans[item]),
                start=taken(row, "window_start", int, "it"),
                end=taken(row, "window_end", int, "it"),
                done=names_from(row.get("done") or [], "the field 'done'"),
                meta=parse_object(meta.encode()) if isinstance(meta, str) else {},
            )
