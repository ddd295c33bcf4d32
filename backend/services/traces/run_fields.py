"""The fields of a run that a person may correct: their names, what a value may be, and text replaced in them.

Owns the check of every correction, whoever makes it: the pages Import and Runs, the verbs, an import as a job.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from backend.domain import Context, RunInfo, Sampling, UserError, visible
from backend.import_plan import Source, corrected
from backend.services.access.display_names import one_line, prose

K = TypeVar("K", bound=Hashable)
Values = Mapping[str, Any]  # by the names of fields

_NAME, _PROSE = 200, 2_000  # characters
_MOST: Final = 2**31 - 1  # columns of whole numbers have four bytes
SAMPLING: Final = frozenset(each.name for each in fields(Sampling))


@dataclass(frozen=True, slots=True)
class RunField:
    """A field: its `label`, the `kind` of its values (str, int, float or Context) and, of numbers, their bounds.

    One that is `needed` can't be empty; `long` is text of several lines.
    """

    label: str
    kind: type = str
    least: float = 0
    most: float = _MOST
    needed: bool = False
    long: bool = False

    def value(self, given: Any) -> Any:
        """`given`, from a cell or the command line, as a value of this field; None where it is empty.

        Raises UserError where it can't be one.
        """
        if given is None or given != given or not str(given).strip():
            if self.needed:
                raise UserError(f"{self.label} is empty, and every run has one.")
            return None
        if self.kind is str:
            return prose(self.label, str(given), _PROSE) if self.long else one_line(self.label, str(given), _NAME)
        if self.kind is Context:
            if given not in tuple(Context):
                raise UserError(
                    f"{self.label} is {visible(str(given), 60)!r}, which is none; there are: {', '.join(Context)}."
                )
            return Context(given)
        try:
            number = float(given)
        except (TypeError, ValueError):
            number = math.nan
        what = "whole number" if self.kind is int else "number"
        if not math.isfinite(number) or (self.kind is int and number != int(number)):
            raise UserError(f"{self.label} is {visible(str(given), 60)!r}, which is no {what}.")
        if not self.least <= number <= self.most:
            raise UserError(
                f"{self.label} is {number:,.10g}, which is no {what} from {self.least:,.10g} to {self.most:,.10g}."
            )
        return self.kind(number)


# By the fields of Overrides, in the order of the tables.
FIELDS: Final[Mapping[str, RunField]] = {
    "model": RunField("Model", needed=True),
    "dataset": RunField("Data set", needed=True),
    "parent": RunField("Trained from"),
    "series": RunField("Series"),
    "step": RunField("Step", int),
    "context": RunField("Context", Context, needed=True),
    "variant": RunField("Variant"),
    "temperature": RunField("Temperature", float, most=100),
    "top_p": RunField("Top-p", float, most=1),
    "top_k": RunField("Top-k", int, least=-1),
    "max_tokens": RunField("Max tokens", int),
    "seed": RunField("Seed", int, least=-_MOST),
    "template": RunField("Template", long=True),
    "note": RunField("Note", long=True),
    "system": RunField("System prompt", long=True),
    "tokenizer": RunField("Tokenizer"),
}
TEXTS: Final = tuple(name for name, field in FIELDS.items() if field.kind is str)
NAMES: Final = ("model", "dataset", "parent", "series", "variant")  # where text is looked for unless asked otherwise


def values_of(info: RunInfo) -> dict[str, Any]:
    """The value of every field in a run, None where it is unknown."""
    held = {name: getattr(info.sampling if name in SAMPLING else info, name) for name in FIELDS}
    return {name: None if value == "" else value for name, value in held.items()}


def checked(info: RunInfo, given: Values) -> dict[str, Any]:
    """Those of the values `given` that differ from the run's own, as they are to be stored. Raises UserError."""
    known, found = values_of(info), dict[str, Any]()
    for name, value in given.items():
        if name not in FIELDS:
            raise UserError(f"A run has no field {visible(name, 40)!r} to correct; there are: {', '.join(FIELDS)}.")
        # What stays as it is isn't checked: a name from a file may hold what nobody may type.
        if value != known[name] and (right := FIELDS[name].value(value)) != known[name]:
            found[name] = right
    return found


def corrected_source(source: Source, given: Values) -> Source:
    """A source whose run has the values `given` in place of its own. Raises UserError for one it can't have."""
    return replace(source, info=corrected(source.info, checked(source.info, given)))


@dataclass(frozen=True, slots=True)
class Replacement:
    """Find and replace: `old`, plain text or a regular expression, becomes `new` in these fields."""

    old: str
    new: str
    fields: tuple[str, ...] = NAMES
    regex: bool = False

    def over(self, rows: Mapping[K, Values]) -> dict[K, dict[str, str]]:
        """Row -> the fields that change, with their new text. Raises UserError."""
        if not self.old:
            raise UserError("There is nothing to find: say which text is to be replaced.")
        every = [(row, name, values.get(name)) for row, values in rows.items() for name in self.fields]
        cells = [(row, name, text) for row, name, text in every if isinstance(text, str)]
        # Arrow's expressions are RE2's: none takes longer than the text is long, whatever somebody types.
        function = pc.replace_substring_regex if self.regex else pc.replace_substring
        try:
            texts = pa.array([text for _, _, text in cells], pa.string())
            after = function(texts, pattern=self.old, replacement=self.new).to_pylist()
        except (pa.ArrowInvalid, UnicodeError) as error:
            raise UserError(f"{visible(self.old, 80)!r} can't be replaced: {visible(str(error), 160)}.") from error
        found: dict[K, dict[str, str]] = {}
        for (row, name, before), text in zip(cells, after, strict=True):
            if text != before:
                found.setdefault(row, {})[name] = text
        return found
