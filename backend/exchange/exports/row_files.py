"""Writers of rows as JSON Lines, as Parquet, and as a folder that Hugging Face's `load_dataset` opens.

Owns each container's layout. Rows come in batches and go out batch by batch: any number of them takes little memory.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

Batch = Sequence[Mapping[str, Any]]
_FILE_BATCHES = 64  # in one Parquet file of a folder


class RowForm(StrEnum):
    """A container of rows."""

    JSONL = "jsonl"
    PARQUET = "parquet"
    FOLDER = "huggingface"


class RowTable(NamedTuple):
    """Columns of exported rows; those in `nested` hold JSON text. `title` and `card` tell people what the rows are."""

    schema: pa.Schema
    nested: frozenset[str]
    title: str
    card: str


def write_rows(target: Path, form: RowForm, table: RowTable, batches: Iterable[Batch]) -> None:
    """Write rows to `target`: a file that isn't there, or a folder to be filled. Raises OSError."""
    if form is RowForm.JSONL:
        _write_lines(target, table.nested, batches)
    elif form is RowForm.PARQUET:
        _write_parquet(target, table.schema, batches)
    else:
        _write_folder(target, table, iter(batches))


def _write_lines(target: Path, nested: frozenset[str], batches: Iterable[Batch]) -> None:
    with target.open("wb") as file:
        for row in chain.from_iterable(batches):
            # JSON within JSON is no text to be read twice, as it has to be in a column of Parquet.
            values = {k: orjson.Fragment(v) if v is not None and k in nested else v for k, v in row.items()}
            file.write(orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE))


def _write_parquet(target: Path, schema: pa.Schema, batches: Iterable[Batch]) -> None:
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_table(pa.Table.from_pylist(list(batch), schema))


def _write_folder(target: Path, table: RowTable, batches: Iterator[Batch]) -> None:
    (target / "data").mkdir()
    for number, first in enumerate(batches):
        some = chain([first], islice(batches, _FILE_BATCHES - 1))
        _write_parquet(target / "data" / f"rows-{number:05d}.parquet", table.schema, some)
    front = "---\nconfigs:\n- config_name: default\n  data_files: data/*.parquet\n---\n"
    (target / "README.md").write_text(f"{front}# {table.title}\n\n{table.card}\n", "utf-8")
