"""The HTTP routes that take labels: POST `/annotate/save` for an annotator's, `/annotate/decide` for gold.

Owns their tokens, the form of requests and answers, and which refusals there are. Which labels are allowed is decided
in `services/annotation/label_rules.py`.

The body is `{"item", "rows": [draft...], "mark": {...} | null, "after": seq | null}`. The answer to what was taken is
`{"saved": [[id, seq]...], "rows": [...]}`: the person's own rows of the item after `after`, another tab's among them.
A refusal is 400 with `{"error": sentence}`, and nothing of the rows was taken; 403 asks for a new token; 503 asks for
the same again later, because the store can't be written for now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from anyio import to_thread
from itsdangerous import BadSignature
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backend.annotation import Label, Layer
from backend.domain import UserError
from backend.outages import StoreUnavailable
from backend.services import Services
from backend.services.annotation.records import LabelDraft, Saved
from pages.components.frame.sign_in import token_signer
from pages.components.labelling.label_data import row_data

PATH: Final = "/annotate/save"
GOLD_PATH: Final = "/annotate/decide"
TOKEN_SECONDS: Final = 12 * 3600
HEADER: Final = "X-Annotate-Token"
_MOST_BYTES: Final = 8 * 2**20
_LEVELS: Final = 8  # of lists and objects in a body; a label with its cue has four
_MARKS: Final[Mapping[str, tuple[type, ...]]] = {
    "state": (str,), "place": (int,), "seconds": (int, float), "note": (str,)
}  # fmt: skip
TakeLabels = Callable[[Services, str, str, Mapping[str, Any]], dict[str, Any]]
_HEADERS: Final = {"Cache-Control": "no-store"}


def annotate_token(person: str, project: str) -> str:
    """A token that lets `person` save labels in `project`, by any app of the store, until TOKEN_SECONDS have passed."""
    return str(token_signer(PATH).dumps([person, project]))


def gold_token(person: str, project: str) -> str:
    """A token that lets `person` save gold in `project`, for as long."""
    # A salt a path: leave to annotate is no leave to decide.
    return str(token_signer(GOLD_PATH).dumps([person, project]))


async def save(request: Request) -> Response:
    """Answer a POST with an annotator's rows and marks of an item."""
    return await _answer(request, PATH, save_labels)


async def decide(request: Request) -> Response:
    """Answer a POST with an adjudicator's decisions on an item."""
    return await _answer(request, GOLD_PATH, save_gold)


async def _answer(request: Request, path: str, take: TakeLabels) -> Response:
    from pages.components.frame.session import services  # noqa: PLC0415 - its caches need the runtime, which starts later

    # Routes stand outside Streamlit's session: the token in the header says who it is. A form of another site can't set
    # a header, so that it keeps those out too.
    try:
        signer = await to_thread.run_sync(token_signer, path)
        person, project = signer.loads(request.headers.get(HEADER, ""), max_age=TOKEN_SECONDS)
    except UserError as error:
        return _json(503, error=str(error))
    except BadSignature:
        return _json(403, error="This page is no longer signed: it is being signed anew.")
    try:
        wired = await to_thread.run_sync(services)
    except UserError as error:
        return _json(503, error=str(error))
    try:
        body = await _json_body(request)
        return _json(200, **await to_thread.run_sync(take, wired, person, project, body))
    except StoreUnavailable as error:  # no refusal of the labels: the page keeps them and sends them again
        return _json(503, error=str(error))
    except UserError as error:
        return _json(400, error=str(error))


routes = [Route(PATH, save, methods=["POST"]), Route(GOLD_PATH, decide, methods=["POST"])]


def save_labels(wired: Services, person: str, project: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Save an annotator's rows, then the item's mark; returns the answer. Raises UserError where one is refused."""
    item, rows, mark, after = _parts(body)
    saved = wired.labelling.save(person, project, item, rows) if rows else []
    if mark:
        wired.labelling.mark(person, item, **_mark(mark))
    return _saved_answer(saved, wired.labelling.history(item, person) if after is not None else (), after)


def save_gold(wired: Services, person: str, project: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Save an adjudicator's rows and whether the item is settled; the answer holds every adjudicator's gold."""
    item, rows, mark, after = _parts(body)
    saved = wired.adjudication.decide(person, project, item, rows) if rows else []
    if isinstance(mark.get("settled"), bool):
        wired.adjudication.settle(person, item, mark["settled"])
    log = wired.labelling.history(item) if after is not None else ()
    return _saved_answer(saved, [row for row in log if row.layer is Layer.GOLD], after)


def _parts(body: Mapping[str, Any]) -> tuple[str, list[LabelDraft], Mapping[str, Any], int | None]:
    fields: list[Any] = [body.get(name) for name in ("item", "rows", "mark", "after")]
    item, rows, mark, after = fields
    kinds = (str, list | None, dict | None, int | None)
    if not all(isinstance(field, kind) for field, kind in zip(fields, kinds, strict=True)):
        raise UserError("What was sent isn't a list of labels of an item: reload the page.")
    return item, [LabelDraft.read(row) for row in rows or ()], mark or {}, after


def _saved_answer(saved: Sequence[Saved], log: Sequence[Label], after: int | None) -> dict[str, Any]:
    news = [row_data(row) for row in log if row.seq > (after or 0)]
    return {"saved": [[one.id, one.seq] for one in saved], "rows": news}


def _mark(mark: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in mark.items():
        if name not in _MARKS or not isinstance(value, _MARKS[name]) or isinstance(value, bool):  # a bool is an int
            raise UserError("What was sent of where you are makes no sense: reload the page.")
    return dict(mark)


async def _json_body(request: Request) -> Mapping[str, Any]:
    """The request's JSON object. Raises UserError for anything else, and for more than _MOST_BYTES."""
    # Counted as it comes: Content-Length may be missing or wrong.
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > _MOST_BYTES:
            raise UserError("More labels were sent at once than can be taken: reload the page.")
    try:
        body = orjson.loads(raw)  # half a character is no text to it, and NaN no number
    except ValueError as error:
        raise UserError("What was sent is not JSON: reload the page.") from error
    if not isinstance(body, dict) or not _fits(body, _LEVELS):
        raise UserError("What was sent isn't a list of labels of an item: reload the page.")
    return body


def _fits(value: Any, levels: int) -> bool:
    """Whether a JSON value is no deeper than `levels`, and holds no number that JavaScript can't count with."""
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        return levels > 0 and all(_fits(one, levels - 1) for one in inside)
    return not isinstance(value, int | float) or abs(value) < 2**53


def _json(status: int, **words: Any) -> Response:
    return JSONResponse(words, status, headers=dict(_HEADERS))
