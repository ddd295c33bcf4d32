"""Backups of a whole store, taken while it is in use, and stores restored from them.

Owns a backup's layout, and the order of copying by which it fits together whatever is written meanwhile.
"""

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Final

import orjson

from backend.codec import JsonRecord
from backend.config import Settings
from backend.distill.train_plan import WHOLE
from backend.domain import UserError, visible
from backend.files import write_file
from backend.services.training.run import TRAININGS
from backend.services.training.training_process import HEARD, JOURNAL
from backend.store import STORE_ID, Store
from backend.store.database import connect, now
from backend.store.ledger_copy import LedgerCopy

# What a backup holds: the ledger, the store's other files, the lexicon files, and the hashes of all of them. The queue
# is not among them: a worker queues what the ledger calls open.
MANIFEST, LEDGER, STORE, LEXICONS = "manifest.json", "ledger.sqlite", "store", "lexicons"
_PARTS: Final = f"{STORE}/parts/"
_ROUNDS: Final = 20
_CHUNK: Final = 2**20
Say = Callable[[int, int], None]  # bytes copied, of how many


@dataclass(frozen=True, slots=True)
class Backup(JsonRecord):
    """What a backup holds: bytes and SHA-256 by file; `unsound` are parts that were missing or damaged in the store."""

    created: str
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    unsound: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for size, _ in self.files.values())


def write_backup(store: Store, lexicons: Path, target: Path, say: Say) -> Backup:
    """Copy a store to `target`, a new or empty folder, while it is in use. Raises UserError, leaving nothing there."""
    target = target.expanduser().resolve()
    if target.is_relative_to(store.folder):
        raise UserError(f"{visible(str(target))} lies in the store itself: name a folder outside it.")
    with whole_folder(target, mode=0o700) as half:  # it holds the store's secret
        copier, lost = Copier(half, say), [""]
        # What is gone was deleted, or thinned out, since the ledger was copied: then once more, with a newer ledger.
        # What is lost twice is missing, or damaged, in the store itself.
        for _ in range(_ROUNDS):
            before, lost = lost, _round(store, lexicons, copier)
            if not lost or (lost == before and all(name.startswith(_PARTS) for name in lost)):
                break
        else:
            raise UserError("The store changed all the while, and no backup could be made: try again.")
        write_file(half / MANIFEST, orjson.dumps(Backup(now(), copier.files, tuple(lost)).to_json()))
        return verify_backup(half)


def verify_backup(folder: Path) -> Backup:
    """What a backup holds, every file read and compared. Raises UserError naming what is missing or damaged."""
    try:
        found = Backup.from_json(orjson.loads((folder / MANIFEST).read_bytes()))
        names = [PurePosixPath(name) for name in found.files]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{visible(str(folder))} is no backup: its {MANIFEST} can't be read.") from error
    # A backup may come from anybody: no name leads out of its folder.
    if any(name.is_absolute() or ".." in name.parts for name in names):
        raise UserError(f"{visible(str(folder))} is no backup: it names files outside its own folder.")
    if bad := [name for name, known in found.files.items() if facts(folder / name) != tuple(known)]:
        raise UserError(
            f"{len(bad):,} of the {len(found.files):,} files of the backup {visible(str(folder))} are missing or "
            f"damaged, such as {visible(bad[0], 200)}."
        )
    return found


def restore_backup(folder: Path, settings: Settings, say: Say) -> tuple[Backup, list[str]]:
    """Make a new store of a backup, where `settings` place it; returns also the lexicon files that differ there.

    Raises UserError, with nothing changed, for a damaged backup and where anything is in the way.
    """
    found = verify_backup(folder)
    if LEDGER not in found.files:
        raise UserError(f"{visible(str(folder))} is a bundle of runs, to be read: `open` shows it.")
    with whole_folder(settings.store) as half:
        copier = Copier(half, say)
        own = {name: name.partition("/")[2] for name in found.files if name.startswith(f"{STORE}/")} | {LEDGER: LEDGER}
        copier.copy_all({target: folder / name for name, target in own.items()})
        if bad := [name for name, target in own.items() if facts(half / target) != tuple(found.files[name])]:
            raise UserError(f"The disk doesn't give back what was written to it, such as {visible(bad[0], 200)}.")
        if settings.ledger_url:
            ledger = LedgerCopy(connect(settings.ledger_url))
            try:
                ledger.fill(half / LEDGER)
            finally:
                ledger.close()
            for file in half.glob(f"{LEDGER}*"):
                file.unlink()
    differing = []
    for name in found.files:
        if name.startswith(f"{LEXICONS}/"):
            target = settings.lexicons / name.partition("/")[2]
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                write_file(target, (folder / name).read_bytes())
            elif facts(target) != tuple(found.files[name]):
                differing.append(name)
    return found, differing


def _round(store: Store, lexicons: Path, copier: "Copier") -> list[str]:
    """Copy all that isn't copied yet; returns the names of what was gone when its turn came.

    Of a training first how far its events were taken in, then the ledger, which has at least those, then checkpoints,
    then the events, which tell of all of these: a training that goes on reads events again rather than missing any.
    """
    folder = store.folder
    with ExitStack() as stack:
        journals = {path: stack.enter_context(path.open("rb")) for path in folder.glob(f"{TRAININGS}/*/{JOURNAL}")}
        heard = {path: _content(path.with_name(HEARD)) for path in journals}
        ledger = copier.folder / LEDGER
        ledger.unlink(missing_ok=True)
        parts = store.ledger_copy.write(ledger, folder)
        copier.files[LEDGER] = facts(ledger) or (0, "")
        paths = [*folder.glob("*.json"), *folder.glob(STORE_ID), *_training_files(folder / TRAININGS)]
        wanted = {f"{STORE}/{path.relative_to(folder).as_posix()}": path for path in paths}
        wanted |= {f"{STORE}/{part.path}": folder / part.path for part in parts}
        wanted |= {
            f"{LEXICONS}/{path.relative_to(lexicons).as_posix()}": path
            for path in lexicons.rglob("*")
            if path.is_file()
        }
        lost = copier.copy_all(wanted)
        for part in parts:
            size, sha256 = copier.files.get(name := f"{STORE}/{part.path}", (part.bytes, part.sha256))
            if size != part.bytes or (part.sha256 or sha256) != sha256:
                lost.append(name)
        for path, journal in journals.items():
            name = f"{STORE}/{path.relative_to(folder).as_posix()}"
            if not os.fstat(journal.fileno()).st_nlink:  # a process ended, and another may have begun
                lost.append(name)
            whole, newline, _ = journal.read().rpartition(b"\n")
            copier.put(name, whole + newline)
            copier.put(f"{name.removesuffix(JOURNAL)}{HEARD}", heard[path])
    return lost


def _training_files(folder: Path) -> Iterator[Path]:
    """The files of all trainings but what is written at this moment: their journals, and half checkpoints."""
    for place, folders, files in os.walk(folder):
        # Asked before its files are listed: the mark of a whole checkpoint is written last.
        folders[:] = [
            name for name in folders if not name.startswith("checkpoint-") or Path(place, name, WHOLE).is_file()
        ]
        yield from (Path(place, name) for name in files if name not in (JOURNAL, HEARD) and name[0] != ".")


class Copier:
    """Copies files below a folder and remembers what they are; a part that is there is left alone."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder, self._say = folder, say
        self.files: dict[str, tuple[int, str]] = {}

    def copy_all(self, wanted: Mapping[str, Path]) -> list[str]:
        """Copy the files that are wanted, and no others, under their names; returns the names of those that are gone.

        Raises UserError before anything is copied where they don't fit on the disk.
        """
        for name in self.files.keys() - wanted.keys() - {LEDGER}:
            self.folder.joinpath(name).unlink()
            del self.files[name]
        sizes, done = dict[str, int](), 0
        for name, path in wanted.items():
            with suppress(FileNotFoundError):
                if name not in self.files or not name.startswith(_PARTS):  # parts never change
                    sizes[name] = path.stat().st_size
        if (total := sum(sizes.values())) > (free := shutil.disk_usage(self.folder).free):
            raise UserError(f"{total / 1e9:,.1f} GB are to be copied, and the disk has {free / 1e9:,.1f} GB left.")
        for name, size in sizes.items():
            with suppress(FileNotFoundError):
                self.put(name, wanted[name])
            done += size
            self._say(done, total)
        return [name for name in wanted if name not in self.files]

    def put(self, name: str, content: Path | bytes) -> None:
        """Write a file in the place of an earlier one."""
        # Bytes of its own, no hard link: what damages a file in the store must not reach its backup.
        target, digest, size = self.folder / name, hashlib.sha256(), 0
        with content.open("rb") if isinstance(content, Path) else BytesIO(content) as source:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as copy:
                while chunk := source.read(_CHUNK):
                    copy.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                copy.flush()
                os.fsync(copy.fileno())
        self.files[name] = (size, digest.hexdigest())


def _content(path: Path) -> bytes:
    """A file's content, nothing where there is none."""
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""


def facts(path: Path) -> tuple[int, str] | None:
    """A file's bytes and hash, None where it can't be read."""
    with suppress(OSError), path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
    return None


@contextmanager
def whole_folder(target: Path, mode: int = 0o777) -> Iterator[Path]:
    """A folder to fill, which becomes `target` when the block ends well. Raises UserError where that isn't empty."""
    shown = visible(str(target))
    # A disk or a container's volume can't be put in place by renaming: there what was written moves up at the end.
    mounted = target.is_mount()
    half = (target if mounted else target.parent) / f".{target.name}.{uuid.uuid4().hex[:8]}.half"
    try:
        if target.exists() and (held := sorted(path.name for path in target.iterdir())):
            raise UserError(f"{shown} is not empty, it holds {visible(', '.join(held), 200)}: name a new folder.")
        half.mkdir(parents=True, mode=mode)
        yield half
        if not mounted:
            half.rename(target)
        for path in half.iterdir() if mounted else ():
            path.rename(target / path.name)
    except OSError as error:
        full = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
        raise UserError(f"{shown} could not be written: {full}. Nothing was changed.") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
