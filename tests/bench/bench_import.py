"""Import speed against `json.loads` of the same file: reading alone, and end to end (grading, cues, Parquet, ledger).

Owns a file of evaluation rows, made here so that it is the same everywhere. A ratio of 0.5 means half as many MB a
second as json.loads.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from backend import exchange
from backend.config import Settings
from backend.services import wire
from tests.bench.bench_matching import synthetic

ROUNDS = 3


def evaluation_rows(problems: int, samples: int) -> list[dict[str, object]]:
    """Rows as the paper's evaluation writes them: 20,000 characters a response, one in five sentences doubting."""
    rows = []
    texts = synthetic(0.2, seed=7)
    for i in range(problems):
        responses = [texts[(i + k) % len(texts)] + f"\n\\boxed{{{(i + k) % 7}}}" for k in range(samples)]
        row = {
            "question": f"What is {i} modulo 7?",
            "generated_responses": responses,
            "gold_answer": str(i % 7),
            "id": i,
        }
        row |= {"generated_answers": [str((i + k) % 7) for k in range(samples)], "is_correct": True}
        rows.append(row | {"answers_correctness": [k % 7 == 0 for k in range(samples)]})
    return rows


def seconds(work: Callable[[], object]) -> float:
    """The best of a few wall-clock times: the others were disturbed."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def run() -> list[tuple[str, float, str]]:
    """(what, ratio of MB/s to json.loads, MB/s)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "base" / "model" / "aime" / "test_prompt_t0.0_k4_s0_e200.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(json.dumps(row) for row in evaluation_rows(200, 4)), encoding="utf-8")
        megabytes = path.stat().st_size / 1e6
        (source,) = exchange.scan([path]).sources
        count = iter(range(1_000))

        def whole_import() -> None:
            with wire(Settings(store=Path(folder) / f"store{next(count)}")) as services:
                assert [o.state for o in services.importing.run([path])] == ["imported"]

        works = {"reading alone": lambda: list(exchange.read(source)), "import end to end": whole_import}
        baseline = seconds(lambda: [json.loads(line) for line in path.read_bytes().split(b"\n")])
        times = {what: seconds(work) for what, work in works.items()}
    return [
        (f"{what} against json.loads", baseline / took, f"{megabytes / took:.1f} MB/s") for what, took in times.items()
    ]


if __name__ == "__main__":
    for what, ratio, detail in run():
        print(f"{ratio:10.3f}x  {what}  ({detail})")
