"""Trains a model by TRL's GRPO, reports to Trackio and prints what TRL said: `python grpo_training.py MODEL FOLDER`."""

import json
import sys

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

QUESTIONS = {"Find x with x * (x + 5) + 24 = 174.": "10", "Find x with x * (x + 12) + 24 = 132.": "6"}
seen = []


def texts(completions):
    """What was answered, whether plain or as messages."""
    return [each[0]["content"] if isinstance(each, list) else each for each in completions]


def correctness_reward(prompts, completions, gold, log_extra, **_):
    """1 where the boxed answer is the gold one, else 0."""
    right = [float(f"boxed{{{each}}}" in text) for text, each in zip(texts(completions), gold, strict=True)]
    log_extra("gold", list(gold))
    asked = [each[-1]["content"] for each in prompts]
    rows = zip(asked, texts(completions), gold, right, brevity_reward(completions), strict=True)
    seen.append([dict(zip(("question", "text", "gold", "right", "brevity"), row, strict=True)) for row in rows])
    return right


def brevity_reward(completions, **_):
    """Between 0 and 1, more for shorter answers; none for the longest, as by a function that gives up on some."""
    sizes = [len(text) for text in texts(completions)]
    return [None if size == max(sizes) else 1 - size / 2000 for size in sizes]


def main(model: str, folder: str) -> None:
    """Two steps of four rollouts."""
    torch.set_num_threads(1)
    rows = [{"prompt": [{"role": "user", "content": ask}], "gold": gold} for ask, gold in QUESTIONS.items()]
    settings = GRPOConfig(
        output_dir=folder,
        max_steps=2,
        per_device_train_batch_size=4,
        num_generations=2,
        max_completion_length=200,
        log_completions=True,
        logging_steps=1,
        report_to="trackio",
        run_name="lab-grpo",
        project="field",
        trackio_space_id=None,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        save_strategy="no",
        disable_tqdm=True,
        seed=3,
    )
    trainer = GRPOTrainer(model, [correctness_reward, brevity_reward], settings, train_dataset=Dataset.from_list(rows))
    trainer.train()
    print(json.dumps({"rollouts": seen, "log": trainer.state.log_history}))


main(*sys.argv[1:])
