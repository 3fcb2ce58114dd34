"""Diagnostics of teachers: what their answers hold beyond the label."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from eegkd._checks import check_labels, check_number

__all__ = ["SimilarityInformation", "similarity_information"]


@dataclass(frozen=True)
class SimilarityInformation:
    """How much a teacher says about the classes that a trial does not belong to.

    Parameters
    ----------
    entropy : float
        Mean entropy of the teacher's softened probabilities over the other classes,
        as a part of its maximum, in [0, 1]. 1: the other classes are all alike to the
        teacher. 0: it singles one out in each trial. NaN with two classes.
    consistency : float
        How well the class-level confusions of the parts agree, in [-1, 1]. 1: the
        same classes are mixed up in each part; around 0: what is mixed up is chance.
        NaN with two classes, or where no two parts share a class.
    confidence : float
        Mean softened probability of the true class, in [0, 1].
    confusion : ndarray, shape (n_classes, n_classes)
        Mean softened probabilities over the other classes, by true class; rows sum to
        1 and the diagonal is 0. NaN for classes without trials.
    """

    entropy: float
    consistency: float
    confidence: float
    confusion: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return the values in a form that JSON can hold.

        Returns
        -------
        values : dict
            By name; None where a value is not defined.
        """
        values = asdict(self)
        confusion = values.pop("confusion").tolist()
        plain = {name: _finite_or_none(value) for name, value in values.items()}
        return {
            **plain,
            "confusion": [[_finite_or_none(v) for v in row] for row in confusion],
        }


def similarity_information(
    logits: Any, y: Any, parts: Any = None, *, temperature: float = 4.0
) -> SimilarityInformation:
    """Measure what a teacher's answers hold beyond the label and the confidence.

    Parameters
    ----------
    logits : array-like, shape (n_trials, n_classes)
        The teacher's scores before softmax, on trials that it was not trained on.
    y : array-like of int, shape (n_trials,)
        Class of each trial, from 0.
    parts : array-like, shape (n_trials,), optional
        Fold, session or subject of each trial, for the consistency. By default the
        trials of each class are dealt out in turn to two halves.
    temperature : float, default=4.0
        Divisor of the scores, > 0.

    Returns
    -------
    information : SimilarityInformation
        Entropy, consistency, confidence and the confusions themselves.

    Raises
    ------
    ValueError
        If shapes do not match, a score is not finite, or a label is no class.

    Notes
    -----
    Distilling from scores rests on what the teacher says about the wrong classes [1]_.
    The measures are our definition. Each row of the softened probabilities is
    renormalized without the true class. The consistency is the mean over pairs of
    parts of the cosine between their confusions, each taken as the deviation from
    equal shares.

    With two classes there is a single other class, so its share is always 1: the
    scores say nothing beyond the confidence.

    References
    ----------
    .. [1] Vats, V., & Crandall, D. (2021). Controlling the quality of distillation in
       response-based network compression. arXiv:2112.10047.

    Examples
    --------
    >>> import numpy as np
    >>> from eegkd.distillation.information import similarity_information
    >>> scores = np.array([[9.0, 1, 1], [9, 1, 1], [1, 9, 1], [1, 9, 1]])
    >>> round(similarity_information(scores, [0, 0, 1, 1]).entropy, 3)
    1.0
    """
    check_number(temperature, "temperature", above=0)
    scores = _check_scores(logits)
    n_trials, n_classes = scores.shape
    y = _check_classes(y, n_trials, n_classes)
    own = np.arange(n_classes) == y[:, None]
    softened = _softmax(scores / temperature)
    others = _softmax(np.where(own, -np.inf, scores / temperature))
    with np.errstate(divide="ignore", invalid="ignore"):
        surprise = np.where(others > 0, -others * np.log(others), 0.0).sum(axis=1)
    if n_classes > 2:
        entropy = float(surprise.mean() / np.log(n_classes - 1))
        consistency = _consistency(others, y, _check_parts(parts, y))
    else:
        entropy = consistency = float("nan")
    return SimilarityInformation(
        entropy=entropy,
        consistency=consistency,
        confidence=float(softened[own].mean()),
        confusion=_confusion(others, y),
    )


def _check_scores(logits: Any) -> np.ndarray:
    """Return finite scores of at least one trial and two classes."""
    scores = np.asarray(logits, float)
    if scores.ndim != 2 or len(scores) < 1 or scores.shape[1] < 2:
        raise ValueError(
            "'logits' must have shape (n_trials, n_classes) with at least one trial "
            f"and two classes, got {scores.shape}."
        )
    if not np.isfinite(scores).all():
        raise ValueError(
            "'logits' must be finite, but some are NaN or infinite. Check the teacher."
        )
    return scores


def _check_classes(y: Any, n_trials: int, n_classes: int) -> np.ndarray:
    """Return labels that count the classes from 0."""
    y = check_labels(y, n_trials)
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= n_classes:
        raise ValueError(
            f"'y' must hold integers from 0 to {n_classes - 1}, one for each column of "
            f"'logits', got {np.unique(y).tolist()!r}."
        )
    return y


def _check_parts(parts: Any, y: np.ndarray) -> np.ndarray:
    """Return the part of each trial; by default halves of each class."""
    if parts is not None:
        return check_labels(parts, len(y), "parts")
    halves = np.zeros(len(y), int)
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        halves[rows] = np.arange(len(rows)) % 2
    return halves


def _softmax(scores: np.ndarray) -> np.ndarray:
    """Return probabilities of each row; a score of minus infinity gets none."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _confusion(others: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the mean answer of each class; NaN for classes without trials."""
    n_classes = others.shape[1]
    confusion = np.full((n_classes, n_classes), np.nan)
    for label in np.unique(y):
        confusion[label] = others[y == label].mean(axis=0)
    return confusion


def _consistency(others: np.ndarray, y: np.ndarray, parts: np.ndarray) -> float:
    """Return the mean cosine between the parts' deviations from equal shares."""
    n_classes = others.shape[1]
    equal = (1 - np.eye(n_classes)) / (n_classes - 1)
    deviations = [
        _confusion(others[parts == part], y[parts == part]) - equal
        for part in np.unique(parts)
    ]
    cosines = []
    for first, second in itertools.combinations(deviations, 2):
        shared = np.isfinite(first) & np.isfinite(second)
        size = np.linalg.norm(first[shared]) * np.linalg.norm(second[shared])
        if size > 0:
            cosines.append(float(first[shared] @ second[shared] / size))
    return float(np.mean(cosines)) if cosines else float("nan")


def _finite_or_none(value: float) -> float | None:
    """Return a number, or None for one that is not finite."""
    return float(value) if np.isfinite(value) else None
