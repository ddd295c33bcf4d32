"""Speed of importing, against `json.loads` of the same file: how much the work on every response costs.

Owns the files and the clock. End to end means: looked at, hashed, read, graded, matched under every lexicon, written
as Parquet, flushed to the disk and registered. Run `python -m tests.bench import`.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from backend.config import Settings
from backend.exchange.traces.read import read as read_drafts
from backend.exchange.traces.scan import scan
from backend.services import Services, build_services
from tests.bench.bench_matching import SHARED, synthetic

ROUNDS = 3
MEGABYTE = 1e6


def made(path: Path, rows: int, answer: str, gold: str) -> Path:
    """JSON Lines of `rows` problems with four responses of some 10,000 characters that end in a boxed answer."""
    texts, draw = synthetic(0.05, 7, "√2 ≤ 3. "), random.Random(3)
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            responses = [draw.choice(texts)[draw.randrange(9_000) :][:10_000] + answer for _ in range(4)]
            line = {"question": f"Problem {number}?", "gold_answer": gold, "generated_responses": responses}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return path


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock time of one go."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def loads(path: Path) -> None:
    """The baseline: every line into Python objects."""
    for line in path.read_bytes().splitlines():
        json.loads(line)


def read(path: Path) -> None:
    """The importer's reading alone: looked at, hashed, checked, drafts made."""
    for source in scan([path]).sources:
        for _ in read_drafts(source):
            pass


def taken(services: Services, path: Path) -> None:
    """End to end, into an open store."""
    (outcome,) = services.imports.run([path])
    assert outcome.state == "imported", outcome


def ratios(path: Path, work: Callable[[Path], float]) -> tuple[float, str]:
    """Best time of `json.loads` over best time of `work`, by turns; and both as MB/s."""
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        best[0] = min(best[0], seconds(lambda: loads(path)))
        best[1] = min(best[1], work(path))
    size = path.stat().st_size / MEGABYTE
    return best[0] / best[1], f"{size / best[1]:.1f} MB/s against {size / best[0]:.0f} MB/s"


def imported(path: Path) -> float:
    """Seconds of an import into a new store."""
    with tempfile.TemporaryDirectory() as folder, build_services(Settings(store=Path(folder) / "store")) as services:
        services.lexicons.matchers()
        return seconds(lambda: taken(services, path))


def run() -> list[tuple[str, float, str]]:
    """(what, speed as a share of json.loads's, aim) for reading alone and for imports that need ever more."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        plain = made(Path(folder) / "plain.jsonl", 400, "So \\boxed{15}.", "15")
        algebra = made(Path(folder) / "algebra.jsonl", 20, "So \\boxed{\\frac{30}{2}}.", "15")
        cases: list[tuple[str, Path, Callable[[Path], float], str]] = [
            ("reading alone", plain, lambda path: seconds(lambda: read(path)), "aim: at least 0.5"),
            ("import, answers settled by comparing", plain, imported, "aim: at least 0.04"),
            ("import, every answer settled by algebra", algebra, imported, "the graders' own time; no aim"),
        ]
        for real in sorted((SHARED / "limo" / "Qwen2.5-7B" / "aime").glob("*.jsonl")):
            cases.append(
                ("import of real traces dense with cues", real, imported, "mostly the graders' own time; no aim")
            )
        for what, path, work, aim in cases:
            ratio, speeds = ratios(path, work)
            rows.append((f"{what}, of json.loads: {speeds}", ratio, aim))
    return rows
