"""A stand-in for a vLLM server: its completions, in the shapes that vLLM 0.32 was seen to answer in.

Owns those shapes. What it says comes from the transformers engine, over a copy of the model whose chat template passes
a prompt on as it is. `make test-vllm` runs the contract against the real thing; this lets it run everywhere.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Any

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from transformers import AutoTokenizer

from backend.domain import Model, ModelKind
from backend.engines.protocol import Decoding, Done, Failed, Family, Piece, Request, Token
from backend.engines.transformers.transformers_engine import TransformersEngine
from tests.engines.openai.chat_server import Loopback, data, error

_AS_IT_IS = "{{ messages[0]['content'] }}"


class StandIn(Loopback):
    """Serves the checkpoint in `folder` under `name`, and the adapters it's told to load; `asked` keeps the bodies."""

    def __init__(self, folder: Path, scratch: Path, name: str) -> None:
        self.name, self._root = name, str(folder)
        self.asked: list[dict[str, Any]] = []
        copied = Path(shutil.copytree(folder, scratch / "copy"))
        self._words = AutoTokenizer.from_pretrained(copied, local_files_only=True)
        self._words.chat_template = _AS_IT_IS
        self._words.save_pretrained(copied)
        self._family = Family(Model(name, name, ModelKind.CHECKPOINT, str(copied)))
        self._engine, self._one = TransformersEngine(self._family), threading.Lock()
        self._context = self._engine.abilities.context or 0
        super().__init__(
            [
                Route("/v1/models", self._list),
                Route("/v1/load_lora_adapter", self._load, methods=["POST"]),
                Route("/v1/completions", self._complete, methods=["POST"]),
            ]
        )

    async def _list(self, request: WebRequest) -> Response:
        base = {"id": self.name, "root": self._root, "parent": None, "max_model_len": self._context}
        loaded = [
            {"id": model.name, "root": model.location, "parent": self.name, "max_model_len": None}
            for model in self._family.adapters
        ]
        return JSONResponse({"object": "list", "data": [base, *loaded]})

    async def _load(self, request: WebRequest) -> Response:
        body = await request.json()
        name, path = body["lora_name"], body["lora_path"]
        if not (Path(path) / "adapter_config.json").is_file():
            return error(404, f"Loading lora {name} failed: No adapter found for {path}")
        adapter = Model(name, name, ModelKind.ADAPTER, path, base=self.name)
        self._family = self._family._replace(adapters=(*self._family.adapters, adapter))
        self._engine = TransformersEngine(self._family)
        return PlainTextResponse(f"Success: LoRA adapter '{name}' added successfully.")

    async def _complete(self, request: WebRequest) -> Response:
        body = json.loads(await request.body())
        self.asked.append(body)
        if body["model"] not in (self.name, *(model.name for model in self._family.adapters)):
            return error(404, f"The model `{body['model']}` does not exist.")
        if len(body["prompt"]) + body["max_tokens"] > self._context:
            return error(400, f"max_tokens={body['max_tokens']} cannot be greater than max_model_len={self._context}")
        if not body.get("stream"):
            return JSONResponse(await run_in_threadpool(self._read, body))
        return StreamingResponse(self._stream(body), media_type="text/event-stream")

    async def _stream(self, body: dict[str, Any]) -> AsyncIterator[str]:
        lines = self._lines(body)
        try:
            async for line in iterate_in_threadpool(lines):
                yield line
        finally:
            lines.close()

    def _read(self, body: dict[str, Any]) -> dict[str, Any]:
        """Log-probabilities of a prompt: all of it is scored after its first token."""
        ids, top = body["prompt"], body["prompt_logprobs"]
        first, rest = self._words.decode(ids[:1]), self._words.decode(ids[1:])
        with self._one:
            tokens = self._engine.score(body["model"], first, rest, top=top)
        assert [token.id for token in tokens] == ids[1:], "the tiny model's words encode as they were drawn"
        rows = [{key: {"logprob": worth, "rank": 1} for key, worth in self._worths(token).items()} for token in tokens]
        return {"choices": [{"index": 0, "text": "?", "finish_reason": "length", "prompt_logprobs": [None, *rows]}]}

    def _lines(self, body: dict[str, Any]) -> Generator[str]:
        decoding = Decoding(
            **{name: body[name] for name in ("temperature", "top_p", "max_tokens", "seed")},
            top_k=max(0, body["top_k"]),
            banned=tuple(int(token) for token, bias in body["logit_bias"].items() if bias == -100),
            top=body["logprobs"],
        )
        request = Request("r", body["model"], self._words.decode(body["prompt"]), decoding)
        with self._one:
            finish = None
            last: Token | None = None
            for event in self._engine.generate([request]):
                assert not isinstance(event, Failed), event
                if isinstance(event, Done):
                    finish = str(event.finish)
                    break
                for token in event.tokens if isinstance(event, Piece) else ():
                    if last is not None:
                        yield self._line(last, None)
                    last = token
            if last is not None and finish:
                yield self._line(last, finish)
                yield "data: [DONE]\n\n"

    def _line(self, token: Token, finish: str | None) -> str:
        named = {f"token_id:{key}": worth for key, worth in self._worths(token).items()}
        said = {"tokens": [f"token_id:{token.id}"], "token_logprobs": [token.logprob], "top_logprobs": [named]}
        choice = {"index": 0, "text": "?", "logprobs": said, "finish_reason": finish, "token_ids": [token.id]}
        return data({"id": "cmpl", "object": "text_completion", "created": 0, "model": "m", "choices": [choice]})

    def _worths(self, token: Token) -> dict[str, float]:
        """A token and its alternatives, by id."""
        others = {self._words.convert_tokens_to_ids(other.text): other.logprob for other in token.top}
        return {str(key): worth for key, worth in ({token.id: token.logprob} | others).items()}
