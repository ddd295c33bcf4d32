"""The demo: shipped runs of the lab's models, copied into a new store, and removed again at one click.

Owns the folder they are shipped in: `runs.json` with what the ledger knows of them, and their parts.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from backend.annotation import Role
from backend.codec import decode, encode
from backend.domain import TRAINING, Run, RunInfo
from backend.files import write_file
from backend.services.access.authorization import needs
from backend.store import Store
from backend.store.ledger import PartRow, ProblemRow, SourceRow
from backend.store.parts import PartWriter, disk_errors, remove_parts

FOLDER = "demo"
_MARKER = "demo.json"


class DemoService:
    """The demo runs of one store."""

    def __init__(self, store: Store, shipped: Path) -> None:
        """`shipped` is the folder of the lab's models; the demo lies in it."""
        self._store, self._folder = store, shipped / FOLDER

    def available(self) -> bool:
        """Whether a demo is shipped."""
        return (self._folder / "runs.json").is_file()

    def install(self, *, wanted: bool = False) -> list[str]:
        """Copy the demo into a store that has never had it and holds no run; returns the runs' ids.

        A store from which somebody removed it doesn't get it again, unless it is `wanted`.
        """
        listing, marker = self._folder / "runs.json", self._store.folder / _MARKER
        # Somebody's own runs are not to be mixed with ours without being asked.
        if not self.available() or (not wanted and (marker.exists() or self._store.ledger.runs())):
            return []
        entries = json.loads(listing.read_text("utf-8"))
        found = [entry["run"]["id"] for entry in entries["runs"]]
        # The list comes first: what a process that dies half-way has copied can then be removed again.
        with disk_errors():
            write_file(marker, json.dumps(found))
        for entry in entries["runs"]:
            self._bring(entry, entries["lexicons"])
        return found

    def present(self) -> list[str]:
        """Ids of demo runs that are in the store."""
        marker = self._store.folder / _MARKER
        brought = json.loads(marker.read_text("utf-8")) if marker.is_file() else []
        return [run for run in brought if self._store.ledger.find_run(run)]

    @needs(Role.ADMIN)
    def remove(self) -> int:
        """Remove the demo's runs; returns how many there were. Models and everything else stay."""
        runs = self.present()
        for run in runs:
            self._store.delete_run(run)
        return len(runs)

    @needs(Role.ADMIN)
    def restore(self) -> list[str]:
        """Copy the demo in because somebody wants it: after it was removed, or beside runs of their own."""
        return self.install(wanted=True)

    def ship_all(self, runs: Sequence[str]) -> int:
        """Replace all shipped runs with these of the store; returns the demo's size in bytes."""
        return self._write(runs, lambda _format: False)

    def ship(self, runs: Sequence[str]) -> int:
        """Replace the shipped runs, except the answers of trainings, with these of the store; returns the demo's size
        in bytes.
        """
        return self._write(runs, lambda format_: format_ == TRAINING)

    def ship_answers(self, runs: Sequence[str]) -> int:
        """Replace the shipped answers of trainings with these runs of the store; returns the demo's size in bytes."""
        return self._write(runs, lambda format_: format_ != TRAINING)

    def _write(self, runs: Sequence[str], stays: Callable[[str], bool]) -> int:
        listing = self._folder / "runs.json"
        known: dict[str, Any] = json.loads(listing.read_text("utf-8")) if listing.is_file() else {"runs": []}
        kept = [entry for entry in known["runs"] if stays(entry["run"]["info"]["format"])]
        for entry in known["runs"]:
            for part in entry["parts"] if entry not in kept else ():
                (self._folder / part["path"]).unlink(missing_ok=True)
        # Cues are shipped as they were found: the lexicons they were found with go along, whatever becomes of these.
        entries = [*kept, *(self._entry(run) for run in runs)]
        used = {name for entry in entries for name in entry.get("lexicons", known.get("lexicons", {}))}
        contents = known.get("lexicons", {}) | json.loads(json.dumps(self._store.ledger.lexicons(), default=str))
        found = {"runs": entries, "lexicons": {name: contents[name] for name in sorted(used)}}
        write_file(listing, json.dumps(found, indent=1, ensure_ascii=False))
        return sum(file.stat().st_size for file in self._folder.rglob("*") if file.is_file())

    def _entry(self, run_id: str) -> dict[str, Any]:
        ledger = self._store.ledger
        run = self._store.chosen([run_id])[0]
        parts = [part for kind in ("traces", "cues", "counts", "tokens") for part in ledger.parts(kind, [run_id])]
        for part in parts:
            (self._folder / part.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._store.folder / part.path, self._folder / part.path)
        return {
            "run": encode(dataclasses.replace(run, info=_without_origin(run.info))),
            "problems": encode(ledger.problems(run_id)),
            "sources": encode(ledger.sources(run_id)),
            "parts": encode(parts),
            "lexicons": sorted(ledger.run_lexicons().get(run_id, ())),
            "rules": ledger.run_rules()[run_id],
        }

    def _bring(self, entry: dict[str, Any], lexicons: dict[str, dict[str, Any]]) -> None:
        run = decode(Run, entry["run"])
        ledger, old = self._store.ledger, self._store.ledger.parts(run_ids=[run.id])
        if ledger.find_run(run.id) and not self._store.parts.verify([run.id]):
            return
        problems, sources = decode(list[ProblemRow], entry["problems"]), decode(list[SourceRow], entry["sources"])
        with PartWriter(self._store.folder, run.id) as writer:
            for part in entry["parts"]:
                writer.take(decode(PartRow, part), self._folder / part["path"])
            held = {name: lexicons[name] for name in entry.get("lexicons", lexicons)}
            rules = entry.get("rules", 1)
            if not ledger.find_run(run.id):
                writer.register(lambda parts: ledger.add_run(run, sources, problems, parts, held, rules))
            elif writer.register(lambda parts: ledger.replace_parts(run.id, old, parts, rules, held)):
                remove_parts(self._store.folder, old)


def _without_origin(info: RunInfo) -> RunInfo:
    """A run's description without the job and the checkpoint it came from: only its own store has those."""
    # Step 0 of a training is the base itself, which is shipped.
    gone = info.format == TRAINING and info.variant != "step 0"
    return dataclasses.replace(info, job=None, model_id=None if gone else info.model_id)
