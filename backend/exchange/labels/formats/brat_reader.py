"""Reader of brat standoff: a folder or a zip archive of `.txt` and `.ann` files, from brat or from our writer.

Owns who is taken for the annotator: our manifest says whose folder is whose. Without one a folder is an annotator's if
another folder has the same document, and `gold` is always gold.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from backend.annotation import AnnotatedSpan, AnnotatedText
from backend.domain import ImportProblem, visible
from backend.exchange.labels.archive import Archive, Folder
from backend.exchange.labels.formats.brat import FORMAT, GOLD, MANIFEST
from backend.exchange.labels.formats.brat_lines import BratParser
from backend.exchange.labels.parts import Bundle, Wholes, bundle_from, checked, left_out, names_from
from backend.exchange.traces.input_files import reading
from backend.exchange.traces.json_text import parse_object
from backend.exchange.traces.trace_format import RowError

_MOST = 100_000  # lines of one .ann file


def matches(tree: Folder | Archive) -> bool:
    """Whether a tree holds annotations of brat's."""
    return any(name.endswith(".ann") for name in tree.names())


def read(tree: Folder | Archive, shown: str, within: str | None = None) -> Bundle:
    """The documents of a tree. Raises ImportProblem naming file and line; `within` is what stands before its names."""
    with reading(shown):
        return _Reader(tree, f"{shown}/" if within is None else within).bundle()


class _Document(NamedTuple):
    """A document in one folder: `file` is its path without suffix."""

    file: str
    text: str
    spans: list[AnnotatedSpan]

    @property
    def folder(self) -> str:
        return str(PurePosixPath(self.file).parent)

    @property
    def name(self) -> str:
        return PurePosixPath(self.file).name


class _Reader:
    """Reads one tree."""

    def __init__(self, tree: Folder | Archive, within: str) -> None:
        self._tree, self._within = tree, within
        self._names = set(tree.names())
        self._left: Counter[str] = Counter()
        self._root, self._manifest = self._find_manifest()

    def _find_manifest(self) -> tuple[str, dict[str, Any]]:
        """The manifest, if our writer made the archive, and the folder it lies in."""
        # The shortest path first: unpacking and packing again puts everything into one more folder.
        for name in sorted(self._names, key=len):
            if PurePosixPath(name).name == MANIFEST:
                found = parse_object(self._tree.content(name))
                if found.get("format") == FORMAT:
                    return name.removesuffix(MANIFEST), found
        return "", {}

    def bundle(self) -> Bundle:
        """The bundle of everything in the tree."""
        documents = [self._document(name.removesuffix(".ann")) for name in self._names if name.endswith(".ann")]
        # By path, because a set has no order: the same archive has to make the same project.
        documents.sort(key=lambda document: document.file)
        if not documents:
            raise RowError("it holds no .ann file")
        listed = self._by_manifest(documents) if self._manifest else []
        # Documents that were added in brat afterwards stand in no manifest.
        files = {file for _, names in listed for file in names}
        texts = [*(text for text, _ in listed), *_by_folder([one for one in documents if one.file not in files])]
        notes = left_out(self._left, "Only spans, their attributes and notes can be taken.")
        return bundle_from(self._manifest.get("project") or {}, [checked(text) for text in texts], notes)

    def _document(self, file: str) -> _Document:
        if f"{file}.txt" not in self._names:
            raise ImportProblem(self._inside(f"{file}.ann"), "the text it belongs to is missing: a .txt file beside it")
        text = self._decoded(f"{file}.txt")
        ours = bool(self._manifest)
        lines = BratParser(text, self._left, _words(self._manifest, "labels"), _words(self._manifest, "flags"), ours)
        # Not splitlines: that cuts at U+2028 and form feeds too, which may stand in a note.
        rows = self._decoded(f"{file}.ann").split("\n")
        if len(rows) > _MOST:
            raise ImportProblem(self._inside(f"{file}.ann"), f"it has more than {_MOST:,} lines")
        for number, line in enumerate(rows, 1):
            try:
                lines.take(line.removesuffix("\r"))
            except RowError as error:
                raise ImportProblem(self._inside(f"{file}.ann"), str(error), number) from None
        return _Document(file, text, list(lines.spans()))

    def _decoded(self, name: str) -> str:
        try:
            return self._tree.content(name).decode()
        except UnicodeDecodeError as fault:
            raise ImportProblem(self._inside(name), f"its byte {fault.start + 1} is not valid UTF-8") from None

    def _inside(self, name: str) -> str:
        return f"{self._within}{name}"

    def _by_manifest(self, documents: list[_Document]) -> list[tuple[AnnotatedText, list[str]]]:
        """The texts as our writer had them, each with the files it was put together from."""
        by_file = {document.file: document for document in documents}
        folders, rows = self._manifest.get("folders"), self._manifest.get("documents")
        if not isinstance(folders, Mapping) or not isinstance(rows, list):
            raise RowError(f"its {MANIFEST} names no folders or no documents")
        wholes = Wholes()
        for row in rows:
            wholes.add(row.get("window") if isinstance(row, Mapping) else None)
        found = []
        for row in rows:
            if not isinstance(row, Mapping) or not isinstance(row.get("file"), str):
                raise RowError(f"its {MANIFEST} has a document that is no object with a 'file'")
            here = {who: by_file[path] for who in folders if (path := f"{self._root}{who}/{row['file']}") in by_file}
            if here:
                text = _put_together(row, here, folders, wholes)
                found.append((text, [document.file for document in here.values()]))
        return found


def _put_together(
    row: Mapping[str, Any], here: Mapping[str, _Document], folders: Mapping[str, Any], wholes: Wholes
) -> AnnotatedText:
    # Every folder has its own copy of the text; one that was edited would have its spans elsewhere.
    windows = {document.text for document in here.values()}
    if len(windows) > 1:
        raise RowError(f"the document '{visible(row['file'], 80)}' has another text in another folder")
    window = windows.pop()
    whole, offset = wholes.find(row.get("window"), window)
    spans = []
    for folder, document in here.items():
        entry = folders[folder] if isinstance(folders[folder], Mapping) else {}
        who, gold = str(entry.get("annotator", "")), entry.get("gold") is True
        spans += [_moved(span, offset, who, gold) for span in document.spans]
    meta = row.get("meta")
    return AnnotatedText(
        id=str(row.get("id") or row["file"]),
        text=whole,
        spans=tuple(spans),
        start=offset,
        end=offset + len(window),
        done=names_from(row.get("done") or [], "who is done"),
        meta=meta if isinstance(meta, dict) else {},
    )


def _moved(span: AnnotatedSpan, offset: int, annotator: str, gold: bool) -> AnnotatedSpan:
    return AnnotatedSpan(
        span.start + offset, span.end + offset, span.label, annotator, gold, flag=span.flag, comment=span.comment
    )


def _by_folder(documents: list[_Document]) -> Iterator[AnnotatedText]:
    """The texts of an archive without our manifest: a document of one name and text in several folders is one text."""
    groups: dict[tuple[str, str], list[_Document]] = {}
    for document in documents:
        groups.setdefault((document.name, document.text), []).append(document)
    for (name, text), group in groups.items():
        spans, done = [], []
        for document in group:
            who = PurePosixPath(document.folder).name
            gold = who == GOLD
            annotator = who if len(group) > 1 and not gold else ""
            spans += [_moved(span, 0, annotator, gold) for span in document.spans]
            # brat keeps no mark of a finished document: one that has an .ann file counts as finished.
            done += [] if gold else [annotator]
        yield AnnotatedText(group[0].file if len(group) == 1 else name, text, tuple(spans), done=tuple(done))


def _words(manifest: Mapping[str, Any], name: str) -> dict[str, str]:
    found = manifest.get(name)
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, Mapping) else {}
