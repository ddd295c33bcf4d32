"""The rules of the label log: which rows it takes, and the sentence for a row that breaks a rule.

`fault` checks place and words of labels from anywhere, files too. The other rules are checked inside the transaction
that enters the rows, against what stands there.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final

from backend.annotation import AnnotatedSpan, Item, Label, Layer, MachineCue, Op, Scheme
from backend.domain import UserError, visible
from backend.services.access.display_names import prose
from backend.services.annotation.records import LabelDraft
from backend.store.annotation.annotations import LabelTransaction

STANDING: Final = 2_000  # labels of one layer on an item; more of them freeze the page
LENGTH: Final = 10_000
COMMENT: Final = 2_000
REASONS: Final = ("guideline gap", "ambiguous", "slip")
# Ids are made by the browser and become keys of the log and of files: no white space, nothing that needs escaping.
ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_WORD = re.compile(r"[a-z-]{0,20}")
_TIME = re.compile(r"[0-9T:.+Z-]{0,40}")


class Fault(StrEnum):
    """A rule that a label's place or words break."""

    PLACE = "place"
    LABEL = "label"
    FLAG = "flag"
    REASON = "reason"


def fault(label: Label | AnnotatedSpan, item: Item, scheme: Scheme) -> Fault | None:
    """The first rule of place and words that a label on `item` breaks; None where it breaks none.

    Callers say it in their own sentence: to whoever labels it is a stale page, to whoever imports a file's mistake.
    """
    if not item.start <= label.start < label.end <= item.end:
        return Fault.PLACE
    if scheme.get(label.label) is None:
        return Fault.LABEL
    if label.flag and label.flag not in scheme.flags:
        return Fault.FLAG
    if label.reason and label.reason not in REASONS:
        return Fault.REASON
    return None


def plain_time(at: str) -> str:
    """A writer's time stamp; "" where it is no such thing."""
    # It is only ever shown: a broken clock is no reason to refuse somebody's work.
    return at if _TIME.fullmatch(at) else ""


def accepted(
    drafts: Sequence[LabelDraft], transaction: LabelTransaction, text: str, person: str, layer: Layer
) -> list[Label]:
    """The rows of `drafts` that the log lacks, in their order. Raises UserError where one of them can't be taken."""
    log = _LabelLog(transaction, text, person, layer)
    for draft in drafts:
        log.take(draft)
    return log.new


def check_ids(drafts: Sequence[LabelDraft]) -> None:
    """Raise UserError for an id that no label may have."""
    for name in (name for draft in drafts for name in (draft.id, draft.root or draft.id)):
        if not ID.fullmatch(name):
            raise UserError(f"The label id '{visible(name, 64)}' has to be 1 to 64 letters, digits or any of '._:-'.")


class _LabelLog:
    """The log as it will stand, row by row."""

    def __init__(self, transaction: LabelTransaction, text: str, person: str, layer: Layer) -> None:
        self._transaction, self._text, self._person, self._layer = transaction, text, person, layer
        # Copies that grow: a draft may correct or withdraw one that was sent with it.
        self._known, self._last = dict(transaction.known), dict(transaction.last)
        self._standing = transaction.standing
        self.new: list[Label] = []

    def take(self, draft: LabelDraft) -> None:
        """Take one more row, unless it is there already. Raises UserError."""
        # First of all: whoever got no answer sends again, and by then the project may be closed.
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
        return self._transaction.item.ordinal + 1

    def _gate(self) -> None:
        """Raise UserError unless the project takes labels, and this item those of this person."""
        if not self._transaction.open:
            raise UserError("This project is closed: it takes no more labels until an admin reopens it.")
        if self._layer is Layer.PERSON and not self._transaction.taken:
            raise UserError(
                f"Item {self._number} isn't yours to label: open it first, and if others have it already, take another."
            )

    def _same(self, draft: LabelDraft, known: Label) -> None:
        """Raise UserError unless a row that is there is what is sent again."""
        sent = (self._person, self._layer, self._transaction.item.id, draft.op, draft.root or draft.id)
        kept = (known.person, known.layer, known.item, known.op, known.root)
        # A withdrawal has taken its place and label from the row it withdraws.
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
        if last is None or last.item != self._transaction.item.id or last.layer is not self._layer:
            raise UserError(f"Item {self._number} has no label '{visible(draft.root, 64)}' that could be changed.")
        if self._layer is Layer.PERSON and last.person != self._person:
            raise UserError(f"The label '{visible(draft.root, 64)}' is somebody else's and can't be changed by you.")
        return last

    def _row(self, draft: LabelDraft, before: Label | None) -> Label:
        """The row a draft becomes. Raises UserError where a rule is broken."""
        row = Label(
            id=draft.id,
            root=before.root if before else draft.id,
            project=self._transaction.item.project,
            item=self._transaction.item.id,
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
            scheme_version=self._transaction.scheme_version,
            guidelines_version=self._transaction.guidelines_version,
            at=plain_time(draft.at),
        )
        # What is withdrawn keeps its words, whatever the page sends: the log has to show what was taken back.
        if before and draft.op is Op.WITHDRAW:
            kept = {name: getattr(before, name) for name in ("start", "end", "quote", "text_sha256", "label", "flag")}
            row = replace(row, **kept, machine=before.machine)
        broken = fault(row, self._transaction.item, self._transaction.scheme)
        self._check_place(row, broken)
        self._check_words(row, broken)
        return row

    def _check_place(self, row: Label, broken: Fault | None) -> None:
        item, where = self._transaction.item, f"characters {row.start} to {row.end}"
        if row.text_sha256 != item.text_sha256:
            raise UserError(
                f"The text of item {self._number} isn't the one this label was put on: reload the page and label again."
            )
        if not 0 <= row.start < row.end <= len(self._text):
            raise UserError(
                f"A label at {where} lies outside the text of item {self._number}, which has {len(self._text):,}."
            )
        if broken is Fault.PLACE:
            raise UserError(
                f"A label at {where} lies outside the stretch to be labelled in item {self._number} "
                f"(characters {item.start} to {item.end})."
            )
        if row.end - row.start > LENGTH:
            raise UserError(f"A label of {row.end - row.start:,} characters is too long: at most {LENGTH:,}.")
        # Last, because it finds what the hash can't: a browser that counts its offsets otherwise, in UTF-16 units say.
        if row.quote != (found := self._text[row.start : row.end]):
            raise UserError(
                f"The label quotes '{visible(row.quote, 60)}', but at {where} item {self._number} says "
                f"'{visible(found, 60)}': reload the page and label again."
            )

    def _check_words(self, row: Label, broken: Fault | None) -> None:
        if broken is Fault.LABEL:
            raise UserError(f"The project's scheme has no label '{visible(row.label, 60)}': reload the page.")
        if broken is Fault.FLAG:
            raise UserError(f"The project's scheme has no flag '{visible(row.flag, 60)}': reload the page.")
        if row.op is Op.REJECT and self._layer is not Layer.GOLD:
            raise UserError("Only an adjudicator rejects; an annotator withdraws a label, or says that no cue is here.")
        if broken is Fault.REASON or (row.reason and self._layer is not Layer.GOLD):
            raise UserError(
                f"The reason '{visible(row.reason, 60)}' is none of an adjudicator's: {', '.join(REASONS)}."
            )
        if row.machine is not None:
            check_machine(row.machine, len(self._text))


def check_machine(cue: MachineCue, length: int) -> None:
    """Raise UserError for a machine's cue that can't stand in a text of that length."""
    # That the lexicon really found it there isn't checked: the lexicon may have changed since.
    if not 0 <= cue.start < cue.end <= length:
        raise UserError(f"The machine's cue at characters {cue.start} to {cue.end} lies outside the text.")
    if len(prose("The cue's entry", cue.entry, 300)) + len(prose("The cue's lexicon", cue.lexicon, 120)) == 0:
        raise UserError("The machine's cue names no lexicon and no entry.")
