"""Whether one decoder is better than another on trials that neither learned from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import log_softmax

# Powers of e that scores are divided by, of which the best is taken.
TEMPERATURES = np.exp(np.linspace(-3, 3, 121))


@dataclass(frozen=True)
class Better:
    """How much better one decoder is than another, on the same trials.

    Parameters
    ----------
    loss : float
        By how much its calibrated log loss is lower, mean over trials.
    standard_error : float
        Of that mean: of the paired differences of the trials.
    accuracy : float
        By how much its balanced accuracy is higher.
    """

    loss: float
    standard_error: float
    accuracy: float

    def clearly(self, n_standard_errors: float = 1.0) -> bool:
        """Return whether the gain exceeds its uncertainty, and accuracy is no lower."""
        return self.loss > n_standard_errors * self.standard_error and (
            self.accuracy >= 0
        )

    def to_dict(self) -> dict[str, float]:
        """Return the numbers by name, for notes."""
        return asdict(self)


def better(
    logits: np.ndarray,
    others: np.ndarray,
    codes: np.ndarray,
    weight: Any = None,
    group: np.ndarray | None = None,
) -> Better:
    """Compare two decoders on the same trials.

    Parameters
    ----------
    logits, others : ndarray, shape (n_trials, n_classes)
        Scores, or logarithms of probabilities, of one and of the other.
    codes : ndarray of int, shape (n_trials,)
        Class of each trial.
    weight : ndarray, shape (n_classes,), optional
        How much a trial of each class counts; by default all count 1.
    group : ndarray, shape (n_trials,), optional
        Trials that overlap or are one segment have one number and count once for the
        standard error. By default each trial is one.

    Returns
    -------
    better : Better
        Of the first over the other.

    Notes
    -----
    Scores are divided by the one temperature that is best for them. Otherwise a student
    with softened targets would win by its lower confidence, which changes no decision.
    """
    weights = np.ones(len(codes)) if weight is None else np.asarray(weight)[codes]
    weights = weights / weights.mean()
    gain = calibrated_loss(others, codes, weights)
    gain = gain - calibrated_loss(logits, codes, weights)
    own, theirs = (balanced_accuracy(one, codes) for one in (logits, others))
    return Better(float(gain.mean()), _standard_error(gain, group), own - theirs)


def calibrated_loss(
    logits: np.ndarray, codes: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the weighted log loss of each trial, at the best temperature."""
    trials = np.arange(len(codes))
    scores = np.asarray(logits, dtype=float)
    losses = [
        -weights * log_softmax(scores / temperature, axis=1)[trials, codes]
        for temperature in TEMPERATURES
    ]
    return min(losses, key=lambda loss: loss.mean())


def balanced_accuracy(logits: np.ndarray, codes: np.ndarray) -> float:
    """Return the part of right answers of each class, averaged over classes."""
    right = np.asarray(logits).argmax(axis=1) == codes
    return float(np.mean([right[codes == code].mean() for code in np.unique(codes)]))


def _standard_error(values: np.ndarray, group: np.ndarray | None) -> float:
    """Return the standard error of the mean, of groups that are independent."""
    group = np.arange(len(values)) if group is None else group
    number = np.unique(group, return_inverse=True)[1]
    sums = np.bincount(number, values - values.mean())
    n = len(sums)
    if n < 2:
        return float("inf")
    return float(np.sqrt(np.square(sums).sum() * n / (n - 1)) / len(values))
