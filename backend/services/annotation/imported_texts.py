"""Texts annotated elsewhere, made into a project: items, people, labels.

Owns what becomes of names, ids and offsets that a file brings. Knows nothing of files and writes nothing.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from backend.annotation import AnnotatedSpan, AnnotatedText, Item, Label, Layer, Op, Person, Project, Role, Scheme
from backend.domain import UserError, visible
from backend.lexicon.sections import split_sections
from backend.services.access.display_names import comparable, one_line, prose
from backend.services.access.people import IMPORTED, person_of
from backend.services.annotation.label_rules import REASONS, TIME, check_machine
from backend.services.annotation.sampling import item_id
from backend.store.annotation_rows import Taken, TextRow
from backend.store.project_rows import NewProject

TEXTS, TEXT, SPANS = 100_000, 2_000_000, 20_000
UNNAMED = "unnamed annotator"
_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def project_of_texts(project: Project, texts: Sequence[AnnotatedText], gold: bool) -> NewProject:
    """Everything `project` begins with. Raises UserError for what can't be taken, naming the text."""
    if not texts:
        raise UserError("There is no text to import.")
    if len(texts) > TEXTS:
        raise UserError(f"A project holds at most {TEXTS:,} texts; these are {len(texts):,}.")
    items = [_item(project, ordinal, text) for ordinal, text in enumerate(texts)]
    crowd = _Crowd()
    labels = _Labels(project, crowd, gold)
    taken = [row for item, text in zip(items, texts, strict=True) for row in _taken(crowd, item, text, gold)]
    return NewProject(
        project=replace(project, annotators=_needed(taken), blind_share=sum(i.blind for i in items) / len(items)),
        items=items,
        texts={
            item.text_sha256: TextRow(text.text, split_sections(text.text))
            for item, text in zip(items, texts, strict=True)
        },
        people=crowd.people(),
        taken=_turns(taken),
        labels=[row for item, text in zip(items, texts, strict=True) for row in labels.of(item, text)],
        settled=frozenset(i.id for i, text in zip(items, texts, strict=True) if gold or text.meta.get("settled")),
    )


class _Crowd:
    """The annotators that files name, each once."""

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
    """Spans made into rows of the log."""

    def __init__(self, project: Project, crowd: _Crowd, gold: bool) -> None:
        self._project, self._crowd, self._gold = project, crowd, gold
        self._ids: set[str] = set()

    def of(self, item: Item, text: AnnotatedText) -> Iterator[Label]:
        """The labels a text brings."""
        where = _called(item, text)
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
                person=self._project.owner if gold else self._crowd.id(span.annotator),
                op=Op.REJECT if span.rejected and gold else Op.PUT,
                start=span.start,
                end=span.end,
                quote=text.text[span.start : span.end],
                text_sha256=item.text_sha256,
                label=span.label,
                layer=Layer.GOLD if gold else Layer.PERSON,
                flag=span.flag,
                comment=prose(f"A comment in {where}", span.comment, 2_000),
                how=span.how if span.how and len(span.how) <= 20 and span.how.isascii() else IMPORTED,
                machine=span.machine,
                reason=span.reason if gold else "",
                scheme_version=min(span.scheme_version, self._project.scheme_version),
                guidelines_version=min(span.guidelines_version, self._project.guidelines_version),
                at=span.at if TIME.fullmatch(span.at) else "",
            )

    def _check(self, where: str, item: Item, span: AnnotatedSpan, length: int) -> None:
        scheme: Scheme = self._project.scheme
        if not item.start <= span.start < span.end <= item.end:
            raise UserError(
                f"{where}: the label {visible(span.label, 60)} at {span.start} to {span.end} lies outside the text "
                f"(characters {item.start} to {item.end})."
            )
        if scheme.get(span.label) is None:
            raise UserError(f"{where}: the scheme has no label '{visible(span.label, 60)}'.")
        if span.flag and span.flag not in scheme.flags:
            raise UserError(f"{where}: the scheme has no flag '{visible(span.flag, 60)}'.")
        if span.reason and span.reason not in REASONS:
            raise UserError(f"{where}: '{visible(span.reason, 60)}' is no adjudicator's reason: {', '.join(REASONS)}.")
        if span.machine is not None:
            check_machine(span.machine, length)

    def _id(self, wanted: str) -> str:
        name = wanted if _ID.fullmatch(wanted) and wanted not in self._ids else uuid.uuid4().hex
        self._ids.add(name)
        return name


def _called(item: Item, text: AnnotatedText) -> str:
    return f"Text {item.ordinal + 1} ({visible(text.id, 60)})"


def _item(project: Project, ordinal: int, text: AnnotatedText) -> Item:
    meta = _Meta(text.meta)
    where = f"Text {ordinal + 1} ({visible(text.id, 60)})"
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
    """What a text's `meta` may tell."""

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
        return float(value) if isinstance(value, int | float) and 0 <= value < 1e9 else 0.0

    def flag(self, name: str) -> bool:
        return self._values.get(name) is True


def _taken(crowd: _Crowd, item: Item, text: AnnotatedText, gold: bool) -> Iterator[Taken]:
    """Who finished the text, who labelled it, and who else its `meta` says took it."""
    done = {crowd.id(name) for name in text.done}
    people = text.meta.get("people")
    told = {crowd.id(name): _Meta(row) for name, row in people.items()} if isinstance(people, Mapping) else {}
    others = () if gold else (crowd.id(span.annotator) for span in text.spans if not span.gold)
    for person in dict.fromkeys((*done, *others, *told)):
        left = told.get(person, _Meta({}))
        state = "done" if person in done else "flagged" if left.text("state") == "flagged" else "open"
        yield Taken(item.id, person, state, 0, seconds=left.number("seconds"), note=left.prose("note", 2_000))


def _turns(taken: Sequence[Taken]) -> list[Taken]:
    """The same with what each took counted."""
    turns: dict[str, int] = {}
    counted = []
    for row in taken:
        turns[row.person] = turns.get(row.person, 0) + 1
        counted.append(row._replace(turn=turns[row.person]))
    return counted


def _needed(taken: Sequence[Taken]) -> int:
    """How many people an item has at most, at least one."""
    people: dict[str, int] = {}
    for row in taken:
        people[row.item] = people.get(row.item, 0) + 1
    return max(people.values(), default=1)
