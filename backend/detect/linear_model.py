"""The detector's model: its labels, the features it looks at, their weights; as a value and as plain JSON.

Owns that form and its checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

import orjson

from backend.annotation import LabelKind
from backend.detect.features import OF_PLACES, OF_WORDS, REACH, Template
from backend.domain import Group, UserError, digest, visible
from backend.lexicon.entries import Entry, Lexicon, MatchMode, Overlap, from_data
from backend.lexicon.serialization import to_data

FORM: Final = 1  # of the JSON; a later form gets a number of its own
# A weight of 1 is written 100. Whole hundredths: their sums are exact, so that the same text gives the same cues on
# every machine, and a model's digest says what it finds.
SCALE: Final = 100
MOST_WEIGHT: Final = 10_000


class Unit(StrEnum):
    """What a model labels: stretches of words, or whole sentences."""

    SPANS = "spans"
    SENTENCES = "sentences"


@dataclass(frozen=True, slots=True)
class TemplateWeights:
    """The features of one template: their values, and for each the weights [states]."""

    template: Template
    values: tuple[tuple[str, ...], ...]
    weights: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class DetectorModel:
    """A trained model. `lexicon` is the word list it looks at, if any.

    States of a model of spans: 0 none, then for each label its first word and its further words; of one of sentences:
    0 none, then the labels.
    """

    labels: tuple[LabelKind, ...]
    unit: Unit
    bias: tuple[int, ...]
    tables: tuple[TemplateWeights, ...]
    lexicon: Lexicon | None = None

    @property
    def states(self) -> int:
        """How many states there are."""
        return 1 + len(self.labels) * (2 if self.unit is Unit.SPANS else 1)

    @property
    def features(self) -> int:
        """How many features have weights."""
        return sum(len(table.values) for table in self.tables)

    @cached_property
    def digest(self) -> str:
        """A hash over everything that decides what is found."""
        # Sorted keys: cues in stores are found by this digest, and it may not change when `to_json` is rewritten.
        return digest(orjson.dumps(self.to_json(), option=orjson.OPT_SORT_KEYS).decode())

    def entries(self) -> tuple[Entry, ...]:
        """One lexicon entry a label. A label that stands for no group is counted among the hedges."""
        return tuple(Entry(f"learned: {label.name}", label.group or Group.HEDGE, ()) for label in self.labels)

    def as_lexicon(self, name: str, version: str, title: str, description: str) -> Lexicon:
        """The model as a lexicon without forms, with an identity of its own: what lists and pages show of it."""
        entries, learned = self.entries(), self.digest
        # Mode and overlap mean nothing without forms; they are a part of the identity all the same.
        return Lexicon(name, version, title, description, MatchMode.WORD, Overlap.LONGEST, entries, learned)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "form": FORM,
            "unit": self.unit.value,
            "labels": [[x.key, x.name, x.group.value if x.group else None] for x in self.labels],
            "bias": list(self.bias),
            "lexicon": to_data(self.lexicon) if self.lexicon else None,
            "tables": [
                {
                    "template": [list(part) for part in table.template],
                    "values": [list(values) for values in table.values],
                    "weights": [list(weights) for weights in table.weights],
                }
                for table in self.tables
            ],
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any], name: str = "") -> DetectorModel:
        """Back from JSON as `to_json` made it. Raises UserError for anything else."""
        try:
            if raw["form"] != FORM:
                raise ValueError(f"it has form {raw['form']}, and this version reads form {FORM}")
            model = cls(
                labels=tuple(LabelKind(k, n, Group(g) if g else None) for k, n, g in raw["labels"]),
                unit=Unit(raw["unit"]),
                bias=tuple(_weight(x) for x in raw["bias"]),
                tables=tuple(_table(table) for table in raw["tables"]),
                lexicon=from_data(raw["lexicon"], f"the word list of {name}") if raw["lexicon"] else None,
            )
            _check(model)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"The detector {visible(name)} can't be read: {visible(str(error))}.") from error
        return model


def _table(raw: Mapping[str, Any]) -> TemplateWeights:
    return TemplateWeights(
        tuple((str(name), int(at)) for name, at in raw["template"]),
        tuple(tuple(str(value) for value in values) for values in raw["values"]),
        tuple(tuple(_weight(weight) for weight in weights) for weights in raw["weights"]),
    )


def _weight(value: Any) -> int:
    if not isinstance(value, int) or abs(value) > MOST_WEIGHT:
        raise ValueError(f"{value!r} is no weight")
    return value


def _check(model: DetectorModel) -> None:
    """Raise ValueError where the parts don't fit together."""
    # Models are files too, which people send each other: a wrong shape would fail deep inside numpy, or not at all.
    rows = [model.bias, *(weights for table in model.tables for weights in table.weights)]
    if not model.labels or any(len(row) != model.states for row in rows):
        raise ValueError("its weights don't fit its labels")
    for table in model.tables:
        names = [name for name, _ in table.template]
        if unknown := [name for name in names if name not in OF_WORDS and name not in OF_PLACES]:
            raise ValueError(f"there is no attribute {unknown[0]!r}")
        wrong = any(len(values) != len(names) for values in table.values) or len(table.values) != len(table.weights)
        if not names or wrong or any(abs(at) > REACH for _, at in table.template):
            raise ValueError("a template doesn't fit its features")
