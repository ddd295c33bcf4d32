"""Proportions with Wilson intervals over problems, and paired differences of proportions.

Method: Wilson's score interval (1927) with an effective number of responses, so that samples of one problem, which are
alike, don't count as so many problems: n * p(1 - p) / variance, as for surveys in clusters (Kish 1965; Korn and
Graubard 1998). The variance is taken with one problem added that is wholly right and one that is wholly wrong: where
all are right, or all wrong, there are then as many as there are problems. A difference adds one response won and one
lost to Wald's interval (Bonett and Price 2012).
"""

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from backend.measure.bootstrap import NORMAL, Estimate, Floats, as_vector

ALONE: Final = "A single problem or text shows no spread."


def share(parts: ArrayLike, wholes: ArrayLike, samples: float) -> Estimate | None:
    """The share sum(parts) / sum(wholes), in [0, 1], over units that are resampled as wholes: problems, or texts.

    `samples` is how many outcomes it rests on, `n` counts the units that have any. None where none has. Raises
    ValueError where lengths differ.
    """
    part, whole = paired_vectors(parts, wholes)
    part, whole = part[whole > 0], whole[whole > 0]
    n = len(part)
    if not n:
        return None
    value = math.fsum(part) / math.fsum(whole)
    if n == 1:
        return Estimate(value, None, None, 1, ALONE)
    low, high = wilson_interval(value, min(samples, _effective(part, whole)))
    return Estimate(value, low, high, n)


def mean_share(shares: ArrayLike, samples: float) -> Estimate | None:
    """The mean over problems of each one's share, in [0, 1]; NaN is unknown and left out. See `share`."""
    values = np.asarray(shares, dtype=np.float64)
    known = values[~np.isnan(values)]
    return share(known, np.ones(len(known)), samples)


def share_difference(values: ArrayLike, baseline: ArrayLike, samples: float) -> Estimate | None:
    """The mean over problems of values - baseline, both shares in [0, 1]; `samples` is how many outcomes a side has.

    None without problems. Raises ValueError where lengths differ.
    """
    second, first = paired_vectors(values, baseline)
    changes, n = second - first, len(second)
    if n < 2:
        return Estimate(float(changes[0]), None, None, 1, ALONE) if n else None
    # A response weighs as much as its share of a problem.
    added = n / max(samples, n)
    middle = math.fsum(changes) / (n + 2 * added)
    variance = (math.fsum(changes**2) + 2 * added) / (n + 2 * added) - middle**2
    half = NORMAL * math.sqrt(variance / (n + 2 * added))
    return Estimate(math.fsum(changes) / n, max(-1.0, middle - half), min(1.0, middle + half), n)


def wilson_interval(share: float, n: float) -> tuple[float, float]:
    """The 95% interval of a share of `n` independent outcomes, in [0, 1] (Wilson 1927, score interval).

    It stays within [0, 1] and has a width where every outcome is alike, which mean plus or minus error doesn't.
    """
    middle = (share + NORMAL**2 / (2 * n)) / (1 + NORMAL**2 / n)
    half = NORMAL * math.sqrt(max(0.0, share * (1 - share)) / n + NORMAL**2 / (4 * n * n)) / (1 + NORMAL**2 / n)
    # At the edges the ends are the share itself, up to rounding.
    return (0.0 if share <= 0 else max(0.0, middle - half)), (1.0 if share >= 1 else min(1.0, middle + half))


def paired_vectors(left: ArrayLike, right: ArrayLike) -> tuple[Floats, Floats]:
    """Both as vectors. Raises ValueError where they differ in length or aren't finite."""
    one, other = as_vector(left), as_vector(right)
    if one.shape != other.shape:
        raise ValueError("Paired values must be two lists of the same length, entry i of both for problem i.")
    return one, other


def _effective(part: Floats, whole: Floats) -> float:
    """How many independent outcomes have the variance that this share has over its units."""
    # Sorted, so that sums of floats don't depend on the order of problems.
    order = np.lexsort((whole, part))
    n, size = len(part), math.fsum(whole) / len(whole)
    parts, wholes = np.append(part[order], [size, 0.0]), np.append(whole[order], [size, size])
    value = parts.sum() / wholes.sum()
    variance = ((parts - value * wholes) ** 2).sum() / wholes.sum() ** 2
    return float(value * (1 - value) / variance * n / (n + 2))
