"""The marks that models put around their thinking, as the YAML files of data/lexicons/markers name them.

Owns how a mark is found in a text; thinking.yaml tells the format of these files.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from backend.domain import UserError, visible
from backend.lexicon.yaml_reader import read_yaml

_SHIPPED = Path(__file__).resolve().parents[2] / "data" / "lexicons"
_KEYS = {"by", "open", "close", "lone", "line"}
_TAG = re.compile(r"<(/?)([\w:.-]+)([^<>|]*)>")


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark in a text, `text[start:end]`, and the rows of the table that it opens and closes.

    Those in `lone` it closes even where nothing opened them. A `line` mark opens only with the first line.
    """

    start: int
    end: int
    opens: frozenset[int] = frozenset()
    closes: frozenset[int] = frozenset()
    lone: frozenset[int] = frozenset()
    line: bool = False


class Markers:
    """The table, and the names of tags that are no marks of thinking."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], others: frozenset[str]) -> None:
        """`rows` hold lists under `open`, `close` and `lone`, and `line`."""
        self.others = others
        numbers: dict[tuple[str, bool], dict[str, set[int]]] = {}
        for number, row in enumerate(rows):
            for kind in ("open", "close", "lone"):
                for text in row[kind]:
                    # Case doesn't count: [THINK] of one row and [think] of another are one mark.
                    place = numbers.setdefault(
                        (text.lower(), row["line"]), {"open": set(), "close": set(), "lone": set()}
                    )
                    place[kind].add(number)
        # The longest first: the end of an analysis together with what begins the final message is one mark.
        self._marks = sorted(numbers.items(), key=lambda item: -len(item[0][0]))
        parts = [f"(?P<m{n}>{_pattern(text, line)})" for n, ((text, line), _) in enumerate(self._marks)]
        tags, lines = (
            "|".join(part for part, ((_, line), _) in zip(parts, self._marks, strict=True) if line is wanted)
            for wanted in (False, True)
        )
        self.expression = "|".join(_pattern(text) for (text, line), _ in self._marks if not line)
        # The look ahead keeps the search fast: almost no character of a text can begin a mark.
        firsts = re.escape("".join(sorted({text[0] for (text, line), _ in self._marks if not line} | {"&"})))
        found = "|".join([f"(?=[{firsts}])(?:{tags})", *([f"^(?:{lines})"] if lines else [])])
        self._found = re.compile(found, re.IGNORECASE | re.MULTILINE)

    def find(self, text: str) -> Iterator[Mark]:
        """Every mark in `text`, in order."""
        for match in self._found.finditer(text):
            (_, line), kinds = self._marks[int(str(match.lastgroup)[1:])]
            opens, closes, lone = (frozenset(kinds[kind]) for kind in ("open", "close", "lone"))
            yield Mark(match.start(), match.end(), opens, closes, lone, line)


def _pattern(mark: str, line: bool = False) -> str:
    """The regular expression, for Python and for JavaScript, that finds a mark of the table."""
    if tag := _TAG.fullmatch(mark):
        name, rest = (re.escape(part).replace(r"\ ", r"\s+") for part in tag.groups()[1:])
        # Interfaces add attributes (a duration), prompted models put blanks inside, exports escape brackets and slash.
        inside = rf"\s?\\?/\s?{name}\s?" if tag[1] else rf"\s?{name}{rest}(?:\s[^<>]{{0,200}})?"
        return f"(?:<|&lt;){inside}(?:>|&gt;)"
    # Templates write special tokens with a bar of either width.
    found = "".join({" ": r"\s*", "|": "[|｜]"}.get(character, re.escape(character)) for character in mark)
    return rf"{re.escape(mark)}[ \t]{{0,9}}:?[ \t]{{0,9}}$" if line else found


@cache
def markers() -> Markers:
    """The table of this process: the shipped files, and those of the folder of lexicons that is set.

    Raises UserError for a file that isn't in their format.
    """
    # Read from the environment here: graders and trainings split texts too, and have no settings.
    folders = dict.fromkeys([_SHIPPED, Path(os.environ.get("SECOND_THOUGHTS_LEXICONS") or _SHIPPED)])
    rows: list[Mapping[str, Any]] = []
    others: set[str] = set()
    for path in (path for folder in folders for path in sorted((folder / "markers").glob("*.yaml"))):
        data = read_yaml(path)
        try:
            rows += [_row(row) for row in data.get("markers", ())]
            others.update(word for line in data.get("others", ()) for word in line.lower().split())
        except (ValueError, AttributeError, TypeError, KeyError) as error:
            raise UserError(f"{visible(str(path))}: this is no table of markers ({visible(str(error))}).") from error
    return Markers(rows, frozenset(others))


def _row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    if unknown := set(row) - _KEYS:
        raise ValueError(f"unknown field {', '.join(sorted(unknown))}")
    line = bool(row.get("line"))
    opens, closes = _texts(row["open"]), _texts(row["close"])
    lone = _texts(row["lone"]) if "lone" in row else [] if line else closes
    return {"open": opens, "close": closes, "lone": lone, "line": line}


def _texts(value: Any) -> list[str]:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(text, str) and text.strip() for text in found):
        raise ValueError("a mark is a text, or a list of texts")
    # Each blank of a mark is any run of white space in a text: two of them in a row would be tried in every division.
    return [re.sub(" +", " ", text) for text in found]
