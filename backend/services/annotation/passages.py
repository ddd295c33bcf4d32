"""Splitting long texts into passages that a person can annotate in one sitting.

Owns where a text may be cut: at the end of a paragraph, else of a line, a sentence, a word. Offsets are code points,
half-open.
"""

import re
import unicodedata

from backend.domain import UserError
from backend.lexicon.folding import continues_word

SHORTEST = 200  # a window without its context is no longer readable below that

# Where a stretch may end, the best kind first; a match ends with the white space that follows.
_ENDS = (
    re.compile(r"\n[^\S\n]*\n\s*"),
    re.compile(r"\n\s*"),
    re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]+[」』”’）]*\s*"),
    re.compile(r"\s+"),
)
_APOSTROPHES = "'\u2019"
_JOINER = "\u200d"


def windows(text: str, size: int) -> list[tuple[int, int]]:
    """Stretches that tile `text` in order, of at most `size` code points and about the same length; 0: one stretch.

    No word is cut unless it is longer than `size`, and no combined character ever. Raises UserError for a size below
    SHORTEST.
    """
    if size and size < SHORTEST:
        raise UserError(
            f"A window of {size} characters is too short to read: at least {SHORTEST}, or 0 for whole texts."
        )
    found: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        end = _cut(text, start, size) if size else len(text)
        found.append((start, end))
        start = end
    return found


def _cut(text: str, start: int, size: int) -> int:
    """Where the stretch that begins at `start` ends."""
    left = len(text) - start
    if left <= size:
        return len(text)
    # The rest divided evenly, rounded up: cutting at `size` would leave a last stretch of a few words.
    aim = start + left // -(-left // size)
    low, high = start + (aim - start) // 2, start + size
    for end in _ENDS:
        places = (match.end() for match in end.finditer(text, low, high))
        if cuts := [place for place in places if place > low and whole_at(text, place)]:
            return min(cuts, key=lambda place: abs(place - aim))
    # The text offers no good place before `high`.
    possible = [place for place in range(high, start, -1) if whole_at(text, place)]
    between = [place for place in possible if not (continues_word(text[place - 1]) and continues_word(text[place]))]
    apart = (place for place in between if text[place - 1] not in _APOSTROPHES and text[place] not in _APOSTROPHES)
    best = next(apart, None) or next(iter(between or possible), None)
    return best or next((place for place in range(high + 1, len(text)) if whole_at(text, place)), len(text))


def whole_at(text: str, place: int) -> bool:
    """Whether a cut at `place`, inside the text, leaves characters whole: letters with their marks, emoji, CRLF."""
    # A part of Unicode's rules for grapheme clusters (UAX 29), of which the standard library has none.
    before, after = text[place - 1], text[place]
    if unicodedata.category(after) in ("Mn", "Mc", "Me") or after == _JOINER or before == _JOINER:
        return False
    if before == "\r" and after == "\n":
        return False
    if "\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff":
        return False
    code = ord(after)
    skin, jamo = 0x1F3FB <= code <= 0x1F3FF, 0x1160 <= code <= 0x11FF
    flag = 0x1F1E6 <= code <= 0x1F1FF and 0x1F1E6 <= ord(before) <= 0x1F1FF
    return not (skin or jamo or flag)
