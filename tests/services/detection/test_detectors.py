"""Detectors over a store: trained as a job from a project's gold, used wherever a lexicon is, measured, queueing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backend.annotation import DEFAULT_SCHEME, AnnotatedSpan, AnnotatedText, Role
from backend.detect.detector import Detector
from backend.domain import Group, TraceFilter, UserError
from backend.job import Job, JobKind
from backend.services import Services
from backend.services.detection.detector_trials import evaluated
from backend.services.detection.detectors import DetectorSpec
from backend.services.detection.gold_texts import GoldSet, of_files
from backend.services.detection.lexicon_scores import SetScore
from backend.services.generation.specs import GenerationSpec, Question, RunArm
from backend.services.jobs import JobCancelled, JobProgress
from backend.worker.tasks import TASKS
from tests.services.detection.made_gold import person, project, texts
from tests.services.made_files import row, take_one, write

TRACES = ("The proof may hold. It was in may that we began.", "<think>Zounds, the sum is odd.</think>So it is even.")


def work(services: Services, job: Job) -> dict[str, Any]:
    """Do a job as the worker does."""
    assert services.store.jobs.take(job.id, "test")
    progress = JobProgress(services.store.jobs, services.jobs.get(job.id))
    return TASKS[job.kind].carry_out(services, job, lambda family, kind: pytest.fail("needs no engine"), progress)


def imported(services: Services, tmp_path: Path, name: str = "a") -> str:
    return take_one(
        services, write(tmp_path / f"{name}.jsonl", [row(f"{name}{i}?", text) for i, text in enumerate(TRACES)])
    )


def test_from_a_projects_gold_to_cues_in_runs(services: Services, tmp_path: Path) -> None:
    ada, made, before = person(services), project(services), imported(services, tmp_path)
    job = services.detectors.train(ada, made.id, "learned")
    assert job.kind is JobKind.DETECT and job.title == "Training of learned on zounds"
    result = work(services, job)
    lexicon = services.lexicons.get("learned")
    assert (result["lexicon"], result["version"], result["matched"]) == (lexicon.id, 1, 1)
    assert lexicon.title.startswith("Learned from zounds: F1 ") and ", n " in lexicon.title
    figures = services.lexicons.figures("learned")
    assert figures["how"] == "5 folds by document" and figures["cues"] == 31 and figures["unit"] == "spans"
    assert figures["overlap"]["f1"]["value"] > 0.8 and figures["overlap"]["f1"]["low"] is not None
    # cues of stored runs, of new ones, and on every page's way to them
    after = imported(services, tmp_path, "b")
    for run in (before, after):
        opened = services.traces.open(f"{run}-00000", lexicon.id)
        assert [(c.entry, c.group, TRACES[0][c.start : c.end]) for c in opened.cues] == [
            ("learned: hedge", Group.HEDGE, "may")
        ]
        assert services.runs.densities()[run]["learned"][0] == 1.0
    listed = services.trace_list.page(TraceFilter(lexicon="learned", entry="learned: hesitation"), sort="problem").rows
    assert len(listed) == 2
    assert services.lexicons.missing() == {}
    assert isinstance(services.lexicons.matchers()[lexicon.id], Detector)


@pytest.fixture
def learned(services: Services, tmp_path: Path) -> Services:
    """A store with a project and a detector that learned from it."""
    made = project(services)
    services.detectors.learn(person(services), DetectorSpec("learned", project=made.name))
    return services


def test_a_detector_forbids_and_exports_no_words(learned: Services) -> None:
    model = next(info.model.id for info in learned.models.all() if info.model.name == "lab-base")
    with pytest.raises(UserError, match="no list of words to forbid"):
        learned.generation.submit(GenerationSpec((RunArm(model, hush="learned"),), questions=(Question("1?"),)))
    with pytest.raises(UserError, match="has no YAML"):
        learned.lexicons.to_yaml("learned")
    with pytest.raises(UserError, match="trained detector"):
        learned.gold.suggestions("learned")


def test_training_anew_is_a_new_version(learned: Services) -> None:
    ada, first = person(learned), learned.lexicons.get("learned")
    more = learned.projects.import_texts(ada, "more", DEFAULT_SCHEME, texts(16, seed=5), True)
    second = learned.detectors.learn(ada, DetectorSpec("learned", project=more.id))
    assert second.version == 2 and learned.lexicons.get("learned").id != first.id
    old = learned.lexicons.finder(first.id)
    assert isinstance(old, Detector) and old.lexicon.title == first.title
    with pytest.raises(UserError, match="Nothing is new"):
        learned.detectors.learn(ada, DetectorSpec("learned", project=more.id))


def test_gold_it_learned_from_says_nothing_about_it(learned: Services) -> None:
    ada = person(learned)
    scores = {one.name: one for one in learned.gold.evaluation().scores}
    assert scores["learned"].overlap.whole.f1 is None and scores["doubts"].overlap.whole.found == 0
    more = learned.projects.import_texts(ada, "more", DEFAULT_SCHEME, texts(6, seed=5), True)
    score = next(one for one in learned.gold.evaluation(more.id).scores if one.learned)
    assert score.overlap.whole.f1 is not None and score.overlap.whole.f1.value > 0.9
    assert set(score.overlap.groups) == {"hedge", "hesitation"}
    (told,) = learned.detectors.evaluate("zounds")
    mine = next(one for one in told.scores if one.name == "learned" and one.id)
    assert mine.figures == {} and mine.why == "it learned from 12 of these texts"


def test_the_least_certain_item_comes_first(learned: Services) -> None:
    ada = person(learned)
    plain, odd = "So the sum is even. So the claim is even.", "Zounds may, in may the may Zounds. It may be."
    opened = [AnnotatedText(str(i), text, ()) for i, text in enumerate([plain, odd, plain + " So."])]
    made = learned.projects.import_texts(ada, "new", DEFAULT_SCHEME, opened)
    job = learned.detectors.submit_queue(ada, made.id, "learned")
    assert work(learned, job) == {"items": 3}
    items = sorted(learned.projects.items(made.id), key=lambda item: -item.priority)
    assert items[0].name == "1" and items[0].priority > items[1].priority >= items[2].priority >= 0
    learned.projects.change(ada, made.id, annotators=1)
    taken = learned.labelling.next_item(ada, made.id)
    assert taken is not None and taken.id == items[0].id
    with pytest.raises(UserError, match="never in doubt"):
        learned.detectors.queue(ada, made.id, "doubts")


def test_matching_as_a_job_can_be_stopped_between_runs(services: Services, tmp_path: Path) -> None:
    ada = person(services)
    imported(services, tmp_path, "a")
    imported(services, tmp_path, "b")
    yaml = services.lexicons.to_yaml("kim2026-words").replace("kim2026-words", "mine").replace("wait", "zounds")
    services.lexicons.add_yaml(ada, yaml.encode(), "mine.yaml")
    job = services.detectors.submit_match(ada)
    services.jobs.cancel(job.id)
    again = services.detectors.submit_match(ada)
    progress = JobProgress(services.store.jobs, again)
    assert services.store.jobs.take(again.id, "test")
    services.jobs.cancel(again.id)
    with pytest.raises(JobCancelled) as stopped:
        services.detectors.carry_out(again, progress)
    assert stopped.value.result == {"matched": 1} and len(services.lexicons.missing()) == 1
    third = services.detectors.submit_match(ada)
    assert work(services, third) == {"matched": 1} and services.lexicons.missing() == {}


def test_who_may_and_what_is_refused(services: Services) -> None:
    ada, bob = person(services), person(services, "Bob")
    services.people.set_role(ada, bob, Role.ADJUDICATOR)
    made = project(services)
    with pytest.raises(UserError, match="Ask an admin"):
        services.detectors.train(bob, made.id, "learned")
    with pytest.raises(UserError, match="Ask an admin"):
        services.detectors.queue(bob, made.id, "doubts")
    with pytest.raises(UserError, match="shipped lexicon"):
        services.detectors.train(ada, made.id, "doubts")
    with pytest.raises(UserError, match="name one of them"):
        services.detectors.submit_training(ada, DetectorSpec("learned"))
    with pytest.raises(UserError, match="There is no project"):
        services.detectors.train(ada, "nosuch", "learned")
    bare = services.projects.import_texts(ada, "bare", DEFAULT_SCHEME, [AnnotatedText("a", "no cue")], True)
    with pytest.raises(UserError, match="holds no cue"):
        services.detectors.train(ada, bare.id, "learned")
    fresh = services.projects.import_texts(ada, "fresh", DEFAULT_SCHEME, [AnnotatedText("a", "no gold")])
    with pytest.raises(UserError, match="has no gold yet"):
        services.detectors.train(ada, fresh.id, "learned")


def test_one_text_trains_but_measures_nothing(services: Services) -> None:
    ada = person(services)
    one = texts(1)
    made = services.projects.import_texts(ada, "[one](x)", DEFAULT_SCHEME, one, True)
    kept = services.detectors.learn(ada, DetectorSpec("learned", project=made.id))
    assert kept.title == "Learned from [one](x); not measured" and "overlap" not in kept.figures


# -- gold of files ----------------------------------------------------------------------------------


def gold_file(path: Path, services: Services) -> Path:
    """A project's export, which is one of the formats gold can be read from."""
    exported = services.label_files.export(person(services), project(services).id, "jsonl")
    path.write_bytes(exported.data)
    return path


def test_gold_is_the_same_from_a_project_and_from_its_export(services: Services, tmp_path: Path) -> None:
    (from_file,) = of_files(gold_file(tmp_path / "gold.jsonl", services))
    assert len(from_file.pieces) == 12 and from_file.cues == 31 and from_file.labelled_by == "people"
    (one,) = services.detectors.evaluate(str(tmp_path / "gold.jsonl"))
    (other,) = services.detectors.evaluate("zounds")
    assert [score.figures for score in one.scores] == [score.figures for score in other.scores]


def test_several_annotators_without_gold_are_no_gold(tmp_path: Path, services: Services) -> None:
    spans = tuple(AnnotatedSpan(0, 3, "hedge", annotator=name) for name in ("A", "B"))
    made = services.projects.import_texts(
        person(services), "two", DEFAULT_SCHEME, [AnnotatedText("a", "may be", spans)]
    )
    path = tmp_path / "two.jsonl"
    path.write_bytes(services.label_files.export(person(services), made.id, "jsonl").data)
    with pytest.raises(UserError, match="2 annotators and no gold"):
        of_files(path)


def leading(score: SetScore, name: str) -> float:
    one = next(one for one in score.scores if one.name == name)
    f1 = next(iter(one.figures.values())).f1
    assert f1 is not None
    return f1.value


@pytest.fixture(scope="module")
def bioscope(shared_data: Path) -> list[GoldSet]:
    """A sixth of the abstracts to learn from, and the full papers."""
    folder = shared_data / "annotations" / "bioscope"
    sets = of_files(folder)
    assert [(one.name, len(one.pieces), one.cues) for one in sets] == [
        ("abstracts.xml", 1273, 2694),
        ("full_papers.xml", 9, 682),
    ]
    first, second = sets
    part = first.pieces[::6]
    return [GoldSet(first.name, part, first.labels, first.unit), second]


def test_learned_from_abstracts_it_beats_every_list_on_full_papers(services: Services, bioscope: list[GoldSet]) -> None:
    words = services.lexicons.get("doubts")
    engines = list(services.lexicons.matchers().values())
    abstracts, papers = evaluated(bioscope, engines, words, lambda _: frozenset(), lambda _: None)
    for told, least in ((abstracts, 0.75), (papers, 0.7)):
        fresh = told.scores[-1]
        assert (
            fresh.name == "learned"
            and fresh.of == "doubts-1"
            and fresh.ahead is not None
            and fresh.ahead.low is not None
        )
        assert leading(told, "learned") > least and fresh.ahead.low > 0.15
    assert papers.scores[-1].how == "trained on abstracts.xml"
    assert leading(papers, "doubts-1") == pytest.approx(0.412, abs=0.001)
    # "May be" hedges in biology and states what is possible in mathematics: version 2 is made for the latter.
    assert leading(papers, "doubts") == pytest.approx(0.326, abs=0.001)


def test_on_sentences_that_a_model_labelled_it_is_ahead_too(services: Services, shared_data: Path) -> None:
    (told,) = services.detectors.evaluate(str(shared_data / "traces" / "thought-anchors"))
    assert (told.sentences, told.cues, told.labelled_by) == (2929, 479, "a model")
    fresh = told.scores[-1]
    assert list(fresh.figures) == ["sentence"] and fresh.how == "5 folds by document"
    assert fresh.ahead is not None and fresh.of == "doubts" and fresh.ahead.value > 0
    one, two = (next(score for score in told.scores if score.name == name) for name in ("doubts-1", "doubts"))
    assert one.figures["sentence"].precision and two.figures["sentence"].precision
    assert one.figures["sentence"].recall and two.figures["sentence"].recall
    assert two.figures["sentence"].precision.value > one.figures["sentence"].precision.value + 0.03
    assert two.figures["sentence"].recall.value > one.figures["sentence"].recall.value + 0.02
    assert json.loads(json.dumps(told.to_json()))["scores"][-1]["ahead"]["value"] == fresh.ahead.value
