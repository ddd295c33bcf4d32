"""The whole path of a watched job (engine, grading, cues, stream, ledger, parts) against the bare engine on the same requests.

Owns the clock: CPU seconds of this process and of its children, in one run, in turn. The aim is 1.10 or less. Run
`python -m tests.bench path`.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from backend.config import ROOT, Settings
from backend.engines.factory import open_engine
from backend.engines.protocol import Done, Engine, Request
from backend.services import Services, build_services
from backend.services.generation.job_plan import trace_seed
from backend.services.generation.presets import BASE, DECODING, HELD_OUT
from backend.services.generation.specs import GenerationSpec, RunArm
from backend.services.jobs import JobProgress

ROUNDS = 3


def run() -> list[tuple[str, float, str]]:
    """One row for 64 watched traces, one for 4."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(store=Path(folder) / "store", lab=ROOT / "data" / "lab")
        with build_services(settings) as services:
            model = services.models.ready(BASE)
            engine = open_engine(services.models.family([model]))
            return [_compare(services, engine, count) for count in (64, 4)]


def _compare(services: Services, engine: Engine, count: int) -> tuple[str, float, str]:
    spec = GenerationSpec((RunArm(BASE),), problem_set=HELD_OUT, limit=count, decoding=DECODING, live=True)
    bare, whole = [], []
    for _ in range(ROUNDS):
        bare.append(_bare(services, engine, spec))
        whole.append(_whole(services, engine, spec))
    ratio = sorted(whole)[ROUNDS // 2] / sorted(bare)[ROUNDS // 2]
    detail = f"{sorted(whole)[ROUNDS // 2]:.2f} s of CPU against {sorted(bare)[ROUNDS // 2]:.2f} s; aim: at most 1.10x"
    return f"a watched job of {count} traces over the bare engine", ratio, detail


def _bare(services: Services, engine: Engine, spec: GenerationSpec) -> float:
    problems = services.generation.chosen(spec)
    seeds = [trace_seed(spec, problem, 0) for problem in problems]  # the same draws, so the same work
    requests = [
        Request(str(i), BASE, problem.question, replace(spec.decoding, seed=seed))
        for i, (problem, seed) in enumerate(zip(problems, seeds, strict=True))
    ]
    start = time.process_time()
    finished = sum(isinstance(event, Done) for event in engine.generate(requests))
    assert finished == len(requests)
    return time.process_time() - start


def _whole(services: Services, engine: Engine, spec: GenerationSpec) -> float:
    job = services.generation.submit(spec)
    services.store.jobs.take(job.id, "bench")
    progress = JobProgress(services.store.jobs, job)
    start = time.process_time()
    services.generation.carry_out(job, lambda *_: engine, progress)
    return time.process_time() - start
