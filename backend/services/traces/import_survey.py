"""A survey of an import: what a source will become, found by reading it through before anything is stored.

Owns the counts that the Import page shows beside a source, and a draft as it is shown there, thinking apart.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Thread

from backend.domain import Finish, ImportProblem, Section, TraceDraft, UserError, problem_id
from backend.exchange.traces.read import RowTally, read
from backend.import_plan import Draft, RowCounts, Source
from backend.lexicon.sections import split_sections

_MOST_BYTES = 64_000_000  # read through within a second or two; of more, only the first rows are looked at
_LOOKED = 200  # traces: a tag that marks thinking is in most of them


@dataclass(frozen=True, slots=True)
class SourceSurvey:
    """What reading a source found: `counts` of its rows (None: too large to read for a preview) and its `problems`.

    `thinking` of the `looked` first traces have a section of thinking; `problem` says which row can't be read.
    """

    counts: RowCounts | None
    problems: int
    looked: int
    thinking: int
    problem: str = ""


def survey(source: Source) -> SourceSurvey:
    """Read a source as the import will, without grading or storing anything."""
    tally, problems, sections = RowTally(), set[str](), Counter[Section]()
    whole, looked, problem = source.size <= _MOST_BYTES, 0, ""
    try:
        for draft in read(source, tally=tally) if whole else islice(read(source, tally=tally), _LOOKED):
            problems.add(problem_id(draft.question))
            if isinstance(draft, TraceDraft) and looked < _LOOKED:
                looked += 1
                sections.update({span.section for span in split_sections(draft.text, draft.prompt)})
    except ImportProblem as error:
        problem = str(error)
    return SourceSurvey(tally.counts if whole else None, len(problems), looked, sections[Section.THINK], problem)


class CountedSources:
    """Sources counted one after the other in a thread of its own: `found` grows, in their order."""

    def __init__(self, sources: Sequence[Source], look: Callable[[Source], SourceSurvey]) -> None:
        """`look` reads one source."""
        self.sources, self.found = tuple(sources), list[SourceSurvey]()
        self._look, self._stopped = look, False
        self._thread = Thread(target=self._count, name="counts sources", daemon=True)
        self._thread.start()

    def _count(self) -> None:
        for source in self.sources:
            if self._stopped:
                return
            try:
                self.found.append(self._look(source))
            except UserError as error:  # its process was given up
                self.found.append(SourceSurvey(None, 0, 0, 0, str(error)))

    @property
    def done(self) -> bool:
        """Whether nothing more will be found."""
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Wait until all are counted."""
        self._thread.join()

    def stop(self) -> None:
        """Count no more than the present one."""
        self._stopped = True


def shown_fields(draft: Draft) -> Iterator[tuple[str, str | int | bool | None]]:
    """A draft as it would be stored, field by field under the names of the page."""
    yield "Question", draft.question
    if isinstance(draft, TraceDraft):
        spans = split_sections(draft.text, draft.prompt)
        for name, thinks in (("Thinking", True), ("Response", False)):
            part = [draft.text[s.start : s.end] for s in spans if (s.section is Section.THINK) is thinks]
            yield name, "".join(part).strip() or None
    yield "Correct answer", draft.gold
    if isinstance(draft, TraceDraft):
        yield "Answer in the file", draft.answer
        yield "Right in the file", draft.verdict
        yield "Sample", draft.sample + 1
        yield "Tokens", draft.tokens
        yield "Finish reason", None if draft.finish is Finish.UNKNOWN else draft.finish.value
        yield "Prompt", draft.prompt or None
