"""Preference pairs: of two responses to a problem the one to be preferred, by a rule that says why. Pure.

Owns the rule, its words, the columns that TRL's trainers read, and the count of what was left out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any, NamedTuple

import pyarrow as pa

from backend.codec import JsonRecord
from backend.domain import GRADERS, Finish, UserError

_ORIGIN = [
    (name, pa.string()) for name in ("problem_id", "chosen_trace", "rejected_trace", "chosen_model", "rejected_model")
]
_TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_TEXTS = ("prompt", "chosen", "rejected")  # TRL's names
PAIR_SCHEMA = pa.schema([*((name, pa.string()) for name in _TEXTS), *_ORIGIN])
TURN_SCHEMA = pa.schema([*((name, _TURNS) for name in _TEXTS), *_ORIGIN])


# Of a problem what it lacks: by whether the rule counts cues.
_LACKING = (
    "problems without a right and a wrong response that pair",
    "problems without responses so far apart that pair",
)


class Preference(StrEnum):
    """Which of two responses is preferred."""

    RIGHT = "right"  # the right one over the wrong one
    DOUBTING = "doubting"  # the one with more cues, both judged alike
    CURT = "curt"  # the one with fewer


@dataclass(frozen=True, slots=True)
class PairRule(JsonRecord):
    """What makes a pair. `margin` is in cues per 1,000 units of a response's length; `most` is by problem."""

    prefer: Preference = Preference.RIGHT
    grader: str = GRADERS[0]
    lexicon: str = "doubts"
    margin: float = 5.0
    ended: bool = True
    same_prompt: bool = True
    right_only: bool = True
    most: int = 4
    conversational: bool = False

    def __post_init__(self) -> None:
        """Raise UserError for numbers that make no rule."""
        if self.most < 1 or not 0 <= self.margin < 1_000:
            raise UserError("A rule takes at least one pair a problem, and a margin from 0 to 1,000.")

    @property
    def counts_cues(self) -> bool:
        """Whether the rule asks how much a response doubts."""
        return self.prefer is not Preference.RIGHT

    @property
    def sentences(self) -> list[str]:
        """The rule in words."""
        judged = "both right" if self.right_only else "both right or both wrong"
        more = "more" if self.prefer is Preference.DOUBTING else "fewer"
        by = f"at least {self.margin:g} {more} cues of {self.lexicon} per 1,000 units of length than the rejected one"
        found = [
            f"Chosen has {by}; {judged} by {self.grader}."
            if self.counts_cues
            else f"Chosen is right and rejected is wrong by {self.grader}.",
            "A response whose verdict is unknown is in no pair, and of equal texts only the first counts.",
            f"At most {self.most} pairs a problem; each response is taken once before any is taken twice.",
        ]
        found += ["Both responses ended by themselves; where that isn't known they are left out."] if self.ended else []
        found += ["Both were shown the same prompt."] if self.same_prompt else []
        shown = (
            "the question as a user's turn" if self.conversational else "what the model was shown, else the question"
        )
        return [*found, f"The prompt is {shown if self.same_prompt or self.conversational else 'the question'}."]


class Candidate(NamedTuple):
    """A response that may be in a pair; `text` and `prompt` are digests."""

    trace: str
    problem: str
    right: bool | None
    per_1k: float | None
    finish: str
    text: str
    prompt: str


class LeftOutPairs(NamedTuple):
    """How many responses, problems and pairs were left out, by reason."""

    reasons: Counter[str]

    def __str__(self) -> str:
        """The counts as a clause."""
        return "; ".join(f"{count:,} {reason}" for reason, count in self.reasons.most_common()) or "nothing"


def choose_pairs(
    candidates: Sequence[Candidate], rule: PairRule
) -> tuple[list[tuple[Candidate, Candidate]], LeftOutPairs]:
    """The pairs (chosen, rejected) by problem, in the candidates' order, and what was left out."""
    left, problems, seen = Counter[str](), defaultdict[str, list[Candidate]](list), set[tuple[str, str, str]]()
    for each in candidates:
        same = (each.problem, each.text, each.prompt if rule.same_prompt else "")
        if reason := _unfit(each, rule) or ("responses whose text is another's" if same in seen else ""):
            left[reason] += 1
            continue
        seen.add(same)
        problems[each.problem].append(each)
    found = []
    for some in problems.values():
        fit = list(_matches(some, rule, left))
        found += fit[: rule.most]
        left[_LACKING[rule.counts_cues]] += not fit
        left["pairs beyond the most of a problem"] += max(0, len(fit) - rule.most)
    return found, LeftOutPairs(+left)


def _unfit(each: Candidate, rule: PairRule) -> str:
    if each.right is None:
        return "responses whose verdict is unknown"
    if rule.counts_cues and (each.per_1k is None or (rule.right_only and not each.right)):
        return "responses without a length" if each.per_1k is None else "responses that are wrong"
    if rule.ended and each.finish != Finish.STOP:
        return (
            "responses of unknown ending"
            if each.finish == Finish.UNKNOWN
            else "responses that didn't end by themselves"
        )
    return ""


def _matches(some: Sequence[Candidate], rule: PairRule, left: Counter[str]) -> Iterator[tuple[Candidate, Candidate]]:
    """Every pair of a problem, those that use each response once first."""
    sign = {Preference.RIGHT: 0, Preference.DOUBTING: 1, Preference.CURT: -1}[rule.prefer]
    better = (
        sorted(some, key=lambda each: -sign * (each.per_1k or 0.0)) if sign else [each for each in some if each.right]
    )
    worse = better[::-1] if sign else [each for each in some if not each.right]
    longer = max(len(better), len(worse))
    # A diagonal after the other: each row and each column once before any comes twice.
    places = product(range(len(better)), range(len(worse)))
    for row, column in sorted(places, key=lambda place: ((place[1] - place[0]) % longer, place)):
        one, other = better[row], worse[column]
        apart = sign * ((one.per_1k or 0.0) - (other.per_1k or 0.0))
        if sign and (one.right is not other.right or apart < max(rule.margin, 1e-9)):
            continue
        if rule.same_prompt and one.prompt != other.prompt:
            left["pairs that were shown different prompts"] += 1
        else:
            yield one, other


def pair_row(
    better: Candidate,
    worse: Candidate,
    texts: Mapping[str, Mapping[str, str]],
    models: Mapping[str, str],
    rule: PairRule,
) -> dict[str, Any]:
    """A row of the file: TRL's columns, and where both responses came from."""
    chosen, rejected = texts[better.trace], texts[worse.trace]
    shown = chosen["prompt"] if rule.same_prompt and not rule.conversational else ""
    said = (shown or chosen["question"], chosen["text"], rejected["text"])
    turns = [[{"role": role, "content": text}] for role, text in zip(("user", *["assistant"] * 2), said, strict=True)]
    origin = (better.problem, better.trace, worse.trace, models[chosen["run_id"]], models[rejected["run_id"]])
    columns = dict(zip(_TEXTS, turns if rule.conversational else said, strict=True))
    return columns | dict(zip((name for name, _ in _ORIGIN), origin, strict=True))
