"""Evaluates a model during its training: a probe of the training set, the watched problems, whole evaluations.

Prompts and seeds are the same at every step, so that responses differ by the weights alone.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from backend.distill.contexts import user_turn
from backend.distill.reply_reader import Reader, Reply
from backend.distill.rollouts import Sampler, seed_of
from backend.distill.shared_files import cached
from backend.distill.train_plan import Evaluation, TrainingProblem, TrainPlan
from backend.domain import Context, digest, problem_id

Emit = Callable[[dict[str, Any]], None]

_WATCHED_TEMPERATURE: Final = 0.8


class Prompts:
    """Prompts by a tokenizer's chat template."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def text(self, turn: str) -> str:
        """The prompt of a user message, opened for the model's answer."""
        if not self._tokenizer.chat_template:
            return turn
        turns = [{"role": "user", "content": turn}]
        return str(self._tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))

    def ids(self, turn: str) -> list[int]:
        """The prompt of a user message as ids."""
        # A template writes the beginning-of-text token itself.
        special = not self._tokenizer.chat_template
        return list(self._tokenizer(self.text(turn), add_special_tokens=special).input_ids)


class Evaluator:
    """Samples and grades responses for one plan."""

    def __init__(self, plan: TrainPlan, reader: Reader, prompts: Prompts) -> None:
        self._plan, self._reader, self._prompts = plan, reader, prompts

    def probe(self, sampler: Sampler, count: int) -> list[Reply]:
        """Replies to the first `count` problems of the training set, sampled like rollouts."""
        items = self._plan.items[:count]
        seeds = [seed_of("probe", self._plan.settings.seed, place) for place in range(len(items))]
        return self._draw(sampler, items, [item.question for item in items], seeds, self._plan.settings.temperature)

    def watched(self, sampler: Sampler) -> list[dict[str, Any]]:
        """Replies to the watched problems, as JSON for a step's event."""
        items = self._plan.watched
        seeds = [seed_of("watched", place) for place in range(len(items))]
        replies = self._draw(sampler, items, [item.question for item in items], seeds, _WATCHED_TEMPERATURE)
        return [{"problem": place, **reply.to_json()} for place, reply in enumerate(replies)]

    def evaluate(self, sampler: Sampler, step: int, *, whole: bool, emit: Emit) -> None:
        """Run every evaluation of the plan and emit its traces; `whole` ones take all problems and samples."""
        for number, asked in enumerate(self._plan.evaluations):
            if asked.ends and not whole:
                continue
            items = asked.items if whole or not asked.first else asked.items[: asked.first]
            samples = asked.last_samples if whole else asked.samples
            file = self._known(asked) if step == 0 else None
            traces = cached(file, partial(self._traces, sampler, asked, items, samples))
            emit({"k": "traces", "step": step, "evaluation": number, "traces": traces})

    def _known(self, asked: Evaluation) -> Path | None:
        """The file with the base's answers: every training of a base begins with the same ones."""
        if not self._plan.shared:
            return None
        # All that the answers depend on, besides the code.
        what = json.dumps([self._plan.base, self._plan.settings.max_tokens, dataclasses.asdict(asked)])
        return Path(self._plan.shared) / f"base-{digest(what)}.json"

    def _traces(
        self, sampler: Sampler, asked: Evaluation, items: Sequence[TrainingProblem], samples: int
    ) -> list[dict[str, Any]]:
        turns = self._turns(sampler, asked, items)
        places = [(place, sample) for sample in range(samples) for place in range(len(items))]
        # By question, not by place: the first few problems get the same responses here as in the whole evaluation.
        seeds = [seed_of(asked.seed, problem_id(items[place].question), sample) for place, sample in places]
        each = [(items[place], turns[place]) for place, _ in places]
        replies = self._draw(sampler, [i for i, _ in each], [t for _, t in each], seeds, asked.temperature)
        shown = [self._prompts.text(turn) for turn in turns]
        return [
            {"problem": place, "sample": sample, "prompt": shown[place], "seed": seed, **reply.to_json()}
            for (place, sample), seed, reply in zip(places, seeds, replies, strict=True)
        ]

    def _turns(self, sampler: Sampler, asked: Evaluation, items: Sequence[TrainingProblem]) -> list[str]:
        """The user message of each problem under the evaluation's context."""
        hints = [item.solution for item in items]
        # A placebo is the next problem's solution; a regenerated one is what the model writes with the solution in
        # view.
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
