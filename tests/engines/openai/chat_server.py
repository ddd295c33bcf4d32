"""An OpenAI-compatible chat server on loopback, made for tests: it streams, and it can be told to misbehave.

Owns the protocol's server side and the ways it goes wrong. What it says comes from a speaker: an engine of ours, or a
chain of words that needs no model.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any, NamedTuple, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request as WebRequest
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from backend.engines.protocol import Alternative, Decoding, Done, Engine, Failed, Request

WORDS = [" Wait", " so", " 3", " Maybe", " x", " =", " 7", ",", ".", " the", " naïve", " 🎈", " answer", " is"]


class Spoken(NamedTuple):
    """A token, or with `finish` the end."""

    text: str
    logprob: float = 0.0
    top: tuple[Alternative, ...] = ()
    finish: str = ""


class Speaker(Protocol):
    def __call__(self, request: Request) -> Iterator[Spoken]: ...


def chain(request: Request) -> Iterator[Spoken]:
    """Words drawn by the seed and all that was said before; it ends after 12 words or more."""
    decoding = request.decoding
    draw = random.Random(f"{request.user}|{request.prefix}|{decoding.seed if decoding.temperature else 'greedy'}")
    for length in range(decoding.max_tokens):
        if length >= 12 and draw.random() < 1 / 20:
            yield Spoken("", finish="stop")
            return
        weights = [draw.random() for _ in WORDS]
        logprobs = [math.log(weight / sum(weights)) for weight in weights]
        order = sorted(range(len(WORDS)), key=lambda index: -logprobs[index])
        chosen = draw.choices(range(len(WORDS)), weights)[0] if decoding.temperature else order[0]
        yield Spoken(WORDS[chosen], logprobs[chosen], tuple(Alternative(WORDS[i], logprobs[i]) for i in order))
    yield Spoken("", finish="length")


class EngineSpeaker:
    """Says what a model of an engine says; one response at a time."""

    def __init__(self, engine: Engine, model: str) -> None:
        self._engine, self._model, self._lock = engine, model, threading.Lock()

    def __call__(self, request: Request) -> Iterator[Spoken]:
        with self._lock:
            asked = Request(request.key, self._model, request.user, request.decoding, request.system, request.prefix)
            text = ""
            for event in self._engine.generate([asked]):
                if isinstance(event, Failed):
                    raise RuntimeError(event.reason)
                if isinstance(event, Done):
                    yield Spoken("", finish=str(event.finish))
                    return
                text, tokens = text + event.text, event.tokens
                for token in tokens:
                    if not token.forced:
                        yield Spoken(text[token.start : token.end], token.logprob or 0.0, token.top)


class Loopback:
    """A web server in a thread, on a free port of loopback."""

    def __init__(self, routes: list[Route]) -> None:
        config = uvicorn.Config(
            Starlette(routes=routes), host="127.0.0.1", port=0, log_level="critical", lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/v1"

    def close(self) -> None:
        self._server.force_exit = self._server.should_exit = True
        self._thread.join()


class ChatServer(Loopback):
    """`mood` says how it misbehaves; `asked` keeps the bodies of all requests, `keys` their keys.

    `streaming` counts the responses that are being sent; a `silent` one goes on once `speaks` is set.
    """

    def __init__(self, speaker: Speaker = chain, name: str = "chain", key: str = "") -> None:
        self.speaker, self.name, self.key = speaker, name, key
        self.mood, self.asked, self.keys, self.streaming, self.elsewhere = "", [], [], 0, ""
        self.speaks = threading.Event()
        super().__init__(
            [Route("/v1/models", self._models), Route("/v1/chat/completions", self._chat, methods=["POST"])]
        )

    def close(self) -> None:
        self.speaks.set()
        super().close()

    def calm(self) -> None:
        self.mood, self.asked, self.keys = "", [], []
        self.speaks.clear()

    async def _models(self, request: WebRequest) -> Response:
        if (refused := self._gate(request)) is not None:
            return refused
        return JSONResponse({"data": [{"id": self.name, "object": "model", "max_model_len": 512}]})

    def _gate(self, request: WebRequest) -> Response | None:
        self.keys.append(request.headers.get("authorization"))
        if self.mood == "redirects":
            return RedirectResponse(f"{self.elsewhere}?leak=1", 307)
        if self.mood == "html":
            return HTMLResponse("<html>Welcome</html>")
        if self.key and self.keys[-1] != f"Bearer {self.key}":
            return error(401, f"Incorrect API key provided: {str(self.keys[-1])[7:]}")
        return None

    async def _chat(self, request: WebRequest) -> Response:
        body = json.loads(await request.body())
        self.asked.append(body)
        refused = self._gate(request) or self._refusal(body)
        if refused is not None:
            return refused
        asked = read(body)
        if not body.get("stream"):
            return JSONResponse({"choices": [{"message": {"content": "".join(t.text for t in self.speaker(asked))}}]})
        return StreamingResponse(self._stream(body, asked), media_type="text/event-stream")

    def _refusal(self, body: dict[str, Any]) -> Response | None:
        if body["model"] != self.name:
            return error(404, f"The model `{body['model']}` does not exist")
        if self.mood == "fails":
            return error(500, "out of memory", {"retry-after-ms": "1"})
        if self.mood == "busy" and len(self.asked) < 3:
            return error(429, "slow down", {"retry-after-ms": "1"})
        if self.mood == "always busy":
            return error(429, "slow down", {"retry-after-ms": "1"})
        if self.mood.startswith("refuses "):
            for option in self.mood.removeprefix("refuses ").split():
                if option in body:
                    instead = " Use 'max_completion_tokens' instead." if option == "max_tokens" else ""
                    return error(400, f"Unsupported parameter: '{option}'.{instead}")
        if self.mood == "refuses grimly" and body.get("logprobs"):
            return error(400, "Bad request")
        if self.mood != "ignores prefixes" and not isinstance(body.get("continue_final_message", False), bool):
            return error(400, "continue_final_message: Input should be a valid boolean")
        return None

    async def _stream(self, body: dict[str, Any], asked: Request) -> AsyncIterator[str]:
        self.streaming += 1
        lines = self._lines(body, asked)
        try:
            async for line in iterate_in_threadpool(lines):
                yield line
        finally:
            lines.close()
            self.streaming -= 1

    def _lines(self, body: dict[str, Any], asked: Request) -> Generator[str]:
        yield data({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
        thoughts = 4 if self.mood == "thinks" else 0
        tokens = 0
        for number, token in enumerate(self.speaker(asked)):
            if token.finish:
                yield data({"choices": [{"index": 0, "delta": {}, "finish_reason": token.finish}]})
                break
            tokens += 1
            if number == 3 and (broken := self._breaks()) is not None:
                yield broken
                return
            if self.mood == "slow":
                time.sleep(0.05)
            where = ("reasoning_content", "content")[number >= thoughts]
            choice: dict[str, Any] = {"index": 0, "delta": {where: token.text}}
            if body.get("logprobs") and self.mood != "ignores logprobs":
                choice["logprobs"] = {"content": [entry(token, body.get("top_logprobs") or 0)]}
            yield data({"choices": [choice]})
        if (body.get("stream_options") or {}).get("include_usage"):
            yield data({"choices": [], "usage": {"completion_tokens": tokens, "prompt_tokens": 1, "total_tokens": 1}})
        yield "data: [DONE]\n\n"

    def _breaks(self) -> str | None:
        if self.mood == "closes":
            raise ConnectionResetError
        if self.mood == "silent":
            self.speaks.wait()
        reported = data({"error": {"message": "the engine died", "code": 500}})
        return {
            "garbage": "data: {not json\n\n",
            "wrong": 'data: {"choices": 7}\n\n',
            "ends": "",
            "reports": reported,
        }.get(self.mood)


def read(body: dict[str, Any]) -> Request:
    """The protocol's request as ours."""
    messages = body["messages"]
    prefix = messages[-1]["content"] if messages[-1]["role"] == "assistant" else ""
    chosen = {message["role"]: message["content"] for message in messages}
    limit = body.get("max_tokens", body.get("max_completion_tokens", 16))
    decoding = Decoding(
        temperature=body.get("temperature", 1.0),
        top_p=body.get("top_p", 1.0),
        top_k=max(0, body.get("top_k", 0)),
        max_tokens=limit,
        seed=body.get("seed") if body.get("seed") is not None else next(_unseeded),
        top=body.get("top_logprobs") or 0,
    )
    return Request("r", body["model"], chosen["user"], decoding, chosen.get("system", ""), prefix)


def entry(token: Spoken, top: int) -> dict[str, Any]:
    """A token's log-probability as the protocol writes it."""
    others = [{"token": t.text, "logprob": t.logprob, "bytes": None} for t in token.top[:top]]
    return {"token": token.text, "logprob": token.logprob, "bytes": None, "top_logprobs": others}


def data(content: dict[str, Any]) -> str:
    return f"data: {json.dumps(content)}\n\n"


def error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"message": message, "code": status}}, status, headers)


_unseeded = itertools.count(1_000_000)
