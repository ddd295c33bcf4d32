"""Trees of small files, read and written as zip archives, and read as folders.

Owns safe file names, and reading a tree that may be hostile: paths that lead out of it, archives that would grow
without end, entries that can't be read.
"""

import io
import lzma
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from backend.domain import visible
from backend.exchange.traces.input_files import open_regular, shown_name, whole
from backend.exchange.traces.trace_format import RowError

FILE_LIMIT: Final = 64 * 2**20  # bytes of one file, unpacked
TREE_LIMIT: Final = 512 * 2**20  # of all of them together
FILES: Final = 200_000  # entries; an archive of empty files alone can fill the memory with names
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
# Devices under Windows, whatever the suffix: `con.txt` can't be made there.
_RESERVED: Final = frozenset({"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(10))})
_LONGEST = 60
_DAMAGED = (zlib.error, lzma.LZMAError)
_STAMP = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold; with the real time the same labels made another file


class SafeNames:
    """File names made of any text, each name given once."""

    def __init__(self, otherwise: str, taken: Iterable[str] = ()) -> None:
        """`otherwise` stands in where nothing of a text is left; names in `taken` aren't given."""
        self._otherwise = otherwise
        # Case doesn't count, for macOS and Windows would write both into one file.
        self._given = {name.casefold() for name in taken} | _RESERVED

    def name(self, text: str) -> str:
        """A name of ASCII letters, digits, "-" and "_" that resembles `text`."""
        stem = safe(text) or self._otherwise
        name, number = stem, 1
        while name.casefold() in self._given:
            number += 1
            name = f"{stem}-{number}"
        self._given.add(name.casefold())
        return name


def safe(text: str) -> str:
    """`text` as ASCII letters, digits, "-" and "_"; "" where nothing is left."""
    plain = unicodedata.normalize("NFKD", text[: 4 * _LONGEST]).encode("ascii", "ignore").decode()
    return _UNSAFE.sub("-", plain).strip("-")[:_LONGEST].rstrip("-")


def packed(files: Mapping[str, bytes]) -> bytes:
    """A zip archive of files, given by path."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, _STAMP)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, content)
    return stream.getvalue()


class Folder:
    """The files of a folder on disk, or some of them, by their path in it with "/" between the parts."""

    def __init__(self, path: Path, only: Iterable[Path] | None = None) -> None:
        """Holds everything below `path`, or `only` these; links to folders aren't followed."""
        found = path.rglob("*") if only is None else only
        self._files = {shown_name(each.relative_to(path)): each for each in sorted(found) if each.is_file()}
        self._left = _Allowance()

    def names(self) -> list[str]:
        """The paths of all files, in order."""
        if len(self._files) > FILES:
            raise RowError(f"it holds {len(self._files):,} files; at most {FILES:,} can be read")
        return list(self._files)

    def content(self, name: str) -> bytes:
        """A file's bytes."""
        with open_regular(self._files[name], name) as stream:
            return self._left.taken(name, stream.read(FILE_LIMIT + 1))


class Archive:
    """The files of a zip archive, read in memory; see Folder."""

    def __init__(self, raw: bytes) -> None:
        """`raw` is the file. Raises RowError where it is no archive, or one with paths that lead out of it."""
        # Nothing is ever unpacked to disk: a path that escapes the checks below can't write anywhere.
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(raw))
        except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError) as error:
            raise RowError(f"it is no readable zip archive ({visible(str(error), 80)})") from None
        self._left = _Allowance()
        self._files = dict(self._entries())

    def _entries(self) -> Iterator[tuple[str, zipfile.ZipInfo]]:
        entries = [info for info in self._zip.infolist() if not info.is_dir()]
        if len(entries) > FILES:
            raise RowError(f"it holds {len(entries):,} files; at most {FILES:,} can be read")
        for info in entries:
            parts = info.filename.replace("\\", "/").split("/")
            # Up, absolute, or on another drive.
            if ".." in parts or parts[0] == "" or ":" in parts[0]:
                raise RowError(f"its file '{visible(info.filename, 80)}' has a path that leads out of the archive")
            # Finder's archives hold a second tree of resource forks under the same names.
            if "__MACOSX" not in parts:
                yield "/".join(part for part in parts if part not in ("", ".")), info

    def names(self) -> list[str]:
        """The paths of all files, in order."""
        return sorted(self._files)

    def content(self, name: str) -> bytes:
        """A file's bytes."""
        # Read up to the limit, whatever size the archive claims: a bomb of a few kB unpacks to gigabytes.
        try:
            with self._zip.open(self._files[name]) as stream:
                return self._left.taken(name, stream.read(FILE_LIMIT + 1))
        except RowError:
            raise
        except (zipfile.BadZipFile, *_DAMAGED, EOFError, OSError, RuntimeError, ValueError) as error:
            why = "it is encrypted" if "encrypted" in str(error) else str(error) or "it is damaged"
            raise RowError(f"its file '{visible(name, 80)}' can't be unpacked ({visible(why, 80)})") from None


class _Allowance:
    """How much of a tree may still be read."""

    def __init__(self) -> None:
        self._left = TREE_LIMIT

    def taken(self, name: str, content: bytes) -> bytes:
        if len(content) > FILE_LIMIT:
            raise RowError(f"its file '{visible(name, 80)}' is larger than {FILE_LIMIT >> 20} MiB")
        # Counted over all reads, so that a file named a thousand times in the index can't be read as often.
        self._left -= len(content)
        if self._left < 0:
            raise RowError(f"its files are larger than {TREE_LIMIT >> 20} MiB together, the most that can be read")
        return content


def open_archive(path: Path, shown: str) -> Archive:
    """The archive of that path. Raises ImportProblem or RowError."""
    with open_regular(path, shown) as stream:
        return Archive(whole(stream, TREE_LIMIT))
