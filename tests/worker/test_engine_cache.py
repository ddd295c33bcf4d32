"""Which engines stay open between jobs: real weights' sizes decide, and what a job still needs is never closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from backend.domain import Model, ModelKind
from backend.engines.protocol import Engine, Family
from backend.worker.engine_cache import EngineCache, OnProgress


class Opened:
    """Opens engines that only remember whether they were closed."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def __call__(self, family: Family, choice: str, on_progress: OnProgress | None) -> Engine:
        self.log.append(f"open {family.base.name}")
        return cast(Engine, _Engine(family.base.name, self.log))


class _Engine:
    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self._log = name, log

    def close(self) -> None:
        self._log.append(f"close {self.name}")


@pytest.fixture
def opened() -> Opened:
    return Opened()


def model(folder: Path, name: str, size: int = 400, **more: Any) -> Model:
    place = folder / name
    place.mkdir()
    (place / "model.safetensors").write_bytes(bytes(size))
    return Model(name, name, ModelKind.CHECKPOINT, str(place), **more)


def test_an_engine_is_opened_once_and_serves_fewer_adapters(tmp_path: Path, opened: Opened) -> None:
    cache = EngineCache(opened, budget=1000)
    base, one, two = (model(tmp_path, name, 10) for name in ("base", "one", "two"))
    both = cache.open(Family(base, (one, two)), "auto")
    assert cache.open(Family(base, (two,)), "auto") is both is cache.open(Family(base), "auto")
    assert cache.open(Family(base), "vllm") is not both
    assert opened.log == ["open base", "open base"]


def test_the_least_recently_used_makes_room(tmp_path: Path, opened: Opened) -> None:
    cache = EngineCache(opened, budget=1000)
    a, b, c = (model(tmp_path, name) for name in "abc")
    for one in (a, b, a, c):
        cache.open(Family(one), "auto")
        cache.release()
    assert opened.log == ["open a", "open b", "close b", "open c"]
    cache.close()
    assert sorted(opened.log[4:]) == ["close a", "close c"]


def test_a_job_keeps_all_it_asked_for(tmp_path: Path, opened: Opened) -> None:
    cache = EngineCache(opened, budget=1000)
    for name in "abc":
        cache.open(Family(model(tmp_path, name)), "auto")
    assert opened.log == ["open a", "open b", "open c"]
    cache.release()
    cache.open(Family(model(tmp_path, "d")), "auto")
    assert opened.log[3:] == ["close a", "close b", "open d"]


def test_a_model_of_unknown_size_stands_alone_and_endpoints_weigh_nothing(tmp_path: Path, opened: Opened) -> None:
    cache = EngineCache(opened, budget=1000)
    hub = Model("hub", "hub", ModelKind.HUB, "Qwen/Qwen3-8B")
    far = Model("far", "far", ModelKind.ENDPOINT, "http://127.0.0.1:1/v1")
    for one in (model(tmp_path, "a"), far, hub, far):
        cache.open(Family(one), "auto")
        cache.release()
    assert opened.log == ["open a", "open far", "close a", "open hub"]
