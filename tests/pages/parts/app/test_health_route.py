"""`/healthz` and `/readyz`: what they say of a store that works, that lacks a part, and that can't be opened at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pages.parts.app import health_route
from tests.pages.test_pages import forget
from tests.patience import until

CLIENT = TestClient(Starlette(routes=health_route.routes))


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The folder of a store that isn't there yet."""
    forget()
    for name, value in {"STORE": tmp_path / "store", "LAB": tmp_path / "lab", "DEMO": "off"}.items():
        monkeypatch.setenv(f"SECOND_THOUGHTS_{name}", str(value))
    yield tmp_path / "store"
    forget()


def said(path: str) -> tuple[int, dict[str, bool | None]]:
    """What it says once it knows: a store takes a moment to be opened."""
    answer = until(lambda: (one := CLIENT.get(path)) and list(one.json().values())[1] is not None and one)
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()


def test_a_store_without_a_worker_is_ready_and_not_healthy(folder: Path) -> None:
    assert said("/healthz") == (503, {"ok": False, "ledger": True, "store": True, "worker": False})
    assert said("/readyz") == (200, {"ok": True, "schema": True, "store": True})
    shutil.rmtree(folder / "parts")
    assert said("/readyz") == (503, {"ok": False, "schema": True, "store": False})


def test_a_ledger_that_cannot_be_opened_is_told_without_its_address(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECOND_THOUGHTS_LEDGER", "postgresql+psycopg://u:secret@127.0.0.1:9/none")
    assert said("/healthz") == (503, {"ok": False, "ledger": False, "store": None, "worker": None})
    assert said("/readyz") == (503, {"ok": False, "schema": False, "store": None})
