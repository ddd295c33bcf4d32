"""Files that would fill an app's memory or time, small on disk, of ten kinds: what the test of the running app reads."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

LINE = b'{"question": "q", "response": "wait", "answer": "1"}\n'


def _written(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)


def _sparse(path: Path, start: bytes, size: int) -> None:
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)


def _parquet(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path, compression="zstd", write_statistics=False, dictionary_pagesize_limit=2**30)


def _repeated(path: Path, megabytes: int) -> None:
    """One text, numbered, in 64 rows: 20 kB on disk, 13 GB where it is decoded."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 64, pa.int32()), pa.array(["x" * megabytes * 2**20]))
    pq.write_table(
        pa.table({"question": [f"{n}?" for n in range(64)], "response": text, "answer": ["1"] * 64}),
        path, compression="zstd", write_statistics=False, store_schema=False, dictionary_pagesize_limit=2**30,
    )  # fmt: skip


def _zipped(path: Path, megabytes: int) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jsonl", b"\0" * megabytes * 2**20)


# Kind -> what writes a file of it, and the suffix; called with 1 to 5, of which each makes another file.
KINDS: Mapping[str, tuple[Callable[[Path, int], None], str]] = {
    "repeated": (lambda path, n: _repeated(path, 40 + 40 * n), ".parquet"),
    "rows": (lambda path, n: _parquet(path, pa.table({"question": pa.nulls(n * 2_000_000, pa.string())})), ".parquet"),
    "columns": (
        lambda path, n: _parquet(path, pa.table({f"c{place}": [n] for place in range(10_000 + n)})),
        ".parquet",
    ),
    "nested": (
        lambda path, n: _parquet(path, pa.table({"question": ["q"], "response": [[None] * (3_000_000 + n)]})),
        ".parquet",
    ),
    "deep": (lambda path, n: _written(path, LINE + b'{"question": ' + b"[" * n * 100_000), ".jsonl"),
    "long": (lambda path, n: _sparse(path, b'{"question": "', 500 * 2**20 + n), ".jsonl"),
    "objects": (lambda path, n: _written(path, b"[" + b"[]," * (2_500_000 + n) + b"[]]"), ".json"),
    "digits": (lambda path, n: _written(path, LINE + b'{"question": ' + b"9" * n * 100_000 + b"}"), ".jsonl"),
    "cell": (lambda path, n: _written(path, b'question,response\n"' + b"x\n" * n * 200_000), ".csv"),
    "packed": (
        lambda path, n: [
            lambda: _written(path, gzip.compress(b"\0" * 100 * 2**20)),
            lambda: _written(path, bz2.compress(b"\0" * 100 * 2**20)),
            lambda: _written(path, lzma.compress(b"\0" * 100 * 2**20)),
            lambda: _zipped(path, 100),
            lambda: _written(path, b"\xff\xfe\0\0" + json.dumps({"question": "q"}).encode("utf-32-le")),
        ][n - 1](),
        ".jsonl",
    ),
}


def hostile(folder: Path, each: int) -> list[Path]:
    """`each` files of every kind in a folder."""
    folder.mkdir()
    made = []
    for kind, (write, suffix) in KINDS.items():
        for number in range(1, each + 1):
            made.append(folder / f"{kind}-{number}{suffix}")
            write(made[-1], number)
    return made
