"""lm-evaluation-harness answers a task of ours with the lab's base; what we read of its files is what it says of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.services import Services
from backend.services.traces.trace_reader import OpenTrace
from tests.services.made_files import take
from tests.tools.conftest import LAB_BASE, run_tool

PROBLEMS = {
    f"Find x with x * (x + {a}) + {b} = {x * (x + a) + b}.": str(x) for x, a, b in ((6, 12, 24), (4, 11, 2), (3, 2, 12))
}
TASKS = {
    "sums": r"""
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["<|im_end|>"], do_sample: true, temperature: 0.8, max_gen_toks: 200}
repeats: 2
filter_list:
  - name: strict-match
    filter: [{function: regex, regex_pattern: "Final answer: \\\\boxed\\{(\\-?[0-9]+)\\}"}, {function: take_first}]
  - name: flexible-extract
    filter: [{function: regex, group_select: -1, regex_pattern: "(-?[0-9]+)"}, {function: take_first}]
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
""",
    "choices": r"""
output_type: multiple_choice
doc_to_text: "{{question}} Answer:"
doc_to_target: 0
doc_to_choice: choices
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
""",
}


def written(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The folder that the harness writes, and its results."""
    rows = [{"question": question, "answer": gold, "choices": [gold, "0"]} for question, gold in PROBLEMS.items()]
    (folder / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, text in TASKS.items():
        data = "dataset_path: json\ndataset_kwargs: {data_files: {test: problems.jsonl}}\ntest_split: test\n"
        (folder / f"{name}.yaml").write_text(f"task: {name}\n{data}{text}")
    words = ["--tasks", ",".join(TASKS), "--include_path", ".", "--output_path", "out", "--device", "cpu"]
    model = ["--model", "hf", "--model_args", f"pretrained={LAB_BASE}", "--apply_chat_template", "--batch_size", "8"]
    run_tool(folder, "lm_eval", "-m", "lm_eval", *model, *words, "--log_samples")
    (results,) = folder.glob("out/*/results_*.json")
    return folder / "out", json.loads(results.read_text())


def test_its_samples(services: Services, tmp_path: Path, opened: Callable[[str], list[OpenTrace]]) -> None:
    folder, said = written(tmp_path)
    outcomes = take(services, folder)
    (run,) = services.runs.all()
    assert (run.info.model, run.info.dataset, run.info.sampling.temperature) == ("lab-base", "sums", 0.8)
    assert run.info.sampling.max_tokens == 200
    assert (run.problems, run.traces) == (said["n-samples"]["sums"]["effective"], 2 * len(PROBLEMS))
    (summary,) = services.runs.summaries("doubts")
    accuracy = summary.accuracy["file"]
    assert accuracy and accuracy.value == pytest.approx(said["results"]["sums"]["exact_match,flexible-extract"])
    (samples,) = folder.glob("*/samples_sums_*.jsonl")
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    scores = {(line["doc"]["question"], line["filter"]): line for line in lines}
    for trace in opened(run.id):
        strict, flexible = (scores[trace.question, name] for name in ("strict-match", "flexible-extract"))
        assert trace.text == strict["resps"][0][trace.sample]
        assert trace.prompt == strict["arguments"]["gen_args_0"]["arg_0"] and trace.gold == PROBLEMS[trace.question]
        # A filter that takes the first repeat says nothing of the second.
        verdict = bool(flexible["exact_match"]) if trace.sample == 0 else None
        assert trace.verdict("file").correct is verdict
        assert "strict-match" in json.dumps(trace.extra)
    # Choices are compared by their likelihood: there is no text to read, and the import says so.
    (left,) = [each for each in outcomes if "samples_choices" in each.sentence and "read with it" not in each.sentence]
    assert left.state == "skipped" and left.run is None and "likelihood" in left.sentence
