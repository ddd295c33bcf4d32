"""Which rows the log of labels takes: every rule, and the sentence for a row that breaks one.

Owns these rules; they are held inside the transaction that enters the rows, against what stands there. Knows nothing
of databases or pages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from backend.annotation import Label, Layer, MachineCue, Op
from backend.domain import UserError, visible
from backend.services.access.display_names import prose
from backend.services.annotation.records import LabelDraft
from backend.store.annotations import LabelTransaction

STANDING: Final = 2_000
LENGTH: Final = 10_000
COMMENT: Final = 2_000
REASONS: Final = ("guideline gap", "ambiguous", "slip")
_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_WORD = re.compile(r"[a-z-]{0,20}")
TIME = re.compile(r"[0-9T:.+Z-]{0,40}")


def accepted(drafts: Sequence[LabelDraft], desk: LabelTransaction, text: str, person: str, layer: Layer) -> list[Label]:
    """The rows of `drafts` that the log lacks, in their order. Raises UserError where one of them can't be taken."""
    book = _Book(desk, text, person, layer)
    for draft in drafts:
        book.take(draft)
    return book.new


def check_ids(drafts: Sequence[LabelDraft]) -> None:
    """Raise UserError for an id that can't be looked up."""
    for name in (name for draft in drafts for name in (draft.id, draft.root or draft.id)):
        if not _ID.fullmatch(name):
            raise UserError(f"The label id '{visible(name, 64)}' has to be 1 to 64 letters, digits or any of '._:-'.")


class _Book:
    """The log as it will stand, row by row."""

    def __init__(self, desk: LabelTransaction, text: str, person: str, layer: Layer) -> None:
        self._desk, self._text, self._person, self._layer = desk, text, person, layer
        self._known, self._last = dict(desk.known), dict(desk.last)
        self._standing = desk.standing
        self.new: list[Label] = []

    def take(self, draft: LabelDraft) -> None:
        """One more row, unless it is there already."""
        if known := self._known.get(draft.id):
            self._same(draft, known)
            return
        self._gate()
        row = self._row(draft, self._root(draft))
        before = self._last.get(row.root)
        stood = before is not None and before.op is not Op.WITHDRAW
        more = (row.op is not Op.WITHDRAW) - stood
        self._standing += more
        if more > 0 and self._standing > STANDING:
            raise UserError(
                f"Item {self._number} would have more than {STANDING:,} labels, which is the most it may have."
            )
        self._known[row.id] = self._last[row.root] = row
        self.new.append(row)

    @property
    def _number(self) -> int:
        return self._desk.item.ordinal + 1

    def _gate(self) -> None:
        """The project takes labels, and this item those of this person."""
        if not self._desk.open:
            raise UserError("This project is closed: it takes no more labels until an admin reopens it.")
        if self._layer is Layer.PERSON and not self._desk.taken:
            raise UserError(
                f"Item {self._number} isn't yours to label: open it first, and if others have it already, take another."
            )

    def _same(self, draft: LabelDraft, known: Label) -> None:
        """Raise UserError unless a row that is there is what is sent again."""
        sent = (self._person, self._layer, self._desk.item.id, draft.op, draft.root or draft.id)
        kept = (known.person, known.layer, known.item, known.op, known.root)
        placed = (draft.start, draft.end, draft.label) == (known.start, known.end, known.label)
        if sent != kept or not (placed or known.op is Op.WITHDRAW):
            raise UserError(
                f"Another label has the id '{visible(draft.id, 64)}' already: send this one under a new id."
            )

    def _root(self, draft: LabelDraft) -> Label | None:
        """The last row of the label a draft goes on from; None for a new label."""
        if draft.root in ("", draft.id):
            if draft.op is Op.WITHDRAW:
                raise UserError("A withdrawal names the label it takes back; this one names none.")
            return None
        last = self._last.get(draft.root)
        if last is None or last.item != self._desk.item.id or last.layer is not self._layer:
            raise UserError(f"Item {self._number} has no label '{visible(draft.root, 64)}' that could be changed.")
        if self._layer is Layer.PERSON and last.person != self._person:
            raise UserError(f"The label '{visible(draft.root, 64)}' is somebody else's and can't be changed by you.")
        return last

    def _row(self, draft: LabelDraft, before: Label | None) -> Label:
        row = Label(
            id=draft.id,
            root=before.root if before else draft.id,
            project=self._desk.item.project,
            item=self._desk.item.id,
            person=self._person,
            op=draft.op,
            start=draft.start,
            end=draft.end,
            quote=draft.quote,
            text_sha256=draft.text_sha256,
            label=draft.label,
            layer=self._layer,
            flag=draft.flag,
            comment=prose("The comment", draft.comment, COMMENT),
            how=draft.how if _WORD.fullmatch(draft.how) else "",
            machine=draft.machine,
            reason=draft.reason,
            scheme_version=self._desk.scheme_version,
            guidelines_version=self._desk.guidelines_version,
            at=draft.at if TIME.fullmatch(draft.at) else "",
        )
        if before and draft.op is Op.WITHDRAW:
            kept = {name: getattr(before, name) for name in ("start", "end", "quote", "text_sha256", "label", "flag")}
            row = replace(row, **kept, machine=before.machine)
        self._check_place(row)
        self._check_words(row)
        return row

    def _check_place(self, row: Label) -> None:
        item, where = self._desk.item, f"characters {row.start} to {row.end}"
        if row.text_sha256 != item.text_sha256:
            raise UserError(
                f"The text of item {self._number} isn't the one this label was put on: reload the page and label again."
            )
        if not 0 <= row.start < row.end <= len(self._text):
            raise UserError(
                f"A label at {where} lies outside the text of item {self._number}, which has {len(self._text):,}."
            )
        if not item.start <= row.start < row.end <= item.end:
            raise UserError(
                f"A label at {where} lies outside the stretch to be labelled in item {self._number} "
                f"(characters {item.start} to {item.end})."
            )
        if row.end - row.start > LENGTH:
            raise UserError(f"A label of {row.end - row.start:,} characters is too long: at most {LENGTH:,}.")
        if row.quote != (found := self._text[row.start : row.end]):
            raise UserError(
                f"The label quotes '{visible(row.quote, 60)}', but at {where} item {self._number} says "
                f"'{visible(found, 60)}': reload the page and label again."
            )

    def _check_words(self, row: Label) -> None:
        if self._desk.scheme.get(row.label) is None:
            raise UserError(f"The project's scheme has no label '{visible(row.label, 60)}': reload the page.")
        if row.flag and row.flag not in self._desk.scheme.flags:
            raise UserError(f"The project's scheme has no flag '{visible(row.flag, 60)}': reload the page.")
        if row.op is Op.REJECT and self._layer is not Layer.GOLD:
            raise UserError("Only an adjudicator rejects; an annotator withdraws a label, or says that no cue is here.")
        if row.reason and (self._layer is not Layer.GOLD or row.reason not in REASONS):
            raise UserError(
                f"The reason '{visible(row.reason, 60)}' is none of an adjudicator's: {', '.join(REASONS)}."
            )
        if row.machine is not None:
            check_machine(row.machine, len(self._text))


def check_machine(cue: MachineCue, length: int) -> None:
    """Raise UserError for a machine's cue that can't stand in a text of that length."""
    if not 0 <= cue.start < cue.end <= length:
        raise UserError(f"The machine's cue at characters {cue.start} to {cue.end} lies outside the text.")
    if len(prose("The cue's entry", cue.entry, 300)) + len(prose("The cue's lexicon", cue.lexicon, 120)) == 0:
        raise UserError("The machine's cue names no lexicon and no entry.")
