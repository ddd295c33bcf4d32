"""Any JSON rows through every reader: each row is accounted for, or the file is refused in a sentence."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.domain import UserError
from backend.exchange.traces.detection import KNOWN
from backend.exchange.traces.read import RowTally, preview, read
from backend.exchange.traces.rows import rows_in
from backend.exchange.traces.scan import scan
from backend.import_plan import ImportPlan, Source

# Keys that one reader or another looks for, so that rows get past their recognition.
KEYS = (
    *("question", "problem", "prompt", "input", "gold_answer", "answer", "gt", "gts", "target", "model", "step", "id"),
    *("generated_responses", "response_token_lengths", "answers_correctness", "generated_answers", "is_correct"),
    *("code", "pred", "score", "acc", "report", "response", "response_length", "finish_reason", "correct", "output"),
    *("full_cot", "solution", "conditioning_solution", "responses", "round1_responses", "round1_is_correct"),
    *("correct_solutions", "generations", "correctness_math_verify", "finish_reasons", "messages", "conversations"),
    *(
        "custom_id",
        "body",
        "choices",
        "message",
        "role",
        "content",
        "reasoning_content",
        "usage",
        "error",
        "status_code",
    ),
    *("reward_model", "extra_info", "ground_truth", "completion", "advantage", "accuracy_reward", "turns", "reward"),
    *("metrics", "logs", "expected", "doc", "doc_id", "resps", "filtered_resps", "filter", "arguments", "gen_args_0"),
    *("epoch", "scores", "eval", "output", "index", "model_output", "sample_score", "promptIdx", "testIdx", "provider"),
    *("vars", "success", "failureReason", "results", "completions", "text", "result", "params", "key", "candidates"),
    *(
        "origin_prediction",
        "details",
        "generation",
        "attributes",
        "gen_ai.input.messages",
        "nodes",
        "sampled",
        "parent",
    ),
    *("question_id", "model_answers", "tokens", "verdict", "thinking", "data_source", "value", "from", "example_id"),
)
texts = st.sampled_from(
    ("", "42", "user", "assistant", "Wait, maybe it is 4. No: the answer is 42, as it has to be.")
) | st.text(max_size=12)
numbers = st.integers(-(2**70), 2**70) | st.floats() | st.booleans() | st.none()
values = st.recursive(
    texts | numbers,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=8,
)
rows = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=6), values, min_size=1, max_size=9)


def accounted(plan: ImportPlan) -> None:
    """Reads every source to its end, or to a sentence; all rows of its files have become something, or are counted."""
    met: dict[Path, list[tuple[Source, RowTally]]] = {}
    for source in plan.sources:
        tally = RowTally()
        try:
            preview(source)
            drafts = list(read(source, tally=tally))
        except UserError as problem:
            assert str(problem).endswith(".")
            return
        assert tally.made == len(drafts) and tally.made + sum(tally.left.values()) >= tally.rows
        met.setdefault(source.files[0].path, []).append((source, tally))
    for sources in met.values():
        place = sources[0][0].mapping.rows if sources[0][0].mapping else None
        there = sum(1 for file in sources[0][0].files for _ in rows_in(file, place))
        # Rows that belong to no one run are told of in each.
        assert sum(tally.rows for _, tally in sources) >= there


def look(raw: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "M" / name
        path.parent.mkdir()
        path.write_text(raw, encoding="utf-8", errors="surrogatepass")
        for paths in ([path], [path.parent]):
            plan = scan(paths)
            told = [plan.sources, plan.failed, plan.skipped, plan.questions]
            assert any(told), "a file was passed over without a word"
            assert all(str(problem).endswith(".") for problem in plan.failed)
            accounted(plan)


many = settings(
    max_examples=int(__import__("os").environ.get("N", "80")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@many
@given(st.lists(rows, min_size=1, max_size=4))
def test_any_rows_are_accounted_for_or_refused(found: list[dict[str, Any]]) -> None:
    look("\n".join(map(json.dumps, found)), "rows.jsonl")
    look(json.dumps(found), "rows.json")


@many
@given(rows, st.lists(rows, min_size=1, max_size=3))
def test_any_envelope_is_accounted_for_or_refused(head: dict[str, Any], found: list[dict[str, Any]]) -> None:
    look(json.dumps({**head, "results": found}, indent=1), "rows.json")


SIGNATURES: dict[str, tuple[str, ...]] = {
    "flight recorder": ("series", "step", "kind", "session", "prompt", "response"),
    "Second Thoughts export": ("trace_id", "run_id", "problem_ordinal", "text_sha256", "cues"),
    "paper chained hints": ("conditioning_solution", "responses", "question"),
    "paper collected answers": ("correct_solutions", "question"),
    "paper evaluation": ("generated_responses", "response_token_lengths", "question"),
    "companion evaluation": ("generated_responses", "question"),
    "Qwen2.5-Math harness": ("code", "pred", "question"),
    "THIP evaluation": ("problem", "response", "finish_reason"),
    "thought anchors": ("full_cot", "solution", "is_correct"),
    "verl rollouts": ("input", "output", "score"),
    "TRL completions": ("step", "prompt", "completion", "advantage"),
    "tinker trajectories": ("turns", "reward"),
    "lm-evaluation-harness": ("doc", "resps", "target", "arguments"),
    "Inspect log": ("id", "epoch", "messages"),
    "EvalScope": ("index", "model_output"),
    "promptfoo": ("promptIdx", "testIdx", "provider", "response"),
    "OpenAI batch": ("custom_id", "response"),
    "Hugging Face generations": ("problem", "generations"),
    "problem set": ("prompt", "reward_model"),
    "OpenAI chat": ("messages",),
    "lighteval": ("doc", "model_response", "metric"),
    "OpenCompass": ("origin_prompt", "prediction", "gold"),
    "NeMo-Skills": ("generation", "predicted_answer", "problem"),
    "SkyThought": ("input_conversation", "responses", "problem"),
    "OpenAI evals": ("spec", "type", "data", "sample_id"),
    "simple-evals": ("convos", "htmls", "score"),
    "OpenTelemetry spans": ("attributes", "traceId", "resource", "events"),
    "vLLM bench": ("generated_texts", "input_lens", "output_lens"),
    "MATH problems": ("problem", "level", "solution"),
    "tinker rollout summaries": ("group_idx", "traj_idx", "steps"),
    "verifiers episodes": ("nodes", "agent", "rewards", "traces"),
    "verifiers results": ("example_id", "completion", "reward", "prompt"),
    "open-instruct": ("prompt_tokens", "response_tokens", "reward"),
    "Trackio": ("run_name", "step", "trackio", "messages", "metrics"),
    "Trackio sessions": ("type", "trackio", "message"),
}


@pytest.mark.parametrize("form", [form.name for form in KNOWN])
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.data())
def test_rows_with_the_keys_of_a_format(form: str, data: st.DataObject) -> None:
    keys = SIGNATURES[form]
    strange = st.fixed_dictionaries(dict.fromkeys(keys, values))
    found = data.draw(st.lists(st.builds(lambda row, more: {**more, **row}, strange, rows), min_size=1, max_size=3))
    look("\n".join(map(json.dumps, found)), "1.jsonl")


@pytest.mark.parametrize(
    "raw",
    [
        {"question": None, "id": [], "epoch": [], "results": [{"question": {}, "messages": {}}, {"question": []}]},
        {"question": {}, "results": [{"question": []}, {"question": [], "0": [{}]}]},
    ],
    ids=["a key of the format in the first row only", "a number as a key inside a list"],
)
def test_rows_that_were_not_accounted_for(raw: dict[str, Any]) -> None:
    look(json.dumps(raw, indent=1), "rows.json")
