"""From our settings to the arguments of TRL's configurations.

Owns the names of TRL 1.16 and the defaults of its that are not left alone. Loads no model library, so that what a job
would run with can be tested and shown anywhere.

Left as they are, TRL's defaults would cut the question off a long teacher prompt (`max_prompt_length` 512), divide
GRPO's advantages by their deviation, save memory that a small model needn't save (`gradient_checkpointing`) and forget
to make SDPO a distillation over many tokens (`distillation_mode`, `distillation_alpha`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from backend.distill.plan import TrainPlan
from backend.distill.settings import Method, Settings, Teacher

_TEACHERS: Final = {Teacher.FIXED: "base", Teacher.EMA: "ema", Teacher.LIVE: "live"}
_SCHEDULES: Final = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}
_SUCCESS: Final = 0.5
_NO_LIMIT: Final = 10**9


def arguments(plan: TrainPlan, folder: Path, *, cuda: bool = False, processes: int = 1) -> dict[str, Any]:
    """Keyword arguments for SFTConfig, SDFTConfig, SDPOConfig or GRPOConfig, whichever the plan's method has.

    A step's rollouts are shared out among `processes`; `cuda` has them run in bfloat16.
    """
    settings = plan.settings
    return _common(plan, folder, cuda, processes) | {
        Method.SFT: _sft,
        Method.SDFT: _self_distillation,
        Method.SDPO: _sdpo,
        Method.GRPO: _grpo,
    }[settings.method](settings, rows_and_parts(settings, processes)[1])


def rows_and_parts(settings: Settings, processes: int = 1) -> tuple[int, int]:
    """Rows that go through the model of each process at once, and how often in an update (gradient accumulation)."""
    update = settings.rollouts // settings.updates
    rows = settings.micro_batch or -(-update // processes)
    return rows, max(1, update // (rows * processes))


def copies(settings: Settings, problems: int) -> int:
    """How often the data set has to be repeated for a step to find enough problems: a step takes each at most once."""
    wanted = settings.rollouts if settings.method is Method.SFT else settings.prompts
    return max(1, -(-wanted // problems))


def save_steps(plan: TrainPlan) -> int:
    """Steps between checkpoints: whole batches of rollouts, for a resumed run samples its own anew."""
    updates = plan.settings.updates
    return max(1, -(-plan.checkpoint_every // updates)) * updates


def _common(plan: TrainPlan, folder: Path, cuda: bool, processes: int) -> dict[str, Any]:
    settings = plan.settings
    rows, parts = rows_and_parts(settings, processes)
    return {
        "output_dir": str(folder),
        "seed": settings.seed,
        "max_steps": settings.steps,
        "per_device_train_batch_size": rows,
        "gradient_accumulation_steps": parts,
        "learning_rate": settings.learning_rate,
        "warmup_steps": settings.warmup,
        "lr_scheduler_type": _SCHEDULES[settings.schedule.value],
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.clip_norm,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": save_steps(plan),
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": not cuda,
        "bf16": cuda,
        "gradient_checkpointing": cuda,
        "dataloader_pin_memory": cuda,
        "push_to_hub": False,
    }


def _rollouts(settings: Settings, parts: int) -> dict[str, Any]:
    return {
        "num_generations": settings.samples,
        "steps_per_generation": parts * settings.updates,
        "max_completion_length": settings.max_tokens,
        "temperature": settings.temperature,
        "shuffle_dataset": False,
    }


def _sft(settings: Settings, parts: int) -> dict[str, Any]:
    return {"max_length": None, "packing": False, "dataset_kwargs": {"skip_prepare_dataset": True}}


def _self_distillation(settings: Settings, parts: int) -> dict[str, Any]:
    full = not settings.top_k
    return _rollouts(settings, parts) | {
        "max_prompt_length": None,
        "distillation_mode": "full_logits" if full else "topk_logits",
        "distillation_topk": None if full else settings.top_k,
        "distillation_alpha": settings.alpha,
        "distillation_add_tail": settings.tail,
        "distillation_is_clip": settings.ratio_clip,
        "teacher_model_kind": _TEACHERS[settings.teacher],
        "teacher_update_rate": settings.teacher_rate,
    }


def _sdpo(settings: Settings, parts: int) -> dict[str, Any]:
    return _self_distillation(settings, parts) | {
        "distillation_weight": 1.0,
        "success_reward_threshold": _SUCCESS,
        "dont_reprompt_on_self_success": True,
        "scale_rewards": "none",
        "solution_template": "{successful_previous_attempt}",
        "max_reprompt_len": _NO_LIMIT,
    }


def _grpo(settings: Settings, parts: int) -> dict[str, Any]:
    return _rollouts(settings, parts) | {
        "beta": 0.0,
        "scale_rewards": "none",
        "loss_type": "bnpo",
        "epsilon": settings.epsilon_low,
        "epsilon_high": settings.epsilon_high,
    }
