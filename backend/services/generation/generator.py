"""Generation of traces: a specification is checked and queued, a worker carries it out, runs are stored.

Owns a job's order of steps, and how a half-made job goes on or is settled.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from backend.domain import Context, Model, UserError, visible
from backend.engines.protocol import Done, Engine, Event, Failed, Family, Request
from backend.grading.pool import GraderPool
from backend.job import Job, JobKind, Lane
from backend.services.generation.job_plan import JobPlan, Place
from backend.services.generation.models import ModelService
from backend.services.generation.presets import Preset, presets
from backend.services.generation.problems import Problem, ProblemService
from backend.services.generation.prompts import Turns, opening, single_words
from backend.services.generation.specs import GenerationSpec, RunArm, names
from backend.services.generation.trace_recorder import TraceRecorder, adopt, settle_arm
from backend.services.jobs import JobCancelled, JobFailed, JobProgress, JobService
from backend.services.lexicons.catalog import LexiconService
from backend.services.traces.losses import merged, reasons, sentence
from backend.store import Store

# Of more traces nobody unfolds the prompts while they are written, and each may be long; the store has them all.
_PROMPTS_STREAMED = 16

Engines = Callable[[Family, str], Engine]


class GenerationService:
    """Generates and evaluates, for one store."""

    def __init__(
        self,
        store: Store,
        lexicons: LexiconService,
        models: ModelService,
        problems: ProblemService,
        jobs: JobService,
        graders: int,
    ) -> None:
        self._store, self._lexicons, self._models = store, lexicons, models
        self._problems, self._jobs, self._graders = problems, jobs, graders

    # -- asking -------------------------------------------------------------------------------------

    def submit(self, spec: GenerationSpec, *, kind: JobKind = JobKind.GENERATE, title: str = "") -> Job:
        """Check what is asked for and queue it. Raises UserError, before anything is begun, where it can't be done."""
        spec.check()
        models = [self._models.ready(arm.model) for arm in spec.arms]
        for arm in spec.arms:
            if arm.hush:
                self._lexicons.word_list(arm.hush)  # raises for a detector, which has no words to ban
        problems = self.chosen(spec)
        turns = Turns(problems, self._problems)
        # Built for the check alone: a context that lacks a solution must be refused before a job is queued.
        for arm, model in zip(spec.arms, models, strict=True):
            needed = Context.SOLUTION if arm.context is Context.REGENERATED else arm.context
            turns.of(needed, model.name)
        where = f"{visible(spec.dataset, 60)}, {len(problems):,} problem{'s' if len(problems) > 1 else ''}"
        times = f" × {spec.samples}" if spec.samples > 1 else ""
        title = title or f"{names(list(dict.fromkeys(model.name for model in models)))} · {where}{times}"
        return self._jobs.submit(kind, title, spec.to_json(), Lane.LIVE if spec.live else Lane.BATCH)

    def chosen(self, spec: GenerationSpec) -> list[Problem]:
        """The problems of a job. Raises UserError for a set that isn't there."""
        if spec.problem_set:
            return self._problems.load(spec.problem_set, spec.limit)
        return [Problem(q.question.strip(), q.gold, spec.dataset, i) for i, q in enumerate(spec.questions, 1)]

    def presets(self) -> list[Preset]:
        """Experiments on the shipped models, those that are there."""
        return presets({info.model.name: info.model.id for info in self._models.all() if info.ready})

    def prompts(self, spec: GenerationSpec) -> list[str]:
        """The user turn of each arm for the first problem, with a stand-in for a response not regenerated yet."""
        problem = self.chosen(spec)[:1]
        turns = Turns(problem, self._problems)
        made = ["[the response made with the full solution in view]"]
        return [turns.of(arm.context, self._models.get(arm.model).name, made)[0] for arm in spec.arms]

    # -- doing --------------------------------------------------------------------------------------

    def carry_out(self, job: Job, engines: Engines, progress: JobProgress) -> dict[str, Any]:
        """Do the job, or what an earlier attempt left of it. Returns {"runs": ids}.

        Raises UserError for what a person can mend, and JobCancelled where it was cancelled, both after storing what
        is finished.
        """
        plan = self._plan(job)
        own = any(plan.finished(self._store).values())
        with GraderPool(self._graders) as graders:
            # What is watched is asked for anew: a stream without its words would show nothing.
            if job.retry_of and not plan.spec.live:
                adopt(self._store, plan, graders)
            kept = plan.finished(self._store)
            done = sum(kept.values())
            progress.begin(plan.size, "traces", done)
            recorder = TraceRecorder(self._store, plan, self._lexicons, graders, progress, done)
            try:
                # All traces may be there, and only storing them was cut off: then no engine is opened.
                if len(kept) < plan.size:
                    self._generate(plan, kept, engines, recorder, progress)
                # Some failures are described in the result; a job that made nothing has failed.
                if recorder.failed and not (recorder.made or own or progress.cancelled()):
                    raise UserError(recorder.reason)
            except UserError as error:
                result = self._settle(plan)
                raise JobFailed(f"{error} {result.get('reason', '')}".rstrip(), result) from error
            except Exception:
                self._settle(plan)  # whatever broke, what is finished is kept
                raise
            result = self._settle(plan)
        if progress.cancelled():
            raise JobCancelled(result)
        return result

    def settle(self, job: Job) -> dict[str, Any]:
        """Store the traces in the inbox as runs marked unfinished, for a job nobody goes on with."""
        return self._settle(self._plan(job))

    def _plan(self, job: Job) -> JobPlan:
        spec = GenerationSpec.from_json(job.spec)
        models = [self._models.get(arm.model) for arm in spec.arms]
        return JobPlan(
            job=job,
            spec=spec,
            problems=self.chosen(spec),
            models=models,
            parents=[self._models.name_of(model.parent) for model in models],
            tokenizers=[self._models.tokenizer(model) for model in models],
            lexicons=[self._lexicons.get(arm.hush).id if arm.hush else None for arm in spec.arms],
            fork_text=self._fork_text(spec),
        )

    def _fork_text(self, spec: GenerationSpec) -> str:
        if spec.fork is None:
            return ""
        row = self._store.queries.trace(spec.fork.trace)
        if row is None:
            raise UserError(f"The trace {visible(spec.fork.trace, 60)} to go on from is not in this store any more.")
        return str(row["text"])[: spec.fork.at] + spec.fork.insert

    def _generate(
        self, plan: JobPlan, kept: Collection[Place], engines: Engines, recorder: TraceRecorder, progress: JobProgress
    ) -> None:
        """Open the engines, stream the plan, make the missing traces."""
        # All engines before any trace: one that can't be opened must not leave half a comparison.
        opened: dict[int, Engine] = {}
        for family, served in self._families(plan):
            progress.note(f"loading {visible(family.base.name, 60)}")
            engine = engines(family, plan.spec.engine)
            opened |= dict.fromkeys(served, engine)
        arms = list(enumerate(plan.spec.arms))
        banned = [self._banned(arm, opened[i]) for i, arm in arms]
        plan = plan.with_engines(banned, [opened[i].abilities.name for i, _ in arms])
        recorder.announce(plan)
        # By engine, not by arm: a base and its adapters are decoded in one batch.
        requests: dict[int, list[Request]] = {}
        shared = {id(engine): engine for engine in opened.values()}
        for i, _ in arms:
            wanted = self._requests(plan, i, opened[i], kept, progress)
            requests.setdefault(id(opened[i]), []).extend(wanted)
        for key, wanted in requests.items():
            shared[key].check(wanted)
            if plan.spec.live and plan.size <= _PROMPTS_STREAMED:
                recorder.expect({request.key: shared[key].render(request) for request in wanted})
        streams = [shared[key].generate(wanted, progress.cancelled) for key, wanted in requests.items() if wanted]
        for event in _in_turn(streams):
            recorder.take(event)
        recorder.flush()

    def _families(self, plan: JobPlan) -> list[tuple[Family, list[int]]]:
        """The arms that one engine serves: those of a base and of the adapters on it."""
        found: dict[str, list[int]] = {}
        for i, model in enumerate(plan.models):
            found.setdefault(model.base or model.id, []).append(i)
        return [(self._models.family([plan.models[i] for i in arms]), arms) for arms in found.values()]

    def _banned(self, arm: RunArm, engine: Engine) -> list[tuple[int, str, str]]:
        """The tokens an arm is forbidden: (id, text, word)."""
        if not arm.hush:
            return []
        if not engine.abilities.bans:
            raise UserError(f"The engine {engine.abilities.name} can't forbid words: choose another, or no hushing.")
        words, _ = single_words(self._lexicons.word_list(arm.hush))
        return [(s.id, s.text, s.word) for s in engine.starters(words)]

    def _requests(
        self, plan: JobPlan, arm: int, engine: Engine, kept: Collection[Place], progress: JobProgress
    ) -> list[Request]:
        """The traces of an arm that are still to be made."""
        missing = [place for place in plan.places(arm) if place not in kept]
        if not missing:
            return []
        model, context = plan.models[arm], plan.spec.arms[arm].context
        turns = Turns(plan.problems, self._problems)
        made = self._regenerated(plan, model, turns, engine, progress) if context is Context.REGENERATED else []
        users = turns.of(context, model.name, made)
        found = []
        for place in missing:
            _, problem, sample = place
            decoding = replace(plan.decoding(arm), seed=plan.seed(problem, sample))
            request = Request(str(plan.number(place)), model.name, users[problem], decoding)
            found.append(replace(request, prefix=plan.prefix(arm, partial(opening, engine, request))))
        return found

    def _regenerated(
        self, plan: JobPlan, model: Model, turns: Turns, engine: Engine, progress: JobProgress
    ) -> list[str]:
        """One response a problem, made by the model with the full solution in view, to be shown to it again."""
        users = turns.of(Context.SOLUTION, model.name)
        # Free of what the arm does to words: it is the context that is made here, not a response.
        decoding = replace(plan.spec.decoding, banned=(), top=0)
        requests = [
            Request(str(i), model.name, user, replace(decoding, seed=plan.seed(i, 0))) for i, user in enumerate(users)
        ]
        engine.check(requests)
        texts = dict.fromkeys(map(str, range(len(users))), "")
        for event in engine.generate(requests, progress.cancelled):
            if isinstance(event, Failed):
                raise UserError(f"The responses to show again can't be made: {event.reason}")
            if not isinstance(event, Done):
                texts[event.key] += event.text
        progress.check()
        return list(texts.values())

    def _settle(self, plan: JobPlan) -> dict[str, Any]:
        arms = [settle_arm(self._store, plan, i, self._lexicons) for i in range(len(plan.spec.arms))]
        result: dict[str, Any] = {"runs": [arm.run for arm in arms if arm.run]}
        if losses := merged(loss for arm in arms for loss in arm.losses):
            result |= {"failed": sum(loss.count for loss in losses), "reasons": reasons(losses)}
            result["reason"] = sentence(sum(arm.whole for arm in arms), plan.size, losses)
        return result


def _in_turn(streams: Sequence[Iterator[Event]]) -> Iterator[Event]:
    """Events of several engines, one of each in turn."""
    # One stream after the other would fill the panes of one model while the other's stay empty.
    waiting = list(streams)
    while waiting:
        for stream in list(waiting):
            event = next(stream, None)
            if event is None:
                waiting.remove(stream)
            else:
                yield event
