"""Opening input files safely, and splitting them into lines of bounded length.

Owns what can go wrong below the level of rows: missing and unreadable files, pipes and devices, encodings, endless
lines, files that change under the reader.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from backend.domain import ImportProblem
from backend.exchange.traces.file_growth import FILES, WholePart
from backend.exchange.traces.trace_format import Advance, RowError
from backend.import_plan import Shape, SourceFile
from backend.reader_process import is_memory, opened, too_large

# Bytes of one line or cell. A row with 64 responses of 32,768 tokens has about 8 MB.
ROW_LIMIT = 64 * 2**20
_BUFFER = 2**18
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def shown_name(path: Path) -> str:
    """The path as text; bytes of a file name that are no UTF-8 are written out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace") if "\0" not in str(path) else str(path)


def open_regular(path: Path, shown: str) -> io.BufferedReader:
    """A regular file for reading. Raises ImportProblem for anything else, and never waits for a pipe's writer."""
    try:
        # Opening a named pipe waits for its writer, for ever if there is none, unless told not to block.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise ImportProblem(shown, _why_not(path, error)) from None
    # What was opened is looked at, not the path: that may have become something else by now.
    state = os.fstat(handle)
    kind = state.st_mode
    if stat.S_ISREG(kind):
        try:
            opened(path, shown, state.st_size)
        except ImportProblem:
            os.close(handle)
            raise
        return io.BufferedReader(_raw(handle, path), _BUFFER)
    os.close(handle)
    raise ImportProblem(shown, "it is a folder" if stat.S_ISDIR(kind) else "it is a pipe or a device, not a file")


def _raw(handle: int, path: Path) -> io.FileIO:
    growing = FILES.get(str(path))
    if growing is None or growing.whole is None:
        return io.FileIO(handle, "rb")
    return WholePart(handle, growing.start, growing.whole)


def _state(stream: io.BufferedReader, path: Path) -> tuple[int, int]:
    """Size and time of a file; a growing one has what is whole of it, whatever was added meanwhile."""
    state, growing = os.fstat(stream.fileno()), FILES.get(str(path))
    return (state.st_size, state.st_mtime_ns) if growing is None or growing.whole is None else (growing.whole, 0)


def _why_not(path: Path, error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "it is a link to a file that is not there" if path.is_symlink() else "there is no such file"
    if isinstance(error, PermissionError):
        return "there is no permission to read it"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    return f"it can't be opened ({error.strerror if isinstance(error, OSError) else error})"


def describe_file(path: Path, shown: str, shape: Shape) -> SourceFile:
    """The file's hash, size and time, taken in one pass over its bytes."""
    with open_regular(path, shown) as stream, reading(shown):
        known = FILES.get(str(path))
        sha256 = (known and known.sha256) or hashlib.file_digest(stream, "sha256").hexdigest()
        size, modified = _state(stream, path)
    if known:
        FILES[str(path)] = replace(known, sha256=sha256)
    return SourceFile(path, shown, sha256, size, modified, shape)


def stamped_file(path: Path, shown: str, shape: Shape) -> SourceFile:
    """Like `describe_file`, without the hash: for a look at the first rows."""
    with open_regular(path, shown) as stream, reading(shown):
        size, modified = _state(stream, path)
    return SourceFile(path, shown, "", size, modified, shape)


def open_unchanged(file: SourceFile) -> io.BufferedReader:
    """A scanned file, opened. Raises ImportProblem where its size or time has changed since."""
    stream = open_regular(file.path, file.shown)
    if _state(stream, file.path) == (file.size, file.modified):
        return stream
    stream.close()
    raise ImportProblem(file.shown, "it has changed since it was looked at; look at it again")


@contextmanager
def reading(shown: str) -> Iterator[None]:
    """Turns RowError, OSError and MemoryError inside the block into ImportProblem naming the file `shown`."""
    try:
        yield
    except RowError as error:
        raise ImportProblem(shown, str(error), error.row) from None
    except Exception as error:
        if is_memory(error):  # what had been read of it is let go with this, and the next file has the room
            raise ImportProblem(shown, too_large()) from None
        if isinstance(error, OSError):
            raise ImportProblem(shown, f"reading it failed ({error.strerror or error})") from None
        raise


def lines(
    stream: BinaryIO, advance: Advance = lambda size: None, *, blank: bool = False
) -> Iterator[tuple[int, bytes]]:
    """Numbered lines (from 1) as UTF-8 bytes with their ends, byte order mark removed; blank ones only with `blank`.

    UTF-16 is decoded where a byte order mark announces it; UTF-8 is left unchecked. Raises RowError for a line of more
    than ROW_LIMIT bytes.
    """
    # Lines end at "\n" alone: a "\r" may stand inside a text. PowerShell writes UTF-16 wherever it redirects.
    head = stream.read(3)
    stream.seek(0)
    if head[:2] in _UTF16:
        yield from _utf16_lines(stream, advance, blank)
        return
    number = getattr(getattr(stream, "raw", None), "lines_before", 0)
    if head == codecs.BOM_UTF8:
        stream.seek(3)
    while raw := stream.readline(ROW_LIMIT + 1):
        number += 1
        if len(raw) > ROW_LIMIT:
            raise RowError(f"it is longer than {ROW_LIMIT >> 20} MiB, the most one row may hold", number)
        advance(len(raw))
        if blank or not raw.isspace():
            yield number, raw


def _utf16_lines(stream: BinaryIO, advance: Advance, blank: bool) -> Iterator[tuple[int, bytes]]:
    text = io.TextIOWrapper(stream, encoding="utf-16", newline="\n")
    number, limit = 0, ROW_LIMIT // 2
    try:
        while line := text.readline(limit + 1):
            number += 1
            if len(line) > limit:
                raise RowError(f"it is longer than {ROW_LIMIT >> 20} MiB, the most one row may hold", number)
            advance(2 * len(line))
            if blank or not line.isspace():
                yield number, line.encode()
    except UnicodeError:
        raise RowError("it holds bytes that are not valid UTF-16", number + 1) from None
    finally:
        text.detach()  # the wrapper would close the stream, which belongs to the caller


def whole(stream: BinaryIO, limit: int) -> bytes:
    """The file's content as UTF-8 bytes, byte order mark removed. Raises RowError above `limit` bytes."""
    # One byte more than may be: the size a file claims isn't trusted, for it may grow.
    raw = stream.read(limit + 1)
    if len(raw) > limit:
        raise RowError(f"it is larger than {limit >> 20} MiB, the most one JSON value may be; write it as JSON Lines")
    if raw[:2] not in _UTF16:
        return raw.removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode("utf-16").encode()
    except UnicodeError:
        raise RowError("it holds bytes that are not valid UTF-16") from None
