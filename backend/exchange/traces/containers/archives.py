"""Archives and compressed files: zip, tar, gzip, zstd, bzip2 and xz, unpacked member by member.

Owns which names may stand in an archive, and what is no archive though it looks like one.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

import pyarrow as pa

from backend.exchange.traces.containers.scratch import Budget, Left, Readable
from backend.exchange.traces.rows import JSON_LIMIT
from backend.exchange.traces.trace_format import RowError

PICKLED = (
    "pickled objects of a program, never opened: they can run code; load them where they were written, and save the "
    "rows as JSON Lines or Parquet (of slime's rollouts: the dictionaries in `samples`)"
)
_ZSTD = 93  # which Python's own module reads from 3.14 on
_TAR, _TAR_AT, _TAR_HEAD = b"ustar", 257, 512
# Weights and pictures beside the traces would only fill the disk.
_HEAVY = {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".png", ".jpg", ".jpeg", ".gif", ".mp4", ".wav"}


class NoArchive(Exception):
    """A file that is packed as archives are, or a database, and is something else: its message says what."""


def _zstd(stream: BinaryIO) -> Any:
    return pa.CompressedInputStream(stream, "zstd")


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


def unpack_stream(packed: Any, name: str, folder: Path, left: Left, budget: Budget) -> bool:
    """Unpack what was compressed: an archive's members, or the one file; returns whether it is one file."""
    stream = io.BufferedReader(packed, _TAR_HEAD)
    if is_tar(stream.peek(_TAR_HEAD), name):
        unpack_tar(stream, folder, left, budget)
        while chunk := stream.read(2**20):  # what follows the archive's end: a cut stream shows there
            budget.spend(len(chunk), folder)
        return False
    stem, _, suffix = name.rpartition(".")
    plain = stem if stem and suffix.lower() in ("gz", "zst", "zstd", "bz2", "xz", "gzip") else name
    budget.write(folder / plain, stream)
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
    """A member of a zip archive for reading, of whatever compression. Raises RowError for one that is damaged."""
    if info.compress_type != _ZSTD:
        return cast(Readable, archive.open(info))
    if max(info.file_size, info.compress_size) > JSON_LIMIT:
        raise RowError(f"{info.filename[:80]} in it is larger than {JSON_LIMIT >> 20} MiB; pack it as .zst")
    stream.seek(info.header_offset + 26)
    stream.seek(sum(struct.unpack("<HH", stream.read(4))), io.SEEK_CUR)  # its name and what else stands before it
    with _zstd(io.BytesIO(stream.read(info.compress_size))) as packed:
        raw = packed.read(info.file_size + 1)
    if (len(raw), zlib.crc32(raw)) != (info.file_size, info.CRC):
        raise RowError(f"{info.filename[:80]} in it isn't what was packed")
    return io.BytesIO(raw)


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
