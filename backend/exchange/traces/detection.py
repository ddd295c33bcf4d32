"""The trace formats, in the order in which they are tried on a file's first row.

A new format is a declaration in formats/declared/, or a module of formats/ and a line here.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

from backend.domain import ImportProblem
from backend.exchange.traces.declared_formats import own, shipped
from backend.exchange.traces.formats import (
    companion,
    evaluation_logs,
    generations,
    harness,
    lm_eval,
    mapped,
    openai_batch,
    openai_chat,
    own_export,
    paper_chain,
    paper_eval,
    problem_sets,
    telemetry,
    thip,
    thought_anchors,
    training_rollouts,
)
from backend.exchange.traces.row_paths import expand
from backend.exchange.traces.trace_format import Format
from backend.import_plan import Row

# A format whose keys include another's comes before it: the companion's rows, for one, have the paper's keys without
# the lengths, and chats are tried last because many formats carry `messages` beside their own keys.
KNOWN: tuple[Format, ...] = (
    own_export.FORMAT,
    paper_chain.FORMAT,
    paper_chain.COLLECTED,
    paper_eval.FORMAT,
    companion.FORMAT,
    harness.FORMAT,
    thip.FORMAT,
    thought_anchors.FORMAT,
    lm_eval.FORMAT,
    *shipped({**evaluation_logs.HOOKS, **training_rollouts.HOOKS, **telemetry.HOOKS, **problem_sets.HOOKS}),
    openai_batch.FORMAT,
    generations.FORMAT,
    problem_sets.FORMAT,
    openai_chat.FORMAT,
)
# Keys of files that tools write and that hold no traces we read -> what they are.
_OTHERS: tuple[tuple[frozenset[str], str], ...] = tuple(
    (frozenset(keys.split()), what)
    for keys, what in (
        ("resourceSpans", "OpenTelemetry spans, none of them of a model"),
        ("context.span_id", "spans of Phoenix without their attributes, which hold what was said"),
        ("eval plan results stats", "the head of an Inspect log; its samples hold the responses"),
        ("eval plan version", "the head of an Inspect log; its samples hold the responses"),
        ("id epoch input target", "a summary of an Inspect log; its samples hold the responses"),
        ("scorer reducer samples", "a summary of an Inspect log; its samples hold the responses"),
        ("prompts providers tests", "the configuration of promptfoo; its results hold the responses"),
        ("model_name dataset_name metrics", "a report of EvalScope; its predictions hold the responses"),
    )
)
R = TypeVar("R")
_LOOKED = 3  # rows at a place: the first may be settings
_BY_NAME = {each.name: each for each in (*KNOWN, mapped.FORMAT)}


_own: list[Path] = []  # folders of a person's own formats


def use_formats(folders: Sequence[str]) -> None:
    """Take the formats of those folders, from now on, before those that come with the app."""
    _own[:] = [Path(folder).expanduser() for folder in folders]


def with_formats(folders: Sequence[str], function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """What `function` finds where the formats of those folders are known."""
    use_formats(folders)
    return function(*args, **kwargs)


def _formats() -> Iterator[Format]:
    return chain(*(own(folder)[0] for folder in _own), KNOWN)


def own_problems() -> Sequence[ImportProblem]:
    """What can't be used of a person's own formats."""
    return [problem for folder in _own for problem in own(folder)[1]]


def detect(row: Row) -> Format | None:
    """The format of a file, told by the keys of its first row; None where no format has such keys."""
    return next((each for each in _formats() if "" in each.places and each.matches(row)), None)


def detect_inside(row: Row) -> tuple[Format, str, Row] | None:
    """A format whose rows lie inside a row, with their place there and the first of them; None where there is none."""
    for form in _formats():
        for place in filter(None, form.places):
            inner = next(filter(form.matches, islice(expand(row, place), _LOOKED)), None)
            if inner is not None:
                return form, place, inner
    return None


def other_kind(row: Row) -> str | None:
    """What a file is that some tool wrote and that holds no traces; None where it isn't known."""
    return next((what for keys, what in _OTHERS if keys <= row.keys()), None)


def named(name: str) -> Format:
    """The format of that name. Raises KeyError."""
    return next((each for folder in _own for each in own(folder)[0] if each.name == name), None) or _BY_NAME[name]
