"""`python -m tests.bench [NAME...]`: runs every module `bench_*` here (or those named) and prints its ratios.

Owns the order and the print. Knows nothing of what is measured. Ends with 1 where a bench failed to run; a ratio
that misses its aim is printed, not judged: on a busy machine it says little.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).parent


def main(chosen: list[str]) -> int:
    """Run the benches named, or all; returns the exit code."""
    names = sorted(path.stem for path in HERE.glob("bench_*.py"))
    failed = False
    for name in names:
        if chosen and name.removeprefix("bench_") not in chosen and name not in chosen:
            continue
        print(f"\n{name.removeprefix('bench_')}", flush=True)
        try:
            rows = importlib.import_module(f"tests.bench.{name}").run()
        except Exception:
            traceback.print_exc()
            failed = True
            continue
        for what, ratio, aim in rows:
            print(f"  {ratio:8.2f}x  {what}  ({aim})", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
