"""Chats as JSON Lines: OpenAI's `messages` and ShareGPT's `conversations`; the last assistant turn is the trace.

Owns turning messages into question, prompt and text; openai_batch.py and problem_sets.py hold such messages too.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from backend.domain import RunInfo, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.json_text import type_name
from backend.exchange.traces.source_names import UNNAMED, dataset_label, from_file
from backend.exchange.traces.trace_format import Format, RowError, ScannedFile
from backend.import_plan import Row, Source
from backend.messages import Composed, MessageError, PieceKind, compose, pieces_of

# Roles of ShareGPT, of its variants, of Gemini and of OpenAI's newer models.
_ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant", "developer": "system"}
_READ = ("role", "content", "reasoning_content", "reasoning", "thinking", "refusal", "from", "value")
_GOLD = ("gold_answer", "gold", "ground_truth", "expected_answer", "answer")


def _matches(row: Row) -> bool:
    return "messages" in row or "conversations" in row


def model_of(row: Row) -> str:
    """The model a row names, "" where it names none. Each model's rows become a run."""
    return fields.optional_text(row, "model") or ""


def _describe(found: ScannedFile, model: str) -> RunInfo:
    stem, dataset = from_file(found)
    named = fields.optional_text(found.row, "dataset") or fields.optional_text(found.row, "data_source")
    return RunInfo(model or stem, dataset_label(named or dataset), note="" if model else UNNAMED)


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
        content = turn["value"] if "value" in turn and "content" not in turn else turn.get("content")
        turns.append({**turn, "role": _ROLES.get(role, role), "content": content})
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
    """The text of one message of a prompt. Parts that are no text (images, sound) are an error."""
    content = turn.get("parts") if turn.get("content") is None else turn["content"]
    parts = content if isinstance(content, list) else [content or ""]
    for part in parts:
        if not isinstance(part, str) and not (isinstance(part, dict) and isinstance(part.get("text"), str)):
            kind = part.get("type", "no type") if isinstance(part, dict) else type_name(part)
            raise RowError(f"a message holds a part that is not text ({kind!s:.40})")
    return "".join(part if isinstance(part, str) else part["text"] for part in parts)


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


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    key = "messages" if "messages" in row else "conversations"
    found = last_turn(turns_of(row.get(key), key))
    if found is None:
        raise RowError(f"'{key}' holds no message of the assistant")
    question, prompt = asked(found.before)
    gold = fields.first_named(row, _GOLD)
    reply = reply_of(found.turn, row.get("finish_reason"))
    # Ids and signatures of calls and thoughts stay with the trace, beside the words that were read out of them.
    kept = fields.rest(found.turn, _READ)
    yield TraceDraft(
        question,
        reply.text,
        ref,
        gold=fields.optional_text(row, gold) if gold else None,
        prompt=prompt,
        finish=reply.finish,
        extra={
            **fields.rest(row, (key, "model", "finish_reason", gold)),
            **fields.unknown_finish("finish_reason", row.get("finish_reason")),
            **({"message": kept} if kept else {}),
            **({"later_messages": found.after} if found.after else {}),
        },
    )


FORMAT = Format("OpenAI chat", _matches, _describe, _drafts, split=model_of)
