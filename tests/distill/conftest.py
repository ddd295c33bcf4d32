"""Fixtures of the training tests: the smallest plans that are still real ones, on the lab's shipped model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.distill.small import LAB, items


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Two threads on a busy machine are slower than one, and sums would depend on how many there are."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def lab() -> tuple[Any, Any]:
    """The lab's base and its tokenizer; nobody may change them."""
    from backend.lab import lab_model

    return lab_model.load(LAB)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder for what trainings have in common, so that the base answers once."""
    return str(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where one training lies."""
    made = tmp_path / "training"
    made.mkdir()
    return made


@pytest.fixture(scope="session")
def four() -> tuple[Any, ...]:
    """Four problems with worked solutions."""
    return items(4)
