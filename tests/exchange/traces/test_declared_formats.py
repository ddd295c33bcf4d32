"""Declared formats whose tools wrote no file for the tests: made up after their sources, with what is easily got wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backend.domain import Finish, TraceDraft
from backend.exchange.traces.read import RowTally, read
from backend.exchange.traces.scan import scan
from backend.import_plan import Source

ASK = "What is 6*7? Think well."
SAID = "It is 42"
TOKENS = [{"token": "It", "logprob": -0.5}, {"token": " is", "logprob": -0.1}, {"token": " 42", "logprob": -9999.0}]


def lay(path: Path, *rows: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)))


def traces(source: Source, tally: RowTally | None = None) -> list[TraceDraft]:
    return [draft for draft in read(source, tally=tally) if isinstance(draft, TraceDraft)]


def test_nemo_skills_files_of_several_seeds_are_one_run(tmp_path: Path) -> None:
    cut = {"generation": "", "_full_generation": "<think>I am cut", "finish_reason": "length"}
    for seed in (0, 1):
        row = {"problem": ASK, "expected_answer": "42", "predicted_answer": "42", "num_generated_tokens": 5}
        right = {**row, "generation": SAID, "symbolic_correct": True, "finish_reason": "stop"}
        lay(tmp_path / "qwen-7b" / "gsm8k" / f"output-rs{seed}.jsonl", right, {**row, **cut, "symbolic_correct": False})
    (source,) = scan([tmp_path], tmp_path).sources
    found = traces(source)
    assert (source.info.model, source.info.dataset) == ("qwen-7b", "gsm8k")
    assert [(each.text, each.sample, each.verdict, each.finish) for each in found] == [
        *((SAID, 0, True, Finish.STOP), ("<think>I am cut", 1, False, Finish.LENGTH)),
        *((SAID, 2, True, Finish.STOP), ("<think>I am cut", 3, False, Finish.LENGTH)),
    ]


def test_opencompass_is_read_once_from_where_most_is_said(tmp_path: Path) -> None:
    asked = [{"role": "HUMAN", "prompt": ASK}]
    written = {"origin_prompt": asked, "prediction": SAID}
    graded = {"prompt": asked, "origin_prediction": SAID, "predictions": "42", "references": "42", "correct": True}
    for name, results in {
        "gsm8k": {"accuracy": 100.0, "details": {"type": "GEN", "0": graded}},
        "mmlu": {"accuracy": 100.0},
        "math": {"accuracy": 100.0, "details": [graded, graded]},
    }.items():
        lay(tmp_path / "results" / "qwen-7b" / f"{name}.json", results)
    for name in ("gsm8k", "mmlu", "math_0", "math_1", "drop_0", "drop_1"):
        lay(tmp_path / "predictions" / "qwen-7b" / f"{name}.json", {"0": written, "1": {**written, "gold": "42"}})
    plan = scan([tmp_path], tmp_path)
    found = {source.info.dataset: traces(source) for source in plan.sources}
    assert {name: (len(each), each[0].verdict) for name, each in found.items()} == {
        **{"gsm8k": (1, True), "mmlu": (2, None), "math": (2, True), "drop": (4, None)}
    }
    assert all(each.question == ASK and each.text == SAID for rows in found.values() for each in rows)
    assert not plan.failed and not plan.questions


def test_openai_evals_join_verdicts_that_come_later(tmp_path: Path) -> None:
    def event(sample: str, kind: str, **data: Any) -> dict[str, Any]:
        return {"run_id": "r", "event_id": 0, "sample_id": sample, "type": kind, "data": data}

    lay(
        tmp_path / "log.jsonl",
        {"spec": {"completion_fns": ["gpt-x"], "eval_name": "arith.dev.v0"}},
        event("1", "sampling", prompt=[{"role": "user", "content": ASK}], sampled=[SAID]),
        event("2", "sampling", prompt="Say B, please.", sampled=["C"]),
        {"final_report": {"accuracy": 0.5}},
        event("2", "match", correct=False, expected="B", picked=None),
        event("1", "match", correct=True, expected="42", picked="42"),
    )
    (source,), tally = scan([tmp_path]).sources, RowTally()
    found = traces(source, tally)
    assert [(each.question, each.gold, each.verdict) for each in found] == [
        (ASK, "42", True),
        ("Say B, please.", "B", False),
    ]
    assert (tally.rows, sum(tally.left.values()), source.info.model) == (6, 4, "gpt-x")


def test_simple_evals_and_rollout_summaries_without_text(tmp_path: Path) -> None:
    page = "<p>Correct Answer: {}</p>\n<p>Extracted Answer: 42</p>\n<p>Score: {}</p>"
    chat = [{"role": "user", "content": ASK}, {"role": "assistant", "content": SAID}]
    lay(
        tmp_path / "math_gpt-4o_20240101_120000_allresults.json",
        {"score": 0.5, "metrics": {}, "htmls": [page.format(42, True), page.format(41, 0.0)], "convos": [chat, chat]},
    )
    step = {"ob_len": 3, "ac_len": 5, "reward": 1.0, "logs": {}}
    lay(
        tmp_path / "rl" / "iteration_000003" / "train_rollout_summaries.jsonl",
        {"iteration": 3, "group_idx": 0, "traj_idx": 0, "total_reward": 1.0, "steps": [step]},
    )
    simple, empty = sorted(scan([tmp_path], tmp_path).sources, key=lambda source: source.format)
    assert [(each.text, each.gold, each.verdict) for each in traces(simple)] == [
        (SAID, "42", True),
        (SAID, "41", False),
    ]
    assert (simple.info.model, simple.info.dataset) == ("gpt-4o", "math")
    tally = RowTally()
    assert not traces(empty, tally) and tally.left == {"only counts of tokens and rewards, no text": 1}


def test_scorers_that_say_neither_and_log_probabilities(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": ASK}, {"role": "assistant", "content": SAID}]
    ended = {"choices": [{"stop_reason": "stop", "logprobs": {"content": TOKENS}}]}
    scores = [
        {"a": {"value": "P"}, "b": {"value": 1.0}},
        {"b": {"value": 0.9}, "a": {"value": "N"}},
        {"a": {"value": 1}},
    ]
    samples = [
        {"id": place, "epoch": 1, "messages": chat, "scores": each, "output": ended}
        for place, each in enumerate(scores)
    ]
    lay(tmp_path / "log.json", {"version": 2, "eval": {"model": "m/x", "task": "t"}, "plan": {}, "samples": samples})
    found = traces(scan([tmp_path / "log.json"]).sources[0])
    assert [each.verdict for each in found] == [None, False, True]
    assert [(token.text, token.logprob) for token in found[0].logprobs] == [("It", -0.5), (" is", -0.1), (" 42", None)]
    choice = {"message": chat[1], "finish_reason": "stop", "logprobs": {"content": TOKENS}}
    lay(
        tmp_path / "out.jsonl",
        {"custom_id": "q", "response": {"status_code": 200, "body": {"model": "m", "choices": [choice]}}},
    )
    (batch,) = traces(scan([tmp_path / "out.jsonl"]).sources[0])
    assert batch.logprobs == found[0].logprobs and "logprobs" not in batch.extra


def test_a_column_an_attribute_as_phoenix_exports_spans(tmp_path: Path) -> None:
    row = {
        **{"name": "ChatCompletion", "context.span_id": "1", "attributes.llm.model_name": "gpt-x"},
        "attributes.llm.input_messages": [{"message.role": "user", "message.content": ASK}],
        "attributes.llm.output_messages": [{"message.role": "assistant", "message.content": SAID}],
    }
    lay(tmp_path / "spans.jsonl", row)
    (source,) = scan([tmp_path]).sources
    assert [(each.question, each.text) for each in traces(source)] == [(ASK, SAID)] and source.info.model == "gpt-x"


def test_the_same_episodes_in_two_folders_are_read_once(tmp_path: Path) -> None:
    nodes = [
        {"parent": None, "message": {"role": "user", "content": ASK}, "sampled": False},
        {"parent": 0, "message": {"role": "assistant", "content": "dropped"}, "sampled": True},
        {"parent": 0, "message": {"role": "assistant", "content": SAID, "reasoning_content": "6*7"}, "sampled": True},
    ]
    trace = {
        "agent": {"config": {"model": "m"}},
        "nodes": nodes,
        "rewards": {"correct": {"score": 1.0}, "form": {"score": 0.0}},
    }
    episode = {"id": "e", "env": {"id": "fx"}, "run": {"name": "r", "work": {"step": 4}}, "traces": [trace]}
    for subset in ("all", "effective"):
        lay(tmp_path / "step_4" / "train" / subset / "traces.jsonl", episode)
    plan = scan([tmp_path], tmp_path)
    ((draft,),) = [traces(source) for source in plan.sources]
    assert (draft.text, draft.verdict, draft.extra["branches"]) == ("<think>6*7</think>It is 42", True, 2)
    assert (plan.sources[0].info.series, plan.sources[0].info.step) == ("r", 4) and len(plan.skipped) == 1
