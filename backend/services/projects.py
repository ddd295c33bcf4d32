"""Projects: what is to be annotated, by whose rules, and how far it is.

Owns making, changing, closing and deleting a project, and taking in texts from elsewhere. Knows nothing of how labels
are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from backend.annotation import AnnotatedText, Item, Project, Scheme
from backend.services.annotate_info import Drawn, ProjectInfo, ProjectSpec
from backend.services.lexicons import LexiconService
from backend.services.people import PeopleService
from backend.store import Store


class Guidelines(NamedTuple):
    """A version of a project's guidelines; `person` is the id of who wrote it."""

    version: int
    text: str
    person: str
    created: str


class ProjectService:
    """The projects of one store."""

    def __init__(self, store: Store, lexicons: LexiconService, people: PeopleService) -> None:
        """`people` is the gate, `lexicons` names those whose cues may be shown."""
        self._store = store

    def preview(self, spec: ProjectSpec) -> Drawn:
        """What `create` would take, without writing anything. Raises UserError like it."""
        raise NotImplementedError

    def create(self, actor: str, spec: ProjectSpec) -> Project:
        """Draw the traces, cut them into items and open the project. For admins."""
        raise NotImplementedError

    def import_texts(
        self, actor: str, name: str, scheme: Scheme, texts: Sequence[AnnotatedText], gold: bool = False
    ) -> Project:
        """A project of texts that are no traces, with the labels they bring. For admins.

        Each annotator a file names becomes a person of source "imported", who can't sign in. With `gold`, or where a
        span says so, labels are adjudicated ones; `gold` also settles every item. Span ids are kept where they can
        be. `meta` may tell what an export of ours tells: "trace", "run", "stratum", "blind", "settled".
        """
        raise NotImplementedError

    def get(self, project_id: str) -> Project:
        """One project. Raises UserError where there is none."""
        raise NotImplementedError

    def all(self) -> list[ProjectInfo]:
        """Every project with how far it is, the newest first."""
        raise NotImplementedError

    def info(self, project_id: str) -> ProjectInfo:
        """One project with how far it is."""
        raise NotImplementedError

    def change(
        self,
        actor: str,
        project_id: str,
        *,
        name: str | None = None,
        guidelines: str | None = None,
        scheme: Scheme | None = None,
        annotators: int | None = None,
        lexicon: str | None = None,
    ) -> Project:
        """Change what is not None; guidelines and scheme get a new version. For admins.

        A scheme can't lose a label or flag in use, nor turn a label into its opposite.
        """
        raise NotImplementedError

    def close(self, actor: str, project_id: str) -> Project:
        """Take no more labels. For admins."""
        raise NotImplementedError

    def reopen(self, actor: str, project_id: str) -> Project:
        """Take labels again. For admins."""
        raise NotImplementedError

    def delete(self, actor: str, project_id: str) -> None:
        """Forget a project with its items, labels and the texts nothing else holds. For admins."""
        raise NotImplementedError

    def guidelines(self, project_id: str) -> list[Guidelines]:
        """Every version of a project's guidelines, the newest first."""
        raise NotImplementedError

    def scheme(self, project_id: str, version: int) -> Scheme:
        """A project's label scheme as it was at a version."""
        raise NotImplementedError

    def items(self, project_id: str) -> list[Item]:
        """A project's items in order, with the traces they come from: not for annotators' eyes."""
        raise NotImplementedError

    def text(self, item_id: str) -> str:
        """The whole text an item is a stretch of."""
        raise NotImplementedError

    def set_priorities(self, actor: str, project_id: str, priorities: Mapping[str, float]) -> None:
        """Order the queue: item id -> priority, the highest first; items not named keep theirs. For admins."""
        raise NotImplementedError

    def version(self, project_id: str | None = None) -> str:
        """A token that changes with every label, claim, finished item and change of a project (None: of any).

        For caches. Time at work, places and the writes of runs and jobs leave it alone.
        """
        raise NotImplementedError
