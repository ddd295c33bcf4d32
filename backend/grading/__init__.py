"""Finding a response's final answer and deciding whether it is right, by two graders that may disagree.

Owns the graders `paper` (the rules of arXiv 2603.24472) and `math-verify`, and the pool of processes they
run in. Pure: knows nothing of files, the store, traces or pages.
"""

from backend.grading.paper import extract, is_correct
from backend.grading.pool import GraderPool
from backend.grading.verdict import DEFAULT_GRADER, GRADERS, MATH_VERIFY, PAPER, Verdict, Verdicts

__all__ = [
    "DEFAULT_GRADER",
    "GRADERS",
    "MATH_VERIFY",
    "PAPER",
    "GraderPool",
    "Verdict",
    "Verdicts",
    "extract",
    "is_correct",
]
