"""Label files: exporting a project's labels, and importing files as projects.

Owns what an export tells of people and traces, and that a project exported and imported again has the same labels.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from backend.annotation import AnnotatedSpan, AnnotatedText, Label, Labelled, Op, Project, Role, Scheme
from backend.config import Settings
from backend.domain import UserError, visible
from backend.exchange.labels import span_formats
from backend.exchange.labels.archive import safe
from backend.exchange.labels.parts import Bundle, cue_json
from backend.exchange.traces.input_files import shown_name
from backend.reader_process import reader_pool
from backend.services.access.display_names import NAME, comparable
from backend.services.access.people import PeopleService
from backend.services.annotation.label_schemes import fitted
from backend.services.annotation.labelling import LabellingService
from backend.services.annotation.machine_cues import LexiconCueFinder
from backend.services.annotation.projects import ANNOTATORS, ProjectService
from backend.services.lexicons.catalog import LexiconService
from backend.store import Store
from backend.store.annotation.annotation_rows import Taken

_NOTES = 20
_FULL = ("jsonl", "parquet")  # formats with a place for the whole log


class LabelFormat(NamedTuple):
    """A format of annotations: `name` on the command line, `title` and `holds` on pages."""

    name: str
    title: str
    suffix: str
    holds: str
    writes: bool
    reads: bool


class Exported(NamedTuple):
    """An exported file, and sentences on what its format couldn't hold."""

    name: str
    data: bytes
    notes: tuple[str, ...]


class Upload(NamedTuple):
    """A file as a browser sends it, or where it lies."""

    name: str
    data: bytes | Path


class LabelFileService:
    """Labels out of and into one store."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        lexicons: LexiconService,
        people: PeopleService,
        projects: ProjectService,
        labelling: LabellingService,
    ) -> None:
        """`people` checks roles; `store` is that of the `settings`."""
        self._settings, self._readers = settings, reader_pool(settings.read_mb, settings.read_seconds)
        self._store, self._lexicons, self._people = store, lexicons, people
        self._projects, self._labelling = projects, labelling

    def formats(self) -> list[LabelFormat]:
        """Every format, the fullest first."""
        return [
            LabelFormat(each.name, each.title, each.suffix, each.holds, each.write is not None, each.read is not None)
            for each in span_formats.FORMATS
        ]

    # -- out ----------------------------------------------------------------------------------------

    def export(
        self, actor: str, project_id: str, form: str = "jsonl", *, traces: bool = False, history: bool = False
    ) -> Exported:
        """A project's texts with everybody's labels, gold and who is done. For adjudicators.

        `traces` tells which trace and run a text is from, and its stratum, which names the model: for admins.
        `history` adds every row of the log, where the format has a place for it (JSON Lines and Parquet).
        """
        # Everybody's labels: an annotator who saw them would no longer be independent.
        self._people.require(actor, Role.ADMIN if traces else Role.ADJUDICATOR)
        project = self._projects.get(project_id)
        written = span_formats.write(form, self._bundle(project, traces, history and form in _FULL))
        name = f"{safe(project.name) or 'project'}-labels{span_formats.named(form).suffix}"
        return Exported(name, written.data, written.notes)

    def _bundle(self, project: Project, traces: bool, history: bool) -> Bundle:
        labelled = self._labelling.labelled(project.id)
        names = self._names(labelled)
        taken: dict[str, list[Taken]] = {}
        for row in self._store.annotations.taken(project.id):
            taken.setdefault(row.item, []).append(row)
        logs: dict[str, list[dict[str, Any]]] = {}
        for label in self._store.annotations.of_project(project.id) if history else ():
            logs.setdefault(label.item, []).append(_row(label, names))
        older = self._projects.guidelines(project.id)[1:]
        return Bundle(
            texts=tuple(_text(one, names, taken.get(one.item.id, []), traces, logs) for one in labelled),
            scheme=project.scheme,
            name=project.name,
            guidelines=project.guidelines,
            scheme_version=project.scheme_version,
            guidelines_version=project.guidelines_version,
            lexicon=project.lexicon,
            annotators=project.annotators,
            older=tuple({"version": g.version, "text": g.text, "created": g.created} for g in older),
        )

    def _names(self, labelled: Sequence[Labelled]) -> dict[str, str]:
        """Person -> their name in a file: two of one name are told apart by a number."""
        # By when they were entered, so that the numbers are the same in every export.
        at_work = {person for one in labelled for person in one.by_person}
        names: dict[str, str] = {}
        given: set[str] = set()
        for person in sorted(self._people.all(), key=lambda person: (person.created, person.id)):
            if person.id in at_work:
                names[person.id] = _given(person.name, given)
        return names | {person: _given(person, given) for person in sorted(at_work - names.keys())}

    # -- in -----------------------------------------------------------------------------------------

    def import_(
        self, actor: str, paths: Path | Sequence[Path], name: str = "", gold: bool = False, form: str = ""
    ) -> Project:
        """A project of the texts and labels in files or folders. For admins.

        `form` is a format's name; without it the format is detected. `gold` makes every label an adjudicated one.
        `name` is the project's; without it the file's. What couldn't be imported is in the project's `sampling`, under
        "notes".
        """
        self._people.require(actor, Role.ADMIN)
        found = [paths] if isinstance(paths, Path) else list(paths)
        return self._enter(actor, [(path, shown_name(path)) for path in found], name, gold, form)

    def import_uploads(
        self, actor: str, uploads: Sequence[Upload], name: str = "", gold: bool = False, form: str = ""
    ) -> Project:
        """Like `import_`, of files that a browser sent."""
        self._people.require(actor, Role.ADMIN)
        with tempfile.TemporaryDirectory() as folder:
            found = []
            for number, upload in enumerate(uploads):
                stem, suffix = Path(upload.name).stem, Path(upload.name).suffix.lower()
                # A text and its annotations for brat belong together by their name; of others the name is only a label.
                kept = f"{safe(stem) or 'text'}{suffix}" if suffix in (".ann", ".txt") else str(number)
                path = Path(folder) / kept
                if isinstance(upload.data, Path):
                    path.symlink_to(upload.data.resolve())
                else:
                    path.write_bytes(upload.data)
                found.append((path, upload.name))
            return self._enter(actor, found, name, gold, form)

    def _enter(self, actor: str, files: Sequence[tuple[Path, str]], name: str, gold: bool, form: str) -> Project:
        if not files:
            raise UserError("Name a file to import.")
        # In a process of bounded memory, from the first byte of a file to the last row of the project.
        [made] = self._readers.stream(import_here, self._settings, actor, files, name, gold, form)
        return self._projects.get(made)

    def enter(self, actor: str, files: Sequence[tuple[Path, str]], name: str, gold: bool, form: str) -> Project:
        """Read files, which have names to show, and enter their texts and labels as a project, in this process."""
        # A text that lies beside its annotations is read with them.
        read_with = {path.with_suffix(".txt") for path, _ in files if path.suffix.lower() == ".ann"}
        bundles = [span_formats.read(path, shown, form) for path, shown in files if path not in read_with]
        first = bundles[0]
        scheme, texts = fitted([text for bundle in bundles for text in bundle.texts], _one_scheme(bundles))
        notes = [note for bundle in bundles for note in bundle.notes]
        stem = visible(Path(files[0][1]).stem, NAME - 1).strip() or "imported"
        project = self._projects.import_texts(
            actor,
            name or first.name or stem,
            scheme,
            texts,
            gold,
            guidelines=first.guidelines,
            versions=(first.scheme_version, first.guidelines_version),
            source={"files": [visible(Path(shown).name, 200) for _, shown in files], "notes": notes[:_NOTES]},
        )
        # Only the very same lexicon: another version would show other cues than those that the labels answer.
        lexicons = {lexicon.id: name for name, lexicon in self._lexicons.by_name.items()}
        return self._projects.change(
            actor,
            project.id,
            annotators=first.annotators if 1 <= first.annotators <= ANNOTATORS else None,
            lexicon=lexicons.get(first.lexicon),
        )


def import_here(
    settings: Settings,
    actor: str,
    files: Sequence[tuple[Path, str]],
    name: str,
    gold: bool,
    form: str,
    tell: Callable[[str], None],
) -> None:
    """Import files of labels in this process, whatever memory they take; `tell` gets the project's id."""
    with closing(Store(settings)) as store:
        people = PeopleService(store, settings)
        lexicons = LexiconService(store, settings.lexicons, people)
        projects = ProjectService(store, lexicons, people)
        labelling = LabellingService(store, people, projects, LexiconCueFinder(lexicons))
        service = LabelFileService(settings, store, lexicons, people, projects, labelling)
        tell(service.enter(actor, files, name, gold, form).id)


def _text(
    one: Labelled,
    names: Mapping[str, str],
    taken: Iterable[Taken],
    traces: bool,
    logs: Mapping[str, list[dict[str, Any]]],
) -> AnnotatedText:
    item = one.item
    # Only what isn't as usual: most items are neither blind nor settled.
    meta: dict[str, Any] = {"blind": True} if item.blind else {}
    meta |= {"settled": True} if one.settled else {}
    people = {names[row.person]: _left(row) for row in sorted(taken, key=lambda row: names.get(row.person, ""))}
    meta |= {"people": people} if people else {}
    # They tell whose text it is, the stratum with the model's name: blinding would end with such a file.
    if traces:
        meta |= {name: value for name in ("trace", "run", "stratum") if (value := getattr(item, name))}
    if item.id in logs:
        meta["history"] = logs[item.id]
    spans = [_span(label, names[person]) for person, labels in one.by_person.items() for label in labels]
    return AnnotatedText(
        id=item.name or f"item {item.ordinal + 1}",
        text=one.text,
        spans=(*sorted(spans, key=lambda span: (span.annotator, span.start, span.end)), *map(_gold, one.gold)),
        start=item.start,
        end=item.end,
        done=tuple(sorted(names[person] for person in one.done)),
        meta=meta,
    )


def _left(row: Taken) -> dict[str, Any]:
    left: dict[str, Any] = {"state": row.state, "seconds": round(row.seconds, 1)}
    return left | ({"note": row.note} if row.note else {})


def _span(label: Label, annotator: str) -> AnnotatedSpan:
    return AnnotatedSpan(
        start=label.start,
        end=label.end,
        label=label.label,
        annotator=annotator,
        flag=label.flag,
        comment=label.comment,
        how=label.how,
        id=label.id,
        machine=label.machine,
        at=label.at,
        scheme_version=label.scheme_version,
        guidelines_version=label.guidelines_version,
    )


def _gold(label: Label) -> AnnotatedSpan:
    return replace(_span(label, ""), gold=True, rejected=label.op is Op.REJECT, reason=label.reason)


def _row(label: Label, names: Mapping[str, str]) -> dict[str, Any]:
    kept = ("seq", "id", "root", "op", "layer", "start", "end", "quote", "label", "flag", "comment", "how", "reason")
    row = {name: getattr(label, name) for name in (*kept, "scheme_version", "guidelines_version", "at", "received")}
    row["person"] = names.get(label.person, "")
    return row | ({"machine": cue_json(label.machine)} if label.machine else {})


def _given(name: str, given: set[str]) -> str:
    """`name`, with a number where somebody else has it already."""
    shown, number = name, 1
    while comparable(shown) in given:
        number += 1
        shown = f"{name[: NAME - 6]} ({number})"
    given.add(comparable(shown))
    return shown


def _one_scheme(bundles: Sequence[Bundle]) -> Scheme | None:
    """The schemes that files bring put together into one; None where no file brings any."""
    schemes = [bundle.scheme for bundle in bundles if bundle.scheme is not None]
    if not schemes:
        return None
    # Of one key the first file's label wins.
    labels = {label.key: label for scheme in reversed(schemes) for label in scheme.labels}
    keys = dict.fromkeys(label.key for scheme in schemes for label in scheme.labels)
    flags = dict.fromkeys(flag for scheme in schemes for flag in scheme.flags)
    return replace(schemes[0], labels=tuple(labels[key] for key in keys), flags=tuple(flags))
