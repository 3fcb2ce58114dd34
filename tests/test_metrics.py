"""Metrics and statistics against scikit-learn, SciPy and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from eegkd.metrics import METRICS, calibration_error, information_transfer_rate
from eegkd.statistics import mean_interval, paired_permutation_test


def scores(n=200, n_classes=4, seed=0):
    """Return labels and probabilities that know something about them."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    logits = rng.standard_normal((n, n_classes)) + 1.5 * np.eye(n_classes)[y]
    proba = np.exp(logits)
    return y, proba / proba.sum(1, keepdims=True)


def binned_calibration_error(y, proba):
    """Return the error by a loop over ten bins of twenty sorted trials."""
    pairs = sorted(zip(proba.max(1), proba.argmax(1) == y, strict=True))
    total = 0.0
    for start in range(0, len(pairs), 20):
        part = pairs[start : start + 20]
        total += 20 * abs(np.mean([p for p, _ in part]) - np.mean([r for _, r in part]))
    return total / len(pairs)


REFERENCE = {
    "accuracy": lambda y, p: sk.accuracy_score(y, p.argmax(1)),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p.argmax(1)),
    "kappa": lambda y, p: sk.cohen_kappa_score(y, p.argmax(1)),
    "roc_auc": lambda y, p: sk.roc_auc_score(y, p, multi_class="ovr"),
    "calibration_error": binned_calibration_error,
}


def test_every_metric_has_a_reference():
    assert set(METRICS) == set(REFERENCE)


@pytest.mark.parametrize("name", METRICS)
def test_metric_equals_reference(name):
    y, proba = scores()
    assert METRICS[name](y, proba) == pytest.approx(REFERENCE[name](y, proba))


def test_roc_auc_of_two_classes_and_of_one():
    y, proba = scores(n_classes=2)
    expected = sk.roc_auc_score(y, proba[:, 1])
    assert METRICS["roc_auc"](y, proba) == pytest.approx(expected)
    assert np.isnan(METRICS["roc_auc"](np.zeros(200, int), proba))


def test_calibration_error_of_certain_answers():
    proba = np.tile([0.9, 0.1], (40, 1))
    assert calibration_error(np.zeros(40, int), proba) == pytest.approx(0.1)
    assert calibration_error(np.ones(40, int), proba) == pytest.approx(0.9)


def test_interval_equals_scipy():
    from scipy import stats

    values = np.array([0.5, 0.7, 0.65, 0.9])
    low, high = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    assert mean_interval(values) == pytest.approx((values.mean(), low, high))
    assert np.isnan(mean_interval(np.array([0.5]))[1])


def test_permutation_test_counts_sign_flips():
    a = np.array([0.9, 0.8, 0.7, 0.95, 0.85])
    b = a - np.array([0.1, 0.05, 0.02, 0.03, 0.2])
    assert paired_permutation_test(a, b) == pytest.approx(2 / 2**5)
    assert paired_permutation_test(a, a) == 1.0
    assert paired_permutation_test(a[:1], b[:1]) == 1.0


@pytest.mark.parametrize(
    ("n_classes", "accuracy", "bits"),
    [  # bits a selection, from the formula's own table of values
        (2, 1.0, 1.0),
        (4, 1.0, 2.0),
        (2, 0.5, 0.0),
        (2, 0.9, 0.5310044),
        (4, 0.7, 0.6432200),
        (4, 0.25, 0.0),
        (4, 0.1, 0.0),  # below chance nothing is carried
    ],
)
def test_information_transfer_rate(n_classes, accuracy, bits):
    rate = information_transfer_rate(accuracy, n_classes, trial_seconds=4.0)
    assert rate == pytest.approx(bits * 15, abs=1e-5)


def test_information_transfer_rate_is_mutual_information():
    """Of a channel with equal classes and equal errors, computed by its definition."""
    n, p = 5, 0.62
    channel = np.full((n, n), (1 - p) / (n - 1))
    np.fill_diagonal(channel, p)
    joint = channel / n
    outer = joint.sum(0)[None, :] * joint.sum(1)[:, None]
    bits = float((joint * np.log2(joint / outer)).sum())
    assert information_transfer_rate(p, n, 60.0) == pytest.approx(bits)
