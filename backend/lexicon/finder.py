"""The interface of everything that finds cues in a text: the matcher of a word list, and a trained detector."""

from typing import Protocol

from backend.lexicon.entries import Entry, Lexicon

Hit = tuple[int, int, int]
"""A match: number of the form in `CueFinder.forms`, start, end."""


class CueFinder(Protocol):
    """Finds the cues of `lexicon`. It has no mutable state, so threads may share it."""

    lexicon: Lexicon
    forms: tuple[str, ...]
    entry_of: tuple[Entry, ...]

    def find(self, text: str) -> list[Hit]:
        """Every cue in `text`, in order of start (then end)."""

    def count(self, text: str) -> dict[str, int]:
        """Cues of each entry by name, zeros included."""
