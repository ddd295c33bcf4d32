"""Fitting a label scheme to imported texts, whose labels may be called anything.

Owns how their labels become keys and names of a scheme that people can work with, and which of ours they are.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from backend.annotation import DEFAULT_SCHEME, AnnotatedText, LabelKind, Scheme
from backend.domain import UserError
from backend.services.access.display_names import comparable, one_line

_KEY, _NAME, _DESCRIPTION = 40, 60, 500
_OTHER = re.compile(r"[^a-z0-9]+")


class Fitted(NamedTuple):
    """Texts whose labels and flags are all of one scheme."""

    scheme: Scheme
    texts: tuple[AnnotatedText, ...]


def fitted(texts: Sequence[AnnotatedText], brought: Scheme | None) -> Fitted:
    """The texts under the scheme that their file brings, or under one made of the labels they have.

    Labels that are all of the default scheme get that. Keys that can't be kept are replaced in the texts too.
    """
    used = dict.fromkeys(span.label for text in texts for span in text.spans)
    flags = dict.fromkeys(span.flag for text in texts for span in text.spans if span.flag)
    known = {label.key: label for label in DEFAULT_SCHEME.labels}
    if brought is None and used.keys() <= known.keys():
        brought = DEFAULT_SCHEME
    kinds = list(brought.labels) if brought else []
    listed = {label.key for label in kinds}
    # A file may use labels that its own scheme lacks: they join it, and nothing is lost.
    kinds += [known.get(label, LabelKind(label, label)) for label in used if label not in listed]
    names = _Names()
    labels = {kind.key: _plain(kind, names) for kind in kinds}
    plain = _flags([*(brought or DEFAULT_SCHEME).flags, *flags])
    scheme = Scheme(tuple(labels.values()), tuple(dict.fromkeys(plain.values())))
    keys = {old: label.key for old, label in labels.items()}
    # Mostly nothing has to change; a corpus of 100,000 texts isn't copied for it.
    if all(old == new for old, new in (*keys.items(), *plain.items())):
        return Fitted(scheme, tuple(texts))
    return Fitted(scheme, tuple(_renamed(text, keys, plain) for text in texts))


def _renamed(text: AnnotatedText, keys: dict[str, str], flags: dict[str, str]) -> AnnotatedText:
    spans = (replace(span, label=keys[span.label], flag=flags[span.flag] if span.flag else "") for span in text.spans)
    return replace(text, spans=tuple(spans))


class _Names:
    """Makes keys and names that are allowed, each given once."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._names: set[str] = set()

    def key(self, wanted: str) -> str:
        # Keys stand in addresses, files and keyboard maps, and brat takes ASCII alone; the name keeps every letter.
        plain = unicodedata.normalize("NFKD", wanted).encode("ascii", "ignore").decode().lower()
        return _given(_OTHER.sub("-", plain).strip("-")[:_KEY].strip("-") or "label", self._keys, "-{}", _KEY)

    def name(self, wanted: str, key: str) -> str:
        return _given(_shown(wanted, _NAME) or key, self._names, " ({})", _NAME)


def _plain(kind: LabelKind, names: _Names) -> LabelKind:
    key = names.key(kind.key)
    description = _shown(kind.description, _DESCRIPTION)
    return replace(kind, key=key, name=names.name(kind.name, key), description=description)


def _flags(wanted: Iterable[str]) -> dict[str, str]:
    given: set[str] = set()
    return {flag: _given(_shown(flag, _NAME) or "flag", given, " ({})", _NAME) for flag in dict.fromkeys(wanted)}


def _shown(words: str, limit: int) -> str:
    """`words` on one line and cut to `limit`; "" where they hold characters that can't be shown."""
    with suppress(UserError):
        return one_line("It", " ".join(words.split())[:limit].strip(), limit)
    return ""


def _given(wanted: str, given: set[str], more: str, limit: int) -> str:
    """`wanted`, or with a number where that is given already."""
    # Cut to make room for the number, so that the limit holds.
    name, number = wanted, 1
    while comparable(name) in given:
        number += 1
        ending = more.format(number)
        name = wanted[: limit - len(ending)] + ending
    given.add(comparable(name))
    return name
