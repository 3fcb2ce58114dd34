"""Probabilities for classifiers that only score: temperature, learned out of fold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.utils.validation import check_is_fitted


class Folds(BaseEstimator):
    """Stratified folds, as many as the smallest class allows, in the given order.

    Parameters
    ----------
    at_most : int, default=5
        Folds at most.
    """

    def __init__(self, at_most: int = 5) -> None:
        self.at_most = at_most

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds."""
        if y is None:
            return self.at_most
        smallest = int(np.unique(y, return_counts=True)[1].min())
        return max(2, min(self.at_most, smallest))

    def split(
        self, X: Any, y: Any, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the indices of each fold."""
        y = np.asarray(y)
        folds = StratifiedKFold(self.get_n_splits(X, y))
        yield from folds.split(np.zeros(len(y)), y)


class HighestScore(ClassifierMixin, BaseEstimator):
    """The class with the highest score, where features are one score for each class.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Labels, sorted; the order of the scores.
    """

    def fit(self, X: np.ndarray, y: np.ndarray) -> HighestScore:
        """Keep the labels."""
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Return the scores; of two classes, by how much the second is ahead."""
        return X if X.shape[1] > 2 else X[:, 1] - X[:, 0]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the class with the highest score."""
        return self.classes_[X.argmax(axis=1)]


class Calibrated(ClassifierMixin, BaseEstimator):
    """Probabilities for a classifier that only scores, for labels of any type.

    One temperature is learned from scores of training trials that were left out of
    the fit, then the classifier is fitted to all of them. The temperature does not
    change which class is the likeliest. Equals scikit-learn's
    ``CalibratedClassifierCV(method="temperature", ensemble=False)``, which there is
    from 1.8 on, and for labels 0, 1, 2 and so on only.

    Parameters
    ----------
    classifier : estimator
        Has ``decision_function``.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Labels, sorted.
    classifier_ : estimator
        The classifier, fitted to the positions of the labels in ``classes_``.
    temperature_ : float
        Divides the scores before the softmax.

    References
    ----------
    .. [1] Guo, C., Pleiss, G., Sun, Y., & Weinberger, K. Q. (2017). On calibration of
           modern neural networks. *ICML*, 1321-1330.
    """

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier

    def fit(self, X: np.ndarray, y: Any) -> Calibrated:
        """Fit classifier and temperature."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        logits = _logits(
            cross_val_predict(
                clone(self.classifier),
                X,
                codes,
                cv=Folds(),
                method="decision_function",
                params={},
            )
        )
        right = logits[np.arange(len(codes)), codes]

        def loss(log_beta: float) -> float:
            beta = np.exp(log_beta)
            return float(np.mean(logsumexp(beta * logits, axis=1) - beta * right))

        precision = 64 * np.finfo(float).eps
        best = minimize_scalar(loss, bounds=(-10, 10), options={"xatol": precision})
        self.temperature_ = float(np.exp(-best.x))
        self.classifier_ = clone(self.classifier).fit(X, codes)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of each class."""
        check_is_fitted(self)
        logits = _logits(self.classifier_.decision_function(X))
        return softmax(logits / self.temperature_, axis=1)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the likeliest class."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _logits(scores: np.ndarray) -> np.ndarray:
    """Return one score for each class; of two classes there may be only one."""
    return scores if scores.ndim == 2 else np.stack([-scores, scores], axis=1)
