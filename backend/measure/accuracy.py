"""Accuracy of a run: acc@k and pass@k, with intervals over problems.

It takes, per problem, the number of right samples and of samples with a verdict; problems may differ in both.
"""

from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backend.measure.bootstrap import Estimate
from backend.measure.shares import mean_share

Counts = NDArray[np.int64]


def accuracy(correct: ArrayLike, samples: ArrayLike) -> Estimate | None:
    """acc@k: the mean over problems of each problem's share of right samples, in [0, 1].

    `correct` and `samples` are counts per problem [problems]. Problems without samples are left out; None if
    none is left. Every problem weighs the same, however many samples it has.
    Raises ValueError where counts don't fit together.
    """
    right, drawn = _counts(correct, samples)
    # A problem that nobody could grade is unknown, not wrong.
    known = drawn > 0
    return mean_share(right[known] / drawn[known], drawn.sum())


def pass_at_k(correct: ArrayLike, samples: ArrayLike, k: int) -> Estimate | None:
    """The chance that at least one of `k` samples is right, averaged over problems, in [0, 1].

    Unbiased: 1 - C(n-c, k) / C(n, k) per problem with n samples, c of them right (Chen et al. 2021, arXiv 2107.03374,
    eq. 1). Problems with fewer than `k` samples are left out (the Estimate's n counts the others); None if none is
    left. Raises ValueError for k < 1.
    """
    if k < 1:
        raise ValueError("pass@k needs k of at least 1.")
    right, drawn = _counts(correct, samples)
    enough = drawn >= k
    pairs = zip(right[enough].tolist(), drawn[enough].tolist(), strict=True)
    return mean_share([pass_chance(c, n, k) for c, n in pairs], drawn[enough].sum())


# Binomials as whole numbers are exact for any n. Problems share few pairs of counts: each is worked out once.
@lru_cache(maxsize=65_536)
def pass_chance(correct: int, samples: int, k: int) -> float:
    """1 - C(n-c, k) / C(n, k): the chance that `k` of `samples` drawn without replacement hold one of the `correct`."""
    return 1.0 - comb(samples - correct, k) / comb(samples, k)


def _counts(correct: ArrayLike, samples: ArrayLike) -> tuple[Counts, Counts]:
    right, drawn = np.asarray(correct, dtype=np.int64), np.asarray(samples, dtype=np.int64)
    if right.ndim != 1 or right.shape != drawn.shape:
        raise ValueError("Right samples and samples must be two lists of the same length, one entry a problem.")
    if (right < 0).any() or (right > drawn).any():
        raise ValueError("A problem can't have more right samples than samples, or fewer than none.")
    return right, drawn
