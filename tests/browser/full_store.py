"""A store in which every page has something to show, and the addresses that show it.

Owns what is put in: the shipped demo, a finished training that taught nothing, jobs in several states, one of them
with words to watch, and a project two people have labelled differently. Needs nothing that isn't in the repository.
Knows nothing of how pages look.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from backend.distill.settings import TrainingSettings as Teaching
from backend.domain import TraceFilter
from backend.job import JobState
from backend.services import Services
from backend.services.annotation.records import LabelDraft, ProjectSpec
from backend.services.generation.specs import GenerationSpec, RunArm
from backend.services.jobs import JobProgress
from backend.services.training.training_specs import EvaluationSpec, TrainingSpec
from tests.browser.app_pages import App
from tests.browser.live.live_cases import WORDS, Story, arm

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "pages"
STAND_IN = ROOT / "tests" / "services" / "training" / "training_stand_in.py"
PEOPLE = ("Ada", "Ben")
Query = dict[str, str]


class FullApp(NamedTuple):
    """The application over such a store, and page -> the queries that show its parts."""

    app: App
    states: dict[str, list[Query]]

    def open(self, page: str, part: int = 0) -> App:
        """A page by the name of its file; one that isn't known here is opened as it is."""
        return self.app.open("" if page == "overview" else page, **self.states.get(page, [{}])[part])


def fill(services: Services) -> dict[str, list[Query]]:
    """Put everything in; returns page -> the queries of the addresses that show its parts."""
    services.demo.install()
    pair = next(pair for pair in services.runs.pairs() if not (pair.base.aside or pair.variant.aside))
    first = services.trace_list.page(TraceFilter(runs=(pair.base.id,)), 1).rows[0].id
    watched, failed = jobs(services)
    project, item = labelled(services, pair.base.id)
    return {
        "overview": [{}],
        "browse": [{}],
        "compare": [{"runs": f"{pair.base.id},{pair.variant.id}"}],
        "reader": [{"trace": first}],
        "live": [{}, {"job": watched}],
        "distil": [{}, {"training": training(services)}],
        "experiments": [{}, {"section": "coverage"}],
        "models": [{"model": "lab-sft-guided"}],
        "jobs": [{}, {"job": failed}],
        "import": [{}],
        "projects": [{"project": project}, {"new": "1"}],
        "annotate": [{"project": project, "item": item}],
        "adjudicate": [{"project": project}, {"project": project, "item": item}],
        "agreement": [{"project": project}],
    }


def training(services: Services) -> str:
    """A finished training's id: everything in it went the way of a real one, but nothing was learned."""
    services.training_runner.launch = lambda folder, _processes: [sys.executable, str(STAND_IN), str(folder)]
    evaluations = (EvaluationSpec("lab-cd3-test", limit=4, last_samples=1), EvaluationSpec(seen=True, limit=2))
    model = services.models.get("lab-base").id
    spec = TrainingSpec(
        model, Teaching(steps=4, prompts=4), "lab-cd3-train", size=8, evaluations=evaluations, evaluate_every=2,
        checkpoint_every=2, name="quick",
    )  # fmt: skip
    job = services.trainings.submit(spec)
    assert services.store.jobs.take(job.id, "tester")
    result = services.training_runner.carry_out(job, JobProgress(services.store.jobs, job))
    services.store.jobs.finish(job.id, JobState.DONE, result=result)
    return str(job.spec["training"])


def jobs(services: Services) -> tuple[str, str]:
    """A job that was watched live, and one that failed; others wait and work."""
    base, sure = (services.models.get(name).id for name in ("lab-base", "lab-sft-guided"))
    spec = GenerationSpec((RunArm(base), RunArm(sure)), problem_set="lab-cd3-test", limit=1, live=True, logprobs=True)
    story = Story(services, [arm(), arm("lab-sft-guided")])
    story.job = services.generation.submit(spec)
    story.begin()
    for number in (0, 1):
        story.open(number)
        story.piece(number, *WORDS)
        story.done(number, cues=4 - number)
    story.end()
    failed = services.jobs.submit_import([ROOT / "README.md"])
    assert services.store.jobs.take(failed.id, "tester")
    for line in range(12):
        services.store.jobs.log(failed.id, f"line {line}")
    services.store.jobs.finish(failed.id, JobState.FAILED, "README.md can't be imported: it holds no traces.")
    working = services.jobs.submit_import([ROOT / "Makefile"])
    assert services.store.jobs.take(working.id, "tester")
    services.store.jobs.progress(working.id, 3, 10, "words")
    services.jobs.submit_import([ROOT / "LICENSE"])
    return story.job.id, failed.id


def labelled(services: Services, run: str) -> tuple[str, str]:
    """A project over traces of a run, and its item that two people are finished with: they differ in every second cue."""
    people = [services.people.local(name).id for name in PEOPLE]
    spec = ProjectSpec("Doubts of the base", lexicon="doubts", blind_share=0, size=3, wanted=TraceFilter(runs=(run,)))
    project = services.projects.create(people[0], spec).id
    item = services.labelling.next_item(people[0], project)
    assert item is not None
    for number, person in enumerate(people):
        sheet = services.labelling.open(person, item.id)
        drafts = [
            LabelDraft(f"{person}-{at}", cue.start, cue.end - number * (at % 2), sheet.text[cue.start : cue.end - number * (at % 2)],
                       item.text_sha256, sheet.project.scheme.labels[at % 2].key)
            for at, cue in enumerate(sheet.cues)
        ]  # fmt: skip
        services.labelling.save(person, project, item.id, drafts)
        services.labelling.mark(person, item.id, state="done", seconds=60)
    return project, item.id
