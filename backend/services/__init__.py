"""Use cases: what pages, worker and command line may ask for. `wire` puts everything together once.

Knows nothing of Streamlit or of terminals.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from backend.config import Settings
from backend.exchange import Kind, Overrides, Plan, Preview, Source
from backend.measure.gold import Corrected
from backend.services.adjudicating import AdjudicateService
from backend.services.agreeing import AgreementReport, AgreementRow, AgreementService, QueueRow
from backend.services.annotate_info import (
    Adjudication,
    Drawn,
    ItemCue,
    ItemState,
    LabelDraft,
    MergeCounts,
    PersonProgress,
    ProjectInfo,
    ProjectSpec,
    Saved,
    Sheet,
    Stratum,
)
from backend.services.annotating import AnnotateService
from backend.services.browsing import PAGE, BrowseService, Listed, Page
from backend.services.comparing import ComparedProblem, CompareService, Comparison, Mode, SampleRef, Side, Telling
from backend.services.demo import DemoService
from backend.services.detecting import DetectService, TrainSpec
from backend.services.distil_specs import DistilSpec, EvaluationSpec
from backend.services.distilling import DistilService
from backend.services.experiments import ExperimentService
from backend.services.gamma import GammaService
from backend.services.generating import GenerateService
from backend.services.gold import GoldReport, GoldService, LexiconScore
from backend.services.importing import ImportService, Outcome
from backend.services.jobs import JobService, WorkerStatus
from backend.services.label_files import Exported, LabelFileService, LabelFormat, Upload
from backend.services.lexicon_scores import FinderScore, SetScore
from backend.services.lexicons import LexiconRow, LexiconService
from backend.services.machine_cues import CueFinder
from backend.services.models import ModelInfo, ModelService
from backend.services.own_lexicons import OwnLexicon
from backend.services.pairing import Pair
from backend.services.people import PeopleService
from backend.services.presets import Preset
from backend.services.problems import Problem, ProblemService, ProblemSetInfo
from backend.services.projects import Guidelines, ProjectService
from backend.services.reading import OpenTrace, ReadService
from backend.services.reproducing import ReproService
from backend.services.runs import RunService, RunSummary
from backend.services.scoring import ScoreService
from backend.services.specs import Arm, ForkPoint, GenerateSpec, Question, ScoreSpec
from backend.services.statistics import Contrast, Estimate, PairStatistics, Spread, WordChange
from backend.services.suggesting import Suggestion
from backend.services.training_info import TrainingInfo
from backend.store import EvaluationRow, RolloutRow, StepRow, Store

__all__ = [
    "PAGE",
    "Adjudication",
    "AgreementReport",
    "AgreementRow",
    "Arm",
    "ComparedProblem",
    "Comparison",
    "Contrast",
    "Corrected",
    "DistilSpec",
    "Drawn",
    "Estimate",
    "EvaluationRow",
    "EvaluationSpec",
    "Exported",
    "FinderScore",
    "ForkPoint",
    "GenerateSpec",
    "GoldReport",
    "Guidelines",
    "ItemCue",
    "ItemState",
    "JobService",
    "Kind",
    "LabelDraft",
    "LabelFormat",
    "LexiconRow",
    "LexiconScore",
    "Listed",
    "MergeCounts",
    "Mode",
    "ModelInfo",
    "OpenTrace",
    "Outcome",
    "Overrides",
    "OwnLexicon",
    "Page",
    "Pair",
    "PairStatistics",
    "PersonProgress",
    "Plan",
    "Preset",
    "Preview",
    "Problem",
    "ProblemSetInfo",
    "ProjectInfo",
    "ProjectSpec",
    "Question",
    "QueueRow",
    "RolloutRow",
    "RunSummary",
    "SampleRef",
    "Saved",
    "ScoreSpec",
    "Services",
    "SetScore",
    "Sheet",
    "Side",
    "Source",
    "Spread",
    "StepRow",
    "Stratum",
    "Suggestion",
    "Telling",
    "TrainSpec",
    "TrainingInfo",
    "Upload",
    "WordChange",
    "WorkerStatus",
    "open_services",
    "wire",
]


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


def open_services(settings: Settings) -> Services:
    """Open the store and put the use cases on it. Raises UserError where the store can't be opened."""
    store = Store(settings)
    store.sweep()
    people = PeopleService(store, settings)
    lexicons = LexiconService(store, settings.lexicons, people)
    jobs, models, problems = JobService(store, settings), ModelService(store, settings), ProblemService(store)
    distilling = DistilService(store, settings, lexicons, models, problems, jobs, settings.graders)
    comparing, reading = CompareService(store, lexicons), ReadService(store)
    reproducing = ReproService(store, settings, lexicons, models, problems, jobs, distilling)
    cues = CueFinder(store, lexicons)
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


@contextmanager
def wire(settings: Settings) -> Iterator[Services]:
    """`open_services` for a block; closed at its end."""
    services = open_services(settings)
    try:
        yield services
    finally:
        services.close()
