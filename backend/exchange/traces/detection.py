"""The trace formats, in the order in which they are tried on a file's first row.

A new format is a module of formats/ and a line here.
"""

from __future__ import annotations

from backend.exchange.traces.formats import (
    companion,
    generations,
    harness,
    mapped,
    openai_batch,
    openai_chat,
    paper_chain,
    paper_eval,
    problem_sets,
    thip,
    thought_anchors,
    verl,
)
from backend.exchange.traces.trace_format import Format
from backend.import_plan import Row

# A format whose keys include another's comes before it: the companion's rows, for one, have the paper's keys without
# the lengths, and chats are tried last because many formats carry `messages` beside their own keys.
KNOWN: tuple[Format, ...] = (
    paper_chain.FORMAT,
    paper_chain.COLLECTED,
    paper_eval.FORMAT,
    companion.FORMAT,
    harness.FORMAT,
    thip.FORMAT,
    thought_anchors.FORMAT,
    verl.FORMAT,
    openai_batch.FORMAT,
    generations.FORMAT,
    problem_sets.FORMAT,
    openai_chat.FORMAT,
)
_BY_NAME = {each.name: each for each in (*KNOWN, mapped.FORMAT)}


def detect(row: Row) -> Format | None:
    """The format of a file, told by the keys of its first row; None where no format has such keys."""
    return next((each for each in KNOWN if each.matches(row)), None)


def named(name: str) -> Format:
    """The format of that name. Raises KeyError."""
    return _BY_NAME[name]
