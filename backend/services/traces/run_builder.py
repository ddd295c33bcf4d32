"""The builder of a stored run: takes trace drafts, writes parts, registers the run.

Owns the order of a run's traces and when a part is closed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import starmap
from typing import Any

from backend.domain import ImportProblem, Run, RunInfo, TraceDraft, UserError, bare_question, problem_id, visible
from backend.engines.protocol import Alternative, Token
from backend.exchange.traces.drafting import placed
from backend.grading.verdicts import Verdicts
from backend.lexicon.loops import find_loops
from backend.store import Store
from backend.store.database import now
from backend.store.ledger import PartRow, ProblemRow, SourceRow
from backend.store.parts import PART_BYTES, PartWriter, remove_parts
from backend.store.trace_columns import RULES, Columns, CueColumns, TokenCounter, sections_of, trace_id, trace_row

_MOST = 2**31 - 1  # Parquet columns of whole numbers have four bytes


@dataclass(frozen=True, slots=True)
class Scored:
    """A response's tokens as `model` scored them under `context`; `generated` is false where it only read them."""

    model: str
    context: str
    generated: bool
    tokens: Sequence[Token]


def token_row(trace: str, run: str, scored: Scored) -> dict[str, Any]:
    """A row of the tokens part."""
    return {
        "trace_id": trace,
        "run_id": run,
        "model": scored.model,
        "context": scored.context,
        "generated": scored.generated,
        "starts": [token.start for token in scored.tokens],
        "ends": [token.end for token in scored.tokens],
        "ids": [token.id for token in scored.tokens],
        "forced": [token.forced for token in scored.tokens],
        "logprobs": [token.logprob for token in scored.tokens],
        "entropies": [token.entropy for token in scored.tokens],
        "top": [[{"text": a.text, "logprob": a.logprob} for a in token.top] for token in scored.tokens],
    }


def _written(draft: TraceDraft, info: RunInfo) -> Scored | None:
    """The log-probabilities that a draft's source wrote down, where they are those of the response's own tokens."""
    tokens = [
        Token(start, end, logprob=token.logprob, top=tuple(starmap(Alternative, token.top)))
        for start, end, token in placed(draft.logprobs, draft.text)
    ]
    return Scored(info.model, info.context.value, True, tokens) if tokens else None


class RunBuilder:
    """The rows of one run under way."""

    def __init__(
        self, identity: str, info: RunInfo, matchers: Mapping[str, Any], counter: TokenCounter | None = None
    ) -> None:
        """`matchers` maps lexicon ids to engines; `counter` counts tokens in place of the source."""
        self._id, self._info, self._matchers, self._counter = identity, info, matchers, counter
        self.problems: dict[str, ProblemRow] = {}
        self._ordinals: dict[str, int] = {}
        self.count, self._all_tokens = 0, True
        self.row = 1
        self._begin()

    def _begin(self) -> None:
        self._traces, self._cues = Columns("traces"), CueColumns(self._matchers)
        self._tokens: list[dict[str, Any]] = []
        self._order: list[tuple[int, int, int]] = []
        self._bytes = 0

    def add(
        self,
        draft: TraceDraft,
        verdicts: Verdicts,
        writer: PartWriter,
        *,
        place: int | None = None,
        scored: Scored | None = None,
    ) -> None:
        """Add one response with its verdicts. Raises ImportProblem for numbers that can't be stored.

        `place` is its number in the run (default: as it comes) and part of its identity.
        """
        for what, number in (("token count", draft.tokens or 0), ("sample number", draft.sample)):
            if number > _MOST:
                raise ImportProblem(draft.source.file, f"its {what} {number} is too large", draft.source.row)
        self.row = draft.source.row
        # A trace's id follows from its number: one that is made again, in whatever order, is the same trace.
        number = self.count if place is None else place
        problem = problem_id(draft.question)
        ordinal = self._ordinals.setdefault(problem, len(self._ordinals))
        # Some files give the answer with one sample of a problem only.
        if self.problems.get(problem) is None or (self.problems[problem].gold is None and draft.gold is not None):
            self.problems[problem] = ProblemRow(problem, bare_question(draft.question), draft.gold)
        sections, loops = sections_of(draft), find_loops(draft.text)
        names = {"trace_id": trace_id(self._id, number), "run_id": self._id, "problem_id": problem}
        where = {**names, "problem_ordinal": ordinal, "ordinal": number}
        row = trace_row(draft, verdicts, sections, loops, where, self._counter)
        self._all_tokens &= row["tokens"] is not None
        self._traces.add(row)
        self._cues.add(names, draft.prompt, draft.text, sections, loops)
        if scored := scored or _written(draft, self._info):
            self._tokens.append(token_row(names["trace_id"], self._id, scored))
        self._order.append((ordinal, draft.sample, number))
        self.count += 1
        # A part is held in memory until it is written; files may be larger than that.
        self._bytes += len(draft.text) + len(draft.prompt)
        if self._bytes > PART_BYTES:
            self._flush(writer)

    def _flush(self, writer: PartWriter) -> None:
        # Sorted by problem, so that a query for some problems skips the other row groups.
        order = sorted(range(len(self._order)), key=self._order.__getitem__)
        writer.write("traces", self._traces.table(order))
        for kind, rows in self._cues.tables().items():
            writer.write(kind, rows)
        writer.write("tokens", self._tokens)
        self._begin()

    def close(self, writer: PartWriter) -> Run:
        """Write what is left; returns the run. Raises ValueError where there was nothing."""
        if not self.count:
            raise ValueError("a run has at least one trace")
        self._flush(writer)
        info = replace(self._info, tokenizer=str(self._counter)) if self._counter else self._info
        # A mean over some traces' tokens and others' words would mean nothing.
        unit = "tokens" if self._all_tokens else "words"
        return Run(self._id, info, len(self.problems), self.count, unit, now())

    def register(
        self, store: Store, writer: PartWriter, run: Run, sources: Sequence[SourceRow], lexicons: Mapping[str, Any]
    ) -> bool:
        """Enter the run in the ledger. False where another process stored it meanwhile."""
        problems = list(self.problems.values())
        return writer.register(lambda parts: store.ledger.add_run(run, sources, problems, parts, lexicons, RULES))

    def renew(
        self,
        store: Store,
        writer: PartWriter,
        run: Run,
        places: Sequence[str],
        content: str,
        sources: Sequence[SourceRow],
        lexicons: Mapping[str, Any],
    ) -> bool:
        """Put what was just read in the place of what a watched run held before. False where it was deleted."""
        gone: list[PartRow] = []

        def enter(parts: list[PartRow]) -> bool:
            problems = list(self.problems.values())
            old = store.watched.renew(run, places, content, sources, problems, parts, lexicons, RULES)
            gone.extend(old or ())
            return old is not None

        stored = writer.register(enter)
        remove_parts(store.folder, gone)
        return stored

    @staticmethod
    def take_back(store: Store, writer: PartWriter, found: Run, run: Run, lexicons: Mapping[str, Any]) -> bool:
        """Put what was just read, `run`, in the place of the damaged files of `found`; what refers to it stays.

        False where another process did so meanwhile. Raises UserError where it isn't the same.
        """
        known, anew = ((each.traces, each.problems, each.length_unit, each.info.tokenizer) for each in (found, run))
        if known != anew:
            tokens = f", tokens by {found.info.tokenizer}" if found.info.tokenizer else ""
            raise UserError(
                f"the damaged run {visible(found.label)} has {found.traces:,} traces of {found.problems:,} problems"
                f"{tokens}; the file isn't read like that now. Import it as it was first, or delete that run."
            )
        parts, faults = store.ledger.parts(run_ids=[found.id]), store.parts.damaged()[found.id].faults
        scores = [part for part in parts if part.kind == "tokens" and part.path in faults]
        old = [part for part in parts if part.kind != "tokens"]
        stored = writer.register(lambda new: store.ledger.replace_parts(found.id, old, new, RULES, lexicons))
        if stored:
            store.ledger.update_parts([], dropped=scores)
            remove_parts(store.folder, [*old, *scores])
        return stored
