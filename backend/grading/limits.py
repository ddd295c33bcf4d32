"""A limit on the processor time of a block of code, in the main thread.

Owns the timer signal while a limit is open. Whoever waits for the process keeps the limit on the wall clock.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TookTooLong(BaseException):
    """The time limit ran out."""

    # A BaseException, because computer algebra swallows Exceptions wholesale and would go on.


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TookTooLong inside the block after `seconds` of the process's processor time.

    Does nothing outside the main thread; GraderPool grades in processes of its own for that reason. Limits don't nest.
    """
    # Signals reach the main thread alone.
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise TookTooLong

    # Processor time and not the wall clock: whether an answer is right must not depend on what else the machine does.
    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
