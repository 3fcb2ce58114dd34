"""Criteria on scores against independent references, their limits and gradients."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax

from eegkd.criteria.logits import (
    DIST,
    KL,
    BalancedKL,
    DecoupledKD,
    LogitL1,
    LogitMSE,
    SquaredError,
    StandardizedKL,
    decoupled_divergences,
    kl_divergence,
    standardize_logits,
)
from eegkd.decoders import Output

REFERENCES = {
    "balanced_kl",
    "logit_l1",
    "logit_mse",
    "decoupled_kd",
    "standardized_kl",
    "dist",
    "squared_error",
}

ALL = [BalancedKL(), LogitL1(), LogitMSE(), DecoupledKD(), StandardizedKL(), DIST()]
CLASSES = [
    BalancedKL(),
    DecoupledKD(),
    StandardizedKL(),
    StandardizedKL(2, True),
    DIST(),
]


def scores(n_trials=7, n_outputs=4, seed=0):
    """Return an output with seeded scores in double precision."""
    generator = torch.Generator().manual_seed(seed)
    return Output(
        3 * torch.randn(n_trials, n_outputs, generator=generator, dtype=torch.double),
        {},
        None,
    )


def batch(n_trials=7, n_outputs=4):
    """Return a stand-in for a batch."""
    return SimpleNamespace(y=torch.arange(n_trials) % n_outputs, soft=None)


def arrays(seed=0, n_outputs=4):
    """Return two outputs, their scores as arrays, and the labels."""
    student, teacher = scores(7, n_outputs, seed), scores(7, n_outputs, seed + 50)
    labels = batch(7, n_outputs)
    return (
        student,
        teacher,
        labels,
        student.logits.numpy(),
        teacher.logits.numpy(),
        labels.y.numpy(),
    )


# -- references -------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_balanced_kl_equals_scipy(seed):
    student, teacher, labels, s, t, _ = arrays(seed)
    p_s, p_t = softmax(s / 2, axis=1), softmax(t / 2, axis=1)
    expected = 4 * (3 * rel_entr(p_t, p_s).sum(1) + 0.5 * rel_entr(p_s, p_t).sum(1))
    value = BalancedKL(2, 3, 0.5)(student, teacher, labels)
    assert value.numpy() == pytest.approx(expected, abs=1e-12)


def test_logit_distances_equal_the_elementwise_means():
    student, teacher, labels, s, t, _ = arrays()
    squared, absolute = LogitMSE(), LogitL1()
    assert squared(student, teacher, labels).mean().item() == pytest.approx(
        np.mean((s - t) ** 2)
    )
    assert absolute(student, teacher, labels).mean().item() == pytest.approx(
        np.mean(np.abs(s - t))
    )
    assert absolute(student, teacher, labels).shape == (7,)


@pytest.mark.parametrize("n_outputs", [2, 3, 5])
def test_decoupled_kd_equals_a_reference_with_masks(n_outputs):
    """Probabilities by masks and loops, as in the paper's equations."""
    student, teacher, labels, s, t, y = arrays(1, n_outputs)
    total = 0.0
    for i in range(len(y)):
        p_s, p_t = softmax(s[i] / 4), softmax(t[i] / 4)
        b_s = np.array([p_s[y[i]], 1 - p_s[y[i]]])
        b_t = np.array([p_t[y[i]], 1 - p_t[y[i]]])
        q_s, q_t = np.delete(p_s, y[i]) / b_s[1], np.delete(p_t, y[i]) / b_t[1]
        total += 16 * (1.5 * rel_entr(b_t, b_s).sum() + 8 * rel_entr(q_t, q_s).sum())
    value = DecoupledKD(1.5, 8, 4)(student, teacher, labels)
    assert value.mean().item() == pytest.approx(total / len(y), abs=1e-10)


def test_both_parts_add_up_to_the_divergence():
    student, teacher, labels, _, t, y = arrays(2)
    target, others = decoupled_divergences(
        student.logits, teacher.logits, labels.y, 3.0
    )
    sure = torch.tensor(softmax(t / 3, axis=1)[np.arange(7), y])
    whole = kl_divergence(student.logits, teacher.logits, 3.0)
    assert torch.allclose(target + (1 - sure) * others, whole, atol=1e-12)


def test_with_two_classes_decoupled_kd_is_plain_distillation():
    student, teacher, labels, *_ = arrays(3, 2)
    plain = KL(4)(student, teacher, labels)
    decoupled = DecoupledKD(0.7, 8, 4)(student, teacher, labels)
    assert torch.allclose(decoupled, 0.7 * plain, atol=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_standardized_kl_equals_the_z_scores_of_the_papers(temperature):
    """At 1 without the factor of T squared, at 2 with it; centering is no matter."""
    student, teacher, labels, s, t, _ = arrays()
    z_s, z_t = (
        (z - z.mean(1, keepdims=True)) / z.std(1, ddof=1, keepdims=True) for z in (s, t)
    )
    p_s, p_t = softmax(z_s / temperature, axis=1), softmax(z_t / temperature, axis=1)
    expected = temperature**2 * rel_entr(p_t, p_s).sum(1)
    value = StandardizedKL(temperature, floor=1e-6)(student, teacher, labels)
    assert value.numpy() == pytest.approx(expected, abs=1e-12)


def test_the_deviation_has_a_floor():
    small = 1e-3 * scores().logits
    assert torch.allclose(standardize_logits(small, floor=0.5), small / 0.5)


def test_detaching_changes_the_gradient_alone():
    student, teacher, labels, *_ = arrays()
    grads, values = [], []
    for detach in (False, True):
        logits = student.logits.clone().requires_grad_()
        value = StandardizedKL(2, detach)(Output(logits, {}, None), teacher, labels)
        value.sum().backward()
        grads.append(logits.grad)
        values.append(value.detach())
    assert torch.equal(*values)
    # scaling the scores of a trial changes nothing if the deviation follows
    assert (grads[0] * student.logits).sum(1).abs().max() < 1e-12
    assert (grads[1] * student.logits).sum(1).abs().max() > 1e-3


def test_standardized_kl_of_two_classes_says_only_which_is_likelier():
    student, teacher, labels, s, t, _ = arrays(5, 2)
    same = np.sign(s[:, 0] - s[:, 1]) == np.sign(t[:, 0] - t[:, 1])
    assert 0 < same.sum() < 7
    value = StandardizedKL()(student, teacher, labels).numpy()
    assert value[same] == pytest.approx(0, abs=1e-12)
    assert np.ptp(value[~same]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_dist_equals_numpy_correlations(seed):
    student, teacher, labels, s, t, _ = arrays(seed)
    p_s, p_t = softmax(s / 3, axis=1), softmax(t / 3, axis=1)
    inter = np.mean([1 - np.corrcoef(p_s[i], p_t[i])[0, 1] for i in range(7)])
    intra = np.mean([1 - np.corrcoef(p_s[:, c], p_t[:, c])[0, 1] for c in range(4)])
    value = DIST(1.5, 0.5, 3)(student, teacher, labels)
    assert value.shape == (7,)
    assert value.mean().item() == pytest.approx(9 * (1.5 * inter + 0.5 * intra))


def test_dist_of_two_classes_teaches_by_the_trials_alone():
    student, teacher, labels, *_ = arrays(0, 2)
    sizes = []
    for weights in ((1, 0), (0, 1)):
        logits = student.logits.clone().requires_grad_()
        DIST(*weights)(Output(logits, {}, None), teacher, labels).mean().backward()
        sizes.append(logits.grad.abs().max().item())
    assert sizes[0] < 1e-10
    assert sizes[1] > 1e-3


def test_squared_error_equals_sklearn():
    from sklearn.metrics import mean_squared_error

    student = scores(6, 1)
    labels = SimpleNamespace(y=torch.linspace(-1, 1, 6), soft=None)
    value = SquaredError()(student, None, labels)
    assert value.shape == (6,)
    assert value.mean().item() == pytest.approx(
        mean_squared_error(labels.y.numpy(), student.logits[:, 0].numpy())
    )
    mixed = SimpleNamespace(y=labels.y, soft=student.logits)
    assert SquaredError()(student, None, mixed).abs().max() == 0


# -- properties -------------------------------------------------------------------


@pytest.mark.parametrize("criterion", [*ALL, StandardizedKL(2, True)], ids=repr)
def test_zero_when_student_equals_teacher_and_positive_otherwise(criterion):
    student, teacher, labels, *_ = arrays()
    assert criterion(student, student, labels).numpy() == pytest.approx(0, abs=1e-10)
    assert criterion(student, teacher, labels).mean() > 0


@pytest.mark.parametrize("criterion", CLASSES, ids=repr)
def test_a_common_shift_of_a_trials_scores_is_no_matter(criterion):
    student, teacher, labels, *_ = arrays()
    moved = Output(student.logits + torch.arange(7)[:, None], {}, None)
    assert torch.allclose(
        criterion(student, teacher, labels), criterion(moved, teacher, labels)
    )


@pytest.mark.parametrize("criterion", ALL, ids=repr)
def test_a_batch_of_one_trial(criterion):
    student, teacher = scores(1), scores(1, seed=8)
    student.logits.requires_grad_()
    value = criterion(student, teacher, batch(1))
    value.sum().backward()
    assert value.shape == (1,)
    assert torch.isfinite(value).all()
    assert torch.isfinite(student.logits.grad).all()


def test_dist_between_trials_is_zero_for_one_trial():
    assert DIST(0, 2)(scores(1), scores(1, seed=8), batch(1)).item() == 0


@pytest.mark.parametrize("criterion", ALL, ids=repr)
@pytest.mark.parametrize("n_outputs", [2, 3])
def test_equal_scores_give_a_finite_gradient(criterion, n_outputs):
    """As those of a network whose last layer begins at zero."""
    logits = torch.zeros(5, n_outputs, requires_grad=True)
    teacher = Output(scores(5, n_outputs).logits.float(), {}, None)
    student = Output(logits, {}, None)
    value = criterion(student, teacher, batch(5, n_outputs))
    value.mean().backward()
    assert torch.isfinite(value).all()
    assert logits.grad.abs().max() < 100


@pytest.mark.parametrize("criterion", [*ALL, StandardizedKL(2)], ids=repr)
def test_gradients(criterion):
    logits, teacher = scores(4).logits.requires_grad_(), scores(4, seed=3)
    assert torch.autograd.gradcheck(
        lambda z: criterion(Output(z, {}, None), teacher, batch(4)), (logits,)
    )


def test_extreme_scores_stay_finite():
    """A teacher that is surer than single precision can say."""
    student = Output(torch.tensor([[0.0, 1.0, 2.0]], requires_grad=True), {}, None)
    teacher = Output(torch.tensor([[900.0, 0.0, -900.0]]), {}, None)
    for criterion in CLASSES:
        student.logits.grad = None
        criterion(student, teacher, batch(1, 3)).sum().backward()
        assert torch.isfinite(student.logits.grad).all(), criterion


# -- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BalancedKL(0), r"'temperature' must be .* > 0, got 0"),
        (lambda: BalancedKL(4, -1), r"'forward_weight' must be .* >= 0, got -1"),
        (lambda: BalancedKL(4, 1, -1), r"'reverse_weight' must be .* >= 0, got -1"),
        (lambda: DecoupledKD(-1), r"'alpha' must be .* >= 0, got -1"),
        (lambda: DecoupledKD(1, -1), r"'beta' must be .* >= 0, got -1"),
        (lambda: StandardizedKL(floor=0), r"'floor' must be .* > 0, got 0"),
        (lambda: StandardizedKL(detach="no"), r"'detach' must be one of True, False"),
        (lambda: DIST(-1), r"'inter_weight' must be .* >= 0, got -1"),
        (lambda: DIST(1, -1), r"'intra_weight' must be .* >= 0, got -1"),
        (
            lambda: SquaredError()(scores(), None, batch()),
            r"must have one output for a continuous label, got 4. Build it with",
        ),
        *[
            (
                lambda criterion=criterion: criterion(
                    scores(), scores(n_outputs=3), batch()
                ),
                r"'teacher_logits' must have the shape .* \(7, 4\), got \(7, 3\)",
            )
            for criterion in ALL
        ],
    ],
)
def test_errors_say_what_to_do(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("criterion", ALL, ids=repr)
def test_repr_can_be_evaluated(criterion):
    assert repr(eval(repr(criterion))) == repr(criterion)
