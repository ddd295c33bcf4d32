"""Speed of importing a folder of many steps, against one file of the same rows: what a run costs beside its traces.

Owns the folder, as verl writes it. Run `python -m tests.bench folder`; STEPS and ROLLOUTS in the environment make it smaller.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
from pathlib import Path

from backend.config import Settings
from backend.services import build_services
from tests.bench.bench_import import MEGABYTE, seconds
from tests.bench.bench_matching import synthetic

STEPS, ROLLOUTS = int(os.environ.get("STEPS", "200")), int(os.environ.get("ROLLOUTS", "256"))


def made(folder: Path) -> tuple[Path, Path]:
    """A folder with a file a step, eight rollouts a problem, and one file with the rows of all of them."""
    texts, draw = synthetic(0.05, 7, "√2 ≤ 3. "), random.Random(3)
    steps, whole = folder / "steps", folder / "whole" / "rollouts.jsonl"
    steps.mkdir()
    whole.parent.mkdir()
    with whole.open("w", encoding="utf-8") as one:
        for step in range(1, STEPS + 1):
            lines = []
            for number in range(ROLLOUTS):
                problem, start = step * ROLLOUTS // 8 + number // 8, draw.randrange(9_000)
                text = draw.choice(texts)[start:][: draw.randrange(500, 4_000)] + f"So \\boxed{{{problem % 50}}}."
                row = {"input": f"user\nProblem {problem}?\nassistant\n", "output": text, "gts": str(problem % 50)}
                lines.append(json.dumps({**row, "score": 1.0, "step": step}, ensure_ascii=False) + "\n")
            (steps / f"{step}.jsonl").write_text("".join(lines), encoding="utf-8")
            one.writelines(line.replace(f', "step": {step}}}', "}") for line in lines)
    return steps, whole


def imported(path: Path, runs: int) -> float:
    """Seconds of an import into a new store."""
    with tempfile.TemporaryDirectory() as folder, build_services(Settings(store=Path(folder) / "store")) as services:
        services.lexicons.matchers()
        spent = seconds(lambda: list(services.imports.run([path])))
        assert len(services.runs.all()) == runs
        return spent


def run() -> list[tuple[str, float, str]]:
    """(what, time of the one file over time of the folder, aim)."""
    with tempfile.TemporaryDirectory() as folder:
        steps, whole = made(Path(folder))
        size = whole.stat().st_size / MEGABYTE
        one = imported(whole, 1)
        many = imported(steps, STEPS)
    told = f"{STEPS} steps of {ROLLOUTS} rollouts, {size:.0f} MB: {many:.1f} s against {one:.1f} s in one file"
    return [(told, one / many, "aim: at least 0.5")]
