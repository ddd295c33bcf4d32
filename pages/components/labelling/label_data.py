"""Items and labels as the labelling views in the browser get them.

Offsets stay Unicode code points; the browser converts them to UTF-16 once, and back once, when a label leaves.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from backend.annotation import Item, Label, LabelKind, Project
from backend.report.colours import LETTERS
from pages.components.browser.component import encodable

# Unlike a letter it can't be taken for a group.
NEGATIVE = "×"


def item_data(item: Item, project: Project, text: str, rows: Iterable[Label]) -> dict[str, Any]:
    """What both labelling views get of an item: its text, the scheme's labels and the rows of one log."""
    return {
        "item": item.id,
        "project": project.id,
        "text": encodable(text),
        "sha256": item.text_sha256,
        "start": item.start,
        "end": item.end,
        "rows": [row_data(row) for row in rows],
        "labels": kinds_data(project.scheme.labels),
    }


def kinds_data(labels: Sequence[LabelKind]) -> list[dict[str, Any]]:
    """A scheme's labels with the letter each is drawn with: its group's, a cross for a refusal, else one of its own."""
    taken = set(LETTERS.values())
    found = []
    for label in labels:
        if label.negative:
            letter = NEGATIVE
        elif label.group is not None:
            letter = LETTERS[label.group]
        else:
            # Letters of groups mean groups on every page, so that none is given away.
            letter = next((c for c in label.name.upper() if c.isalnum() and c not in taken), "?")
            taken.add(letter)
        found.append(
            {
                "key": label.key,
                "name": label.name,
                "letter": letter,
                "group": None if label.group is None else label.group.value,
                "negative": label.negative,
                "description": label.description,
            }
        )
    return found


def row_data(row: Label) -> dict[str, Any]:
    """A row of the log as the browser has it: what it sends, and its place in the log."""
    machine = row.machine
    return {
        "id": row.id,
        "root": row.root,
        "op": row.op.value,
        "start": row.start,
        "end": row.end,
        "quote": row.quote,
        "text_sha256": row.text_sha256,
        "label": row.label,
        "flag": row.flag,
        "comment": row.comment,
        "how": row.how,
        "reason": row.reason,
        "machine": None
        if machine is None
        else {"lexicon": machine.lexicon, "entry": machine.entry, "start": machine.start, "end": machine.end},
        "at": row.at,
        "seq": row.seq,
    }
