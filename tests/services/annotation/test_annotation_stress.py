"""Many annotators at once over several processes, some killed outright: what was acknowledged is there, once."""

from __future__ import annotations

import dataclasses
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from backend.annotation import DEFAULT_SCHEME, AnnotatedText, standing
from backend.config import ROOT, Settings
from backend.services import build_services
from tests.patience import dice
from tests.services.annotation.annotator_processes import Orders, label_id, notes_of


def start(orders: Orders) -> subprocess.Popen[bytes]:
    """A crew at work."""
    command = [
        sys.executable,
        "-m",
        "tests.services.annotation.annotator_processes",
        json.dumps(dataclasses.asdict(orders)),
    ]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)


def prepared(folder: Path, url: str, people: int, crews: int, items: int, each: int, pause: float) -> list[Orders]:
    """A project that everybody labels whole, one whose items need two each, and a crew's orders for each process."""
    settings, notes = Settings(store=folder / "store", ledger_url=url), folder / "notes"
    notes.mkdir()
    with build_services(settings) as services:
        ids = [services.people.local(f"annotator {number}").id for number in range(people)]
        words = " ".join(f"w{number}" for number in range(each)) + " "
        texts = [AnnotatedText(f"t{number}", f"Text {number}: {words}") for number in range(items)]
        both = [
            services.projects.import_texts(ids[0], name, DEFAULT_SCHEME, texts).id for name in ("labelled", "shared")
        ]
        for project, needed in zip(both, (people, 2), strict=True):
            services.projects.change(ids[0], project, annotators=min(needed, 20))
    share = people // crews
    return [
        Orders(str(settings.store), url, str(notes), *both, tuple(ids[n * share : (n + 1) * share]), each, pause)
        for n in range(crews)
    ]


def noted(orders: Orders) -> int:
    """How many labels of a crew were acknowledged."""
    return sum(len(notes_of(Path(orders.notes), person)) for person in orders.people)


def worked(crews: list[Orders], kills: int, items: int) -> float:
    """Everybody works to the end, `kills` crews having been killed half-way and started again; the seconds it took."""
    draw, begun = dice(), time.monotonic()
    victims = draw.sample(crews, kills)
    nearly = {orders: dataclasses.replace(orders, most=items * orders.each * 9 // 10) for orders in victims}
    running = {orders: start(nearly.get(orders, orders)) for orders in crews}
    for victim in victims:
        whole = len(victim.people) * items * victim.each
        moment = draw.uniform(0.2, 0.7) * whole
        while noted(victim) < moment and running[victim].poll() is None:
            time.sleep(0.002)
        assert running[victim].poll() is None, "the crew gave up"
        running[victim].kill()
        running[victim].wait()
        assert noted(victim) < whole
        running[victim] = start(victim)
    for process in running.values():
        _, error = process.communicate(timeout=1_500)
        assert process.returncode == 0, error.decode()
    return time.monotonic() - begun


def check(crews: list[Orders], items: int) -> list[float]:
    """Assert that every acknowledged label is there once, and that all are there; returns the seconds each took."""
    orders = crews[0]
    people = [person for crew in crews for person in crew.people]
    notes = {person: notes_of(Path(orders.notes), person) for person in people}
    with build_services(orders.settings) as services:
        log = services.store.annotations.of_project(orders.project)
        places = {row.id: row.seq for row in log}
        assert len(places) == len(log), "nothing is there twice"
        assert all(places[note.id] == note.seq for person in people for note in notes[person])
        names = [item.id for item in services.projects.items(orders.project)]
        assert set(places) == {
            label_id(person, item, number) for person in people for item in names for number in range(orders.each)
        }
        assert all(row.quote == f"w{row.id.rpartition('.')[2]}" for row in log)
        assert len(standing(log)) == len(log) - len(log) // 5, "every fifth row corrects the one before"
        for progress in services.projects.info(orders.project).progress:
            assert (progress.done, progress.open, progress.labels) == (items, 0, items * orders.each * 4 // 5)
        shared = services.store.annotations.taken(orders.shared)
        assert Counter(row.item for row in shared) == {i.id: 2 for i in services.projects.items(orders.shared)}
    return sorted(note.seconds for person in people for note in notes[person])


def report(title: str, seconds: list[float], wall: float) -> str:
    """A line on how long saving took."""
    p50, p95 = (1_000 * statistics.quantiles(seconds, n=100)[place] for place in (49, 94))
    return f"{title}: {len(seconds):,} labels, p50 {p50:.1f} ms, p95 {p95:.1f} ms, {len(seconds) / wall:.0f} a second"


def test_a_kill_among_four_loses_and_doubles_nothing(url: str, tmp_path: Path) -> None:
    crews = prepared(tmp_path, url, people=4, crews=4, items=2, each=20, pause=0.01)
    worked(crews, kills=1, items=2)
    check(crews, items=2)


@pytest.mark.stress
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("pause", [0.2, 0.0], ids=["five labels a second each", "without a pause"])
def test_twenty_annotators_and_five_hundred_labels_each(
    url: str, tmp_path: Path, pause: float, capsys: pytest.CaptureFixture[str]
) -> None:
    crews = prepared(tmp_path, url, people=20, crews=4, items=10, each=50, pause=pause)
    wall = worked(crews, kills=2, items=10)
    seconds = check(crews, items=10)
    pace = f"20 annotators, {f'a label every {pause} s each' if pause else 'no pause'}"
    with capsys.disabled():
        print("\n" + report(f"{url.partition(':')[0]}, {pace}", seconds, wall))
