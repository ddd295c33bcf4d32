"""Cross-validation of detectors: folds in which no source stands on both sides, and predictions out of fold."""

from collections.abc import Callable, Sequence
from typing import Final

from backend.detect.detector import Detector
from backend.detect.examples import Example
from backend.detect.linear_model import DetectorModel
from backend.detect.training import DetectorTrainer
from backend.domain import UserError, digest
from backend.lexicon.finder import Hit

FOLDS: Final = 5


def folds(examples: Sequence[Example], count: int = FOLDS) -> list[list[int]]:
    """The examples' numbers in at most `count` parts with about equally many cues; each source is in one part alone.

    The parts depend on the sources' names and cues, not on the order of the examples. Raises UserError for one source.
    """
    sources: dict[str, list[int]] = {}
    for number, example in enumerate(examples):
        sources.setdefault(example.source, []).append(number)
    if len(sources) < 2:
        raise UserError("What a detector gets right can't be told from one text: there must be at least two.")
    parts: list[list[int]] = [[] for _ in range(min(count, len(sources)))]
    held = [(0, 0)] * len(parts)
    cues = {source: sum(len(examples[i].spans) for i in numbers) for source, numbers in sources.items()}
    # Of equally many cues by their hash: sources in the order of their names often come in the order of their problems.
    for source in sorted(sources, key=lambda source: (-cues[source], digest(source), source)):
        # The largest first, each to the part with the fewest cues so far: greedy, and close to even.
        part = held.index(min(held))
        parts[part] += sources[source]
        held[part] = (held[part][0] + cues[source], held[part][1] + 1)
    return [sorted(part) for part in parts]


def out_of_fold(
    trainer: DetectorTrainer, parts: Sequence[Sequence[int]], on_fold: Callable[[int], None]
) -> list[list[Hit]]:
    """For each example, the cues found in it by a detector that learned from the other folds.

    `on_fold` is called before each fold with how many are done; it may raise to stop. Where the other folds hold no
    cue, none are found.
    """
    found: list[list[Hit]] = [[] for _ in trainer.examples]
    for done, part in enumerate(parts):
        on_fold(done)
        others = sorted(number for other in parts if other is not part for number in other)
        if not any(trainer.examples[number].spans for number in others):
            continue
        detector = trial(trainer.fit(others))
        for number in part:
            found[number] = detector.find(trainer.examples[number].text)
    return found


def trial(model: DetectorModel) -> Detector:
    """A detector for a measurement, never stored."""
    return Detector(model, model.as_lexicon("trial", "0", "", ""))
