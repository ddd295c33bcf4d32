"""One look at the files of a watch: what grew is stored, what waits waits, and what happened to a file is told.

Owns which runs are read again. It runs in a reader process, which stays warm between two looks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from backend.config import Settings
from backend.domain import ImportProblem
from backend.exchange.traces.detection import named
from backend.exchange.traces.file_growth import FILES, GrowingFile, look, stamp_of
from backend.exchange.traces.run_parts import beginning_at, can_begin_later
from backend.exchange.traces.scan import scan
from backend.grading.pool import GraderPool
from backend.import_plan import ImportPlan, Source, SourceKind
from backend.services.access.people import PeopleService
from backend.services.lexicons.catalog import LexiconService
from backend.services.traces.importer import outcomes_of
from backend.services.traces.source_importer import ImportOutcome, SourceImporter, identity_of, places_of
from backend.store import Store

_QUIET = [0.0]


@dataclass(frozen=True, slots=True)
class FilesSeen:
    """The end of a look: the files as they were, and whether one of them waits to be whole."""

    files: dict[str, GrowingFile]
    waiting: bool


@dataclass(frozen=True, slots=True)
class FileNews:
    """Something that happened to a file, as a sentence."""

    sentence: str


Told = ImportOutcome | FileNews | FilesSeen | tuple[int, int, str]


def stamps_below(paths: Sequence[Path]) -> dict[str, tuple[int, ...]]:
    """The state of every file of a watch, by path: nothing is opened."""
    found = {}
    for path in map(str, paths):
        for folder, inner, names in os.walk(path):
            inner[:] = [name for name in inner if not name.startswith(".")]
            for name in names:
                with suppress(OSError):
                    each = os.path.join(folder, name)  # noqa: PTH118
                    found[each] = stamp_of(each)
        with suppress(OSError):
            if not os.path.isdir(path):  # noqa: PTH112
                found[path] = stamp_of(path)
    return found


def look_at_files(
    settings: Settings,
    paths: Sequence[Path],
    files: Mapping[str, GrowingFile],
    quiet: float,
    tell: Callable[[Told], None],
) -> None:
    """Read what grew since `files` were seen; `tell` gets outcomes, news, steps of progress and at last the files.

    What can't be read may be half written where it changed less than `quiet` seconds ago, and waits.
    """
    _QUIET[0] = quiet
    FILES.update(files)
    try:
        _look(settings, paths, files, tell)
    finally:
        FILES.clear()  # whatever else this process reads, it reads as it stands


def _look(
    settings: Settings, paths: Sequence[Path], files: Mapping[str, GrowingFile], tell: Callable[[Told], None]
) -> None:
    known, stamps = dict(files), stamps_below(paths)
    for path, stamp in stamps.items():
        if path not in files or files[path].stamp != stamp:
            with suppress(OSError):  # gone again
                if not look(path, stamp):
                    del known[path]
                    tell(FileNews(f"{path} was truncated or replaced: it is read anew."))
    for path in files.keys() - stamps.keys():
        del FILES[path]
        tell(FileNews(f"{path} is gone: what was read of it stays."))
    plan = scan([path for path in paths if path.exists()])
    importer = SourceImporter(*_kept(settings), None, lambda *step: tell(step))
    waiting = _problems(plan, tell)
    for outcome in _taken(importer, plan.sources, known):
        if isinstance(outcome, ImportProblem):
            waiting |= _reported(outcome, tell)
        elif outcome:
            tell(outcome)
        else:
            waiting = True
    tell(FilesSeen(dict(FILES), waiting))


@cache
def _kept(settings: Settings) -> tuple[Store, LexiconService, GraderPool]:
    """What a look works with, made once: graders take a second to start."""
    store = Store(settings)
    lexicons = LexiconService(store, settings.lexicons, PeopleService(store, settings))
    return store, lexicons, GraderPool(settings.graders)


def _problems(plan: ImportPlan, tell: Callable[[Told], None]) -> bool:
    """Tell what of a plan can't be read; returns whether any of it waits."""
    waiting = [_reported(problem, tell) for problem in plan.failed]
    for outcome in outcomes_of(replace(plan, failed=[], skipped=[])):
        tell(outcome)
    return any(waiting)


def _reported(problem: ImportProblem, tell: Callable[[Told], None]) -> bool:
    """Tell what can't be read, unless it may only be half written: then it waits, which is returned."""
    for path, file in FILES.items():
        # Of a container the file inside is named behind it.
        if problem.file != path and not problem.file.startswith(f"{path}/"):
            continue
        if not (file.stamp[1] and file.whole != 0):
            return False  # nothing is in it yet: it will be looked at once it has changed
        if file.whole is None and _is_fresh(file):
            return True
    tell(ImportOutcome("failed", str(problem)))
    return False


def _is_fresh(file: GrowingFile) -> bool:
    return 0 <= time.time() - file.stamp[2] / 1e9 < _QUIET[0]


def _taken(
    importer: SourceImporter, sources: Sequence[Source], before: Mapping[str, GrowingFile]
) -> Iterator[ImportOutcome | ImportProblem | None]:
    """Store what is new of each source; None for one that is to wait."""
    watched = importer.store.watched
    held, moved = watched.contents(), {}
    for source in sources:
        content, places, path = identity_of(source), places_of(source), str(source.paths[0])
        run, known = held.get(places[0], ("", ""))
        if source.kind is SourceKind.PROBLEMS:
            # A set is told by its whole content, so that it is taken once it is written.
            yield None if path in FILES and _is_fresh(FILES[path]) else importer.problems(source, False)
            continue
        if known == content:
            continue
        alone = len(source.files) == 1 and not source.mapping and can_begin_later(named(source.format), path)
        part = FILES[path].parts.get(source.key) if alone else None
        as_before = path in before and before[path].parts.get(source.key) == part
        if known and as_before and part and part[1] >= 0:
            moved[places[0]] = (run, content)  # other runs of its file grew
            continue
        try:
            with beginning_at(path, part[0]) if part else nullcontext():
                yield importer.run(source, False, places)
        except ImportProblem as problem:
            if part:  # what was not stored isn't known, however many rows it has
                FILES[path].parts[source.key] = (part[0], -1)
            yield problem
    watched.enter(moved)
