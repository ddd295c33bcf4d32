"""Asking a model that is being trained: the problems it trains on, those that are watched, whole evaluations.

Owns prompts and seeds, which are the same at every step: answers differ in the weights alone. Knows nothing of
trainers.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from backend.distill.contexts import user_turn
from backend.distill.reply_reader import Reader, Reply
from backend.distill.rollouts import Sampler, seed_of
from backend.distill.shared_files import kept
from backend.distill.train_plan import Evaluation, TrainingProblem, TrainPlan
from backend.domain import Context, digest, problem_id

Say = Callable[[dict[str, Any]], None]

_WATCHED_TEMPERATURE: Final = 0.8


class Prompts:
    """User turns as a tokenizer's chat template has them."""

    def __init__(self, tokenizer: Any) -> None:
        """A tokenizer without a template shows the turn as it is."""
        self._tokenizer = tokenizer

    def text(self, turn: str) -> str:
        """The prompt, opened for the model's answer."""
        if not self._tokenizer.chat_template:
            return turn
        turns = [{"role": "user", "content": turn}]
        return str(self._tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))

    def ids(self, turn: str) -> list[int]:
        """The prompt as ids; a template has put the marks of the beginning in itself."""
        special = not self._tokenizer.chat_template
        return list(self._tokenizer(self.text(turn), add_special_tokens=special).input_ids)


class Evaluator:
    """Draws and reads answers for one plan."""

    def __init__(self, plan: TrainPlan, reader: Reader, prompts: Prompts) -> None:
        """`reader` grades and counts."""
        self._plan, self._reader, self._prompts = plan, reader, prompts

    def probe(self, sampler: Sampler, count: int) -> list[Reply]:
        """Replies to the first `count` problems of the training set, as rollouts are drawn."""
        items = self._plan.items[:count]
        seeds = [seed_of("probe", self._plan.settings.seed, place) for place in range(len(items))]
        return self._draw(sampler, items, [item.question for item in items], seeds, self._plan.settings.temperature)

    def watched(self, sampler: Sampler) -> list[dict[str, Any]]:
        """Replies to the watched problems, as lines of the protocol hold them."""
        items = self._plan.watched
        seeds = [seed_of("watched", place) for place in range(len(items))]
        replies = self._draw(sampler, items, [item.question for item in items], seeds, _WATCHED_TEMPERATURE)
        return [{"problem": place, **reply.to_json()} for place, reply in enumerate(replies)]

    def evaluate(self, sampler: Sampler, step: int, *, whole: bool, say: Say) -> None:
        """Say every evaluation of the plan; `whole` ones take all problems and samples."""
        for number, asked in enumerate(self._plan.evaluations):
            if asked.ends and not whole:
                continue
            items = asked.items if whole or not asked.first else asked.items[: asked.first]
            samples = asked.last_samples if whole else asked.samples
            file = self._known(asked) if step == 0 else None
            traces = kept(file, lambda a=asked, i=items, n=samples: self._traces(sampler, a, i, n))  # type: ignore[misc]
            say({"k": "traces", "step": step, "evaluation": number, "traces": traces})

    def _known(self, asked: Evaluation) -> Path | None:
        """Where the base's answers are kept: every training of it begins with the same."""
        if not self._plan.shared:
            return None
        what = json.dumps([self._plan.base, self._plan.settings.max_tokens, dataclasses.asdict(asked)])
        return Path(self._plan.shared) / f"base-{digest(what)}.json"

    def _traces(
        self, sampler: Sampler, asked: Evaluation, items: Sequence[TrainingProblem], samples: int
    ) -> list[dict[str, Any]]:
        turns = self._turns(sampler, asked, items)
        places = [(place, sample) for sample in range(samples) for place in range(len(items))]
        seeds = [seed_of(asked.seed, problem_id(items[place].question), sample) for place, sample in places]
        each = [(items[place], turns[place]) for place, _ in places]
        replies = self._draw(sampler, [i for i, _ in each], [t for _, t in each], seeds, asked.temperature)
        shown = [self._prompts.text(turn) for turn in turns]
        return [
            {"problem": place, "sample": sample, "prompt": shown[place], "seed": seed, **reply.to_json()}
            for (place, sample), seed, reply in zip(places, seeds, replies, strict=True)
        ]

    def _turns(self, sampler: Sampler, asked: Evaluation, items: Sequence[TrainingProblem]) -> list[str]:
        """One user turn a problem under the evaluation's context."""
        hints = [item.solution for item in items]
        if asked.context is Context.PLACEBO:
            hints = [*hints[1:], *hints[:1]]
        elif asked.context is Context.REGENERATED:
            guided = [user_turn(item.question, Context.SOLUTION, solution=item.solution) for item in items]
            seeds = [seed_of("regenerated", asked.seed, problem_id(item.question)) for item in items]
            hints = [reply.text for reply in self._draw(sampler, items, guided, seeds, asked.temperature)]
        return [
            user_turn(item.question, asked.context, solution=hint, gold=item.gold)
            for item, hint in zip(items, hints, strict=True)
        ]

    def _draw(
        self,
        sampler: Sampler,
        items: Sequence[TrainingProblem],
        turns: Sequence[str],
        seeds: Sequence[int],
        temperature: float,
    ) -> list[Reply]:
        prompts = [self._prompts.ids(turn) for turn in turns]
        drawn = sampler.draw(prompts, seeds, temperature, self._plan.settings.max_tokens)
        return [self._reader.reply(item, ids) for item, ids in zip(items, drawn, strict=True)]
