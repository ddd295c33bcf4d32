"""The trainer callback: reports every step, evaluates when it is time, completes checkpoints, stops what diverges."""

import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from safetensors.torch import load_model, save_model
from transformers import TrainerCallback

from backend.distill.evaluator import Emit, Evaluator
from backend.distill.reply_reader import Reader, Reply
from backend.distill.rollouts import Sampler
from backend.distill.settings import Method, Teacher
from backend.distill.train_plan import WHOLE, TrainPlan
from backend.distill.weight_change import why_untrained
from backend.domain import UserError

TEACHER: Final = "teacher.safetensors"
# What only the newest checkpoint needs; the optimizer's state is twice the size of the weights.
_RESUMING: Final = ("optimizer.pt", "scheduler.pt", "rng_state*.pth", TEACHER, "scaler.pt")
_SHOWN: Final = 4  # rollouts of a step that are reported with their text
_PROBED: Final = 16  # problems answered at a step of SFT, which has no rollouts
_FIRST, _WORSE, _LEAST_LOSS = 5, 5.0, 0.1


class Watch(TrainerCallback):
    """Reports what a trainer does; `trainer` is set once there is one."""

    def __init__(
        self, plan: TrainPlan, emit: Emit, reader: Reader, evaluator: Evaluator, pausing: Callable[[], bool]
    ) -> None:
        """`emit` writes one event; `pausing`, asked after every step, says whether to stop at a checkpoint."""
        self._plan, self._emit, self._reader = plan, emit, reader
        self._evaluator, self._pausing = evaluator, pausing
        self.trainer: Any = None
        self.paused = False
        self._losses: list[float] = []
        self._since = time.monotonic()

    def report_start(self, sampler: Sampler) -> None:
        """Report step 0: the model before any update."""
        replies = self._evaluator.probe(sampler, self._plan.settings.prompts)
        self._report(0, self._reader.values(replies), replies, sampler)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock of the first step."""
        # Not earlier: the time for evaluations before it isn't the step's.
        self._since = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Save at the end, and where a pause was asked for."""
        # Between two updates of one batch of rollouts there is nothing to resume from: the batch would be sampled anew.
        whole = state.global_step % self._plan.settings.updates == 0
        self.paused = whole and self._pausing() and state.global_step < state.max_steps
        control.should_training_stop = control.should_training_stop or self.paused
        control.should_save = control.should_save or self.paused or state.global_step >= state.max_steps

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        """Report a finished step. Raises UserError where the training has diverged."""
        if not logs or "loss" not in logs or not state.is_world_process_zero:
            return
        self._refuse_divergence(state.global_step, logs)
        facts = self.trainer.take_facts()
        sampler = self._sampler(state)
        replies = facts.replies
        if sampler and not replies and self._plan.settings.method is Method.SFT:
            replies = self._evaluator.probe(sampler, _PROBED)
        values = {"loss": logs["loss"], "grad_norm": logs.get("grad_norm"), "learning_rate": logs.get("learning_rate")}
        values |= self._reader.values(replies) | ({"student_entropy": logs["entropy"]} if "entropy" in logs else {})
        now = time.monotonic()
        values |= facts.values() | {"seconds": now - self._since}
        self._report(state.global_step, values, replies, sampler)
        self._since = time.monotonic()

    def _sampler(self, state: Any) -> Sampler | None:
        """The present weights, ready to sample; None where this step isn't watched, or FSDP has them in shards."""
        step, plan = state.global_step, self._plan
        wanted = step == state.max_steps or not (step % plan.watch_every and step % plan.evaluate_every)
        if not wanted or self.trainer.is_fsdp_enabled:
            return None
        return Sampler(self.trainer.accelerator.unwrap_model(self.trainer.model), self._reader.tokenizer)

    def _report(self, step: int, values: dict[str, Any], replies: Sequence[Reply], sampler: Sampler | None) -> None:
        every = max(1, len(replies) // _SHOWN)
        asked = [{"question": r.item.question, "gold": r.item.gold, **r.to_json()} for r in replies[::every][:_SHOWN]]
        last = step == self._plan.settings.steps
        watched = self._evaluator.watched(sampler) if sampler and (last or not step % self._plan.watch_every) else []
        self._emit({"k": "step", "step": step, "values": values, "sampled": asked, "watched": watched})
        if sampler and (last or not step % self._plan.evaluate_every):
            self._evaluator.evaluate(sampler, step, whole=last or step == 0, emit=self._emit)

    def _refuse_divergence(self, step: int, logs: dict[str, float]) -> None:
        loss, norm = logs["loss"], logs.get("grad_norm", 0.0)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            what = f"the loss is {loss:g} and the size of its gradient {norm:g}"
        else:
            self._losses.append(loss)
            first, late = self._losses[:_FIRST], self._losses[-_FIRST:]
            # The lowest of the first losses, not their median: a rate far too high has spoilt the model by the second
            # step. The limit is half a nat or more, and has to be below ln 2, which no Jensen-Shannon divergence
            # exceeds.
            limit = _WORSE * max(min(first), _LEAST_LOSS)
            # GRPO's loss says nothing: with one update a batch its value is about 0 whatever happens.
            if self._plan.settings.method is Method.GRPO or len(self._losses) < 2 * _FIRST or min(late) <= limit:
                return
            what = f"the loss was {min(first):.3g} and has been above {limit:.3g} for {_FIRST} steps"
        raise UserError(
            f"Training diverged at step {step}: {what}. The checkpoints before it are kept. "
            "Try a lower learning rate, or a warm-up."
        )

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Complete a checkpoint: add what TRL leaves out, mark it as whole, thin out older ones."""
        if not state.is_world_process_zero:
            return
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        settings = self._plan.settings
        # TRL 1.16 saves no moving teacher, and starts it at the base again when a training resumes.
        if settings.teacher is Teacher.EMA and settings.method in (Method.SDFT, Method.SDPO):
            save_model(self.trainer.accelerator.unwrap_model(self.trainer.teacher_model), str(folder / TEACHER))
        untrained = why_untrained(Path(self._plan.base), folder, TEACHER)
        # Last: a process that dies while it saves leaves a checkpoint without this file.
        whole = {"step": state.global_step} | ({"untrained": untrained} if untrained else {})
        (folder / WHOLE).write_text(json.dumps(whole), encoding="utf-8")
        self._emit({"k": "checkpoint", "step": state.global_step, "folder": folder.name})
        for older in folder.parent.glob("checkpoint-*"):
            if older != folder:
                for pattern in _RESUMING:
                    for file in older.glob(pattern):
                        file.unlink()


def restore_teacher(trainer: Any, checkpoint: Path) -> None:
    """Load the moving teacher's weights from `checkpoint`, where there are any."""
    if (file := checkpoint / TEACHER).is_file():
        load_model(trainer.accelerator.unwrap_model(trainer.teacher_model), str(file))


def newest_checkpoint(folder: Path) -> tuple[int, Path] | None:
    """The step and folder of the last checkpoint that is whole and can be resumed from."""
    found = [(int(path.name.rpartition("-")[2]), path) for path in folder.glob("checkpoint-*")]
    whole = [(step, path) for step, path in found if (path / WHOLE).is_file() and (path / "optimizer.pt").is_file()]
    return max(whole, default=None)
