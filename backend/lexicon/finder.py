"""What finds cues in a text, be it a list of expressions or a trained detector.

Owns that one interface. Knows nothing of how they are found.
"""

from __future__ import annotations

from typing import Protocol

from backend.lexicon.entries import Entry, Lexicon

Hit = tuple[int, int, int]
"""A match: number of the form in `CueFinder.forms`, start, end."""


class CueFinder(Protocol):
    """Finds the cues of `lexicon`. Not changed by use, so threads may share it."""

    lexicon: Lexicon
    forms: tuple[str, ...]
    entry_of: tuple[Entry, ...]

    def find(self, text: str) -> list[Hit]:
        """Every cue in `text`, in order of start (then end)."""
        ...

    def count(self, text: str) -> dict[str, int]:
        """Cues of each entry by name, zeros included."""
        ...
