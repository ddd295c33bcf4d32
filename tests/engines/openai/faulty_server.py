"""A chat server on loopback that fails by the question: the user's message names what goes wrong with its response.

The moods are those of `ChatServer` and a few more; whatever else a question holds is answered.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from typing import Any

from starlette.requests import Request as WebRequest
from starlette.responses import Response

from backend.engines.protocol import Request
from tests.engines.openai.chat_server import ChatServer, Spoken, data, error

# A word of the question -> the refusal.
REFUSALS = {
    "forbidden": (403, "no"),
    "unnamed": (404, "no such model"),
    "impatient": (429, "slow down"),
    "heavy": (500, "out of memory"),
    "strange": (400, "the prompt is strange"),
}
# A word of the question -> what follows after three tokens.
BREAKS = {
    "garbled": "data: {not json\n\n",
    "shapeless": 'data: {"choices": 7}\n\n',
    "halfway": "",
    "reported": data({"error": {"message": "the engine died", "code": 500}}),
}


def counting(request: Request) -> Iterator[Spoken]:
    """Five tokens, or none for an empty question."""
    for word in () if "empty" in request.user else ("Wait", " so", " 3", " +", " 4"):
        yield Spoken(word, -0.5)
    yield Spoken("", finish="stop")


class FaultyServer(ChatServer):
    """Fails as the questions say, until `healed`."""

    def __init__(self) -> None:
        self.healed = False
        super().__init__(counting)

    async def _chat(self, request: WebRequest) -> Response:
        question = str(json.loads(await request.body())["messages"][-1]["content"])
        for word, (status, message) in REFUSALS.items():
            if word in question and not self.healed:
                return error(status, message, {"retry-after-ms": "1"})
        return await super()._chat(request)

    def _lines(self, body: dict[str, Any], asked: Request) -> Generator[str]:
        lines = super()._lines(body, asked)
        word = next((word for word in (*BREAKS, "silent", "hasty") if word in asked.user and not self.healed), "")
        if not word:
            yield from lines
            return
        for _ in range(1 if word == "hasty" else 4):
            yield next(lines)
        if word == "silent":
            self.speaks.wait()
        yield BREAKS.get(word, "")
