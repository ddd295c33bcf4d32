"""Use cases: what pages, worker and command line may ask for. `build_services` puts everything together once.

Knows nothing of Streamlit or of terminals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from backend.config import Settings
from backend.services.access.people import PeopleService
from backend.services.annotation.adjudication import AdjudicateService
from backend.services.annotation.gamma import GammaService
from backend.services.annotation.label_files import LabelFileService
from backend.services.annotation.labelling import AnnotateService
from backend.services.annotation.machine_cues import LexiconCueFinder
from backend.services.annotation.project_agreement import AgreementService
from backend.services.annotation.projects import ProjectService
from backend.services.detection.detectors import DetectService
from backend.services.detection.gold_report import GoldService
from backend.services.generation.generator import GenerateService
from backend.services.generation.models import ModelService
from backend.services.generation.problems import ProblemService
from backend.services.generation.scorer import ScoreService
from backend.services.jobs import JobService
from backend.services.lexicons.catalog import LexiconService
from backend.services.reproduction.reports import ExperimentService
from backend.services.reproduction.reproducer import ReproService
from backend.services.traces.comparison import CompareService
from backend.services.traces.demo import DemoService
from backend.services.traces.importer import ImportService
from backend.services.traces.runs import RunService
from backend.services.traces.trace_list import BrowseService
from backend.services.traces.trace_reader import ReadService
from backend.services.training.trainings import DistilService
from backend.store import Store


@dataclass(frozen=True, slots=True)
class Services:
    """Every use case over one store."""

    store: Store
    lexicons: LexiconService
    runs: RunService
    importing: ImportService
    browsing: BrowseService
    reading: ReadService
    comparing: CompareService
    jobs: JobService
    models: ModelService
    problems: ProblemService
    generating: GenerateService
    scoring: ScoreService
    distilling: DistilService
    reproducing: ReproService
    experiments: ExperimentService
    demo: DemoService
    people: PeopleService
    projects: ProjectService
    annotating: AnnotateService
    adjudicating: AdjudicateService
    label_files: LabelFileService
    agreeing: AgreementService
    gamma: GammaService
    gold: GoldService
    detecting: DetectService

    def close(self) -> None:
        """Give the store back."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def build_services(settings: Settings) -> Services:
    """Open the store and put the use cases on it. Raises UserError where the store can't be opened."""
    store = Store(settings)
    store.sweep()
    people = PeopleService(store, settings)
    lexicons = LexiconService(store, settings.lexicons, people)
    jobs, models, problems = JobService(store, settings), ModelService(store, settings), ProblemService(store)
    distilling = DistilService(store, settings, lexicons, models, problems, jobs, settings.graders)
    comparing, reading = CompareService(store, lexicons), ReadService(store)
    reproducing = ReproService(store, settings, lexicons, models, problems, jobs, distilling)
    cues = LexiconCueFinder(store, lexicons)
    projects = ProjectService(store, lexicons, people)
    annotating = AnnotateService(store, people, projects, cues)
    models.enter_lab()
    return Services(
        store=store,
        lexicons=lexicons,
        runs=RunService(store, lexicons),
        importing=ImportService(store, lexicons, settings.graders),
        browsing=BrowseService(store, lexicons),
        reading=reading,
        comparing=comparing,
        jobs=jobs,
        models=models,
        problems=problems,
        generating=GenerateService(store, lexicons, models, problems, jobs, settings.graders),
        scoring=ScoreService(store, models, problems, jobs),
        distilling=distilling,
        reproducing=reproducing,
        experiments=ExperimentService(store, settings, lexicons, reproducing, comparing, reading),
        demo=DemoService(store, lexicons, settings.lab),
        people=people,
        projects=projects,
        annotating=annotating,
        adjudicating=AdjudicateService(store, people, projects, annotating, cues),
        label_files=LabelFileService(store, lexicons, people, projects, annotating),
        agreeing=AgreementService(people, projects, annotating, cues),
        gamma=GammaService(people, projects, annotating, jobs),
        gold=GoldService(store, lexicons, projects, annotating),
        detecting=DetectService(lexicons, people, projects, annotating, jobs),
    )
