"""Text made comparable without moving an offset, and the edges of words.

Owns the rules by which two spellings count as the same and where a word ends. Every fold keeps one
code point a position, so that an offset found in the folded text holds in the original; text with
"İ", the one character whose lower case is longer, must be lowered by the caller (see matcher.py).
Knows nothing of lexicons.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# str.lower() gives ASCII for two characters beyond ASCII: the Kelvin sign becomes k; "İ" becomes i and a dot.
KELVIN = "\u212a"
DOTTED_I = "\u0130"
APOSTROPHE = "\u2019"

_BLANKS = "\t\n\v\f\r\x85\xa0"
_SURROGATE = re.compile("[\ud800-\udfff]")


def _word_table() -> bytes:
    table = bytearray(range(256)).lower()
    for blank in _BLANKS:
        table[ord(blank)] = ord(" ")
    return bytes(table)


def _edge_table() -> bytes:
    """For a byte of `fold_words`: 0 ends a word, 1 continues it, 2 means that the original character decides."""
    plain = {byte: int(chr(byte).isalnum() or byte == ord("_")) for byte in range(128)}
    return bytes(plain.get(byte, 2) if byte != ord("?") else 2 for byte in range(256))


_WORD_TABLE = _word_table()
EDGE = _edge_table()


def fold_letters(text: str) -> bytes:
    """`text` as one Latin-1 byte a code point, ASCII letters lowered; what Latin-1 lacks becomes "?"."""
    return text.replace(KELVIN, "k").encode("latin-1", "replace").lower()


def fold_words(text: str) -> bytes:
    """As `fold_letters`, with straight apostrophes, any white space as a space, and a space added at the end.

    The added space lets both neighbours of a match be read by index: at -1 it stands before the text too.
    """
    straight = text.replace(KELVIN, "k").replace(APOSTROPHE, "'")
    return straight.encode("latin-1", "replace").translate(_WORD_TABLE) + b" "


def fold_wide(text: str, *, words: bool, cased: bool) -> str:
    """`text` for forms that Latin-1 bytes can't carry; lowered only if `cased`, for lowering is slow beyond ASCII."""
    folded = text.lower() if cased else text
    if words:
        folded = folded.replace(APOSTROPHE, "'")
        for blank in _BLANKS:
            folded = folded.replace(blank, " ")
    return folded


def without_surrogates(text: str) -> str:
    """Lone surrogates, which have no UTF-8, replaced by U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


# Scripts written without spaces between words, and Hangul, whose particles follow a Latin word without one.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)


@lru_cache(maxsize=4096)
def continues_word(character: str) -> bool:
    """Whether a word goes on through `character`: letters, digits, the underscore and combining marks do.

    Characters of scripts written without spaces don't, so that a Latin word between Han characters is
    whole; nor do hyphens and apostrophes ("wait-and-see" and "check's" hold whole words), nor the
    variation selector that follows an emoji.
    """
    if _UNSPACED.match(character):
        return False
    if character.isalnum() or character == "_":
        return True
    return unicodedata.category(character) in ("Mn", "Mc") and ord(character) not in _VARIATION_SELECTORS
