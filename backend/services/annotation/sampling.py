"""Sampling for a project: which traces it takes, and the items they are cut into. Reproducible from its seed.

Owns strata, how many traces each gives, and which items are blind. Writes nothing.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.annotation import Item
from backend.domain import Section, SectionSpan, TraceFilter, UserError
from backend.lexicon.loops import find_loops
from backend.services.annotation.passages import windows
from backend.services.annotation.records import Drawn, ProjectSpec, Stratum
from backend.services.traces.trace_list import TraceListService
from backend.store import Store
from backend.store.annotation.annotation_rows import TextRow
from backend.store.queries import run_of
from backend.store.trace_filters import verdict_column

_PAGE = 50_000
_FETCH = 64  # texts read at once: one may have a megabyte, and most of an order is never needed
_VERDICTS = {True: "right", False: "wrong", None: "not graded"}


@dataclass(frozen=True, slots=True)
class ItemSample:
    """The items of a new project, their texts, and the strata they were drawn from."""

    items: tuple[Item, ...]
    texts: Mapping[str, TextRow]
    drawn: Drawn


@dataclass(frozen=True, slots=True)
class _Trace:
    id: str
    stratum: str
    sha256: str
    text: TextRow
    free: tuple[tuple[int, int], ...]  # the stretches of it to be annotated


def draw(store: Store, trace_list: TraceListService, spec: ProjectSpec, project: str) -> ItemSample:
    """Draw what `spec` asks for; items belong to `project`. Raises UserError where no trace is left to draw."""
    cells = _cells(store, trace_list, spec)
    if not cells:
        raise UserError("No trace passes this filter, so that there is nothing to annotate.")
    # Every draw has a seed of its own, so that another stratum more doesn't change what the others give.
    first = _shuffled(list(cells), f"{spec.seed}:strata")
    quota = even_shares({name: len(cells[name]) for name in first}, spec.size)
    seen: set[str] = set()
    chosen: list[_Trace] = []
    for name in sorted(cells):
        chosen += _take(store, name, _shuffled(cells[name], f"{spec.seed}:{name}"), quota[name], seen, spec.loops)
    if not chosen:
        raise UserError(
            "The traces that pass this filter hold no text outside loops, so that there is nothing to annotate."
        )
    items = _items(_ordered(chosen, spec.seed), spec.window, project)
    blind = _blind(items, spec.blind_share, spec.seed)
    items = [replace(item, blind=item.id in blind) for item in items]
    texts = {trace.sha256: trace.text for trace in chosen}
    return ItemSample(tuple(items), texts, _drawn(cells, chosen, items))


def even_shares(available: Mapping[str, int], total: int) -> dict[str, int]:
    """`total` shared among cells as evenly as what each has allows; a remainder goes to the first of them."""
    shares = dict.fromkeys(available, 0)
    left = min(total, sum(available.values()))
    # In rounds: what a small cell can't give goes to the others in the next.
    while left:
        room = [name for name in available if shares[name] < available[name]]
        each = left // len(room)
        for name in room if each else room[:left]:
            more = min(max(each, 1), available[name] - shares[name])
            shares[name] += more
            left -= more
    return shares


def _cells(store: Store, trace_list: TraceListService, spec: ProjectSpec) -> dict[str, list[str]]:
    """Stratum -> ids of the traces in it."""
    # Live runs and a training's evaluations are left aside unless somebody names them: nobody compares by them.
    column = verdict_column(spec.grader)
    runs = {run.id: run for run in store.runs()}
    wanted = spec.wanted
    if not wanted.runs:
        wanted = replace(wanted, runs=tuple(run.id for run in runs.values() if not run.aside))
        if not wanted.runs:
            return {}
    labels = Counter(run.label for run in runs.values())
    found: dict[str, list[str]] = defaultdict(list)
    for row in _pages(store, trace_list, wanted):
        run = runs[row["run_id"]]
        name = run.label if labels[run.label] == 1 else f"{run.label} · {run.id}"
        found[f"{name} · {_VERDICTS[row[column]]}" if spec.stratify else ""].append(row["trace_id"])
    return found


def _pages(store: Store, trace_list: TraceListService, wanted: TraceFilter) -> Iterator[dict[str, Any]]:
    resolved = trace_list.resolve(wanted)
    number, seen, total = 1, 0, 1
    while resolved and seen < total:
        rows, total, _ = store.queries.page(resolved, limit=_PAGE, number=number)
        yield from rows
        number, seen = number + 1, seen + len(rows)
        if not rows:
            return


def _shuffled(ids: Sequence[str], seed: str) -> list[str]:
    # Sorted first, so that the order in which the store gives them doesn't matter.
    order = sorted(ids)
    random.Random(seed).shuffle(order)  # noqa: S311 - a sample, not a secret
    return order


def _take(store: Store, stratum: str, order: Sequence[str], count: int, seen: set[str], loops: bool) -> list[_Trace]:
    """The first `count` traces of `order` whose text, loops aside, is neither blank nor taken already."""
    taken: list[_Trace] = []
    for start in range(0, len(order), _FETCH):
        if len(taken) == count:
            break
        ids = order[start : start + _FETCH]
        rows = store.queries.texts_of(ids)
        for row in (rows[trace_id] for trace_id in ids if trace_id in rows):
            # Greedy samples of one problem are often the same text: nobody should label it twice.
            free = _free(row["text"], loops)
            if len(taken) < count and row["text_sha256"] not in seen and free:
                seen.add(row["text_sha256"])
                sections = tuple(SectionSpan(Section(s["section"]), s["start"], s["end"]) for s in row["sections"])
                text = TextRow(row["text"], sections)
                taken.append(_Trace(row["trace_id"], stratum, row["text_sha256"], text, free))
    return taken


def _free(text: str, loops: bool) -> tuple[tuple[int, int], ...]:
    """The stretches of a text that aren't blank, those outside its loops alone unless `loops` is set."""
    edges = [0, *(() if loops else (edge for loop in find_loops(text) for edge in loop)), len(text)]
    return tuple((a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if text[a:b].strip())


def _ordered(traces: Sequence[_Trace], seed: int) -> list[_Trace]:
    """The traces in the order of the queue, mixed over all strata."""
    # Neighbours in the queue come from anywhere: ten traces of one model in a row make annotators guess it.
    by_id = {trace.id: trace for trace in traces}
    return [by_id[trace_id] for trace_id in _shuffled(list(by_id), f"{seed}:order")]


def _items(traces: Sequence[_Trace], window: int, project: str) -> list[Item]:
    places = [
        (trace, first + start, first + end)
        for trace in traces
        for first, last in trace.free
        for start, end in windows(trace.text.text[first:last], window)
        if trace.text.text[first + start : first + end].strip()
    ]
    return [
        Item(
            id=item_id(project, ordinal),
            project=project,
            ordinal=ordinal,
            text_sha256=trace.sha256,
            start=start,
            end=end,
            trace=trace.id,
            run=run_of(trace.id),
            stratum=trace.stratum,
        )
        for ordinal, (trace, start, end) in enumerate(places)
    ]


def _blind(items: Sequence[Item], share: float, seed: int) -> set[str]:
    """The items shown without machine highlights: `share` of every stratum, to within one item."""
    order: list[Item] = []
    for stratum in sorted({item.stratum for item in items}):
        inside = {item.id: item for item in items if item.stratum == stratum}
        order += [inside[name] for name in _shuffled(list(inside), f"{seed}:blind:{stratum}")]
    # Systematic sampling: along the ordered list every 1/share-th item, from a random start.
    start = random.Random(f"{seed}:blind").random()  # noqa: S311 - a sample, not a secret
    steps = [math.floor(start + share * number) for number in range(len(order) + 1)]
    return {item.id for item, before, after in zip(order, steps, steps[1:], strict=False) if after > before}


def _drawn(cells: Mapping[str, Sequence[str]], chosen: Sequence[_Trace], items: Sequence[Item]) -> Drawn:
    traces = Counter(trace.stratum for trace in chosen)
    made = Counter(item.stratum for item in items)
    blind = Counter(item.stratum for item in items if item.blind)
    strata = tuple(Stratum(name, len(cells[name]), traces[name], made[name], blind[name]) for name in sorted(cells))
    return Drawn(strata, len(chosen), len(items), sum(blind.values()))


def item_id(project: str, ordinal: int) -> str:
    """An item's identity: its project's, and its place there."""
    return f"{project}-{ordinal:05d}"
