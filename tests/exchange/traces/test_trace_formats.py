"""Each format, written by hand in its layout and read back through scan and read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.domain import Context, Finish, ProblemDraft, TraceDraft
from backend.exchange.traces.read import RowTally, read
from backend.exchange.traces.scan import scan
from backend.import_plan import ImportPlan, SourceKind

ASK = "How many legs have three ants?"


def lay(path: Path, *rows: Any, whole: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(rows[0], indent=1) if whole else "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return path


def traces(plan: ImportPlan, number: int = 0) -> list[TraceDraft]:
    assert not plan.failed, [str(problem) for problem in plan.failed]
    drafts = list(read(plan.sources[number]))
    assert all(isinstance(draft, TraceDraft) for draft in drafts)
    return [draft for draft in drafts if isinstance(draft, TraceDraft)]


def test_paper_evaluation(tmp_path: Path) -> None:
    row = {
        "question": ASK,
        "generated_responses": ["<think>six each</think>18", "Wait, 20"],
        "answer_responses": ["18", "20 or so"],
        "thinking_contents": ["six each", ""],
        "thinking_token_lengths": [2, 0],
        "response_token_lengths": [7, 3],
        "generated_answers": ["18", None],
        "gold_answer": "18",
        "is_correct": True,
        "answers_correctness": [True, False],
        "data_source": "math_dapo",
        "avg_accuracy": 0.5,
        "extra_info": {"index": 4},
    }
    plan = scan([lay(tmp_path / "lab" / "ant-8B" / "math" / "aime_2024_t0.6_think_k2_s0_e1.jsonl", row)])
    info = plan.sources[0].info
    assert (plan.sources[0].format, info.model, info.dataset) == ("paper evaluation", "ant-8B", "AIME24")
    assert (info.sampling.temperature, info.sampling.template, info.tokenizer) == (0.6, "think", "ant-8B")
    first, second = traces(plan)
    assert (first.text, first.tokens, first.answer, first.verdict, first.sample) == (
        *("<think>six each</think>18", 7, "18", True, 0),
    )
    assert (second.answer, second.verdict, second.sample, second.source.row) == (None, False, 1, 1)
    # A part that the text holds word for word isn't kept twice; one that differs is.
    assert "thinking_contents" not in first.extra and second.extra["answer_responses"] == "20 or so"
    assert first.extra["extra_info"] == {"index": 4} and first.extra["thinking_token_lengths"] == 2


def test_paper_evaluation_without_a_telling_path(tmp_path: Path) -> None:
    row = {"question": ASK, "generated_responses": ["6"], "response_token_lengths": [1], "data_source": "aime_2025"}
    plan = scan([lay(tmp_path / "mine.jsonl", row)])
    assert (plan.sources[0].info.model, plan.sources[0].info.dataset) == ("mine", "AIME25")
    assert "not named" in plan.sources[0].info.note
    assert traces(plan)[0].verdict is None


def test_chained_hints_become_a_run_a_round(tmp_path: Path) -> None:
    row: dict[str, Any] = {"question": ASK, "gold_answer": "18", "original_correct_count": 3, "data_source": "ants"}
    for number, hint in ((1, "Six each."), (2, "Eighteen.")):
        row |= {
            f"round{number}_conditioning_solution": hint,
            f"round{number}_responses": [f"r{number}a", f"r{number}b"],
            f"round{number}_extracted_answers": ["18", "17"],
            f"round{number}_is_correct": [True, False],
            f"round{number}_correct_count": 1,
        }
    lay(tmp_path / "chain" / "chained_results_all.jsonl", row)
    one = {key.removeprefix("round1_"): value for key, value in row.items() if not key.startswith("round2")}
    single = lay(tmp_path / "chain" / "round1_results.jsonl", one)
    plan = scan([tmp_path])
    assert [(each.key, each.info.context) for each in plan.sources] == [
        ("round 1", Context.SOLUTION),
        ("round 2", Context.REGENERATED),
    ]
    assert [each.reason for each in plan.skipped] == ["one round of chained_results_all.jsonl, read from there"]
    first, second = traces(plan, 0), traces(plan, 1)
    assert [draft.text for draft in first + second] == ["r1a", "r1b", "r2a", "r2b"]
    assert first[0].prompt == f"{ASK}\n\nCorrect solution: Six each.\n\nCorrectly solve the original question."
    assert "Correct solution: Eighteen." in second[0].prompt
    assert [draft.verdict for draft in second] == [True, False]
    assert first[0].extra == {"original_correct_count": 3, "data_source": "ants"}
    alone = scan([single])
    assert [draft.text for draft in traces(alone)] == ["r1a", "r1b"]
    assert alone.sources[0].info.context is Context.SOLUTION


def test_collected_answers_are_right_and_said_to_be_chosen(tmp_path: Path) -> None:
    row = {
        "question": ASK,
        "prompt": [{"role": "user", "content": "Ants?"}],
        "gold_answer": "18",
        "correct_count": 2,
        "total_samples": 8,
        "correct_solutions": ["a", "b"],
    }
    plan = scan([lay(tmp_path / "collected.jsonl", row)])
    assert [draft.verdict for draft in traces(plan)] == [True, True]
    assert traces(plan)[0].prompt == "Ants?" and "only right responses" in plan.sources[0].info.note


def test_companion_base_and_trained(tmp_path: Path) -> None:
    row = {"question": ASK, "generated_responses": ["18"], "generated_answers": ["18"], "answers_correctness": [True]}
    name = "test_ant-chat_t0.0_k1_s0_e30.jsonl"
    lay(tmp_path / "base" / "Ant-8B" / "amc" / name, row)
    lay(tmp_path / "limo" / "Ant-8B" / "amc" / name, row)
    base, trained = (source.info for source in scan([tmp_path]).sources)
    assert (base.model, base.variant, base.parent, base.dataset) == ("Ant-8B", None, None, "AMC23")
    assert (trained.model, trained.variant, trained.parent) == ("Ant-8B · LIMO", "LIMO", "Ant-8B")
    assert trained.sampling.template == "ant-chat" and trained.sampling.temperature == 0.0


def test_harness(tmp_path: Path) -> None:
    row = {"idx": 3, "question": ASK, "gt": "18", "code": ["a", "b"], "pred": ["18", ""], "score": [True, None]}
    plan = scan([lay(tmp_path / "org" / "Ant-3B" / "amc23" / "test_ant-cot_-1_seed7_t0.5_s0_e-1.jsonl", row)])
    info = plan.sources[0].info
    assert (info.model, info.dataset, info.parent) == ("Ant-3B", "AMC23", None)
    assert (info.sampling.seed, info.sampling.temperature, info.sampling.template) == (7, 0.5, "ant-cot")
    assert [(draft.answer, draft.verdict) for draft in traces(plan)] == [("18", True), ("", None)]
    assert traces(plan)[0].extra == {"idx": 3}


THIP = {
    "problem": ASK,
    "expected_answer": 18,
    "prompt": "<user>ants",
    "response": ["x", "y", "z"],
    "response_length": [9, 10, 11],
    "finish_reason": ["stop", "length", "abort"],
    "correct": [True, False, None],
    "solution": "3 * 6",
}


def test_thip_with_its_settings(tmp_path: Path) -> None:
    config = {
        **{"base_model": "./out/Ant-7B_TAC/checkpoint-240", "data_id": "owner/aime25", "max_model_len": 512},
        **{"temperature": 0.6, "top_p": 0.95, "top_k": -1, "seed": 42},
        **{"system_prompt_name": "calm", "chat_template_name": "ant", "prefix_prompt_name": "disabled"},
    }
    lay(tmp_path / "run" / "generation.jsonl", THIP)
    lay(tmp_path / "run" / "config.json", config, whole=True)
    plan = scan([tmp_path])
    assert [each.reason for each in plan.skipped] == ["settings of generation.jsonl, read with it"]
    info = plan.sources[0].info
    assert (info.model, info.dataset, info.tokenizer) == ("Ant-7B_TAC", "AIME25", "Ant-7B_TAC")
    assert (info.sampling.system, info.sampling.template, info.sampling.max_tokens) == ("calm", "ant", 512)
    assert (info.sampling.top_k, info.sampling.seed) == (-1, 42) and "checkpoint-240" in info.note
    assert [each.path.name for each in plan.sources[0].beside] == ["config.json"]
    drafts = traces(plan)
    assert [draft.finish for draft in drafts] == [Finish.STOP, Finish.LENGTH, Finish.UNKNOWN]
    assert [draft.tokens for draft in drafts] == [9, 10, 11] and drafts[0].gold == "18"
    assert drafts[0].extra == {"solution": "3 * 6"} and drafts[2].extra["finish_reason"] == "abort"


def test_thip_without_its_settings(tmp_path: Path) -> None:
    plan = scan([lay(tmp_path / "GSPO" / "aime90" / "generation.jsonl", THIP)])
    assert (plan.sources[0].info.model, plan.sources[0].info.dataset) == ("GSPO", "AIME90")
    assert "no config.json" in plan.sources[0].info.note


def verl_row(step: int, **more: Any) -> dict[str, Any]:
    prompt = f"system\nBe brief.\nuser\n{ASK}\nassistant\n"
    return {"input": prompt, "output": f"at {step}", "gts": ["18"], "score": 1.0, "step": step, **more}


def test_verl_steps_are_runs_and_roles_unknown(tmp_path: Path) -> None:
    path = lay(tmp_path / "ants" / "10.jsonl", verl_row(10), verl_row(10, score=-1.0), verl_row(20, acc=0.0))
    plan = scan([path])
    assert [(each.key, each.info.model) for each in plan.sources] == [
        ("step 10", "ants · step 10"),
        ("step 20", "ants · step 20"),
    ]
    first, again = traces(plan)
    assert (first.question, first.gold, first.roles_known, first.prompt.startswith("system\n")) == (
        *(ASK, "18", False, True),
    )
    assert [first.sample, again.sample] == [0, 1] and [first.verdict, again.verdict] == [True, None]
    assert again.extra["score"] == -1.0 and again.source.row == 2
    assert traces(plan, 1)[0].verdict is False
    assert "roles unknown" in plan.sources[0].info.note


def chat(said: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": ASK}, {"role": "assistant", **said}], **more}


def test_chat_puts_the_reasoning_back(tmp_path: Path) -> None:
    path = lay(
        tmp_path / "chats.jsonl",
        chat({"content": "18", "reasoning_content": "six each"}, model="ant", answer="18"),
        chat({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "17"}]}, model="ant"),
        chat({"content": None, "reasoning": "endless"}, model="ant", finish_reason="length"),
        chat({"content": "6", "tool_calls": [1]}, model="bee", finish_reason="tool_calls"),
    )
    plan = scan([path])
    assert [source.info.model for source in plan.sources] == ["ant", "bee"]
    assert [draft.text for draft in traces(plan)] == [
        "<think>six each</think>18",
        "<think>hm</think>17",
        "<think>endless",
    ]
    assert [draft.sample for draft in traces(plan)] == [0, 1, 2]
    assert traces(plan)[2].finish is Finish.LENGTH and traces(plan)[0].gold == "18"
    called = traces(plan, 1)[0]
    assert called.text == "6\n<tool_call>\n1\n</tool_call>" and called.finish is Finish.TOOL_CALL
    assert called.extra == {"message": {"tool_calls": [1]}}


def test_conversations_of_several_turns(tmp_path: Path) -> None:
    turns = [
        *({"from": "system", "value": "Be brief."}, {"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yes?"}),
        *({"from": "human", "value": ASK}, {"from": "gpt", "value": "18"}),
    ]
    draft = traces(scan([lay(tmp_path / "shared.json", [{"conversations": turns}], whole=True)]))[0]
    assert (draft.question, draft.text) == (ASK, "18")
    assert draft.prompt.startswith("[system]\nBe brief.\n\n[user]\nHi\n\n[assistant]\nYes?")


def batch(answers: list[str], ident: str = "q1") -> dict[str, Any]:
    choices = [
        {"index": place, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for place, text in enumerate(answers)
    ]
    body = {"model": "ant-mini", "choices": choices, "usage": {"completion_tokens": 5}}
    return {"custom_id": ident, "response": {"status_code": 200, "body": body}, "error": None}


def test_batch_joined_with_its_requests(tmp_path: Path) -> None:
    lay(tmp_path / "out.jsonl", batch(["18"]), batch(["1", "2"], "q2"))
    alone = traces(scan([tmp_path / "out.jsonl"]))
    assert [draft.question for draft in alone] == ["q1", "q2", "q2"]
    asked = {"custom_id": "q1", "method": "POST", "body": {"messages": [{"role": "user", "content": ASK}]}}
    lay(tmp_path / "in.jsonl", asked)
    plan = scan([tmp_path])
    assert [each.reason for each in plan.skipped] == ["requests of out.jsonl, read with it"]
    drafts = traces(plan)
    assert [draft.question for draft in drafts] == [ASK, "q2", "q2"]
    assert [draft.tokens for draft in drafts] == [5, None, None]  # usage counts all choices together
    assert plan.sources[0].info.model == "ant-mini" and drafts[0].finish is Finish.STOP


def left_of(plan: ImportPlan, number: int = 0) -> list[tuple[str, int]]:
    tally = RowTally()
    list(read(plan.sources[number], tally=tally))
    return tally.left.most_common()


def test_tags_that_may_mark_thinking_are_counted_by_trace(tmp_path: Path) -> None:
    said = ["<ponder>hm</ponder>18 <ponder>ha</ponder>", "<ponder>hm</ponder>1", "[REASON] hm [/REASON] 2", "<b>18</b>"]
    tally = RowTally()
    list(read(scan([lay(tmp_path / "a.jsonl", *(chat({"content": text}) for text in said))]).sources[0], tally=tally))
    assert tally.counts.tags == (("<ponder>", 2), ("[REASON]", 1))
    assert tally.counts.words.endswith("by traces: <ponder> in 2, [REASON] in 1")


def test_failed_and_missing_requests_are_counted_with_their_reason(tmp_path: Path) -> None:
    failed = {"custom_id": "q2", "response": None, "error": {"code": "batch_expired", "message": "too late"}}
    asked = [
        {"custom_id": f"q{n}", "body": {"messages": [{"role": "user", "content": f"Ask {n}"}]}} for n in range(1, 7)
    ]
    # The failed one stands first: its model isn't known, and it makes no second run.
    lay(tmp_path / "out.jsonl", failed, batch(["18"]), {**failed, "custom_id": "q3"}, batch([], "q4"))
    lay(
        tmp_path / "errors.jsonl",
        {"custom_id": "q5", "response": {"status_code": 400, "body": {"error": {"code": None}}}},
    )
    lay(tmp_path / "in.jsonl", *asked)
    plan = scan([tmp_path])
    assert len(plan.sources) == 1 and not plan.failed and len(plan.skipped) == 2
    assert [draft.question for draft in traces(plan)] == ["Ask 1"]
    assert left_of(plan) == [
        ("the request failed (batch_expired), the first is 'q2'", 2),
        ("its answer can't be read: it holds no response (model, choices, usage)", 1),
        ("the request failed (status 400), the first is 'q5'", 1),
        ("the request failed (no line of the output answers it), the first is 'q6'", 1),
    ]


def test_a_batch_without_any_response_says_so(tmp_path: Path) -> None:
    path = lay(tmp_path / "out.jsonl", {"custom_id": "q2", "response": {"status_code": 500, "body": {}}, "error": None})
    plan = scan([path])
    assert traces(plan) == [] and left_of(plan) == [("the request failed (status 500), the first is 'q2'", 1)]


@pytest.mark.parametrize(
    ("request_body", "answer"),
    [
        (
            {"input": ASK, "instructions": "Be brief."},
            {"output": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                        {"type": "message", "content": [{"type": "output_text", "text": "18"}]}], "status": "completed"},
        ),
        ({"prompt": ASK}, {"choices": [{"text": "<think>hm</think>18", "finish_reason": "stop"}]}),
    ],
)  # fmt: skip
def test_batches_of_responses_and_completions(
    tmp_path: Path, request_body: dict[str, Any], answer: dict[str, Any]
) -> None:
    row = {"custom_id": "q1", "response": {"status_code": 200, "body": {"model": "ant", **answer}}, "error": None}
    lay(tmp_path / "out.jsonl", row)
    lay(tmp_path / "in.jsonl", {"custom_id": "q1", "body": request_body})
    (draft,) = traces(scan([tmp_path]))
    assert (draft.question, draft.text, draft.finish) == (ASK, "<think>hm</think>18", Finish.STOP)


def test_batches_of_anthropic_and_gemini(tmp_path: Path) -> None:
    said = [{"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "text", "text": "18"}]
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    lay(
        tmp_path / "a" / "out.jsonl",
        {"custom_id": "1", "result": {"type": "expired"}},
        {
            "custom_id": "2",
            "result": {"type": "succeeded", "message": {"model": "ant", "content": said, "stop_reason": "refusal"}},
        },
    )
    lay(tmp_path / "a" / "in.jsonl", {"custom_id": "2", "params": {"messages": [{"role": "user", "content": ASK}]}})
    parts = [{"text": "hm", "thought": True}, {"text": "18"}]
    found = {"candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "MAX_TOKENS"}]}
    lay(tmp_path / "b" / "out.jsonl", {"key": "1", "response": {**found, "modelVersion": "bee"}})
    lay(
        tmp_path / "b" / "in.jsonl", {"key": "1", "request": {"contents": [{"role": "user", "parts": [{"text": ASK}]}]}}
    )
    plan = scan([tmp_path])
    assert [source.info.model for source in plan.sources] == ["ant", "bee"]
    first, second = traces(plan)[0], traces(plan, 1)[0]
    assert (first.question, first.text, first.finish) == (ASK, "<think>hm</think>18", Finish.REFUSAL)
    assert (second.question, second.text, second.finish) == (ASK, "<think>hm</think>18", Finish.LENGTH)
    assert left_of(plan) == [("the request failed (expired), the first is '1'", 1)]


def test_generations_with_short_and_absent_lists(tmp_path: Path) -> None:
    row = {
        "problem": ASK,
        "answer": "18",
        "generations": ["18", "maybe 17", "19"],
        "correctness_math_verify": [True, False],
        "correctness_llama": None,
        "finish_reasons": ["stop"],
        "is_reasoning_complete": [True, True, False],
        "messages": [{"role": "user", "content": ASK}, {"role": "assistant", "content": "18"}],
        "source": "zoo",
    }
    drafts = traces(scan([lay(tmp_path / "r1.jsonl", row)]))
    assert [draft.verdict for draft in drafts] == [True, False, None]
    assert [draft.finish for draft in drafts] == [Finish.STOP, Finish.UNKNOWN, Finish.UNKNOWN]
    assert drafts[2].extra["is_reasoning_complete"] is False and "messages" not in drafts[0].extra


def test_shards_of_one_table_are_one_run(tmp_path: Path) -> None:
    for number in (0, 1):
        table = pa.Table.from_pylist([{"problem": f"{ASK} {number}", "generations": ["x"], "answer": "1"}])
        pq.write_table(table, tmp_path / f"train-0000{number}-of-00002.parquet")
    plan = scan([tmp_path])
    assert len(plan.sources) == 1 and len(plan.sources[0].files) == 2
    assert len(traces(plan)) == 2 and plan.sources[0].info.model == "train"


def test_thought_anchors_folder_is_one_run(tmp_path: Path) -> None:
    for half, right in (("correct", True), ("incorrect", False)):
        folder = tmp_path / "ant-r1" / f"{half}_base_solution" / "problem_7"
        text = f"{half} chain"
        base = {"prompt": "P<think>\n", "solution": text, "full_cot": f"P<think>\n{text}", "answer": "1"}
        lay(folder / "base_solution.json", {**base, "is_correct": right}, whole=True)
        lay(folder / "problem.json", {"problem": ASK, "gt_answer": "18", "level": "Level 1"}, whole=True)
        lay(folder / "chunks_labeled.json", [{"chunk": "c", "function_tags": []}], whole=True)
    plan = scan([tmp_path])
    assert {each.reason for each in plan.skipped} == {
        "sentence labels, not traces",
        "problem of base_solution.json, read with it",
    }
    assert len(plan.sources) == 1 and plan.sources[0].info.model == "ant-r1"
    assert plan.sources[0].info.note == "chains selected: half right, half wrong"
    assert [(draft.sample, draft.verdict, draft.gold) for draft in traces(plan)] == [(0, True, "18"), (1, False, "18")]
    assert traces(plan)[0].extra == {"level": "Level 1"}


def test_problem_sets_nested_and_as_json_text(tmp_path: Path) -> None:
    asked = f"{ASK}\nPlease reason step by step, and put your final answer within \\boxed{{}}."
    nested = {
        "data_source": "zoo",
        "prompt": [{"role": "user", "content": asked}],
        "reward_model": {"ground_truth": "18", "style": "rule"},
        "extra_info": {"index": 1},
    }
    flat = {key: value if isinstance(value, str) else json.dumps(value) for key, value in nested.items()}
    pq.write_table(pa.Table.from_pylist([nested, nested]), tmp_path / "seen_2.parquet")
    pq.write_table(pa.Table.from_pylist([flat]), tmp_path / "amc-2023.parquet")
    plan = scan([tmp_path])
    assert [(each.kind, each.info.dataset, each.info.model) for each in plan.sources] == [
        (SourceKind.PROBLEMS, "AMC23", ""),
        (SourceKind.PROBLEMS, "seen_2", ""),
    ]
    for source, count in zip(plan.sources, (1, 2), strict=True):
        drafts = list(read(source))
        assert len(drafts) == count
        for draft in drafts:
            assert isinstance(draft, ProblemDraft) and (draft.question, draft.gold) == (ASK, "18")


def test_trainings_in_folders_named_by_their_method_are_series_of_their_own(tmp_path: Path) -> None:
    row = {"input": "1+1?", "output": "2", "score": 1, "step": 3}
    for method in ("sdpo", "grpo"):
        lay(tmp_path / "ants" / method / "rollouts" / "3.jsonl", row)
    found = {(source.info.series, source.info.step) for source in scan([tmp_path]).sources}
    assert found == {("ants · sdpo", 3), ("ants · grpo", 3)}


@pytest.mark.parametrize("name", [["a", "b"], 7, {"a": 1}, None, ""])
def test_a_model_name_that_is_no_text_is_none(tmp_path: Path, name: Any) -> None:
    row = {"doc_id": 0, "doc": {"question": "q?"}, "target": "1", "resps": [["1"]], "filter": "none", "metrics": []}
    lay(tmp_path / "ant-7b" / "samples_sums_2026-11-30T10-00-00.jsonl", row)
    lay(tmp_path / "ant-7b" / "results_2026-11-30T10-00-00.json", {"model_name": name}, whole=True)
    (source,) = scan([tmp_path]).sources
    assert source.info.model == "ant-7b"
