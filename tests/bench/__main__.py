"""`python -m tests.bench [NAME...]`: every benchmark's ratios, or those of the modules named."""

from __future__ import annotations

import importlib
import sys

BENCHES = ("matching", "import", "page", "paint")


def main(names: list[str]) -> None:
    """Run and print: what was measured, the ratio, what it means or aims at."""
    for name in names or BENCHES:
        print(f"\n{name}", flush=True)
        for what, ratio, detail in importlib.import_module(f"tests.bench.bench_{name}").run():
            print(f"  {ratio:10.2f}x  {what}  ({detail})", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
