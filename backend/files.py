"""Durable writing of whole files: a reader finds the old file or the new one, never half of one, whatever happens.

Owns the order of the steps: a temporary name in the same folder, flush, rename, flush of the folder. Needs the standard
library alone.
"""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

# What file systems answer that can't flush a folder, or don't let it be opened.
_NO_FLUSH: Final = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM}


def write_file(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Write a whole file, text as UTF-8; see `replacing`."""
    with replacing(path, durable=durable) as half:
        half.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def create_file(path: Path, content: str) -> None:
    """Write a whole file where there is none. Raises FileExistsError where another process was first, and OSError."""
    half = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.half")
    try:
        half.write_text(content, "utf-8")
        _flush(half)
        os.link(half, path)  # unlike a rename it refuses to take another file's place
    finally:
        half.unlink(missing_ok=True)
    _flush_folder(path.parent)


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A free name beside `path` to write to; what is there when the block ends takes the place of `path`.

    `durable` False leaves out the flushes: the file is whole, but a power cut may bring the old one back. Raises
    OSError where the disk refuses; `path` is then as it was, unless flushing its folder was what failed.
    """
    # Two processes may write the same file at once, so that the name has to be free. It begins with a dot: patterns
    # such as `*.json` don't find it.
    half = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.half")
    try:
        yield half
        if durable:
            _flush(half)  # first: a rename may reach the disk before the bytes do
        half.replace(path)
    finally:
        with suppress(OSError):  # what went wrong before is the error to be raised
            half.unlink(missing_ok=True)
    if durable:
        _flush_folder(path.parent)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_folder(folder: Path) -> None:
    """Have the disk hold the names in a folder, where its file system can do that."""
    try:
        _flush(folder)
    except OSError as error:
        if error.errno not in _NO_FLUSH:
            raise
