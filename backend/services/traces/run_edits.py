"""The edit of stored runs: what would change, checked, then many runs in one transaction; their identities stay.

Owns which facts of a run made here can't be changed, and that a parent's name follows where its model is renamed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.annotation import Role
from backend.domain import GENERATED, LIVE, TRAINING, Run, RunInfo, UserError, visible
from backend.import_plan import corrected
from backend.services.access.authorization import needs
from backend.services.traces.run_fields import FIELDS, SAMPLING, Values, checked, values_of
from backend.store import Store

_MADE = frozenset({"model", "context", *SAMPLING})
_TRAINED = _MADE | {"dataset", "series", "step"}
FIXED = (
    "Runs made here keep model, context and sampling: that is how they were made. Those of a training keep data set, "
    "series and step too, by which its curves find them."
)


@dataclass(frozen=True, slots=True)
class RunEdit:
    """A stored run and what it is to become; `follows` where only its parent's new name is taken over."""

    run: Run
    info: RunInfo
    follows: bool = False

    @property
    def changes(self) -> list[tuple[str, Any, Any]]:
        """(field, value before, value after) for each field that changes."""
        before, after = values_of(self.run.info), values_of(self.info)
        return [(name, before[name], after[name]) for name in FIELDS if before[name] != after[name]]

    @property
    def undone(self) -> RunEdit:
        """The edit that takes this one back."""
        return RunEdit(replace(self.run, info=self.info), self.run.info)


def edit_of(run: Run, given: Values) -> RunEdit:
    """The edit that gives a run these values. Raises UserError for one it can't have, or that can't be changed."""
    values, made = checked(run.info, given), run.info.format
    why = "tokens were counted by it"
    fixed = frozenset({"tokenizer"})
    if made in (LIVE, GENERATED, TRAINING):
        why = "it was made in a training" if made == TRAINING else "it was made here"
        fixed |= _TRAINED if made == TRAINING else _MADE
    if kept := [FIELDS[name].label.lower() for name in values if name in fixed]:
        raise UserError(f"The run's {' and '.join(kept)} can't be changed: {why}.")
    return RunEdit(run, corrected(run.info, values))


class RunEditService:
    """Edits the runs of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @needs(Role.ADMIN)
    def plan(self, given: Mapping[str, Values]) -> list[RunEdit]:
        """The edits that give runs (by id) these values, and those that follow; nothing is changed. Raises UserError.

        Where no run bears a model's name any more, and all that did bear one new name, runs trained from it follow.
        """
        runs = {run.id: run for run in self._store.ledger.runs()}
        edits: dict[str, RunEdit] = {}
        for key, values in given.items():
            if key not in runs:
                raise UserError(f"There is no run {visible(key, 40)} in this store. It may have been deleted.")
            try:
                edits[key] = edit_of(runs[key], values)
            except UserError as error:
                raise UserError(f"{visible(runs[key].label)}: {error}") from error
        infos = {key: edits[key].info if key in edits else run.info for key, run in runs.items()}
        borne, renamed = {info.model for info in infos.values()}, dict[str, set[str]]()
        for edit in edits.values():
            renamed.setdefault(edit.run.info.model, set()).add(edit.info.model)
        for key, run in runs.items():
            names = renamed.get(run.info.parent or "", set())
            if len(names) == 1 and run.info.parent not in borne and infos[key].parent == run.info.parent:
                edits[key] = RunEdit(run, replace(infos[key], parent=next(iter(names))), key not in edits)
        return [edit for edit in edits.values() if edit.changes]

    @needs(Role.ADMIN)
    def save(self, edits: Sequence[RunEdit]) -> None:
        """Make these edits, all or none. Raises UserError where a run isn't as they found it."""
        if stale := self._store.ledger.change_runs([(edit.run, edit.info) for edit in edits]):
            names = ", ".join(visible(run.label, 80) for run in stale[:3]) + (", …" if len(stale) > 3 else "")
            raise UserError(f"Nothing was saved: {names} changed, or went, meanwhile. Look at it again.")
