"""Drafts out of a row's parts: question, response, reasoning, gold answer and so on, wherever they stood in the row.

Owns what becomes of lists of responses, chats, reasoning apart, log-probabilities and settings; mapped tables and
declared formats end here.
"""

import codecs
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from backend.domain import Finish, Sampling, SourceRef, TraceDraft, WrittenToken
from backend.exchange.traces import fields
from backend.exchange.traces.chat_prompts import asked, last_turn, question_of, reply_of, turns_of
from backend.exchange.traces.row_paths import describe_value, flat, is_messages, optional_value
from backend.exchange.traces.trace_format import LeftOut, RowError
from backend.import_plan import Row, Source
from backend.messages import MessageError, reasoning_of

# Settings that stand at the head of a file, around its rows.
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "temperature": ("temperature", "temp"),
    "top_p": ("top_p",),
    "top_k": ("top_k",),
    "max_tokens": ("max_new_tokens", "max_tokens", "max_gen_toks"),
    "seed": ("seed",),
}
_MOST_STRAY = 3  # tokens at either end that the text lacks: marks of turns and of thinking
# Parts that are those of the problem, whatever list they are written as.
_OF_ALL = ("gold", "question", "text", "prompt", "id", "chat")


def traces_of(
    values: Row, names: Mapping[str, str], extra: Row, ref: SourceRef, source: Source, missing: str = ""
) -> Iterator[TraceDraft | LeftOut]:
    """A draft for each response in a row's parts. `names` says where each part stood; `missing` why there is none.

    A `chat` ends in its response, and so do a prompt and a response that are messages both. Raises RowError.
    """
    texts, question, prompt = _responses(values, names)
    if not texts:
        yield LeftOut(missing or f"no response in '{names.get('text', names.get('chat', ''))}'")
        return
    if not question:
        question, shown = _question(values, names, ref, source)
        prompt = prompt or shown
    written = values.get("prompt")
    if not prompt:
        asked_for = asked(turns_of(written, "prompt"))[1] if is_messages(written) else None
        prompt = asked_for or fields.written(written, "prompt") or ""
    for place, text in enumerate(texts):
        here = {part: _share(value, place, len(texts), names, part) for part, value in values.items()}
        yield (
            LeftOut("a response is null")
            if text is None
            else _trace((question, prompt, text), here, place, names, ref, extra)
        )


def _responses(values: Row, names: Mapping[str, str]) -> tuple[Sequence[Any], str, str]:
    """(responses, question, prompt); question and prompt are "" where no chat says them."""
    chat, text = values.get("chat"), values.get("text")
    written = values.get("prompt")
    if not chat and is_messages(text) and isinstance(written, list) and is_messages(written):
        chat = [*written, *flat(text)[0]]
    if chat is None:
        return ([] if text is None else flat(text)), "", ""
    found = last_turn(turns_of(chat, names.get("chat", "messages"))) if chat else None
    if found is None:
        return ([] if text is None or is_messages(text) else flat(text)), "", ""
    if not any(turn["role"] == "user" for turn in found.before):
        return [found.turn], "", ""
    question, prompt = asked(found.before)
    if any(turn["role"] == "assistant" for turn in found.before):
        values.pop("tokens", None)  # of several turns the count is that of all together
    return [found.turn], question_of(question), prompt


def _question(values: Row, names: Mapping[str, str], ref: SourceRef, source: Source) -> tuple[str, str]:
    """(question, prompt); where no question is known, the problem's id or the row's place stands for it."""
    if values.get("question") is not None and (found := worded(values["question"], names["question"]))[0]:
        return found
    given = values.get("id")
    if given is not None and not isinstance(given, dict | list):
        return f"{names['id']} {given} of {source.info.dataset}", ""
    # The file's name without its folders: base and trained model lie in folders of their own and have the same rows.
    return f"row {ref.row} of {PurePath(ref.file).name} ({source.info.dataset})", ""


def worded(value: Any, column: str) -> tuple[str, str]:
    """(question, prompt) of a value: text, text with a chat template's marks, or messages."""
    if is_messages(value):
        return asked(turns_of(value, column))
    if not isinstance(value, str):
        return fields.written(value, column) or "", ""
    question = question_of(value)
    return (question, value) if question != value else (value, "")


def _share(value: Any, place: int, count: int, names: Mapping[str, str], part: str) -> Any:
    if not isinstance(value, list) or part in _OF_ALL:
        return value
    # Blocks of one reasoning, or tokens of one response, not one for each response.
    if part in ("reasoning", "logprobs") and count == 1 and all(isinstance(block, dict) for block in value):
        return value
    items = flat(value)
    # In a known format a short list means "unknown"; here the wrong column may have been named.
    if len(items) != count:
        raise RowError(f"'{names[part]}' has {len(items)} items for {count} responses")
    return items[place]


def _text(value: Any, column: str, reason: Any) -> tuple[str, Finish]:
    if isinstance(value, str):
        return value, fields.finish(reason)
    if is_messages(value) or (isinstance(value, dict) and isinstance(value.get("role"), str)):
        turns = turns_of(value if isinstance(value, list) else [value], column)
        if found := last_turn(turns):
            reply = reply_of(found.turn, reason)
            return reply.text, reply.finish
        raise RowError(f"'{column}' holds no message of the assistant")
    raise RowError(f"'{column}' should be text, but is {describe_value(value)}")


def _trace(
    said: tuple[str, str, Any], here: Row, place: int, names: Mapping[str, str], ref: SourceRef, extra: Row
) -> TraceDraft:
    question, prompt, value = said
    text, finish = _text(value, names.get("text", names.get("chat", "")), here.get("finish"))
    try:
        reasoning = reasoning_of(here.get("reasoning"))
    except MessageError as error:
        raise RowError(f"'{names['reasoning']}': {error}") from None
    # Some servers send the reasoning twice: apart, and in the response.
    if reasoning and reasoning not in text:
        text = f"<think>{reasoning}</think>{text}"
    sample = fields.count(here.get("sample"), names.get("sample", ""))
    tokens = value.get("token_count") if isinstance(value, dict) else None
    verdict, kept = _verdict(here.get("verdict"), names.get("verdict", ""))
    return TraceDraft(
        question,
        text,
        ref,
        gold=fields.written(here.get("gold"), names.get("gold", "")) or None,
        prompt=prompt,
        sample=place if sample is None else sample,
        tokens=fields.lenient(fields.count, here.get("tokens", tokens)),
        finish=finish,
        answer=fields.written(here.get("answer"), names.get("answer", "")) or None,
        verdict=verdict,
        logprobs=logprobs_of(here.get("logprobs")),
        extra={**extra, **kept, **fields.unknown_finish(names.get("finish", ""), here.get("finish"))},
    )


def _verdict(value: Any, name: str) -> tuple[bool | None, Row]:
    """A verdict, and what can't be read as one, kept under its name: a reward of 0.3 says neither right nor wrong."""
    try:
        return fields.verdict(value, name), {}
    except RowError:
        return None, {name: value}


def sampling(row: Row) -> Sampling:
    """The settings a row has under their usual names."""
    found: dict[str, Any] = {}
    for part, names in SETTINGS.items():
        value = next((row[name] for name in names if name in row), None)
        whole = part not in ("temperature", "top_p")
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**31:
            found[part] = int(value) if whole else float(value)
    return Sampling(**found)


def logprobs_of(value: Any) -> tuple[WrittenToken, ...]:
    """The tokens of OpenAI's chat (`content[{token, logprob}]`) or text completions (`tokens`, `token_logprobs`).

    Empty where a value is neither: they are an addition, for which no row is refused.
    """
    if isinstance(value, dict):
        tokens, numbers = value.get("tokens"), value.get("token_logprobs", value.get("logprobs"))
        if isinstance(tokens, list) and isinstance(numbers, list) and len(tokens) == len(numbers):
            tops = value.get("top_logprobs")
            tops = tops if isinstance(tops, list) and len(tops) == len(tokens) else [None] * len(tokens)
            value = [
                {"token": token, "logprob": number, "top_logprobs": top}
                for token, number, top in zip(tokens, numbers, tops, strict=True)
            ]
        else:
            value = value.get("content")
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        return ()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return tuple(WrittenToken(_piece(each, decoder), _number(each.get("logprob")), _top(each)) for each in value)


def _piece(token: dict[str, Any], decoder: codecs.IncrementalDecoder) -> str:
    # A token may be a part of a letter: its bytes are put together with those of the next one.
    raw = token.get("bytes")
    if isinstance(raw, list) and all(isinstance(each, int) and 0 <= each < 256 for each in raw):
        return decoder.decode(bytes(raw))
    return str(token.get("token") or "")


def _number(value: Any) -> float | None:
    # Interfaces that don't know write -9999.
    known = isinstance(value, int | float) and not isinstance(value, bool) and -9999 < value <= 0.01
    return min(float(value), 0.0) if known else None


def _top(token: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    tops = token.get("top_logprobs")
    pairs = list(tops.items()) if isinstance(tops, dict) else []
    for each in tops if isinstance(tops, list) else ():
        pairs.append((optional_value(each, "token"), optional_value(each, "logprob")))
    found = ((str(text), _number(number)) for text, number in pairs)
    return tuple((text, number) for text, number in found if number is not None)


def placed(tokens: Sequence[WrittenToken], text: str) -> Iterator[tuple[int, int, WrittenToken]]:
    """(start, end, token) for tokens that are the text's own, one after the other; nothing where they aren't.

    The text may have more before and after them, as marks of thinking that a server took out of the answer.
    """
    for first in range(min(_MOST_STRAY, len(tokens)) + 1):
        for last in range(len(tokens), max(len(tokens) - _MOST_STRAY, first) - 1, -1):
            whole = "".join(token.text for token in tokens[first:last])
            at = text.rfind(whole) if whole.strip() else -1
            if at >= 0:
                for token in tokens[first:last]:
                    yield at, at + len(token.text), token
                    at += len(token.text)
                return
