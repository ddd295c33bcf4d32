"""Parts that all formats of annotated texts share: the bundle of texts, its checks, spans and schemes as JSON, offsets.

Owns these, the limits, and the sentence for whatever is wrong in a file.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

from backend.annotation import AnnotatedSpan, AnnotatedText, LabelKind, MachineCue, Scheme
from backend.domain import Group, visible
from backend.exchange.traces.json_text import type_name
from backend.exchange.traces.trace_format import RowError

OUTPUT_LIMIT: Final = 2**30  # characters of texts in one file, which is made in memory
_KINDS: Final[Mapping[str, type]] = {
    **dict.fromkeys(("start", "end", "scheme_version", "guidelines_version"), int),
    **dict.fromkeys(("label", "annotator", "flag", "comment", "how", "id", "reason", "at"), str),
    **dict.fromkeys(("gold", "rejected"), bool),
}
_DEFAULTS: Final = {field.name: field.default for field in fields(AnnotatedSpan)}
_CUE: Final[Mapping[str, type]] = {"lexicon": str, "entry": str, "start": int, "end": int}


@dataclass(frozen=True, slots=True)
class Bundle:
    """Annotated texts with the settings of their project; `scheme` is None where a file has none.

    `lexicon` is an id, `annotators` how many people a text needs (0: unknown), `older` the guidelines' earlier
    versions. `notes` are sentences on what couldn't be imported.
    """

    texts: tuple[AnnotatedText, ...]
    scheme: Scheme | None = None
    name: str = ""
    guidelines: str = ""
    scheme_version: int = 1
    guidelines_version: int = 1
    lexicon: str = ""
    annotators: int = 0
    older: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


class Written(NamedTuple):
    """A file's bytes, and sentences on what its format couldn't hold."""

    data: bytes
    notes: tuple[str, ...] = ()


class Window(NamedTuple):
    """The annotated stretch of a text, as formats hold it that have no room for what lies around it."""

    text: str
    start: int
    end: int

    @staticmethod
    def of(text: AnnotatedText) -> Window:
        """The annotated stretch of `text`."""
        end = len(text.text) if text.end is None else text.end
        return Window(text.text[text.start : end], text.start, end)


def sha256(text: str) -> str:
    """The hash of a text, as the store has it."""
    return hashlib.sha256(text.encode()).hexdigest()


def people_of(text: AnnotatedText) -> list[str]:
    """The annotators of a text: who finished it, who labelled it, and whom its `meta` names beside."""
    # Somebody who opened a text and marked nothing stands in `meta` alone, and is one who worked on it.
    listed: object = text.meta.get("people")
    names = [*text.done, *(span.annotator for span in text.spans if not span.gold)]
    return list(dict.fromkeys([*names, *(listed if isinstance(listed, Mapping) else ())]))


def checked(text: AnnotatedText, row: int | None = None) -> AnnotatedText:
    """The text, if its window, spans and cues lie within it. Raises RowError naming `row`, or the text without one."""
    where = f"the text '{visible(text.id, 60)}': " if row is None else ""
    end = len(text.text) if text.end is None else text.end
    if not 0 <= text.start <= end <= len(text.text):
        raise RowError(f"{where}its stretch {text.start} to {end} lies outside its {len(text.text):,} characters", row)
    for number, span in enumerate(text.spans, 1):
        what = f"{where}span {number} ({visible(span.label, 60)}, {span.start} to {span.end})"
        # Told apart from "outside", because other tools write empty spans for labels of a whole text.
        if span.start == span.end:
            raise RowError(f"{what} is empty", row)
        if not text.start <= span.start < span.end <= end:
            raise RowError(f"{what} lies outside the text, of which {text.start} to {end} was annotated", row)
        cue = span.machine
        if cue is not None and not 0 <= cue.start < cue.end <= len(text.text):
            raise RowError(f"{what} answers a machine's cue at {cue.start} to {cue.end}, outside the text", row)
    return text


@contextmanager
def at_row(number: int) -> Iterator[None]:
    """Adds the number of the row to a RowError inside the block, where it names none."""
    try:
        yield
    except RowError as error:
        raise error if error.row is not None else RowError(str(error), number) from None


def bounded(texts: Iterable[AnnotatedText]) -> None:
    """Raise RowError where there is more text than one file may hold."""
    size = sum(len(text.text) for text in texts)
    if size > OUTPUT_LIMIT:
        raise RowError(f"these texts have {size:,} characters, and one file may hold {OUTPUT_LIMIT:,}")


# -- spans ------------------------------------------------------------------------------------------------------------


def span_json(span: AnnotatedSpan, text: str) -> dict[str, Any]:
    """A span as JSON, with the words it stands on; fields with their default value are left out."""
    # The words let a reader see that its offsets are counted as ours are.
    row: dict[str, Any] = {"start": span.start, "end": span.end, "quote": text[span.start : span.end]}
    row["label"] = span.label
    for name, usual in _DEFAULTS.items():
        value = getattr(span, name)
        if name not in row and value != usual:
            row[name] = cue_json(value) if isinstance(value, MachineCue) else value
    return row


def cue_json(cue: MachineCue) -> dict[str, Any]:
    """A machine's cue as JSON."""
    return {name: getattr(cue, name) for name in _CUE}


def span_from(data: Any, text: str, number: int) -> AnnotatedSpan:
    """The span of a JSON object, the `number`th of its text. Raises RowError for what is wrong in it."""
    what = f"span {number}"
    if not isinstance(data, Mapping):
        raise RowError(f"{what} should be an object, but is {type_name(data)}")
    values = {name: taken(data, name, kind, what) for name, kind in _KINDS.items() if data.get(name) is not None}
    if missing := next((name for name in ("start", "end", "label") if name not in values), None):
        raise RowError(f"{what} has no '{missing}'")
    cue = data.get("machine")
    span = AnnotatedSpan(**values, machine=None if cue is None else _cue_from(cue, what))
    quote = data.get("quote")
    # Another way of counting offsets shows here at once, and not in wrong figures of agreement.
    if quote is not None and quote != (found := text[max(span.start, 0) : max(span.end, 0)]):
        raise RowError(
            f"{what} quotes '{visible(str(quote), 60)}', but its text says '{visible(found, 60)}' "
            f"at {span.start} to {span.end}"
        )
    return span


def _cue_from(data: Any, what: str) -> MachineCue:
    if not isinstance(data, Mapping) or not _CUE.keys() <= data.keys():
        raise RowError(f"the machine's cue of {what} should be an object with {', '.join(_CUE)}")
    return MachineCue(**{name: taken(data, name, kind, f"the machine's cue of {what}") for name, kind in _CUE.items()})


def taken(data: Mapping[str, Any], name: str, kind: type, what: str) -> Any:
    """The field `name`, of that kind. Raises RowError for another kind, and for numbers no text is long enough for."""
    value = data.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        words = {int: "a whole number", str: "text", bool: "true or false", list: "a list", dict: "an object"}
        raise RowError(f"the field '{name}' of {what} should be {words[kind]}, but is {type_name(value)}")
    # Offsets are 32-bit integers in the ledger and in Parquet.
    if isinstance(value, int) and abs(value) >= 2**31:
        raise RowError(f"the number {visible(str(value), 24)} in the field '{name}' of {what} is out of all bounds")
    return value


def names_from(data: Any, what: str) -> tuple[str, ...]:
    """A list of texts. Raises RowError for anything else."""
    if not isinstance(data, Sequence) or isinstance(data, str) or not all(isinstance(name, str) for name in data):
        raise RowError(f"{what} should be a list of names")
    return tuple(data)


# -- schemes and settings of a project --------------------------------------------------------------------------------


def scheme_json(scheme: Scheme) -> dict[str, Any]:
    """A scheme as JSON."""
    names = [field.name for field in fields(LabelKind)]
    return {
        "labels": [{name: getattr(label, name) for name in names} for label in scheme.labels],
        "flags": list(scheme.flags),
    }


def _scheme_from(data: Any) -> Scheme:
    if not isinstance(data, Mapping) or not isinstance(data.get("labels"), list):
        raise RowError("its scheme should be an object with a list of labels")
    labels = []
    for number, row in enumerate(data["labels"], 1):
        what = f"label {number} of its scheme"
        if not isinstance(row, Mapping):
            raise RowError(f"{what} should be an object, but is {type_name(row)}")
        group = row.get("group")
        if group is not None and group not in list(Group):
            raise RowError(
                f"{what} stands for the group '{visible(str(group), 40)}', which is none of {', '.join(Group)}"
            )
        key = taken(row, "key", str, what)
        labels.append(
            LabelKind(
                key=key,
                name=taken(row, "name", str, what) if "name" in row else key,
                group=Group(group) if group else None,
                negative=taken(row, "negative", bool, what) if "negative" in row else False,
                description=taken(row, "description", str, what) if "description" in row else "",
            )
        )
    return Scheme(tuple(labels), names_from(data.get("flags", []), "the flags of its scheme"))


def project_json(bundle: Bundle) -> dict[str, Any]:
    """The settings of a bundle's project as JSON."""
    names = ("name", "guidelines", "scheme_version", "guidelines_version", "lexicon", "annotators")
    row: dict[str, Any] = {name: getattr(bundle, name) for name in names}
    row["older_guidelines"] = [dict(version) for version in bundle.older]
    return row | {"scheme": scheme_json(bundle.scheme) if bundle.scheme else None}


def bundle_from(project: Any, texts: Iterable[AnnotatedText], notes: Iterable[str] = ()) -> Bundle:
    """A bundle of `texts` under the settings that `project_json` wrote. Raises RowError."""
    if not isinstance(project, Mapping):
        raise RowError("what it says of its project should be an object")
    kinds = {"name": str, "guidelines": str, "lexicon": str, "scheme_version": int, "guidelines_version": int}
    kinds["annotators"] = int
    values = {name: taken(project, name, kind, "its project") for name, kind in kinds.items() if name in project}
    for name in ("scheme_version", "guidelines_version"):
        if values.get(name, 1) < 1:
            raise RowError(f"the field '{name}' of its project counts from 1, but is {values[name]}")
    scheme = project.get("scheme")
    return Bundle(tuple(texts), None if scheme is None else _scheme_from(scheme), **values, notes=tuple(notes))


# -- offsets and windows ----------------------------------------------------------------------------------------------


class Utf16:
    """Offsets in a text, converted between code points and UTF-16 units, in which JavaScript counts."""

    def __init__(self, text: str) -> None:
        """Quick where `text` has no character beyond U+FFFF, which takes two units: an emoji, mostly."""
        self._wide = [place for place, character in enumerate(text) if character > "\uffff"] if _wide(text) else []
        self._units = [place + before for before, place in enumerate(self._wide)]

    @property
    def differs(self) -> bool:
        """Whether the two counts differ anywhere."""
        return bool(self._wide)

    def units(self, place: int) -> int:
        """An offset in code points as one in UTF-16 units."""
        return place + bisect_left(self._wide, place)

    def place(self, units: int) -> int | None:
        """An offset in UTF-16 units as one in code points; None inside a character."""
        before = bisect_left(self._units, units)
        # The second unit of a character: a place there belongs to another text, or to the other way of counting.
        inside = before and self._units[before - 1] + 1 == units
        return None if inside else units - before


def _wide(text: str) -> bool:
    return max(text, default="") > "\uffff"


def windowed(text: AnnotatedText, known: set[str]) -> dict[str, Any]:
    """Where a stretch lies in its text ({} if it is whole), with that text the first time `known` lacks its hash."""
    # The items of a long trace share its text: with each of them it would make the file many times as large.
    window = Window.of(text)
    if window.text == text.text:
        return {}
    name = sha256(text.text)
    row: dict[str, Any] = {"text_sha256": name, "start": window.start, "end": window.end}
    if name not in known:
        known.add(name)
        row["whole"] = text.text
    return row


class Wholes:
    """The whole texts that the rows of a file bring, by hash; the reader's side of `windowed`."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def add(self, row: Any) -> None:
        """Take the whole text from a row that `windowed` wrote, if it has one."""
        if isinstance(row, Mapping) and isinstance(row.get("whole"), str):
            self._texts[sha256(row["whole"])] = row["whole"]

    def find(self, row: Any, window: str) -> tuple[str, int]:
        """The text of which `window` is a stretch, and where it begins there; the window alone where unknown."""
        # The words are compared: a file that was edited by hand or by another program may not fit any more.
        if isinstance(row, Mapping) and isinstance(start := row.get("start"), int) and start >= 0:
            whole = self._texts.get(str(row.get("text_sha256")), "")
            if whole[start : start + len(window)] == window and whole:
                return whole, start
        return window, 0


def left_out(counts: Mapping[str, int], why: str) -> tuple[str, ...]:
    """A sentence on what was left out, if anything: "Left out: 2 relations, 1 event. `why`"."""
    parts = [f"{count:,} {name}{'' if count == 1 else 's'}" for name, count in counts.items() if count]
    return (f"Left out: {', '.join(parts)}. {why}",) if parts else ()
