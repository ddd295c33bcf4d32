"""Walking the paths a person names: the files to scan, and what is left aside.

Owns the order, and the treatment of links, hidden and special files. Containers are walked as folders are.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from backend.domain import ImportProblem
from backend.exchange.traces.containers.archives import NoArchive
from backend.exchange.traces.containers.scratch import Budget, Scratch, own_scratch
from backend.exchange.traces.containers.unpacking import unpacked
from backend.exchange.traces.input_files import shown_name
from backend.exchange.traces.rows import load_object
from backend.import_plan import Skipped

_MOST_DEPTH = 3  # containers in containers
_STATE = "state.json"


@dataclass(frozen=True, slots=True)
class WalkedFile:
    """A file to scan. `direct` is True where the person named it, and False where it was met in a folder."""

    path: Path
    shown: str
    names: tuple[str, ...]
    direct: bool


_Walked = WalkedFile | Skipped | ImportProblem


def walk(paths: Sequence[Path], base: Path | None, scratch: Path | None = None) -> Iterator[_Walked]:
    """Each file once, folders recursively and sorted by name. Links inside folders are not followed.

    Names shown are the paths as given, or relative to `base`, and so are the folders labels are read from. What is
    packed is unpacked in the folder `scratch` (None: one of this process), and shown as `x.zip/inner/file.jsonl`.
    """
    seen: set[str] = set()
    unpacking = Scratch(scratch or own_scratch())
    for path in paths:
        for each in _files(path, base) if _is_folder(path) else (_entry(path, base, direct=True),):
            if isinstance(each, WalkedFile):
                # The same file named twice, or through a link, would be imported twice.
                real = os.path.realpath(each.path) if "\0" not in str(each.path) else str(each.path)
                if real in seen:
                    continue
                seen.add(real)
                yield from _opened(each, unpacking, None, _MOST_DEPTH)
            else:
                yield each


def _opened(entry: WalkedFile, scratch: Scratch, budget: Budget | None, depth: int) -> Iterator[_Walked]:
    """The files in a container; a file that is none is itself."""
    budget = budget or Budget(entry.path)
    try:
        found = unpacked(entry.path, entry.shown, scratch, budget)
    except NoArchive as what:
        yield ImportProblem(entry.shown, str(what)) if entry.direct else Skipped(entry.shown, str(what))
        return
    except ImportProblem as problem:
        yield problem
        return
    if found is None:
        yield entry
    elif not depth:
        yield ImportProblem(entry.shown, f"it is packed more than {_MOST_DEPTH} times; unpack it first")
    else:
        for name, reason, refused in found.left:
            shown = f"{entry.shown}/{name}"
            yield ImportProblem(shown, reason) if refused else Skipped(shown, reason)
        members = list(_files(found.folder, found.folder))
        if not (members or found.left):
            yield ImportProblem(entry.shown, "there is nothing in it to read")
        for inner in members:
            if isinstance(inner, WalkedFile):
                yield from _opened(_placed(inner, entry, found.single), scratch, budget, depth - 1)
            elif isinstance(inner, Skipped):
                yield Skipped(f"{entry.shown}/{inner.file}", inner.reason)


def _placed(inner: WalkedFile, outer: WalkedFile, single: bool) -> WalkedFile:
    """A file as it is shown in its container; one that was only compressed, or converted, is the container itself."""
    if single:
        return WalkedFile(inner.path, outer.shown, (*outer.names[:-1], *inner.names), outer.direct)
    return WalkedFile(inner.path, f"{outer.shown}/{inner.shown}", (*outer.names, *inner.names), False)


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
        saved = _saved(Path(folder)) if _STATE in names else []
        for name in [*saved, *sorted(set(names).difference(saved))]:
            entry = _entry(Path(folder, name), base)
            if name in saved:  # named by the folder, as `train-00000-of-00002`: all of them are called "data"
                entry = replace(entry, names=(*entry.names[:-1], name.replace("data", entry.names[-2], 1)))
            reason = _aside(entry.path)
            if saved and not reason and name not in saved and name.endswith(".arrow"):
                reason = "left over from a computation of datasets: it isn't a part of what was saved"
            yield Skipped(entry.shown, reason) if reason else entry
    for error in closed:
        shown = _entry(Path(error.filename or root), base).shown
        yield ImportProblem(shown, f"the folder can't be read ({error.strerror})")


def _saved(folder: Path) -> list[str]:
    """The files of a data set that `save_to_disk` wrote, in their order; none where the folder is no such."""
    with suppress(ImportProblem):
        state = load_object(folder / _STATE, _STATE)
        files = state.get("_data_files")
        named = [file.get("filename") for file in files if isinstance(file, dict)] if isinstance(files, list) else []
        return [name for name in named if isinstance(name, str) and Path(name).name == name]
    return []


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
