"""The services, which pages, worker and command line call: `build_services` makes them all over one store."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from backend.config import Settings
from backend.outages import StoreUnavailable
from backend.services.access.people import PeopleService
from backend.services.annotation.adjudication import AdjudicationService
from backend.services.annotation.gamma import GammaService
from backend.services.annotation.label_files import LabelFileService
from backend.services.annotation.labelling import LabellingService
from backend.services.annotation.machine_cues import LexiconCueFinder
from backend.services.annotation.project_agreement import AgreementService
from backend.services.annotation.projects import ProjectService
from backend.services.detection.detectors import DetectorService
from backend.services.detection.gold_report import GoldService
from backend.services.exports.pair_pages import PairPages
from backend.services.exports.trace_export import ExportService
from backend.services.generation.generator import GenerationService
from backend.services.generation.models import ModelService
from backend.services.generation.problems import ProblemService
from backend.services.generation.scorer import ScoreService
from backend.services.health import HealthService
from backend.services.jobs import JobService
from backend.services.lexicons.catalog import LexiconService
from backend.services.lexicons.list_details import ListDetails
from backend.services.lexicons.run_languages import RunLanguages
from backend.services.reproduction.reports import ReportService
from backend.services.reproduction.reproducer import ReproductionService
from backend.services.series.series import SeriesService
from backend.services.series.watcher import WatchService
from backend.services.traces.comparison import ComparisonService
from backend.services.traces.demo import DemoService
from backend.services.traces.disputes import DisputeService
from backend.services.traces.importer import ImportService
from backend.services.traces.refresh import RefreshService
from backend.services.traces.repair import RepairService
from backend.services.traces.run_edits import RunEditService
from backend.services.traces.runs import RunService
from backend.services.traces.trace_list import TraceListService
from backend.services.traces.trace_reader import TraceService
from backend.services.training.planner import Planner
from backend.services.training.run import TrainingRunner
from backend.services.training.trainings import TrainingService
from backend.store import Store


@dataclass(frozen=True, slots=True)
class Services:
    """All services over one store."""

    store: Store
    lexicons: LexiconService
    languages: RunLanguages
    details: ListDetails
    runs: RunService
    edits: RunEditService
    imports: ImportService
    refresh: RefreshService
    repair: RepairService
    trace_list: TraceListService
    traces: TraceService
    comparison: ComparisonService
    series: SeriesService
    watches: WatchService
    disputes: DisputeService
    exports: ExportService
    pair_pages: PairPages
    jobs: JobService
    health: HealthService
    models: ModelService
    problems: ProblemService
    generation: GenerationService
    scores: ScoreService
    trainings: TrainingService
    training_runner: TrainingRunner
    reproduction: ReproductionService
    reports: ReportService
    demo: DemoService
    people: PeopleService
    projects: ProjectService
    labelling: LabellingService
    adjudication: AdjudicationService
    label_files: LabelFileService
    agreement: AgreementService
    gamma: GammaService
    gold: GoldService
    detectors: DetectorService

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def build_services(settings: Settings) -> Services:
    """Open the store and make its services. Raises UserError where the store can't be opened."""
    store = Store(settings)
    # What a process that was killed left half-written goes before anybody lists files.
    with suppress(StoreUnavailable):  # a store that can't be written is opened all the same, for reading
        store.sweep()
    people = PeopleService(store, settings)
    lexicons = LexiconService(store, settings.lexicons, people)
    jobs, models, problems = JobService(store, settings), ModelService(store, settings), ProblemService(store)
    planner = Planner(settings, models, problems)
    trainings = TrainingService(store, models, jobs, planner)
    training_runner = TrainingRunner(store, settings, lexicons, models, planner)
    listing = TraceListService(store, lexicons)
    languages, traces = RunLanguages(store), TraceService(store)
    comparison = ComparisonService(store, lexicons, languages)
    reproduction = ReproductionService(store, settings, lexicons, models, problems, jobs, trainings, training_runner)
    cues, series = LexiconCueFinder(lexicons), SeriesService(store, lexicons)
    projects = ProjectService(store, lexicons, people)
    labelling = LabellingService(store, people, projects, cues)
    refresh = RefreshService(store, lexicons, jobs, settings.graders)
    with suppress(StoreUnavailable):
        models.enter_lab()
    return Services(
        store=store,
        lexicons=lexicons,
        languages=languages,
        details=ListDetails(store, lexicons),
        runs=RunService(store, lexicons),
        edits=RunEditService(store),
        imports=ImportService(settings, store),
        refresh=refresh,
        repair=RepairService(store, refresh),
        trace_list=listing,
        traces=traces,
        comparison=comparison,
        series=series,
        watches=WatchService(store, settings, jobs, series),
        disputes=DisputeService(store),
        exports=ExportService(store, lexicons, listing),
        pair_pages=PairPages(lexicons, comparison, traces),
        jobs=jobs,
        health=HealthService(store, jobs),
        models=models,
        problems=problems,
        generation=GenerationService(store, lexicons, models, problems, jobs, settings.graders),
        scores=ScoreService(store, models, problems, jobs),
        trainings=trainings,
        training_runner=training_runner,
        reproduction=reproduction,
        reports=ReportService(store, settings, lexicons, reproduction, comparison, traces),
        demo=DemoService(store, settings.lab),
        people=people,
        projects=projects,
        labelling=labelling,
        adjudication=AdjudicationService(store, people, projects, labelling, cues),
        label_files=LabelFileService(settings, store, lexicons, people, projects, labelling),
        agreement=AgreementService(people, projects, labelling, cues),
        gamma=GammaService(people, projects, labelling, jobs),
        gold=GoldService(store, lexicons, projects, labelling),
        detectors=DetectorService(lexicons, people, projects, labelling, jobs),
    )
