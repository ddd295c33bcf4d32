"""Fixtures of the engines' tests: the tiny model, an adapter on it, and both as a family."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.domain import Model, ModelKind
from backend.engines.protocol import Family

pytest.register_assert_rewrite("tests.engines.contract")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder of a random Qwen3 with a WordLevel tokenizer; see `tests.engines.tiny`."""
    from tests.engines import tiny

    return tiny.save_model(tmp_path_factory.mktemp("tiny") / "tiny-model")


@pytest.fixture(scope="session")
def tiny_adapter(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A LoRA adapter folder on `tiny_model`."""
    from tests.engines import tiny

    return tiny.save_adapter(tiny_model, tmp_path_factory.mktemp("tiny") / "tiny-adapter")


@pytest.fixture(scope="session")
def tiny_family(tiny_model: Path, tiny_adapter: Path) -> Family:
    """The tiny model, named "tiny", and its adapter, named "tiny-lora"."""
    base = Model(id="tiny", name="tiny", kind=ModelKind.CHECKPOINT, location=str(tiny_model))
    adapter = Model(id="tiny-lora", name="tiny-lora", kind=ModelKind.ADAPTER, location=str(tiny_adapter), base="tiny")
    return Family(base, (adapter,))
