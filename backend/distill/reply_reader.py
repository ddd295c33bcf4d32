"""Grades and measures responses during training: correctness, length, and cues by token.

Graders and matchers are those of the rest of the project, so that a training score means what an accuracy elsewhere
does.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from backend.distill.train_plan import TrainingProblem
from backend.grading import rules
from backend.lexicon.entries import load_all
from backend.lexicon.matcher import Matcher

CUES = "kim2026-words"


class Reply(NamedTuple):
    """A response with its ids; `correct` is None where the grader can't tell."""

    item: TrainingProblem
    ids: Sequence[int]
    text: str
    finished: bool
    correct: bool | None

    def to_json(self) -> dict[str, Any]:
        """As JSON for an event of the training process."""
        fields = {"text": self.text, "correct": self.correct, "tokens": len(self.ids)}
        return fields | {"finish": "stop" if self.finished else "length"}


class Reader:
    """Decodes, grades and measures responses of one tokenizer."""

    def __init__(self, tokenizer: Any, ends: frozenset[int], lexicons: str) -> None:
        """`lexicons` is the folder of lexicon files; "" for none."""
        self.tokenizer, self._ends = tokenizer, ends
        found = load_all(Path(lexicons)) if lexicons else {}
        self.matchers = {name: Matcher(lexicon) for name, lexicon in found.items()}
        self._pieces: dict[int, str] = {}

    def reply(self, item: TrainingProblem, ids: Sequence[int]) -> Reply:
        """A response, decoded and graded."""
        finished = bool(ids) and ids[-1] in self._ends
        own = ids[:-1] if finished else ids
        text = str(self.tokenizer.decode(own, skip_special_tokens=True, clean_up_tokenization_spaces=False))
        return Reply(item, own, text, finished, is_right(item, text) if item.gold is not None else None)

    def values(self, replies: Sequence[Reply]) -> dict[str, Any]:
        """A step's values over responses (see train_plan.STEP_VALUES): means, and cue densities per 1,000 tokens."""
        if not replies:
            return {}
        count, tokens = len(replies), sum(len(reply.ids) for reply in replies)
        known = [reply.correct for reply in replies if reply.correct is not None]
        cues = {name: sum(len(m.find(r.text)) for r in replies) for name, m in self.matchers.items()}
        return {
            "score": sum(known) / len(known) if known else None,
            "finished": sum(reply.finished for reply in replies) / count,
            "length": tokens / count,
            "cues": {name: found / count for name, found in cues.items()},
            "density": {name: 1000 * found / max(1, tokens) for name, found in cues.items()},
            "tokens": tokens,
        }

    def cue_tokens(self, ids: Sequence[int]) -> list[bool]:
        """For each id whether a cue of kim2026-words overlaps its text."""
        matcher = self.matchers.get(CUES)
        if matcher is None:
            return [False] * len(ids)
        # Id by id: a part of a character comes out as a replacement character, of which no cue has any.
        pieces = [self._piece(token) for token in ids]
        ends, total = [], 0
        for piece in pieces:
            total += len(piece)
            ends.append(total)
        marks = [False] * len(ids)
        place = 0
        for start, end in sorted((start, end) for _, start, end in matcher.find("".join(pieces))):
            while place < len(ids) and ends[place] <= start:
                place += 1
            at = place
            while at < len(ids) and ends[at] - len(pieces[at]) < end:
                marks[at] = bool(pieces[at])
                at += 1
        return marks

    def _piece(self, token: int) -> str:
        # Decoded once each: the same few hundred tokens come up again and again.
        if token not in self._pieces:
            special = token in self.tokenizer.all_special_ids
            self._pieces[token] = "" if special else str(self.tokenizer.decode([token]))
        return self._pieces[token]


def is_right(item: TrainingProblem, text: str) -> bool | None:
    """The verdict of the default grader: exact for countdown questions."""
    return rules.grade(rules.Response(text, item.gold, item.question)).correct


def shares(divergence: Sequence[Sequence[float]], marks: Sequence[Sequence[bool]]) -> Mapping[str, float]:
    """`cue_share`, the share of the divergence on marked tokens, and `cue_tokens`, their share of the tokens."""
    total = sum(map(sum, divergence))
    tokens = sum(map(len, divergence))
    on_cues = sum(
        value for row, mark in zip(divergence, marks, strict=True) for value, m in zip(row, mark, strict=True) if m
    )
    marked = sum(map(sum, marks))
    return {"cue_share": on_cues / total if total > 0 else 0.0, "cue_tokens": marked / tokens if tokens else 0.0}
