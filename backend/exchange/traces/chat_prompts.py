"""Chats: their turns, the question and the prompt before a response, and the question inside a templated prompt.

Owns whose turn is whose in the forms that messages have.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from backend.domain import digest
from backend.exchange.traces.json_text import type_name
from backend.exchange.traces.trace_format import RowError
from backend.import_plan import Row
from backend.messages import Composed, MessageError, PieceKind, compose, pieces_of

# Roles of ShareGPT and OpenCompass (in capitals), of Gemini and of OpenAI's newer models.
_ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant", "developer": "system"}

# Where a user's turn begins in the templates of Qwen, Llama, DeepSeek, Gemma, Mistral, Phi and gpt-oss.
_USER = re.compile(
    r"<\|im_start\|>user(?:<\|im_sep\|>)?|<\|start_header_id\|>user<\|end_header_id\|>|<｜User｜>|<start_of_turn>user|"
    r"<\|turn>user|\[INST\]|<\|user\|>|<\|start\|>user<\|message\|>|<\|start_of_role\|>user<\|end_of_role\|>"
)
_END = re.compile(
    r"<\|im_end\|>|<\|eot_id\|>|<｜(?:Assistant|end▁of▁sentence)｜>|<end_of_turn>|<turn\|>|\[/INST\]|<\|end\|>|"
    r"<\|assistant\|>|<\|end_of_text\|>|<\|start\|>assistant|\Z"
)
# What is left of the last user turn once the special tokens are gone, as in verl's dumps.
_PLAIN = re.compile(r"(?:\A|.*\n)user\n(?P<question>.*?)(?:\nassistant\n?(?:<think>\n?)?)?\Z", re.DOTALL)


def question_of(prompt: str) -> str:
    """The last user turn of a prompt with a chat template's marks; the prompt as it is where it has none."""
    starts = list(_USER.finditer(prompt))
    if starts:
        rest = prompt[starts[-1].end() :]
        end = _END.search(rest)
        return rest[: end.start() if end else len(rest)].strip()
    plain = _PLAIN.match(prompt) if "user\n" in prompt[:4096] else None
    return plain["question"] if plain else prompt


def turns_of(value: Any, name: str) -> list[Row]:
    """Messages of either form in OpenAI's. Raises RowError where they are none."""
    if not isinstance(value, list) or not value:
        raise RowError(f"'{name}' should be a list of messages, but is {type_name(value) if value else 'empty'}")
    turns = []
    for place, turn in enumerate(value, 1):
        if not isinstance(turn, dict):
            raise RowError(f"'{name}' should hold messages, but its item {place} is {type_name(turn)}")
        role = turn.get("role", turn.get("from"))
        if not isinstance(role, str):
            raise RowError(f"message {place} of '{name}' has no role")
        content = next((turn[key] for key in ("content", "value", "prompt") if key in turn), None)
        turns.append({**turn, "role": _ROLES.get(role.lower(), role), "content": content})
    return turns


class LastTurn(NamedTuple):
    """The last turn of the assistant, which is the trace; what comes before is its prompt, earlier answers included."""

    before: list[Row]
    turn: Row
    after: list[Row]


def last_turn(turns: list[Row]) -> LastTurn | None:
    """The last turn of the assistant among those around it; None where there is none."""
    last = max((place for place, turn in enumerate(turns) if turn["role"] == "assistant"), default=None)
    return None if last is None else LastTurn(turns[:last], turns[last], turns[last + 1 :])


def content_of(turn: Row) -> str:
    """The text of one message of a prompt; of a part that is no text (an image, sound) what it is and a mark of it."""
    content = turn.get("parts") if turn.get("content") is None else turn["content"]
    parts = content if isinstance(content, list) else [content or ""]
    return "".join(map(_words, parts))


def _words(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise RowError(f"a message holds a part that is not text ({type_name(part)})")
    if isinstance(part.get("text"), str):
        return str(part["text"])
    # Questions that differ in their picture alone are different problems, and the same for every model.
    return f"[{part.get('type', 'part')!s:.40} {digest(repr(sorted(part.items(), key=str)))[:8]}]"


def reply_of(turn: Row, reason: Any = None) -> Composed:
    """A response with its reasoning in `<think>` tags, and how it ended. Raises RowError."""
    try:
        return compose(turn, reason)
    except MessageError as error:
        raise RowError(str(error)) from None


def response_of(turn: Row) -> str:
    """The text of `reply_of`."""
    return reply_of(turn).text


def asked(turns: Sequence[Row]) -> tuple[str, str]:
    """(question, prompt) of the turns before a response: the last user turn, and all of them with their roles."""
    question = next((content_of(turn) for turn in reversed(turns) if turn["role"] == "user"), None)
    if question is None:
        raise RowError("no message of the user comes before the response")
    # Roles are written out in the prompt, where a system message would otherwise read as the user's.
    if len(turns) == 1:
        return question, question
    return question, "\n\n".join(f"[{turn['role']}]\n{_shown(turn)}" for turn in turns)


def _shown(turn: Row) -> str:
    # Templates leave the thinking of earlier turns out.
    try:
        return "".join(words for kind, words in pieces_of(turn) if kind is not PieceKind.THOUGHT)
    except MessageError as error:
        raise RowError(str(error)) from None
