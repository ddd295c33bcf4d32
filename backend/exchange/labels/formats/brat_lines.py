"""Parser of a brat `.ann` file's lines: text-bound spans, their attributes and notes.

Owns how lines become spans of one text, and the sentence for a line that is wrong.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from backend.annotation import AnnotatedSpan
from backend.domain import visible
from backend.exchange.labels.formats.brat import COMMENT, FLAG, PLACE, fragments
from backend.exchange.traces.trace_format import RowError

_ID = re.compile(r"[A-Za-z#*][^\t]*")
_TARGET = re.compile(r"\S+")
_ESCAPE = re.compile(r"\\(u[0-9a-f]{4}|.)", re.S)
_PLAIN = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}
_LEFT = {"R": "relation", "E": "event", "*": "equivalence", "N": "normalisation"}


class BratParser:
    """Parses the lines of one file, one by one; `spans` gives the result."""

    def __init__(
        self, text: str, left: Counter[str], labels: Mapping[str, str], flags: Mapping[str, str], ours: bool
    ) -> None:
        """`left` counts what isn't imported; `labels` and `flags` say what types and values stand for.

        `ours` says that the archive has our manifest, so that notes of ours may be read as what we wrote.
        """
        self._text, self._left, self._labels, self._flags, self._ours = text, left, labels, flags, ours
        self._pieces: dict[str, tuple[str, list[tuple[int, int]]]] = {}
        self._attributes: dict[str, list[str]] = {}
        self._notes: dict[str, list[str]] = {}
        self._places: dict[str, tuple[int, int]] = {}

    def take(self, line: str) -> None:
        """One more line. Raises RowError."""
        if not line.strip():
            return
        name, tab, rest = line.partition("\t")
        if not tab or not _ID.fullmatch(name):
            raise RowError(f"it doesn't begin with an id and a tab: {visible(line, 60)}")
        kind = name[0]
        # T span, A and M attribute (M is the older form), # note. Relations, events and the like have no place here.
        if kind == "T":
            self._span(name, rest)
        elif kind in "AM":
            self._attribute(rest)
        elif kind == "#":
            self._note(rest)
        else:
            self._left[_LEFT.get(kind, "other line")] += 1

    def _span(self, name: str, rest: str) -> None:
        # Attributes and notes point at ids.
        if name in self._pieces:
            raise RowError(f"the id {visible(name, 20)} was given to another span before")
        head, _, words = rest.partition("\t")
        label, _, places = head.partition(" ")
        pieces = []
        for piece in places.split(";"):
            numbers = piece.split()
            if len(numbers) != 2 or not all(each.isascii() and each.isdigit() and len(each) < 10 for each in numbers):
                raise RowError(f"{visible(name, 20)} has no place like '0 5': {visible(places, 60)}")
            pieces.append((int(numbers[0]), int(numbers[1])))
        for start, end in pieces:
            if start == end:
                raise RowError(f"{visible(name, 20)} is empty: from {start} to {end}")
            if not start < end <= len(self._text):
                raise RowError(
                    f"{visible(name, 20)} at {start} to {end} lies outside the {len(self._text):,} characters"
                )
        self._check(name, words, pieces)
        self._pieces[name] = label, pieces

    def _check(self, name: str, words: str, pieces: list[tuple[int, int]]) -> None:
        """Raise RowError where the words of a line aren't those at its place, white space aside."""
        found = " ".join(self._text[start:end] for start, end in pieces)
        # brat allows words after the text, so that only as many are compared as the text has.
        if words and words.split()[: len(found.split())] != found.split():
            raise RowError(
                f"{visible(name, 20)} says '{visible(words, 60)}', but the text has '{visible(found, 60)}' there"
            )

    def _attribute(self, rest: str) -> None:
        words = _TARGET.findall(rest)
        if len(words) < 2:
            raise RowError(f"an attribute names what it is and what it is of: {visible(rest, 60)}")
        name, target, value = words[0], words[1], " ".join(words[2:])
        shown = self._flags.get(value, value.replace("_", " ")) if name == FLAG else f"{name} {value}".strip()
        self._attributes.setdefault(target, []).append(shown)

    def _note(self, rest: str) -> None:
        head, _, note = rest.partition("\t")
        kind, _, target = head.partition(" ")
        if kind == PLACE and self._ours:
            numbers = note.split()
            if len(numbers) == 2 and all(each.isascii() and each.isdigit() and len(each) < 10 for each in numbers):
                self._places[target] = int(numbers[0]), int(numbers[1])
        elif note:
            self._notes.setdefault(target, []).append(_unescaped(note) if self._ours and kind == COMMENT else note)

    def spans(self) -> Iterator[AnnotatedSpan]:
        """The spans of the file, whole where only white space parts their pieces."""
        for name, (label, pieces) in self._pieces.items():
            flag = "; ".join(self._attributes.get(name, []))
            comment = "\n".join(self._notes.get(name, []))
            exact = self._places.get(name)
            # Only where it still fits: the span may have been moved in brat after we wrote it.
            if exact and fragments(self._text, *exact) == pieces:
                pieces = [exact]
            joined = list(self._joined(sorted(pieces)))
            self._left["gap inside a span"] += len(joined) - 1
            for start, end in joined:
                yield AnnotatedSpan(start, end, self._labels.get(label, label), flag=flag, comment=comment)

    def _joined(self, pieces: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        start, end = pieces[0]
        for more, last in pieces[1:]:
            # Words between two pieces are no part of the span, and our spans have no gaps: it becomes two.
            if self._text[end:more].strip():
                yield start, end
                start = more
            end = max(end, last)
        yield start, end


def _unescaped(note: str) -> str:
    def plain(found: re.Match[str]) -> str:
        short = found[1]
        return chr(int(short[1:], 16)) if len(short) == 5 else _PLAIN.get(short, found[0])

    return _ESCAPE.sub(plain, note)
