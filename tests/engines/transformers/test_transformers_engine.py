"""The transformers engine: the contract over both of its decoders, and what is its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.engines.protocol import Family
from backend.engines.transformers import loading
from backend.engines.transformers.transformers_engine import TransformersEngine
from tests.engines.contract import EngineContract, Served


class TestFast(EngineContract):
    """The hand-written decoder."""

    @pytest.fixture(scope="class")
    def served(self, tiny_family: Family) -> Iterator[Served]:
        engine = TransformersEngine(tiny_family)
        yield Served(engine, "tiny", "tiny-lora")
        engine.close()


class TestFallback(EngineContract):
    """The model's own forward pass."""

    @pytest.fixture(scope="class")
    def served(self, tiny_family: Family) -> Iterator[Served]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loading, "fits", lambda config: False)
            engine = TransformersEngine(tiny_family)
        yield Served(engine, "tiny", "tiny-lora")
        engine.close()
