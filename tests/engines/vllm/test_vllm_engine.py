"""The vLLM engine: the contract over a stand-in of its server, and what can go wrong between the two."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.domain import Model, ModelKind, UserError
from backend.engines.compatibility import VllmState
from backend.engines.factory import open_engine
from backend.engines.protocol import Decoding, Family, Piece, Request
from backend.engines.vllm.vllm_engine import VllmEngine
from tests.engines.contract import EngineContract, Served
from tests.engines.tiny import CONTEXT, QUESTIONS
from tests.engines.vllm.vllm_stand_in import StandIn


@pytest.fixture(scope="module")
def running(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    server = StandIn(tiny_model, tmp_path_factory.mktemp("stand-in"), "tiny")
    yield server
    server.close()


@pytest.fixture(scope="module")
def engine(running: StandIn, tiny_family: Family, tiny_model: Path) -> Iterator[VllmEngine]:
    opened = VllmEngine(tiny_family, running.address, tiny_model)
    yield opened
    opened.close()


class TestContract(EngineContract):
    @pytest.fixture(scope="class")
    def served(self, engine: VllmEngine) -> Served:
        return Served(engine, "tiny", "tiny-lora")


def test_a_server_that_runs_is_opened_by_its_address(running: StandIn, tiny_family: Family) -> None:
    opened = open_engine(tiny_family, vllm=VllmState(url=running.address.removesuffix("/v1")))
    assert opened.abilities.name == "vllm" and opened.abilities.context == CONTEXT
    opened.close()


def test_vllm_is_told_all_that_a_draw_depends_on(engine: VllmEngine, running: StandIn) -> None:
    decoding = Decoding(0.7, 0.9, 5, 4, seed=2**70 + 3, banned=(30, 31), top=2)
    assert list(engine.generate([Request("a", "tiny-lora", QUESTIONS[0], decoding)]))
    body = running.asked[-1]
    drawn = {"temperature": 0.7, "top_p": 0.9, "top_k": 5, "min_p": 0.0, "repetition_penalty": 1.0, "max_tokens": 4}
    assert body["model"] == "tiny-lora-tiny-lora" and body.items() >= drawn.items()
    assert 0 <= body["seed"] < 2**63 and body["logit_bias"] == {"30": -100, "31": -100}
    assert list(engine.generate([Request("a", "tiny", QUESTIONS[0], Decoding(max_tokens=2))]))
    assert running.asked[-1]["top_k"] == -1


def test_forced_words_have_their_log_probabilities(engine: VllmEngine) -> None:
    request = Request("a", "tiny", QUESTIONS[1], Decoding(0.0, max_tokens=8, top=3), prefix="Wait, maybe")
    first = next(iter(engine.generate([request])))
    assert isinstance(first, Piece) and first.text == request.prefix
    scores = engine.score("tiny", QUESTIONS[1], request.prefix, top=3)
    assert first.tokens == tuple(scores) and all(token.forced and len(token.top) == 3 for token in scores)


def test_adapters_are_loaded_once(running: StandIn, tiny_family: Family, tiny_model: Path, engine: VllmEngine) -> None:
    again = VllmEngine(tiny_family, running.address, tiny_model)
    again.close()
    roots = [model.location for model in running._family.adapters]
    assert roots == [tiny_family.adapters[0].location]


def test_an_adapter_that_the_server_cannot_load_is_said(
    running: StandIn, tiny_family: Family, tiny_model: Path, tmp_path: Path
) -> None:
    lost = Model("l", "lost", ModelKind.ADAPTER, str(tmp_path), base="tiny")
    with pytest.raises(UserError, match=r"did not load the adapter lost.*No adapter found.*VLLM_ALLOW_RUNTIME_LORA"):
        VllmEngine(Family(tiny_family.base, (lost,)), running.address, tiny_model)


def test_a_server_of_another_model_is_refused(running: StandIn, tiny_model: Path, tmp_path: Path) -> None:
    other = Model("o", "other", ModelKind.CHECKPOINT, str(shutil.copytree(tiny_model, tmp_path / "other")))
    with pytest.raises(UserError, match=r"serves tiny, not other.*--served-model-name other"):
        VllmEngine(Family(other), running.address, tiny_model)


def test_a_server_that_is_gone_is_named(tiny_family: Family, tiny_model: Path) -> None:
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:1/v1 can't be reached"):
        VllmEngine(tiny_family, "http://127.0.0.1:1", tiny_model)


def test_ids_that_the_model_has_not_are_refused(engine: VllmEngine) -> None:
    with pytest.raises(UserError, match="no token 5000"):
        engine.check([Request("a", "tiny", QUESTIONS[0], Decoding(banned=(5000,)))])
    with pytest.raises(UserError, match="4 tokens already"):
        engine.check([Request("a", "tiny", QUESTIONS[0], Decoding(max_tokens=3), prefix="Wait, maybe so")])
