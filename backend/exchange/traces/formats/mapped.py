"""Any table whose columns are named: which one is the question, which one the response, and so on.

Owns the reading of mapped rows; columns.py guesses the names.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from backend.domain import ProblemDraft, RunInfo, Sampling, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.chat_prompts import question_of
from backend.exchange.traces.formats.openai_chat import asked, last_turn, response_of, turns_of
from backend.exchange.traces.row_paths import describe_value, flat, is_messages, only_one, optional_value
from backend.exchange.traces.trace_format import Format, LeftOut, RowError
from backend.import_plan import ColumnMapping, Draft, Row, Source
from backend.messages import MessageError, reasoning_of

# Settings that stand at the head of a file, around its rows.
_SETTINGS = {
    "temperature": ("temperature", "temp"),
    "top_p": ("top_p",),
    "top_k": ("top_k",),
    "max_tokens": ("max_new_tokens", "max_tokens", "max_gen_toks"),
    "seed": ("seed",),
}


def model_of(row: Row, mapping: ColumnMapping) -> str:
    """The model a mapped row names; "" where no column holds one."""
    return (fields.as_text(optional_value(row, mapping.model), mapping.model) or "") if mapping.model else ""


def described(info: RunInfo, row: Row, mapping: ColumnMapping, model: str) -> RunInfo:
    """The run that the rows of the same model (or arm) become; "" where no model is named."""
    name = model or info.model
    # Token counts of a file are by its model's own tokenizer.
    tokenizer = name if mapping.tokens else None
    return replace(info, model=name, tokenizer=tokenizer, sampling=_sampling(row) if mapping.rows else info.sampling)


def _sampling(row: Row) -> Sampling:
    found: dict[str, Any] = {}
    for part, names in _SETTINGS.items():
        value = next((row[name] for name in names if name in row), None)
        whole = part not in ("temperature", "top_p")
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**31:
            found[part] = int(value) if whole else float(value)
    return Sampling(**found)


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[Draft | LeftOut]:
    mapping = source.mapping
    if mapping is None:
        raise RowError("no column is mapped")
    values = {part: optional_value(row, column) for part, column in mapping.used().items() if part != "rows"}
    extra = fields.rest(row, mapping.used().values())
    if mapping.text is None:
        yield _problem(values, mapping, ref, extra)
        return
    only_one(row, mapping.text, "responses")
    question, prompt = _question(values, mapping, ref, source)
    texts = flat(values["text"])
    if not texts or values["text"] is None:
        yield LeftOut(f"no response in '{mapping.text}'")
        return
    for place, text in enumerate(texts):
        here = {part: _share(value, place, len(texts), mapping, part) for part, value in values.items()}
        here["prompt"] = prompt if prompt and not here.get("prompt") else here.get("prompt")
        yield (
            LeftOut("a response is null") if text is None else _trace(question, text, here, place, mapping, ref, extra)
        )


def _problem(values: Row, mapping: ColumnMapping, ref: SourceRef, extra: Row) -> Draft | LeftOut:
    if not mapping.question:
        raise RowError("no column is mapped to the question or to the response")
    question, _ = _worded(values["question"], mapping.question)
    if not question:
        return LeftOut(f"no question in '{mapping.question}'")
    return ProblemDraft(question, fields.written(values.get("gold"), mapping.gold or ""), ref, extra)


def _question(values: Row, mapping: ColumnMapping, ref: SourceRef, source: Source) -> tuple[str, str]:
    """(question, prompt); where no question is known, the problem's id or the row's place stands for it."""
    if mapping.question and (found := _worded(values["question"], mapping.question))[0]:
        return found
    given = values.get("id")
    if given is not None and not isinstance(given, dict | list):
        return f"{mapping.id} {given} of {source.info.dataset}", ""
    # The file's name without its folders: base and trained model lie in folders of their own and have the same rows.
    return f"row {ref.row} of {PurePath(ref.file).name} ({source.info.dataset})", ""


def _worded(value: Any, column: str) -> tuple[str, str]:
    """(question, prompt) of a value: text, text with a chat template's marks, or messages."""
    if is_messages(value):
        return asked(turns_of(value, column))
    if not isinstance(value, str):
        return fields.written(value, column) or "", ""
    question = question_of(value)
    return (question, value) if question != value else (value, "")


def _share(value: Any, place: int, count: int, mapping: ColumnMapping, part: str) -> Any:
    if not isinstance(value, list) or part in ("gold", "question", "text", "prompt", "id"):
        return value
    # Blocks of one reasoning, not a reasoning for each response.
    if part == "reasoning" and count == 1 and all(isinstance(block, dict) for block in value):
        return value
    items = flat(value)
    # In a known format a short list means "unknown"; here the wrong column may have been named.
    if len(items) != count:
        raise RowError(f"'{mapping.used()[part]}' has {len(items)} items for {count} responses")
    return items[place]


def _text(value: Any, column: str) -> str:
    if isinstance(value, str):
        return value
    if is_messages(value) or (isinstance(value, dict) and isinstance(value.get("role"), str)):
        turns = turns_of(value if isinstance(value, list) else [value], column)
        if found := last_turn(turns):
            return response_of(found.turn)
        raise RowError(f"'{column}' holds no message of the assistant")
    raise RowError(f"'{column}' should be text, but is {describe_value(value)}")


def _trace(
    question: str, value: Any, here: Row, place: int, mapping: ColumnMapping, ref: SourceRef, extra: Row
) -> TraceDraft:
    names, text = mapping.used(), _text(value, mapping.text or "")
    try:
        reasoning = reasoning_of(here.get("reasoning"))
    except MessageError as error:
        raise RowError(f"'{names['reasoning']}': {error}") from None
    # Some servers send the reasoning twice: apart, and in the response.
    if reasoning and reasoning not in text:
        text = f"<think>{reasoning}</think>{text}"
    sample = fields.count(here.get("sample"), names.get("sample", ""))
    verdict, kept = _verdict(here.get("verdict"), names.get("verdict", ""))
    prompt = here.get("prompt")
    return TraceDraft(
        question,
        text,
        ref,
        gold=fields.written(here.get("gold"), names.get("gold", "")) or None,
        prompt=(asked(turns_of(prompt, "prompt"))[1] if is_messages(prompt) else fields.written(prompt, "")) or "",
        sample=place if sample is None else sample,
        tokens=fields.lenient(fields.count, here.get("tokens")),
        finish=fields.finish(here.get("finish")),
        answer=fields.written(here.get("answer"), names.get("answer", "")) or None,
        verdict=verdict,
        extra={**extra, **kept, **fields.unknown_finish(names.get("finish", ""), here.get("finish"))},
    )


def _verdict(value: Any, name: str) -> tuple[bool | None, Row]:
    """A verdict, and what can't be read as one, kept under its name: a reward of 0.3 says neither right nor wrong."""
    try:
        return fields.verdict(value, name), {}
    except RowError:
        return None, {name: value}


FORMAT = Format("mapped columns", lambda row: False, lambda found, key: RunInfo("", ""), _drafts)
