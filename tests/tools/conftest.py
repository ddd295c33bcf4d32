"""The field's own tools, run in an environment of their own: `make tools`. Where one is missing, its tests skip and say so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.domain import TraceFilter
from backend.services import Services
from backend.services.traces.trace_reader import OpenTrace

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(os.environ.get("SECOND_THOUGHTS_TOOLS_PYTHON") or ROOT / ".venv-tools" / "bin" / "python")
LAB_BASE = ROOT / "data" / "lab" / "lab-base"


def run_tool(folder: Path, package: str, *words: object) -> str:
    """Runs the tools' Python with some words in `folder`, cut off from hubs and from the person's home."""
    find = f"import importlib.util as u, sys; sys.exit(u.find_spec('{package}') is None)"
    if not PYTHON.exists() or subprocess.run([str(PYTHON), "-c", find]).returncode:
        pytest.skip(f"{package} isn't here: `make tools` installs it")
    home = {"HOME": str(folder), "HF_HOME": str(folder / "hub"), "TRACKIO_DIR": str(folder / "trackio")}
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [str(PYTHON), *map(str, words)]
    done = subprocess.run(command, cwd=folder, env=os.environ | home | offline, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def opened(services: Services) -> Callable[[str], list[OpenTrace]]:
    """The traces of a run, by problem and sample."""

    def traces(run: str) -> list[OpenTrace]:
        listed = services.trace_list.page(TraceFilter(runs=(run,), lexicon="doubts"), sort="problem").rows
        lexicon = services.lexicons.get("doubts").id
        return sorted((services.traces.open(each.id, lexicon) for each in listed), key=lambda t: (t.question, t.sample))

    return traces
