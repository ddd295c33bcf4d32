"""The process in which graders run: `python -m backend.grading.grader`, driven by GraderPool.

Owns its own limits and the lines it speaks: one JSON object a line in, `{"grader", "gold", ...}` with
the answer as "text" or what was "stated", and one out, `{"answer", "correct", "note"}`; the first line out is
`{"ready": true}`. Deadlines on the wall clock are its parent's.
"""

import json
import logging
import os
import resource
import signal
import sys
from dataclasses import asdict
from typing import Any, Final

from backend.child_process import json_output
from backend.grading import exact, paper, rules  # noqa: F401  sympy is loaded before the first request's time runs
from backend.grading.final_answer import Stated
from backend.grading.verdicts import PAPER, Verdict

# Bytes of address space. Computer algebra can ask for all there is: then this process fails, and not the machine.
_MEMORY: Final = 3 * 2**30
# CPU seconds a single answer may use before the system ends this process even if its parent is gone.
_CPU_SECONDS: Final = 60


def grade(request: dict[str, Any]) -> Verdict:
    """The verdict that `request` asks for. For the paper's grader its text is the extracted answer."""
    try:
        if request["grader"] == PAPER:
            return paper.grade_answer(request["text"], request["gold"])
        stated = Stated(**{**request["stated"], "answers": tuple(request["stated"]["answers"])})
        return rules.with_algebra(stated, request["gold"], request["question"])
    except MemoryError:
        return Verdict(None, None, "unknown: ran out of memory")
    except Exception as error:
        return Verdict(None, None, f"unknown: the grader failed ({type(error).__name__})")


def main() -> None:
    """Answer requests from standard input until it closes."""
    # JSON and not pickle: what comes out of a process that reads hostile text must not be able to run anything in the
    # process that reads it.
    send = json_output()
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; Ctrl-C reaches the whole group
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    send({"ready": True})
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_PROF, _CPU_SECONDS)
        send(asdict(grade(json.loads(line))))
        signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)  # nobody reads any more; the usual way out would flush once more and complain
