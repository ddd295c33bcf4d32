"""The contract against a real vLLM server, started by us: `make test-vllm` says which Python has it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from backend.engines.opening import open_engine
from backend.engines.protocol import Engine, Family
from backend.engines.suitable import look_for_vllm
from tests.engines.contract import EngineContract, Served

PYTHON = os.environ.get("SECOND_THOUGHTS_VLLM_PYTHON", "")
pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="needs SECOND_THOUGHTS_VLLM_PYTHON, see `make test-vllm`"),
    pytest.mark.timeout(1800),
]


@pytest.fixture(scope="module")
def engine(tiny_family: Family) -> Iterator[Engine]:
    told: list[str] = []
    begun = time.monotonic()
    opened = open_engine(tiny_family, "vllm", vllm=look_for_vllm(python=PYTHON), on_progress=told.append)
    print(f"vLLM was there after {time.monotonic() - begun:.0f} s")
    assert len(told) > 1
    yield opened
    opened.close()


class TestContract(EngineContract):
    @pytest.fixture(scope="class")
    def served(self, engine: Engine) -> Served:
        return Served(engine, "tiny", "tiny-lora")
