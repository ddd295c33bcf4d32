"""Chats as JSON Lines: OpenAI's `messages` and ShareGPT's `conversations`; the last assistant turn is the trace.

Owns turning messages into question, prompt and text; openai_batch.py and problem_sets.py hold such messages too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backend.domain import RunInfo, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.json_text import type_name
from backend.exchange.traces.source_names import UNNAMED, dataset_label, from_file
from backend.exchange.traces.trace_format import Format, Proposal, RowError, ScannedFile
from backend.import_plan import Row, Source

# Roles of ShareGPT, of its variants, of Gemini and of OpenAI's newer models.
_ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant", "developer": "system"}
_GOLD = ("gold_answer", "gold", "ground_truth", "expected_answer", "answer")


def _matches(row: Row) -> bool:
    return "messages" in row or "conversations" in row


def model_of(row: Row) -> str:
    """The model a row names, "" where it names none. Each model's rows become a run."""
    return fields.optional_text(row, "model") or ""


def _describe(found: ScannedFile) -> Iterator[Proposal]:
    model, (stem, dataset) = model_of(found.row), from_file(found)
    named = fields.optional_text(found.row, "dataset") or fields.optional_text(found.row, "data_source")
    info = RunInfo(
        model or stem,
        dataset_label(named or dataset),
        format=FORMAT.name,
        source=found.shown,
        note="" if model else UNNAMED,
    )
    yield Proposal(info, model)


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


def content_of(turn: Row) -> str:
    """The text of one message. Parts that are no text (images, sound) are an error."""
    content = turn.get("content")
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise RowError(f"a message's 'content' should be text, but is {type_name(content)}")
    return "".join(_part(part, "text") for part in content if not _is_reasoning(part))


def response_of(turn: Row) -> str:
    """A response with its reasoning in `<think>` tags, the closing one left out where no answer followed."""
    # Servers put it in three places: `reasoning_content`, `reasoning` (newer vLLM), or parts of the content.
    parts = turn["content"] if isinstance(turn.get("content"), list) else []
    inside = "".join(_part(part, "reasoning", "thinking", "text") for part in parts if _is_reasoning(part))
    reasoning = turn.get("reasoning_content") or turn.get("reasoning") or inside
    if not isinstance(reasoning, str):
        raise RowError(f"a message's reasoning should be text, but is {type_name(reasoning)}")
    answer = content_of(turn)
    # Some servers send the reasoning twice: apart, and in the content.
    if not reasoning or answer.lstrip().startswith("<think>"):
        return answer
    return f"<think>{reasoning}</think>{answer}" if answer else f"<think>{reasoning}"


def _is_reasoning(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in ("reasoning", "thinking")


def _part(part: Any, *keys: str) -> str:
    if isinstance(part, str):
        return part
    found = (
        next((part[key] for key in keys if isinstance(part.get(key), str)), None) if isinstance(part, dict) else None
    )
    if found is None:
        kind = part.get("type", "no type") if isinstance(part, dict) else type_name(part)
        raise RowError(f"a message holds a part that is not text ({kind!s:.40})")
    return found


def asked(turns: Sequence[Row]) -> tuple[str, str]:
    """(question, prompt) of the turns before a response: the last user turn, and all of them with their roles."""
    question = next((content_of(turn) for turn in reversed(turns) if turn["role"] == "user"), None)
    if question is None:
        raise RowError("no message of the user comes before the response")
    # Roles are written out in the prompt, where a system message would otherwise read as the user's.
    if len(turns) == 1:
        return question, question
    return question, "\n\n".join(f"[{turn['role']}]\n{content_of(turn)}" for turn in turns)


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    key = "messages" if "messages" in row else "conversations"
    turns = turns_of(row.get(key), key)
    # The last turn of the assistant is the trace; what comes before is its prompt, earlier answers included.
    last = max((place for place, turn in enumerate(turns) if turn["role"] == "assistant"), default=None)
    if last is None:
        raise RowError(f"'{key}' holds no message of the assistant")
    question, prompt = asked(turns[:last])
    gold = next((name for name in _GOLD if row.get(name) is not None), "")
    kept = fields.rest(turns[last], ("role", "content", "reasoning_content", "reasoning", "from", "value"))
    yield TraceDraft(
        question,
        response_of(turns[last]),
        ref,
        gold=fields.optional_text(row, gold) if gold else None,
        prompt=prompt,
        finish=fields.finish(row.get("finish_reason")),
        extra={
            **fields.rest(row, (key, "model", "finish_reason", gold)),
            **fields.unknown_finish("finish_reason", row.get("finish_reason")),
            **({"message": kept} if kept else {}),
            **({"later_messages": turns[last + 1 :]} if turns[last + 1 :] else {}),
        },
    )


FORMAT = Format("OpenAI chat", _matches, _describe, _drafts, split=model_of)
