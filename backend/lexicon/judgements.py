"""Judgements of a list's hits: those that were read in context, by what rule, and what they turned out to be.

Owns the format of the tables that are shipped beside the lists (`judged/*.tsv`): comments with the rule, then a row a
judgement, which points to a text by its digest and holds none of it.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from backend.domain import UserError, visible

DOUBT: Final = "doubt"
_DIGITS: Final = 16  # of a text's SHA-256


@dataclass(frozen=True, slots=True)
class JudgedHit:
    """A hit [start, end) of the text with this digest. `sample` is the list it was drawn from at random, or a word for
    how else it was chosen; `label` is DOUBT or what else it is.
    """

    sample: str
    arm: str
    source: str
    row: int
    text: str
    start: int
    end: int
    entry: str
    label: str


@dataclass(frozen=True, slots=True)
class Judgements:
    """All judgements of one folder of lists, and the rule they were made by, as its tables say it."""

    rule: str
    hits: tuple[JudgedHit, ...]


def text_key(text: str) -> str:
    """The digest that a judgement knows a text by."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def load_judgements(lexicons: Path) -> Judgements:
    """The judgements shipped beside a folder's lists; none where there are none. Raises UserError for a bad row."""
    rules: list[str] = []
    hits: list[JudgedHit] = []
    for path in sorted(lexicons.glob("judged/*.tsv")):
        lines = path.read_text("utf-8").splitlines()
        rules += [line[1:].strip() for line in lines if line.startswith("#")]
        hits += _hits(path, [line for line in lines if not line.startswith("#")])
    return Judgements("\n".join(rules), tuple(hits))


def _hits(path: Path, lines: list[str]) -> Iterator[JudgedHit]:
    numbers = {"row", "start", "end"}
    for row in csv.DictReader(lines, delimiter="\t"):
        try:
            names = [field.name for field in fields(JudgedHit)]
            values: dict[str, Any] = {name: int(row[name]) if name in numbers else row[name] for name in names}
            yield JudgedHit(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{visible(str(path))}: a judgement can't be read ({visible(str(error))}).") from error
