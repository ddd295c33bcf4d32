"""Runs Inspect on its mock model and prints what Inspect says of the logs it wrote: `python inspect_log.py FOLDER`."""

import json
import sys
from pathlib import Path

from inspect_ai import Epochs, Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.scorer import exact, includes

QUESTIONS = {"What is 6 x 7?": "42", "What is 9 + 8?": "17", "What is 30 - 4?": "26"}
# The answers to the three questions in the first epoch, then in the second; the last of all was cut off.
ANSWERS = [("Six sevens. Wait, 42.", "42"), ("Maybe 16?", "16"), ("Hmm, 26.", "26")]
ANSWERS += [("Perhaps 48.", "48"), ("It is 17.", "17"), ("30 - 4, let me check", "")]


def output(thinking: str, answer: str, parts: bool) -> ModelOutput:
    """One answer of the model: thinking in a part of its own, or in tags."""
    text = f"The answer is {answer}." if answer else ""
    content = (
        [ContentReasoning(reasoning=thinking), ContentText(text=text)]
        if parts
        else f"<think>{thinking}</think>\n{text}"
    )
    said = ChatMessageAssistant(content=content, model="ant-8B", source="generate")
    choice = ChatCompletionChoice(message=said, stop_reason="stop" if answer else "max_tokens")
    # Without a usage the mock model would fetch a tokenizer to count with.
    return ModelOutput(
        model="ant-8B", choices=[choice], usage=ModelUsage(input_tokens=5, output_tokens=7, total_tokens=12)
    )


def main(folder: str, kind: str) -> None:
    """Write a log of a kind (eval or json), and say what is in it."""
    task = Task(
        name="sums",
        dataset=[Sample(input=question, target=gold) for question, gold in QUESTIONS.items()],
        scorer=[includes(), exact()],
        epochs=Epochs(2, "mean"),
    )
    # Thinking stands in parts of its own in one log, in tags in the other.
    outputs = [output(thinking, answer, kind == "eval") for thinking, answer in ANSWERS]
    model = get_model("mockllm/model", custom_outputs=outputs)
    # One sample at a time: answers are handed out in order.
    more = {"max_samples": 1, "max_connections": 1, "temperature": 0.7, "display": "none"}
    (log,) = eval(task, model=model, log_dir=folder, log_format=kind, **more)
    samples = [
        {
            "question": sample.input,
            "epoch": sample.epoch,
            "gold": sample.target,
            "text": sample.output.completion,
            "stop": sample.output.stop_reason,
            "thinking": [each.reasoning for each in sample.messages[-1].content if isinstance(each, ContentReasoning)],
            "scores": {name: score.value for name, score in sample.scores.items()},
        }
        for sample in read_eval_log(log.location).samples
    ]
    (accuracy,) = [each.metrics["accuracy"].value for each in log.results.scores if each.name == "includes"]
    print(json.dumps({"file": Path(log.location).name, "accuracy": accuracy, "samples": samples}))


main(*sys.argv[1:])
