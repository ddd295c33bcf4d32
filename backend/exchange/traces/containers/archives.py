"""Archives and compressed files: zip, tar, gzip, zstd, bzip2 and xz, unpacked member by member.

Owns which names may stand in an archive, and what is no archive though it looks like one.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import mmap
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

import pyarrow as pa

from backend.exchange.traces.containers.scratch import Budget, Left, Readable
from backend.exchange.traces.trace_format import RowError

PICKLED = (
    "pickled objects of a program, never opened: they can run code; load them where they were written, and save the "
    "rows as JSON Lines or Parquet (of slime's rollouts: the dictionaries in `samples`)"
)
_ZSTD = 93  # which Python's own module reads from 3.14 on
_TAR, _TAR_AT = b"ustar", 257
# Weights and pictures beside the traces would only fill the disk.
_HEAVY = {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".png", ".jpg", ".jpeg", ".gif", ".mp4", ".wav"}


class NoArchive(Exception):
    """A file that is packed as archives are, or a database, and is something else: its message says what."""


def _zstd(stream: BinaryIO) -> Readable:
    return cast(Readable, pa.CompressedInputStream(stream, "zstd"))


_STREAMS: tuple[tuple[bytes, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"\x28\xb5\x2f\xfd", _zstd),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ", lzma.open),
)


def decompressor(head: bytes) -> Callable[[Any], Any] | None:
    """What undoes the compression that a file's first bytes tell."""
    return next((opened for magic, opened in _STREAMS if head.startswith(magic)), None)


def is_tar(head: bytes, name: str) -> bool:
    """Whether a file is a tar archive, by its first 512 bytes, or by its name where it is of the oldest kind."""
    return head[_TAR_AT:].startswith(_TAR) or (name.lower().endswith((".tar", ".tgz")) and 0 in head[:100])


def unpack_stream(stream: Any, name: str, folder: Path, left: Left, budget: Budget) -> bool:
    """Unpack what was compressed: an archive's members, or the one file; returns whether it is one file."""
    head = _filled(stream, 512)
    source = _Pushed(head, stream)
    if is_tar(head, name):
        unpack_tar(source, folder, left, budget)
        return False
    stem, _, suffix = name.rpartition(".")
    plain = stem if stem and suffix.lower() in ("gz", "zst", "zstd", "bz2", "xz", "gzip") else name
    budget.write(folder / plain, source)
    return True


def unpack_tar(stream: Any, folder: Path, left: Left, budget: Budget) -> None:
    """Unpack the regular files of a tar archive; links and devices are left, names that lead out refused."""
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for info in archive:
            reason = "a link, not followed" if info.issym() or info.islnk() else ""
            reason = reason or ("" if info.isreg() or info.isdir() else "a pipe or a device, not a file")
            if not info.isdir() and (target := _target(info.name, reason, folder, left, budget)):
                with _one(info.name, left):
                    budget.write(target, cast(Readable, archive.extractfile(info)))


def unpack_zip(archive: zipfile.ZipFile, stream: BinaryIO, folder: Path, left: Left, budget: Budget) -> None:
    """Unpack the files of a zip archive; links are left, encrypted ones and names that lead out refused."""
    if what := _other(archive.namelist()):
        raise NoArchive(what)
    for info in archive.infolist():
        reason = "a link, not followed" if stat.S_ISLNK(info.external_attr >> 16) else ""
        if not info.is_dir() and (target := _target(info.filename, reason, folder, left, budget)):
            if info.flag_bits & 1:
                left.append((info.filename, "it is encrypted; unpack it first", True))
                continue
            with _one(info.filename, left):
                budget.write(target, member(archive, info, stream))


def member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, stream: BinaryIO) -> Readable:
    """A member of a zip archive for reading, of whatever compression."""
    if info.compress_type != _ZSTD:
        return cast(Readable, archive.open(info))
    mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    at = info.header_offset
    names = int.from_bytes(mapped[at + 26 : at + 28], "little") + int.from_bytes(mapped[at + 28 : at + 30], "little")
    packed = memoryview(mapped)[at + 30 + names :][: info.compress_size]
    return _Checked(_zstd(cast(BinaryIO, pa.BufferReader(pa.py_buffer(packed)))), info)


class _Checked:
    """Bytes of a zip member that must be as many as its header says, and have its checksum."""

    def __init__(self, source: Readable, info: zipfile.ZipInfo) -> None:
        self._source, self._info, self._sum, self._size = source, info, 0, 0

    def read(self, size: int) -> bytes:
        chunk = self._source.read(size)
        self._sum, self._size = zlib.crc32(chunk, self._sum), self._size + len(chunk)
        if self._size > self._info.file_size or (not chunk and (self._size, self._sum) != self._wanted):
            raise RowError("its bytes aren't those that were packed")
        return chunk

    @property
    def _wanted(self) -> tuple[int, int]:
        return self._info.file_size, self._info.CRC


class _Pushed:
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int) -> bytes:
        if self._head:
            first, self._head = self._head[:size], self._head[size:]
            return first
        return self._stream.read(size)


def _filled(stream: Readable, size: int) -> bytes:
    found = b""
    while len(found) < size and (chunk := stream.read(size - len(found))):
        found += chunk
    return found


def _target(name: str, reason: str, folder: Path, left: Left, budget: Budget) -> Path | None:
    """Where a member goes; None, and why it is left, where it goes nowhere."""
    budget.member()
    inside = PurePosixPath(name.replace("\\", "/"))
    if inside.is_absolute() or ".." in inside.parts or name[1:2] == ":" or "\0" in name:
        left.append((name, "its name leads out of the archive", True))
    elif reason or inside.suffix.lower() in _HEAVY:
        left.append((name, reason or "not a data file; left packed", False))
    elif inside.parts:
        return folder / inside
    return None


@contextmanager
def _one(name: str, left: Left) -> Iterator[None]:
    """What is wrong with a member's name is a refusal of that member alone."""
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        left.append((name, "its name stands twice in the archive", True))
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno != errno.ENAMETOOLONG:
            raise
        left.append((name, "its name can't be that of a file", True))


def _other(names: list[str]) -> str:
    """What a zip is that isn't an archive of files."""
    if any(name.endswith("data.pkl") for name in names):
        return PICKLED
    if "[Content_Types].xml" in names:
        return "a document of an office program; save its table as CSV"
    return "arrays of NumPy, without texts" if names and all(name.endswith(".npy") for name in names) else ""
