"""What a teacher's answers hold beyond the label."""

from __future__ import annotations

import json

import numpy as np
import pytest

from eegkd.distillation.information import similarity_information


def answers(confusion, n_per_class=60, noise=0.3, seed=0):
    """Return scores of a teacher that mixes up classes as told, and the labels."""
    rng = np.random.default_rng(seed)
    confusion = np.asarray(confusion, float)
    y = np.tile(np.arange(len(confusion)), n_per_class)
    scores = confusion[y] + 6 * np.eye(len(confusion))[y]
    return scores + noise * rng.standard_normal(scores.shape), y


RING = [[0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 2], [2, 0, 0, 0]]


def test_entropy_equals_a_loop_over_trials():
    scores, y = answers(RING, n_per_class=3)
    entropies = []
    for row, label in zip(scores, y, strict=True):
        proba = np.exp(row / 2.5) / np.exp(row / 2.5).sum()
        others = np.delete(proba, label)
        others /= others.sum()
        entropies.append(-(others * np.log(others)).sum() / np.log(3))
    found = similarity_information(scores, y, temperature=2.5)
    assert found.entropy == pytest.approx(np.mean(entropies), rel=1e-12)


def test_entropy_at_its_ends():
    y = np.array([0, 1, 2])
    alike = np.where(np.eye(3)[y] > 0, 5.0, 1.0)
    assert similarity_information(alike, y).entropy == pytest.approx(1)
    singled = np.array([[9e4, 9e3, 0], [0, 9e4, 9e3], [9e3, 0, 9e4]])
    assert similarity_information(singled, y).entropy == 0


def test_the_true_class_does_not_matter_to_entropy_and_consistency():
    scores, y = answers(RING)
    surer = scores.copy()
    surer[np.arange(len(y)), y] += 7
    first, second = (similarity_information(value, y) for value in (scores, surer))
    assert first.entropy == pytest.approx(second.entropy)
    assert first.consistency == pytest.approx(second.consistency)
    assert first.confidence < second.confidence <= 1


def test_consistency_tells_structure_from_chance():
    assert similarity_information(*answers(RING)).consistency > 0.98
    chance = [
        similarity_information(
            *answers(np.zeros((4, 4)), noise=1, seed=seed)
        ).consistency
        for seed in range(40)
    ]
    assert abs(np.mean(chance)) < 0.15


def test_parts_that_disagree_are_told():
    scores, y = answers(RING)
    other, _ = answers(np.transpose(RING))
    parts = np.repeat(["a", "b"], len(y))
    mixed = similarity_information(np.vstack([scores, other]), np.tile(y, 2), parts)
    # 1 or -1 shares above equal ones: (1 - 1/3, -1/3, -1/3) in another order.
    assert mixed.consistency == pytest.approx(-0.5, abs=0.05)


def test_parts_without_a_shared_class_have_no_consistency():
    scores, y = answers(RING)
    found = similarity_information(scores, y, np.where(y < 2, "early", "late"))
    assert np.isnan(found.consistency)
    assert np.isfinite(found.entropy)


def test_confusion_is_the_mean_answer_of_each_class():
    scores, y = answers(RING)
    keep = y != 3
    found = similarity_information(scores[keep], y[keep])
    assert found.confusion.shape == (4, 4)
    assert np.isnan(found.confusion[3]).all()
    np.testing.assert_allclose(found.confusion[:3].sum(axis=1), 1)
    np.testing.assert_array_equal(np.diag(found.confusion)[:3], 0)
    np.testing.assert_array_equal(found.confusion[:3].argmax(axis=1), [1, 2, 3])
    values = json.loads(json.dumps(found.to_dict()))
    assert values["confusion"][3] == [None] * 4
    assert values["entropy"] == found.entropy


def test_two_classes_hold_confidence_alone():
    found = similarity_information([[2.0, 0.0], [0.0, 2.0]], [0, 1], temperature=1)
    assert np.isnan(found.entropy)
    assert np.isnan(found.consistency)
    assert found.confidence == pytest.approx(1 / (1 + np.exp(-2)))
    assert found.to_dict() == {
        "entropy": None,
        "consistency": None,
        "confidence": found.confidence,
        "confusion": [[0.0, 1.0], [1.0, 0.0]],
    }


@pytest.mark.parametrize(
    ("logits", "y", "options", "message"),
    [
        ([1.0, 2.0], [0, 1], {}, "'logits' must have shape"),
        ([[1.0], [2.0]], [0, 0], {}, "and two classes, got \\(2, 1\\)"),
        ([[1.0, np.nan]], [0], {}, "'logits' must be finite"),
        ([[1.0, 2.0]], [0, 1], {}, "'y' must have shape \\(1,\\)"),
        ([[1.0, 2.0]], [2], {}, "'y' must hold integers from 0 to 1"),
        ([[1.0, 2.0]], [-1], {}, "'y' must hold integers from 0 to 1"),
        ([[1.0, 2.0]], ["left"], {}, "'y' must hold integers from 0 to 1"),
        ([[1.0, 2.0]], [0], {"temperature": 0}, "'temperature' must be .* > 0"),
        ([[1.0, 2, 3]], [0], {"parts": [0, 1]}, "'parts' must have shape"),
    ],
)
def test_wrong_arguments(logits, y, options, message):
    with pytest.raises(ValueError, match=message):
        similarity_information(logits, y, **options)
