"""Streams as servers really send them: lists of parts, halves of characters, strange numbers, calls in fragments."""

from __future__ import annotations

import json
import runpy
import threading
from collections.abc import Generator, Iterator
from http.server import ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from backend.domain import Finish, Model, ModelKind
from backend.engines.openai.openai_engine import OpenAIEngine
from backend.engines.protocol import Decoding, Done, Failed, Piece, Request
from backend.lexicon.sections import split_sections
from tests.engines.openai.chat_server import ChatServer

MOCK = Path(__file__).resolve().parents[4] / "shared" / "data" / "cases" / "faults" / "streaming" / "server.py"
CALL = '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'
THOUGHT = "<think>\nHmm, wait.\n</think>\n\n42"


class ScriptedServer(ChatServer):
    """Sends the lines of `script`."""

    def __init__(self) -> None:
        self.script: list[str] = []
        super().__init__()

    def _lines(self, body: dict[str, Any], asked: Request) -> Generator[str]:
        yield from self.script

    def says(self, *deltas: Any, finish: str | None = "stop", done: bool = True) -> None:
        """A chunk for each delta; one that is text is sent as it is."""
        ends = [{"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}] if finish else []
        chunks = [
            d if isinstance(d, str) else json.dumps({"choices": [{"delta": d}]}, ensure_ascii=False) for d in deltas
        ]
        self.script = [
            f"data: {chunk}\n\n" for chunk in (*chunks, *map(json.dumps, ends), *(["[DONE]"] if done else []))
        ]


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


def answered(address: str, user: str = "?") -> tuple[str, Done | Failed, list[Piece]]:
    engine = OpenAIEngine(Model("e", "endpoint", ModelKind.ENDPOINT, address), timeout=20, retries=0)
    try:
        events = list(engine.generate([Request("a", "endpoint", user, Decoding(max_tokens=12, top=1))]))
    finally:
        engine.close()
    pieces = [event for event in events if isinstance(event, Piece)]
    text, end = "".join(piece.text for piece in pieces), events[-1]
    assert isinstance(end, Done | Failed) and text.encode() is not None  # no half of a surrogate pair
    places = [token for piece in pieces for token in piece.tokens]
    assert all(left.end == right.start for left, right in pairwise(places))
    assert not places or places[-1].end == len(text)
    return text, end, pieces


@pytest.mark.parametrize(
    "deltas",
    [
        [{"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hmm, "}]}]},
         {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "wait."}]}, {"type": "text", "text": "42"}]}],
        *([{field: "Hmm, "}, {field: "wait."}, {"content": "42"}] for field in ("reasoning", "reasoning_content", "thinking", "thought")),
        [{"reasoning_details": [{"type": "reasoning.text", "text": text}]} for text in ("Hmm, ", "wait.")] + [{"content": "42"}],
        [{"reasoning": "Hmm, wait.", "reasoning_details": [{"type": "reasoning.text", "text": "Hmm, wait."}]},
         {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}, {"content": "42"}],
        [{"thinking_blocks": [{"type": "thinking", "thinking": "Hmm, wait."}]}, {"content": "42", "reasoning_content": None}],
    ],
)  # fmt: skip
def test_reasoning_of_every_maker(scripted: ScriptedServer, deltas: list[Any]) -> None:
    scripted.says(*deltas)
    text, end, _ = answered(scripted.address)
    assert (text, end) == (THOUGHT, Done("a", Finish.STOP, "", None))


def test_characters_come_whole(scripted: ScriptedServer) -> None:
    half = ['{"choices": [{"delta": {"content": "Hi \\ud83d"}}]}', '{"choices": [{"delta": {"content": "\\ude00"}}]}']
    scripted.says(*half, {"content": " a\u2028b\x85c"})
    assert answered(scripted.address)[0] == "Hi 😀 a\u2028b\x85c"
    scripted.says(half[0])
    assert answered(scripted.address)[0] == "Hi \ufffd"
    scripted.says(half[1])
    assert answered(scripted.address)[0] == "\ufffd"


@pytest.mark.parametrize("number", ["null", "-Infinity", "NaN", '"-0.1"', "-0.5"])
def test_log_probabilities_that_are_no_numbers_are_unknown(scripted: ScriptedServer, number: str) -> None:
    entry = (
        f'{{"token": "Wait\\ud83d", "logprob": {number}, "top_logprobs": [{{"token": "Wait", "logprob": {number}}}]}}'
    )
    scripted.says(f'{{"choices": [{{"delta": {{"content": "Wait"}}, "logprobs": {{"content": [{entry}]}}}}]}}')
    text, end, pieces = answered(scripted.address)
    assert text == "Wait" and isinstance(end, Done)
    known = number == "-0.5"
    assert [(token.logprob, len(token.top)) for token in pieces[0].tokens] == [(-0.5 if known else None, int(known))]


def test_tool_calls_and_refusals(scripted: ScriptedServer) -> None:
    parts = [
        {"index": 0, "id": "1", "function": {"name": "f", "arguments": "{"}},
        {"index": 0, "function": {"arguments": "}"}},
    ]
    scripted.says(*({"tool_calls": [part]} for part in parts), finish="tool_calls")
    assert answered(scripted.address)[:2] == (CALL, Done("a", Finish.TOOL_CALL, "", None))
    scripted.says(
        {"reasoning": "Hmm, wait."}, {"function_call": {"name": "f", "arguments": "{}"}}, finish="function_call"
    )
    assert answered(scripted.address)[0] == THOUGHT.removesuffix("42") + CALL
    scripted.says({"content": None, "refusal": "I cannot "}, {"refusal": "help."})
    assert answered(scripted.address)[:2] == ("I cannot help.", Done("a", Finish.REFUSAL, "", None))


def test_a_complete_stream_needs_no_reason(scripted: ScriptedServer) -> None:
    scripted.says({"content": "Maybe"}, {"content": " 42"}, finish=None)
    assert answered(scripted.address)[:2] == ("Maybe 42", Done("a", Finish.UNKNOWN, "", None))
    scripted.says({"content": "Maybe"}, finish=None, done=False)
    text, end, _ = answered(scripted.address)
    assert text == "Maybe" and isinstance(end, Failed)
    scripted.says({"content": "Wait 42"}, finish="eos_token")
    assert answered(scripted.address)[1] == Done("a", Finish.STOP, "", None)


@pytest.fixture(scope="module")
def mock() -> Iterator[str]:
    if not MOCK.exists():
        pytest.skip(f"{MOCK} is absent")
    server = ThreadingHTTPServer(("127.0.0.1", 0), runpy.run_path(str(MOCK))["H"])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("scenario", "text", "finish"),
    [
        *(("plain", "Wait 42", Finish.STOP), ("list_delta", THOUGHT, Finish.STOP), ("reasoning", THOUGHT, Finish.STOP)),
        *(("both_in_one", THOUGHT, Finish.STOP), ("surrogate_halves", "Hi 😀 wait", Finish.STOP)),
        *((name, "Hi 😀 wait", Finish.STOP) for name in ("emoji_bytes", "emoji_fffd", "emoji_empty")),
        *(("neg_inf", "Wait", Finish.STOP), ("null_lp", "Wait", Finish.STOP), ("empty", "", Finish.STOP)),
        *(("eos_fn", "Wait 42", Finish.STOP), ("tool_calls", CALL, Finish.TOOL_CALL), ("comments", "Wait 42", Finish.STOP)),
        *(("no_finish", "Maybe 42", Finish.UNKNOWN), ("content_filter", "Maybe", Finish.UNKNOWN)),
        ("interleaved", "<think>\nHmm.\n</think>\n\n41<think>\nWait, no.\n</think>\n\n42", Finish.STOP),
        ("only_reasoning", "<think>\nHmm, wait, still thinking", Finish.LENGTH),
        *(("cut", "Maybe", None), ("error_mid", "Maybe", None)),
    ],
)  # fmt: skip
def test_shared_scenarios(mock: str, scenario: str, text: str, finish: Finish | None) -> None:
    said, end, _ = answered(mock, f"scenario {scenario}")
    assert said == text and (end.finish if isinstance(end, Done) else None) == finish


def test_dialects_of_a_live_stream_are_divided_by_the_same_table(mock: str) -> None:
    for scenario in ("mm_think", "harmony", "interleaved"):
        text = answered(mock, f"scenario {scenario}")[0]
        think, *_, answer = split_sections(text)
        assert "Hmm" in text[think.start : think.end] and text[answer.start : answer.end].strip() == "42"
