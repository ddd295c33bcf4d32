"""Losses of a run: the responses it lacks or has half of, grouped by reason, and how many were answered in full.

Owns the words in which pages and command line say "15 of 22 answered".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from backend.codec import JsonRecord, decode
from backend.domain import Run, visible
from backend.grading.verdicts import Verdict, Verdicts

# The field of a trace's `extra` that holds the reason why its text ends where it does.
BROKEN_OFF: Final = "broken off"
_NOT_GRADED: Final = Verdict(None, None, "not graded: the response broke off")
UNGRADED: Final = Verdicts(_NOT_GRADED, _NOT_GRADED)
_MOST_PLACES: Final = 50  # of one reason; a server that is gone may fail ten thousand


@dataclass(frozen=True, slots=True)
class LostResponse(JsonRecord):
    """A response that wasn't finished: `number` is its problem's place in the set, from 1, and `sample` counts from 1.

    `trace` is the id of the text that came before it broke off, "" where none came.
    """

    number: int
    sample: int
    problem: str
    question: str
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Loss(JsonRecord):
    """Responses lost for one reason: `kind` in few words, `reason` the sentence of the first; `kept` of them left a
    text. `places` are the first of them.
    """

    kind: str
    reason: str
    count: int
    kept: int
    places: tuple[LostResponse, ...]


def grouped(lost: Iterable[tuple[str, str, LostResponse]]) -> tuple[Loss, ...]:
    """Losses from (kind, reason, response), the commonest kind first."""
    return merged(Loss(kind, reason, 1, int(bool(one.trace)), (one,)) for kind, reason, one in lost)


def merged(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    """The losses of several arms by kind: the places of all, counted together."""
    found: dict[str, Loss] = {}
    for one in losses:
        have = found.get(one.kind, replace(one, count=0, kept=0, places=()))
        places = (*have.places, *one.places)[:_MOST_PLACES]
        found[one.kind] = replace(have, count=have.count + one.count, kept=have.kept + one.kept, places=places)
    return tuple(sorted(found.values(), key=lambda loss: (-loss.count, loss.kind)))


def losses_of(raw: Sequence[Mapping[str, Any]]) -> list[Loss]:
    """Losses as a run or a job's result keeps them."""
    return [decode(Loss, one) for one in raw]


def answered(run: Run) -> int:
    """How many responses of a run are whole."""
    return run.traces - sum(loss.kept for loss in losses_of(run.info.losses))


def answered_text(run: Run) -> str:
    """ "22 traces", or "15 of 22 answered" where some are missing or broke off."""
    wanted = run.info.planned or run.traces
    return f"{run.traces:,} traces" if answered(run) == wanted else f"{answered(run):,} of {wanted:,} answered"


def missing_sentence(run: Run) -> str:
    """What a run lacks and why, "" where nothing: "15 of 22 answered; 7 failed: 3 connection cut, 4 rate limit." """
    losses, wanted = losses_of(run.info.losses), run.info.planned or run.traces
    return "" if answered(run) == wanted else sentence(answered(run), wanted, losses)


def sentence(whole: int, wanted: int, losses: Sequence[Loss]) -> str:
    """How many of the `wanted` responses are whole, and what became of the others."""
    failed, kept = sum(loss.count for loss in losses), sum(loss.kept for loss in losses)
    said = f"{whole:,} of {wanted:,} answered"
    if failed:
        said += f"; {failed:,} failed: " + ", ".join(f"{loss.count:,} {loss.kind}" for loss in losses)
    if rest := wanted - whole - failed:
        said += f"; {rest:,} not asked, because the job ended before"
    keeps = f" The text of {kept:,} is kept: lengths and cues count it, accuracy doesn't." if kept else ""
    return f"{said}.{keeps}"


def reasons(losses: Sequence[Loss]) -> list[str]:
    """A sentence a kind, with the problems it struck."""
    return [f"{loss.count:,} {loss.kind} ({_numbers(loss)}): {visible(loss.reason)}" for loss in losses]


def _numbers(loss: Loss) -> str:
    numbers = list(dict.fromkeys(place.number for place in loss.places))
    more = ", …" if len(numbers) > 12 or loss.count > len(loss.places) else ""
    listed = ", ".join(f"{number:,}" for number in numbers[:12])
    return f"problem{'s' if len(numbers) > 1 else ''} {listed}{more}"
