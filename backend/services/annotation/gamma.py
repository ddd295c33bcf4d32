"""Gamma agreement (Mathet, Widlöcher and Métivier 2015) of a project, as a job: places and labels together.

Owns asking for it, carrying it out with pygamma-agreement, and reading the result. That library is an optional extra
(`agreement` in pyproject.toml), because it brings a solver under the GPL.
"""

import importlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from backend.annotation import Labelled, Project, Role, Span
from backend.domain import UserError
from backend.job import Job, JobKind, Lane
from backend.measure.bootstrap import mean_estimate
from backend.measure.spans import normalised
from backend.services.access.people import PeopleService
from backend.services.annotation.labelling import LabellingService
from backend.services.annotation.projects import ProjectService
from backend.services.jobs import JobCancelled, JobProgress, JobService

SEED: Final = 20260325
# Of one item. Three annotators with 60 spans each took 1.5 s, with 150 each 15 s, with 300 each 188 s: hence a job.
MOST_SPANS: Final = 150
_SAMPLES: Final = 30
_MISSING: Final = (
    "Gamma needs the library pygamma-agreement, which is not here: `python -m pip install --group agreement` in the "
    "app's environment brings it. Everything else works without it."
)


class GammaService:
    """Gamma in the projects of one store."""

    def __init__(
        self, people: PeopleService, projects: ProjectService, labelling: LabellingService, jobs: JobService
    ) -> None:
        self._people, self._projects, self._labelling, self._jobs = people, projects, labelling, jobs

    def submit(self, actor: str, project_id: str) -> Job:
        """Queue the job. For adjudicators. Raises UserError unless two people finished an item and marked something."""
        self._people.require(actor, Role.ADJUDICATOR)
        project = self._projects.get(project_id)
        if not self._items(project):
            raise UserError("Gamma needs items that two people finished, with labels in them; there are none yet.")
        title = f"Gamma of {project.name}"
        return self._jobs.submit(JobKind.AGREE, title, {"project": project.id, "seed": SEED}, Lane.BATCH)

    def latest(self, project_id: str) -> Job | None:
        """A project's newest job of this kind; its result is what `carry_out` returns."""
        found = [job for job in self._jobs.all() if job.kind is JobKind.AGREE and job.spec["project"] == project_id]
        return max(found, key=lambda job: job.created) if found else None

    def carry_out(self, job: Job, progress: JobProgress) -> dict[str, Any]:
        """Gamma of every item, and their mean with its interval. Raises UserError where the library is missing.

        Returns {"gamma": [value, low, high], "items": n, "left": items with too many spans, "seed"}.
        """
        try:
            library = importlib.import_module("pygamma_agreement")
            segment = importlib.import_module("pyannote.core").Segment
        except ImportError as error:
            raise UserError(_MISSING) from error
        items = self._items(self._projects.get(job.spec["project"]))
        fit = [spans for spans in items if sum(map(len, spans.values())) <= MOST_SPANS]
        progress.begin(len(fit), "items")
        found = []
        for number, spans in enumerate(fit, 1):
            # Between two items, because the library's solver can't be stopped within one.
            if progress.cancelled():
                raise JobCancelled
            found.append(_gamma(library, segment, spans, job.spec["seed"]))
            progress.step(number)
        mean = mean_estimate(found) if found else None
        return {
            "gamma": None if mean is None else [mean.value, mean.low, mean.high],
            "items": len(found),
            "left": len(items) - len(fit),
            "seed": job.spec["seed"],
        }

    def _items(self, project: Project) -> list[dict[str, Sequence[Span]]]:
        """The spans by person of every item that two people finished and in which all of them marked something."""
        # Gamma knows no annotator without a unit: where one found nothing it is undefined.
        positive = {kind.key for kind in project.scheme.positive}
        found = [_spans(one, positive) for one in self._labelling.labelled(project.id)]
        return [spans for spans in found if len(spans) >= 2 and all(spans.values())]


def _spans(one: Labelled, positive: set[str]) -> dict[str, Sequence[Span]]:
    return {
        person: normalised([row.span for row in one.by_person.get(person, ()) if row.label in positive], one.text)
        for person in sorted(one.done)
    }


def _gamma(library: Any, segment: Any, spans: dict[str, Sequence[Span]], seed: int) -> float:
    """One item's gamma; the same seed gives the same value."""
    np.random.seed(seed % 2**32)  # the library draws from numpy's global generator
    continuum = library.Continuum()
    for person, own in spans.items():
        for span in own:
            continuum.add(person, segment(span.start, span.end), span.label)
    # Gamma alone and no gamma-cat: on 20 spans of two people that swung between -3.3 and -20.
    measure = library.CombinedCategoricalDissimilarity(alpha=1, beta=1)
    return float(continuum.compute_gamma(measure, n_samples=_SAMPLES).gamma)
