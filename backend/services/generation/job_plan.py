"""The plan of a generation job: its traces and their numbers, seeds and ids, and the description of its runs.

Everything follows from the job, so that a job begun anew makes the same runs and traces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.codec import encode
from backend.domain import GENERATED, LIVE, Model, RunInfo, Sampling, digest, problem_id
from backend.engines.protocol import Decoding
from backend.job import Job
from backend.services.generation.problems import Problem
from backend.services.generation.specs import GenerationSpec
from backend.services.traces.losses import Loss
from backend.store import Store
from backend.store.trace_columns import trace_id

# Arm, problem and sample of a trace, each from 0.
Place = tuple[int, int, int]
Banned = Sequence[tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class JobPlan:
    """A job's arms, problems and samples in order. `models`, `parents` (names), `tokenizers`, `lexicons` (ids),
    `banned` and `engines` (names) run in parallel to the arms.

    `fork_text` is what a forked trace begins with. `banned` and `engines` are known once engines are open.
    """

    job: Job
    spec: GenerationSpec
    problems: Sequence[Problem]
    models: Sequence[Model]
    parents: Sequence[str | None]
    tokenizers: Sequence[str | None]
    lexicons: Sequence[str | None]
    fork_text: str = ""
    banned: Sequence[Banned] = ()
    engines: Sequence[str] = ()

    def with_engines(self, banned: Sequence[Banned], engines: Sequence[str]) -> JobPlan:
        """The plan with what is known once engines are open: the ids of forbidden tokens and the engines' names."""
        return replace(self, banned=banned, engines=engines)

    @property
    def size(self) -> int:
        """Traces of all arms."""
        return len(self.spec.arms) * self.arm_size

    @property
    def arm_size(self) -> int:
        """Traces of one arm."""
        return len(self.problems) * self.spec.samples

    def places(self, arm: int) -> Iterator[Place]:
        """The traces of an arm, in the order they are made."""
        # Every problem's first sample, then the second ones: figures of half a job are of all its problems.
        for sample in range(self.spec.samples):
            yield from ((arm, problem, sample) for problem in range(len(self.problems)))

    def number(self, place: Place) -> int:
        """A trace's number in the job, from 0."""
        arm, problem, sample = place
        return (arm * len(self.problems) + problem) * self.spec.samples + sample

    def place(self, number: int) -> Place:
        """The trace with this number."""
        rest, sample = divmod(number, self.spec.samples)
        arm, problem = divmod(rest, len(self.problems))
        return arm, problem, sample

    def run_id(self, arm: int, job: str = "") -> str:
        """The identity of an arm's run, in this job or in `job`, which asked for the same."""
        return digest("job", job or self.job.id, str(arm), size=6)

    def trace_id(self, place: Place) -> str:
        """The identity a trace will have in the store."""
        return trace_id(self.run_id(place[0]), self.number(place) % self.arm_size)

    def seed(self, problem: int, sample: int) -> int:
        """The seed of a trace."""
        # The same in every arm: arms are compared problem by problem, and shared draws take noise out of that.
        return trace_seed(self.spec, self.problems[problem], sample)

    def decoding(self, arm: int) -> Decoding:
        """How an arm's tokens are drawn."""
        banned = tuple(identity for identity, _, _ in self.banned[arm])
        return replace(self.spec.decoding, banned=(*self.spec.decoding.banned, *banned))

    def prefix(self, arm: int, opening: Callable[[], str]) -> str:
        """How an arm's responses begin; `opening` is what stands before the first word of a thought."""
        if self.spec.fork:
            return self.fork_text
        words = self.spec.arms[arm].prefix
        return opening() + words if words else ""

    def finished(self, store: Store) -> dict[Place, bool]:
        """The traces that are made already, in the inbox or in a stored run, or have failed: whether each is whole."""
        found = {(kept.arm, kept.problem, kept.sample): not kept.body for kept in store.streams.places(self.job.id)}
        for arm in range(len(self.spec.arms)):
            if store.ledger.find_run(self.run_id(arm)):
                found |= dict.fromkeys(self.places(arm), True)
        return found

    def info(self, arm: int, whole: int, losses: Sequence[Loss]) -> RunInfo:
        """The description of an arm's run, of whose traces so many are `whole`."""
        chosen, model, decoding = self.spec.arms[arm], self.models[arm], self.spec.decoding
        sampling = Sampling(
            temperature=decoding.temperature,
            top_p=decoding.top_p if decoding.top_p < 1 else None,
            top_k=decoding.top_k or None,
            max_tokens=decoding.max_tokens,
            seed=decoding.seed,
            prefix=self.fork_text or chosen.prefix or None,
            hush=self.lexicons[arm],
        )
        return RunInfo(
            model=model.name,
            dataset=self.spec.dataset,
            parent=self.parents[arm],
            variant=chosen.label or None,
            context=chosen.context,
            sampling=sampling,
            format=LIVE if self.spec.live else GENERATED,
            source=f"job {self.job.id}",
            tokenizer=self.tokenizers[arm],
            model_id=model.id,
            job=self.job.id,
            planned=self.arm_size if whole < self.arm_size else None,
            losses=encode(tuple(losses)),
        )

    def payload(self) -> dict[str, Any]:
        """The plan as the first event of the job's stream."""
        arms = [
            {
                "model": model.name,
                "model_id": model.id,
                "label": arm.label,
                "context": arm.context.value,
                "prefix": arm.prefix,
                "hush": arm.hush,
                "banned": [list(one) for one in banned],
                "engine": engine,
            }
            for arm, model, banned, engine in zip(self.spec.arms, self.models, self.banned, self.engines, strict=True)
        ]
        problems = [
            {"id": problem_id(problem.question), "question": problem.question, "gold": problem.gold}
            for problem in self.problems
        ]
        return {"k": "plan", "arms": arms, "problems": problems, "samples": self.spec.samples}


def trace_seed(spec: GenerationSpec, problem: Problem, sample: int) -> int:
    """A trace's seed, from the job's own, the problem's content and the sample's number."""
    # Not the problem's place: a longer list of problems leaves the traces of the first ones as they are. 63 bits,
    # because torch takes a signed number.
    return int(digest(str(spec.decoding.seed), problem_id(problem.question), str(sample)), 16) & (2**63 - 1)
