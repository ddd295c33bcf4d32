"""Lexicons: entries, their identity, and reading them from YAML.

Owns the file format (the fields below), its checks and the content hash that names a lexicon. serialization.py writes
the same format. A file holds `name`, `version`, `title`, `description`, `mode`, `overlap` and `entries`, and `formerly`
where its name has changed; an entry holds `name`, `group`, `forms` (its name where absent), `exceptions`, `at`, `why`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from backend.domain import Group, UserError, digest, visible
from backend.lexicon.yaml_reader import parse_yaml, read_yaml


class MatchMode(StrEnum):
    """Where a form may stand."""

    # Anywhere, inside words too. The paper counts so, and "unlikely" then counts as "likely".
    SUBSTRING = "substring"
    WORD = "word"  # only as a whole word


class Overlap(StrEnum):
    """What becomes of matches that overlap: each form counts for itself, or the leftmost and longest wins."""

    EACH = "each"
    LONGEST = "longest"


class Anchor(StrEnum):
    """Where in a sentence an entry counts. "But then" objects at the start of one; "So 7?" doubts as a question."""

    ANYWHERE = "anywhere"
    SENTENCE = "sentence"  # at the start of a sentence
    QUESTION = "question"  # at the start of a sentence that ends in a question mark


@dataclass(frozen=True, slots=True)
class Entry:
    """One expression: the forms that match it, the contexts that are no doubt, and why it is in the list."""

    name: str
    group: Group
    forms: tuple[str, ...]
    exceptions: tuple[str, ...] = ()
    why: str = ""
    at: Anchor = Anchor.ANYWHERE


@dataclass(frozen=True)
class Lexicon:
    """A versioned list of entries. Two with the same `id` mark the same cues in every text.

    `learned` is the digest of the trained detector that finds its cues ("" for a word list); its entries have no forms.
    `formerly` is the name that an older version had while it was the newest: its id, and stored cues, still have it.
    """

    name: str
    version: str
    title: str
    description: str
    mode: MatchMode
    overlap: Overlap
    entries: tuple[Entry, ...]
    learned: str = ""
    formerly: str = ""

    @cached_property
    def id(self) -> str:
        """`name@digest` over whatever decides matches or their labels; titles, order and file layout don't count."""
        parts = [self.mode.value, self.overlap.value]
        for entry in sorted(self.entries, key=lambda entry: entry.name):
            forms, exceptions = sorted(entry.forms), sorted(entry.exceptions)
            # With the counts, a form can't pass for an exception in another lexicon of the same words.
            parts += [entry.name, entry.group.value, str(len(forms)), *forms, str(len(exceptions)), *exceptions]
            parts += [entry.at.value] if entry.at is not Anchor.ANYWHERE else []
        # Nothing is added for a word list: their ids are older than detectors and stand in stores.
        parts += [self.learned] if self.learned else []
        return f"{self.formerly or self.name}@{digest(*parts)}"


def load_all(directory: Path) -> dict[str, Lexicon]:
    """Every lexicon of `directory` (`*.yaml`) by name. Raises UserError for a bad file or a doubled name."""
    found: dict[str, Lexicon] = {}
    for path in sorted(directory.glob("*.yaml")):
        lexicon = load(path)
        if lexicon.name in found:
            raise _bad(str(path), f"another file of this folder already holds a lexicon named {visible(lexicon.name)}")
        found[lexicon.name] = lexicon
    return found


def load(path: Path) -> Lexicon:
    """The lexicon in a YAML file. Raises UserError naming the file, the entry and the reason."""
    return from_data(read_yaml(path), str(path))


def from_yaml(raw: bytes, where: str) -> Lexicon:
    """The lexicon in the bytes of a YAML file; `where` is what a UserError calls it."""
    return from_data(parse_yaml(raw, where), where)


def from_data(read: Any, where: str) -> Lexicon:
    """The lexicon in the plain data of a YAML file. Raises UserError as `load` does."""
    data = _mapping(where, read, _FILE_KEYS)
    name = _text(where, data, "name")
    if not NAME.fullmatch(name):
        raise _bad(where, NAME_RULE)
    mode = _choice(where, data, "mode", MatchMode)
    return Lexicon(
        name=name,
        version=_text(where, data, "version"),
        title=_text(where, data, "title"),
        description=_text(where, data, "description", default=""),
        mode=mode,
        overlap=_choice(where, data, "overlap", Overlap),
        entries=_entries(where, data.get("entries"), mode),
        formerly=_text(where, data, "formerly", default=""),
    )


def plain(form: str, mode: MatchMode) -> str:
    """`form` as it is compared: lower case; in word mode also straight apostrophes and single spaces."""
    lowered = form.lower()
    return " ".join(lowered.replace("\u2019", "'").split()) if mode is MatchMode.WORD else lowered


NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
NAME_RULE = "name must be lower-case letters, digits, '.', '_' and '-', at most 64 of them"
_FILE_KEYS = frozenset({"name", "version", "title", "description", "mode", "overlap", "entries", "formerly"})
_ENTRY_KEYS = frozenset({"name", "group", "forms", "exceptions", "why", "at"})
# Lexicons are edited in the browser: these bounds keep a hostile one from filling the matcher's automaton.
_MAX_FORMS, _MAX_FORM = 10_000, 200

_Choice = TypeVar("_Choice", bound=StrEnum)


def _bad(where: str, reason: str, entry: str | None = None) -> UserError:
    place = visible(where) + (f", entry {visible(entry)}" if entry is not None else "")
    return UserError(f"{place}: {reason}.")


def _mapping(where: str, data: Any, allowed: frozenset[str], entry: str | None = None) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise _bad(where, "expected a mapping of fields to values", entry)
    if unknown := [key for key in data if key not in allowed]:
        named = ", ".join(visible(str(key), 60) for key in unknown[:5])
        raise _bad(where, f"unknown field {named} (known: {', '.join(sorted(allowed))})", entry)
    return data


def _text(where: str, data: Mapping[str, Any], key: str, default: str | None = None, entry: str | None = None) -> str:
    value = data.get(key, default)
    # `version: 3` is a number to YAML, and nobody writes it in quotes.
    if isinstance(value, int) and not isinstance(value, bool) and key == "version":
        value = str(value)
    if not isinstance(value, str) or (not value.strip() and default is None):
        raise _bad(where, f"{key} must be text; write it in quotes where YAML reads it as something else", entry)
    return value.strip()


def _choice(where: str, data: Mapping[str, Any], key: str, kind: type[_Choice], entry: str | None = None) -> _Choice:
    value = data.get(key)
    if value not in list(kind):
        raise _bad(where, f"{key} must be one of {', '.join(kind)}; found {visible(str(value), 60)}", entry)
    return kind(value)


def _entries(where: str, rows: Any, mode: MatchMode) -> tuple[Entry, ...]:
    if not isinstance(rows, list) or not rows:
        raise _bad(where, "entries must be a list of at least one entry")
    entries = tuple(_entry(where, number, row, mode) for number, row in enumerate(rows, start=1))
    if sum(len(entry.forms) + len(entry.exceptions) for entry in entries) > _MAX_FORMS:
        raise _bad(where, f"more than {_MAX_FORMS:,} forms and exceptions")
    owners: dict[str, str] = {}
    names: set[str] = set()
    for entry in entries:
        # A cue is stored with its entry's name alone, so that names and forms have to be unambiguous.
        if entry.name in names:
            raise _bad(where, "there are two entries of this name", entry.name)
        names.add(entry.name)
        for form in entry.forms:
            if owner := owners.get(form):
                raise _bad(where, f"form '{visible(form)}' stands in entry {visible(owner)} already", entry.name)
            owners[form] = entry.name
    return entries


def _entry(where: str, number: int, row: Any, mode: MatchMode) -> Entry:
    fields = _mapping(where, row, _ENTRY_KEYS, f"no. {number}")
    name = _text(where, fields, "name", entry=f"no. {number}")
    forms = _forms(where, fields, "forms", name, mode) if "forms" in fields else (plain(name, mode),)
    if not forms:
        raise _bad(where, "forms must not be empty", name)
    return Entry(
        name=name,
        group=_choice(where, fields, "group", Group, entry=name),
        forms=forms,
        exceptions=_forms(where, fields, "exceptions", name, mode),
        why=_text(where, fields, "why", default="", entry=name),
        at=_choice(where, {"at": Anchor.ANYWHERE, **fields}, "at", Anchor, entry=name),
    )


def _forms(where: str, fields: Mapping[str, Any], key: str, entry: str, mode: MatchMode) -> tuple[str, ...]:
    rows = fields.get(key, [])
    if not isinstance(rows, list):
        raise _bad(where, f"{key} must be a list", entry)
    forms: dict[str, None] = {}
    for row in rows:
        # YAML 1.1 reads a bare `no`, `yes` or `on` as true or false.
        if not isinstance(row, str):
            raise _bad(where, f"{key}: {visible(str(row), 60)} is not text; write it in quotes", entry)
        form = plain(row, mode)
        if not form.strip() or len(form) > _MAX_FORM:
            raise _bad(where, f"{key}: a form must have between 1 and {_MAX_FORM} characters", entry)
        if form in forms:
            raise _bad(where, f"{key}: '{visible(form)}' is listed twice", entry)
        forms[form] = None
    return tuple(forms)
