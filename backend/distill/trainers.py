"""TRL's trainers with our decoder for rollouts, our loss, and the facts of each step gathered for its report.

Owns the differences from TRL 1.16.0; each says why. The trainers override private methods, hence the exact version.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer
from trl.experimental.sdft import SDFTConfig, SDFTTrainer
from trl.experimental.sdft.sdft_trainer import DemonstrationTeacherContextBuilder
from trl.experimental.sdpo import SDPOConfig, SDPOTrainer
from trl.experimental.sdpo.sdpo_trainer import SuccessfulRolloutTeacherContextBuilder
from trl.trainer.utils import selective_log_softmax

from backend.distill import arguments, objective
from backend.distill.batches import in_parts
from backend.distill.contexts import user_turn
from backend.distill.length_check import teacher_turn
from backend.distill.reply_reader import Reader, Reply, shares
from backend.distill.rollouts import Sampler, seed_of
from backend.distill.settings import Method, TrainingSettings
from backend.distill.train_plan import TrainingProblem, TrainPlan

_MEASURED_ROWS = 64  # responses of a step whose divergence is split into cues and the rest; matching takes its time


class StepFacts:
    """Facts of the current step, gathered over its batches: replies to the rollouts, and sums over tokens."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self._sums: dict[str, float] = {}
        self._rows: list[list[float]] = []
        self._marks: list[list[bool]] = []

    def add(self, terms: objective.Terms, mask: torch.Tensor, ids: torch.Tensor, reader: Reader) -> None:
        """Add the terms of one batch."""
        counted = mask.float()
        named = {"divergence": terms.divergence, "student_entropy": terms.student_entropy}
        for name, values in (named | {"teacher_entropy": terms.teacher_entropy}).items():
            self._sums[name] = self._sums.get(name, 0.0) + float((values * counted).sum())
        self._sums["count"] = self._sums.get("count", 0.0) + float(counted.sum())
        lengths = mask.sum(-1).tolist()
        for row in range(min(len(lengths), max(0, _MEASURED_ROWS - len(self._rows)))):
            if size := int(lengths[row]):
                self._rows.append(terms.divergence[row, :size].tolist())
                self._marks.append(reader.cue_tokens(ids[row, :size].tolist()))

    def values(self) -> dict[str, Any]:
        """Means over tokens; empty where nothing was distilled."""
        count = self._sums.get("count", 0.0)
        if not count:
            return {}
        means = {name: total / count for name, total in self._sums.items() if name != "count"}
        return means | dict(shares(self._rows, self._marks)) | {"taught": int(count)}


class RolloutTrainer:
    """What trainers with rollouts have in common, a base beside one of TRL's; `equip` has to be called once."""

    reader: Reader
    items: dict[str, TrainingProblem]
    settings: TrainingSettings

    def equip(self, settings: TrainingSettings, reader: Reader, items: Sequence[TrainingProblem]) -> None:
        """Set what is needed beside TRL's own arguments."""
        self.settings, self.reader = settings, reader
        self.items = {item.question: item for item in items}
        self.facts = StepFacts()

    def take_facts(self) -> StepFacts:
        """The facts of the step; the next one begins."""
        taken, self.facts = self.facts, StepFacts()
        return taken

    def own_decoder(self: Any) -> bool:
        """Whether our decoder can sample: the weights are whole in this process, and vLLM isn't asked for."""
        return not self.use_vllm and self.accelerator.num_processes == 1

    def draw(self: Any, prompt_ids: list[list[int]]) -> list[list[int]]:
        """Sample a response to each prompt."""
        # The seed follows from step and place, so a resumed training samples what an uninterrupted one would have.
        step = self.state.global_step
        seeds = [seed_of("rollout", self.settings.seed, step, place) for place in range(len(prompt_ids))]
        sampler = Sampler(self.accelerator.unwrap_model(self.model), self._tokenizer)
        return sampler.draw(prompt_ids, seeds, self.settings.temperature, self.settings.max_tokens)

    def note_replies(self, questions: Sequence[str], ids: Sequence[Sequence[int]]) -> list[Reply]:
        """Grade the responses to `questions`, and add them to the step's facts."""
        found = [self.reader.reply(self.items[q], row) for q, row in zip(questions, ids, strict=True)]
        self.facts.replies += found
        return found


class DistillingTrainer(RolloutTrainer):
    """What SDFT and SDPO have in common: our decoder, our batching, our loss."""

    def _forward_logits(self, model: Any, input_ids: Any, attention_mask: Any, logits_to_keep: int) -> torch.Tensor:
        forward = super()._forward_logits  # type: ignore[misc]
        return in_parts(lambda *part: (forward(model, *part),), input_ids, attention_mask, logits_to_keep)[0]

    def _generate(self, prompt_ids: list[list[int]]) -> tuple[list[list[int]], list[list[int]]]:
        if not self.own_decoder():
            return super()._generate(prompt_ids)  # type: ignore[misc]
        return prompt_ids, self.draw(prompt_ids)

    def _compute_self_distillation_loss(self: Any, model: Any, inputs: dict[str, Any], logits: Any) -> torch.Tensor:
        mask = logits.loss_mask
        if not mask.any():
            return logits.student_logits.sum() * 0.0  # a gradient of zeros: the optimizer still has to find one
        terms = objective.terms(
            self.settings,
            logits.student_logits,
            logits.teacher_logits,
            logits.completion_ids,
            mask,
            inputs.get("advantages"),
        )
        loss = terms.loss
        if (before := inputs.get("old_per_token_logps")) is not None:
            # In the second and later updates of a batch the student is no longer the one that wrote the rollouts.
            now = selective_log_softmax(logits.student_logits, logits.completion_ids).detach()
            loss = loss * (now - before).clamp(-20, 20).exp().clamp(max=self.settings.ratio_clip)
        self.facts.add(terms, mask, logits.completion_ids, self.reader)
        # The mean over tokens that have a teacher, as in the paper's code. TRL takes the mean over responses of their
        # means, responses without a teacher included: with few successes its steps would shrink.
        return objective.token_mean(loss, mask)


class SelfDistillationTrainer(DistillingTrainer, SDFTTrainer):
    """SDFT; the teacher's message comes ready-made in `privileged_context`."""

    def _prepare_training_batch(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch = super()._prepare_training_batch(inputs)
        questions = [example["prompt"][-1]["content"] for example in inputs]
        self.note_replies(questions, self._get_completion_ids_list(batch))
        return batch


class WholePromptBuilder(DemonstrationTeacherContextBuilder):
    """Takes the privileged context for the teacher's whole message, without a template of TRL's around it."""

    # TRL fills its template with str.format, and solutions are full of braces.
    def _compose_teacher_prompt(self, prompt: Any, privileged_context: Any) -> Any:
        return [*prompt[:-1], {"role": "user", "content": privileged_context}]


class SiblingDistillationTrainer(DistillingTrainer, SDPOTrainer):
    """SDPO: the teacher is shown a successful sibling, in the paper's words."""


class SiblingPromptBuilder(SuccessfulRolloutTeacherContextBuilder):
    """Builds the paper's re-prompt."""

    # Thinking is removed by the paper's two rules. TRL's one rule misses it where the prompt has opened the tag
    # already.
    def _build_reprompt_text(self, prompt_text: str, solution_text: str, feedback_text: str) -> str:
        shown = self.trainer.settings.context
        return user_turn(prompt_text, shown, solution=solution_text, template="teacher")


class RewardTrainer(RolloutTrainer, GRPOTrainer):
    """GRPO as in the paper."""

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Any, attention_mask: Any, logits_to_keep: int, *rest: Any, **options: Any
    ) -> tuple[Any, Any, Any]:
        inner = super()._get_per_token_logps_and_entropies

        def forward(ids: torch.Tensor, mask: torch.Tensor, keep: int) -> tuple[torch.Tensor, ...]:
            found = inner(model, ids, mask, keep, *rest, **options)
            # Which of the two are there depends on the options; parts are joined as tensors.
            return tuple(values for values in found[:2] if values is not None)

        found = in_parts(forward, input_ids, attention_mask, logits_to_keep)
        return found[0], found[1] if len(found) > 1 else None, None

    def _generate_single_turn(
        self,
        prompt_ids: list[list[int]],
        images: Any,
        multimodal_fields: Any,
        num_generations: int,
        has_tool_images: bool = False,
    ) -> tuple[list[list[int]], Any]:
        if not self.own_decoder():
            return super()._generate_single_turn(
                prompt_ids, images, multimodal_fields, num_generations, has_tool_images
            )
        return self.draw(prompt_ids), None


class ImitationTrainer(SFTTrainer):
    """SFT on ready token ids; it has no rollouts, so a step's facts are empty."""

    def take_facts(self) -> StepFacts:
        """See `RolloutTrainer`."""
        return StepFacts()


def build(plan: TrainPlan, folder: Path, model: Any, tokenizer: Any, reader: Reader, rows: Sequence[Any]) -> Any:
    """The trainer of a plan. `rows` are training problems, or for SFT (prompt ids, response ids) pairs.

    The model has to have been loaded from the folder its configuration names: TRL loads a fixed teacher from there.
    """
    settings = plan.settings
    # accelerate says in WORLD_SIZE among how many processes an update's rows are divided.
    given = arguments.arguments(
        plan, folder, cuda=model.device.type == "cuda", processes=int(os.environ.get("WORLD_SIZE", "1"))
    )
    many = list(rows) * arguments.copies(settings, len(rows))
    shared: dict[str, Any] = {"model": model, "processing_class": tokenizer, "peft_config": _lora(settings)}
    if settings.method is Method.SFT:
        return ImitationTrainer(args=SFTConfig(**given), train_dataset=_labelled(many), **shared)
    data = _prompts(many, settings)
    trainer: Any
    if settings.method is Method.SDFT:
        trainer = SelfDistillationTrainer(args=SDFTConfig(**given), train_dataset=data, **shared)
        trainer.teacher_context_builder = WholePromptBuilder(trainer)
    else:
        siblings = settings.method is Method.SDPO
        kind: Any = SiblingDistillationTrainer if siblings else RewardTrainer
        config: Any = SDPOConfig if siblings else GRPOConfig
        # The reward needs the trainer, which needs the reward: it is looked up when it is called.
        trainer = kind(args=config(**given), reward_funcs=_reward(lambda: trainer), train_dataset=data, **shared)
        if settings.method is Method.SDPO:
            trainer.teacher_context_builder = SiblingPromptBuilder(trainer)
    trainer.equip(settings, reader, rows)
    return trainer


def _reward(trainer: Callable[[], Any]) -> Callable[..., list[float]]:
    """A reward of 1 for right, 0 for wrong or unknown, by the grader of the rest of the project."""

    def correct(prompts: list[Any], completion_ids: list[list[int]], **_: Any) -> list[float]:
        questions = [prompt[-1]["content"] for prompt in prompts]
        return [float(bool(reply.correct)) for reply in trainer().note_replies(questions, completion_ids)]

    return correct


def _prompts(items: Sequence[TrainingProblem], settings: TrainingSettings) -> Dataset:
    rows = []
    for place, item in enumerate(items):
        row: dict[str, Any] = {"prompt": [{"role": "user", "content": item.question}]}
        if settings.method is Method.SDFT:
            row["privileged_context"] = teacher_turn(item, settings, items[(place + 1) % len(items)])
        rows.append(row)
    return Dataset.from_list(rows)


def _labelled(pairs: Sequence[tuple[list[int], list[int]]]) -> Dataset:
    """Rows for SFT, with the loss on the response alone."""
    return Dataset.from_list(
        [{"input_ids": [*before, *after], "labels": [-100] * len(before) + after} for before, after in pairs]
    )


def _lora(settings: TrainingSettings) -> LoraConfig | None:
    if not settings.lora_rank:
        return None
    return LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha or 2 * settings.lora_rank,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
