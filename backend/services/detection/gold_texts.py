"""Gold sets to train and evaluate detectors on: a project's gold, or that of imported files.

Owns which labels of a file count as gold, which files are sets by themselves, and what is resampled and held out as a
whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from backend.annotation import AnnotatedSpan, AnnotatedText, LabelKind, Scheme, Span
from backend.detect.examples import Example, unit_of
from backend.detect.linear_model import Unit
from backend.detect.tokens import sentence_spans
from backend.domain import UserError, visible
from backend.exchange.labels import span_formats
from backend.exchange.labels.formats.anchor_sentences import LABELLED_BY
from backend.services.annotation.label_schemes import fitted
from backend.services.annotation.labelling import LabellingService
from backend.services.annotation.projects import ProjectService
from backend.services.detection.gold_report import gold_of

PEOPLE: Final = "people"


@dataclass(frozen=True, slots=True)
class GoldPassage:
    """A stretch `[start, end)` of a text that was annotated, and its cues, by label.

    `source` is what it came from, a trace or a document. `sentences` are the stretches that were labelled where whole
    sentences were. `blind` says that its people saw no machine's marks.
    """

    text: str
    start: int
    end: int
    cues: tuple[Span, ...]
    source: str
    sentences: tuple[tuple[int, int], ...] = ()
    blind: bool = True


@dataclass(frozen=True, slots=True)
class GoldSet:
    """Passages annotated under one scheme. `labelled_by` says by whom: "people", or "a model"."""

    name: str
    pieces: tuple[GoldPassage, ...]
    labels: tuple[LabelKind, ...]
    unit: Unit
    labelled_by: str = PEOPLE

    @property
    def cues(self) -> int:
        """How many cues there are in all."""
        return sum(len(piece.cues) for piece in self.pieces)

    def examples(self) -> list[Example]:
        """The passages as training examples."""
        return [Example(piece.text, piece.cues, piece.source, piece.start, piece.end) for piece in self.pieces]


def of_files(path: Path, form: str = "") -> list[GoldSet]:
    """The sets in a file or folder, the one with most cues first; a folder of XML files holds one a file.

    Raises UserError for what can't be read, and for files of several annotators without gold.
    """
    files = sorted(path.glob("*.xml")) if path.is_dir() else []
    sets = [_of_file(file, form) for file in files or [path]]
    return sorted(sets, key=lambda one: -one.cues)


def of_project(projects: ProjectService, labelling: LabellingService, named: str) -> GoldSet:
    """The gold of the project of that id or name. Raises UserError where there is none."""
    found = [info.project for info in projects.all() if named in (info.project.id, info.project.name)]
    # Of two projects of one name neither is meant: then the name is refused like an unknown id.
    project = found[0] if len(found) == 1 else projects.get(named)
    pieces = []
    for one in labelling.labelled(project.id):
        labels = gold_of(one, project)
        if labels is not None:
            cues = tuple(sorted({label.span for label in labels}))
            source, blind = one.item.trace or one.item.text_sha256, one.item.blind or not project.lexicon
            pieces.append(GoldPassage(one.text, one.item.start, one.item.end, cues, source, blind=blind))
    if not pieces:
        raise UserError(
            f"The project {visible(project.name, 60)!r} has no gold yet: an adjudicator has to settle items first; in "
            "a project of one annotator an item, finished items count."
        )
    return _set(visible(project.name, 60), pieces, project.scheme, PEOPLE)


def _of_file(path: Path, form: str) -> GoldSet:
    bundle = span_formats.read(path, name=form)
    scheme, texts = fitted(bundle.texts, bundle.scheme)
    shown = visible(path.name, 80)
    annotators = {span.annotator for text in texts for span in text.spans if not span.gold}
    annotators |= {name for text in texts for name in text.done}
    settled = any(span.gold for text in texts for span in text.spans)
    # Pooling what several people marked would count their disagreements as cues.
    if not settled and len(annotators) > 1:
        raise UserError(
            f"{shown} holds labels of {len(annotators)} annotators and no gold: import it as a project, and adjudicate."
        )
    # Where a file has gold its annotators' own labels don't count; where it has none they are all there is.
    keys = {label.key for label in scheme.positive}
    pieces = [_piece(text, [s for s in text.spans if s.gold == settled and not s.rejected], keys) for text in texts]
    by_model = {text.meta.get("labelled by") for text in texts} == {LABELLED_BY}
    return _set(shown, pieces, scheme, LABELLED_BY if by_model else PEOPLE)


def _piece(text: AnnotatedText, spans: Iterable[AnnotatedSpan], keys: set[str]) -> GoldPassage:
    end = len(text.text) if text.end is None else text.end
    cues = sorted({Span(span.start, span.end, span.label) for span in spans if span.label in keys})
    judged = sorted({(span.start, span.end) for span in spans})
    # Files from elsewhere know no blinding: their people worked without a machine of ours.
    blind = bool(text.meta.get("blind", True))
    return GoldPassage(
        text.text, text.start, end, tuple(cues), str(text.meta.get("trace") or text.id), tuple(judged), blind
    )


def _set(name: str, pieces: Sequence[GoldPassage], scheme: Scheme, labelled_by: str) -> GoldSet:
    """The set. Its unit follows from its cues: where they are whole sentences, it is evaluated by sentences."""
    plain = GoldSet(name, tuple(pieces), scheme.positive, Unit.SPANS, labelled_by)
    if unit_of(plain.examples()) is Unit.SPANS:
        return replace(plain, pieces=tuple(replace(piece, sentences=()) for piece in pieces))
    return GoldSet(name, tuple(_with_sentences(pieces)), scheme.positive, Unit.SENTENCES, labelled_by)


def _with_sentences(pieces: Iterable[GoldPassage]) -> Iterable[GoldPassage]:
    for piece in pieces:
        sentences = piece.sentences
        # Where only the sentences with a cue were marked, the others have to be found, or every sentence were a cue.
        if len(sentences) <= len(piece.cues):
            spans = sentence_spans(piece.text)
            sentences = tuple((start, end) for start, end in spans if piece.start <= start and end <= piece.end)
        yield replace(piece, sentences=sentences)
