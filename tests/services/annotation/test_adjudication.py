"""Adjudicating: decisions by hand, merging by rule, and that the first survive the second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.annotation import DEFAULT_SCHEME, NOT_A_CUE, Item, Label, Labelled, Layer, MachineCue, Op, Project
from backend.domain import UserError
from backend.services import Services
from backend.services.annotation.label_merge import RULES, agreed_on
from backend.services.annotation.label_rules import REASONS
from tests.services.annotation.annotation_cases import TEXT, Crowd, crowd, draft, project, undo

WAIT, MAYBE, HMM, THINK = (0, 4), (6, 11), (16, 19), (21, 28)


@pytest.fixture
def people(services: Services) -> Crowd:
    return crowd(services)


@pytest.fixture
def made(services: Services, people: Crowd) -> Project:
    return project(services, people)


Place = tuple[int, int, str]


@pytest.fixture
def finish(services: Services, people: Crowd, made: Project) -> Callable[..., Item]:
    """Have people label an item and say that they are finished."""

    def finish(ordinal: int = 0, **labels: list[Place]) -> Item:
        item = services.projects.items(made.id)[ordinal]
        for name, places in labels.items():
            person = getattr(people, name)
            services.labelling.open(person.id, item.id)
            rows = [draft(item, start, end, label) for start, end, label in places]
            services.labelling.save(person.id, made.id, item.id, rows)
            services.labelling.mark(person.id, item.id, state="done")
        return item

    return finish


def gold(services: Services, project_id: str) -> list[tuple[str, str, str]]:
    """What stands in the gold layer, rejections marked."""
    return [
        (label.quote, label.label, label.op.value)
        for one in services.labelling.labelled(project_id)
        for label in one.gold
    ]


def test_a_sheet_holds_everybodys_lanes(
    services: Services, people: Crowd, made: Project, finish: Callable[..., Item]
) -> None:
    services.projects.change(people.admin.id, made.id, lexicon="doubts")
    item = finish(ann=[(*WAIT, "hesitation")], bob=[])
    sheet = services.adjudication.sheet(people.judge.id, item.id)
    own = {sheet.names[person]: [label.quote for label in rows] for person, rows in sheet.labelled.by_person.items()}
    assert own == {"Ann": ["Wait"], "Bob": []} and len(sheet.labelled.done) == 2
    assert sheet.cues and (sheet.number, sheet.of, sheet.history, sheet.writable) == (1, 2, 0, True)
    assert sheet.labelled.text == TEXT and not sheet.labelled.settled
    services.projects.close(people.admin.id, made.id)
    assert not services.adjudication.sheet(people.admin.id, item.id).writable
    with pytest.raises(UserError, match="Ann is an annotator and may not adjudicate"):
        services.adjudication.sheet(people.ann.id, item.id)


def test_decisions_are_a_layer_of_their_own(
    services: Services, people: Crowd, made: Project, finish: Callable[..., Item]
) -> None:
    item = finish(ann=[(*WAIT, "hesitation")], bob=[])
    adopted = draft(item, *WAIT, how="adopted", reason="ambiguous")
    rejected = draft(item, *MAYBE, "hedge", op=Op.REJECT, reason="slip")
    first = services.adjudication.decide(people.judge.id, made.id, item.id, [adopted, rejected])
    assert services.adjudication.decide(people.judge.id, made.id, item.id, [adopted, rejected]) == first
    assert gold(services, made.id) == [("Wait", "hesitation", "put"), ("maybe", "hedge", "reject")]
    corrected = draft(item, *WAIT, "hedge", root=adopted.id)
    services.adjudication.decide(people.admin.id, made.id, item.id, [corrected, undo(rejected)])
    assert gold(services, made.id) == [("Wait", "hedge", "put")], "any adjudicator may go on from another's decision"
    log = [row for row in services.labelling.history(item.id) if row.layer is Layer.GOLD]
    assert [(row.person, row.how, row.reason) for row in log][:2] == [
        (people.judge.id, "adopted", "ambiguous"),
        (people.judge.id, "", "slip"),
    ]
    assert len(log) == 4 and services.adjudication.sheet(people.judge.id, item.id).history == 4
    assert [label.label for label in services.labelling.open(people.ann.id, item.id).labels] == ["hesitation"]


def test_decisions_are_held_to_the_same_rules(
    services: Services, people: Crowd, made: Project, finish: Callable[..., Item]
) -> None:
    item = finish(ann=[(*WAIT, "hesitation")], bob=[])
    (hers,) = services.labelling.open(people.ann.id, item.id).labels

    def decide(who: str, *rows: object) -> None:
        services.adjudication.decide(who, made.id, item.id, rows)

    for row, reason in (
        (draft(item, 0, 999), "outside"),
        (draft(item, *WAIT, text_sha256="0" * 64), "isn't the one"),
        (draft(item, *WAIT, reason="mood"), f"none of an adjudicator's: {', '.join(REASONS)}"),
        (draft(item, *WAIT, root=hers.id), "no label"),
        (draft(item, *WAIT, id=hers.id), "under a new id"),
    ):
        with pytest.raises(UserError, match=reason):
            decide(people.judge.id, row)
    with pytest.raises(UserError, match="may not adjudicate"):
        decide(people.ann.id, draft(item, *WAIT))
    services.projects.close(people.admin.id, made.id)
    for refused in (
        lambda: decide(people.judge.id, draft(item, *WAIT)),
        lambda: services.adjudication.settle(people.judge.id, item.id),
        lambda: services.adjudication.merge(people.judge.id, made.id, "any"),
    ):
        with pytest.raises(UserError, match="closed"):
            refused()
    assert gold(services, made.id) == []


def test_items_are_settled_and_unsettled(services: Services, people: Crowd, made: Project) -> None:
    item = services.projects.items(made.id)[0]
    services.adjudication.settle(people.judge.id, item.id)
    assert services.projects.info(made.id).settled == 1 and services.labelling.labelled(made.id)[0].settled
    services.adjudication.settle(people.judge.id, item.id, False)
    assert services.projects.info(made.id).settled == 0
    with pytest.raises(UserError, match="may not adjudicate"):
        services.adjudication.settle(people.bob.id, item.id)


@pytest.mark.parametrize(
    ("rule", "match", "expected"),
    [
        ("agreed by all", "exact", ["maybe"]),
        ("majority", "exact", ["Hmm", "maybe"]),
        ("any", "exact", ["Hmm", "Wait", "Wait,", "maybe"]),
        ("agreed by all", "overlap", ["maybe"]),
        ("majority", "overlap", ["Hmm", "Wait,", "maybe"]),
        ("any", "overlap", ["Hmm", "Wait,", "maybe"]),
    ],
)
def test_rules_let_through_what_they_say(
    services: Services,
    people: Crowd,
    made: Project,
    finish: Callable[..., Item],
    rule: str,
    match: str,
    expected: list[str],
) -> None:
    services.projects.change(people.admin.id, made.id, annotators=3)
    finish(
        ann=[(*WAIT, "hesitation"), (*MAYBE, "hedge"), (*HMM, "hesitation")],
        bob=[(0, 5, "hesitation"), (*MAYBE, "hedge"), (*HMM, "hesitation")],
        judge=[(*WAIT, "hedge"), (*MAYBE, "hedge")],
    )
    counts = services.adjudication.merge(people.judge.id, made.id, rule, match)
    texts = sorted(quote for quote, label, _ in gold(services, made.id) if not (quote == "Wait" and label == "hedge"))
    assert texts == expected
    assert (counts.items, counts.waiting, counts.decided, counts.withdrawn) == (2, 1, 0, 0)
    again = services.adjudication.merge(people.judge.id, made.id, rule, match)
    assert (again.added, again.kept, again.withdrawn) == (0, counts.added, 0), "merging twice changes nothing"


def test_decisions_survive_every_merge(
    services: Services, people: Crowd, made: Project, finish: Callable[..., Item]
) -> None:
    both = [(*WAIT, "hesitation"), (*MAYBE, "hedge"), (*HMM, "hesitation"), (*THINK, "hedge")]
    item = finish(ann=both, bob=both)
    own = draft(item, 0, 5, "hedge", how="own")
    rejected = draft(item, 8, 11, "hedge", op=Op.REJECT)
    services.adjudication.decide(people.judge.id, made.id, item.id, [own, rejected])
    counts = services.adjudication.merge(people.judge.id, made.id, "agreed by all")
    assert (counts.added, counts.decided) == (2, 2)
    expected = [
        ("Wait,", "hedge", "put"),
        ("ybe", "hedge", "reject"),
        ("Hmm", "hesitation", "put"),
        ("I think", "hedge", "put"),
    ]
    assert gold(services, made.id) == expected
    merged = next(row for row in services.labelling.history(item.id) if row.layer is Layer.GOLD and row.quote == "Hmm")
    gone = draft(item, *HMM, root=merged.id, op=Op.WITHDRAW)
    services.adjudication.decide(people.judge.id, made.id, item.id, [gone])
    for rule in (*RULES, *RULES[::-1]):
        for match in ("exact", "overlap"):
            services.adjudication.merge(people.judge.id, made.id, rule, match)
    assert gold(services, made.id) == [one for one in expected if one[0] != "Hmm"], "what was taken away stays away"


def test_another_rule_replaces_what_the_last_one_merged(
    services: Services, people: Crowd, made: Project, finish: Callable[..., Item]
) -> None:
    item = finish(ann=[(*WAIT, "hesitation"), (*MAYBE, "hedge")], bob=[(*WAIT, "hesitation")])
    assert services.adjudication.merge(people.judge.id, made.id, "any").added == 2
    counts = services.adjudication.merge(people.admin.id, made.id, "agreed by all")
    assert (counts.added, counts.kept, counts.withdrawn) == (0, 1, 1)
    assert gold(services, made.id) == [("Wait", "hesitation", "put")]
    services.adjudication.settle(people.judge.id, item.id)
    counts = services.adjudication.merge(people.judge.id, made.id, "any")
    assert (counts.added, counts.settled) == (0, 1) and len(gold(services, made.id)) == 1
    services.adjudication.settle(people.judge.id, item.id, False)
    assert services.adjudication.merge(people.judge.id, made.id, "any").added == 1
    log = [row for row in services.labelling.history(item.id) if row.layer is Layer.GOLD]
    assert [row.op.value for row in log] == ["put", "put", "withdraw", "put"], "the log keeps all of it"


def test_merging_waits_for_two_who_are_finished(
    services: Services, people: Crowd, made: Project, finish: Callable[..., Item]
) -> None:
    item = finish(ann=[(*WAIT, "hesitation")])
    services.labelling.open(people.bob.id, item.id)
    services.labelling.save(people.bob.id, made.id, item.id, [draft(item, *WAIT)])
    counts = services.adjudication.merge(people.judge.id, made.id, "any")
    assert (counts.added, counts.waiting) == (0, 2)
    services.projects.change(people.admin.id, made.id, annotators=1)
    assert services.adjudication.merge(people.judge.id, made.id, "any").added == 1


def test_a_cue_wins_over_no_cue_and_flags_need_more_than_half(
    services: Services, people: Crowd, made: Project, finish: Callable[..., Item]
) -> None:
    finish(ann=[(*WAIT, "hesitation"), (*HMM, NOT_A_CUE)], bob=[(*WAIT, NOT_A_CUE), (*HMM, NOT_A_CUE)])
    item = services.projects.items(made.id)[0]
    cue = MachineCue("doubts@1", "maybe", *MAYBE)
    for person, flag in ((people.ann, "filler"), (people.bob, "filler")):
        rows = [draft(item, *MAYBE, "hedge", flag=flag, machine=cue), draft(item, *THINK, "hedge", flag=flag)]
        services.labelling.save(person.id, made.id, item.id, rows[: 2 if person is people.ann else 1])
    services.labelling.save(people.bob.id, made.id, item.id, [draft(item, *THINK, "hedge", flag="quoted")])
    services.adjudication.merge(people.judge.id, made.id, "any")
    found = {(label.quote, label.label): label for label in services.labelling.labelled(made.id)[0].gold}
    assert set(found) == {("Wait", "hesitation"), ("Hmm", NOT_A_CUE), ("maybe", "hedge"), ("I think", "hedge")}
    assert found["maybe", "hedge"].flag == "filler" and found["maybe", "hedge"].machine == cue
    assert found["I think", "hedge"].flag == "" and found["maybe", "hedge"].how == "merged"
    assert {label.person for label in found.values()} == {people.judge.id}


@pytest.mark.parametrize(("rule", "match"), [("most", "exact"), ("any", "near"), ("\u202e", "exact")])
def test_rules_that_do_not_exist_are_refused(
    services: Services, people: Crowd, made: Project, rule: str, match: str
) -> None:
    with pytest.raises(UserError, match=r"merge rule|Labels match"):
        services.adjudication.merge(people.judge.id, made.id, rule, match)
    with pytest.raises(UserError, match="may not adjudicate"):
        services.adjudication.merge(people.ann.id, made.id, "any")


spans = st.tuples(st.integers(0, 30), st.integers(1, 9), st.sampled_from(["hedge", "hesitation", NOT_A_CUE]))
votes = st.lists(st.lists(spans, max_size=6, unique=True), min_size=1, max_size=4)


def voted(by: list[list[tuple[int, int, str]]]) -> Labelled:
    item = Item("i", "p", 0, "0" * 64, 0, 99)
    rows = {
        f"p{n}": tuple(
            Label(f"{n}-{k}", f"{n}-{k}", "p", "i", f"p{n}", Op.PUT, start, start + size, "", "", label)
            for k, (start, size, label) in enumerate(places)
        )
        for n, places in enumerate(by)
    }
    return Labelled(item, "x" * 99, rows, frozenset(rows))


@given(votes)
def test_rules_nest_and_do_not_hang_on_order(by: list[list[tuple[int, int, str]]]) -> None:
    def positive(rule: str, match: str, labelled: Labelled) -> set[tuple[int, int, str]]:
        through = agreed_on(labelled, DEFAULT_SCHEME, rule, match)
        assert len({label.span for label in through}) == len(through)
        return {tuple(label.span) for label in through if label.label != NOT_A_CUE}

    labelled = voted(by)
    every, most, anyone = (positive(rule, "exact", labelled) for rule in RULES)
    assert (
        every <= most <= anyone == {(a, a + n, label) for places in by for a, n, label in places if label != NOT_A_CUE}
    )
    turned = replace(labelled, by_person={p: rows[::-1] for p, rows in reversed(labelled.by_person.items())})
    for rule in RULES:
        found = positive(rule, "overlap", labelled)
        assert found == positive(rule, "overlap", turned) and found <= anyone
        for one in found:
            assert not any(o != one and o[2] == one[2] and o[0] < one[1] and one[0] < o[1] for o in found)
