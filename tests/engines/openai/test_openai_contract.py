"""The OpenAI-compatible engine keeps the contract: the tiny model, served over HTTP by the transformers engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.domain import Model, ModelKind
from backend.engines.openai.openai_engine import OpenAIEngine
from backend.engines.protocol import Family
from backend.engines.transformers.transformers_engine import TransformersEngine
from tests.engines.contract import EngineContract, Served
from tests.engines.openai.chat_server import ChatServer, EngineSpeaker


class TestContract(EngineContract):
    @pytest.fixture(scope="class")
    def served(self, tiny_family: Family) -> Iterator[Served]:
        behind = TransformersEngine(Family(tiny_family.base))
        server = ChatServer(EngineSpeaker(behind, "tiny"), "tiny")
        engine = OpenAIEngine(Model("e", "endpoint", ModelKind.ENDPOINT, server.address))
        yield Served(engine, "endpoint")
        engine.close()
        server.close()
        behind.close()
