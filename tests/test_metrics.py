"""Metrics and statistics against scikit-learn, SciPy and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from eegkd.evaluation.metrics import (
    METRICS,
    brier_score,
    calibration_error,
    information_transfer_rate,
    log_loss,
    score_predictions,
)
from eegkd.evaluation.statistics import mean_interval, paired_permutation_test


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


def brier_by_loops(y, proba):
    """Return Brier's score as he wrote it, trial by trial and class by class."""
    total = 0.0
    for label, row in zip(y, proba, strict=True):
        total += sum((p - (code == label)) ** 2 for code, p in enumerate(row))
    return total / len(y)


REFERENCE = {
    "accuracy": lambda y, p: sk.accuracy_score(y, p.argmax(1)),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p.argmax(1)),
    "kappa": lambda y, p: sk.cohen_kappa_score(y, p.argmax(1)),
    "roc_auc": lambda y, p: sk.roc_auc_score(y, p, multi_class="ovr"),
    "calibration_error": binned_calibration_error,
    "log_loss": lambda y, p: sk.log_loss(y, p, labels=range(p.shape[1])),
    "brier_score": brier_by_loops,
}


def test_every_metric_has_a_reference():
    counted = {name for name, metric in METRICS.items() if metric.function}
    assert counted == set(REFERENCE)


@pytest.mark.parametrize("name", REFERENCE)
def test_metric_equals_reference(name):
    y, proba = scores()
    assert METRICS[name].function(y, proba) == pytest.approx(REFERENCE[name](y, proba))
    assert score_predictions(y, proba)[name] == METRICS[name].function(y, proba)


def test_roc_auc_of_two_classes_and_of_one():
    y, proba = scores(n_classes=2)
    expected = sk.roc_auc_score(y, proba[:, 1])
    assert METRICS["roc_auc"].function(y, proba) == pytest.approx(expected)
    assert np.isnan(METRICS["roc_auc"].function(np.zeros(200, int), proba))


def test_calibration_error_of_certain_answers():
    proba = np.tile([0.9, 0.1], (40, 1))
    assert calibration_error(np.zeros(40, int), proba) == pytest.approx(0.1)
    assert calibration_error(np.ones(40, int), proba) == pytest.approx(0.9)


def test_brier_score_of_two_classes_is_twice_that_of_one():
    y, proba = scores(n_classes=2)
    single = sk.brier_score_loss(y, proba[:, 1])
    assert brier_score(y, proba) == pytest.approx(2 * single)


def test_scores_of_probabilities_at_their_bounds():
    y = np.array([0, 1, 2, 2])
    right, even = np.eye(3)[y], np.full((4, 3), 1 / 3)
    wrong = np.eye(3)[(y + 1) % 3]
    assert log_loss(y, right) == brier_score(y, right) == 0
    assert log_loss(y, even) == pytest.approx(np.log(3))
    assert brier_score(y, even) == pytest.approx(1 - 1 / 3)
    assert log_loss(y, wrong) == pytest.approx(52 * np.log(2))  # finite
    assert brier_score(y, wrong) == 2


@pytest.mark.parametrize("name", ["log_loss", "brier_score"])
def test_proper_scores_are_least_for_the_true_probabilities(name):
    """Sharper and blunter probabilities than the true ones must both cost more."""
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((20000, 3))
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    y = (true.cumsum(1) > rng.random((20000, 1))).argmax(1)
    costs = []
    for sharpness in (0.5, 1.0, 2.0):
        proba = true**sharpness
        costs.append(METRICS[name].function(y, proba / proba.sum(1, keepdims=True)))
    assert costs[1] < costs[0]
    assert costs[1] < costs[2]


def test_the_direction_of_every_metric_is_known():
    """Of less-is-better metrics the better classifier has the lower value."""
    rng = np.random.default_rng(1)
    y = rng.integers(3, size=300)
    noise = rng.standard_normal((300, 3))
    better, worse = ((s * np.eye(3)[y] + noise) for s in (4.0, 0.0))
    for name in REFERENCE:
        good, bad = (
            METRICS[name].function(y, np.exp(z) / np.exp(z).sum(1, keepdims=True))
            for z in (better, worse)
        )
        assert (good < bad) == METRICS[name].less_is_better, name


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
