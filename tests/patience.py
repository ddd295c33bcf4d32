"""How long tests wait, and the dice of those that kill at random moments.

A limit here only keeps a test that hangs from hanging for ever: a busy machine is no failure.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 180.0  # seconds
SEED = "SECOND_THOUGHTS_SEED"


def until(what: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait for a condition, and return what it gave."""
    limit = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > limit:
            raise AssertionError(f"it did not come true within {seconds:.0f} seconds")
        time.sleep(0.03)
    return found


def dice() -> random.Random:
    """Random numbers of a seed that a failing test shows; the environment variable SECOND_THOUGHTS_SEED repeats it."""
    seed = os.environ.get(SEED) or str(random.SystemRandom().randrange(10**9))
    print(f"{SEED}={seed}")
    return random.Random(seed)
