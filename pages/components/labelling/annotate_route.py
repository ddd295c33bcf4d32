"""Where labels arrive: POST `/annotate/save`, or `/annotate/decide` for gold, with a token the page signed for one
person and project.

Owns the way from an annotator's browser to the use cases, and what is answered. Knows nothing of which labels are
allowed (services/label_rules.py) nor of how anything is drawn. Routes stand outside Streamlit's session: the token in
the header says who it is, and keeps other sites out.

The body is `{"item", "rows": [draft...], "mark": {...} | null, "after": seq | null}`. The answer to what was taken is
`{"saved": [[id, seq]...], "rows": [...]}`: the person's own rows of the item after `after`, another tab's among them.
A refusal is 400 with `{"error": sentence}`, and nothing of the rows was taken; 403 asks for a new token.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from anyio import to_thread
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backend.annotation import Label, Layer
from backend.domain import UserError
from backend.services import Services
from backend.services.annotation.records import LabelDraft, Saved

PATH: Final = "/annotate/save"
GOLD_PATH: Final = "/annotate/decide"
TOKEN_SECONDS: Final = 12 * 3600
HEADER: Final = "X-Annotate-Token"
_LARGEST: Final = 8 * 2**20
_MARKS: Final[Mapping[str, tuple[type, ...]]] = {
    "state": (str,), "place": (int,), "seconds": (int, float), "note": (str,)
}  # fmt: skip
_SECRET: Final = secrets.token_hex(32)
_SIGNERS: Final = {path: URLSafeTimedSerializer(_SECRET, salt=path) for path in (PATH, GOLD_PATH)}
Take = Callable[[Services, str, str, Mapping[str, Any]], dict[str, Any]]
_HEADERS: Final = {"Cache-Control": "no-store"}


def annotate_token(person: str, project: str) -> str:
    """Leave to save `person`'s labels in `project`, until this process ends or TOKEN_SECONDS have passed."""
    return str(_SIGNERS[PATH].dumps([person, project]))


def gold_token(person: str, project: str) -> str:
    """Leave to save `person`'s decisions in `project`, as long."""
    return str(_SIGNERS[GOLD_PATH].dumps([person, project]))


async def save(request: Request) -> Response:
    """Take an annotator's rows and marks for an item."""
    return await _answer(request, PATH, taken)


async def decide(request: Request) -> Response:
    """Take an adjudicator's decisions on an item."""
    return await _answer(request, GOLD_PATH, decided)


async def _answer(request: Request, path: str, take: Take) -> Response:
    from pages.components.frame.session import services  # noqa: PLC0415 - its caches need the runtime, which starts later

    try:
        person, project = _SIGNERS[path].loads(request.headers.get(HEADER, ""), max_age=TOKEN_SECONDS)
    except BadSignature:
        return _said(403, error="This page is no longer signed: it is being signed anew.")
    try:
        body = await _body(request)
        wired = await to_thread.run_sync(services)
        return _said(200, **await to_thread.run_sync(take, wired, person, project, body))
    except UserError as error:
        return _said(400, error=str(error))


routes = [Route(PATH, save, methods=["POST"]), Route(GOLD_PATH, decide, methods=["POST"])]


def taken(wired: Services, person: str, project: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Enter the rows, then the mark; returns what is answered. Raises UserError where either can't be taken."""
    item, rows, mark, after = _read(body)
    saved = wired.labelling.save(person, project, item, rows) if rows else []
    if mark:
        wired.labelling.mark(person, item, **_mark(mark))
    return _told(saved, wired.labelling.history(item, person) if after is not None else (), after)


def decided(wired: Services, person: str, project: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The same for gold; the mark says whether the item is settled, and all gold rows are answered with."""
    item, rows, mark, after = _read(body)
    saved = wired.adjudication.decide(person, project, item, rows) if rows else []
    if isinstance(mark.get("settled"), bool):
        wired.adjudication.settle(person, item, mark["settled"])
    log = wired.labelling.history(item) if after is not None else ()
    return _told(saved, [row for row in log if row.layer is Layer.GOLD], after)


def _read(body: Mapping[str, Any]) -> tuple[str, list[LabelDraft], Mapping[str, Any], int | None]:
    item, after = body.get("item"), body.get("after")
    rows, mark = body.get("rows") or [], body.get("mark") or {}
    if not isinstance(item, str) or not isinstance(rows, list) or not isinstance(mark, Mapping):
        raise UserError("What was sent isn't a list of labels of an item: reload the page.")
    return item, [LabelDraft.read(row) for row in rows], mark, after if isinstance(after, int) else None


def _told(saved: Sequence[Saved], log: Sequence[Label], after: int | None) -> dict[str, Any]:
    news = [row_data(row) for row in log if row.seq > (after or 0)]
    return {"saved": [[one.id, one.seq] for one in saved], "rows": news}


def row_data(row: Label) -> dict[str, Any]:
    """A row of the log as the browser has it: what it sends, and its place."""
    machine = row.machine
    return {
        "id": row.id,
        "root": row.root,
        "op": row.op.value,
        "start": row.start,
        "end": row.end,
        "quote": row.quote,
        "text_sha256": row.text_sha256,
        "label": row.label,
        "flag": row.flag,
        "comment": row.comment,
        "how": row.how,
        "reason": row.reason,
        "machine": None
        if machine is None
        else {"lexicon": machine.lexicon, "entry": machine.entry, "start": machine.start, "end": machine.end},
        "at": row.at,
        "seq": row.seq,
    }


def _mark(mark: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in mark.items():
        if name not in _MARKS or not isinstance(value, _MARKS[name]) or isinstance(value, bool):
            raise UserError("What was sent of where you are makes no sense: reload the page.")
    return dict(mark)


async def _body(request: Request) -> Mapping[str, Any]:
    """The request's JSON. Raises UserError for what is too large or none."""
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > _LARGEST:
            raise UserError("More labels were sent at once than can be taken: reload the page.")
    try:
        body = json.loads(bytes(raw))
    except ValueError as error:
        raise UserError("What was sent is not JSON: reload the page.") from error
    if not isinstance(body, dict):
        raise UserError("What was sent isn't a list of labels of an item: reload the page.")
    return body


def _said(status: int, **words: Any) -> Response:
    return JSONResponse(words, status, headers=dict(_HEADERS))
