"""Projects small enough to see through: a crowd with every role, made traces, drafts of labels."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backend.annotation import DEFAULT_SCHEME, AnnotatedText, Item, Op, Person, Project, Role
from backend.import_plan import Overrides
from backend.services import Services
from backend.services.annotation.records import LabelDraft, ProjectSpec, Sheet
from tests.services.made_files import row, take_one, write

TEXT = "Wait, maybe so. Hmm, I think 7 is right. Wait!"


@dataclass(frozen=True)
class Crowd:
    """Somebody of every role."""

    admin: Person
    judge: Person
    ann: Person
    bob: Person
    viewer: Person


def crowd(services: Services) -> Crowd:
    """People of every role; names typed in."""
    admin = services.people.local("Ada")
    roles = {"Judy": Role.ADJUDICATOR, "Ann": Role.ANNOTATOR, "Bob": Role.ANNOTATOR, "Vi": Role.VIEWER}
    others = [services.people.set_role(admin.id, services.people.local(name).id, role) for name, role in roles.items()]
    return Crowd(admin, *others)


def runs(services: Services, folder: Path, responses: int = 4) -> list[str]:
    """Two runs of two models: some answers right, some wrong, one that no grader knows."""
    found = []
    for model in ("base", "variant"):
        rows = [
            row(
                f"What is 1 + {number}?",
                f"{model} Wait, maybe {number}. So it is \\boxed{{{number + 1 + number % 2}}}",
                gold=str(number + 1),
                answers_correctness=[number % 2 == 0],
            )
            for number in range(responses)
        ]
        found.append(take_one(services, write(folder / f"{model}.jsonl", rows), overrides=Overrides(dataset="d")))
    return found


def project(services: Services, people: Crowd, texts: int = 2, text: str = TEXT, **changes: Any) -> Project:
    """A project of imported texts that needs two people an item."""
    made = services.projects.import_texts(
        people.admin.id, "made", DEFAULT_SCHEME, [AnnotatedText(f"t{n}", f"{text}{' ' * n}") for n in range(texts)]
    )
    return services.projects.change(people.admin.id, made.id, **{"annotators": 2, **changes})


def spec(**given: Any) -> ProjectSpec:
    """What a project asks for, with plain defaults."""
    return ProjectSpec(**{"name": "p", "grader": "file", **given})


def draft(
    on: Item | Sheet, start: int, end: int, label: str = "hesitation", text: str = TEXT, **given: Any
) -> LabelDraft:
    """A label as a page sends it."""
    sha = on.item.text_sha256 if isinstance(on, Sheet) else on.text_sha256
    values = {"id": uuid.uuid4().hex, "quote": text[start:end], "text_sha256": sha, **given}
    return LabelDraft(start=start, end=end, label=label, **values)


def undo(sent: LabelDraft, **given: Any) -> LabelDraft:
    """The withdrawal of what was sent."""
    return replace(sent, id=uuid.uuid4().hex, root=sent.root or sent.id, op=Op.WITHDRAW, **given)
