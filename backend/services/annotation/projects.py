"""Annotation projects: making, importing, changing, closing and deleting them, and their progress."""

import dataclasses
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from backend.annotation import AnnotatedText, Item, Project, ProjectState, Role, Scheme
from backend.domain import UserError, visible
from backend.services.access.display_names import check_scheme, one_line, prose
from backend.services.access.people import PeopleService
from backend.services.annotation.imported_texts import project_of_texts
from backend.services.annotation.records import Drawn, ProjectInfo, ProjectSpec
from backend.services.annotation.sampling import draw
from backend.services.lexicons.catalog import LexiconService
from backend.services.traces.trace_list import TraceListService
from backend.store import Store
from backend.store.annotation.annotation_rows import TextRow
from backend.store.annotation.project_progress import Tally
from backend.store.annotation.project_rows import NewProject
from backend.store.trace_filters import verdict_column

ANNOTATORS, SIZE, ITEMS = 20, 5_000, 50_000
_SEED = 2**31  # a 32-bit integer in the ledger
# What never changes is held in memory: items as they were made, texts by their hash. Saving a label reads both.
_ITEMS_HELD, _TEXTS_HELD = 2_000, 64
_ID = re.compile(r"[0-9a-f-]{1,40}")


class Guidelines(NamedTuple):
    """A version of a project's guidelines; `person` is the id of who wrote it."""

    version: int
    text: str
    person: str
    created: str


class ProjectService:
    """The projects of one store."""

    def __init__(self, store: Store, lexicons: LexiconService, people: PeopleService) -> None:
        self._store, self._lexicons, self._people = store, lexicons, people
        self._trace_list = TraceListService(store, lexicons)
        self._made = lru_cache(maxsize=_ITEMS_HELD)(self.item)
        self._texts = lru_cache(maxsize=_TEXTS_HELD)(self._read_text)

    # -- making -------------------------------------------------------------------------------------

    def preview(self, spec: ProjectSpec) -> Drawn:
        """What `create` would take, without writing anything. Raises UserError like it."""
        self._check(spec)
        return draw(self._store, self._trace_list, spec, "").drawn

    def create(self, actor: str, spec: ProjectSpec) -> Project:
        """Draw the traces, cut them into items and open the project. For admins."""
        owner = self._people.require(actor, Role.ADMIN)
        self._check(spec)
        project = Project(
            id=uuid.uuid4().hex[:16],
            name=one_line("The project's name", spec.name),
            state=ProjectState.OPEN,
            scheme=spec.scheme,
            guidelines=spec.guidelines,
            lexicon=self._lexicons.get(spec.lexicon).id if spec.lexicon else "",
            annotators=spec.annotators,
            blind_share=spec.blind_share,
            seed=spec.seed,
            owner=owner.id,
        )
        sample = draw(self._store, self._trace_list, spec, project.id)
        # Only now: how many items a trace makes isn't known before it is cut.
        if len(sample.items) > ITEMS:
            raise UserError(f"This makes {len(sample.items):,} items; at most {ITEMS:,} fit. Take fewer traces.")
        project = replace(project, sampling=_sampling(spec, sample.drawn))
        # The lexicon's content is kept with the project: its file may change while people label.
        lexicons = self._contents(project.lexicon)
        self._store.projects.add(NewProject(project, sample.items, sample.texts, lexicons=lexicons))
        return self.get(project.id)

    def import_texts(
        self,
        actor: str,
        name: str,
        scheme: Scheme,
        texts: Sequence[AnnotatedText],
        gold: bool = False,
        *,
        guidelines: str = "",
        versions: tuple[int, int] = (1, 1),
        source: Mapping[str, Any] | None = None,
    ) -> Project:
        """A project of imported texts with the labels they bring. For admins.

        Each annotator a file names becomes a person of source "imported", who can't sign in. With `gold`, or where a
        span says so, labels are adjudicated ones; `gold` also settles every item. Span ids are kept where they can
        be. `meta` may hold what an export of ours puts there: "trace", "run", "stratum", "blind", "settled", and under
        "people" how each left the text. `versions` are those of scheme and guidelines, `source` is kept in `sampling`.
        """
        owner = self._people.require(actor, Role.ADMIN)
        project = Project(
            id=uuid.uuid4().hex[:16],
            name=one_line("The project's name", name),
            state=ProjectState.OPEN,
            scheme=check_scheme(scheme),
            guidelines=prose("The guidelines", guidelines),
            scheme_version=versions[0],
            guidelines_version=versions[1],
            # Last, so that a file can't say that its texts are traces.
            sampling={**(source or {}), "source": "import", "texts": len(texts)},
            owner=owner.id,
        )
        self._store.projects.add(project_of_texts(project, texts, gold))
        return self.get(project.id)

    def _check(self, spec: ProjectSpec) -> None:
        check_scheme(spec.scheme)
        prose("The guidelines", spec.guidelines)
        check_annotators(spec.annotators)
        verdict_column(spec.grader)
        if not 0 <= spec.blind_share <= 1:
            raise UserError(f"The share of blind items lies between 0 and 1; {spec.blind_share} doesn't.")
        if not 1 <= spec.size <= SIZE:
            raise UserError(f"A project takes 1 to {SIZE:,} traces; {spec.size:,} is not among them.")
        if not -_SEED <= spec.seed < _SEED:
            raise UserError(f"The seed {spec.seed} is too large: at most {_SEED - 1:,}.")
        if spec.lexicon:
            self._lexicons.get(spec.lexicon)

    def _contents(self, lexicon: str) -> dict[str, dict[str, Any]]:
        return {key: value for key, value in self._lexicons.contents().items() if key == lexicon}

    # -- reading ------------------------------------------------------------------------------------

    def get(self, project_id: str) -> Project:
        """One project. Raises UserError where there is none."""
        # The id comes out of an address: what can't be one isn't looked up.
        if _ID.fullmatch(project_id) and (found := self._store.projects.get(project_id)):
            return found
        raise UserError(f"There is no project {visible(project_id, 40)} here; it may have been deleted.")

    def all(self) -> list[ProjectInfo]:
        """Every project with its progress, the newest first."""
        return self._infos(self._store.projects.all(), None)

    def info(self, project_id: str) -> ProjectInfo:
        """One project with its progress."""
        return self._infos([self.get(project_id)], project_id)[0]

    def _infos(self, projects: Sequence[Project], only: str | None) -> list[ProjectInfo]:
        counts = self._store.progress.counts(only)
        progress: dict[str, tuple[Tally, ...]] = {}
        for tally in self._store.progress.tallies(only):
            progress[tally.project] = (*progress.get(tally.project, ()), tally)
        return [ProjectInfo(p, *counts.get(p.id, (0, 0, 0)), progress.get(p.id, ())) for p in projects]

    def guidelines(self, project_id: str) -> list[Guidelines]:
        """Every version of a project's guidelines, the newest first."""
        return [Guidelines(*row) for row in self._store.projects.guidelines(project_id)]

    def scheme(self, project_id: str, version: int) -> Scheme:
        """A project's label scheme as it was at a version."""
        if found := self._store.projects.schemes(project_id).get(version):
            return found
        raise UserError(f"The project has no version {version} of its label scheme.")

    def items(self, project_id: str) -> list[Item]:
        """A project's items in order, with the traces they come from: not for annotators' eyes."""
        return self._store.projects.items(project_id)

    def item(self, item_id: str) -> Item:
        """One item, with the trace it comes from: not for annotators' eyes. Raises UserError where there is none."""
        if _ID.fullmatch(item_id) and (found := self._store.projects.item(item_id)):
            return found
        raise UserError(f"There is no item {visible(item_id, 80)} here; its project may have been deleted.")

    def made(self, item_id: str) -> Item:
        """One item as it was made, out of a cache: everything but its priority never changes."""
        return self._made(item_id)

    def text(self, item_id: str) -> str:
        """The whole text an item is a stretch of."""
        return self.text_row(self.item(item_id).text_sha256).text

    def text_row(self, sha256: str) -> TextRow:
        """A text by its hash, with its sections. Raises UserError where there is none."""
        return self._texts(sha256)

    def _read_text(self, sha256: str) -> TextRow:
        if found := self._store.projects.text(sha256):
            return found
        raise UserError("The text isn't here any more: its project was deleted.")

    def version(self, project_id: str | None = None) -> str:
        """A token that changes with every label, claim, finished item and change of a project (None: of any).

        For caches. Time at work, places and the writes of runs and jobs leave it alone.
        """
        return ".".join(map(str, self._store.progress.version(project_id)))

    # -- changing -----------------------------------------------------------------------------------

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
        person = self._people.require(actor, Role.ADMIN)
        changed = old = self.get(project_id)
        if name is not None:
            changed = replace(changed, name=one_line("The project's name", name))
        if annotators is not None:
            changed = replace(changed, annotators=check_annotators(annotators))
        if lexicon is not None:
            changed = replace(changed, lexicon=self._lexicons.get(lexicon).id if lexicon else "")
        if guidelines is not None and guidelines != old.guidelines:
            text = prose("The guidelines", guidelines)
            changed = replace(changed, guidelines=text, guidelines_version=old.guidelines_version + 1)
        if scheme is not None and scheme != old.scheme:
            changed = replace(changed, scheme=check_scheme(scheme), scheme_version=old.scheme_version + 1)
        # `_refuse_losses` is called inside the transaction: a label may come into use while the scheme is edited.
        self._store.projects.change(old, changed, person.id, self._contents(changed.lexicon), _refuse_losses)
        return self.get(project_id)

    def close(self, actor: str, project_id: str) -> Project:
        """Take no more labels. For admins."""
        return self._set_state(actor, project_id, ProjectState.CLOSED)

    def reopen(self, actor: str, project_id: str) -> Project:
        """Take labels again. For admins."""
        return self._set_state(actor, project_id, ProjectState.OPEN)

    def _set_state(self, actor: str, project_id: str, state: ProjectState) -> Project:
        self._people.require(actor, Role.ADMIN)
        self.get(project_id)
        self._store.projects.set_state(project_id, state)
        return self.get(project_id)

    def delete(self, actor: str, project_id: str) -> None:
        """Forget a project with its items, labels and the texts nothing else holds. For admins."""
        self._people.require(actor, Role.ADMIN)
        self.get(project_id)
        self._store.projects.delete(project_id)

    def set_priorities(self, actor: str, project_id: str, priorities: Mapping[str, float]) -> None:
        """Order the queue: item id -> priority, the highest first; items not named keep theirs. For admins."""
        self._people.require(actor, Role.ADMIN)
        self.get(project_id)
        # PostgreSQL sorts NaN above everything, SQLite keeps it as NULL.
        if bad := next((item for item, value in priorities.items() if not math.isfinite(value)), None):
            raise UserError(f"The priority of item {visible(bad, 80)} is not a finite number.")
        self._store.projects.set_priorities(project_id, priorities)


def check_annotators(number: int) -> int:
    """How many people an item may need. Raises UserError for another number."""
    if not 1 <= number <= ANNOTATORS:
        raise UserError(f"An item needs 1 to {ANNOTATORS} annotators; {number:,} is not among them.")
    return number


def _refuse_losses(old: Scheme, new: Scheme, labels: set[str], flags: set[str]) -> None:
    """Raise UserError where a scheme loses a label or flag in use, or turns a label into its opposite."""
    for key in sorted(labels):
        before, after = old.get(key), new.get(key)
        if after is None:
            raise UserError(
                f"The label '{visible(key, 60)}' is in use in this project, so that the scheme has to keep it."
            )
        # Every count of agreement and gold would change its sign without a single label being touched.
        if before is not None and before.negative != after.negative:
            raise UserError(f"The label '{visible(key, 60)}' is in use and can't be turned into its opposite.")
    if lost := sorted(flags - set(new.flags)):
        raise UserError(
            f"The flag '{visible(lost[0], 60)}' is in use in this project, so that the scheme has to keep it."
        )


def _sampling(spec: ProjectSpec, drawn: Drawn) -> dict[str, Any]:
    return {
        "source": "traces",
        "wanted": dataclasses.asdict(spec.wanted),
        **{name: getattr(spec, name) for name in ("size", "window", "stratify", "grader")},
        "strata": [stratum._asdict() for stratum in drawn.strata],
    }
