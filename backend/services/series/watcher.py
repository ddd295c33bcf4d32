"""Watching files and folders that grow: new steps come in by themselves, as a job that goes on until it is cancelled.

Owns the pace of looking, what is said of a step, and what a restart goes on from: a file in the store for each watch.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from backend.config import Settings
from backend.domain import ImportProblem, Run, UserError, visible
from backend.exchange.traces.file_growth import GrowingFile
from backend.files import write_file
from backend.job import Job, JobKind, JobState, Lane
from backend.measure.alarms import alarms, chosen
from backend.outages import StoreUnavailable
from backend.reader_process import reader_pool
from backend.report.numbers import Form, number
from backend.services.access.machine_files import readable
from backend.services.jobs import JobCancelled, JobProgress, JobService
from backend.services.series.folder_look import FileNews, FilesSeen, look_at_files, stamps_below
from backend.services.series.series import Series, SeriesLine, SeriesService
from backend.services.traces.source_importer import ImportOutcome
from backend.store import Store

FOLDER: Final = "watches"
_POLL_SECONDS: Final = 0.5
_QUIET_SECONDS: Final = 10.0  # a file that can't be read and changed so lately may be half written
_PACE: Final = 1.0  # times as long as a look took, to the next: a large file that grows must not take a whole core
_FIGURES: Final = (
    ("accuracy", "accuracy {}", Form.PERCENT),
    ("length", "length {} {unit}", Form.DECIMAL),
    ("cues", "{} cues a trace", Form.DECIMAL),
    ("per_1k", "{} per 1,000 {unit}", Form.DECIMAL),
)
Result = dict[str, Any]


class WatchService:
    """Watches of one store."""

    def __init__(self, store: Store, settings: Settings, jobs: JobService, series: SeriesService) -> None:
        """`series` has the figures of a step."""
        self._store, self._settings, self._jobs, self._series = store, settings, jobs, series

    def submit(
        self,
        paths: Sequence[Path],
        *,
        once: bool = False,
        until_idle: float | None = None,
        fail_on: Sequence[str] = (),
        rules: Mapping[str, float | None] | None = None,
    ) -> Job:
        """Queue a watch of files and folders; an open one of the same paths is returned as it is.

        It ends when it is cancelled, after one look (`once`), after so many seconds without a change, or when an alarm
        of `fail_on` goes off. `rules` are other limits for alarms; None switches one off. Raises UserError for a path
        that isn't there or isn't open to pages, and for an alarm that there isn't.
        """
        where = [readable(self._settings, path).resolve() for path in paths]
        if lost := next((path for path in where if not path.exists()), None):
            raise UserError(f"{visible(str(lost))} can't be watched: there is no such file or folder.")
        if any(self._store.folder.resolve().is_relative_to(path) for path in where):
            raise UserError("The store lies below what is to be watched, and a watch would read what it writes.")
        chosen(dict.fromkeys(fail_on))  # names that there aren't
        chosen(rules or {})
        asked = {"once": once, "until_idle": until_idle, "fail_on": list(fail_on)} | ({"rules": rules} if rules else {})
        spec = {"paths": [str(path) for path in where], **asked}
        more = f" and {len(where) - 1} more" if len(where) > 1 else ""
        same = (job for job in self._jobs.open() if job.kind is JobKind.WATCH and job.spec == spec)
        title = f"Watch of {where[0].name}{more}"
        return next(same, None) or self._jobs.submit(JobKind.WATCH, title, spec, Lane.WATCH)

    def open(self, path: Path) -> Job | None:
        """The open watch of this path that nobody has asked to stop, if there is one."""
        where = str(path.resolve())
        found = (job for job in self._jobs.open() if job.kind is JobKind.WATCH and where in job.spec["paths"])
        return next((job for job in found if job.state is not JobState.CANCELLING), None)

    def carry_out(self, job: Job, progress: JobProgress) -> Result:
        """Look again and again, until it is enough. Raises JobCancelled."""
        return _Watch(self._store, self._settings, self._series, job, progress).follow()

    def settle(self, job: Job) -> Result:
        """What a watch that was ended from outside had stored."""
        return {"runs": list(_load(self._store, job.id)["runs"])}


class _Watch:
    """A watch at work."""

    def __init__(
        self, store: Store, settings: Settings, series: SeriesService, job: Job, progress: JobProgress
    ) -> None:
        self._store, self._settings, self._series, self._job, self._progress = store, settings, series, job, progress
        self._paths = [Path(path) for path in job.spec["paths"]]
        self._readers = reader_pool(settings.read_mb, settings.read_seconds)
        known = _load(store, job.id)
        self._files = {path: _file(found) for path, found in known["files"].items()}
        self._runs: dict[str, int] = known["runs"]
        self._said: set[str] = set(known["said"])
        self._rang: set[str] = set(known["rang"])
        self._waiting, self._alarm = False, ""

    def follow(self) -> Result:
        spec, seen, now = self._job.spec, None, time.monotonic()
        changed, due, waits = now, now, now
        self._note("looking")
        while True:
            stamps, now = stamps_below(self._paths), time.monotonic()
            if now >= due and (stamps != seen or (self._waiting and now >= waits)):
                changed = now if stamps != seen else changed
                with suppress(StoreUnavailable):  # it may pass: what was not stored is looked at again
                    self._look()
                    seen = stamps
                ended = time.monotonic()
                due, waits = ended + _PACE * (ended - now), ended + _QUIET_SECONDS
            whole = spec["once"] and seen is not None and not self._waiting
            idle = spec["until_idle"] is not None and now - changed > spec["until_idle"]
            if whole or idle or self._alarm:
                return self._result()
            if self._progress.cancelled():
                raise JobCancelled(self._result())
            time.sleep(_POLL_SECONDS)

    def _result(self) -> Result:
        _place(self._store, self._job.id).unlink(missing_ok=True)
        return {"runs": list(self._runs)} | ({"alarm": self._alarm} if self._alarm else {})

    def _look(self) -> None:
        said: set[str] = set()
        before = dict(self._runs)
        try:
            quiet = 0.0 if self._job.spec["once"] else _QUIET_SECONDS
            asked = (self._settings, self._paths, self._files, quiet)
            with closing(self._readers.stream(look_at_files, *asked)) as steps:
                for step in steps:
                    if self._progress.cancelled():
                        raise JobCancelled(self._result())
                    if isinstance(step, FilesSeen):
                        self._files, self._waiting = step.files, step.waiting
                    elif isinstance(step, FileNews):
                        self._progress.log(visible(step.sentence), "warning")
                    elif isinstance(step, ImportOutcome):
                        self._stored(step) if step.run else said.add(step.sentence)
        except ImportProblem as problem:  # it took too much
            said.add(str(problem))
        for sentence in sorted(said - self._said):
            self._progress.log(sentence, "error")
        self._said = said
        self._listen([run for run, traces in self._runs.items() if before.get(run) != traces])
        self._save()

    def _listen(self, runs: Sequence[str]) -> None:
        """Say which alarms of the series of these runs went off, each once."""
        found = [self._store.ledger.find_run(run) for run in runs]
        names = {run.info.series for run in found if run and run.info.series and run.info.step is not None}
        for series in self._series.all() if names else ():
            for line in series.lines if series.name in names else ():
                for alarm in alarms(self._series.figures(series, None, line), chosen(self._job.spec.get("rules", {}))):
                    if (key := f"{series.name} {line.name} {alarm.rule}") not in self._rang:
                        self._rang.add(key)
                        self._progress.log(f"Alarm {alarm.rule} of {series.name}: {alarm.sentence}", "warning")
                        if alarm.rule in self._job.spec["fail_on"]:
                            self._alarm = self._alarm or f"{alarm.rule}: {alarm.sentence}"

    def _stored(self, outcome: ImportOutcome) -> None:
        run = self._store.ledger.find_run(outcome.run or "")
        if not run or self._runs.get(run.id) == run.traces:
            return
        grew, self._runs[run.id] = run.id in self._runs, run.traces
        told = {"present": "in the store already", "grown": "grown" if grew else "new"}.get(outcome.state, "new")
        line = f"{_name(run)}, {told}: {self._figures(run)}"
        self._progress.log(line)
        self._note(line)
        self._save()

    def _figures(self, run: Run) -> str:
        line = SeriesLine(run.info.dataset, run.info.context, ((run.info.step or 0, (run.id,)),))
        [step] = self._series.figures(Series("", (line,)), None, line)
        words = [f"{run.traces:,} trace{'' if run.traces == 1 else 's'}"]
        for key, form, kind in _FIGURES:
            found = step.figures.get(key)
            words.append(form.format(number(found.value if found else None, kind), unit=run.length_unit))
        return ", ".join(words)

    def _note(self, message: str) -> None:
        count = len(self._runs)
        self._progress.begin(count, "steps", count)
        self._progress.note(message)

    def _save(self) -> None:
        files = {path: asdict(file) for path, file in self._files.items()}
        state = {"files": files, "runs": self._runs, "said": sorted(self._said), "rang": sorted(self._rang)}
        place = _place(self._store, self._job.id)
        place.parent.mkdir(exist_ok=True)
        write_file(place, json.dumps(state), durable=False)


def _name(run: Run) -> str:
    step = f"step {run.info.step} of {run.info.series}" if run.info.series and run.info.step is not None else run.label
    return visible(step, 120)


def _place(store: Store, job: str) -> Path:
    return store.folder / FOLDER / f"{job}.json"


def _load(store: Store, job: str) -> dict[str, Any]:
    """What an earlier attempt at a watch knew."""
    with suppress(OSError, ValueError):
        return dict(json.loads(_place(store, job).read_text("utf-8")))
    return {"files": {}, "runs": {}, "said": [], "rang": []}


def _file(found: Mapping[str, Any]) -> GrowingFile:
    parts = {key: (tuple(place), rows) for key, (place, rows) in found["parts"].items()}
    places = {"stamp": tuple(found["stamp"]), "known": tuple(found["known"]), "start": (0, 0), "parts": parts}
    return GrowingFile(**{**found, **places})
