"""Training a detector: one multinomial logistic regression over the states of words (or sentences), L2-penalised.

Owns the strength of regularisation and the pruning. Loads scikit-learn when it learns, so it is for workers and the
command line.
"""

import importlib
import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.annotation import LabelKind
from backend.detect.design import Design
from backend.detect.examples import Example
from backend.detect.linear_model import MOST_WEIGHT, SCALE, DetectorModel, TemplateWeights, Unit
from backend.detect.tokens import Ints
from backend.domain import UserError
from backend.lexicon.entries import Lexicon

Floats = NDArray[np.float64]

# Inverse strength of the penalty. A sentence sums the weights of its words, so each may say less.
_LOOSENESS: Final = {Unit.SPANS: 1.0, Unit.SENTENCES: 0.05}
_ITERATIONS: Final = 80
_TOLERANCE: Final = 1e-5
# A model is kept as JSON and read whole wherever it finds cues.
_MOST_FEATURES: Final = 8_000
_LEAST_WEIGHT: Final = {Unit.SPANS: 0.05, Unit.SENTENCES: 0.01}
# How far "none" is held back: as learned it wins too often for the best F1, for cues are rare.
_LEAN: Final = {Unit.SPANS: 0.5, Unit.SENTENCES: 1.0}


class DetectorTrainer:
    """Learns detectors from some examples: from all of them, or from the parts that cross-validation chooses."""

    def __init__(
        self, examples: Sequence[Example], labels: Sequence[LabelKind], unit: Unit, lexicon: Lexicon | None
    ) -> None:
        """`labels` are those to learn; `lexicon` is a word list whose entries the model may look at."""
        self.examples, self.labels, self.unit, self.lexicon = tuple(examples), tuple(labels), unit, lexicon
        self._design = Design(examples, labels, unit, lexicon)

    def fit(self, chosen: Sequence[int] | None = None) -> DetectorModel:
        """A model learned from the examples numbered `chosen`, or from all. Raises UserError where they hold no cue."""
        owner = self._design.owner
        rows = np.arange(len(owner)) if chosen is None else np.flatnonzero(np.isin(owner, np.asarray(chosen)))
        table, state = self._design.table[rows], self._design.state[rows]
        if not (state > 0).any() or (state > 0).all():
            raise UserError(
                "There is nothing to learn from: the texts must hold at least one cue, and words that are none."
            )
        # The columns are those of all examples; a part of them may have no cue with some of these.
        used = np.flatnonzero(table[np.flatnonzero(state)].getnnz(axis=0))
        weights, bias = self._regress(table[:, used], state)
        size = np.abs(weights).max(axis=1)
        best = np.sort(np.argsort(-size, kind="stable")[:_MOST_FEATURES])
        best = best[size[best] >= _LEAST_WEIGHT[self.unit]]
        tables = tuple(
            TemplateWeights(template, values, tuple(_hundredths(row) for row in weights[best[mine]]))
            for template, values, mine in self._design.in_words(used[best])
        )
        return DetectorModel(self.labels, self.unit, _hundredths(bias), tables, self.lexicon)

    def _regress(self, table: Any, state: Ints) -> tuple[Floats, Floats]:
        """Weights [features, states] and biases [states]; a state that no example has gets the least bias there is."""
        regression = importlib.import_module("sklearn.linear_model").LogisticRegression(
            C=_LOOSENESS[self.unit], max_iter=_ITERATIONS, tol=_TOLERANCE
        )
        limits = importlib.import_module("threadpoolctl").threadpool_limits
        with warnings.catch_warnings(), limits(limits=1):  # one thread: on a busy machine many wait for each other
            warnings.simplefilter("ignore")  # that it stopped early: it is meant to
            regression.fit(table, state)
        coefficients, intercepts = regression.coef_, regression.intercept_
        # Of two classes scikit-learn gives one row, their difference: half of it to either side.
        if len(regression.classes_) == 2:
            coefficients, intercepts = np.vstack([-coefficients, coefficients]) / 2, intercepts * [-0.5, 0.5]
        count = 1 + len(self.labels) * (2 if self.unit is Unit.SPANS else 1)
        weights, bias = np.zeros((table.shape[1], count)), np.full(count, -MOST_WEIGHT / SCALE)
        weights[:, regression.classes_], bias[regression.classes_] = coefficients.T, intercepts
        bias[0] -= _LEAN[self.unit]
        return weights, bias


def _hundredths(values: Floats) -> tuple[int, ...]:
    # Whole numbers sum exactly, so that the same text gives the same cues on every machine.
    whole = np.rint(values * SCALE).clip(-MOST_WEIGHT, MOST_WEIGHT)
    return tuple(int(value) for value in whole)
