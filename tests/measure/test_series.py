"""Figures of steps: what follows from the counts alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backend.measure.series import Quantity, QuantityForm, StepCounts, step_figures


def test_no_interval_leads_beyond_what_can_be() -> None:
    """A mean of shares near 1 has resamples above 1, which no share can be."""
    free = Quantity(QuantityForm.MEAN, np.array([0.62, 0.9, 0.95, 1.0]), np.ones(4))
    above, within = (
        step_figures([StepCounts(1, ("r",), 4, 4, {"distinct_n": each})])[0].figures["distinct_n"]
        for each in (free, replace(free, most=1.0))
    )
    assert above and above.high and above.high > 1
    assert within and (within.value, within.low, within.high) == (above.value, above.low, 1.0)
