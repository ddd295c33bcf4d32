"""A project's labels as files, and files as projects: what goes out comes back, and who may do it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from backend.annotation import (
    DEFAULT_SCHEME,
    NOT_A_CUE,
    AnnotatedSpan,
    AnnotatedText,
    LabelKind,
    Layer,
    MachineCue,
    Op,
    Project,
    Role,
    Scheme,
)
from backend.config import Settings
from backend.domain import UserError
from backend.import_plan import Overrides
from backend.services import Services, build_services
from backend.services.annotation.label_files import Exported, Upload
from backend.services.annotation.label_schemes import fitted
from tests.services.annotation.annotation_cases import TEXT, Crowd, crowd, draft, project, spec
from tests.services.made_files import row, take_one, write

KEEPS_ALL = ("jsonl", "parquet")
KEEPS_LABELS = ("brat", "label-studio", "label-studio-utf16")
LONG = "<think>\n" + "Wait 😀, maybe שלום so.\r\nHmm, I think 7 e\u0301 is right.\n\n" * 12 + "</think>It is \\boxed{7}"


@pytest.fixture
def people(services: Services) -> Crowd:
    return crowd(services)


@dataclass(frozen=True)
class Full:
    """A store with a project that holds everything a project can."""

    services: Services
    people: Crowd
    made: Project


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    """One store for all tests that only add to it."""
    folder = tmp_path_factory.mktemp("full")
    with build_services(Settings(store=folder / "store", graders=1)) as services:
        people = crowd(services)
        yield Full(services, people, fill(services, people, folder))


def fill(services: Services, people: Crowd, tmp_path: Path) -> Project:
    """A project of traces cut into windows, with everything in it that a project can hold."""
    rows = [row(f"What is {n}?", f"{LONG}{n}", gold="7", answers_correctness=[True]) for n in range(2)]
    take_one(services, write(tmp_path / "secret-model.jsonl", rows), overrides=Overrides(dataset="d"))
    asked = spec(
        name="../Doubts <b>?", size=2, window=200, lexicon="doubts", blind_share=0.5, guidelines="Look.", loops=True
    )
    made = services.projects.create(people.admin.id, asked)
    services.projects.change(people.admin.id, made.id, guidelines="Look *twice*.\n")
    for number, item in enumerate(services.projects.items(made.id)[:4]):
        text = services.projects.text(item.id)
        wait = text.index("Wait", item.start)
        for who in (people.ann, people.bob):
            services.labelling.open(who.id, item.id)
            own = {"how": "mouse", "at": "2026-01-02T03:04:05Z"}
            rows_ = [
                draft(item, wait, wait + 4, text=text, flag="filler", comment=f"a\tb\n'{number}'",
                      machine=MachineCue(made.lexicon, "wait", wait, wait + 4), **own),
                draft(item, wait + 5, wait + 13, "hedge", text=text, **own),
                draft(item, wait + 5, wait + 24, "hedge", text=text, **own),
                draft(item, wait + 8, wait + 13, NOT_A_CUE, text=text, **own),
            ]  # fmt: skip
            services.labelling.save(who.id, made.id, item.id, rows_[: 4 if who is people.ann else number])
        services.labelling.mark(people.ann.id, item.id, state="done", seconds=12.5)
        services.labelling.mark(people.bob.id, item.id, state="done" if number else "flagged", note="why?\nso")
        gold = draft(item, wait, wait + 4, text=text, reason="slip", comment="c", how="own")
        reject = replace(draft(item, wait + 5, wait + 13, "hedge", text=text, how="own"), op=Op.REJECT)
        services.adjudication.decide(people.judge.id, made.id, item.id, [gold, reject][: number + 1])
        if number > 1:
            services.adjudication.settle(people.judge.id, item.id)
    return services.projects.get(made.id)


Fact = dict[str, Any]


def facts(services: Services, project: Project, whole: bool = True) -> list[Fact]:
    """What a project says, people by name; without `whole`, only what the formats of others hold."""
    names = {person.id: person.name for person in services.people.all()}
    found = []
    for one in services.labelling.labelled(project.id):
        own = {names[person]: sorted(map(_said, labels)) for person, labels in one.by_person.items()}
        gold = sorted(_said(label) for label in one.gold if whole or label.op is Op.PUT)
        taken = [row for row in services.store.annotations.taken(project.id) if row.item == one.item.id]
        found.append(
            {
                "place": (one.text, one.item.start, one.item.end, one.item.blind, one.settled),
                "own": own if whole else {name: labels for name, labels in own.items() if labels},
                "done": sorted(names[person] for person in one.done),
                "gold": gold,
                "people": sorted((names[row.person], row.state, row.seconds, row.note) for row in taken),
                "more": sorted(map(_more, (*one.gold, *(x for xs in one.by_person.values() for x in xs))))
                if whole
                else (),
            }
        )
    return found


def _said(label: Any) -> tuple[Any, ...]:
    return label.start, label.end, label.label, label.flag, label.comment, label.quote, label.text_sha256


def _more(label: Any) -> tuple[Any, ...]:
    versions = label.scheme_version, label.guidelines_version
    return label.id, label.op, label.how, label.reason, str(label.machine), label.at, label.layer, versions


def kept(folder: Path, exported: Exported) -> Path:
    path = folder / exported.name
    path.write_bytes(exported.data)
    return path


@pytest.mark.parametrize("form", [*KEEPS_ALL, *KEEPS_LABELS])
def test_exported_and_imported_again_it_is_equal(full: Full, tmp_path: Path, form: str) -> None:
    """Into the store it came from, and into one that has never heard of any of these people."""
    services, people, made = full.services, full.people, full.made
    path = kept(tmp_path, services.label_files.export(people.judge.id, made.id, form))
    assert path.name.startswith("Doubts-b-labels.")
    with build_services(Settings(store=tmp_path / "other")) as elsewhere:
        for there, admin in ((services, people.admin), (elsewhere, elsewhere.people.local("Eve"))):
            again = there.label_files.import_(admin.id, path)
            whole = form in KEEPS_ALL
            assert facts(there, again, whole) == facts(services, made, whole)
            assert (again.name, again.scheme, again.guidelines) == (made.name, made.scheme, made.guidelines)
            assert (again.annotators, again.lexicon, again.blind_share) == (made.annotators, made.lexicon, 0.5)
            assert (again.scheme_version, again.guidelines_version) == (1, 2) and again.owner == admin.id
            imported = [person for person in there.people.all() if person.source == "imported"]
            assert sorted((person.name, person.role) for person in imported) == [
                ("Ann", Role.VIEWER),
                ("Bob", Role.VIEWER),
            ]


@pytest.mark.parametrize("form", KEEPS_ALL)
def test_the_export_of_an_import_is_the_same_file(full: Full, tmp_path: Path, form: str) -> None:
    services, people, made = full.services, full.people, full.made
    first = services.label_files.import_(
        people.admin.id, kept(tmp_path, services.label_files.export(people.judge.id, made.id, form))
    )
    one = services.label_files.export(people.judge.id, first.id, form)
    second = services.label_files.import_(people.admin.id, kept(tmp_path, one))
    assert services.label_files.export(people.judge.id, second.id, form).data == one.data


def test_traces_and_models_are_named_only_if_an_admin_asks(full: Full, tmp_path: Path) -> None:
    services, people, made = full.services, full.people, full.made
    secrets = {value for item in services.projects.items(made.id) for value in (item.trace, item.run, item.stratum)}
    for form in (each.name for each in services.label_files.formats() if each.writes):
        raw = services.label_files.export(people.admin.id, made.id, form).data
        if zipfile.is_zipfile(BytesIO(raw)):
            with zipfile.ZipFile(BytesIO(raw)) as archive:
                raw = b"".join(archive.read(name) for name in archive.namelist())
        assert not any(secret.encode() in raw for secret in (*secrets, "secret-model")), form
    with pytest.raises(UserError, match="Judy is an adjudicator and may not manage"):
        services.label_files.export(people.judge.id, made.id, traces=True)
    told = services.label_files.export(people.admin.id, made.id, traces=True)
    again = services.label_files.import_(people.admin.id, kept(tmp_path, told))
    before, after = services.projects.items(made.id), services.projects.items(again.id)
    assert [(i.trace, i.run, i.stratum) for i in after] == [(i.trace, i.run, i.stratum) for i in before]


def test_history_is_in_it_if_asked(full: Full) -> None:
    services, people, made = full.services, full.people, full.made
    rows = services.label_files.export(people.judge.id, made.id, history=True).data.decode().split("\n")
    found = json.loads(rows[1])["meta"]["history"]
    log = services.labelling.history(services.projects.items(made.id)[0].id)
    assert [(one["seq"], one["id"], one["op"], one["layer"]) for one in found] == [
        (label.seq, label.id, label.op, label.layer) for label in log
    ]
    assert {one["person"] for one in found if one["layer"] == Layer.PERSON} == {"Ann"}
    assert b'"history"' not in services.label_files.export(people.judge.id, made.id).data
    assert b'"history"' not in services.label_files.export(people.judge.id, made.id, "label-studio", history=True).data


def test_only_those_who_see_everybodys_labels_may_export(services: Services, people: Crowd) -> None:
    made = project(services, people)
    for who in (people.viewer, people.ann):
        with pytest.raises(UserError, match="may not adjudicate"):
            services.label_files.export(who.id, made.id)
    for who in (people.viewer, people.ann, people.judge):
        with pytest.raises(UserError, match="may not manage"):
            services.label_files.import_(who.id, Path("none"))
        with pytest.raises(UserError, match="may not manage"):
            services.label_files.import_uploads(who.id, [])
    with pytest.raises(UserError, match="There is no project"):
        services.label_files.export(people.judge.id, "0" * 16)
    with pytest.raises(UserError, match="no format 'word'"):
        services.label_files.export(people.judge.id, made.id, "word")
    with pytest.raises(UserError, match="Name a file"):
        services.label_files.import_(people.admin.id, [])


def test_two_of_one_name_stay_two(services: Services, people: Crowd, tmp_path: Path) -> None:
    made = project(services, people)
    other = services.people.signed_in("https://issuer", "sub", "Ann")
    services.people.set_role(people.admin.id, other.id, Role.ANNOTATOR)
    item = services.projects.items(made.id)[0]
    for who, label in ((people.ann, "hedge"), (other, "verification")):
        services.labelling.open(who.id, item.id)
        services.labelling.save(who.id, made.id, item.id, [draft(item, 0, 4, label)])
    for form in (*KEEPS_ALL, *KEEPS_LABELS):
        again = services.label_files.import_(
            people.admin.id, kept(tmp_path, services.label_files.export(people.judge.id, made.id, form))
        )
        names = {person.id: person.name for person in services.people.all()}
        found = services.labelling.labelled(again.id)[0].by_person
        assert {names[person]: labels[0].label for person, labels in found.items()} == {
            "Ann": "hedge",
            "Ann (2)": "verification",
        }


def test_a_closed_project_can_be_exported_and_an_empty_one(services: Services, people: Crowd, tmp_path: Path) -> None:
    made = services.projects.close(people.admin.id, project(services, people).id)
    for form in (each for each in services.label_files.formats() if each.writes):
        exported = services.label_files.export(people.judge.id, made.id, form.name)
        if form.reads:
            again = services.label_files.import_(people.admin.id, kept(tmp_path, exported))
            assert facts(services, again) == facts(services, made)
        else:
            assert exported.notes == ("2 texts that nobody has labelled are left out.",)


# -- from elsewhere ---------------------------------------------------------------------------------------------------


def brat_pair(label: str = "Speculation_Cue") -> list[Upload]:
    lines = f"T1\t{label} 6 11\tmaybe\nA1\tCertainty T1 low\nR1\tOf Arg1:T1 Arg2:T1\n"
    return [Upload("my doc.txt", TEXT.encode()), Upload("my doc.ann", lines.encode())]


def test_uploads_of_others_become_a_project(services: Services, people: Crowd) -> None:
    made = services.label_files.import_uploads(people.admin.id, brat_pair())
    assert made.scheme == Scheme(
        (LabelKind("speculation-cue", "Speculation_Cue"),), (*DEFAULT_SCHEME.flags, "Certainty low")
    )
    (one,) = services.labelling.labelled(made.id)
    ((label,),) = one.by_person.values()
    assert (label.quote, label.label, label.flag, label.how) == (
        "maybe",
        "speculation-cue",
        "Certainty low",
        "imported",
    )
    assert len(one.done) == 1 and made.name == "my doc" and made.sampling["files"] == ["my doc.txt", "my doc.ann"]
    (note,) = made.sampling["notes"]
    assert note == "my doc.ann: Left out: 1 relation. Only spans, their attributes and notes can be taken."


def test_several_files_become_one_project(services: Services, people: Crowd, tmp_path: Path) -> None:
    line = {"text": "Hmm", "spans": [{"start": 0, "end": 3, "label": "hesitation"}]}
    files = [*brat_pair("hedge"), Upload("b.jsonl", json.dumps(line).encode())]
    made = services.label_files.import_uploads(people.admin.id, files, "Both", gold=True)
    assert made.scheme == replace(DEFAULT_SCHEME, flags=(*DEFAULT_SCHEME.flags, "Certainty low"))
    found = services.labelling.labelled(made.id)
    assert [[label.quote for label in one.gold] for one in found] == [["maybe"], ["Hmm"]]
    assert all(one.settled for one in found) and made.name == "Both"


def test_labels_of_others_become_keys_that_people_can_work_with() -> None:
    odd = ["Hedge", "hedge", "uncertainty_management", "<b>\u202e</b>", "名前", "", "x" * 90, "x" * 91, "None"]
    spans = tuple(AnnotatedSpan(0, 1, label, flag=label) for label in odd)
    scheme, (text,) = fitted([AnnotatedText("t", "ab", spans)], None)
    keys = [span.label for span in text.spans]
    assert keys == [
        "hedge",
        "hedge-2",
        "uncertainty-management",
        "b-b",
        "label",
        "label-2",
        "x" * 40,
        "x" * 38 + "-2",
        "none",
    ]
    assert [label.name for label in scheme.labels][:4] == ["Hedge", "hedge (2)", "uncertainty_management", "b-b"]
    assert all(label.key in keys for label in scheme.labels)
    said = Scheme((LabelKind("no_cue", "no cue", negative=True), LabelKind("a", "a")), ("f",))
    scheme, (text,) = fitted([AnnotatedText("t", "ab", (AnnotatedSpan(0, 1, "no_cue", flag="g"),))], said)
    assert scheme == Scheme((LabelKind("no-cue", "no cue", negative=True), LabelKind("a", "a")), ("f", "g"))
    assert text.spans[0].label == "no-cue"


def test_hostile_words_in_files_are_refused_or_kept_as_data(services: Services, people: Crowd, tmp_path: Path) -> None:
    def take(**span: Any) -> Project:
        line = {"id": "<b>\u202e", "text": TEXT, "spans": [{"start": 0, "end": 4, "label": "hedge"} | span]}
        return services.label_files.import_uploads(people.admin.id, [Upload("../<i>.jsonl", json.dumps(line).encode())])

    made = take(label="<script>alert(1)</script>", annotator="'; DROP TABLE people; --", comment="<img src=x>\n\x00")
    assert made.name == "<i>" and made.scheme.labels[0].name == "<script>alert(1)</script>"
    (one,) = services.labelling.labelled(made.id)
    assert one.item.name == "<b>\\u202e" and next(iter(one.by_person.values()))[0].comment == "<img src=x>\n\x00"
    before = len(services.projects.all())
    for span, reason in (
        ({"annotator": "a\u202eb"}, "name of an annotator holds the character U"),
        ({"annotator": "a" * 81}, "81 characters"),
        ({"comment": "x" * 2_001}, "2,001 characters"),
        ({"reason": "because"}, "no adjudicator's reason"),
        ({"machine": {"lexicon": "l" * 121, "entry": "e", "start": 0, "end": 4}}, "121 characters"),
        ({"end": 400}, r"../<i>.jsonl, row 1: span 1 \(hedge, 0 to 400\) lies outside"),
    ):
        with pytest.raises(UserError, match=reason):
            take(**span)
    assert len(services.projects.all()) == before


def test_real_corpora_become_projects(services: Services, people: Crowd, shared_data: Path) -> None:
    hedges = services.label_files.import_(
        people.admin.id, shared_data / "annotations" / "bioscope" / "full_papers.xml", gold=True
    )
    gold = [label for one in services.labelling.labelled(hedges.id) for label in one.gold]
    assert len(gold) == 682 and {label.label for label in gold} == {"speculation"}
    chains = services.label_files.import_(people.admin.id, shared_data / "traces" / "thought-anchors")
    found = services.labelling.labelled(chains.id)
    assert len(found) == 20 and "uncertainty-management" in {label.key for label in chains.scheme.positive}
    (name,) = {person.name for person in services.people.all() if person.source == "imported"}
    assert name == "a model"


def test_exporting_changes_nothing(full: Full) -> None:
    services, people, made = full.services, full.people, full.made
    before = services.projects.version()
    for form in (each.name for each in services.label_files.formats() if each.writes):
        services.label_files.export(people.judge.id, made.id, form)
    assert services.projects.version() == before
