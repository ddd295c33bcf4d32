"""Two runs of the same problems for pages of a pair: one doubts in hostile words and is right, the other is sure."""

from __future__ import annotations

from pathlib import Path

from backend.services import Services
from tests.services.made_files import row, take_one, write

HOSTILE = 'Wait, maybe </pre><script>document.title="run"</script><img src=x onerror=alert(1)> \\boxed{2}'


def pair_of_runs(services: Services, folder: Path) -> list[str]:
    """The ids of both, the doubting one first."""
    questions = [f"What is {n} + 1?" for n in range(1, 6)]
    base = [row(q, HOSTILE.replace("2}", f"{n + 1}}}"), gold=str(n + 1)) for n, q in enumerate(questions, 1)]
    sure = [row(q, "It is \\boxed{0}", gold=str(n + 1)) for n, q in enumerate(questions, 1)]
    return [
        take_one(services, write(folder / f"{name}.jsonl", rows)) for name, rows in (("base", base), ("sure", sure))
    ]
