"""The recorder of an engine's events: gathers text, grades it, streams it, keeps finished traces, stores runs.

Owns the form of a finished trace in the inbox and how an arm's inbox becomes a run.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from backend.domain import Finish, SourceRef, TraceDraft, problem_id
from backend.engines.protocol import Alternative, Done, Event, Failed, Piece, Token
from backend.grading.pool import GraderPool
from backend.grading.rules import Response
from backend.grading.verdicts import Verdict as GraderVerdict
from backend.grading.verdicts import Verdicts
from backend.job import Job
from backend.services.generation.job_plan import JobPlan, Place
from backend.services.jobs import JobProgress
from backend.services.lexicons.catalog import LexiconService
from backend.services.traces.losses import BROKEN_OFF, UNGRADED, Loss, LostResponse, answered, grouped, losses_of
from backend.services.traces.run_builder import RunBuilder, Scored
from backend.store import Store
from backend.store.ledger import SourceRow
from backend.store.parts import PartWriter
from backend.store.registry import Fork
from backend.store.streams import Kept

# A person sees words at this pace; a write a token would be a hundred times as many.
_FLUSH_SECONDS: Final = 0.08
# Beyond this many traces nobody watches each: their ends are streamed, their words are not.
STREAMED_TRACES: Final = 400


@dataclass(slots=True)
class _Response:
    """A response under way."""

    text: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)


class TraceRecorder:
    """Records the events of one attempt at a job."""

    def __init__(
        self,
        store: Store,
        plan: JobPlan,
        lexicons: LexiconService,
        graders: GraderPool,
        progress: JobProgress,
        done: int,
    ) -> None:
        """`done` traces were made by earlier attempts."""
        self._store, self._plan, self._graders, self._progress = store, plan, graders, progress
        self._matchers = {matcher.lexicon.name: matcher for matcher in lexicons.matchers().values()}
        self._growing: dict[str, _Response] = {}
        self._waiting: list[dict[str, Any]] = []
        self._pieces: dict[str, list[Piece]] = {}
        self._flushed = 0.0
        self._done, self.made = done, 0
        self.failed, self.reason = 0, ""
        self._prompts: dict[str, str] = {}
        self._streamed = plan.spec.live and plan.size <= STREAMED_TRACES

    def announce(self, plan: JobPlan) -> None:
        """Write the plan into the stream, unless an earlier attempt has."""
        self._plan = plan
        if not self._store.streams.read(plan.job.id, limit=1):
            self._store.streams.append(plan.job.id, [plan.payload()])

    def expect(self, prompts: Mapping[str, str]) -> None:
        """Take the prompts of traces (by number), each to be streamed as its trace begins."""
        self._prompts.update(prompts)

    def take(self, event: Event) -> None:
        """Record one event."""
        if isinstance(event, Piece):
            self._grow(event)
        elif isinstance(event, Done):
            self._finish(event)
        else:
            self._fail(event)

    def flush(self) -> None:
        """Write what was held back into the stream."""
        if entries := self._held_back():
            self._store.streams.append(self._plan.job.id, entries)
        self._flushed = time.monotonic()

    def _held_back(self) -> list[dict[str, Any]]:
        """The entries to be written now: one a trace, however many tokens came."""
        entries = self._waiting + [_payload(key, pieces) for key, pieces in self._pieces.items()]
        self._waiting, self._pieces = [], {}
        return entries

    def _begin(self, key: str) -> _Response:
        if key not in self._growing:
            self._growing[key] = _Response()
            if self._streamed:
                shown = {"prompt": self._prompts[key]} if key in self._prompts else {}
                self._waiting.append({"k": "open", **self._names(self._plan.place(int(key))), **shown})
        return self._growing[key]

    def _grow(self, piece: Piece) -> None:
        growing = self._begin(piece.key)
        growing.text.append(piece.text)
        growing.tokens.extend(piece.tokens)
        if self._streamed:
            self._pieces.setdefault(piece.key, []).append(piece)
            if time.monotonic() - self._flushed > _FLUSH_SECONDS:
                self.flush()

    def _finish(self, done: Done) -> None:
        growing, place = self._begin(done.key), self._plan.place(int(done.key))
        del self._growing[done.key]
        text, problem = "".join(growing.text), self._plan.problems[place[1]]
        # Graded at once, not when the run is stored: a person watches who is right.
        response = Response(text, problem.gold, problem.question, done.prompt, done.finish is Finish.LENGTH)
        verdicts = next(iter(self._graders.grade([response])))
        seconds = time.monotonic() - growing.begun
        body = {
            "text": text,
            "prompt": done.prompt,
            "finish": done.finish.value,
            "tokens": done.tokens,
            "seconds": round(seconds, 3),
            "engine": self._plan.engines[place[0]],
            "verdicts": asdict(verdicts),
            "scored": _lists(growing.tokens) if self._plan.spec.logprobs else None,
        }
        entry = {
            **{"k": "done", **self._names(place), "finish": done.finish.value, "correct": verdicts.final.correct},
            **{"answer": verdicts.final.answer, "tokens": done.tokens, "words": len(text.split())},
            **{"cues": {name: len(m.find(text)) for name, m in self._matchers.items()}, "seconds": body["seconds"]},
            **{"trace": self._plan.trace_id(place)},
        }
        # One transaction: a trace that is in the inbox has its line in the stream, after all its words.
        if self._store.streams.keep(self._plan.job.id, Kept(*place, body), [*self._held_back(), entry]):
            self._done, self.made = self._done + 1, self.made + 1
            self._progress.step(self._done)
            if not text.strip():
                self._progress.log(f"The response to problem {place[1] + 1} is empty.")

    def _fail(self, failed: Failed) -> None:
        growing, place = self._growing.pop(failed.key, None) or _Response(), self._plan.place(int(failed.key))
        tokens = growing.tokens
        body = {
            # A forced beginning is ours: where no token of the model's own followed, nothing came.
            "text": "".join(growing.text) if any(not token.forced for token in tokens) else "",
            "prompt": "",
            "finish": Finish.UNKNOWN.value,
            # Without log-probabilities a token is only a chunk of the server's stream, and not to be counted.
            "tokens": len(tokens) if any(token.logprob is not None for token in tokens) else None,
            "seconds": round(time.monotonic() - growing.begun, 3),
            "engine": self._plan.engines[place[0]],
            "verdicts": asdict(UNGRADED),
            "scored": _lists(tokens) if self._plan.spec.logprobs else None,
            "failed": failed.kind,
            "reason": failed.reason,
        }
        entry = {"k": "failed", "i": self._plan.number(place), "reason": failed.reason}
        # Kept like a finished one: whoever settles the job, in whichever process, has to know why it is missing.
        if self._store.streams.keep(self._plan.job.id, Kept(*place, body), [*self._held_back(), entry]):
            self.failed, self.reason = self.failed + 1, self.reason or failed.reason
            self._progress.step(self._done, f"{self.failed:,} failed, the last one: {failed.kind}")
            if self.failed <= 20:  # the log is for people
                self._progress.log(f"Problem {place[1] + 1}, {failed.kind}: {failed.reason}", "error")

    def _names(self, place: Place) -> dict[str, int]:
        return {"i": self._plan.number(place), "arm": place[0], "problem": place[1], "sample": place[2]}


def _payload(key: str, pieces: list[Piece]) -> dict[str, Any]:
    tokens = [token for piece in pieces for token in piece.tokens]
    entry: dict[str, Any] = {"k": "piece", "i": int(key), "t": "".join(piece.text for piece in pieces)}
    if tokens:
        # Lengths, not places: a browser counts on from where it is. Three digits colour a token; the store has all.
        entry["n"] = [token.end - token.start for token in tokens]
        if forced := sum(token.forced for token in tokens):
            entry["forced"] = forced
        if tokens[0].logprob is not None:
            entry["lp"] = [None if token.logprob is None else round(token.logprob, 3) for token in tokens]
        if tokens[0].entropy is not None:
            entry["h"] = [None if token.entropy is None else round(token.entropy, 3) for token in tokens]
    return entry


def _lists(tokens: list[Token]) -> list[list[Any]]:
    """Tokens as lists: names would be most of what a trace takes in the inbox. `_tokens` reads them."""
    return [[t.start, t.end, t.id, t.logprob, t.entropy, t.forced, [list(a) for a in t.top]] for t in tokens]


def _tokens(lists: list[list[Any]]) -> list[Token]:
    return [
        Token(start, end, identity, logprob, entropy, forced, tuple(Alternative(*a) for a in top))
        for start, end, identity, logprob, entropy, forced, top in lists
    ]


class SettledArm(NamedTuple):
    """An arm whose traces are stored: its run (None where nothing was made), how many are whole, and what was lost."""

    run: str | None
    whole: int
    losses: Sequence[Loss]


def settle_arm(store: Store, plan: JobPlan, arm: int, lexicons: LexiconService) -> SettledArm:
    """Store an arm's traces in the inbox as its run. Safe to do again: a run that is stored stays as it is."""
    # Stored, then emptied: a process that dies in between leaves traces that the next attempt finds in the run.
    identity = plan.run_id(arm)
    if run := store.ledger.find_run(identity):
        store.streams.empty(plan.job.id, arm)
        return SettledArm(identity, answered(run), losses_of(run.info.losses))
    inbox = store.streams.kept(plan.job.id, arm)
    whole = [trace for trace in inbox if "failed" not in trace.body]
    losses = grouped((t.body["failed"], t.body["reason"], _lost(plan, t)) for t in inbox if "failed" in t.body)
    kept = [trace for trace in inbox if "failed" not in trace.body or trace.body["text"]]
    # A second try that added nothing would be the first one's run again.
    if not kept or (whole and all("adopted" in trace.body for trace in whole)):
        return SettledArm(None, len(whole), losses)
    info = plan.info(arm, len(whole), losses)
    with PartWriter(store.folder, identity) as writer:
        builder = RunBuilder(identity, info, lexicons.matchers())
        source = _source(plan)
        for trace in kept:
            draft, verdicts, scored = _from_inbox(plan, arm, trace, source)
            place = (arm, trace.problem, trace.sample)
            builder.add(draft, verdicts, writer, place=plan.number(place) % plan.arm_size, scored=scored)
        run = builder.close(writer)
        builder.register(store, writer, run, [source], lexicons.contents())
    if fork := plan.spec.fork:
        places = [(arm, trace.problem, trace.sample) for trace in kept]
        store.registry.add_forks([Fork(plan.trace_id(place), fork.trace, fork.at, fork.insert) for place in places])
    store.streams.empty(plan.job.id, arm)
    return SettledArm(identity, len(whole), losses)


def _lost(plan: JobPlan, kept: Kept) -> LostResponse:
    place, question = (kept.arm, kept.problem, kept.sample), plan.problems[kept.problem].question
    trace = plan.trace_id(place) if kept.body["text"] else ""
    return LostResponse(kept.problem + 1, kept.sample + 1, problem_id(question), question[:80], trace)


def adopt(store: Store, plan: JobPlan, graders: GraderPool) -> None:
    """Put the whole traces of the job that this one repeats into the inbox: only the others are asked for again."""
    job: Job | None = plan.job
    earlier: list[str] = []
    while job and job.retry_of:
        earlier.append(job.retry_of)
        job = store.jobs.get(job.retry_of)
    for arm in range(len(plan.spec.arms)):
        # What a damaged run held is asked for again.
        present = {run.id for run in store.runs()}
        runs = [run for one in earlier if (run := plan.run_id(arm, one)) in present]
        if runs and not store.ledger.find_run(plan.run_id(arm)):
            for row in store.queries.texts(runs[0], ("ordinal", "finish", "tokens", "extra")):
                _adopt(store, plan, graders, arm, row)


def _adopt(store: Store, plan: JobPlan, graders: GraderPool, arm: int, row: Mapping[str, Any]) -> None:
    extra = orjson.loads(row["extra"])
    _, number, sample = plan.place(row["ordinal"])
    # The set may have been imported anew since, in another order.
    if BROKEN_OFF in extra or problem_id((problem := plan.problems[number]).question) != row["problem_id"]:
        return
    scored = store.queries.tokens(row["trace_id"]) if plan.spec.logprobs else []
    cut = row["finish"] == Finish.LENGTH
    response = Response(row["text"], problem.gold, problem.question, row["prompt"], cut)
    body = {
        **{name: row[name] for name in ("text", "prompt", "finish", "tokens")},
        **{"seconds": extra.get("seconds"), "engine": extra.get("engine"), "adopted": row["trace_id"]},
        "verdicts": asdict(next(iter(graders.grade([response])))),
        "scored": next((_stored_lists(one) for one in scored if one["generated"]), None),
    }
    store.streams.keep(plan.job.id, Kept(arm, number, sample, body))


def _stored_lists(row: Mapping[str, Any]) -> list[list[Any]]:
    names = ("starts", "ends", "ids", "logprobs", "entropies", "forced", "top")
    columns = zip(*(row[name] for name in names), strict=True)
    return [[*rest, [[a["text"], a["logprob"]] for a in top]] for *rest, top in columns]


def _source(plan: JobPlan) -> SourceRow:
    # A run made here has no file: its source is the job's specification, so that it can be told from others.
    raw = orjson.dumps(dict(plan.job.spec), option=orjson.OPT_SORT_KEYS)
    return SourceRow(hashlib.sha256(raw).hexdigest(), f"job {plan.job.id}", len(raw))


def _from_inbox(plan: JobPlan, arm: int, kept: Kept, source: SourceRow) -> tuple[TraceDraft, Verdicts, Scored | None]:
    """A trace of the inbox as a draft, with its verdicts, and its tokens where they were kept."""
    body: Mapping[str, Any] = kept.body
    problem = plan.problems[kept.problem]
    number = plan.number((arm, kept.problem, kept.sample)) % plan.arm_size
    # A response that finished before the grader had its present name is still to be stored.
    names = {"math_verify": "final"}
    verdicts = Verdicts(**{names.get(k, k): GraderVerdict(**found) for k, found in body["verdicts"].items()})
    extra = {"seed": plan.seed(kept.problem, kept.sample), "seconds": body["seconds"], "engine": body["engine"]}
    if "failed" in body:
        extra[BROKEN_OFF] = body["reason"]
    if "adopted" in body:
        extra["taken from"] = body["adopted"]
    if plan.spec.fork:
        extra["forked from"] = asdict(plan.spec.fork)
    draft = TraceDraft(
        question=problem.question,
        text=body["text"],
        source=SourceRef(source.file, source.sha256, number + 1),
        gold=problem.gold,
        prompt=body["prompt"],
        sample=kept.sample,
        tokens=body["tokens"],
        finish=Finish(body["finish"]),
        extra=extra,
    )
    model, context = plan.models[arm].name, plan.spec.arms[arm].context.value
    scored = Scored(model, context, True, _tokens(body["scored"])) if body["scored"] else None
    return draft, verdicts, scored
