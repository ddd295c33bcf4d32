"""Reader of Label Studio's tasks: its JSON export, or what our writer made for it.

Owns telling whether a file counts offsets in UTF-16 units or in code points, and how regions become spans. A region
whose words aren't where it says is refused.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from backend.annotation import AnnotatedSpan, AnnotatedText
from backend.exchange.labels.formats.label_studio import UTF16
from backend.exchange.labels.formats.label_studio_tasks import (
    UNITS,
    LabelStudioTask,
    Region,
    TaskAnnotation,
    Unit,
    task_from,
)
from backend.exchange.labels.parts import Bundle, Wholes, at_row, bundle_from, checked, left_out
from backend.exchange.traces.trace_format import RowError


def read(rows: Sequence[Any], unit: Unit | None = None) -> Bundle:
    """The tasks as texts. `unit` is what offsets are counted in where the file doesn't tell. Raises RowError."""
    left: Counter[str] = Counter()
    tasks = []
    for number, row in enumerate(rows, 1):
        with at_row(number):
            tasks.append(task_from(row, number, left))
    wholes = Wholes()
    for task in tasks:
        wholes.add(task.ours.get("window"))
    usual, notes = _usual(tasks, unit)
    texts = []
    for number, task in enumerate(tasks, 1):
        with at_row(number):
            texts.append(checked(_text(task, usual, wholes), number))
    project = tasks[0].ours.get("project") if tasks else None
    notes += left_out(left, "Only spans of plain text that people labelled can be taken.")
    return bundle_from(project or {}, texts, notes)


def _usual(tasks: Sequence[LabelStudioTask], unit: Unit | None) -> tuple[Unit, tuple[str, ...]]:
    """What a file counts in where a task doesn't tell, and a sentence where that is a guess."""
    # Most texts hold no emoji, and then both counts are the same. Where they differ the regions' words decide.
    unsure = [task for task in tasks if task.differs]
    votes = Counter(one for task in unsure for one in UNITS if [u for u in UNITS if task.fits(u)] == [one])
    if votes:
        return max(UNITS, key=lambda one: votes[one]), ()
    known = unit or next((task.ours["offsets"] for task in tasks if task.ours.get("offsets") in UNITS), None)
    if known is None and unsure:
        return UTF16, ("The file doesn't tell whether places are counted in UTF-16 units or in code points: "
                       "UTF-16 was taken, as Label Studio had it until 2022.",)  # fmt: skip
    return known or UTF16, ()


def _text(task: LabelStudioTask, usual: Unit, wholes: Wholes) -> AnnotatedText:
    # Each task by itself: a project may hold tasks from before and after the change.
    unit = next((one for one in sorted(UNITS, key=lambda one: one != usual) if task.fits(one)), usual)
    whole, offset = wholes.find(task.ours.get("window"), task.text)
    spans: list[AnnotatedSpan] = []
    for layer in task.layers:
        for region in layer.regions:
            if reason := task.misfit(region, unit):
                raise RowError(reason)
            start, end = task.place(region, unit)
            assert start is not None and end is not None
            spans += _spans(layer, region, start + offset, end + offset)
    meta = task.ours.get("meta")
    return AnnotatedText(
        id=task.key,
        text=whole,
        spans=tuple(spans),
        start=offset,
        end=offset + len(task.text),
        done=tuple(dict.fromkeys(layer.name for layer in task.layers if layer.done and not layer.gold)),
        meta=meta if isinstance(meta, dict) else {},
    )


def _spans(layer: TaskAnnotation, region: Region, start: int, end: int) -> Iterator[AnnotatedSpan]:
    flag = "; ".join(region.flags)
    # A region may carry several labels: each is a span of its own here.
    for label in region.labels:
        yield AnnotatedSpan(start, end, label, layer.name, layer.gold, flag, region.comment, id=region.key)
