"""Unpacking of a container into plain files, whatever it is: told by its first bytes, never by its name alone.

Owns the order in which containers are tried, and the sentence for one that can't be unpacked.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import BinaryIO

from backend.domain import ImportProblem
from backend.exchange.traces.containers import archives, inspect_logs, trackio_stores
from backend.exchange.traces.containers.scratch import Budget, Left, Scratch, Unpacked
from backend.exchange.traces.input_files import open_regular, reading
from backend.exchange.traces.trace_format import RowError
from backend.reader_process import is_memory

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_HEAD = 512


def unpacked(path: Path, shown: str, scratch: Scratch, budget: Budget) -> Unpacked | None:
    """What is in a container; None where the file is none. Raises ImportProblem, and NoArchive for what looks like one.

    `budget` is that of the outermost container.
    """
    with open_regular(path, shown) as stream, reading(shown):
        head = stream.read(_HEAD)
        packed = archives.decompressor(head)
        if not (packed or head.startswith((*_ZIP, trackio_stores.MAGIC)) or archives.is_tar(head, path.name)):
            return None

        def make(folder: Path, left: Left) -> bool:
            stream.seek(0)
            if packed:
                return archives.unpack_stream(packed(stream), path.name, folder, left, budget)
            if head.startswith(_ZIP):
                return _zip(stream, path.name, folder, left, budget)
            if head.startswith(trackio_stores.MAGIC):
                trackio_stores.unpack(path, folder, left, budget)
            else:
                archives.unpack_tar(stream, folder, left, budget)
            return False

        try:
            return scratch.entry(path, make)
        except (ImportProblem, RowError, archives.NoArchive):
            raise
        except Exception as error:  # every library has its own errors for bytes that are damaged
            if is_memory(error):
                raise
            reason = (str(error).splitlines() or [""])[0][:160].rstrip(". ") or type(error).__name__
            raise RowError(f"it can't be unpacked ({reason})") from None


def _zip(stream: BinaryIO, name: str, folder: Path, left: Left, budget: Budget) -> bool:
    with zipfile.ZipFile(stream) as archive:
        if not inspect_logs.is_log(archive):
            archives.unpack_zip(archive, stream, folder, left, budget)
            return False
        inspect_logs.unpack(archive, stream, folder / f"{Path(name).stem}.jsonl", budget)
        return True
