"""The stream of a job as server-sent events: `/live/stream?job=ID&lexicon=NAME&token=...`.

Owns the way from the ledger to one browser: who may listen, where a broken connection goes on, and when it is over.

Events: `id` is the number of the last thing of the stream in it, `data` is `{"items": [...], "back": true}`; `back` is
there while the stream is being caught up with. The job's own state comes as an item `job` without an id.
"""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from typing import Any, Final

import anyio
from anyio import to_thread
from itsdangerous import BadSignature
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from backend.domain import UserError
from backend.job import Job
from backend.outages import AGAIN_SECONDS, StoreUnavailable
from backend.services import Services
from pages.components.browser.component import encodable
from pages.components.frame.sign_in import token_signer
from pages.components.live.live_stream import Item, StreamMessage, StreamWriter

PATH: Final = "/live/stream"
TOKEN_SECONDS: Final = 6 * 3600
_POLL_SECONDS: Final = 0.1
_STATE_POLLS: Final = 5  # the job's own row is read at every fifth poll
_QUIET_POLLS: Final = 150  # a comment after so many silent polls, so that a proxy keeps the connection
_LAST_POLLS: Final = 2  # a job says its last word before it is over; one look more costs nothing
_RETRY_MS: Final = 500
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
# Routes stand outside Streamlit's session: the page gives its component a token, signed for one job and for some hours.
_SALT: Final = "live stream"


def stream_token(job: str) -> str:
    """A token that lets its bearer listen to `job`, by any app of the store, until TOKEN_SECONDS have passed."""
    return str(token_signer(_SALT).dumps(job))


def _allowed(token: str, job: str) -> bool:
    try:
        return bool(token_signer(_SALT).loads(token, max_age=TOKEN_SECONDS) == job)
    except BadSignature:
        return False


async def stream(request: Request) -> Response:
    """A job's stream from the start, or from where `Last-Event-ID` (or `after`) says it broke off."""
    from pages.components.frame.session import services  # noqa: PLC0415 - its caches need the runtime, which starts later

    query = request.query_params
    job = query.get("job", "")
    try:
        if not await to_thread.run_sync(_allowed, query.get("token", ""), job):
            return PlainTextResponse("This link to a job's stream is no longer valid: load the page again.", 403)
        wired = await to_thread.run_sync(services)
        await to_thread.run_sync(wired.jobs.get, job)
        lexicon = wired.lexicons.get(query.get("lexicon", wired.lexicons.default))
    except StoreUnavailable as error:
        return PlainTextResponse(str(error), 503)
    except UserError as error:
        return PlainTextResponse(str(error), 404)
    finder = await to_thread.run_sync(wired.lexicons.matchers)
    writer = StreamWriter(finder[lexicon.id], lexicon.name, _number(query.get("problem")), _number(query.get("sample")))
    after = max(_number(request.headers.get("last-event-id")), _number(query.get("after")))
    return StreamingResponse(
        _Listener(wired, job, writer, after).events(), media_type="text/event-stream", headers=_HEADERS
    )


routes = [Route(PATH, stream)]


class _Listener:
    """One browser's connection."""

    def __init__(self, wired: Services, job: str, writer: StreamWriter, after: int) -> None:
        self._wired, self._job, self._writer, self._after = wired, job, writer, after
        self._at = 0
        self._state: Item = {}
        self._final = self._ended = False

    async def events(self) -> AsyncIterator[str]:
        """Every event to the end of the job. What the browser has already is read again, but not sent."""
        yield f"retry: {_RETRY_MS}\n\n"
        while True:
            try:
                async for event in self._events():
                    yield event
                return
            except StoreUnavailable:  # the stream waits with the ledger, and goes on where it was
                if _stopping():
                    return
                yield ": waiting\n\n"
                await anyio.sleep(AGAIN_SECONDS)

    async def _events(self) -> AsyncIterator[str]:
        polls = quiet = 0
        back = True
        while not self._over(quiet) and not _stopping():
            if polls % _STATE_POLLS == 0 and not back and (event := await to_thread.run_sync(self._job_event)):
                yield event
            before = self._at
            items = await to_thread.run_sync(self._next)
            if items:
                yield _event(items, self._at, back)
            if self._at > before:
                quiet = 0
                if back:
                    continue  # what is there already is read without waiting
            elif back:
                back = False
                continue
            polls, quiet = polls + 1, quiet + (self._at == before)
            if quiet and quiet % _QUIET_POLLS == 0:
                yield ": waiting\n\n"
            await anyio.sleep(_POLL_SECONDS)
        if self._final:
            yield _event([{"k": "over"}])

    def _over(self, quiet: int) -> bool:
        """Whether nothing more can come: the job is over, and its last message has been read or had time to come."""
        return self._final and quiet > 0 and (self._ended or quiet >= _LAST_POLLS)

    def _next(self) -> list[Item]:
        """The items that come next in the stream, without those the browser had before its connection broke."""
        messages = [StreamMessage(*item) for item in self._wired.jobs.stream(self._job, self._at)]
        if not messages:
            return []
        self._at = messages[-1].seq
        self._ended = self._ended or any(item.payload["k"] == "end" for item in messages)
        old = [item for item in messages if item.seq <= self._after]
        if old:
            self._writer.items(old)  # later marks build on those of earlier text
        return self._writer.items(messages[len(old) :])

    def _job_event(self) -> str:
        """How the job stands, if that is news. One that was forgotten meanwhile is over."""
        if self._final:
            return ""
        try:
            job = self._wired.jobs.get(self._job)
        except StoreUnavailable:
            raise
        except UserError:
            self._final = True
            return ""
        self._final = job.state.final
        state = _state(job, self._wired.jobs.position(job) if job.state == "queued" else 0)
        news = state != self._state
        self._state = state
        return _event([state]) if news else ""


def _state(job: Job, before: int) -> Item:
    return {
        "k": "job",
        "state": job.state.value,
        "before": before,
        "done": job.done,
        "total": job.total,
        "unit": job.unit,
        "message": encodable(job.message),
        "error": encodable(job.error),
    }


def _event(items: list[Item], identity: int | None = None, back: bool = False) -> str:
    data: dict[str, Any] = {"items": items} | ({"back": True} if back else {})
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return ("" if identity is None else f"id: {identity}\n") + f"data: {written}\n\n"


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _stopping() -> bool:
    """Whether the web server wants to end: it waits for its connections, and would wait for this one for ever."""
    # uvicorn sets a flag of its server and calls nobody; the server is reached through its signal handler alone.
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))
