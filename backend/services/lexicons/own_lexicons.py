"""The store's own lexicons and detectors: their stored content as values and as engines."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from backend.detect.detector import Detector
from backend.detect.linear_model import DetectorModel
from backend.domain import UserError, digest, visible
from backend.lexicon.entries import NAME, Lexicon, from_data
from backend.lexicon.finder import CueFinder
from backend.lexicon.matcher import Matcher
from backend.lexicon.serialization import to_data
from backend.store.lexicon_versions import OwnRow

LIST, LEARNED = "list", "learned"
SEEN: Final = "texts"
NAME_LENGTH: Final = 48  # an identity adds 17 characters, and older tables hold 80
_DESCRIPTION: Final = "Trained here from annotated texts; a linear model over words and their surroundings."


@dataclass(frozen=True, slots=True)
class OwnLexicon:
    """A version made here. `person` is the id of who added it; `current` says that its name stands for it now.

    `figures` are what was measured of it; see `DetectorService`. {} for nothing.
    """

    id: str
    name: str
    version: int
    learned: bool
    title: str
    note: str
    person: str
    created: str
    retired: str
    current: bool
    figures: Mapping[str, Any] = field(default_factory=dict)


def own(row: OwnRow, current: bool) -> OwnLexicon:
    """A stored row as a list shows it."""
    values = {name: getattr(row, name) for name in ("id", "name", "version", "title", "note", "person", "created")}
    return OwnLexicon(**values, learned=row.kind == LEARNED, retired=row.retired, current=current, figures=row.figures)


def engine_of(row: OwnRow, content: Mapping[str, Any]) -> CueFinder:
    """The engine of a stored version. Raises UserError where its content can't be read."""
    if row.kind == LEARNED:
        model = DetectorModel.from_json(content, row.name)
        return Detector(model, learned_lexicon(row, model))
    lexicon = from_data(dict(content), f"The stored lexicon {row.name}")
    return Matcher(dataclasses.replace(lexicon, version=str(row.version)))


def learned_lexicon(row: OwnRow, model: DetectorModel) -> Lexicon:
    """A detector as a lexicon without entries, so that lists and cues can name it."""
    return model.as_lexicon(row.name, str(row.version), row.title, row.note or _DESCRIPTION)


def list_row(lexicon: Lexicon, note: str, person: str) -> tuple[OwnRow, dict[str, Any]]:
    """A list of expressions as a row and its content. Raises UserError where a file of it would be refused."""
    # An own list has a name of its own, whatever it was copied from.
    content = to_data(dataclasses.replace(lexicon, formerly=""))
    check_name(lexicon.name)
    # Through the reader of files: what is stored can be exported and read again.
    checked = from_data(content, f"The lexicon {lexicon.name}")
    Matcher(checked)  # refuses forms that could never match
    return OwnRow(checked.id, checked.name, LIST, checked.title, note, person), content


@dataclass(frozen=True, slots=True)
class LearnedDetector:
    """A trained detector to be stored: `title` stands beside its name, `texts` are digests of those it learned from."""

    model: DetectorModel
    title: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    texts: tuple[str, ...] = ()


def learned_row(name: str, learned: LearnedDetector, note: str, person: str) -> tuple[OwnRow, dict[str, Any]]:
    """A detector as a row and its content. Raises UserError for a name it can't have."""
    check_name(name)
    identity = learned.model.as_lexicon(name, "", "", "").id
    row = OwnRow(identity, name, LEARNED, learned.title, note, person, learned.figures)
    return row, learned.model.to_json() | {SEEN: list(learned.texts)}


def text_digest(text: str) -> str:
    """The digest by which a text is recognised: a detector's figures must not count texts it learned from."""
    return digest("text", text)


def check_name(name: str) -> None:
    """Raise UserError for a name a lexicon can't have."""
    if not NAME.fullmatch(name) or len(name) > NAME_LENGTH:
        raise UserError(
            f"A lexicon can't be called {visible(name, 60)!r}: take lower-case letters, digits, '.', '_' and '-', "
            f"at most {NAME_LENGTH} of them."
        )
