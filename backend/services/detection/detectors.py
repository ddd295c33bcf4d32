"""Detectors: training from gold as a job or at once, evaluation beside the lexicons, and ordering a project's queue.

Owns what a detection job does: train, find missing cues in stored runs, order a queue by uncertainty. The learning
itself is in detector_trials.py and backend.detect.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backend.annotation import Role
from backend.codec import JsonRecord
from backend.detect.detector import Detector
from backend.domain import UserError, visible
from backend.job import Job, JobKind, Lane
from backend.lexicon.entries import Lexicon
from backend.services.access.authorization import needs
from backend.services.access.people import PeopleService
from backend.services.annotation.labelling import LabellingService
from backend.services.annotation.projects import ProjectService
from backend.services.detection import detector_trials, gold_texts
from backend.services.detection.detector_trials import Log
from backend.services.detection.gold_texts import GoldSet
from backend.services.detection.lexicon_scores import SetScore
from backend.services.jobs import JobCancelled, JobProgress, JobService
from backend.services.lexicons.catalog import LexiconService
from backend.services.lexicons.own_lexicons import OwnLexicon

TRAIN, MATCH, QUEUE = "train", "match", "queue"
_STEPS: Final = 8  # of a training: its folds, and what comes before and after


@dataclass(frozen=True, slots=True)
class DetectorSpec(JsonRecord):
    """The specification of a detector to be trained.

    It learns from the gold of `project` (id or name) or of the file or folder `path`, is called `name`, and may look at
    the entries of the word list `words` ("" for the default). With `match` its cues are then found in all stored runs.
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
        self._lexicons, self._people, self._jobs = lexicons, people, jobs
        self._projects, self._labelling = projects, labelling

    # -- submitting ---------------------------------------------------------------------------------

    def submit_training(self, actor: str, spec: DetectorSpec) -> Job:
        """Check a specification and queue the training. Raises UserError where it holds no cue. For admins."""
        self._people.require(actor, Role.ADMIN)
        # All of it here too, though the job checks again: a mistake should show now and not in an hour.
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
        """Queue what `queue` does at once: for a project of many long texts."""
        self._people.require(actor, Role.ADMIN)
        self._detector(detector)
        title = f"Order of {visible(self._projects.get(project_id).name, 60)} by doubt"
        asked = {"action": QUEUE, "person": actor, "project": project_id, "detector": detector}
        return self._jobs.submit(JobKind.DETECT, title, asked, Lane.BATCH)

    def queue(self, actor: str, project_id: str, detector: str) -> int:
        """Order a project's items by uncertainty sampling, the least certain first; returns how many.

        An item's priority is how many of its words (or sentences) `detector` is expected to get wrong.
        """
        self._people.require(actor, Role.ADMIN)
        finder = self._detector(detector)
        labelled = self._labelling.labelled(project_id)
        # By text: the items of a long trace share it, and it is scored once.
        windows: dict[str, list[tuple[str, int, int]]] = {}
        for one in labelled:
            windows.setdefault(one.text, []).append((one.item.id, one.item.start, one.item.end))
        priorities: dict[str, float] = {}
        for text, items in windows.items():
            errors = finder.expected_errors(text, [(start, end) for _, start, end in items])
            priorities |= {item: expected for (item, _, _), expected in zip(items, errors, strict=True)}
        self._projects.set_priorities(actor, project_id, priorities)
        return len(priorities)

    @needs(Role.ADMIN)
    def evaluate(self, gold: str, form: str = "", log: Log = lambda line: None) -> list[SetScore]:
        """Every lexicon and detector, and one trained for it, against the gold of a file, a folder or a project.

        `gold` is a path, or the id or name of a project; `log` gets a line for each step. With several sets (files of a
        folder) the detector learns from the one with most cues and is tested on the others.
        """
        known = {key for info in self._projects.all() for key in (info.project.id, info.project.name)}
        if not _is_there(gold) and gold not in known:
            raise UserError(f"There is neither a file nor a project called {visible(gold, 80)!r} to take gold from.")
        sets = gold_texts.of_files(Path(gold), form) if _is_there(gold) else [self._of_project(gold)]
        engines = list(self._lexicons.matchers().values())
        return detector_trials.evaluated(sets, engines, self._words(""), self._lexicons.seen, log)

    def learn(self, actor: str, spec: DetectorSpec, log: Log = lambda line: None) -> OwnLexicon:
        """Train a detector now and keep it, measured out of fold: seconds to a minute. For admins. Raises UserError."""
        self._people.require(actor, Role.ADMIN)
        self._lexicons.check_own(spec.name)
        learned = detector_trials.trained(self._gold(spec), self._words(spec.words), log)
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
            made = self.learn(actor, asked, _step_logger(progress))
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

    # -- gold and engines ---------------------------------------------------------------------------

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
        # A word list has no probabilities: it is never uncertain.
        finder = self._lexicons.finder(self._lexicons.get(name).id)
        if not isinstance(finder, Detector):
            raise UserError(f"{visible(name)} is a list of words, which is never in doubt: name a trained detector.")
        return finder


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # a name too long for a file
        return False


def _step_logger(progress: JobProgress) -> Log:
    """A log that counts a training's steps, and stops it between two of them where the job is cancelled."""
    done = 0
    progress.begin(_STEPS, "steps")

    def log(line: str) -> None:
        nonlocal done
        progress.check()
        # A set of few sources has fewer folds; the last step is left for the end.
        done = min(done + 1, _STEPS - 1)
        progress.step(done, line)

    return log
