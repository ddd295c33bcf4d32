"""Messages of chat interfaces as text: reasoning in `<think>` tags, refusals and tool calls in words.

Owns the names by which OpenAI, Anthropic, Google, Mistral, OpenRouter, Ollama and those that imitate them send each,
and the words for how a response ended. Imports and live engines read messages by it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from backend.domain import Finish

Message = Mapping[str, Any]

# What isn't here is unknown: "abort", "content_filter".
_FINISHES = {
    **dict.fromkeys(("stop", "eos", "eos_token", "end_turn", "stop_sequence", "finished", "complete"), Finish.STOP),
    **dict.fromkeys(("completed", "end", "eos_found", "done"), Finish.STOP),
    **dict.fromkeys(("length", "max_tokens", "max_length", "max_new_tokens", "truncated"), Finish.LENGTH),
    **dict.fromkeys(("max_output_tokens", "model_length", "max_completion_tokens"), Finish.LENGTH),
    **dict.fromkeys(("tool_calls", "tool_call", "tool_use", "function_call"), Finish.TOOL_CALL),
    "refusal": Finish.REFUSAL,
}
# Fields beside the content, the most telling first: servers send the same reasoning under several of them.
_REASONING = (
    *("reasoning_content", "reasoning", "thinking", "reasoning_text", "thinking_content", "thought", "thoughts"),
    *("thinking_blocks", "reasoning_details", "reasoning_summary", "tool_plan"),
)
_CALLS = ("tool_calls", "function_call", "functionCall", "toolUse")
_WORDS = ("text", "thinking", "reasoning", "reasoningText", "reasoning_content", "reasoning_text", "thought", "value")
_SUMMARIES = ("content", "summary")
_SEALED = ("data", "encrypted_content", "encrypted", "redactedContent", "signature")
_SEALED_BESIDE = ("encrypted_content", "redacted_thinking", "reasoning_opaque")
_NAMES = ("name", "toolName", "tool_name", "function")  # of a tool
REDACTED = "[redacted]"
_TWICE = 60  # characters of a content before the reasoning that it repeats


class MessageError(ValueError):
    """A message without readable words. Its message is a clause."""


class PieceKind(Enum):
    """What a piece of a message is."""

    THOUGHT = "thought"
    TEXT = "text"
    REFUSAL = "refusal"
    CALL = "call"


class Composed(NamedTuple):
    """A response as it is stored, and how it ended; `reason` is the source's own word for that."""

    text: str
    finish: Finish
    reason: str | None = None


Pieces = list[tuple[PieceKind, str]]


def finish_of(reason: Any) -> Finish:
    """A source's word for how a response ended, as ours; unknown for any other."""
    return _FINISHES.get(reason.strip().lower(), Finish.UNKNOWN) if isinstance(reason, str) else Finish.UNKNOWN


def compose(message: Message, reason: Any = None) -> Composed:
    """The text of an assistant's message, and how it ended if the source says `reason`. Raises MessageError.

    A thought that nothing follows stays open; a tool call is written as the models themselves write one.
    """
    pieces = pieces_of(message)
    text = ""
    for place, (kind, words) in enumerate(pieces):
        if kind is PieceKind.THOUGHT:
            before = text.removesuffix("</think>") if place and pieces[place - 1][0] is PieceKind.THOUGHT else None
            text = f"{text}<think>" if before is None else f"{before}\n\n"
            text += words + ("</think>" if place + 1 < len(pieces) else "")
        else:
            # Words and call are parts of their own; inside one part nothing is added.
            text += ("\n" if kind is PieceKind.CALL and text and not text.endswith(("\n", "</think>")) else "") + words
    return Composed(text, ending([kind for kind, _ in pieces], reason), reason if isinstance(reason, str) else None)


def ending(kinds: Sequence[PieceKind], reason: Any) -> Finish:
    """How a response of these kinds of pieces ended, whose source says `reason`."""
    found = finish_of(reason)
    if PieceKind.REFUSAL in kinds:
        return Finish.REFUSAL
    # A call that the limit cut off is no call; one that words follow was answered by the server itself.
    return Finish.TOOL_CALL if kinds and kinds[-1] is PieceKind.CALL and found is not Finish.LENGTH else found


def pieces_of(message: Message) -> Pieces:
    """What a message holds, in order: thoughts, words, refusals and calls. Raises MessageError."""
    content = message.get("parts") if message.get("content") is None else message["content"]
    said = list(_content(content.get("parts", content) if isinstance(content, Mapping) else content))
    thought = next(filter(None, (_words(message.get(field), "reasoning") for field in _REASONING)), "")
    if not thought and any(message.get(field) for field in _SEALED_BESIDE):
        thought = _words(message.get("redacted_thinking"), "reasoning") or REDACTED
    written = "".join(words for _, words in said)
    if thought and not any(kind is PieceKind.THOUGHT for kind, _ in said) and not _repeats(written, thought):
        said.insert(0, (PieceKind.THOUGHT, thought))
    if (refusal := _words(message.get("refusal"), "refusal")) and refusal not in written:
        said.append((PieceKind.REFUSAL, refusal))
    spoken = message.get("audio")
    if not written and isinstance(spoken, Mapping) and isinstance(spoken.get("transcript"), str):
        said.append((PieceKind.TEXT, spoken["transcript"]))
    calls = (call for field in _CALLS for call in _listed(message.get(field)))
    return [piece for piece in [*said, *((PieceKind.CALL, call_text(call)) for call in calls)] if piece[1]]


def _repeats(content: str, thought: str) -> bool:
    """Whether the content begins with the thought in marks of its own: some servers send it twice."""
    at = content.find(thought.strip()[:200], 0, _TWICE + 200)
    return content.lstrip().startswith("<think>") or (at > 0 and content.lstrip()[0] in "<[◁")


def _content(content: Any) -> Iterator[tuple[PieceKind, str]]:
    if content is None or isinstance(content, str):
        yield PieceKind.TEXT, content or ""
    elif isinstance(content, list):
        for part in content:
            yield from _part(part)
    else:
        raise MessageError(f"a message's 'content' should be text, but is {_kind_of(content)}")


def _part(part: Any) -> Iterator[tuple[PieceKind, str]]:
    if isinstance(part, str):
        yield PieceKind.TEXT, part
        return
    if not isinstance(part, Mapping):
        raise MessageError(f"a message holds a part that is not text ({_kind_of(part)})")
    name = str(part.get("type") or part.get("part_kind") or "")
    if part.get("thought") is True or any(word in name for word in ("think", "reason", "thought")):
        yield PieceKind.THOUGHT, _words({key: value for key, value in part.items() if key != "thought"}, "reasoning")
    elif "reasoningContent" in part:
        yield PieceKind.THOUGHT, _words(part["reasoningContent"], "reasoning")
    elif name == "refusal" or part.get("refusal"):
        yield PieceKind.REFUSAL, _words(part.get("refusal"), "refusal")
    elif name == "message":
        yield from _content(part.get("content"))
    elif call := next((part[key] for key in _CALLS if isinstance(part.get(key), Mapping)), None):
        yield PieceKind.CALL, call_text(call)
    elif name.endswith(("_call", "tool_use", "tool-call")):
        yield PieceKind.CALL, call_text(part)
    elif "text" in part or name.endswith("text"):
        yield PieceKind.TEXT, _words(part.get("text", part.get("content")), "text")
    else:
        # An image or the result of a search has no words of the model, but is no reason to lose those around it.
        yield PieceKind.TEXT, f"[{name or next(iter(part), 'part')}]"


def reasoning_of(value: Any) -> str:
    """The words of a field of reasoning, whatever its shape. Raises MessageError."""
    return _words(value, "reasoning")


def _words(value: Any, what: str) -> str:
    """The words in a field of any shape; of sealed reasoning its summary, or that it is sealed."""
    if value is None or isinstance(value, str | bool):
        return value if isinstance(value, str) else ""
    if isinstance(value, list):
        found = [_words(part, what) for part in value]
        # Summaries are paragraphs, each of its own; text comes in pieces.
        apart = any(isinstance(part, Mapping) and "summary" in str(part.get("type")) for part in value)
        sealed = [words for words in found if words and words != REDACTED]
        return ("\n\n" if apart else "").join(sealed) or next(filter(None, found), "")
    if not isinstance(value, Mapping):
        raise MessageError(f"a message's {what} should be text, but is {_kind_of(value)}")
    # Where it is sealed, what stands for the words is no text.
    for key in ("summary",) if value.get("redacted") is True else (*_WORDS, *_SUMMARIES):
        if value.get(key) and not isinstance(value[key], bool) and (found_in := _words(value[key], what)):
            return found_in
    return REDACTED if any(value.get(key) for key in ("redacted", *_SEALED)) else ""


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value] if value else []


def call_text(call: Any) -> str:
    """A tool call in words, as Hermes and Qwen write one."""
    inner = call
    if isinstance(call, Mapping):
        inner = next((call[key] for key in ("function", "custom", *_CALLS) if isinstance(call.get(key), Mapping)), call)
    if isinstance(inner, Mapping) and (name := next((inner[key] for key in _NAMES if inner.get(key)), None)):
        keys = ("arguments", "args", "input", "parameters")
        given: Any = next((inner[key] for key in keys if inner.get(key) is not None), {})
        # Kept as the model wrote them, which may be no JSON.
        arguments = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str)
        inner_text = f'{{"name": {json.dumps(str(name), ensure_ascii=False)}, "arguments": {arguments or "{}"}}}'
    else:
        inner_text = json.dumps(inner, ensure_ascii=False, default=str)
    return f"<tool_call>\n{inner_text}\n</tool_call>"


def replies(body: Message) -> list[Composed]:
    """The responses in the body of an interface's answer: chat and text completions, Responses, Anthropic's, Google's,
    Ollama's. Raises MessageError where there is none.
    """
    choices = body.get("choices", body.get("candidates"))
    if isinstance(choices, list) and choices:
        return [_choice(number, choice) for number, choice in enumerate(choices, 1)]
    reason = next((body[key] for key in ("stop_reason", "done_reason", "finish_reason") if body.get(key)), None)
    if isinstance(body.get("output"), list):
        details = body.get("incomplete_details")
        ended = (details.get("reason") if isinstance(details, Mapping) else None) or body.get("status")
        return [compose({"content": body["output"]}, ended)]
    if isinstance(body.get("message"), Mapping):
        return [compose(body["message"], reason)]
    if isinstance(body.get("response"), str):
        return [compose({**body, "content": body["response"]}, reason)]
    if isinstance(body.get("content"), str | list):
        return [compose(body, reason)]
    raise MessageError(f"it holds no response ({', '.join(list(map(str, body))[:12]) or 'nothing'})")


def _choice(number: int, choice: Any) -> Composed:
    if not isinstance(choice, Mapping):
        raise MessageError(f"choice {number} is {_kind_of(choice)}")
    reason = next((choice[key] for key in ("finish_reason", "finishReason", "stop_reason") if choice.get(key)), None)
    inner = choice.get("message")
    message: Message = inner if isinstance(inner, Mapping) else choice
    if message is choice and isinstance(choice.get("text"), str):
        message = {**choice, "content": choice["text"]}
    if not {"content", "parts", "refusal", *_REASONING, *_CALLS} & message.keys():
        raise MessageError(f"choice {number} has no message")
    return compose(message, reason)


def tokens_of(body: Message) -> Any:
    """How many tokens the responses of an answer's body have together; None where it doesn't say."""
    usage = next((body[key] for key in ("usage", "usageMetadata") if isinstance(body.get(key), Mapping)), body)
    keys = ("completion_tokens", "output_tokens", "candidatesTokenCount", "eval_count")
    return next((usage[key] for key in keys if usage.get(key) is not None), None)


def _kind_of(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", bool: "true or false", str: "text"}
    return kinds.get(type(value), "a number" if isinstance(value, int | float) else "nothing")
