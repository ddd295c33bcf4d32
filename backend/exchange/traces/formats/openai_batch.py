"""Batch output of OpenAI, vLLM, Anthropic and Gemini: a line a request, joined with the requests in a file beside.

Owns what of a line is the response, and which requests failed or were never answered; they are counted by reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backend.domain import RunInfo, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.chat_prompts import asked, turns_of
from backend.exchange.traces.drafting import logprobs_of
from backend.exchange.traces.input_files import describe_file
from backend.exchange.traces.rows import rows_of
from backend.exchange.traces.source_names import UNNAMED, dataset_label, from_file, joined
from backend.exchange.traces.trace_format import Advance, Format, LeftOut, ScannedFile
from backend.import_plan import Row, Source
from backend.messages import MessageError, replies, tokens_of

# Where a row carries the body of its request once joined, and the first request that failed for the same reason.
_REQUEST, _FIRST = "request", "first"


def _matches(row: Row) -> bool:
    gemini = "key" in row and isinstance(row.get("response"), dict) and "candidates" in row["response"]
    return gemini or ("custom_id" in row and ("response" in row or "result" in row))


def is_request(row: Row) -> bool:
    """Whether a row is a request of a batch."""
    return _body(row) is not None and ("custom_id" in row or "key" in row) and not _matches(row)


def _body(row: Row) -> Any:
    return next((row[key] for key in ("body", "params", "request") if key in row), None)


def _name(row: Row) -> str:
    return str(row.get("custom_id", row.get("key")))


def _model(row: Row) -> str | None:
    """The model that answered, or was asked; None for a failed request whose model isn't known."""
    asked_for = row.get(_REQUEST)
    for body in (_answer(row), asked_for if isinstance(asked_for, dict) else {}):
        if name := fields.optional_text(body, "model") or fields.optional_text(body, "modelVersion"):
            return name
    return None if _failure(row) else ""


def _answer(row: Row) -> Row:
    """The body of the answer; {} where there is none."""
    response, result = row.get("response"), row.get("result")
    body = response.get("body") if isinstance(response, dict) else None
    message = result.get("message") if isinstance(result, dict) else None
    gemini = response if isinstance(response, dict) and "candidates" in response else None
    return next((found for found in (body, message, gemini) if isinstance(found, dict)), {})


def _failure(row: Row) -> str:
    """Why a request has no response, as a clause; "" where it has one."""
    response, result = row.get("response"), row.get("result")
    status = response.get("status_code", 200) if isinstance(response, dict) else None
    kind = result.get("type", "succeeded") if isinstance(result, dict) else None
    error = row.get("error") or _answer(row).get("error") or (result.get("error") if isinstance(result, dict) else None)
    if not error and (status == 200 or kind == "succeeded"):
        return ""
    if isinstance(error, dict) and isinstance(error.get("error"), dict):
        error = error["error"]
    named = [error.get(key) for key in ("code", "type", "message")] if isinstance(error, dict) else [error, kind]
    status = f"status {status}" if status not in (None, 200) else None
    # One part of the error: messages may differ from request to request, and failures are counted by kind.
    return f"the request failed ({next((str(word) for word in (*named, status) if word), 'it has no response'):.80})"


def _describe(found: ScannedFile, model: str) -> RunInfo:
    stem, dataset = from_file(found)
    note = joined("" if model else UNNAMED, "questions come from the requests' file, or else are the custom_id")
    return RunInfo(model or stem, dataset_label(dataset), tokenizer=model or None, note=note)


def _beside(found: ScannedFile, siblings: Sequence[ScannedFile]) -> str | None:
    answered = [each for each in siblings if not _failed(each)]
    if is_request(found.row):
        return f"requests of {(answered or siblings)[0].names[-1]}, read with it"
    if answered and _matches(found.row) and _failed(found):
        return f"failed requests of {answered[0].names[-1]}, counted with it"
    return None


def _failed(found: ScannedFile) -> bool:
    """Whether a file holds failed requests alone; they may stand first in one that has responses too."""
    rows = (
        rows_of(describe_file(found.path, found.shown, found.shape)) if _failure(found.row) else iter([(0, found.row)])
    )
    return all(_failure(row) for _, row in rows)


def _rows(source: Source, advance: Advance) -> Iterator[tuple[Row, SourceRef]]:
    # A batch's output isn't in the order of its requests.
    requests: dict[str, tuple[Any, SourceRef]] = {}
    failed: list[tuple[Row, SourceRef]] = []
    for file in source.beside:
        for number, row in rows_of(file):
            ref = SourceRef(file.shown, file.sha256, number)
            if is_request(row):
                requests[_name(row)] = (_body(row), ref)
            else:
                failed.append((row, ref))
    first: dict[str, str] = {}
    answered: set[str] = set()

    def with_request(row: Row) -> Row:
        name, reason = _name(row), _failure(row)
        answered.add(name)
        more = {_FIRST: first.setdefault(reason, name)} if reason else {}
        return {**row, _REQUEST: requests.get(name, (None,))[0], **more}

    for file in source.files:
        for number, row in rows_of(file, advance):
            yield with_request(row), SourceRef(file.shown, file.sha256, number)
    yield from ((with_request(row), ref) for row, ref in failed if _name(row) not in answered)
    for name, (_, ref) in requests.items():
        if name not in answered:
            yield with_request({"custom_id": name, "error": "no line of the output answers it"}), ref


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft | LeftOut]:
    # A hole in the run is told: it is compared on other problems than its neighbour.
    if reason := _failure(row):
        yield LeftOut(f"{reason}, the first is {row[_FIRST]!r:.60}")
        return
    body = _answer(row)
    try:
        found = replies(body)
    except MessageError as error:
        yield LeftOut(f"its answer can't be read: {error}")
        return
    question, prompt = _asked(row)
    shared = fields.rest(row, ("response", "result", _REQUEST)) | {"body": fields.rest(body, _TEXTS)}
    choices = body.get("choices")
    # The count is that of all choices together.
    spent = tokens_of(body) if len(found) == 1 else None
    for sample, reply in enumerate(found):
        choice = choices[sample] if isinstance(choices, list) else {}
        tokens = logprobs_of(choice.get("logprobs"))
        read = ("logprobs",) if tokens else ()
        yield TraceDraft(
            question,
            reply.text,
            ref,
            prompt=prompt,
            sample=sample,
            tokens=fields.count(spent, "usage.completion_tokens"),
            finish=reply.finish,
            logprobs=tokens,
            extra={**shared, **fields.rest(choice, (*read, "message", "text", "finish_reason"))}
            | fields.unknown_finish("finish_reason", reply.reason),
        )


_TEXTS = ("choices", "output", "content", "candidates")


def _asked(row: Row) -> tuple[str, str]:
    request = row[_REQUEST] if isinstance(row[_REQUEST], dict) else {}
    system = request.get("instructions", request.get("system"))
    before = [{"role": "system", "content": system}] if system else []
    # Chat completions and Anthropic have `messages`, Responses `input`, text completions `prompt`, Gemini `contents`.
    for key in ("messages", "input", "prompt", "contents"):
        value = request.get(key)
        if isinstance(value, str):
            return asked([*before, {"role": "user", "content": value}])
        if value:
            # Items of Responses that are no messages (calls and their results) have a type alone.
            turns = [{"role": "tool", **turn} if isinstance(turn, Mapping) else turn for turn in value]
            return asked([*before, *turns_of(turns, key)])
    # Without its request the id stands for the question, so that runs of the same batch still pair.
    return _name(row), ""


FORMAT = Format("OpenAI batch", _matches, _describe, _drafts, split=_model, beside=_beside, rows=_rows)
