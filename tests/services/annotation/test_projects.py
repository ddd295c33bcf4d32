"""Projects: drawing, cutting and taking in texts; changing, closing and deleting them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.annotation import (
    DEFAULT_SCHEME,
    AnnotatedSpan,
    AnnotatedText,
    LabelKind,
    Layer,
    ProjectState,
    Role,
    Scheme,
    key_of,
)
from backend.domain import Group, TraceFilter, UserError
from backend.lexicon.folding import continues_word
from backend.services import Services
from backend.services.annotation.passages import SHORTEST, whole_at, windows
from backend.services.annotation.sampling import even_shares
from tests.services.annotation.annotation_cases import TEXT, Crowd, crowd, draft, project, runs, spec
from tests.services.made_files import row, take_one, write

SIZE = SHORTEST


@pytest.fixture
def people(services: Services) -> Crowd:
    return crowd(services)


# -- windows ----------------------------------------------------------------------------------------

pieces = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.sampled_from(
            [" ", "\n", "\n\n", "\r\n", ". ", "。", "word", "e\u0301\u0323", "👩‍🔬", "🇩🇪", "don't", "x" * 250, "很难说"]
        ),
        st.integers(1, 300).map(lambda n: "a" * n),
        st.integers(1, 300).map(lambda n: "\u0301" * n),
    ),
    max_size=60,
)


@given(pieces, st.integers(SIZE, 400))
def test_windows_tile_the_text_and_cut_no_word_that_fits(parts: list[str], size: int) -> None:
    text = "".join(parts)
    found = windows(text, size)
    assert [text[a:b] for a, b in found] == [text[a:b] for a, b in sorted(found)] and all(a < b for a, b in found)
    assert "".join(text[a:b] for a, b in found) == text
    for start, end in found[:-1]:
        assert whole_at(text, end), "no combined character is cut"
        if end - start > size:
            assert not any(whole_at(text, place) for place in range(start + 1, start + size + 1))
        if continues_word(text[end - 1]) and continues_word(text[end]):
            apart = [
                place
                for place in range(start + 1, start + size + 1)
                if whole_at(text, place) and not (continues_word(text[place - 1]) and continues_word(text[place]))
            ]
            assert not apart, "a word is cut where there is nothing else in reach"
    assert windows(text, 0) == ([(0, len(text))] if text else [])


def test_windows_end_where_a_reader_would_pause() -> None:
    paragraph = "One sentence here. Another one follows it.\nA line.\n\n"
    text = paragraph * 20
    cut = [text[a:b] for a, b in windows(text, 300)]
    assert all(part.endswith("\n\n") for part in cut) and "".join(cut) == text
    lines = ("Some words. More words.\n" * 40)[:-1]
    assert all(lines[:b].endswith("\n") for _, b in windows(lines, 250)[:-1])
    sentences = "Some words, and more. " * 40
    assert all(sentences[:b].endswith(". ") for _, b in windows(sentences, 250)[:-1])
    words = "word " * 200
    assert all(words[b - 1] == " " for _, b in windows(words, 250)[:-1])
    chinese = "我想也许不对。" * 100
    assert all(chinese[b - 1] == "。" for _, b in windows(chinese, 250)[:-1])
    sizes = [b - a for a, b in windows("word " * 1_000, 1_300)]
    assert max(sizes) - min(sizes) < 10, "all of about one length"


@given(st.integers(SIZE + 1, 900), st.sampled_from(["e\u0301", "👩‍🔬", "\r\n", "🇩🇪", "\ud83d\ude00"]))
def test_combined_characters_stay_whole(count: int, one: str) -> None:
    text = one * count
    for _, end in windows(text, SIZE)[:-1]:
        assert end % len(one) == 0 or one == "🇩🇪"
        assert not unicodedata.combining(text[end])


def test_windows_too_short_to_read_are_refused() -> None:
    with pytest.raises(UserError, match="at least 200"):
        windows("x" * 1_000, 100)


# -- drawing ----------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 40), max_size=8), st.integers(0, 200))
def test_shares_are_as_even_as_can_be(available: dict[str, int], total: int) -> None:
    shares = even_shares(available, total)
    assert sum(shares.values()) == min(total, sum(available.values()))
    assert all(0 <= shares[name] <= available[name] for name in available)
    most = max(shares.values(), default=0)
    assert all(shares[name] >= min(most - 1, available[name]) for name in available)


def test_a_project_is_drawn_by_run_and_verdict(services: Services, people: Crowd, tmp_path: Path) -> None:
    ids = runs(services, tmp_path, responses=6)
    asked = spec(size=8, seed=3, lexicon="doubts", blind_share=0.5, guidelines="Look.", annotators=3)
    told = services.projects.preview(asked)
    assert (told.traces, told.items, told.blind) == (8, 8, 4) and services.projects.all() == []
    assert {(s.name, s.available, s.taken) for s in told.strata} == {
        (f"{model} · d · {verdict}", 3, 2) for model in ("base", "variant") for verdict in ("right", "wrong")
    }
    assert all(stratum.blind == 1 for stratum in told.strata), "blind items are shared out among strata"
    made = services.projects.create(people.admin.id, asked)
    items = services.projects.items(made.id)
    assert Counter(item.stratum for item in items) == {stratum.name: 2 for stratum in told.strata}
    assert {item.run for item in items} == set(ids) and [item.ordinal for item in items] == list(range(8))
    for item in items:
        trace = services.traces.open(item.trace, services.lexicons.get("doubts").id)
        assert services.projects.text(item.id) == trace.text and item.text_sha256 == trace.text_sha256
        assert services.projects.text_row(item.text_sha256).sections == trace.sections
        assert item.stratum.startswith(trace.run.label) and (item.start, item.end) == (0, len(trace.text))
    assert made == services.projects.get(made.id) and made.owner == people.admin.id
    assert (made.annotators, made.seed, made.guidelines, made.scheme) == (3, 3, "Look.", DEFAULT_SCHEME)
    assert made.lexicon == services.lexicons.get("doubts").id
    assert made.sampling["strata"] == [stratum._asdict() for stratum in told.strata]


def test_a_seed_draws_the_same_again(services: Services, people: Crowd, tmp_path: Path) -> None:
    runs(services, tmp_path, responses=8)

    def drawn(seed: int) -> list[tuple[str, bool]]:
        made = services.projects.create(people.admin.id, spec(size=6, seed=seed))
        return [(item.trace, item.blind) for item in services.projects.items(made.id)]

    assert drawn(1) == drawn(1) and len({tuple(drawn(seed)) for seed in range(4)}) > 1


def test_filters_and_strata_are_obeyed(services: Services, people: Crowd, tmp_path: Path) -> None:
    base, variant = runs(services, tmp_path, responses=5)
    told = services.projects.preview(spec(wanted=TraceFilter(runs=(variant,), correct=True, grader="file")))
    assert [(s.name, s.available, s.taken) for s in told.strata] == [("variant · d · right", 3, 3)]
    whole = services.projects.preview(spec(stratify=False, size=1_000, blind_share=0))
    assert [(s.name, s.available, s.taken) for s in whole.strata] == [("", 10, 10)] and whole.blind == 0
    assert services.projects.preview(spec(blind_share=1)).blind == 10
    searched = services.projects.preview(spec(wanted=TraceFilter(search="maybe 3")))
    assert searched.traces == 2
    with pytest.raises(UserError, match="nothing to annotate"):
        services.projects.preview(spec(wanted=TraceFilter(search="nowhere")))
    services.runs.delete(base)
    assert services.projects.preview(spec()).traces == 5


def test_texts_outlive_their_runs_and_a_text_is_taken_once(services: Services, people: Crowd, tmp_path: Path) -> None:
    rows = [row(f"q{n}?", "the same text, wait", "   ") for n in range(3)]
    run = take_one(services, write(tmp_path / "a.jsonl", rows))
    made = services.projects.create(people.admin.id, spec(size=50))
    services.runs.delete(run)
    (item,) = services.projects.items(made.id)
    assert services.projects.text(item.id) == "the same text, wait"
    sheet = services.labelling.open(people.ann.id, item.id)
    services.labelling.save(people.ann.id, made.id, item.id, [draft(sheet, 15, 19, text=sheet.text)])
    assert services.labelling.labelled(made.id)[0].by_person[people.ann.id][0].quote == "wait"


def test_loops_are_left_out_unless_asked_for_and_their_cues_are_offered_once(
    services: Services, people: Crowd, tmp_path: Path
) -> None:
    first, last = "Hmm, perhaps 1 + 1 is 2.\n", "So it is \\boxed{2}."
    loop = "Wait, maybe that is wrong, let me see whether it is so. " * 30
    take_one(services, write(tmp_path / "a.jsonl", [row("1 + 1?", first + loop + last), row("1 + 2?", loop)]))
    made = services.projects.create(people.admin.id, spec(size=2, window=0, lexicon="doubts", blind_share=0))
    items = services.projects.items(made.id)
    texts = [services.labelling.open(people.ann.id, item.id).text[item.start : item.end] for item in items]
    assert sum("Wait" in text for text in texts) <= 1, "at most a cut round at the edge"
    assert "".join(texts).startswith(first[:-1]) and texts[-1].endswith(last) and len("".join(texts)) < 160
    asked = services.projects.create(people.admin.id, spec(name="all", size=2, window=0, lexicon="doubts", loops=True))
    assert {item.end - item.start for item in services.projects.items(asked.id)} == {
        len(first + loop + last),
        len(loop),
    }
    for item in services.projects.items(asked.id):
        offered = [cue.entry for cue in services.labelling.open(people.ann.id, item.id).cues]
        assert offered.count("wait") <= 2 and offered.count("maybe") <= 2


def test_long_traces_become_several_items_with_all_their_text(
    services: Services, people: Crowd, tmp_path: Path
) -> None:
    text = "".join(f"Wait, let me think about step {number} once more.\n\n" for number in range(60))
    take_one(services, write(tmp_path / "a.jsonl", [row("q?", text)]))
    made = services.projects.create(people.admin.id, spec(window=600, lexicon="doubts", blind_share=0))
    items = services.projects.items(made.id)
    assert [(item.start, item.end) for item in items] == windows(text, 600)
    sheet = services.labelling.open(people.ann.id, items[2].id)
    assert sheet.text == text and sheet.cues
    assert all(items[2].start <= cue.start < cue.end <= items[2].end for cue in sheet.cues)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": " "}, "name is empty"),
        ({"name": "a\u202e"}, "can't be seen"),
        ({"size": 0}, "1 to 5,000 traces"),
        ({"annotators": 0}, "1 to 20 annotators"),
        ({"blind_share": 1.5}, "between 0 and 1"),
        ({"blind_share": float("nan")}, "between 0 and 1"),
        ({"window": 10}, "too short"),
        ({"lexicon": "none such"}, "no lexicon called"),
        ({"grader": "none such"}, "no grader called"),
        ({"seed": 2**40}, "too large"),
        ({"guidelines": "\ud800"}, "half a character"),
        ({"guidelines": "x" * 200_000}, "at most 100,000"),
    ],
)
def test_specs_that_make_no_sense_are_refused(
    services: Services, people: Crowd, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    runs(services, tmp_path)
    with pytest.raises(UserError, match=reason):
        services.projects.create(people.admin.id, replace(spec(), **change))
    assert services.projects.all() == []


@pytest.mark.parametrize("who", ["judge", "ann", "viewer"])
def test_only_admins_make_and_change_projects(services: Services, people: Crowd, who: str) -> None:
    made, actor = project(services, people), getattr(people, who).id
    for refused in (
        lambda: services.projects.create(actor, spec()),
        lambda: services.projects.import_texts(actor, "n", DEFAULT_SCHEME, [AnnotatedText("t", "x")]),
        lambda: services.projects.change(actor, made.id, name="n"),
        lambda: services.projects.close(actor, made.id),
        lambda: services.projects.reopen(actor, made.id),
        lambda: services.projects.delete(actor, made.id),
        lambda: services.projects.set_priorities(actor, made.id, {}),
    ):
        with pytest.raises(UserError, match="may not manage"):
            refused()
    assert services.projects.all()[0].project == made


# -- schemes ----------------------------------------------------------------------------------------


def scheme(**given: object) -> Scheme:
    return Scheme((LabelKind(**{"key": "cue", "name": "a cue", **given}), LabelKind("no", "none", negative=True)))


@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        (Scheme(()), "1 to 50 labels"),
        (Scheme((LabelKind("no", "none", negative=True),)), "a cue stands here"),
        (Scheme(tuple(LabelKind(f"k{n}", f"n{n}") for n in range(51))), "1 to 50 labels"),
        (scheme(key="<script>"), "label key"),
        (scheme(key=""), "label key"),
        (scheme(key="k" * 41), "label key"),
        (scheme(key="no"), "twice"),
        (scheme(name="None"), "twice"),
        (scheme(name=""), "empty"),
        (scheme(name="a\u202eb"), "can't be seen"),
        (scheme(name="a\x1b[31m"), "can't be seen"),
        (scheme(name="a\nb"), "can't be seen"),
        (scheme(name="x" * 61), "61 characters"),
        (scheme(name=" a "), "space"),
        (scheme(description="a\u2066b"), "can't be seen"),
        (replace(scheme(), flags=("a", "A ")), "twice"),
        (replace(scheme(), flags=("",)), "empty"),
    ],
)
def test_hostile_schemes_are_refused(services: Services, people: Crowd, hostile: Scheme, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        services.projects.import_texts(people.admin.id, "n", hostile, [AnnotatedText("t", "x")])


def test_names_of_labels_are_data(services: Services, people: Crowd) -> None:
    odd = scheme(name="<img onerror=alert(1)> '; DROP--", description="**bold** $x$ [a](javascript:1)")
    made = services.projects.import_texts(people.admin.id, "<b>p</b>", odd, [AnnotatedText("t", "x")])
    assert services.projects.get(made.id).scheme == odd and made.name == "<b>p</b>"


def test_schemes_and_guidelines_have_versions(services: Services, people: Crowd) -> None:
    made, admin = project(services, people, guidelines="First."), people.admin.id
    assert made.guidelines_version == 2 and made.scheme_version == 1
    item = services.labelling.next_item(people.ann.id, made.id)
    services.labelling.save(people.ann.id, made.id, item.id, [draft(item, 0, 4, flag="filler")])
    fewer = Scheme(tuple(label for label in DEFAULT_SCHEME.labels if label.key != key_of(Group.HEDGE)), ("filler",))
    changed = services.projects.change(admin, made.id, scheme=fewer, guidelines="Second.", name="n", lexicon="doubts")
    assert (changed.scheme_version, changed.guidelines_version, changed.scheme) == (2, 3, fewer)
    assert services.projects.change(admin, made.id, guidelines="Second.", scheme=fewer) == changed
    assert services.projects.scheme(made.id, 1) == DEFAULT_SCHEME
    texts = [(row.version, row.text, row.person) for row in services.projects.guidelines(made.id)]
    assert texts == [(3, "Second.", admin), (2, "First.", admin), (1, "", admin)]
    services.labelling.save(people.ann.id, made.id, item.id, [draft(item, 6, 11, "hesitation")])
    old, new = services.labelling.history(item.id)
    assert (old.scheme_version, old.guidelines_version) == (1, 2)
    assert (new.scheme_version, new.guidelines_version) == (2, 3)
    with pytest.raises(UserError, match="has no label 'hedge'"):
        services.labelling.save(people.ann.id, made.id, item.id, [draft(item, 6, 11, "hedge")])
    with pytest.raises(UserError, match="no version 9"):
        services.projects.scheme(made.id, 9)


def test_a_scheme_keeps_what_is_in_use(services: Services, people: Crowd) -> None:
    made, admin = project(services, people), people.admin.id
    item = services.labelling.next_item(people.ann.id, made.id)
    services.labelling.save(people.ann.id, made.id, item.id, [draft(item, 0, 4, flag="filler")])
    first, *rest = DEFAULT_SCHEME.labels
    for lost, reason in (
        (replace(DEFAULT_SCHEME, labels=tuple(rest)), "'hesitation' is in use"),
        (replace(DEFAULT_SCHEME, labels=(replace(first, negative=True), *rest)), "opposite"),
        (replace(DEFAULT_SCHEME, flags=()), "'filler' is in use"),
    ):
        with pytest.raises(UserError, match=reason):
            services.projects.change(admin, made.id, scheme=lost)
    assert services.projects.get(made.id) == made
    renamed = replace(DEFAULT_SCHEME, labels=(replace(first, name="wavering"), *rest))
    assert services.projects.change(admin, made.id, scheme=renamed).scheme == renamed


# -- life -------------------------------------------------------------------------------------------


def test_closing_reopening_and_deleting(services: Services, people: Crowd) -> None:
    made, admin = project(services, people), people.admin.id
    item = services.labelling.next_item(people.ann.id, made.id)
    assert services.projects.close(admin, made.id).state is ProjectState.CLOSED
    with pytest.raises(UserError, match="closed"):
        services.labelling.save(people.ann.id, made.id, item.id, [draft(item, 0, 4)])
    services.projects.reopen(admin, made.id)
    services.labelling.save(people.ann.id, made.id, item.id, [draft(item, 0, 4)])
    services.projects.delete(admin, made.id)
    assert services.projects.all() == [] and services.labelling.history(item.id) == []
    for gone in (
        lambda: services.projects.get(made.id),
        lambda: services.projects.info(made.id),
        lambda: services.projects.text(item.id),
        lambda: services.projects.delete(admin, made.id),
        lambda: services.labelling.next_item(people.ann.id, made.id),
        lambda: services.labelling.open(people.ann.id, item.id),
        lambda: services.labelling.save(people.ann.id, made.id, item.id, [draft(item, 0, 4)]),
        lambda: services.adjudication.merge(admin, made.id, "any"),
    ):
        with pytest.raises(UserError, match="may have been deleted"):
            gone()


def test_priorities_order_the_queue(services: Services, people: Crowd) -> None:
    made = project(services, people, texts=3)
    items = services.projects.items(made.id)
    services.projects.set_priorities(people.admin.id, made.id, {items[2].id: 0.5, items[1].id: 0.1, "gone": 9.0})
    got = []
    for _ in items:
        got.append(services.labelling.next_item(people.ann.id, made.id).ordinal)
        services.labelling.mark(people.ann.id, items[got[-1]].id, state="done")
    assert got == [2, 1, 0]
    with pytest.raises(UserError, match="finite"):
        services.projects.set_priorities(people.admin.id, made.id, {items[0].id: float("nan")})


def test_a_version_tells_pages_when_to_look_again(services: Services, people: Crowd) -> None:
    made = project(services, people)
    before = services.projects.version(), services.projects.version(made.id)
    assert before == (services.projects.version(), services.projects.version(made.id))
    services.labelling.next_item(people.ann.id, made.id)
    assert services.projects.version() != before[0] and services.projects.version(made.id) != before[1]


# -- texts from elsewhere ---------------------------------------------------------------------------


def test_texts_come_with_their_annotators_and_gold(services: Services, people: Crowd) -> None:
    spans = (
        AnnotatedSpan(0, 4, "hesitation", "Zoë", flag="filler", comment="c", how="mouse", id="id-1"),
        AnnotatedSpan(6, 11, "hedge", "<b>Max</b>", id="id-1"),
        AnnotatedSpan(0, 4, "hesitation", gold=True),
        AnnotatedSpan(16, 19, "hesitation"),
    )
    texts = [
        AnnotatedText("doc/1", TEXT, spans, done=("Zoë", "Nil")),
        AnnotatedText(
            "2", TEXT + " ", start=5, end=20, meta={"blind": True, "stratum": "s", "trace": "t-1", "run": "t"}
        ),
    ]
    made = services.projects.import_texts(people.admin.id, "in", DEFAULT_SCHEME, texts)
    first, second = services.labelling.labelled(made.id)
    names = {person.id: person for person in services.people.all()}
    own = {names[person].name: labels for person, labels in first.by_person.items()}
    assert set(own) == {"Zoë", "<b>Max</b>", "Nil", "unnamed annotator"} and own["Nil"] == ()
    assert {names[person].name for person in first.done} == {"Zoë", "Nil"}
    (zoe,) = own["Zoë"]
    assert (zoe.id, zoe.flag, zoe.comment, zoe.how, zoe.quote) == ("id-1", "filler", "c", "mouse", "Wait")
    assert own["<b>Max</b>"][0].id != "id-1", "an id that comes twice is kept once"
    assert [(label.layer, label.person) for label in first.gold] == [(Layer.GOLD, people.admin.id)]
    assert not first.settled and first.item.name == "doc/1" and first.text == TEXT
    assert (second.item.start, second.item.end, second.item.blind, second.item.stratum) == (5, 20, True, "s")
    assert (second.item.trace, second.item.run) == ("t-1", "t")
    assert made.annotators == 4 and made.blind_share == 0.5
    zoe_person = names[next(iter(p for p in first.done if names[p].name == "Zoë"))]
    assert (zoe_person.source, zoe_person.local, zoe_person.role) == ("imported", False, Role.VIEWER)
    with pytest.raises(UserError, match="can't sign in"):
        services.people.set_role(people.admin.id, zoe_person.id, Role.ADMIN)
    again = services.projects.import_texts(people.admin.id, "again", DEFAULT_SCHEME, texts)
    assert services.labelling.labelled(again.id)[0].by_person.keys() == first.by_person.keys()


def test_gold_texts_are_settled(services: Services, people: Crowd) -> None:
    text = AnnotatedText("g", TEXT, (AnnotatedSpan(0, 4, "hesitation", "Zoë"),), done=("Zoë",))
    made = services.projects.import_texts(people.admin.id, "in", DEFAULT_SCHEME, [text], gold=True)
    (found,) = services.labelling.labelled(made.id)
    assert found.settled and [label.quote for label in found.gold] == ["Wait"]
    assert services.projects.all()[0].settled == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (AnnotatedText("a\u202e", TEXT, (AnnotatedSpan(0, 99, "hedge"),)), r"Text 1 \(a\\u202e\): the label hedge at 0 to 99"),
        (AnnotatedText("a", TEXT, (AnnotatedSpan(4, 4, "hedge"),)), "outside"),
        (AnnotatedText("a", TEXT, (AnnotatedSpan(0, 4, "hedge"),), start=2), "outside"),
        (AnnotatedText("a", TEXT, (AnnotatedSpan(0, 4, "none"),)), "no label 'none'"),
        (AnnotatedText("a", TEXT, (AnnotatedSpan(0, 4, "hedge", flag="none"),)), "no flag 'none'"),
        (AnnotatedText("a", TEXT, (AnnotatedSpan(0, 4, "hedge", "a\nb"),)), "name of an annotator"),
        (AnnotatedText("a", TEXT, (AnnotatedSpan(0, 4, "hedge", comment="\ud800"),)), "half a character"),
        (AnnotatedText("a", "a\ud800"), "half a character"),
        (AnnotatedText("a", ""), "empty"),
        (AnnotatedText("a", TEXT, start=3, end=99), "outside its"),
        (AnnotatedText("a", TEXT, tuple(AnnotatedSpan(0, 4, "hedge") for _ in range(20_001))), "20,001 spans"),
    ],
)  # fmt: skip
def test_texts_that_fit_nowhere_are_refused(
    services: Services, people: Crowd, text: AnnotatedText, reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        services.projects.import_texts(people.admin.id, "in", DEFAULT_SCHEME, [text])
    with pytest.raises(UserError, match="no text"):
        services.projects.import_texts(people.admin.id, "in", DEFAULT_SCHEME, [])
    assert services.projects.all() == [] and len(services.people.all()) == 5
