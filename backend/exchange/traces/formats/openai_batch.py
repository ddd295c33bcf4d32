"""OpenAI batch output, which vLLM's run-batch writes too: `custom_id` and `response.body.choices`.

Owns joining responses with their requests, which hold the questions and lie in a file beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backend.domain import RunInfo, Sampling, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.formats.openai_chat import asked, response_of, turns_of
from backend.exchange.traces.json_text import type_name
from backend.exchange.traces.rows import rows_of
from backend.exchange.traces.source_names import UNNAMED, dataset_label, from_file, joined
from backend.exchange.traces.trace_format import Advance, Format, Proposal, RowError, ScannedFile
from backend.import_plan import Row, Source

_REQUEST = "request"  # where a row carries the body of its request once joined


def _matches(row: Row) -> bool:
    return {"custom_id", "response"} <= row.keys()


def is_request(row: Row) -> bool:
    """Whether a row is a request of a batch."""
    return {"custom_id", "body"} <= row.keys() and "response" not in row


def _model(row: Row) -> str:
    response = row.get("response")
    body = response.get("body") if isinstance(response, dict) else None
    return fields.optional_text(body, "model") or "" if isinstance(body, dict) else ""


def _describe(found: ScannedFile) -> Iterator[Proposal]:
    model, (stem, dataset) = _model(found.row), from_file(found)
    info = RunInfo(
        model or stem,
        dataset_label(dataset),
        sampling=Sampling(),
        format=FORMAT.name,
        source=found.shown,
        tokenizer=model or None,
        note=joined("" if model else UNNAMED, "questions come from the requests' file, or else are the custom_id"),
    )
    yield Proposal(info, model)


def _beside(found: ScannedFile, siblings: Sequence[ScannedFile]) -> str | None:
    return f"requests of {siblings[0].names[-1]}, read with it" if is_request(found.row) else None


def _rows(source: Source, advance: Advance) -> Iterator[tuple[Row, SourceRef]]:
    # A batch's output isn't in the order of its requests.
    bodies: dict[str, Any] = {}
    for file in source.beside:
        bodies.update((str(row.get("custom_id")), row.get("body")) for _, row in rows_of(file))
    for file in source.files:
        for number, row in rows_of(file, advance):
            yield {**row, _REQUEST: bodies.get(str(row.get("custom_id")))}, SourceRef(file.shown, file.sha256, number)


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    body = _body(row)
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise RowError("'response.body.choices' should be a list of choices")
    question, prompt = _asked(row)
    shared = fields.rest(row, ("response", _REQUEST)) | {"body": fields.rest(body, ("choices",))}
    usage = body.get("usage")
    # The count is that of all choices together.
    spent = usage.get("completion_tokens") if isinstance(usage, dict) and len(choices) == 1 else None
    for sample, choice in enumerate(choices):
        if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
            raise RowError(f"choice {sample + 1} has no message")
        ended = choice.get("finish_reason")
        yield TraceDraft(
            question,
            response_of(choice["message"]),
            ref,
            prompt=prompt,
            sample=sample,
            tokens=fields.count(spent, "usage.completion_tokens"),
            finish=fields.finish(ended),
            extra={**shared, **fields.rest(choice, ("message", "finish_reason"))}
            | fields.unknown_finish("finish_reason", ended),
        )


def _body(row: Row) -> Row:
    """The response's body. Raises RowError where the request failed."""
    # Passing over a failed request would leave a hole: the run would be compared on other problems than its neighbour.
    response = row.get("response")
    if not isinstance(response, dict) or row.get("error"):
        raise RowError(f"the request {row.get('custom_id')!r:.60} failed; leave its line out to import the others")
    status = response.get("status_code", 200)
    if status != 200:
        raise RowError(f"the request failed with status {status!r:.20}; leave its line out to import the others")
    if not isinstance(response.get("body"), dict):
        raise RowError(f"'response.body' should be an object, but is {type_name(response.get('body'))}")
    return response["body"]


def _asked(row: Row) -> tuple[str, str]:
    request = row[_REQUEST]
    if isinstance(request, dict) and "messages" in request:
        return asked(turns_of(request["messages"], "messages"))
    # Without its request the id stands for the question, so that runs of the same batch still pair.
    return fields.text(row, "custom_id"), ""


FORMAT = Format("OpenAI batch", _matches, _describe, _drafts, split=_model, beside=_beside, rows=_rows)
