"""The one table of metrics, and the functions that count them.

``metric(y, proba) -> float`` for classes counted from 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eegkd._checks import join_names
from eegkd._docs import fill_doc
from eegkd.data.paradigms import find_paradigm

__all__ = [
    "METRICS",
    "Metric",
    "accuracy",
    "balanced_accuracy",
    "brier_score",
    "calibration_error",
    "chance_level",
    "information_transfer_rate",
    "kappa",
    "log_loss",
    "roc_auc",
    "score_predictions",
]

# Standard deviation of one subject's accuracy between single runs of one network:
# EEGNet on the 9 subjects of BNCI2014_001 has 1.35 points on their mean, which is
# 1.35 * sqrt(9) for each (Borra, D., Paissan, F., & Ravanelli, M. (2024).
# SpeechBrain-MOABB: An open-source Python library for benchmarking deep neural networks
# applied to EEG signals. Computers in Biology and Medicine, 182, 109097).
SINGLE_RUN_SD = 0.0405
_fill = fill_doc(
    {
        "predictions": """
            Parameters
            ----------
            y : ndarray of int, shape (n_trials,)
                True class of each trial, from 0.
            proba : ndarray, shape (n_trials, n_outputs)
                Probability of each class; rows sum to 1."""
    }
)


@dataclass(frozen=True)
class Metric:
    """What is known of one column of scores.

    Parameters
    ----------
    name : str
        Name of the column.
    title : str
        Its name in a sentence, in lower case where it is no proper name.
    function : callable or None
        ``function(y, proba) -> float``; None where it needs more than predictions.
    less_is_better : bool, default=False
        Whether the better of two classifiers has the lower value.
    bounds : tuple of (float, float)
        Between which values it lies, unlike the ends of an interval.
    chance : callable or None
        ``chance(n_classes) -> float``, the chance level; None where that depends on the
        probabilities that a decoder at chance level gives.
    testable : bool, default=False
        Whether `eegkd.evaluation.statistics.chance_test` can judge it: its chance level
        is the same however rare a class is.
    single_run_sd : float, default=nan
        Published standard deviation of one subject's score between single runs of one
        network, in motor imagery.
    """

    name: str
    title: str
    function: Callable[[np.ndarray, np.ndarray], float] | None = None
    less_is_better: bool = False
    bounds: tuple[float, float] = (0.0, float("inf"))
    chance: Callable[[int], float] | None = None
    testable: bool = False
    single_run_sd: float = float("nan")


def class_codes(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the class of each trial, counted from 0 as in ``classes``, sorted.

    A label that is not among them is an error: it would be counted as another one.
    """
    unseen = sorted(set(y.tolist()) - set(classes.tolist()))
    if unseen:
        raise ValueError(
            f"'y' must hold classes that were trained ({join_names(classes.tolist())})"
            f", got {join_names(unseen)} as well. Leave these trials out."
        )
    return np.searchsorted(classes, y)


@_fill
def accuracy(y: np.ndarray, proba: np.ndarray) -> float:
    """Return the part of the trials whose likeliest class is right, in [0, 1].

    %(predictions)s

    Returns
    -------
    score : float
        Accuracy.
    """
    return float(np.mean(proba.argmax(axis=1) == y))


@_fill
def balanced_accuracy(y: np.ndarray, proba: np.ndarray) -> float:
    """Return the mean recall over the classes that occur, in [0, 1].

    %(predictions)s

    Returns
    -------
    score : float
        Balanced accuracy.
    """
    right = proba.argmax(axis=1) == y
    return float(np.mean([right[y == code].mean() for code in np.unique(y)]))


@_fill
def kappa(y: np.ndarray, proba: np.ndarray) -> float:
    """Return Cohen's kappa, in [-1, 1]; 0 is chance.

    %(predictions)s

    Returns
    -------
    score : float
        Cohen's kappa.
    """
    from sklearn.metrics import cohen_kappa_score

    labels = list(range(proba.shape[1]))
    return float(cohen_kappa_score(y, proba.argmax(axis=1), labels=labels))


@_fill
def roc_auc(y: np.ndarray, proba: np.ndarray) -> float:
    """Return the area under the ROC curve, one class against the rest, in [0, 1].

    %(predictions)s

    Returns
    -------
    score : float
        Mean over the classes; NaN if only one class occurs in ``y``.
    """
    from sklearn.metrics import roc_auc_score

    if proba.shape[1] == 2:
        present = [1] if len(np.unique(y)) == 2 else []
    else:
        present = [code for code in np.unique(y) if 0 < np.sum(y == code) < len(y)]
    if not present:
        return float("nan")
    return float(
        np.mean([roc_auc_score(y == code, proba[:, code]) for code in present])
    )


@_fill
def calibration_error(y: np.ndarray, proba: np.ndarray, n_bins: int = 10) -> float:
    """Return the expected calibration error with bins of equal size, in [0, 1].

    %(predictions)s
    n_bins : int, default=10
        Most bins; fewer where a bin would hold under ten trials.

    Returns
    -------
    error : float
        Mean over the trials of the gap between confidence and accuracy of their bin.
        0 is perfect; with few trials it is biased upward.

    Notes
    -----
    Trials are sorted by confidence and cut into bins of equal count ("adaptive"
    bins), since few test trials leave most bins of equal width empty [1]_.

    Of four classes, a perfectly calibrated classifier that is right in 60 % of the
    trials shows about 0.12 with 20 to 100 trials, 0.065 with 300 and 0.036 with 1000
    (simulated, mean of 1000 draws): under some hundreds of trials compare it between
    classifiers on the same trials only, and never with 0.

    References
    ----------
    .. [1] Nixon, J., Dusenberry, M., Zhang, L., Jerfel, G., & Tran, D. (2019).
       Measuring calibration in deep learning. CVPR Workshops, 38-41.
    """
    confidence = proba.max(axis=1)
    right = proba.argmax(axis=1) == y
    order = np.argsort(confidence, kind="stable")
    bins = np.array_split(order, max(1, min(n_bins, len(y) // 10)))
    gaps = [
        len(rows) * abs(confidence[rows].mean() - right[rows].mean()) for rows in bins
    ]
    return float(sum(gaps) / len(y))


@_fill
def log_loss(y: np.ndarray, proba: np.ndarray) -> float:
    """Return the negative log-likelihood of the labels in nats, >= 0; less is better.

    %(predictions)s

    Returns
    -------
    loss : float
        Mean over the trials; ``log(n_outputs)`` for equal probabilities.

    Notes
    -----
    Probabilities are kept above the spacing of floating-point numbers at 1, so that a
    trial that was held impossible costs 36 nats and not infinitely many. A proper
    score: it is least for the true probabilities, whether they are sharp or not. One
    confident mistake outweighs many trials, so that under about a hundred test trials
    it tells little; compare subjects, not trials.
    """
    likelihood = np.clip(proba[np.arange(len(y)), y], np.finfo(float).eps, 1)
    return float(-np.mean(np.log(likelihood)))


@_fill
def brier_score(y: np.ndarray, proba: np.ndarray) -> float:
    """Return the mean squared error of the probabilities, in [0, 2]; less is better.

    %(predictions)s

    Returns
    -------
    score : float
        Mean over the trials of the squared distance from the label, summed over the
        classes [1]_; ``1 - 1 / n_outputs`` for equal probabilities.

    Notes
    -----
    With two classes this is twice the score of the second class alone that is also
    known by this name. A proper score like the log loss, but a trial costs 2 at most:
    with some tens of test trials it is the steadiest of the three that judge
    probabilities.

    References
    ----------
    .. [1] Brier, G. W. (1950). Verification of forecasts expressed in terms of
       probability. Monthly Weather Review, 78(1), 1-3.
    """
    return float(np.mean(((proba - np.eye(proba.shape[1])[y]) ** 2).sum(axis=1)))


def information_transfer_rate(
    accuracy: float, n_classes: int, trial_seconds: float
) -> float:
    """Return the bits a minute that a selection among equal classes carries.

    Parameters
    ----------
    accuracy : float
        Part of the trials that are right, in [0, 1].
    n_classes : int
        Number of classes, >= 2.
    trial_seconds : float
        Length of a trial in seconds, > 0; pauses between trials are not counted.

    Returns
    -------
    rate : float
        Bits a minute; 0 at or below chance.

    Notes
    -----
    Wolpaw's formula [1]_ takes all classes for equally likely and all errors for
    equally frequent. Below chance it would rise again, which helps nobody.

    References
    ----------
    .. [1] Wolpaw, J. R., Birbaumer, N., McFarland, D. J., Pfurtscheller, G., &
       Vaughan, T. M. (2002). Brain-computer interfaces for communication and control.
       Clinical Neurophysiology, 113(6), 767-791.
    """
    if not accuracy > 1 / n_classes:  # NaN included
        return 0.0
    bits = np.log2(n_classes) + accuracy * np.log2(accuracy)
    if accuracy < 1:
        bits += (1 - accuracy) * np.log2((1 - accuracy) / (n_classes - 1))
    return float(bits * 60 / trial_seconds)


@_fill
def score_predictions(y: np.ndarray, proba: np.ndarray) -> dict[str, float]:
    """Return every metric that predictions alone give.

    %(predictions)s

    Returns
    -------
    scores : dict of str -> float
        Those rows of `METRICS` that have a function.
    """
    return {
        name: metric.function(y, proba)
        for name, metric in METRICS.items()
        if metric.function is not None
    }


def metric_title(name: str) -> str:
    """Return a metric in plain words, such as "ROC-AUC"."""
    return METRICS[name].title if name in METRICS else name.replace("_", " ")


def chance_level(
    paradigm: str | None, n_classes: int, metric: str | None = None
) -> float | None:
    """Return the chance level of a metric, where it is one number.

    Parameters
    ----------
    paradigm : str or None
        A key of `eegkd.PARADIGMS`; None is taken for motor imagery.
    n_classes : int
        Number of classes, >= 2.
    metric : str, optional
        A metric; by default the paradigm's.

    Returns
    -------
    chance : float or None
        The score that chance reaches without favoring a class. None for metrics where
        that depends on the probabilities given, and for accuracy in paradigms that are
        not scored by it, since their classes are not balanced: a decoder that never
        says target is right in most trials.
    """
    own = find_paradigm(paradigm).metric
    metric = metric or own
    row = METRICS.get(metric)
    if row is None or row.chance is None or metric == "accuracy" != own:
        return None
    return row.chance(n_classes)


def judged_metric(paradigm: str | None) -> str:
    """Return the metric by which a paradigm's scores are set against chance level.

    Balanced accuracy in the place of accuracy: with balanced classes it is the same,
    and without, always naming the most frequent class stays at chance level.
    """
    metric = find_paradigm(paradigm).metric
    return metric if METRICS[metric].testable else "balanced_accuracy"


def _one_of(n_classes: int) -> float:
    """Return the part of the trials that chance has right among equal classes."""
    return 1 / n_classes


#: Every metric: those of predictions first, then rate, size and time.
METRICS: dict[str, Metric] = {
    row.name: row
    for row in (
        Metric(
            "accuracy", "accuracy", accuracy,
            bounds=(0, 1), chance=_one_of, single_run_sd=SINGLE_RUN_SD,
        ),
        Metric(
            "balanced_accuracy", "balanced accuracy", balanced_accuracy,
            bounds=(0, 1), chance=_one_of, testable=True, single_run_sd=SINGLE_RUN_SD,
        ),
        Metric("kappa", "kappa", kappa, bounds=(-1, 1), chance=lambda n: 0.0),
        Metric(
            "roc_auc", "ROC-AUC", roc_auc,
            bounds=(0, 1), chance=lambda n: 0.5, testable=True,
        ),
        Metric(
            "calibration_error", "calibration error", calibration_error,
            less_is_better=True, bounds=(0, 1),
        ),
        Metric("log_loss", "log loss", log_loss, less_is_better=True),
        Metric(
            "brier_score", "Brier score", brier_score,
            less_is_better=True, bounds=(0, 2),
        ),
        Metric("itr", "bits per minute"),
        Metric("parameters", "parameters", less_is_better=True),
        Metric("macs", "multiply-accumulates per trial", less_is_better=True),
        Metric("train_seconds", "seconds to train", less_is_better=True),
        Metric("predict_ms", "milliseconds per trial", less_is_better=True),
    )
}  # fmt: skip
