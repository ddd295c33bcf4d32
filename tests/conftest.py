"""Fixtures every test may use: a fresh store, and the real data beside the repository."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from filelock import FileLock

from backend.config import Settings
from backend.services import Services, build_services
from tests.postgres_server import own_postgres, postgres, url

__all__ = ["own_postgres", "postgres", "url"]

# A busy machine is no failure: no test asserts how long anything takes. The same commit gives the same examples, so that
# what is green stays green; `--hypothesis-profile=search` looks for new ones.
hypothesis.settings.register_profile("house", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile("house")

_MAIN = sys.modules["__main__"]

# Stores of tests hold what tests put into them, and no worker takes their jobs unless a test starts one.
os.environ.setdefault("SECOND_THOUGHTS_DEMO", "off")
os.environ.setdefault("SECOND_THOUGHTS_WORKER", "off")
# Apps of tests read what tests made, and the data beside the repository.
os.environ.setdefault("SECOND_THOUGHTS_ROOTS", f"{tempfile.gettempdir()},{Path(__file__).resolve().parents[2]}")
SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"


def pytest_report_header() -> str:
    """The versions a failure may hang on."""
    names = ("streamlit", "duckdb", "sqlalchemy", "pyarrow", "plotly", "math-verify", "hypothesis")
    return "versions: " + ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real traces and problems; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the real traces (../shared/data) are not on this machine")
    return SHARED


def pytest_runtest_teardown() -> None:
    """Puts back the main module, which Streamlit's AppTest replaces by its script: new processes would run that."""
    sys.modules["__main__"] = _MAIN


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a new, empty store."""
    return Settings(store=tmp_path / "store", graders=1)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """Everything wired over a new, empty store."""
    with build_services(settings) as wired:
        yield wired


@pytest.fixture(scope="session")
def real_store(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Settings:
    """A store holding all four trace folders and the problem sets: made once, whichever process needs it first."""
    shared = (
        tmp_path_factory.getbasetemp().parent
        if "PYTEST_XDIST_WORKER" in os.environ
        else tmp_path_factory.mktemp("once")
    )
    made = shared / "real-store"
    with FileLock(shared / "real-store.lock"):
        if not made.is_dir():
            half = Settings(store=shared / "real-store.half")
            with build_services(half) as wired:
                for outcome in wired.imports.run([shared_data / "traces", shared_data / "problems"]):
                    assert outcome.state in ("imported", "skipped"), outcome
            half.store.rename(made)
    return Settings(store=Path(shutil.copytree(made, tmp_path_factory.mktemp("real") / "store")))


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
