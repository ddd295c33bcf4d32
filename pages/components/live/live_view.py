"""The live view: one to four arms of a job side by side, word by word as they come.

Owns the Python side of one Streamlit component: what it is given, and the check of what comes back. The text itself
never passes through here: the browser (`live_view/*.js`, over modules of `trace_view/`) listens to `stream_route.py`
with the token it gets from here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.domain import Group
from backend.report.colours import LETTERS
from pages.components.browser.component import browser_component, encodable
from pages.components.frame.session import services
from pages.components.live.stream_route import stream_token

SUGGESTIONS = ("Wait", "Maybe", "Hmm", "Alternatively", "First,")
_LONGEST_WORD = 80
_HERE = Path(__file__).parent
_VIEW = browser_component(
    "live_view",
    _HERE / "live_view" / "live_view.js",
    styles=[_HERE.parent / "viewer" / "trace_view.css", _HERE / "live_view.css"],
    scope=".tv",
)


@dataclass(frozen=True, slots=True)
class ForkRequest:
    """A wish to go on from a trace: its text up to code point `at`, then `insert` (it may be empty).

    `index` is the trace's number in its job, `trace` its id in the store.
    """

    index: int
    trace: str
    at: int
    insert: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What a job is going to show, before its stream begins: a (title, notes) an arm, how many problems and samples,
    and the problem shown first.
    """

    arms: Sequence[tuple[str, str]]
    problems: int = 1
    samples: int = 1
    question: str = ""
    gold: str | None = None


@dataclass(frozen=True, slots=True)
class LiveResult:
    """What happened since the last run: a wish to go on, another (problem, sample) chosen, the end; or nothing."""

    fork: ForkRequest | None = None
    focus: tuple[int, int] | None = None
    ended: bool = False


def live_view(
    job: str,
    *,
    key: str,
    lexicon: str,
    over: bool = False,
    expected: Expected | None = None,
    focus: tuple[int, int] = (0, 0),
    forks: bool = True,
    suggestions: Sequence[str] = SUGGESTIONS,
    minimum: int = 380,
    reserve: int = 16,
) -> LiveResult:
    """Show a job's traces of one problem, from the start and as they come, and return what was asked of them.

    `over` is whether the job was over when the page ran: if not, its end makes the page run once more. `expected` is
    shown until the stream begins. `focus` is the (problem, sample) shown first. `forks` lets a reader go on from a
    token with another word, once the job is over. The view fills the height left in the window, keeping `reserve`
    pixels; its panes get at least `minimum`.
    """
    result = _VIEW(
        key=key,
        data={
            "job": job,
            "token": stream_token(job),
            "lexicon": lexicon,
            "over": over,
            "focus": list(focus),
            "expected": None if expected is None else _plan(expected),
            "forks": forks,
            "suggestions": list(suggestions),
            "groups": [{"letter": LETTERS[group], "label": group.value} for group in Group],
            "marks": services().lexicons.thinking_marks,
            "minimum": minimum,
            "reserve": reserve,
        },
        # The page does nothing about `renew`: the run it causes brings a new token.
        reports=["fork", "focus", "ended", "renew"],
    )
    return LiveResult(fork_of(result.get("fork")), focus_of(result.get("focus")), result.get("ended") == job)


def _plan(expected: Expected) -> dict[str, Any]:
    return {
        "arms": [{"title": encodable(title), "notes": encodable(notes)} for title, notes in expected.arms],
        "problems": expected.problems,
        "samples": expected.samples,
        "asked": {"question": encodable(expected.question), "gold": encodable(expected.gold)},
    }


def fork_of(sent: object) -> ForkRequest | None:
    """What the browser sent as a wish to go on; None for nothing and for nonsense."""
    if not isinstance(sent, Mapping):
        return None
    index, trace, at, insert = (sent.get(name) for name in ("i", "trace", "at", "insert"))
    numbers = all(isinstance(number, int) and number >= 0 for number in (index, at))
    if not (numbers and isinstance(trace, str) and isinstance(insert, str) and len(insert) <= _LONGEST_WORD):
        return None
    return ForkRequest(int(str(index)), trace, int(str(at)), insert)


def focus_of(sent: object) -> tuple[int, int] | None:
    """What the browser sent as the problem and sample it shows; None for nothing and for nonsense."""
    if isinstance(sent, list) and len(sent) == 2 and all(isinstance(n, int) and 0 <= n < 10**6 for n in sent):
        return sent[0], sent[1]
    return None
