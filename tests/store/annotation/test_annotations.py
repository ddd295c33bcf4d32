"""People, projects and the log of labels in each database: entered once, never changed, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from backend.annotation import (
    DEFAULT_SCHEME,
    Item,
    Label,
    Layer,
    MachineCue,
    Op,
    Person,
    Project,
    ProjectState,
    Role,
    standing,
)
from backend.config import Settings
from backend.domain import Section, SectionSpan, UserError
from backend.store import Store
from backend.store.annotation.annotation_rows import Taken, TextRow
from backend.store.annotation.annotations import LabelTransaction
from backend.store.annotation.project_rows import NewProject

TEXT = "Wait, maybe so. Hmm."
SHA = hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.fixture
def store(settings: Settings, url: str) -> Iterator[Store]:
    opened = Store(replace(settings, ledger_url=url))
    yield opened
    opened.close()


def project(name: str = "a1", **given: object) -> Project:
    return Project(name, f"project {name}", ProjectState.OPEN, DEFAULT_SCHEME, owner="o1", **given)


def item(project_id: str = "a1", ordinal: int = 0, **given: object) -> Item:
    return Item(f"{project_id}-{ordinal:05d}", project_id, ordinal, SHA, 0, len(TEXT), **given)


def add(store: Store, name: str = "a1", items: int = 2, **given: object) -> Project:
    sections = (SectionSpan(Section.ANSWER, 0, len(TEXT)),)
    rows = [item(name, ordinal) for ordinal in range(items)]
    return store.projects.add(NewProject(project(name, **given), rows, {SHA: TextRow(TEXT, sections)}))


def label(name: str, root: str = "", op: Op = Op.PUT, person: str = "p1", **given: object) -> Label:
    place = {"start": 0, "end": 4, "quote": "Wait", "text_sha256": SHA, "label": "hesitation", **given}
    return Label(name, root or name, "a1", "a1-00000", person, op, **place)


def enter(store: Store, *rows: Label, person: str = "p1", check: Callable[[LabelTransaction], None] = lambda _: None):
    def make(desk: LabelTransaction) -> Sequence[Label]:
        check(desk)
        return [row for row in rows if row.id not in desk.known]

    ids, roots = [row.id for row in rows], [row.root for row in rows]
    return store.annotations.enter("a1", "a1-00000", person, Layer.PERSON, ids, roots, make)


def test_a_project_comes_back_as_it_was_put_in(store: Store) -> None:
    sampling = {"strata": [["ü", 3]], "wanted": {"runs": []}}
    added = add(store, guidelines="Mark 'wait'.\n\0", lexicon="doubts@1", annotators=3, sampling=sampling, seed=-7)
    found = store.projects.get("a1")
    assert found == replace(added, guidelines=found.guidelines) and found.created
    assert found.guidelines in ("Mark 'wait'.\n\0", "Mark 'wait'.\n\u2400")
    assert store.projects.all() == [found] and store.projects.get("a2") is None
    assert store.projects.items("a1") == [item(ordinal=0), item(ordinal=1)] and store.projects.count("a1") == 2
    assert store.projects.item("a1-00001") == item(ordinal=1)
    assert store.projects.text(SHA) == TextRow(TEXT, (SectionSpan(Section.ANSWER, 0, len(TEXT)),))
    assert store.projects.texts("a1") == {SHA: TEXT}


def test_a_project_is_added_whole_or_not_at_all(store: Store) -> None:
    twice = [item(), item()]
    with pytest.raises(UserError, match="Nothing was changed"):
        store.projects.add(NewProject(project(), twice, {SHA: TextRow(TEXT, ())}))
    assert store.projects.all() == [] and store.projects.text(SHA) is None


def test_texts_are_kept_once_and_go_with_the_last_project_that_holds_them(store: Store) -> None:
    add(store, "a1")
    add(store, "a2")
    assert [found.id for found in store.projects.all()] == ["a2", "a1"]
    store.annotations.claim("a1", "p1")
    enter(store, label("x"))
    store.projects.delete("a1")
    assert store.projects.text(SHA) and store.projects.get("a1") is None
    assert store.annotations.of_project("a1") == [] and store.annotations.taken("a1") == []
    store.projects.delete("a2")
    assert store.projects.text(SHA) is None


def test_what_is_taken_in_from_elsewhere_is_there_at_once(store: Store) -> None:
    person = Person("f1", "Fay", Role.VIEWER, "imported")
    new = NewProject(
        project(),
        [item()],
        {SHA: TextRow(TEXT, ())},
        lexicons={"doubts@1": {"name": "doubts"}},
        people=[(person, "fay")],
        taken=[Taken("a1-00000", "f1", "done", 1)],
        labels=[label("x", person="f1")],
        settled=frozenset({"a1-00000"}),
    )
    store.projects.add(new)
    assert store.people.get("f1").name == "Fay" and store.people.find("imported", "fay").id == "f1"
    assert store.annotations.taken("a1") == [Taken("a1-00000", "f1", "done", 1)]
    assert [row.id for row in store.annotations.of_project("a1")] == ["x"]
    assert store.projects.settled("a1") == {"a1-00000"} and store.ledger.lexicons() == {"doubts@1": {"name": "doubts"}}
    assert store.progress.counts()["a1"] == (1, 0, 1)
    store.projects.delete("a1")
    assert store.people.get("f1"), "people stay: other projects may name them"


def test_rows_come_back_as_they_were_put_in(store: Store) -> None:
    add(store)
    full = label(
        "x", flag="filler", comment="ü 𝔸\r\n", how="mouse", machine=MachineCue("doubts@1", "wait", 0, 4), at="2026"
    )
    full = replace(full, scheme_version=2, guidelines_version=3)
    places = enter(store, full, label("y"))
    found = store.annotations.of_item("a1-00000")
    assert [row.seq for row in found] == [places["x"], places["y"]] and found[0].received
    assert found[0] == replace(full, seq=places["x"], received=found[0].received)
    assert found[1].machine is None


def test_a_row_is_entered_once(store: Store) -> None:
    add(store)
    first = enter(store, label("x"))
    assert enter(store, label("x")) == first
    assert enter(store, label("x"), label("y"))["x"] == first["x"]
    assert [row.id for row in store.annotations.of_project("a1")] == ["x", "y"]
    with pytest.raises(UserError, match="Nothing was changed"):
        store.annotations.enter("a1", "a1-00000", "p1", Layer.PERSON, ["z"], [], lambda _: [label("z"), label("x")])
    assert len(store.annotations.of_project("a1")) == 2, "all rows or none"


def test_rows_are_held_against_what_stands(store: Store) -> None:
    add(store)
    seen: list[LabelTransaction] = []
    enter(store, label("x"), label("y"), check=seen.append)
    store.annotations.take(item(), "p1")
    enter(store, label("x2", "x", Op.WITHDRAW), label("y2", "y", label="hedge"), label("y"), check=seen.append)
    enter(store, label("z", person="p2"), person="p2", check=seen.append)
    enter(store, label("x3", "x"), check=seen.append)
    empty, full, other, later = seen
    assert (empty.standing, empty.taken, empty.open, empty.scheme) == (0, False, True, DEFAULT_SCHEME)
    assert (full.standing, full.taken, set(full.known)) == (2, True, {"y"})
    assert {root: row.id for root, row in full.last.items()} == {"x": "x", "y": "y"}
    assert (other.standing, other.taken) == (0, False)
    assert later.standing == 1 and later.last["x"].op is Op.WITHDRAW
    rows = store.annotations.of_item("a1-00000", person="p1", layer=Layer.PERSON)
    assert [row.id for row in rows] == ["x", "y", "x2", "y2", "x3"]
    assert [(row.id, row.label) for row in standing(rows)] == [("y2", "hedge"), ("x3", "hesitation")]
    with pytest.raises(UserError, match="no item"):
        store.annotations.enter("a2", "a1-00000", "p1", Layer.PERSON, [], [], lambda _: [])


def test_nothing_is_given_a_place_twice(store: Store) -> None:
    add(store)
    places = enter(store, label("x"))
    store.projects.delete("a1")
    add(store)
    assert enter(store, label("x"))["x"] > places["x"]


def test_an_item_is_taken_by_as_many_as_it_needs(store: Store) -> None:
    add(store, items=3, annotators=2)
    assert store.annotations.claim("a1", "p1").ordinal == 0
    assert store.annotations.claim("a1", "p1").ordinal == 0, "the one left open comes first"
    store.annotations.mark(item(), "p1", 2.5, state="done", place=7, note="n")
    store.projects.set_priorities("a1", {"a1-00002": 1.0})
    assert store.annotations.claim("a1", "p2").ordinal == 0, "what others began comes before priorities"
    assert store.annotations.claim("a1", "p1").ordinal == 2
    assert store.annotations.claim("a1", "p3").ordinal == 2
    assert not store.annotations.take(item(), "p3") and store.annotations.take(item(), "p1")
    for person, one in (("p1", item(ordinal=2)), ("p3", item(ordinal=2))):
        store.annotations.mark(one, person, 0, state="flagged")
    assert [store.annotations.claim("a1", person).ordinal for person in ("p1", "p3")] == [1, 1]
    assert store.annotations.claim("a1", "p4") is None
    first = store.annotations.taken("a1", "p1")[0]
    assert first == Taken("a1-00000", "p1", "done", 1, 7, 2.5, "n")
    assert [row.turn for row in store.annotations.taken("a1", "p1")] == [1, 2, 3]
    assert not store.annotations.mark(item(), "p4", 1.0)


def test_a_closed_or_deleted_project_gives_and_takes_nothing(store: Store) -> None:
    add(store)
    store.annotations.claim("a1", "p1")
    store.projects.set_state("a1", ProjectState.CLOSED)
    for refused in (
        lambda: store.annotations.claim("a1", "p2"),
        lambda: store.annotations.take(item(), "p2"),
        lambda: store.annotations.mark(item(), "p1", 1.0),
        lambda: store.annotations.settle(item(), "p1"),
        lambda: store.annotations.enter_all("a1", lambda: [label("x")]),
    ):
        with pytest.raises(UserError, match="closed"):
            refused()
    seen: list[LabelTransaction] = []
    enter(store, check=seen.append)
    assert not seen[0].open
    store.projects.delete("a1")
    with pytest.raises(UserError, match="deleted"):
        store.annotations.claim("a1", "p2")


def test_versions_of_scheme_and_guidelines_are_kept(store: Store) -> None:
    old = add(store, guidelines="one")
    smaller = replace(DEFAULT_SCHEME, flags=("filler",))
    new = replace(old, name="n", guidelines="two", guidelines_version=2, scheme=smaller, scheme_version=2)
    enter(store, label("x", flag="filler"))
    seen: list[object] = []
    store.projects.change(old, new, "p9", {"doubts@1": {"name": "doubts"}}, lambda *given: seen.append(given))
    assert seen == [(DEFAULT_SCHEME, smaller, {"hesitation"}, {"filler"})]
    found = store.projects.get("a1")
    assert (found.name, found.guidelines, found.scheme) == ("n", "two", smaller)
    assert [(row.version, row.text, row.person) for row in store.projects.guidelines("a1")] == [
        (2, "two", "p9"),
        (1, "one", "o1"),
    ]
    assert store.projects.schemes("a1") == {1: DEFAULT_SCHEME, 2: smaller}
    with pytest.raises(UserError, match="meanwhile"):
        store.projects.change(old, replace(old, name="lost"), "p9", {}, lambda *_: None)
    assert store.projects.get("a1").name == "n"


def test_a_person_is_entered_once_and_an_admin_stays(store: Store) -> None:
    ann = store.people.enter(Person("a1", "Ann", Role.ADMIN), "ann")
    assert store.people.enter(Person("a1", "ANN", Role.VIEWER), "ann") == ann and ann.created
    bob = store.people.enter(Person("b1", "bob", Role.VIEWER, "https://issuer", "b@x"), "17")
    assert store.people.all() == [ann, bob] and store.people.find("https://issuer", "17") == bob
    assert not store.people.set_role("a1", Role.VIEWER) and store.people.get("a1").role is Role.ADMIN
    assert store.people.set_role("b1", Role.ADMIN) and store.people.set_role("a1", Role.VIEWER)
    store.people.change("b1", "Bo", "bo@x", Role.ADMIN)
    assert store.people.get("b1") == replace(bob, name="Bo", email="bo@x", role=Role.ADMIN)


def test_counts_follow_what_people_do(store: Store) -> None:
    add(store, items=3, annotators=1)
    store.people.enter(Person("p1", "Ann", Role.ADMIN), "ann")
    enter(store, label("x"), label("y"), label("z"), label("x2", "x", Op.WITHDRAW), label("y2", "y", label="hedge"))
    store.annotations.claim("a1", "p1")
    store.annotations.mark(item(), "p1", 1.5, state="done")
    store.annotations.claim("a1", "p1")
    store.annotations.settle(item(ordinal=1), "p9")
    assert store.progress.counts() == store.progress.counts("a1") == {"a1": (3, 1, 1)}
    (tally,) = store.progress.tallies("a1")
    assert tally == ("a1", "p1", "Ann", 1, 1, 0, 2, 1.5) and store.progress.tallies() == [tally]
    assert store.progress.standing_by_item("a1", "p1") == {"a1-00000": 2}
    assert store.progress.counts("a2") == {} and store.progress.tallies("a2") == []


def test_versions_for_caches_tell_what_changed(store: Store) -> None:
    runs = store.ledger.version()
    seen = [store.progress.version(None)]

    def changed(project_id: str | None = None) -> bool:
        seen.append(store.progress.version(project_id))
        return seen[-1] != seen[-2]

    add(store)
    assert changed()
    store.annotations.claim("a1", "p1")
    assert changed()
    enter(store, label("x"))
    assert changed()
    store.annotations.mark(item(), "p1", 3.0, place=4)
    assert not changed(), "time and place change no figure"
    store.annotations.mark(item(), "p1", 0.0, state="done")
    assert changed()
    add(store, "a2")
    assert changed()
    one = store.progress.version("a2")
    enter(store, label("y"))
    assert changed() and store.progress.version("a2") == one
    store.projects.delete("a2")
    assert changed()
    assert store.ledger.version() == runs, "figures of runs depend on none of this"


def test_threads_that_ask_at_once_share_items_out(store: Store) -> None:
    add(store, items=6, annotators=2)
    got: list[tuple[str, str]] = []

    def work(person: str) -> None:
        while found := store.annotations.claim("a1", person):
            got.append((found.id, person))
            store.annotations.mark(found, person, 0.0, state="done")

    threads = [threading.Thread(target=work, args=(f"p{number}",)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got)) == 12
    assert all(sum(one == name for one, _ in got) == 2 for name in {one for one, _ in got})


def test_a_row_that_is_sent_by_several_at_once_is_entered_once(store: Store) -> None:
    add(store)
    entered: list[dict[str, int]] = []

    def send(number: int) -> None:
        for turn in range(10):
            entered.append(enter(store, label(f"same-{turn}"), label(f"own-{number}-{turn}")))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    places = {row.id: row.seq for row in store.annotations.of_project("a1")}
    assert len(entered) == 40 and len(places) == len(store.annotations.of_project("a1")) == 50
    assert all(places[name] == seq for one in entered for name, seq in one.items())


def test_the_disk_holds_labels_before_they_are_acknowledged(
    store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite its log is flushed: a cut of power takes back nothing that somebody was told is safe."""
    add(store)
    store.annotations.take(item(), "p1")
    flushed: list[str] = []
    really = os.fsync

    def watched(handle: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{handle}").resolve().name)
        really(handle)

    monkeypatch.setattr(os, "fsync", watched)
    enter(store, label("x"))
    assert flushed == (["ledger.sqlite-wal"] if url.startswith("sqlite") else [])
    store.annotations.mark(item(), "p1", 1.0, place=3)
    assert len(flushed) == url.startswith("sqlite"), "time at work need not outlast a cut of power"
