"""Probabilities for classifiers that only score: temperature, learned out of fold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedKFold


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
        """Return the number of folds.

        Parameters
        ----------
        X : object, optional
            Not used.
        y : array-like, shape (n_trials,), optional
            Labels.
        groups : object, optional
            Not used.

        Returns
        -------
        n_splits : int
            At least 2.
        """
        if y is None:
            return self.at_most
        smallest = int(np.unique(y, return_counts=True)[1].min())
        return max(2, min(self.at_most, smallest))

    def split(
        self, X: Any, y: Any, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the indices of each fold.

        Parameters
        ----------
        X : object
            Not used but for its length.
        y : array-like, shape (n_trials,)
            Labels.
        groups : object, optional
            Not used.

        Yields
        ------
        train, test : ndarray of int
            Indices.
        """
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
        """Keep the labels.

        Parameters
        ----------
        X : ndarray, shape (n_trials, n_classes)
            Scores.
        y : ndarray, shape (n_trials,)
            Labels.

        Returns
        -------
        self : HighestScore
            The fitted classifier.
        """
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Return the scores; of two classes, by how much the second is ahead.

        Parameters
        ----------
        X : ndarray, shape (n_trials, n_classes)
            Scores.

        Returns
        -------
        scores : ndarray, shape (n_trials, n_classes) or (n_trials,)
            Scores.
        """
        return X if X.shape[1] > 2 else X[:, 1] - X[:, 0]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the class with the highest score.

        Parameters
        ----------
        X : ndarray, shape (n_trials, n_classes)
            Scores.

        Returns
        -------
        labels : ndarray, shape (n_trials,)
            Labels.
        """
        return self.classes_[X.argmax(axis=1)]


class Calibrated(CalibratedClassifierCV):
    """scikit-learn's calibration, for labels of any type.

    With ``method="temperature"`` scikit-learn 1.9 reads whole numbers as positions of
    classes, beyond the end of its array where they are not 0, 1, 2 and so on.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Any:
        """Fit classifier and calibration to positions of classes.

        Parameters
        ----------
        X : ndarray, shape (n_trials, n_features)
            Features.
        y : array-like, shape (n_trials,)
            Labels.
        sample_weight : array-like, shape (n_trials,), optional
            As in scikit-learn.
        **params : dict
            As in scikit-learn.

        Returns
        -------
        self : Calibrated
            The fitted classifier.
        """
        classes, codes = np.unique(y, return_inverse=True)
        super().fit(X, codes, sample_weight, **params)
        self.classes_ = classes
        return self


def calibrated(classifier: Any) -> Calibrated:
    """Return a classifier whose scores become probabilities.

    One temperature is learned from scores of training trials that were left out of
    the fit, then the classifier is fitted to all of them. The temperature does not
    change which class is the likeliest.

    Parameters
    ----------
    classifier : estimator
        Has ``decision_function``.

    Returns
    -------
    calibrated : Calibrated
        Has ``predict_proba``.

    References
    ----------
    .. [1] Guo, C., Pleiss, G., Sun, Y., & Weinberger, K. Q. (2017). On calibration of
           modern neural networks. *ICML*, 1321-1330.
    """
    return Calibrated(classifier, method="temperature", ensemble=False, cv=Folds())
