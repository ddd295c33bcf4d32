"""Reports on the reproduction: verdicts, the paper's tables and figures for our own runs, its own values beside them.

Owns where the numbers come from (this store, what is shipped, or any runs), what a view of them is, and a report's
provenance. What each section holds is in sections/.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from backend.config import Settings
from backend.domain import GRADERS, Run, UserError, digest, visible
from backend.report.model import Report, ReportSection
from backend.services.lexicons.catalog import LexiconService
from backend.services.reproduction.claims import LEXICON
from backend.services.reproduction.recipes.catalogue import HELD_OUT
from backend.services.reproduction.recipes.recipe import SD_FULL, SFT_GUIDED, ReproductionScale
from backend.services.reproduction.reproducer import ReproductionService
from backend.services.reproduction.results import Results, commit
from backend.services.reproduction.sections.arm_figures import PooledFigures, ReproductionFigures, Runs
from backend.services.reproduction.sections.arms import Arms, arms_of
from backend.services.reproduction.sections.chosen_runs import MOST_RUNS, chosen_runs
from backend.services.reproduction.sections.claim_verdicts import verdicts
from backend.services.reproduction.sections.conditions import contexts
from backend.services.reproduction.sections.coverage import coverage
from backend.services.reproduction.sections.fine_tuning import fine_tuning
from backend.services.reproduction.sections.further_measures import measures
from backend.services.reproduction.sections.published_values import TITLE
from backend.services.reproduction.sections.response_numbers import (
    SHIPPED_NUMBERS,
    NumberSource,
    ShippedNumbers,
    StoreNumbers,
    write_numbers,
)
from backend.services.reproduction.sections.section_parts import SectionInputs
from backend.services.reproduction.sections.self_distillation import self_distillation
from backend.services.reproduction.sections.sources import runs_table, telling_traces
from backend.services.traces.comparison import ComparisonService
from backend.services.traces.trace_reader import TraceService
from backend.services.training.supervisor import DONE
from backend.store import Store


class From(StrEnum):
    """Where the numbers come from."""

    STORE = "store"
    SHIPPED = "shipped"
    RUNS = "runs"


@dataclass(frozen=True, slots=True)
class View:
    """What a report is of: `seeds` empty for all, `lexicon` by name, `runs` (ids) where the source is any runs."""

    source: From = From.STORE
    scale: ReproductionScale = ReproductionScale.LAB
    seeds: tuple[int, ...] = ()
    lexicon: str = LEXICON
    runs: tuple[str, ...] = ()


# Section's id -> its name on the page; numbers are the paper's.
SECTIONS: Final[Mapping[str, str]] = {
    "verdicts": "Verdicts",
    "contexts": "3 Contexts",
    "fine-tuning": "4 Fine-tuning",
    "self-distillation": "5 Self-distillation",
    "coverage": "6 Coverage",
    "measures": "Beyond the paper",
}
_BUILD: Final[Mapping[str, Callable[[SectionInputs], ReportSection]]] = {
    "contexts": contexts,
    "fine-tuning": fine_tuning,
    "self-distillation": self_distillation,
    "coverage": coverage,
    "measures": measures,
}


class ReportService:
    """Builds reports and single sections from one store and the results shipped with the app."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        lexicons: LexiconService,
        reproduction: ReproductionService,
        comparison: ComparisonService,
        reader: TraceService,
    ) -> None:
        self._store, self._lexicons, self._reproduction = store, lexicons, reproduction
        self._comparison, self._reader = comparison, reader
        self._own, self._shipped = StoreNumbers(store), ShippedNumbers(settings.lab / SHIPPED_NUMBERS)
        # Kept beyond one view: sections, seeds and lexicons share most figures, and a bootstrap takes a moment.
        self._kept: dict[tuple[str, Runs, str], PooledFigures] = {}

    # -- looking ------------------------------------------------------------------------------------

    def results(self, source: From, scale: ReproductionScale) -> Results:
        """The parts and verdicts of a source. Raises UserError where nothing is shipped of the scale."""
        if source is not From.SHIPPED:
            return self._reproduction.stored(scale)
        found = self._reproduction.shipped()
        if found is None or found.scale is not scale:
            raise UserError(
                f"No results of {scale} scale are shipped with the app: run the experiment, or choose another."
            )
        return found

    def usual(self, scale: ReproductionScale) -> From:
        """The source to show first: the store where it holds a finished part, else what is shipped if there is any."""
        standings = self._store.trainings.standings()
        if any(one.part and standings[one.id].outcome == DONE for one in self._store.trainings.all()):
            return From.STORE
        shipped = self._reproduction.shipped()
        return From.SHIPPED if shipped and shipped.scale is scale else From.STORE

    def ended(self) -> str:
        """A token that changes when a part of an experiment ends or is removed: the key of what pages cache."""
        standings = self._store.trainings.standings()
        parts = [one.id for one in self._store.trainings.all() if one.part]
        return digest(*(f"{one} {standings[one].outcome}" for one in sorted(parts)))  # whatever order the ledger has

    def section(self, view: View, name: str, results: Results | None = None) -> ReportSection:
        """One section of a view. Raises UserError for a section, lexicon or run that doesn't exist."""
        if view.source is From.RUNS:
            return chosen_runs(self._inputs(view, None), self._runs(view), self._labels())
        if name not in SECTIONS:
            raise UserError(f"There is no section {visible(name, 40)!r}; there are {', '.join(SECTIONS)}.")
        found = results or self.results(view.source, view.scale)
        return verdicts(found) if name == "verdicts" else _BUILD[name](self._inputs(view, found))

    def report(self, view: View, results: Results | None = None) -> Report:
        """Everything of a view, with the traces that make the point and where all of it comes from."""
        if view.source is From.RUNS:
            sections: tuple[ReportSection, ...] = (self.section(view, ""),)
            # Traces of the first two alone: a report with every pair of eight runs would be nothing but traces.
            pairs: list[Sequence[str]] = [view.runs[:2]] if len(view.runs) > 1 else []
            found, title = None, "Runs compared"
        else:
            found, title = results or self.results(view.source, view.scale), "Does self-distillation cost reasoning?"
            sections = tuple(self.section(view, name, found) for name in SECTIONS)
            pairs = _telling_pairs(arms_of(found, view.seeds), HELD_OUT[view.scale])
        # The runs behind any row: each is listed at the end, so that no number is without an origin.
        named = {run for s in sections for t in s.tables for row in t.rows for run in (*row.runs, *row.against)}
        runs = [run for run in self._store.runs() if run.id in named]
        traces = telling_traces(self._comparison, self._reader, self._lexicons.get(view.lexicon), runs, pairs)
        arms = arms_of(found, view.seeds) if found else None
        sources = runs_table(sorted(named), {run.id: run for run in self._store.runs()}, arms)
        return Report(title, sections, tuple(traces), tuple(self._provenance(view, found)), sources)

    def lexicons(self, source: From) -> list[str]:
        """Names of the lexicons that a source's cues are counted by, the paper's first."""
        names = [LEXICON, *(name for name in self._lexicons.by_name if name != LEXICON)]
        held = self._shipped.lexicons if source is From.SHIPPED else None
        # By id: of a lexicon that was edited since, the shipped file holds no counts.
        return [name for name in names if held is None or self._lexicons.get(name).id in held]

    # -- shipping -----------------------------------------------------------------------------------

    def ship_numbers(self, path: Path | None = None, scale: ReproductionScale = ReproductionScale.LAB) -> int:
        """Writes the numbers behind the store's results as those to ship; returns the file's size in bytes.

        Numbers of every response of every evaluation; words of those before and after on the held-out set alone,
        because no figure needs the others'. Raises UserError where the store has no results.
        """
        results = self._reproduction.stored(scale)
        finished = [part for part in results.parts if part.finished]
        if not finished:
            raise UserError(f"The store holds no finished part of {scale} scale: there is nothing to ship.")
        rows = [(part, row) for part in finished for row in part.evaluations]
        ends = [
            row.run for part, row in rows if row.name == HELD_OUT[scale] and row.step in (0, part.spec.settings.steps)
        ]
        lexicons = [self._lexicons.get(name).id for name in dict.fromkeys((LEXICON, self._lexicons.default))]
        runs = list(dict.fromkeys(row.run for _, row in rows))
        return write_numbers(self._store, runs, list(dict.fromkeys(ends)), lexicons, path or self._shipped.path)

    # -- inside -------------------------------------------------------------------------------------

    def _inputs(self, view: View, results: Results | None) -> SectionInputs:
        lexicon = self._lexicons.get(view.lexicon)
        source: NumberSource = self._shipped if view.source is From.SHIPPED else self._own
        # Any runs have no results; a section made of runs alone asks for none.
        found = results or Results(view.scale, [], [], "store", "", lexicon.id)
        figures = ReproductionFigures(source, lexicon.id, self._kept)
        arms = arms_of(found, view.seeds)
        return SectionInputs(view.scale, found, arms, figures, lexicon.name, HELD_OUT[view.scale])

    def _runs(self, view: View) -> list[Run]:
        if not 1 <= len(view.runs) <= MOST_RUNS or len(set(view.runs)) != len(view.runs):
            raise UserError(f"Choose one to {MOST_RUNS} different runs.")
        return self._store.chosen(view.runs)

    def _labels(self) -> dict[str, str]:
        runs = self._store.runs()
        labels = [run.label for run in runs]  # two runs of one model on one set have the same
        return {run.id: run.label if labels.count(run.label) == 1 else f"{run.label} · {run.id[:6]}" for run in runs}

    def _provenance(self, view: View, results: Results | None) -> list[tuple[str, str]]:
        lexicon = self._lexicons.get(view.lexicon)
        pairs = [
            ("Written", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
            ("App", f"commit {commit() or 'unknown'}"),
        ]
        if results:
            done = sum(part.finished for part in results.parts)
            seeds = ", ".join(map(str, view.seeds)) or "all"
            where = "this store" if view.source is From.STORE else "shipped with the app"
            pairs += [("Results", f"{where}, {view.scale} scale, {done} finished parts of {len(results.parts)}")]
            pairs += [
                ("Results made by", f"commit {results.commit or 'unknown'}"),
                ("Seeds", f"{seeds}; verdicts over all"),
            ]
            pairs += [("Verdicts’ lexicon", results.lexicon)]
        if damaged := self._store.parts.damaged().values():
            pairs += [("Left out", "; ".join(str(each) for each in damaged))]
        return [
            *pairs,
            ("Lexicon", f"{lexicon.title}, version {lexicon.version}, {lexicon.id}"),
            ("Grader", f"{GRADERS[0]}; countdown problems by exact arithmetic"),
            (
                "Filters",
                "none: every response of the runs listed counts; finished responses alone where a column says so",
            ),
            (
                "Intervals",
                "95%, by resampling problems 10,000 times with a fixed seed; seeds are averaged by problem first",
            ),
            ("The paper’s values", f"{TITLE}; wherever they stand they are marked “paper”; all others are ours"),
        ]


def _telling_pairs(arms: Arms, held: str) -> list[Sequence[str]]:
    """Runs of the base and of the trained model, for the arms whose change is the report's subject."""
    found: list[Sequence[str]] = []
    for arm in arms.get(SD_FULL, SFT_GUIDED):
        base, last = arm.runs(held, 0), arm.runs(held)
        if base and last:
            found.append((base[0], last[0]))
    return found
