"""Client of an OpenAI-compatible server: many requests at once, from ordinary (not async) code.

Owns the connection, whose event loop runs in a thread of its own, the key, and the sentences that errors become; no
sentence ever holds the key.
"""

import asyncio
import json
import queue
import re
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import openai
import orjson

from backend.domain import UserError, visible
from backend.engines.protocol import Cancelled, Event, Failed

T = TypeVar("T")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ASK_CANCELLED = 0.1  # seconds between two looks at whether to go on; engines promise a quarter at most
_CODE = re.compile(r"^Error code: \d+(?: - )?")
_NO_KEY = "none"  # the package insists on one, and servers that want none take any


class BrokenResponse(Exception):
    """A response that can't go on; the message is a sentence for people, `kind` says it in few words."""

    def __init__(self, reason: str, kind: str = "request refused") -> None:
        """`kind` is what losses are grouped by."""
        super().__init__(reason)
        self.kind = kind


class ServerClient:
    """Client of one server. Its coroutines run on its own event loop; `ask` and `stream` are for any other thread."""

    def __init__(
        self, address: str, key: str, variable: str, *, timeout: float, retries: int = 3, at_once: int = 64
    ) -> None:
        """`address` is from `api_address`, `key` from the environment `variable` ("": there is none).

        `timeout`: seconds of silence after which an answer is given up. `at_once`: how many answers of a `stream` are
        fetched at the same time.
        """
        self.address, self._key, self._variable = address, key, variable
        self._timeout, self._retries = timeout, retries
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"asks {address}", daemon=True)
        self._thread.start()
        # Made on the loop it will be used on, or its connections would belong to none.
        self.client: openai.AsyncOpenAI = asyncio.run_coroutine_threadsafe(self._connect(), self._loop).result()
        self._slots = asyncio.Semaphore(at_once)

    def ask(self, question: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and wait for its result. Raises UserError."""
        future = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return future.result()
        except BrokenResponse as error:
            raise UserError(str(error)) from error
        except (openai.OpenAIError, json.JSONDecodeError) as error:
            raise UserError(self.sentence(error)) from error
        finally:
            future.cancel()

    def stream(self, answers: Mapping[str, AsyncIterator[Event]], cancelled: Cancelled) -> Iterator[Event]:
        """The events of all answers (by key) as they come; one that breaks ends in Failed. Ends when cancelled."""
        events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()

        async def put_all() -> None:
            await asyncio.gather(*(self._put(key, answer, events.put) for key, answer in answers.items()))

        future = asyncio.run_coroutine_threadsafe(put_all(), self._loop)
        # The end of all answers, or a failure, has to wake the reader too.
        future.add_done_callback(lambda _: events.put(None))
        try:
            while not cancelled():
                with suppress(queue.Empty):
                    event = events.get(timeout=_ASK_CANCELLED)
                    if event is None:
                        future.result()
                        return
                    # Asked again: the event may have come long after the last look.
                    if cancelled():
                        return
                    yield event
        finally:
            future.cancel()  # closes the connections of what is still being answered, which makes servers stop

    async def fetch(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """JSON of a GET, or of a POST of `body`; `path` is below the address. Raises openai.OpenAIError."""
        if body is None:
            return await self.client.get(path, cast_to=object)
        return await self.client.post(path, body=body, cast_to=object)

    async def models(self) -> list[dict[str, Any]]:
        """The server's list of its models, empty where it has none. Raises openai.OpenAIError."""
        try:
            answer = await self.fetch("/models")
        except openai.APIStatusError as error:
            if error.status_code in (404, 405, 501):
                return []
            raise
        listed = answer.get("data") if isinstance(answer, dict) else None
        entries = listed if isinstance(listed, list) else []
        return [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]

    async def chunks(self, response: openai.AsyncAPIResponse[Any]) -> AsyncGenerator[Mapping[str, Any]]:
        """The chunks of a streamed answer as plain JSON; END where the server says that it is complete.

        Raises openai.OpenAIError, BrokenResponse and json.JSONDecodeError.
        """
        # Read line by line: to make the package's objects of them takes four times as long.
        try:
            async for line in _lines(response):
                if line.startswith(b"data:"):
                    data = line[5:].strip()
                    yield END if data == b"[DONE]" else self._chunk(_parsed(data.decode("utf-8", "replace")))
        except httpx2.TimeoutException as error:
            raise openai.APITimeoutError(error.request) from error
        except httpx2.RequestError as error:
            raise openai.APIConnectionError(request=error.request) from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around code that reads an answer, which may have any shape. Raises BrokenResponse."""
        try:
            yield
        except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
            raise BrokenResponse(self.sentence(error), kind_of(error)) from error

    def sentence(self, error: BaseException) -> str:
        """An error as a sentence for people: what went wrong, and what to do."""
        server = f"The server at {self.address}"
        if isinstance(error, openai.APITimeoutError):
            return f"{server} said nothing for {self._timeout:g} seconds: it may be overloaded; try again later."
        if isinstance(error, openai.APIConnectionError):
            cause = error.__cause__ or error
            reason = visible(str(cause) or type(cause).__name__, 160)
            return f"{server} can't be reached, or broke off ({reason}): is it running, and is the address right?"
        if isinstance(error, openai.APIStatusError):
            return self._refusal(server, error)
        kind = "JSON" if isinstance(error, json.JSONDecodeError) else "of the expected form"
        return f"{server} answered with something that isn't {kind}: is it an OpenAI-compatible interface?"

    def close(self) -> None:
        """Close all connections and end the thread."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._disconnect(), self._loop).result(timeout=5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    async def _connect(self) -> openai.AsyncOpenAI:
        absent = openai.Omit()
        # What the package takes from OPENAI_… variables by itself is meant for another server than this one may be.
        headers: dict[str, Any] = {"OpenAI-Organization": absent, "OpenAI-Project": absent}
        http = openai.DefaultAsyncHttpxClient(
            follow_redirects=False,  # a key never travels to another address than the one a person gave
            # Loopback is never behind a proxy.
            trust_env=urlsplit(self.address).hostname not in _LOOPBACK,
        )
        return openai.AsyncOpenAI(
            base_url=self.address,
            api_key=self._key or _NO_KEY,
            default_headers=headers,
            # A server that isn't there is noticed soon; a large model may take minutes to its first token.
            timeout=openai.Timeout(self._timeout, connect=10),
            # The package waits and tries again by itself where a server is busy or the connection is lost.
            max_retries=self._retries,
            http_client=http,
        )

    async def _disconnect(self) -> None:
        # Tasks first: a loop that is stopped under them leaves connections open and warnings behind.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self.client.close()

    async def _put(self, key: str, answer: AsyncIterator[Event], put: Callable[[Event], None]) -> None:
        async with self._slots:
            try:
                async for event in answer:
                    put(event)
            except BrokenResponse as error:
                put(Failed(key, str(error), error.kind))
            except (openai.OpenAIError, json.JSONDecodeError) as error:
                put(Failed(key, self.sentence(error), kind_of(error)))

    def _chunk(self, chunk: Any) -> dict[str, Any]:
        if not isinstance(chunk, dict):
            raise BrokenResponse(self.sentence(TypeError()), kind_of(TypeError()))
        # An error in the middle of a stream comes as a chunk: the status of the answer was sent long before.
        if reported := chunk.get("error"):
            message = reported.get("message") if isinstance(reported, dict) else reported
            reason = f"The server at {self.address} reported an error: {self._reason(str(message))}."
            raise BrokenResponse(reason, "error of the server")
        return chunk

    def _refusal(self, server: str, error: openai.APIStatusError) -> str:
        status, reason = error.status_code, self._reason(error.message)
        if status in (401, 403):
            if self._variable:
                return f"{server} refused the key in the environment variable {self._variable} ({status})."
            return (
                f"{server} asks for a key ({status}): put it into an environment variable and name that in the model."
            )
        if 300 <= status < 400:
            target = urlsplit(error.response.headers.get("location", ""))
            where = f"{target.scheme}://{target.netloc}{target.path}" if target.netloc else target.path
            return f"{server} sends requests on to {visible(where, 120)}, which is not followed: enter that address."
        if status == 404:
            return f"{server} has nothing there (404: {reason}): is the address right, and the model's name?"
        if status == 429:
            return f"{server} takes no more requests for now (429, after {self._retries + 1} tries): {reason}."
        if status >= 500:
            return f"{server} failed ({status}, after {self._retries + 1} tries): {reason}."
        return f"{server} refused the request ({status}): {reason}."

    def _reason(self, message: str) -> str:
        # Some servers repeat the key they refuse.
        plain = _CODE.sub("", message.replace(self._key, "…") if self._key else message)
        return visible(plain.strip().rstrip("."), 240) or "it gave no reason"


END: Mapping[str, Any] = {"choices": (), "ended": True}


async def _lines(response: openai.AsyncAPIResponse[Any]) -> AsyncGenerator[bytes]:
    # Cut here: the package cuts at U+2028 and its like too, which may stand in the words of a model.
    rest = b""
    async for part in response.iter_bytes():
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line
    yield rest


def _parsed(data: str) -> Any:
    try:
        return orjson.loads(data)
    # Servers in Python write -Infinity and NaN, and halves of a surrogate pair: strict JSON has none of them.
    except orjson.JSONDecodeError:
        return json.loads(data)


_KINDS = {401: "key refused", 403: "key refused", 404: "not found", 408: "timed out", 429: "rate limit"}


def kind_of(error: BaseException) -> str:
    """An error in few words, by which failed responses are grouped."""
    if isinstance(error, openai.APITimeoutError):
        return "timed out"
    if isinstance(error, openai.APIConnectionError):
        return "no connection" if isinstance(error.__cause__, httpx2.ConnectError) else "connection cut"
    if isinstance(error, openai.APIStatusError):
        other = "error of the server" if error.status_code >= 500 else "request refused"
        return _KINDS.get(error.status_code, other)
    return "not JSON" if isinstance(error, json.JSONDecodeError) else "unexpected form"
