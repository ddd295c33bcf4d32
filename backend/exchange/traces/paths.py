"""Walking the paths a person names: the files to scan, and what is left aside.

Owns the order, and the treatment of links, hidden and special files.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.domain import ImportProblem
from backend.exchange.traces.input_files import shown_name
from backend.import_plan import Skipped


@dataclass(frozen=True, slots=True)
class WalkedFile:
    """A file to scan. `direct` is True where the person named it, and False where it was met in a folder."""

    path: Path
    shown: str
    names: tuple[str, ...]
    direct: bool


def walk(paths: Sequence[Path], base: Path | None) -> Iterator[WalkedFile | Skipped | ImportProblem]:
    """Each file once, folders recursively and sorted by name. Links inside folders are not followed.

    Names shown are the paths as given, or relative to `base`, and so are the folders labels are read from.
    """
    seen: set[str] = set()
    for path in paths:
        for each in _files(path, base) if _is_folder(path) else (_entry(path, base, direct=True),):
            if isinstance(each, WalkedFile):
                # The same file named twice, or through a link, would be imported twice.
                real = os.path.realpath(each.path) if "\0" not in str(each.path) else str(each.path)
                if real in seen:
                    continue
                seen.add(real)
            yield each


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name too long, or with a NUL byte: opening it will say so
        return False


def _entry(path: Path, base: Path | None, *, direct: bool = False) -> WalkedFile:
    inside = path.relative_to(base) if base else path
    parts = inside.parts if base else Path(os.path.abspath(path)).parts[1:]  # noqa: PTH100 - resolve() follows links
    return WalkedFile(path, shown_name(inside), tuple(shown_name(Path(part)) for part in parts), direct)


def _files(root: Path, base: Path | None) -> Iterator[WalkedFile | Skipped | ImportProblem]:
    closed: list[OSError] = []
    # os.walk and not Path.rglob: it says which folders can't be read, and doesn't follow links, which may form a
    # circle.
    for folder, inner, names in os.walk(root, onerror=closed.append):
        inner.sort()
        for name in [each for each in inner if each.startswith(".") or os.path.islink(os.path.join(folder, each))]:  # noqa: PTH114, PTH118
            inner.remove(name)
            kind = "a hidden folder" if name.startswith(".") else "a link, not followed"
            yield Skipped(_entry(Path(folder, name), base).shown, kind)
        for name in sorted(names):
            entry = _entry(Path(folder, name), base)
            reason = _aside(entry.path)
            yield Skipped(entry.shown, reason) if reason else entry
    for error in closed:
        shown = _entry(Path(error.filename or root), base).shown
        yield ImportProblem(shown, f"the folder can't be read ({error.strerror})")


def _aside(path: Path) -> str | None:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return None  # opening it will say why
    if stat.S_ISLNK(mode):
        return "a link, not followed"
    if not stat.S_ISREG(mode):
        return "a pipe or a device, not a file"
    return "a hidden file" if path.name.startswith(".") else None
