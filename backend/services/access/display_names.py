"""Validation of names that people type: of people, projects, labels and flags, which may be hostile.

Owns the limits of such texts and the rules of a label scheme.
"""

import re
import unicodedata

from backend.annotation import Scheme
from backend.domain import UserError, visible

NAME, PROSE = 80, 100_000
_LABELS, _FLAGS, _LABEL, _DESCRIPTION = 50, 20, 60, 500
_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
# Control and format characters (bidi marks among them), lone surrogates, private and unassigned ones, line separators;
# of the format characters only the joiners stay, which Persian, Hindi and emoji need.
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SURROGATE = re.compile("[\ud800-\udfff]")
_JOINERS = "\u200c\u200d"


def one_line(what: str, text: str, limit: int = NAME) -> str:
    """`text` without spaces at its ends. Raises UserError, calling it `what`, where it is empty, long or not plain."""
    stripped = text.strip()
    if not stripped:
        raise UserError(f"{what} is empty.")
    if len(stripped) > limit:
        raise UserError(f"{what} has {len(stripped):,} characters, but at most {limit} fit.")
    if bad := next((c for c in stripped if c not in _JOINERS and unicodedata.category(c) in _REFUSED), None):
        raise UserError(f"{what} holds the character U+{ord(bad):04X}, which can't be seen: {visible(stripped, 60)}.")
    return stripped


def prose(what: str, text: str, limit: int = PROSE) -> str:
    """`text` of any lines. Raises UserError, calling it `what`, where it is too long or can't be stored."""
    if len(text) > limit:
        raise UserError(f"{what} has {len(text):,} characters, but at most {limit:,} fit.")
    # Control characters may stay: prose is shown as text nodes alone. A lone surrogate has no UTF-8.
    if _SURROGATE.search(text):
        raise UserError(f"{what} holds half a character (a lone surrogate), which can't be stored.")
    return text


def comparable(name: str) -> str:
    """A name's form for comparison: letter case, width and spaces don't count."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def check_scheme(scheme: Scheme) -> Scheme:
    """`scheme` itself. Raises UserError where annotators couldn't work with it."""
    if not 1 <= len(scheme.labels) <= _LABELS:
        raise UserError(f"A scheme has 1 to {_LABELS} labels; this one has {len(scheme.labels)}.")
    if not scheme.positive:
        raise UserError("A scheme needs a label that says a cue stands here; all of this one's say that none does.")
    if len(scheme.flags) > _FLAGS:
        raise UserError(f"A scheme has at most {_FLAGS} flags; this one has {len(scheme.flags)}.")
    for label in scheme.labels:
        if not _KEY.fullmatch(label.key):
            raise UserError(
                f"The label key '{visible(label.key, 60)}' has to be lower-case letters, digits and '-', at most 40."
            )
        if label.name != one_line(f"The name of the label {label.key}", label.name, _LABEL):
            raise UserError(f"The name of the label {label.key} begins or ends with a space.")
        if label.description:
            one_line(f"The description of the label {label.key}", label.description, _DESCRIPTION)
    for flag in scheme.flags:
        one_line("A flag", flag, _LABEL)
    # Names are compared as people read them: two labels that look alike would be taken for each other.
    _refuse_doubles("label key", [label.key for label in scheme.labels])
    _refuse_doubles("label name", [comparable(label.name) for label in scheme.labels])
    _refuse_doubles("flag", [comparable(flag) for flag in scheme.flags])
    return scheme


def _refuse_doubles(what: str, names: list[str]) -> None:
    if double := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"The scheme has the {what} '{visible(double, 60)}' twice.")
