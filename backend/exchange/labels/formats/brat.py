"""Writer of brat standoff: a zip archive, with a folder an annotator and one for gold.

Owns how spans become lines of brat (http://brat.nlplab.org/standoff.html), and the manifest that tells brat_reader.py
what brat has no place for. A document is the annotated stretch of a text.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import orjson

from backend.annotation import AnnotatedSpan, AnnotatedText, Scheme
from backend.exchange.labels.archive import SafeNames, packed
from backend.exchange.labels.parts import Bundle, Window, Written, bounded, left_out, people_of, project_json, windowed

FORMAT: Final = "second-thoughts brat"
MANIFEST: Final = "second-thoughts.json"
GOLD, OPEN = "gold", "open"
FLAG, PLACE, COMMENT = "Flag", "Place", "AnnotatorNotes"
# Whatever some reader takes for the end of a line.
_BREAKS = re.compile("[\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]+")
_ESCAPED = re.compile("[\\\\\t\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
_SHORT: Final = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def fragments(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The pieces of a span between the line breaks in it."""
    # A line of brat repeats the span's words, so that they can't hold a line break: brat's own discontinuous spans can.
    found, at = [], start
    for gap in _BREAKS.finditer(text, start, end):
        found.append((at, gap.start()))
        at = gap.end()
    return [(a, b) for a, b in (*found, (at, end)) if a < b]


def escaped(comment: str) -> str:
    """A comment on one line, its tabs and line breaks escaped."""
    return _ESCAPED.sub(lambda found: _SHORT.get(found[0], f"\\u{ord(found[0]):04x}"), comment)


def write(bundle: Bundle) -> Written:
    """The bundle as a zip archive."""
    bounded(bundle.texts)
    return _Writer(bundle).written()


class _Writer:
    """Builds the archive of one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        spans = [span for text in bundle.texts for span in text.spans]
        scheme = bundle.scheme or Scheme((), ())
        labels = dict.fromkeys([*(label.key for label in scheme.labels), *(span.label for span in spans)])
        flags = dict.fromkeys([*scheme.flags, *(span.flag for span in spans if span.flag)])
        # brat's types have no spaces and no letters beyond ASCII; the manifest keeps what each stands for.
        self._types = _renamed(labels, SafeNames("label"))
        self._flags = _renamed(flags, SafeNames("flag"))
        people = dict.fromkeys(name for text in bundle.texts for name in people_of(text))
        self._folders = _renamed(people, SafeNames("annotator", (GOLD, OPEN)))
        self._left: Counter[str] = Counter()
        self._files: dict[str, bytes] = {}

    def written(self) -> Written:
        known: set[str] = set()
        names, documents = SafeNames("text"), []
        for number, text in enumerate(self._bundle.texts, 1):
            file = names.name(f"{number:04d}-{text.id}")
            documents.append({"file": file, "id": text.id, "done": list(text.done), "meta": dict(text.meta),
                              "window": windowed(text, known)})  # fmt: skip
            self._add(file, text)
        folders: dict[str, Any] = {folder: {"annotator": name} for name, folder in self._folders.items()}
        manifest = {
            "format": FORMAT,
            "version": 1,
            "project": project_json(self._bundle),
            "folders": folders | {GOLD: {"gold": True}, OPEN: {}},
            "labels": {name: key for key, name in self._types.items()},
            "flags": {name: flag for flag, name in self._flags.items()},
            "documents": documents,
        }
        ours = {MANIFEST: orjson.dumps(manifest, option=orjson.OPT_INDENT_2), "annotation.conf": self._settings()}
        why = "brat has no place for spans of line breaks alone nor for rejections; JSON Lines and Parquet have."
        return Written(packed(ours | self._files), left_out(self._left, why))

    def _add(self, file: str, text: AnnotatedText) -> None:
        """A text's document in every folder it belongs to."""
        window = Window.of(text)
        gold = [span for span in text.spans if span.gold]
        own: dict[str, list[AnnotatedSpan]] = {self._folders[name]: [] for name in people_of(text)}
        for span in text.spans:
            if not span.gold:
                own[self._folders[span.annotator]].append(span)
        if gold or text.meta.get("settled"):
            own[GOLD] = gold
        # A text nobody has opened still has to be there, or a project would lose it on the way out and in.
        for folder, spans in (own or {OPEN: []}).items():
            self._files[f"{folder}/{file}.txt"] = window.text.encode()
            self._files[f"{folder}/{file}.ann"] = "".join(self._lines(window, spans)).encode()

    def _lines(self, window: Window, spans: Sequence[AnnotatedSpan]) -> Iterator[str]:
        number = flags = notes = 0
        for span in spans:
            start, end = span.start - window.start, span.end - window.start
            pieces = fragments(window.text, start, end)
            if span.rejected or not pieces:
                self._left["rejection" if span.rejected else "span"] += 1
                continue
            number += 1
            places = ";".join(f"{a} {b}" for a, b in pieces)
            words = " ".join(window.text[a:b] for a, b in pieces)
            yield f"T{number}\t{self._types[span.label]} {places}\t{words}\n"
            if span.flag:
                flags += 1
                yield f"A{flags}\t{FLAG} T{number} {self._flags[span.flag]}\n"
            # Line breaks at a span's ends are lost in the fragments; a note of ours keeps the true ends.
            exact = f"{start} {end}" if (pieces[0][0], pieces[-1][1]) != (start, end) else ""
            for kind, note in ((COMMENT, escaped(span.comment)), (PLACE, exact)):
                if note:
                    notes += 1
                    yield f"#{notes}\t{kind} T{number}\t{note}\n"

    def _settings(self) -> bytes:
        """brat's annotation.conf: the labels as types, and the flags as values of one attribute."""
        flags = f"{FLAG}\tArg:<ENTITY>, Value:{'|'.join(self._flags.values())}\n" if self._flags else ""
        labels = "".join(f"{name}\n" for name in self._types.values())
        return f"[entities]\n{labels}\n[relations]\n\n[events]\n\n[attributes]\n{flags}".encode()


def _renamed(words: Iterable[str], names: SafeNames) -> dict[str, str]:
    return {word: names.name(word) for word in words}
