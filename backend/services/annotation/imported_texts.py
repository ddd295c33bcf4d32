"""Imported annotations made into the rows of a new project: items, people, labels. Writes nothing.

Owns what becomes of the names, ids and offsets that a file brings.
"""

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from backend.annotation import AnnotatedSpan, AnnotatedText, Item, Label, Layer, Op, Person, Project, Role
from backend.domain import UserError, visible
from backend.lexicon.sections import split_sections
from backend.services.access.display_names import comparable, one_line, prose
from backend.services.access.people import IMPORTED, person_of
from backend.services.annotation.label_rules import COMMENT, ID, REASONS, Fault, check_machine, fault, plain_time
from backend.services.annotation.sampling import item_id
from backend.store.annotation.annotation_rows import Taken, TextRow
from backend.store.annotation.project_rows import NewProject

TEXTS, TEXT, SPANS = 100_000, 2_000_000, 20_000  # texts a project, code points a text, spans a text
UNNAMED = "unnamed annotator"


def project_of_texts(project: Project, texts: Sequence[AnnotatedText], gold: bool) -> NewProject:
    """Everything `project` begins with. Raises UserError, naming the text, for what can't be imported."""
    if not texts:
        raise UserError("There is no text to import.")
    if len(texts) > TEXTS:
        raise UserError(f"A project holds at most {TEXTS:,} texts; these are {len(texts):,}.")
    items = [_item(project, ordinal, text) for ordinal, text in enumerate(texts)]
    annotators = _Annotators()
    labels = _Labels(project, annotators, gold)
    # Before `people` is read below: this meets everybody whom the texts name.
    taken = [row for item, text in zip(items, texts, strict=True) for row in _taken(annotators, item, text, gold)]
    return NewProject(
        project=replace(project, annotators=_needed(taken), blind_share=sum(i.blind for i in items) / len(items)),
        items=items,
        texts={
            item.text_sha256: TextRow(text.text, split_sections(text.text))
            for item, text in zip(items, texts, strict=True)
        },
        people=annotators.people(),
        taken=_turns(taken),
        labels=[row for item, text in zip(items, texts, strict=True) for row in labels.of(item, text)],
        settled=frozenset(i.id for i, text in zip(items, texts, strict=True) if gold or text.meta.get("settled")),
    )


class _Annotators:
    """The annotators that files name, each once."""

    # Of a source of their own: nothing in a file says that its "Ann" is the one who signs in here, and she must not get
    # somebody else's labels.
    def __init__(self) -> None:
        self._by_subject: dict[str, Person] = {}

    def id(self, name: str) -> str:
        shown = one_line("The name of an annotator", name or UNNAMED)
        subject = comparable(shown)
        if subject not in self._by_subject:
            self._by_subject[subject] = person_of(IMPORTED, subject, shown, Role.VIEWER)
        return self._by_subject[subject].id

    def people(self) -> list[tuple[Person, str]]:
        return [(person, subject) for subject, person in self._by_subject.items()]


class _Labels:
    """Makes spans into rows of the label log."""

    def __init__(self, project: Project, annotators: _Annotators, gold: bool) -> None:
        self._project, self._annotators, self._gold = project, annotators, gold
        self._ids: set[str] = set()

    def of(self, item: Item, text: AnnotatedText) -> Iterator[Label]:
        """The labels a text brings. Raises UserError for one that can't stand."""
        where = _title(item.ordinal, text)
        if len(text.spans) > SPANS:
            raise UserError(f"{where} has {len(text.spans):,} spans; at most {SPANS:,} can be taken.")
        for span in text.spans:
            self._check(where, item, span, len(text.text))
            gold = self._gold or span.gold
            name = self._id(span.id)
            yield Label(
                id=name,
                root=name,
                project=self._project.id,
                item=item.id,
                # Gold is of nobody in a file: whoever imports it answers for it.
                person=self._project.owner if gold else self._annotators.id(span.annotator),
                op=Op.REJECT if span.rejected and gold else Op.PUT,
                start=span.start,
                end=span.end,
                quote=text.text[span.start : span.end],
                text_sha256=item.text_sha256,
                label=span.label,
                layer=Layer.GOLD if gold else Layer.PERSON,
                flag=span.flag,
                comment=prose(f"A comment in {where}", span.comment, COMMENT),
                # `how` is a word of ours; anything else that a file says there could be of any length.
                how=span.how if span.how and len(span.how) <= 20 and span.how.isascii() else IMPORTED,
                machine=span.machine,
                reason=span.reason if gold else "",
                # A file that was put together by hand may name versions this project never had.
                scheme_version=min(span.scheme_version, self._project.scheme_version),
                guidelines_version=min(span.guidelines_version, self._project.guidelines_version),
                at=plain_time(span.at),
            )

    def _check(self, where: str, item: Item, span: AnnotatedSpan, length: int) -> None:
        if broken := fault(span, item, self._project.scheme):
            label, flag, reason = (visible(words, 60) for words in (span.label, span.flag, span.reason))
            why = {
                Fault.PLACE: f"the label {label} at {span.start} to {span.end} lies outside the text "
                f"(characters {item.start} to {item.end})",
                Fault.LABEL: f"the scheme has no label '{label}'",
                Fault.FLAG: f"the scheme has no flag '{flag}'",
                Fault.REASON: f"'{reason}' is no adjudicator's reason: {', '.join(REASONS)}",
            }
            raise UserError(f"{where}: {why[broken]}.")
        if span.machine is not None:
            check_machine(span.machine, length)

    def _id(self, wanted: str) -> str:
        # Kept where it can be, so that a project exported and imported again has the same ids.
        name = wanted if ID.fullmatch(wanted) and wanted not in self._ids else uuid.uuid4().hex
        self._ids.add(name)
        return name


def _title(ordinal: int, text: AnnotatedText) -> str:
    return f"Text {ordinal + 1} ({visible(text.id, 60)})"


def _item(project: Project, ordinal: int, text: AnnotatedText) -> Item:
    meta = _Meta(text.meta)
    where = _title(ordinal, text)
    prose(where, text.text, TEXT)
    end = len(text.text) if text.end is None else text.end
    if not 0 <= text.start < end <= len(text.text):
        raise UserError(
            f"{where}: its stretch {text.start} to {end} is empty or outside its {len(text.text):,} characters."
        )
    return Item(
        id=item_id(project.id, ordinal),
        project=project.id,
        ordinal=ordinal,
        text_sha256=hashlib.sha256(text.text.encode()).hexdigest(),
        start=text.start,
        end=end,
        blind=meta.flag("blind"),
        trace=meta.text("trace"),
        run=meta.text("run"),
        stratum=meta.text("stratum"),
        name=visible(text.id, 200),
    )


class _Meta:
    """A text's `meta`, whose values may be anything, with a default for each that is of another kind."""

    def __init__(self, values: object) -> None:
        self._values = values if isinstance(values, Mapping) else {}

    def text(self, name: str) -> str:
        value = self._values.get(name)
        return visible(value, 200) if isinstance(value, str) else ""

    def prose(self, name: str, limit: int) -> str:
        value = self._values.get(name)
        return prose(f"The {name} of a text", value, limit) if isinstance(value, str) else ""

    def number(self, name: str) -> float:
        value = self._values.get(name)
        # 1e9 seconds are 30 years; NaN fails both comparisons.
        return float(value) if isinstance(value, int | float) and 0 <= value < 1e9 else 0.0

    def flag(self, name: str) -> bool:
        return self._values.get(name) is True


def _taken(annotators: _Annotators, item: Item, text: AnnotatedText, gold: bool) -> Iterator[Taken]:
    """Who took an item: who finished the text, who labelled it, and whom its `meta` names beside."""
    done = {annotators.id(name) for name in text.done}
    people = text.meta.get("people")
    listed = {annotators.id(name): _Meta(row) for name, row in people.items()} if isinstance(people, Mapping) else {}
    others = () if gold else (annotators.id(span.annotator) for span in text.spans if not span.gold)
    for person in dict.fromkeys((*done, *others, *listed)):
        left = listed.get(person, _Meta({}))
        state = "done" if person in done else "flagged" if left.text("state") == "flagged" else "open"
        yield Taken(item.id, person, state, 0, seconds=left.number("seconds"), note=left.prose("note", 2_000))


def _turns(taken: Sequence[Taken]) -> list[Taken]:
    """The same rows with each person's items numbered in order."""
    turns: dict[str, int] = {}
    counted = []
    for row in taken:
        turns[row.person] = turns.get(row.person, 0) + 1
        counted.append(row._replace(turn=turns[row.person]))
    return counted


def _needed(taken: Sequence[Taken]) -> int:
    """How many annotators an item needs: as many as the item with most of them has, and one at least."""
    people: dict[str, int] = {}
    for row in taken:
        people[row.item] = people.get(row.item, 0) + 1
    return max(people.values(), default=1)
