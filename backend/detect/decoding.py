"""Viterbi decoding: from scores of tokens to the best sequence of states, and from that to spans.

States are 0 (none), then for label k its first word (2k + 1) and its further words (2k + 2); a further word may only
follow a word of the same span. Spans never overlap. Of equal ways the one with the lower states is taken.
"""

from typing import Final

import numpy as np

from backend.detect.tokens import Ints

# A token whose best state is this far (in hundredths) below "none" is taken for no cue without looking further: cues
# are rare, so that the search has to run over a small part of a text alone.
_HOPELESS: Final = 400
_NEVER: Final = -(10**12)


def spans(scores: Ints, paragraphs: Ints) -> list[tuple[int, int, int]]:
    """The spans of a text of tokens scored [tokens, states], as (label, first token, token after the last)."""
    hopeful = np.flatnonzero(scores[:, 1:].max(axis=1) >= scores[:, 0] - _HOPELESS)
    # No span reaches from one paragraph into the next: a text that grows is searched anew from its last paragraph
    # alone.
    parted = (np.diff(hopeful) > 1) | (np.diff(paragraphs[hopeful]) > 0)
    found: list[tuple[int, int, int]] = []
    for stretch in np.split(hopeful, np.flatnonzero(parted) + 1):
        if len(stretch):
            first = int(stretch[0])
            found += _read(_best(scores[first : first + len(stretch)].tolist()), first)
    return found


def _best(rows: list[list[int]]) -> list[int]:
    """The states of the best way through one stretch; before and after it there is no cue."""
    # Python lists: stretches are a few words long, where numpy costs more than it saves.
    totals = [0] + [_NEVER] * (len(rows[0]) - 1)
    back: list[list[int]] = []
    for row in rows:
        anywhere = totals.index(max(totals))
        # Even states are further words and come from within their span; the others may come from anywhere.
        came = [anywhere if state % 2 or not state else _inside(totals, state) for state in range(len(row))]
        totals = [totals[before] + score for before, score in zip(came, row, strict=True)]
        back.append(came)
    way = [totals.index(max(totals))]
    for came in back[:0:-1]:
        way.append(came[way[-1]])
    return way[::-1]


def _inside(totals: list[int], state: int) -> int:
    """Where a further word comes from: the first word of its span or another further one."""
    return state - 1 if totals[state - 1] >= totals[state] else state


def _read(way: list[int], offset: int) -> list[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = []
    for place, state in enumerate(way, offset):
        if state and state % 2 == 0:
            label, first, _ = found.pop()
            found.append((label, first, place + 1))
        elif state:
            found.append(((state - 1) // 2, place, place + 1))
    return found
