"""Messages of chat interfaces as text: the fields of every maker, refusals, calls, and what can't be read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.domain import Finish
from backend.messages import MessageError, compose, finish_of, replies, tokens_of

BOTH = "<think>hm, wait</think>42"


@pytest.mark.parametrize(
    "message",
    [
        *({"content": "42", field: "hm, wait"} for field in ("reasoning_content", "reasoning", "thinking", "reasoning_text")),
        {"content": "42", "reasoning_details": [{"type": "reasoning.text", "text": "hm, "}, {"type": "reasoning.text", "text": "wait"}]},
        {"content": "42", "reasoning_details": [{"type": "reasoning.summary", "summary": "hm, wait"}, {"type": "reasoning.encrypted", "data": "x"}]},
        {"content": "42", "reasoning": None, "reasoning_details": [{"type": "reasoning.text", "text": "hm, wait", "signature": "s"}]},
        {"content": "42", "thinking_blocks": [{"type": "thinking", "thinking": "hm, wait", "signature": "s"}]},
        {"content": "42", "reasoning_content": "hm, wait", "thinking_blocks": [{"type": "thinking", "thinking": "hm, wait"}]},
        {"content": "42", "reasoning": {"summary": [{"type": "summary_text", "text": "hm, wait"}], "encrypted_content": "x"}},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm, wait"}]}, {"type": "text", "text": "42"}]},
        {"content": [{"type": "thinking", "thinking": "hm, wait", "signature": "s"}, {"type": "text", "text": "42"}]},
        {"content": [{"type": "reasoning", "text": "hm, wait"}, "42"]},
        {"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm, wait"}]}, {"type": "output_text", "text": "42"}]},
        {"content": [{"reasoningContent": {"reasoningText": {"text": "hm, wait", "signature": "s"}}}, {"text": "42"}]},
        {"content": {"parts": [{"text": "hm, wait", "thought": True}, {"text": "42"}]}},
        {"parts": [{"text": "hm, wait", "thought": True}, {"text": "42", "thoughtSignature": "s"}]},
        {"content": [{"type": "reasoning", "reasoning": "gAAAA", "summary": "hm, wait", "redacted": True}, "42"]},
        {"parts": [{"part_kind": "thinking", "content": "hm, wait"}, {"part_kind": "text", "content": "42"}]},
        {"content": BOTH, "reasoning_content": "hm, wait"},
        {"content": "42", "reasoning_content": "hm, wait", "refusal": None, "tool_calls": [], "function_call": None},
        {"content": [{"type": "thinking", "thinking": "hm, wait"}, {"type": "text", "text": "42"}], "reasoning": "hm, wait"},
    ],
)  # fmt: skip
def test_reasoning_of_every_maker(message: dict[str, Any]) -> None:
    assert compose(message, "stop") == (BOTH, Finish.STOP, "stop")


def test_thoughts_between_words_stay_where_they_are() -> None:
    parts = [{"type": "thinking", "thinking": "a"}, {"type": "text", "text": "41"}]
    again = [
        {"type": "thinking", "thinking": "b"},
        {"type": "thinking", "thinking": "c"},
        {"type": "text", "text": "42"},
    ]
    assert compose({"content": parts + again}).text == "<think>a</think>41<think>b\n\nc</think>42"
    assert compose({"content": None, "reasoning": "endless"}, "length") == ("<think>endless", Finish.LENGTH, "length")
    # The marks of the model itself: the server has sent its thinking a second time.
    assert compose({"content": "[THINK]hm[/THINK]42", "reasoning": "hm"}).text == "[THINK]hm[/THINK]42"
    assert compose({"content": "42", "reasoning": "42"}).text == "<think>42</think>42"


def test_sealed_thinking_is_said_to_be() -> None:
    sealed = [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "42"}]
    assert compose({"content": sealed}).text == "<think>[redacted]</think>42"
    summed = [{"type": "redacted_thinking", "data": "x", "summary": "doubts"}, {"type": "text", "text": "42"}]
    assert compose({"content": summed}).text == "<think>doubts</think>42"
    details = [{"type": "reasoning.encrypted", "data": "x"}]
    assert compose({"content": "42", "reasoning_details": details}).text == "<think>[redacted]</think>42"
    assert compose({"content": "42", "encrypted_content": "x"}).text == "<think>[redacted]</think>42"
    assert (
        compose({"content": [{"type": "reasoning", "reasoning": "gAAAA", "redacted": True}, "42"]}).text[7:17]
        == "[redacted]"
    )
    paragraphs = [{"type": "summary_text", "text": text} for text in ("a", "b")]
    assert compose({"content": [{"type": "reasoning", "summary": paragraphs}]}).text == "<think>a\n\nb"


CALL = '<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>'


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}]},
        {"content": "", "function_call": {"name": "f", "arguments": '{"x": 1}'}},
        {"content": [{"type": "tool_use", "id": "1", "name": "f", "input": {"x": 1}}]},
        {"content": [{"toolUse": {"name": "f", "input": {"x": 1}}}]},
        {"parts": [{"functionCall": {"name": "f", "args": {"x": 1}}}]},
        {"content": [{"type": "tool-call", "toolName": "f", "input": {"x": 1}}]},
        {"content": "", "tool_calls": [{"id": "1", "function": "f", "arguments": {"x": 1}}]},
        {"content": [{"type": "function_call", "name": "f", "arguments": '{"x": 1}', "call_id": "1"}]},
    ],
)  # fmt: skip
def test_tool_calls_are_written_out(message: dict[str, Any]) -> None:
    assert compose(message)[:2] == (CALL, Finish.TOOL_CALL)
    assert compose(message, "length").finish is Finish.LENGTH
    assert compose({"content": "Let me see.", "tool_calls": [{"function": {"name": "f"}}]}).text.startswith(
        "Let me see.\n<tool_call>"
    )


def test_refusals_keep_their_words() -> None:
    assert compose({"content": None, "refusal": "I cannot help."}, "stop")[:2] == ("I cannot help.", Finish.REFUSAL)
    part = [{"type": "refusal", "refusal": "I cannot help."}]
    assert compose({"content": part})[:2] == ("I cannot help.", Finish.REFUSAL)
    assert compose({"content": "No.", "refusal": "No."}).text == "No."
    assert compose({"content": None}, "stop")[:2] == ("", Finish.STOP)
    assert compose({"content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}).text == "a[image_url]"


@pytest.mark.parametrize(
    ("body", "finish"),
    [
        ({"choices": [{"message": {"content": "42", "reasoning": "hm, wait"}, "finish_reason": "stop"}]}, Finish.STOP),
        ({"choices": [{"text": BOTH, "finish_reason": "length"}]}, Finish.LENGTH),
        ({"content": [{"type": "thinking", "thinking": "hm, wait"}, {"type": "text", "text": "42"}], "stop_reason": "end_turn"}, Finish.STOP),
        ({"candidates": [{"content": {"parts": [{"text": "hm, wait", "thought": True}, {"text": "42"}]}, "finishReason": "STOP"}]}, Finish.STOP),
        ({"message": {"content": "42", "thinking": "hm, wait"}, "done_reason": "stop"}, Finish.STOP),
        ({"response": "42", "thinking": "hm, wait", "done_reason": "length"}, Finish.LENGTH),
        ({"output": [{"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm, wait"}], "summary": []},
                     {"type": "message", "content": [{"type": "output_text", "text": "42"}]}],
          "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, Finish.LENGTH),
        ({"output": [{"type": "web_search_call", "id": "1"}, {"type": "message", "content": [{"type": "output_text", "text": "42"}]}],
          "status": "completed"}, Finish.STOP),
    ],
)  # fmt: skip
def test_bodies_of_every_interface(body: dict[str, Any], finish: Finish) -> None:
    (reply,) = replies(body)
    assert (
        reply.finish is finish
        and reply.text.endswith("42")
        and ("hm, wait" in reply.text or "web_search" in reply.text)
    )


def test_bodies_without_a_response_are_named() -> None:
    for body in ({}, {"choices": []}, {"choices": [3]}, {"choices": [{"index": 0}]}, {"content": 3}, {"message": None}):
        with pytest.raises(MessageError):
            replies(body)
    assert (
        tokens_of({"usage": {"output_tokens": 3}}) == 3 and tokens_of({}) is None and tokens_of({"eval_count": 0}) == 0
    )
    assert finish_of("MAX_TOKENS") is Finish.LENGTH and finish_of(None) is finish_of("content_filter") is Finish.UNKNOWN


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "text",
                    "content",
                    "parts",
                    "thinking",
                    "reasoning",
                    "summary",
                    "refusal",
                    "tool_calls",
                    "thought",
                    "choices",
                    "message",
                    "output",
                    "function",
                    "name",
                    "arguments",
                    "data",
                    "candidates",
                    "finish_reason",
                ]
            ),
            inner | st.sampled_from(["thinking", "text", "refusal", "tool_use", "message"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(json_values)
def test_any_json_is_read_or_refused_in_a_clause(value: Any) -> None:
    body = value if isinstance(value, dict) else {"content": value}
    for reader in (compose, replies):
        try:
            reader(body)
        except MessageError as error:
            assert str(error)
