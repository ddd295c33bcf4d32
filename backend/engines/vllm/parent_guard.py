"""Runs a command that ends when the process that started it ends, however that ends.

Owns this alone: `python vllm_leash.py SECONDS COMMAND…` runs COMMAND until it ends or standard input is closed, which
the operating system does even when the starter is killed; COMMAND then has SECONDS to end by itself. Knows nothing of
what it runs; needs the standard library alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress


def main(grace: float, command: list[str]) -> int:
    """Run `command` as a group of processes of its own and return its exit code."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    threading.Thread(target=_hold, args=(child, grace), daemon=True).start()
    code = child.wait()
    _signal(child.pid, signal.SIGKILL)  # what it started and left behind
    return code


def _hold(child: subprocess.Popen[bytes], grace: float) -> None:
    while os.read(0, 1024):
        pass
    _signal(child.pid, signal.SIGTERM)
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        _signal(child.pid, signal.SIGKILL)


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
