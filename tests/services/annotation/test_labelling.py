"""Annotating: taking items, saving labels once, refusing what can't be, coming back to where one was."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from backend.annotation import DEFAULT_SCHEME, AnnotatedText, Item, Label, MachineCue, Op, Project, standing
from backend.config import Settings
from backend.domain import UserError
from backend.services import Services, build_services
from backend.services.annotation.records import LabelDraft
from tests.services.annotation.annotation_cases import TEXT, Crowd, crowd, draft, project, runs, spec, undo

RUNS = "base variant"  # the models' names, which annotators must not see


@pytest.fixture
def people(services: Services) -> Crowd:
    return crowd(services)


@pytest.fixture
def made(services: Services, people: Crowd) -> Project:
    return project(services, people)


@pytest.fixture
def item(services: Services, people: Crowd, made: Project) -> Item:
    """Ann's first item."""
    found = services.labelling.next_item(people.ann.id, made.id)
    assert found
    return found


Save = Callable[..., list[int]]


@pytest.fixture
def save(services: Services, people: Crowd, item: Item) -> Save:
    """Ann saves labels on her item; their places come back."""
    return lambda *rows: [s.seq for s in services.labelling.save(people.ann.id, item.project, item.id, rows)]


# -- saving -----------------------------------------------------------------------------------------


def test_labels_come_back_as_they_were_sent(services: Services, people: Crowd, item: Item, save: Save) -> None:
    cue = MachineCue("doubts@1", "maybe", 6, 11)
    sent = draft(
        item, 6, 11, "hedge", flag="filler", comment="<b>x</b>\n", how="mouse", machine=cue, at="2026-01-02T03:04Z"
    )
    (place,) = save(sent)
    (label,) = services.labelling.history(item.id)
    assert (label.id, label.root, label.seq, label.op) == (sent.id, sent.id, place, Op.PUT)
    assert (label.project, label.item, label.person) == (item.project, item.id, people.ann.id)
    for name in ("start", "end", "quote", "text_sha256", "label", "flag", "comment", "how", "machine", "at"):
        assert getattr(label, name) == getattr(sent, name)
    assert label.quote == "maybe" and label.received and label.scheme_version == 1
    assert services.labelling.open(people.ann.id, item.id).labels == (label,)


def test_sending_again_enters_nothing_twice(services: Services, item: Item, save: Save) -> None:
    one, two = draft(item, 0, 4), draft(item, 6, 11, "hedge")
    first = save(one)
    assert save(one, two, one)[0] == first[0] and save(two, one) == [first[0] + 1, first[0]]
    assert [row.id for row in services.labelling.history(item.id)] == [one.id, two.id]
    with pytest.raises(UserError, match="under a new id"):
        save(replace(one, start=1, quote="ait,"[:3]))


def test_corrections_withdrawals_and_undo_are_rows_too(
    services: Services, people: Crowd, item: Item, save: Save
) -> None:
    one = draft(item, 0, 4)
    save(one)
    wider = draft(item, 0, 5, "hedge", root=one.id)
    gone, back = undo(one, quote="", start=0), draft(item, 0, 4, root=one.id)
    save(wider)
    save(gone)
    assert services.labelling.open(people.ann.id, item.id).labels == ()
    save(back)
    sheet = services.labelling.open(people.ann.id, item.id)
    assert [(label.id, label.label) for label in sheet.labels] == [(back.id, "hesitation")] and sheet.history == 4
    log = services.labelling.history(item.id)
    assert [row.id for row in log] == [one.id, wider.id, gone.id, back.id]
    assert {row.root for row in log} == {one.id} and [row.seq for row in log] == sorted(row.seq for row in log)
    withdrawn = log[2]
    assert (withdrawn.op, withdrawn.start, withdrawn.end, withdrawn.label) == (Op.WITHDRAW, 0, 5, "hedge")


def test_of_two_tabs_the_last_wins_and_both_are_history(
    services: Services, people: Crowd, item: Item, save: Save
) -> None:
    one = draft(item, 0, 4)
    save(one)
    left, right = draft(item, 0, 5, root=one.id), draft(item, 0, 4, "hedge", root=one.id)
    save(right)
    save(left)
    (stands,) = services.labelling.open(people.ann.id, item.id).labels
    assert stands.id == left.id and len(services.labelling.history(item.id)) == 3


def test_a_label_and_its_correction_may_come_together(
    services: Services, people: Crowd, item: Item, save: Save
) -> None:
    one = draft(item, 0, 4)
    save(one, draft(item, 6, 11, "hedge"), undo(one))
    assert [label.quote for label in services.labelling.open(people.ann.id, item.id).labels] == ["maybe"]


def test_overlaps_and_not_a_cue_are_labels_like_others(
    services: Services, people: Crowd, item: Item, save: Save
) -> None:
    save(draft(item, 0, 11), draft(item, 6, 11, "hedge"), draft(item, 6, 11, "not-a-cue"), draft(item, 0, 11))
    assert len(services.labelling.open(people.ann.id, item.id).labels) == 4


REFUSED: dict[str, tuple[Callable[[Item], LabelDraft], str]] = {
    "past the end": (lambda item: draft(item, 40, 99, quote="Wait!"), "outside the text"),
    "before the start": (lambda item: draft(item, -3, 4), "outside the text"),
    "nothing": (lambda item: draft(item, 4, 4), "outside the text"),
    "turned round": (lambda item: draft(item, 8, 4), "outside the text"),
    "huge": (lambda item: draft(item, 0, 2**70, quote="x"), "outside the text"),
    "changed text": (lambda item: draft(item, 0, 4, text_sha256="0" * 64), "isn't the one this label was put on"),
    "other quote": (lambda item: draft(item, 0, 4, quote="Want"), "quotes 'Want'.*says 'Wait'"),
    "hostile quote": (lambda item: draft(item, 0, 4, quote="\x1b[31m\u202e"), r"\\x1b\[31m\\u202e"),
    "no such label": (lambda item: draft(item, 0, 4, "nothing"), "no label 'nothing'"),
    "hostile label": (lambda item: draft(item, 0, 4, "\u202e<script>"), r"\\u202e<script>"),
    "no such flag": (lambda item: draft(item, 0, 4, flag="x"), "no flag 'x'"),
    "no id": (lambda item: draft(item, 0, 4, id=""), "label id"),
    "hostile id": (lambda item: draft(item, 0, 4, id="a b'\ud800"), "label id"),
    "long id": (lambda item: draft(item, 0, 4, id="a" * 65), "label id"),
    "no such root": (lambda item: draft(item, 0, 4, root="none"), "no label 'none'"),
    "withdraws nothing": (lambda item: draft(item, 0, 4, op=Op.WITHDRAW), "names none"),
    "rejects": (lambda item: draft(item, 0, 4, op=Op.REJECT), "Only an adjudicator"),
    "gives a reason": (lambda item: draft(item, 0, 4, reason="slip"), "reason"),
    "long comment": (lambda item: draft(item, 0, 4, comment="x" * 2_001), "at most 2,000"),
    "comment that can't be stored": (lambda item: draft(item, 0, 4, comment="\udfff"), "half a character"),
    "cue outside": (lambda item: draft(item, 0, 4, machine=MachineCue("d@1", "e", 4, 900)), "cue at characters 4"),
    "cue of no lexicon": (lambda item: draft(item, 0, 4, machine=MachineCue("", "", 0, 4)), "names no lexicon"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_is_refused_in_a_sentence(services: Services, item: Item, save: Save, case: str) -> None:
    make, reason = REFUSED[case]
    with pytest.raises(UserError, match=reason) as told:
        save(draft(item, 6, 11), make(item))
    assert str(told.value)[0].isupper() and str(told.value).endswith((".", "page."))
    assert services.labelling.history(item.id) == [], "the good one beside it isn't saved either"


def test_labels_stay_in_their_window(services: Services, people: Crowd) -> None:
    made = services.projects.import_texts(
        people.admin.id, "w", DEFAULT_SCHEME, [AnnotatedText("t", TEXT, start=6, end=20)]
    )
    item = services.labelling.next_item(people.ann.id, made.id)
    services.labelling.save(people.ann.id, made.id, item.id, [draft(item, 6, 20)])
    for start, end in ((5, 11), (16, 21), (0, 4)):
        with pytest.raises(UserError, match="outside the stretch to be labelled"):
            services.labelling.save(people.ann.id, made.id, item.id, [draft(item, start, end)])
    assert services.labelling.open(people.ann.id, item.id).text == TEXT, "the text around it stays readable"


def test_nobody_labels_who_may_not(services: Services, people: Crowd, made: Project, item: Item) -> None:
    rows = [draft(item, 0, 4)]
    with pytest.raises(UserError, match="Vi is a viewer and may not label"):
        services.labelling.save(people.viewer.id, made.id, item.id, rows)
    with pytest.raises(UserError, match="nobody here"):
        services.labelling.save("stranger", made.id, item.id, rows)
    with pytest.raises(UserError, match="isn't yours"):
        services.labelling.save(people.bob.id, made.id, item.id, rows)
    other = project(services, people)
    with pytest.raises(UserError, match="no item"):
        services.labelling.save(people.ann.id, other.id, item.id, rows)
    for refused in (services.labelling.next_item, services.labelling.mark):
        with pytest.raises(UserError, match="may not label"):
            refused(people.viewer.id, made.id if refused == services.labelling.next_item else item.id)
    assert services.labelling.history(item.id) == []


def test_nobody_changes_the_labels_of_others(
    services: Services, people: Crowd, made: Project, item: Item, save: Save
) -> None:
    one = draft(item, 0, 4)
    save(one)
    services.labelling.open(people.bob.id, item.id)
    for row in (undo(one), draft(item, 0, 5, root=one.id)):
        with pytest.raises(UserError, match="somebody else's"):
            services.labelling.save(people.bob.id, made.id, item.id, [row])
    with pytest.raises(UserError, match="under a new id"):
        services.labelling.save(people.bob.id, made.id, item.id, [one])
    assert [row.id for row in services.labelling.history(item.id)] == [one.id]


def test_ten_thousand_labels_are_refused(services: Services, people: Crowd, item: Item, save: Save) -> None:
    many = [draft(item, 0, 4) for _ in range(10_000)]
    with pytest.raises(UserError, match="At most 5,000 labels can be saved at once; these are 10,000"):
        save(*many)
    with pytest.raises(UserError, match="more than 2,000 labels"):
        save(*many[:2_001])
    assert services.labelling.history(item.id) == []
    save(*many[:2_000])
    with pytest.raises(UserError, match="more than 2,000 labels"):
        save(many[2_000])
    save(undo(many[0]), many[2_000])
    sheet = services.labelling.open(people.ann.id, item.id)
    assert len(sheet.labels) == 2_000 and sheet.history == 2_002


def test_a_closed_project_acknowledges_what_it_has_and_takes_no_more(
    services: Services, people: Crowd, item: Item, save: Save
) -> None:
    one = draft(item, 0, 4)
    places = save(one)
    services.projects.close(people.admin.id, item.project)
    assert save(one) == places
    for refused in (
        lambda: save(draft(item, 6, 11)),
        lambda: services.labelling.mark(people.ann.id, item.id, state="done"),
        lambda: services.labelling.next_item(people.bob.id, item.project),
    ):
        with pytest.raises(UserError, match="closed"):
            refused()
    sheet = services.labelling.open(people.ann.id, item.id)
    assert not sheet.writable and "closed" in sheet.why and len(sheet.labels) == 1


words = st.sampled_from(["wait ", "𝔸𝔹 ", "e\u0301 ", "\r\n", "مرحبا ", "👩‍🔬", "x"])


@examples(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(words, min_size=1, max_size=12).map("".join), st.randoms(use_true_random=False))
def test_what_stands_is_what_the_writes_say(services: Services, text: str, draw: random.Random) -> None:
    """Any order of writing, correcting, withdrawing and sending again leaves what a plain book would hold."""
    people = crowd(services)
    made = services.projects.import_texts(people.admin.id, "p", DEFAULT_SCHEME, [AnnotatedText("t", text)])
    item = services.labelling.next_item(people.ann.id, made.id)
    book: dict[str, LabelDraft | None] = {}
    sent: list[LabelDraft] = []
    for _ in range(12):
        start = draw.randrange(len(text))
        end = draw.randint(start + 1, len(text))
        root = draw.choice([*book, ""])
        row = draft(item, start, end, draw.choice(DEFAULT_SCHEME.labels).key, text=text, root=root)
        row = replace(row, op=Op.WITHDRAW) if root and draw.random() < 0.3 else row
        book[root or row.id] = None if row.op is Op.WITHDRAW else row
        sent.append(row)
        services.labelling.save(people.ann.id, made.id, item.id, [*draw.sample(sent, min(2, len(sent))), row])
    log = services.labelling.history(item.id)
    assert [row.id for row in log][-1] and sorted(row.id for row in log) == sorted(row.id for row in sent)
    stands = {(row.root, row.start, row.end, row.label) for row in standing(log)}
    assert stands == {(root, row.start, row.end, row.label) for root, row in book.items() if row}
    draw.shuffle(log)
    assert {(row.root, row.start, row.end, row.label) for row in standing(log)} == stands, "order of storage is nothing"
    assert all(text[row.start : row.end] == row.quote for row in log)


# -- items ------------------------------------------------------------------------------------------


def test_items_are_shared_out_and_come_to_an_end(services: Services, people: Crowd, made: Project) -> None:
    def work(person: str) -> list[int]:
        got = []
        while found := services.labelling.next_item(person, made.id):
            got.append(found.ordinal)
            services.labelling.mark(person, found.id, state="done")
        return got

    first = services.labelling.next_item(people.ann.id, made.id)
    assert services.labelling.next_item(people.ann.id, made.id) == first, "the one left open comes first"
    assert work(people.bob.id) == [0, 1] and work(people.ann.id) == [0, 1] and work(people.judge.id) == []
    info = services.projects.info(made.id)
    assert (info.items, info.finished, info.settled) == (2, 2, 0)
    late = services.labelling.open(people.judge.id, first.id)
    assert not late.writable and "all the annotators it needs" in late.why
    with pytest.raises(UserError, match="isn't yours"):
        services.labelling.mark(people.judge.id, first.id, state="done")


def test_opening_takes_an_item_unless_one_only_reads(services: Services, people: Crowd, made: Project) -> None:
    item = services.projects.items(made.id)[1]
    reader = services.labelling.open(people.viewer.id, item.id)
    assert not reader.writable and "role" in reader.why and reader.text == TEXT + " "
    assert services.labelling.mine(people.viewer.id, made.id) == []
    sheet = services.labelling.open(people.ann.id, item.id)
    assert sheet.writable and (sheet.number, sheet.done, sheet.of) == (1, 0, 2)
    assert services.labelling.next_item(people.ann.id, made.id) == sheet.item


def test_work_goes_on_exactly_where_it_was_left(
    settings: Settings, services: Services, people: Crowd, made: Project, item: Item, save: Save
) -> None:
    save(draft(item, 6, 11, "hedge"))
    services.labelling.mark(people.ann.id, item.id, place=17, seconds=12.5, note="see <b>")
    services.labelling.mark(people.ann.id, item.id, seconds=2.5)
    services.labelling.mark(people.ann.id, item.id, seconds=-9, place=10**9)
    services.labelling.mark(people.ann.id, item.id, place=17)
    with build_services(settings) as after_a_restart:
        sheet = after_a_restart.labelling.open(people.ann.id, item.id)
        assert (sheet.state, sheet.place, sheet.seconds, sheet.note) == ("open", 17, 15.0, "see <b>")
        assert [label.quote for label in sheet.labels] == ["maybe"]
        assert after_a_restart.labelling.next_item(people.ann.id, made.id) == item
    services.labelling.mark(people.ann.id, item.id, state="flagged")
    second = services.labelling.next_item(people.ann.id, made.id)
    services.labelling.mark(people.ann.id, second.id, state="done")
    states = services.labelling.mine(people.ann.id, made.id)
    assert [(one.item, one.state, one.turn, one.labels) for one in states] == [
        (item, "flagged", 1, 1),
        (second, "done", 2, 0),
    ]
    (ann,) = services.projects.info(made.id).progress
    assert (ann.name, ann.done, ann.open, ann.flagged, ann.labels, ann.seconds) == ("Ann", 1, 0, 1, 1, 15.0)
    assert services.labelling.open(people.ann.id, second.id).done == 1
    with pytest.raises(UserError, match="open, done, flagged"):
        services.labelling.mark(people.ann.id, item.id, state="gone")


def test_blind_items_show_no_machine_cues(services: Services, people: Crowd) -> None:
    texts = [AnnotatedText("seen", TEXT), AnnotatedText("blind", TEXT, meta={"blind": True})]
    made = services.projects.import_texts(people.admin.id, "b", DEFAULT_SCHEME, texts)
    services.projects.change(people.admin.id, made.id, lexicon="doubts")
    seen, blind = (services.labelling.open(people.ann.id, item.id) for item in services.projects.items(made.id))
    assert blind.item.blind and blind.cues == ()
    assert {TEXT[cue.start : cue.end].lower() for cue in seen.cues} >= {"wait", "maybe", "hmm"}
    matcher = services.lexicons.matchers()[made.lexicon or services.lexicons.get("doubts").id]
    assert [(cue.start, cue.end) for cue in seen.cues] == [hit[1:] for hit in matcher.find(TEXT)]
    cue = seen.cues[0]
    row = draft(seen, cue.start, cue.end, machine=cue.machine, how="accepted")
    services.labelling.save(people.ann.id, made.id, seen.item.id, [row])
    assert services.labelling.history(seen.item.id)[0].machine == MachineCue(cue.lexicon, cue.entry, cue.start, cue.end)


def test_a_lexicon_that_changed_since_still_shows_its_cues(
    settings: Settings, people: Crowd, services: Services, tmp_path: Path
) -> None:
    made = project(services, people, lexicon="doubts")
    item = services.projects.items(made.id)[0]
    before = services.labelling.open(people.ann.id, item.id).cues
    text = (settings.lexicons / "kim2026.yaml").read_text(encoding="utf-8")
    (tmp_path / "kim2026.yaml").write_text(text, encoding="utf-8")
    with build_services(replace(settings, lexicons=tmp_path)) as others:
        assert others.labelling.open(people.ann.id, item.id).cues == before != ()


def test_no_sheet_tells_whose_text_it_is(services: Services, people: Crowd, tmp_path: Path) -> None:
    ids = runs(services, tmp_path)
    made = services.projects.create(people.admin.id, spec(lexicon="doubts"))
    while item := services.labelling.next_item(people.ann.id, made.id):
        sheet = services.labelling.open(people.ann.id, item.id)
        assert (item.trace, item.run, item.stratum, item.name) == ("", "", "", "") and sheet.item == item
        services.labelling.mark(people.ann.id, item.id, state="done")
        told = repr(dataclasses.replace(sheet, text=""))
        assert not any(name in told for name in (*RUNS.split(), *ids))
    told = repr(services.labelling.mine(people.ann.id, made.id))
    assert not any(name in told for name in (*RUNS.split(), *ids))


def test_everything_that_stands_is_told_at_once(
    services: Services, people: Crowd, made: Project, item: Item, save: Save
) -> None:
    one = draft(item, 0, 4)
    save(one, draft(item, 6, 11, "hedge"), undo(one))
    services.labelling.mark(people.ann.id, item.id, state="done")
    services.labelling.open(people.bob.id, item.id)
    services.adjudication.decide(people.judge.id, made.id, item.id, [draft(item, 6, 11, "hedge")])
    first, second = services.labelling.labelled(made.id)
    assert first.item.id == item.id and first.text == TEXT and first.done == {people.ann.id}
    assert {person: [label.quote for label in own] for person, own in first.by_person.items()} == {
        people.ann.id: ["maybe"],
        people.bob.id: [],
    }
    assert [label.quote for label in first.gold] == ["maybe"] and not first.settled
    assert second.by_person == {} and second.gold == ()


def test_history_can_be_one_persons(services: Services, people: Crowd, made: Project, item: Item, save: Save) -> None:
    save(draft(item, 0, 4))
    services.labelling.open(people.bob.id, item.id)
    services.labelling.save(people.bob.id, made.id, item.id, [draft(item, 6, 11)])
    services.adjudication.decide(people.admin.id, made.id, item.id, [draft(item, 6, 11)])

    def quotes(rows: list[Label]) -> list[str]:
        return [row.quote for row in rows]

    assert quotes(services.labelling.history(item.id)) == ["Wait", "maybe", "maybe"]
    assert quotes(services.labelling.history(item.id, people.bob.id)) == ["maybe"]
    assert quotes(services.labelling.history(item.id, people.admin.id)) == []


# -- over the build_services ----------------------------------------------------------------------------------

GOOD = {"id": "a", "start": 0, "end": 4, "quote": "Wait", "text_sha256": "x", "label": "hedge"}


def test_a_draft_is_read_from_json() -> None:
    cue = {"lexicon": "d", "entry": "e", "start": 0, "end": 4}
    read = LabelDraft.read({**GOOD, "op": "withdraw", "root": "b", "machine": cue})
    assert read == LabelDraft("a", 0, 4, "Wait", "x", "hedge", "b", Op.WITHDRAW, machine=MachineCue("d", "e", 0, 4))
    assert LabelDraft.read({**GOOD, "machine": None}).machine is None


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("text", "mapping of fields"),
        ({**GOOD, "start": "0"}, "start of a label is a whole number"),
        ({**GOOD, "start": True}, "start of a label is a whole number"),
        ({**GOOD, "end": 4.0}, "end of a label is a whole number"),
        ({**GOOD, "quote": None}, "quote of a label is text"),
        ({**GOOD, "person": "p"}, "no field 'person'"),
        ({**GOOD, "op": "drop"}, "put, withdraw, reject"),
        ({**GOOD, "op": ["put"]}, "put, withdraw, reject"),
        ({**GOOD, "machine": "x"}, "mapping of fields"),
        ({**GOOD, "machine": {"lexicon": "x"}}, "lacks the field entry"),
        ({"id": "a"}, "lacks the field start"),
    ],
)
def test_a_draft_of_another_shape_is_refused(bad: object, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        LabelDraft.read(bad)
