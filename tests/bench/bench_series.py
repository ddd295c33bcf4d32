"""Series of 200 steps of 256 traces against Overview on the same store, each computed anew in a process of its own.

Owns the made store and the clock: what a page computes and draws in Python, as Streamlit's own test runner runs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from backend.config import Settings
from backend.domain import Run, RunInfo
from backend.services import Services, build_services
from backend.store.ledger import ProblemRow, SourceRow
from backend.store.parts import PartWriter
from tests.bench.bench_page import run_tables

STEPS, TRACES, ROUNDS = 200, 256, 3
_CLOCK = """
import sys, time
from streamlit.testing.v1 import AppTest
test = AppTest.from_file("pages/shell.py", default_timeout=600)
# What a process loads once is loaded, and the store is open.
test.switch_page("models.py").run()
start = time.perf_counter()
test.switch_page(sys.argv[1]).run()
assert not test.exception, test.exception
print(time.perf_counter() - start)
"""


def fill(services: Services) -> None:
    """Put the steps of one training into an empty store, with rewards."""
    lexicon = services.lexicons.get(services.lexicons.default).id
    for step in range(STEPS):
        run = f"{step:012x}"
        traces, counts = run_tables(run, TRACES, lexicon)
        scores = np.random.default_rng(step).random(TRACES).round(3).tolist()
        extra = pa.array([f'{{"score": {score}, "step": {step}}}' for score in scores])
        traces = traces.set_column(traces.column_names.index("extra"), "extra", extra)
        problems = [
            ProblemRow(name, f"question {name}", "1") for name in dict.fromkeys(traces["problem_id"].to_pylist())
        ]
        info = RunInfo(f"made · step {step}", "set", series="made", step=step)
        row = Run(run, info, len(problems), TRACES, "tokens", "2026-01-01")
        with PartWriter(services.store.folder, run) as writer:
            writer.write("traces", traces)
            writer.write("counts", counts)
            source = [SourceRow(f"{step:064x}", f"{step}.jsonl", 1)]
            add, contents = services.store.ledger.add_run, services.lexicons.contents()
            assert writer.register(lambda parts: add(row, source, problems, parts, contents))  # noqa: B023


def run() -> list[tuple[str, float, str]]:
    """(what, ratio, detail)."""
    with tempfile.TemporaryDirectory() as folder:
        with build_services(Settings(store=Path(folder) / "store")) as services:
            fill(services)
        env = {**os.environ, "SECOND_THOUGHTS_STORE": f"{folder}/store", "SECOND_THOUGHTS_DEMO": "off"}
        best = {}
        for page in ("overview.py", "series.py") * ROUNDS:
            asked = [sys.executable, "-c", _CLOCK, page]
            took = subprocess.run(asked, env=env, capture_output=True, text=True, check=True)
            best[page] = min(best.get(page, float("inf")), float(took.stdout.split()[-1]))
    detail = f"{best['series.py']:.2f} s against {best['overview.py']:.2f} s; aim: under 1.5"
    return [
        (f"Series of {STEPS} steps x {TRACES} traces against Overview", best["series.py"] / best["overview.py"], detail)
    ]
