"""The interface of a training process, `python -m backend.distill FOLDER`: its plan, and the events it writes.

Loads no model library.

The folder holds `plan.json` and is where checkpoints go (`checkpoint-N`, Hugging Face folders that load as models).
The process writes one JSON object a line to standard output, each with `k`, its kind:

- `begin`: step (from which it continues), steps, prompts ({student, teacher}: the exact text of the first problem,
  rendered), train (how many rows or problems), device.
- `note`: text; what is being done now.
- `step`: step, values (see `STEP_VALUES`), sampled ([{question, gold, text, correct, tokens, finish}], a few rollouts)
  and watched ([{problem, text, correct, tokens, finish}], responses to the plan's watched problems, `problem` being
  their index; may be empty). Step 0 comes before any update and has neither loss nor divergence.
- `traces`: step, evaluation (its index), traces ([{problem, sample, text, prompt, tokens, finish, seed}]): an
  evaluation, whole.
- `checkpoint`: step, folder (a name in the plan's folder).
- `failed`: reason, a sentence. `paused`: step. `done`: step.

On a line `pause` it saves a checkpoint after the step under way and ends; when its standard input closes it ends at
once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.codec import JsonRecord
from backend.distill.settings import TrainingSettings
from backend.domain import Context
from backend.files import write_file

PLAN: Final = "plan.json"
# In a checkpoint that is whole: its step, and as `untrained` why it is no trained model, where it is none.
WHOLE: Final = "whole.json"

# What a step's values may hold. Cue counts and densities are per lexicon (its name), density per 1,000 tokens, pooled;
# entropies and divergence are means over response tokens in nats; `cue_share` is the share of the divergence that
# falls on tokens of kim2026-words cues, beside `cue_tokens`, the share of tokens they are.
STEP_VALUES: Final = (
    *("loss", "score", "finished", "length", "cues", "density", "student_entropy", "teacher_entropy", "divergence"),
    *("cue_share", "cue_tokens", "grad_norm", "learning_rate", "seconds", "tokens", "taught"),
)


@dataclass(frozen=True, slots=True)
class TrainingProblem:
    """A problem as the process needs it: `solution` is a worked one, thinking included, where there is one."""

    question: str
    gold: str | None = None
    solution: str | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A problem set that is answered at intervals."""

    name: str
    items: tuple[TrainingProblem, ...]
    context: Context = Context.NONE
    # At the last step (and at 0) all items get `last_samples` responses each. In between, where it holds up the
    # training, only the first `first` items (0: all) get `samples`; with `ends` none do.
    first: int = 0
    samples: int = 1
    last_samples: int = 2
    temperature: float = 0.8
    seed: int = 0
    ends: bool = False


@dataclass(frozen=True, slots=True)
class TrainPlan(JsonRecord):
    """Everything a training process needs."""

    base: str  # the model's folder
    settings: TrainingSettings
    items: tuple[TrainingProblem, ...]
    evaluations: tuple[Evaluation, ...] = ()
    watched: tuple[TrainingProblem, ...] = ()
    # In steps. Evaluations and watched problems are answered at step 0 and at the end, too.
    evaluate_every: int = 10
    checkpoint_every: int = 10
    watch_every: int = 1
    lexicons: str = ""  # the folder of the lexicon files
    threads: int = 1  # 0 leaves the number to torch
    shared: str = ""  # a folder for what runs of the same base and problems have in common; "" for none
    # What samples the rollouts: "" this process, "colocate" a vLLM engine in it, "server:URL" a vLLM server.
    vllm: str = ""

    def write(self, folder: Path) -> None:
        """Write the plan to `folder`."""
        write_file(folder / PLAN, json.dumps(self.to_json(), ensure_ascii=False))

    @classmethod
    def read(cls, folder: Path) -> TrainPlan:
        """The plan in `folder`."""
        return cls.from_json(json.loads((folder / PLAN).read_text(encoding="utf-8")))
