"""Detectors: trained from gold as a job or at once, measured beside the lexicons, and put to use.

Owns what may be asked of them and what such a job does: train, find missing cues in stored runs, order a project's
queue by doubt. Knows nothing of learning itself (detector_trials.py, backend.detect) or of how answers are shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backend.annotation import Role
from backend.codec import JsonRecord
from backend.detect.detector import Detector
from backend.domain import Job, JobKind, Lane, UserError, visible
from backend.lexicon.entries import Lexicon
from backend.services.access.authorization import needs
from backend.services.access.people import PeopleService
from backend.services.annotation.labelling import LabellingService
from backend.services.annotation.projects import ProjectService
from backend.services.detection import detector_trials, gold_texts
from backend.services.detection.gold_texts import GoldSet
from backend.services.detection.lexicon_scores import SetScore
from backend.services.jobs import JobCancelled, JobProgress, JobService
from backend.services.lexicons.catalog import LexiconService
from backend.services.lexicons.own_lexicons import OwnLexicon

TRAIN, MATCH, QUEUE = "train", "match", "queue"
_STEPS: Final = 8  # of a training: its folds, and what comes before and after

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DetectorSpec(JsonRecord):
    """A detector as somebody asks for it.

    It learns from the gold of `project` (id or name) or of the file or folder `path`, is called `name`, and may look at
    the entries of the list `words` ("" for the default). `match` says that its cues are then found in all stored runs.
    """

    name: str
    project: str = ""
    path: str = ""
    words: str = ""
    note: str = ""
    match: bool = True


class DetectorService:
    """Detectors over one store."""

    def __init__(
        self,
        lexicons: LexiconService,
        people: PeopleService,
        projects: ProjectService,
        labelling: LabellingService,
        jobs: JobService,
    ) -> None:
        """`people` is the gate; what is trained goes to `lexicons`."""
        self._lexicons, self._people, self._jobs = lexicons, people, jobs
        self._projects, self._labelling = projects, labelling

    # -- asking -------------------------------------------------------------------------------------

    def submit_training(self, actor: str, spec: DetectorSpec) -> Job:
        """Check what is asked for and queue it. Raises UserError where there is nothing to learn from. For admins."""
        self._people.require(actor, Role.ADMIN)
        self._lexicons.check_own(spec.name)
        self._words(spec.words)
        gold = self._gold(spec)
        if not gold.cues:
            raise UserError(f"There is nothing to learn from in {gold.name}: it holds no cue.")
        asked = {"action": TRAIN, "person": actor, **spec.to_json()}
        return self._jobs.submit(JobKind.DETECT, f"Training of {spec.name} on {gold.name}", asked, Lane.BATCH)

    def train(self, actor: str, project: str, name: str) -> Job:
        """Queue the training of `name` on a project's gold; see `submit_training`."""
        return self.submit_training(actor, DetectorSpec(name, project=project))

    def submit_match(self, actor: str) -> Job:
        """Queue finding the cues that stored runs lack, of every lexicon and detector. For admins."""
        self._people.require(actor, Role.ADMIN)
        return self._jobs.submit(JobKind.DETECT, "Cues of new lexicons", {"action": MATCH, "person": actor}, Lane.BATCH)

    def submit_queue(self, actor: str, project_id: str, detector: str) -> Job:
        """Queue what `queue` does, for a project of many long texts."""
        self._people.require(actor, Role.ADMIN)
        self._detector(detector)
        title = f"Order of {visible(self._projects.get(project_id).name, 60)} by doubt"
        asked = {"action": QUEUE, "person": actor, "project": project_id, "detector": detector}
        return self._jobs.submit(JobKind.DETECT, title, asked, Lane.BATCH)

    def queue(self, actor: str, project_id: str, detector: str) -> int:
        """Order a project's items by what `detector` is least certain of, the least certain first; returns how many.

        An item's priority is how many of its words (or sentences) the detector is expected to get wrong.
        """
        self._people.require(actor, Role.ADMIN)
        finder = self._detector(detector)
        labelled = self._labelling.labelled(project_id)
        windows: dict[str, list[tuple[str, int, int]]] = {}
        for one in labelled:
            windows.setdefault(one.text, []).append((one.item.id, one.item.start, one.item.end))
        priorities: dict[str, float] = {}
        for text, items in windows.items():
            doubts = finder.doubts(text, [(start, end) for _, start, end in items])
            priorities |= {item: doubt for (item, _, _), doubt in zip(items, doubts, strict=True)}
        self._projects.set_priorities(actor, project_id, priorities)
        return len(priorities)

    @needs(Role.ADMIN)
    def evaluate(self, gold: str, form: str = "", say: Say = lambda what: None) -> list[SetScore]:
        """Every lexicon and detector, and one trained for it, against the gold of a file, a folder or a project.

        `gold` is a path, or the id or name of a project; `say` is told what is being done. With several sets (files of
        a folder) the detector learns from the one with most cues and is tested on the others.
        """
        known = {key for info in self._projects.all() for key in (info.project.id, info.project.name)}
        if not _is_there(gold) and gold not in known:
            raise UserError(f"There is neither a file nor a project called {visible(gold, 80)!r} to take gold from.")
        sets = gold_texts.of_files(Path(gold), form) if _is_there(gold) else [self._of_project(gold)]
        engines = list(self._lexicons.matchers().values())
        return detector_trials.evaluated(sets, engines, self._words(""), self._lexicons.seen, say)

    def learn(self, actor: str, spec: DetectorSpec, say: Say = lambda what: None) -> OwnLexicon:
        """Train a detector now and keep it, measured out of fold: seconds to a minute. For admins. Raises UserError."""
        self._people.require(actor, Role.ADMIN)
        self._lexicons.check_own(spec.name)
        learned = detector_trials.trained(self._gold(spec), self._words(spec.words), say)
        return self._lexicons.add_detector(actor, spec.name, learned, spec.note)

    # -- carrying out -------------------------------------------------------------------------------

    def carry_out(self, job: Job, progress: JobProgress) -> dict[str, Any]:
        """Do a job of this kind; returns its result. Raises UserError, or JobCancelled."""
        spec, actor = dict(job.spec), str(job.spec["person"])
        action = spec.pop("action")
        if action == QUEUE:
            return {"items": self.queue(actor, spec["project"], spec["detector"])}
        result: dict[str, Any] = {}
        if action == TRAIN:
            asked = DetectorSpec.from_json({name: value for name, value in spec.items() if name != "person"})
            made = self.learn(actor, asked, _teller(progress))
            result = {"lexicon": made.id, "name": made.name, "version": made.version, "title": made.title}
            progress.log(f"{made.name}, version {made.version}. {made.title}.")
            if not asked.match:
                return result
        return result | {"matched": self._match(progress)}

    def _match(self, progress: JobProgress) -> int:
        total, done = len(self._lexicons.missing()), 0
        progress.begin(total, "runs")
        for label, names in self._lexicons.match_missing():
            done += 1
            progress.step(done, f"{label}: {', '.join(names)}")
            if progress.cancelled():
                raise JobCancelled({"matched": done})
        return done

    # -- inside -------------------------------------------------------------------------------------

    def _gold(self, spec: DetectorSpec) -> GoldSet:
        if bool(spec.project) == bool(spec.path):
            raise UserError("A detector learns from a project's gold or from a file's: name one of them.")
        if spec.project:
            return self._of_project(spec.project)
        sets = gold_texts.of_files(Path(spec.path))
        if len(sets) > 1:
            names = ", ".join(one.name for one in sets)
            raise UserError(f"{visible(spec.path, 80)} holds several sets ({names}): name one of the files.")
        return sets[0]

    def _of_project(self, named: str) -> GoldSet:
        return gold_texts.of_project(self._projects, self._labelling, named)

    def _words(self, name: str) -> Lexicon:
        return self._lexicons.word_list(name or self._lexicons.default)

    def _detector(self, name: str) -> Detector:
        finder = self._lexicons.finder(self._lexicons.get(name).id)
        if not isinstance(finder, Detector):
            raise UserError(f"{visible(name)} is a list of words, which is never in doubt: name a trained detector.")
        return finder


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # no file can be called so
        return False


def _teller(progress: JobProgress) -> Say:
    """Says what a training is doing, and stops it between two steps."""
    done = 0
    progress.begin(_STEPS, "steps")

    def say(what: str) -> None:
        nonlocal done
        progress.check()
        done = min(done + 1, _STEPS - 1)
        progress.step(done, what)

    return say
