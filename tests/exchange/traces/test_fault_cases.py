"""The shared cases of messages and batches that other readers get wrong, each with its right value."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.domain import Finish, TraceDraft
from backend.exchange.traces.read import RowTally, read
from backend.exchange.traces.scan import scan

CASES = Path(__file__).resolve().parents[4] / "shared" / "data" / "cases" / "faults"
BOTH = "<think>Hmm, wait. Maybe 41? Let me check. 6*7 = 42.</think>The answer is \\boxed{42}."
PLAIN = "The answer is \\boxed{42}."
CALL = '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'


@pytest.mark.parametrize(
    ("case", "text", "finish", "left"),
    [
        *((f"messages/{name}.jsonl", BOTH, Finish.UNKNOWN, []) for name in ("reasoning_details", "parts_mistral")),
        ("messages/refusal.jsonl", "I cannot help.", Finish.REFUSAL, []),
        ("messages/tool_calls.jsonl", CALL, Finish.TOOL_CALL, []),
        ("batch/responses-api", BOTH, Finish.STOP, []),
        ("batch/refusal", "I cannot help.", Finish.REFUSAL, []),
        ("batch/expired", PLAIN, Finish.STOP, [("the request failed (batch_expired), the first is 'q-2'", 1)]),
    ],
)
def test_cases(case: str, text: str, finish: Finish, left: list[tuple[str, int]]) -> None:
    if not CASES.exists():
        pytest.skip(f"{CASES} is absent")
    plan, tally = scan([CASES / case]), RowTally()
    (source,) = plan.sources  # and no second one, named after the file
    (draft,) = read(source, tally=tally)
    assert isinstance(draft, TraceDraft) and not plan.failed and not plan.questions
    assert (draft.question, draft.text, draft.finish) == ("What is 6*7?", text, finish)
    assert tally.left.most_common() == left and (not left or "1 left out" in tally.counts.words)
