"""The training process, from its plan to its last checkpoint; `train_plan` describes its input and output.

Owns the order: read the plan, load the model, find the checkpoint to resume from, train.
"""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from backend.child_process import follow_input, json_output
from backend.distill import arguments, length_check, own_responses, trainers
from backend.distill.callbacks import Watch, newest_checkpoint, restore_teacher
from backend.distill.evaluator import Emit, Evaluator, Prompts
from backend.distill.reply_reader import Reader
from backend.distill.rollouts import Sampler, ends
from backend.distill.settings import Method
from backend.distill.train_plan import WHOLE, TrainingProblem, TrainPlan
from backend.domain import UserError, visible


def main(folder: Path) -> int:
    """Run the training whose plan is in `folder`; returns the exit code: 0 done or paused, 3 failed with a reason."""
    emit, pause = json_output(ascii_only=False), _pause_requested()
    transformers_logging.set_verbosity_error()
    try:
        run(TrainPlan.read(folder), folder, emit, pause.is_set)
    except UserError as error:
        emit({"k": "failed", "reason": str(error)})
        return 3
    # Other errors end the process with a traceback in its log; for this one a person knows remedies.
    except torch.cuda.OutOfMemoryError:
        remedies = "a smaller micro batch, shorter responses, an adapter (LoRA) instead of all weights, or more GPUs"
        emit({"k": "failed", "reason": f"The GPU's memory is not enough. Choose {remedies}."})
        return 3
    return 0


def run(plan: TrainPlan, folder: Path, emit: Emit, pausing: Callable[[], bool]) -> None:
    """Train, or resume from the last whole checkpoint. Raises UserError where that can't be done or goes wrong."""
    # With torch's own number of threads on a busy machine, a step took 8 to 27 seconds instead of 1.5.
    if plan.threads:
        torch.set_num_threads(plan.threads)
    model, tokenizer = _load(plan)
    reader, prompts = Reader(tokenizer, ends(model, tokenizer), plan.lexicons), Prompts(tokenizer)
    evaluator = Evaluator(plan, reader, prompts)
    _check(plan, model, prompts)
    reached, checkpoint = newest_checkpoint(folder) or (0, None)
    # Checkpoints that were being written when the process died, and those of steps that are trained again now.
    if _first_process():
        for path in folder.glob("checkpoint-*"):
            if not (path / WHOLE).is_file() or int(path.name.rpartition("-")[2]) > reached:
                shutil.rmtree(path)
    device = torch.cuda.get_device_name() if model.device.type == "cuda" else "CPU"
    begun = {"step": reached, "steps": plan.settings.steps, "train": len(plan.items), "device": device}
    emit({"k": "begin", **begun, "prompts": _shown(plan, prompts)})
    watch = Watch(plan, emit, reader, evaluator, pausing)
    # A resumed training has reported step 0 already.
    if checkpoint is None and _first_process():
        emit({"k": "note", "text": "answering as it is before anything is taught"})
        watch.report_start(Sampler(model, tokenizer))
    if reached < plan.settings.steps:
        trainer = trainers.build(plan, folder, model, tokenizer, reader, _rows(plan, model, reader, prompts, emit))
        trainer.add_callback(watch)
        watch.trainer = trainer
        if checkpoint:
            restore_teacher(trainer, checkpoint)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        reached = int(trainer.state.global_step)
    if _first_process():
        emit({"k": "paused" if watch.paused else "done", "step": reached})


def _load(plan: TrainPlan) -> tuple[Any, Any]:
    """Model and tokenizer; only safetensors are read, and no code that comes with a model is run."""
    cuda = torch.cuda.is_available()
    # Trained weights stay in float32, or small updates would be rounded away; those below an adapter don't change.
    half = cuda and plan.settings.lora_rank > 0
    try:
        tokenizer = AutoTokenizer.from_pretrained(plan.base, trust_remote_code=False, padding_side="left")
        model: Any = AutoModelForCausalLM.from_pretrained(
            plan.base, use_safetensors=True, trust_remote_code=False, dtype=torch.bfloat16 if half else torch.float32
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise UserError(f"The model in {visible(plan.base)} can't be read: {visible(str(error), 300)}.") from error
    return model.to(f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if cuda else "cpu"), tokenizer


def _rows(plan: TrainPlan, model: Any, reader: Reader, prompts: Prompts, emit: Emit) -> list[Any]:
    """The training data: problems, or for SFT the base's own responses to them."""
    if plan.settings.method is not Method.SFT:
        return list(plan.items)
    emit({"k": "note", "text": f"writing responses to {len(plan.items):,} problems to learn from"})
    tokenizer = reader.tokenizer
    found = own_responses.pairs(plan, Sampler(model, tokenizer), reader, prompts.ids, int(tokenizer.eos_token_id))
    emit({"k": "note", "text": f"learning from {own_responses.sizes(found)}"})
    return list(found)


def _check(plan: TrainPlan, model: Any, prompts: Prompts) -> None:
    """Raise UserError for what can't be trained, before anything has begun."""
    plan.settings.check()
    if not plan.items and plan.settings.steps:
        raise UserError("There is no problem to train on: choose a problem set that has some.")
    arguments.check_vllm(plan)
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    length_check.check(plan, int(most or 10**9), lambda turn: len(prompts.ids(turn)))


def _shown(plan: TrainPlan, prompts: Prompts) -> dict[str, str]:
    if not plan.items:
        return {}
    first: TrainingProblem = plan.items[0]
    shown = {"student": prompts.text(first.question)}
    if plan.settings.method is Method.SDFT:
        shown["teacher"] = prompts.text(length_check.teacher_turns(plan)[0])
    return shown


def _first_process() -> bool:
    # Under accelerate every process runs all of this; the first one alone reports and writes.
    return os.environ.get("RANK", "0") == "0"


def _pause_requested() -> Event:
    """Set once the line `pause` has come. The process ends as soon as a pipe to it closes: its parent is gone."""
    pause = Event()
    # Started by hand, in a terminal or with no input at all, it has no parent to outlive.
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        follow_input(lambda line: pause.set() if line.strip() == b"pause" else None, lambda: os._exit(4))
    return pause
