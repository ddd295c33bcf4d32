"""The contract against a real vLLM server, started by us: `make test-vllm` says which Python has it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from backend.engines.compatibility import look_for_vllm
from backend.engines.factory import open_engine
from backend.engines.protocol import Decoding, Engine, Family, Request
from tests.engines.contract import CLOSE, EngineContract, Served, gather
from tests.engines.tiny import QUESTIONS

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


def test_it_says_what_the_transformers_engine_says(engine: Engine, tiny_family: Family) -> None:
    here = open_engine(tiny_family, "transformers")
    for number, question in enumerate(QUESTIONS):
        for model in ("tiny", "tiny-lora"):
            request = Request("a", model, question, Decoding(0.0, max_tokens=40, top=5), prefix="Wait" * (number % 2))
            one, other = (gather(each.generate([request]))["a"] for each in (engine, here))
            assert (one.text, one.ids, one.end) == (other.text, other.ids, other.end)
            for mine, theirs in zip(one.tokens, other.tokens, strict=True):
                assert mine.logprob == pytest.approx(theirs.logprob, abs=CLOSE)
                assert [each.text for each in mine.top] == [each.text for each in theirs.top]
            scores = [each.score(model, question, one.text) for each in (engine, here)]
            assert [t.logprob for t in scores[0]] == pytest.approx([t.logprob for t in scores[1]], abs=CLOSE)
    assert engine.starters(["wait", "perhaps"]) == here.starters(["wait", "perhaps"])
