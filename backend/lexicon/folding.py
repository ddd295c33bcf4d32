"""Case folding that moves no offset, and the edges of words and sentences.

Owns the rules by which two spellings count as the same and where a word, or a sentence, ends. Every fold keeps one code
point a position, so that an offset found in the folded text holds in the original.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

# str.lower() gives ASCII for two characters beyond ASCII: the Kelvin sign becomes k; "İ" becomes i and a dot. "İ" is
# the one character whose lower case is longer, so that text with it has to be lowered by the caller (see matcher.py).
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


_WORD_TABLE = _word_table()
# For a byte of `fold_words`: 0 ends a word, 1 continues it, 2 means that the original character decides. "?" decides
# nothing, for it stands for whatever Latin-1 lacks.
EDGE = bytes(2 if byte > 127 or chr(byte) == "?" else chr(byte).isalnum() or chr(byte) == "_" for byte in range(256))


def fold_letters(text: str) -> bytes:
    """`text` as one Latin-1 byte a code point, ASCII letters lowered; what Latin-1 lacks becomes "?"."""
    # With one byte a code point the automaton's offsets are code points as they are; those in a str it has to convert.
    return text.replace(KELVIN, "k").encode("latin-1", "replace").lower()


def fold_words(text: str) -> bytes:
    """As `fold_letters`, with straight apostrophes, any white space as a space, and a space added at the end.

    The added space lets both neighbours of a match be read by index: at -1 it stands before the text too.
    """
    straight = text.replace(KELVIN, "k").replace(APOSTROPHE, "'")
    return straight.encode("latin-1", "replace").translate(_WORD_TABLE) + b" "


def fold_wide(text: str, *, words: bool, cased: bool) -> str:
    """`text` for forms that Latin-1 bytes can't carry, such as Chinese ones; lowered only if `cased`."""
    # Lowering is slow beyond ASCII, and Chinese has no case.
    folded = text.lower() if cased else text
    if words:
        folded = folded.replace(APOSTROPHE, "'")
        for blank in _BLANKS:
            folded = folded.replace(blank, " ")
    return folded


def without_surrogates(text: str) -> str:
    """`text` with lone surrogates, which have no UTF-8, replaced by U+FFFD."""
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

    Hyphens and apostrophes don't: "wait-and-see" and "check's" hold whole words.
    """
    # A Latin word between Han characters is a whole word.
    if _UNSPACED.match(character):
        return False
    if character.isalnum() or character == "_":
        return True
    # The variation selector that follows an emoji counts as a mark in Unicode, but belongs to no word.
    return unicodedata.category(character) in ("Mn", "Mc") and ord(character) not in _VARIATION_SELECTORS


# What may stand between the end of a sentence and the first word of the next.
_BETWEEN = frozenset(" -#\t\"'*_()[]>“”‘’")
_ENDS = frozenset(".?!:;\n\r…。！？：；")
# A point ends a sentence only before white space: 0.5 goes on.
_BREAKS = ("\n", ". ", "? ", "! ", ": ", "… ", "。", "！", "？")
_QUESTION = 200  # characters within which a question begins: no mark costs more than this


def starts_sentence(text: str, start: int) -> bool:
    """Whether the word at `start` is the first of a sentence or a line."""
    place = start - 1
    while place >= 0 and text[place] in _BETWEEN:
        place -= 1
    return place < 0 or text[place] in _ENDS


def question_starts(text: str) -> Iterator[int]:
    """Where the first word stands of the sentences and lines of `text` that end in a question mark."""
    # str.find is many times as fast as a regular expression, and most of a text is no question.
    for mark in "?？":
        at = text.find(mark)
        while at >= 0:
            start = max(0, at - _QUESTION)
            begins = not start
            for end in _BREAKS:
                if (place := text.rfind(end, start, at)) >= 0:
                    start, begins = place + len(end), True
            if begins:
                while text[start] in _BETWEEN:
                    start += 1
                yield start
            at = text.find(mark, at + 1)
