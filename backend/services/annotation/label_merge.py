"""Merging the labels of several people by rule: the ones they agree on. Pure.

Owns the rules, and what becomes of an earlier merge and of decisions made by hand.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from backend.annotation import Label, Labelled, Layer, Op, Project, Scheme, Span
from backend.domain import UserError, visible

RULES: Final = ("agreed by all", "majority", "any")
MATCHES: Final = ("exact", "overlap")
Match = Literal["exact", "overlap"]
BY_RULE: Final = "merged"


@dataclass(frozen=True, slots=True)
class Merged:
    """The result of merging one item: rows for the log, and counts."""

    rows: tuple[Label, ...] = ()
    added: int = 0
    kept: int = 0
    withdrawn: int = 0
    decided: int = 0
    waiting: bool = False
    settled: bool = False


def check(rule: str, match: str) -> None:
    """Raise UserError for a rule or a match that doesn't exist."""
    if rule not in RULES:
        raise UserError(f"There is no merge rule '{visible(rule, 40)}'; there are {', '.join(RULES)}.")
    if match not in MATCHES:
        raise UserError(f"Labels match {' or '.join(MATCHES)}, not '{visible(match, 40)}'.")


def merged(item: Labelled, gold: Sequence[Label], project: Project, person: str, rule: str, match: Match) -> Merged:
    """What `rule` makes of an item whose gold log is `gold`; `person` writes the rows."""
    if item.settled:
        return Merged(settled=True)
    if len(item.done) < min(2, project.annotators):
        return Merged(waiting=True)
    agreed = agreed_on(item, project.scheme, rule, match)
    by_hand, by_rule = _decisions(gold)
    # Whatever overlaps a decision by hand is left to the person who decided: merging again never undoes it.
    free = [label for label in agreed if not any(_overlap(label.span, other.span) for other in by_hand)]
    # Merging again with the same rule writes nothing: what stands already is kept as it is.
    wanted = {_content(label): label for label in free}
    kept = [label for label in by_rule if _content(label) in wanted]
    gone = [replace(label, id=uuid.uuid4().hex, op=Op.WITHDRAW) for label in by_rule if _content(label) not in wanted]
    more = [_new(label, project) for key, label in wanted.items() if key not in {_content(label) for label in kept}]
    rows = tuple(replace(row, person=person, how=BY_RULE, reason="", comment="", at="") for row in (*gone, *more))
    return Merged(rows, len(more), len(kept), len(gone), len(agreed) - len(free))


def agreed_on(item: Labelled, scheme: Scheme, rule: str, match: Match) -> list[Label]:
    """The labels that `rule` lets through, of those who are finished with the item; by place.

    Of labels that overlap and agree, one stands for all: the one most people overlap, then the one most put exactly so,
    then the longest. Where a cue and "no cue" overlap, the cue is let through.
    """
    check(rule, match)
    votes = [label for person in sorted(item.done) for label in item.by_person.get(person, ())]
    # Of those who are finished: somebody who has only begun would block "agreed by all" for weeks.
    enough = {"agreed by all": len(item.done), "majority": len(item.done) // 2 + 1, "any": 1}[rule]
    exact: dict[Span, set[str]] = {}
    for vote in votes:
        exact.setdefault(vote.span, set()).add(vote.person)
    if match == "exact":
        through = [span for span, people in exact.items() if len(people) >= enough]
    else:
        through = _for_all(exact, enough)
    cues = [span for span in through if not _negative(span, scheme)]
    through = [s for s in through if not _negative(s, scheme) or not any(_overlap(s, cue) for cue in cues)]
    return [_spokesman([vote for vote in votes if vote.span == span]) for span in sorted(through)]


def _for_all(exact: Mapping[Span, set[str]], enough: int) -> list[Span]:
    """Spans that enough people overlap with the same label, no two of one label overlapping each other."""
    chosen: list[Span] = []
    for label in sorted({span.label for span in exact}):
        spans = sorted(span for span in exact if span.label == label)
        support = {span: set(exact[span]) for span in spans}
        for place, span in enumerate(spans):
            for other in spans[place + 1 :]:
                if other.start >= span.end:  # sorted by start: none of the later ones overlaps either
                    break
                support[span] |= exact[other]
                support[other] |= exact[span]
        taken: list[Span] = []
        for span in sorted(spans, key=lambda s: (-len(support[s]), -len(exact[s]), s.start - s.end, s)):
            if len(support[span]) >= enough and not any(_overlap(span, other) for other in taken):
                taken.append(span)
        chosen += taken
    return chosen


def _spokesman(votes: Sequence[Label]) -> Label:
    """One label for those that agree, with the flag that more than half of them carry."""
    flag, count = Counter(vote.flag for vote in votes).most_common(1)[0]
    # Preferably one that answers a machine's cue, so that gold says which cue it confirms.
    answering = next((vote for vote in votes if vote.machine), votes[0])
    return replace(answering, flag=flag if 2 * count > len(votes) else "")


def _decisions(gold: Sequence[Label]) -> tuple[list[Label], list[Label]]:
    """The labels that an adjudicator decided on, and those that stand by an earlier merge alone."""
    roots: dict[str, list[Label]] = {}
    for label in sorted(gold, key=lambda label: label.seq):
        roots.setdefault(label.root, []).append(label)
    by_hand, by_rule = [], []
    for rows in roots.values():
        stands = rows[-1].op is not Op.WITHDRAW
        if all(row.how == BY_RULE for row in rows):
            by_rule += [rows[-1]] if stands else []
        # What was merged and then taken away by hand is a decision too; a decision by hand that was taken back is none.
        elif stands or rows[0].how == BY_RULE:
            by_hand.append(rows[-1])
    return by_hand, by_rule


def _new(label: Label, project: Project) -> Label:
    """A new gold label with the content of an annotator's."""
    name = uuid.uuid4().hex
    label = replace(label, scheme_version=project.scheme_version, guidelines_version=project.guidelines_version)
    return replace(label, id=name, root=name, op=Op.PUT, layer=Layer.GOLD)


def _content(label: Label) -> tuple[Span, str]:
    return label.span, label.flag


def _negative(span: Span, scheme: Scheme) -> bool:
    kind = scheme.get(span.label)
    return kind is not None and kind.negative


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
