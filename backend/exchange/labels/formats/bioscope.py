"""Reader of BioScope: hedges that people marked in biomedical texts, as XML.

A document becomes one text: its sentences as they stand, a line each, and a blank line between parts. Of the
annotations only `<cue type="speculation">` is read; negation and scopes are left out.
"""

from typing import Final
from xml.parsers import expat

from backend.annotation import AnnotatedSpan, AnnotatedText, LabelKind, Scheme
from backend.domain import Group, ImportProblem, visible

SPECULATION: Final = "speculation"
SCHEME: Final = Scheme((LabelKind(SPECULATION, SPECULATION, Group.HEDGE),), ())


def matches(raw: bytes) -> bool:
    """Whether a file's first bytes look like BioScope's."""
    head = raw[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith(b"<") and (b"<DocumentSet" in head or b"BioScope" in head)


def read(raw: bytes, shown: str) -> list[AnnotatedText]:
    """The documents of a file, every cue of speculation a gold span. Raises ImportProblem."""
    builder = _Builder(shown)
    try:
        builder.parser.Parse(raw, True)
    except expat.ExpatError as error:
        reason = visible(expat.ErrorString(error.code))
        raise ImportProblem(shown, f"it is no well-formed XML (line {error.lineno}: {reason})") from None
    if not builder.texts:
        raise ImportProblem(shown, "it holds no BioScope document")
    return builder.texts


class _Builder:
    """Builds texts out of a file's elements, in the parser's order."""

    def __init__(self, shown: str) -> None:
        self.texts: list[AnnotatedText] = []
        self._shown = shown
        self._path: list[str] = []
        self._opened: list[int | None] = []  # for each open element the place its cue begins at, None for no cue
        self._clear()
        # expat itself, because it fetches no external DTD, and its handler for entities stops a bomb of nested ones.
        self.parser = expat.ParserCreate()
        # Without it the text arrives in pieces, cut at every line break and entity.
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.EntityDeclHandler = self._entity

    def _clear(self) -> None:
        self._pieces: list[str] = []
        self._size, self._between, self._kind, self._name = 0, "", "", ""
        self._spans: list[AnnotatedSpan] = []

    def _entity(self, *_declared: object) -> None:
        raise ImportProblem(self._shown, "it declares entities, which no BioScope file does")

    def _start(self, name: str, values: dict[str, str]) -> None:
        if name == "Document":
            self._clear()
            self._kind = values.get("type", "")
        elif name == "DocumentPart" and self._size:
            self._between = "\n\n"
        elif name == "sentence" and self._size:
            self._add(self._between or "\n")
            self._between = ""
        # Scopes and cues are nested, so that a cue's end is found by its own element, not by the next end of a cue.
        cue = name == "cue" and values.get("type") == SPECULATION and "sentence" in self._path
        self._path.append(name)
        self._opened.append(self._size if cue else None)

    def _end(self, name: str) -> None:
        self._path.pop()
        start = self._opened.pop()
        if start is not None and start < self._size:
            self._spans.append(AnnotatedSpan(start, self._size, SPECULATION, gold=True))
        if name == "Document":
            # They come by their ends, and nested ones inside out.
            spans = tuple(sorted(self._spans, key=lambda span: (span.start, span.end)))
            name = self._name.strip() or f"document {len(self.texts) + 1}"
            self.texts.append(AnnotatedText(name, "".join(self._pieces), spans, meta={"type": self._kind}))

    def _characters(self, text: str) -> None:
        if "sentence" in self._path:
            self._add(text)
        elif self._path and self._path[-1] == "DocID":
            self._name += text

    def _add(self, text: str) -> None:
        self._pieces.append(text)
        self._size += len(text)
