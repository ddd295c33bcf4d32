"""A process of annotators at work, each in a thread: run by the stress test, which kills it at any moment.

What was acknowledged is written down at once, a line a label: its id, its place in the log, the seconds it took. A
crew that is started again reads these notes, skips what is in them and sends everything else, as a page would that
never got an answer.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from backend.annotation import DEFAULT_SCHEME
from backend.config import Settings
from backend.services import Services, build_services
from backend.services.annotation.records import LabelDraft


@dataclass(frozen=True)
class Orders:
    """What a crew has to do; `each` labels an item, `pause` seconds between labels on average.

    `most`: after so many labels an annotator waits for ever (0: never), so that a crew isn't done before it is killed.
    """

    store: str
    ledger: str
    notes: str
    project: str
    shared: str
    people: tuple[str, ...]
    each: int
    pause: float
    most: int = 0

    @property
    def settings(self) -> Settings:
        """Settings of the store they work in."""
        return Settings(store=Path(self.store), ledger_url=self.ledger)


class Note(NamedTuple):
    """A label that was acknowledged."""

    id: str
    seq: int
    seconds: float


def notes_of(folder: Path, person: str) -> list[Note]:
    """What a person's notes say."""
    path = folder / person
    lines = path.read_text().splitlines() if path.exists() else []
    return [Note(name, int(seq), float(seconds)) for name, seq, seconds in map(str.split, lines)]


def label_id(person: str, item: str, number: int) -> str:
    """The id of a person's label on an item; the same whenever it is asked for."""
    return f"{person}.{item}.{number}"


def drafts(person: str, item: str, sha: str, text: str, each: int) -> list[LabelDraft]:
    """The rows a person writes on an item: labels on its words, every fifth row a correction of the one before."""
    keys, rows = [label.key for label in DEFAULT_SCHEME.labels], []
    for number in range(each):
        start = text.index(f"w{number} ")
        end = start + len(f"w{number}")
        row = LabelDraft(label_id(person, item, number), start, end, text[start:end], sha, keys[number % len(keys)])
        rows.append(replace(row, root=rows[-1].id) if number % 5 == 4 else row)
    return rows


def work(services: Services, orders: Orders, person: str, draw: random.Random) -> None:
    """One annotator: shares out the items of one project, then labels every item of the other."""
    while item := services.labelling.next_item(person, orders.shared):
        services.labelling.mark(person, item.id, state="done")
    known = {note.id for note in notes_of(Path(orders.notes), person)}
    file = os.open(Path(orders.notes) / person, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while item := services.labelling.next_item(person, orders.project):
        sheet = services.labelling.open(person, item.id)
        for row in drafts(person, item.id, item.text_sha256, sheet.text, orders.each):
            if row.id not in known:
                if orders.most and len(known) >= orders.most:
                    threading.Event().wait()
                time.sleep(draw.uniform(0, 2 * orders.pause))
                begun = time.perf_counter()
                ((name, seq),) = services.labelling.save(person, orders.project, item.id, [row])
                assert name == row.id
                known.add(name)
                os.write(file, f"{name} {seq} {time.perf_counter() - begun:.6f}\n".encode())
        services.labelling.mark(person, item.id, state="done", seconds=1.0)


def main(orders: Orders) -> int:
    """Everybody works at once; 1 where anybody failed."""
    failed: list[str] = []

    def guarded(services: Services, person: str) -> None:
        try:
            work(services, orders, person, random.Random(person))
        except BaseException as error:
            failed.append(f"{person}: {error!r}")

    with build_services(orders.settings) as services:
        threads = [threading.Thread(target=guarded, args=(services, person)) for person in orders.people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print("\n".join(failed), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Orders(**json.loads(sys.argv[1]))))
