"""Repair of a store: every file is held against the ledger, and what can be mended is mended.

Owns the order: files that lie under another name go back to theirs, cues and counts are made anew from whole traces,
damaged token scores are dropped, what can't be mended is marked, and files that nothing names are removed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from backend.annotation import Role
from backend.domain import Run
from backend.services.access.authorization import needs
from backend.services.traces.refresh import RefreshService
from backend.store import Store
from backend.store.parts import remove_parts
from backend.store.verification import CHANGED, fault, put_back


@dataclass(frozen=True, slots=True)
class CheckedRun:
    """A run's files as they were found: `damage` is "" where all are whole, `mended` what a repair did to it."""

    run: Run
    files: int
    bytes: int
    damage: str = ""
    mended: str = ""


class RepairService:
    """Verifies the files of one store, and repairs them."""

    def __init__(self, store: Store, refresh: RefreshService) -> None:
        """`refresh` makes cues and counts anew."""
        self._store, self._refresh = store, refresh

    @needs(Role.ADMIN)
    def strays(self) -> int:
        """How many files there are that nothing names."""
        return len(self._store.strays())

    @needs(Role.ADMIN)
    def verify(self) -> Iterator[CheckedRun]:
        """Read every file from end to end; yields each run as it was found."""
        for run in self._store.ledger.runs():
            parts = self._store.ledger.parts(run_ids=[run.id])
            damage = self._store.parts.verify([run.id]).get(run.id)
            size = sum(part.bytes for part in parts)
            yield CheckedRun(run, len(parts), size, f"{damage.what}. {damage.remedy}" if damage else "")

    @needs(Role.ADMIN)
    def mark(self) -> None:
        """Mark every file whose hash isn't that of what was stored, for all processes to see; unmark what is whole."""
        # What is missing or too short every process notices by itself; a disk that is away for a moment is no damage.
        found = []
        for part in (part for part in self._store.ledger.parts() if part.sha256):
            words = fault(self._store.folder, part, thorough=True)
            if CHANGED in (words, part.damage) and words in ("", CHANGED):
                found.append(part._replace(damage=words or None))
        if found:
            self._store.ledger.update_parts(found)

    @needs(Role.ADMIN)
    def repair(self) -> Iterator[CheckedRun]:
        """Verify, mend what can be mended, mark what can't; yields each run as it is now."""
        store = self._store
        # Marks are found anew: what was marked may have been restored.
        store.ledger.update_parts([part._replace(damage=None) for part in store.ledger.parts() if part.damage])
        found = store.parts.verify()
        parts = {part.path: part for part in store.ledger.parts()}
        put_back(store.folder, [parts[path] for each in found.values() for path in each.faults], store.strays())
        for checked in self.verify():
            mended = "its files were put back" if checked.run.id in found and not checked.damage else ""
            yield self._mend(checked, mended)
        store.sweep(older_than=0)

    def _mend(self, checked: CheckedRun, mended: str) -> CheckedRun:
        store, run = self._store, checked.run.id
        parts = store.ledger.parts(run_ids=[run])
        damage = store.parts.damaged().get(run)
        faults = damage.faults if damage else {}
        bad = {part.kind for part in parts if part.path in faults}
        if "tokens" in bad and "traces" not in bad:
            scores = [part for part in parts if part.kind == "tokens" and part.path in faults]
            store.ledger.update_parts([], dropped=scores)
            remove_parts(store.folder, scores)
            mended = "its damaged token scores were dropped, a model can score it again"
        if bad & {"cues", "counts"} and "traces" not in bad and self._refresh.rebuild(run):
            mended = "; ".join(filter(None, (mended, "its cues were found anew")))
        left = store.parts.verify([run]).get(run) if damage else None
        # A file without a hash that is whole as far as can be told gets the hash it has: from now on it is vouched for.
        now = store.ledger.parts(run_ids=[run])
        new = [store.parts.vouched(part) for part in now]
        if new != now:
            store.ledger.update_parts(new)
        return replace(checked, damage=f"{left.what}. {left.remedy}" if left else "", mended=mended)
