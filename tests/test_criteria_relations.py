"""Criteria on relations between trials: references, invariances, gradients, errors."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from eegkd.criteria.relations import (
    PKT,
    CenteredSimilarityPreserving,
    CorrelationCongruence,
    CorrelationCongruenceCode,
    RKDAngle,
    RKDDistance,
    SimilarityPreserving,
    centered_trial_gram,
    kernel_correlation,
    neighbor_probabilities,
    pair_distances,
    trial_gram,
    unit,
    vertex_cosines,
)
from eegkd.decoders import Output

REFERENCES = {
    "similarity_preserving",
    "centered_similarity_preserving",
    "correlation_congruence",
    "correlation_congruence_code",
    "rkd_distance",
    "rkd_angle",
    "pkt",
}
PLAIN = [
    SimilarityPreserving(),
    SimilarityPreserving(2),
    CenteredSimilarityPreserving(),
    CorrelationCongruence(),
    RKDDistance(),
    RKDAngle(),
    PKT(),
]
BATCH = SimpleNamespace()


def randn(*shape, seed=0):
    """Return seeded normal values in double precision."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def output(n_trials=6, seed=0, n_dims=8):
    """Return an output with three taps and an embedding."""
    features = {
        name: randn(n_trials, 3 + i, 20 + i, seed=seed + i)
        for i, name in enumerate(("first", "second", "third"))
    }
    return Output(
        randn(n_trials, 4, seed=seed), features, randn(n_trials, n_dims, seed=seed + 7)
    )


def embedded(embedding):
    """Return an output with one tap that holds nothing but its embedding."""
    return Output(embedding[:, :2], {"embedding": embedding[:, None]}, embedding)


def started(student, teacher, **options):
    """Return the code's form with seeded layers."""
    criterion = CorrelationCongruenceCode(**options)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        criterion.start(student, teacher, BATCH)
    return criterion


# -- references -------------------------------------------------------------------


def numpy_similarity_preserving(student_taps, teacher_taps, centered):
    """Return the published sum over pairs over B squared, in NumPy."""
    total = 0.0
    for pair in zip(student_taps, teacher_taps, strict=True):
        rows = []
        for features in pair:
            values = np.array(features)
            if centered:
                for trial, maps in itertools.product(*map(range, values.shape[:2])):
                    values[trial, maps] -= values[trial, maps].mean()
            flat = values.reshape(len(values), -1)
            gram = np.array([[np.dot(a, b) for b in flat] for a in flat])
            rows.append([row / np.sqrt((row**2).sum()) for row in gram])
        total += ((np.array(rows[0]) - np.array(rows[1])) ** 2).sum() / len(flat) ** 2
    return total


@pytest.mark.parametrize("n_taps", [1, 2])
@pytest.mark.parametrize("centered", [False, True])
def test_similarity_preserving_equals_numpy_reference(n_taps, centered):
    student, teacher = output(), output(seed=50)
    teacher.features = {tap: randn(6, 9, 31, seed=5) for tap in teacher.features}
    expected = numpy_similarity_preserving(
        [f.numpy() for f in list(student.features.values())[-n_taps:]],
        [f.numpy() for f in list(teacher.features.values())[-n_taps:]],
        centered,
    )
    kind = CenteredSimilarityPreserving if centered else SimilarityPreserving
    value = kind(n_taps)(student, teacher, BATCH)
    assert value.shape == (6,)
    assert value.mean().item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("gamma", "order"), [(0.4, 2), (0.7, 3)])
def test_correlation_congruence_equals_numpy_reference(gamma, order):
    """The published mean over pairs of the Taylor series, term by term."""
    matrices = []
    student, teacher = output(), output(seed=50, n_dims=13)
    for out in (student, teacher):
        z = out.embedding.numpy()
        matrix = np.zeros((6, 6))
        for i, j in itertools.product(range(6), repeat=2):
            cosine = z[i] @ z[j] / np.linalg.norm(z[i]) / np.linalg.norm(z[j])
            for p in range(order + 1):
                matrix[i, j] += (
                    math.exp(-2 * gamma)
                    * (2 * gamma) ** p
                    / math.factorial(p)
                    * cosine**p
                )
        matrices.append(matrix)
    expected = ((matrices[0] - matrices[1]) ** 2).sum() / 6**2
    value = CorrelationCongruence(gamma, order)(student, teacher, BATCH)
    assert value.mean().item() == pytest.approx(expected, abs=1e-12)


def test_the_series_tends_to_the_gaussian_kernel():
    from sklearn.metrics.pairwise import rbf_kernel

    z = randn(5, 7)
    expected = rbf_kernel(unit(z).numpy(), gamma=0.6)
    assert kernel_correlation(z, 0.6, 40).numpy() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n_trials", [2, 3, 7])
def test_correlation_congruence_of_the_code_equals_numpy_reference(n_trials):
    """The code's mean over the B - 1 pairs of neighbors in the batch."""
    student, teacher = output(n_trials), output(n_trials, seed=50, n_dims=13)
    criterion = started(student, teacher, n_dims=5)
    gap = np.abs(
        np.subtract(
            *(
                out.embedding.numpy() @ layer.weight.detach().numpy().T
                + layer.bias.detach().numpy()
                for layer, out in zip(criterion.embed, (student, teacher), strict=True)
            )
        )
    )
    expected = np.mean([gap[i] @ gap[i + 1] for i in range(n_trials - 1)])
    value = criterion(student, teacher, BATCH)
    assert value.shape == (n_trials,)
    assert value.mean().item() == pytest.approx(expected, rel=1e-12)


def numpy_huber(difference):
    """Return the Huber loss with its bend at 1."""
    size = np.abs(difference)
    return np.where(size < 1, size**2 / 2, size - 0.5)


def test_rkd_distance_equals_scipy_reference():
    from scipy.spatial.distance import cdist

    student, teacher = output(9), output(9, seed=50, n_dims=13)
    scaled = []
    for out in (student, teacher):
        distance = cdist(out.embedding.numpy(), out.embedding.numpy())
        scaled.append(distance / distance[distance > 0].mean())
    expected = numpy_huber(scaled[0] - scaled[1]).mean()
    value = RKDDistance()(student, teacher, BATCH)
    assert value.mean().item() == pytest.approx(expected, abs=1e-12)


def test_rkd_angle_equals_numpy_reference():
    """Loops over all ordered triples; coinciding trials have cosine 0."""
    student, teacher = output(5), output(5, seed=50, n_dims=13)
    cosines = []
    for out in (student, teacher):
        z = out.embedding.numpy()
        values = np.zeros((5, 5, 5))
        for i, j, k in itertools.product(range(5), repeat=3):
            first, second = z[j] - z[i], z[k] - z[i]
            if i not in (j, k):
                values[i, j, k] = first @ second
                values[i, j, k] /= np.linalg.norm(first) * np.linalg.norm(second)
        cosines.append(values)
    loss = numpy_huber(cosines[0] - cosines[1])
    value = RKDAngle()(student, teacher, BATCH)
    assert value.numpy() == pytest.approx(loss.mean(axis=(1, 2)), abs=1e-12)
    assert value.mean().item() == pytest.approx(loss.mean(), abs=1e-12)


def test_pkt_equals_numpy_reference():
    probabilities = []
    student, teacher = output(), output(seed=50, n_dims=13)
    for out in (student, teacher):
        z = out.embedding.numpy()
        z = z / np.linalg.norm(z, axis=1, keepdims=True)
        cosine = (z @ z.T + 1) / 2
        probabilities.append(cosine / cosine.sum(axis=1, keepdims=True))
    own, target = probabilities
    expected = np.mean(target * np.log((target + 1e-7) / (own + 1e-7)))
    value = PKT()(student, teacher, BATCH)
    assert value.mean().item() == pytest.approx(expected, abs=1e-12)


# -- properties -------------------------------------------------------------------


@pytest.mark.parametrize("criterion", PLAIN, ids=repr)
def test_zero_when_student_equals_teacher_and_positive_otherwise(criterion):
    same = criterion(output(), output(), BATCH)
    assert same.numpy() == pytest.approx(0, abs=1e-12)
    assert criterion(output(), output(seed=70), BATCH).mean() > 1e-4


def test_the_code_form_is_zero_once_both_layers_are_constant():
    student, teacher = output(), output(seed=50)
    criterion = started(student, teacher)
    assert criterion(student, teacher, BATCH).mean() > 1
    for layer in criterion.embed:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    assert criterion(student, teacher, BATCH).abs().max() == 0


@pytest.mark.parametrize("criterion", PLAIN, ids=repr)
def test_the_order_of_trials_does_not_matter(criterion):
    student, teacher = output(), output(seed=50)
    expected = criterion(student, teacher, BATCH)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    mixed = [
        Output(
            out.logits[order],
            {tap: values[order] for tap, values in out.features.items()},
            out.embedding[order],
        )
        for out in (student, teacher)
    ]
    assert torch.allclose(criterion(*mixed, BATCH), expected[order])


def test_the_code_form_depends_on_the_order_of_trials():
    student, teacher = output(), output(seed=50)
    criterion = started(student, teacher)
    before = criterion(student, teacher, BATCH).mean()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    student.embedding, teacher.embedding = (
        student.embedding[order],
        teacher.embedding[order],
    )
    assert not torch.allclose(criterion(student, teacher, BATCH).mean(), before)


def rotation(n_dims):
    """Return an orthogonal matrix."""
    return torch.linalg.qr(randn(n_dims, n_dims, seed=11))[0]


def test_similarity_preserving_ignores_scale_and_rotation():
    teacher, features = output(seed=50), randn(6, 5, 22)
    turned = 4 * (features.flatten(1) @ rotation(5 * 22)).reshape(6, 5, 22)
    values = []
    for variant in (features, turned, features + 1):
        student = Output(features[:, 0], {"third": variant}, features[:, 0])
        values.append(SimilarityPreserving()(student, teacher, BATCH))
    assert torch.allclose(values[0], values[1])
    assert not torch.allclose(values[0], values[2])


def test_centering_ignores_shifts_of_maps():
    features = randn(6, 5, 22)
    shift = randn(6, 5, 1, seed=3)
    assert torch.allclose(
        centered_trial_gram(features + shift), centered_trial_gram(features)
    )
    assert not torch.allclose(trial_gram(features + shift), trial_gram(features))


@pytest.mark.parametrize("criterion", [RKDDistance(), RKDAngle()], ids=repr)
def test_rkd_ignores_scale_shift_and_rotation(criterion):
    teacher, z = output(seed=50), randn(6, 8)
    expected = criterion(embedded(z), teacher, BATCH)
    moved = 3 * z @ rotation(8) + randn(1, 8, seed=2)
    assert torch.allclose(criterion(embedded(moved), teacher, BATCH), expected)
    stretched = z * torch.arange(1.0, 9.0)
    assert not torch.allclose(criterion(embedded(stretched), teacher, BATCH), expected)


@pytest.mark.parametrize("criterion", [PKT(), CorrelationCongruence()], ids=repr)
def test_the_amplitude_of_a_trial_does_not_matter(criterion):
    teacher, z = output(seed=50), randn(6, 8)
    expected = criterion(embedded(z), teacher, BATCH)
    scale = randn(6, 1, seed=2).abs() + 0.1
    assert torch.allclose(criterion(embedded(z * scale), teacher, BATCH), expected)
    assert not torch.allclose(criterion(embedded(z + 1), teacher, BATCH), expected)


@pytest.mark.parametrize("function", [trial_gram, centered_trial_gram])
def test_a_gram_matrix_of_a_part_is_the_part_of_the_gram_matrix(function):
    """What remembering a frozen teacher's matrix rests on."""
    features, part = randn(9, 4, 30), torch.tensor([7, 2, 4])
    whole = function(features)
    assert torch.allclose(function(features[part]), whole[part][:, part])


def test_similarity_preserving_asks_the_teacher_for_a_remembered_matrix():
    """Rows are normalized after the batch is cut out of the whole matrix."""

    class Remembering(Output):
        def relation(self, function, tap):
            asked.append((function, tap))
            return function(whole)[part][:, part]

    asked, whole, part = [], randn(9, 4, 30, seed=5), torch.tensor([7, 2, 4])
    cut = {"tap": whole[part]}
    teacher, student = Output(whole, cut, None), output(3)
    expected = SimilarityPreserving()(student, teacher, BATCH)
    remembering = Remembering(whole, {"tap": None}, None)
    for _ in range(2):
        value = SimilarityPreserving()(student, remembering, BATCH)
        assert torch.allclose(value, expected)
    assert asked == [(trial_gram, "tap")] * 2  # one key, so computed once


def test_rounding_does_not_bend_distances_and_angles():
    """Single precision far from the origin agrees with double precision."""
    z = randn(12, 6) + 50
    single = z.float()
    assert torch.allclose(pair_distances(single).double(), pair_distances(z), rtol=1e-3)
    assert torch.allclose(vertex_cosines(single).double(), vertex_cosines(z), atol=1e-3)


# -- gradients and degenerate batches ------------------------------------------------


@pytest.mark.parametrize("criterion", PLAIN, ids=repr)
def test_gradients(criterion):
    """Analytic gradients equal finite differences, in double precision."""
    teacher = output(4, seed=50)

    def loss(features, embedding):
        taps = {"second": features, "third": features[:, 1:] * 2}
        return criterion(Output(None, taps, embedding), teacher, BATCH)

    features, embedding = randn(4, 3, 7), randn(4, 5, seed=1)
    assert torch.autograd.gradcheck(
        loss, (features.requires_grad_(), embedding.requires_grad_())
    )


def test_gradients_of_the_code_form_reach_student_and_layers():
    student, teacher = output(), output(seed=50)
    criterion = started(student, teacher)
    student.embedding.requires_grad_()
    criterion(student, teacher, BATCH).mean().backward()
    assert student.embedding.grad.abs().min() > 0
    assert all(p.grad.abs().max() > 0 for p in criterion.parameters())
    assert len(list(criterion.parameters())) == 4


@pytest.mark.parametrize("case", ["single", "equal", "zero", "two equal"])
@pytest.mark.parametrize(
    "criterion", [*PLAIN, CorrelationCongruenceCode()], ids=lambda c: type(c).__name__
)
def test_degenerate_batches_give_finite_losses_and_gradients(criterion, case):
    n_trials = 1 if case == "single" else 4
    features, z = randn(n_trials, 5, 22).float(), randn(n_trials, 8).float()
    if case == "equal":
        features, z = torch.ones_like(features), torch.ones_like(z)
    elif case == "zero":
        features, z = torch.zeros_like(features), torch.zeros_like(z)
    elif case == "two equal":
        features[1], z[1] = features[0], z[0]
    features.requires_grad_(), z.requires_grad_()
    student = Output(z, {"a": features, "b": features * 2}, z)
    other = output(n_trials, seed=50)
    teacher = Output(
        None,
        {tap: values.float() for tap, values in other.features.items()},
        other.embedding.float(),
    )
    if isinstance(criterion, CorrelationCongruenceCode):
        criterion = started(student.detach(), teacher)
    value = criterion(student, teacher, BATCH)
    assert value.shape == (n_trials,)
    value.sum().backward()
    used = [v for v in (features, z) if v.grad is not None]
    assert used
    assert torch.isfinite(value).all()
    assert all(torch.isfinite(v.grad).all() for v in used)
    assert all(v.grad.abs().max() < 1e3 for v in used)
    if case == "single":
        assert value.abs().max() < 1e-6


def test_probabilities_sum_to_one():
    assert torch.allclose(
        neighbor_probabilities(randn(6, 8)).sum(dim=1), torch.ones(6).double()
    )


# -- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: SimilarityPreserving(0),
            ValueError,
            r"'n_taps' must be an integer >= 1, got 0",
        ),
        (
            lambda: CorrelationCongruence(gamma=0),
            ValueError,
            r"'gamma' must be a finite number > 0, got 0",
        ),
        (
            lambda: CorrelationCongruence(order=0),
            ValueError,
            r"'order' must be an integer >= 1, got 0",
        ),
        (
            lambda: CorrelationCongruenceCode(0),
            ValueError,
            r"'n_dims' must be an integer >= 1, got 0",
        ),
        (
            lambda: SimilarityPreserving()(output(), Output(None, {}, None), BATCH),
            ValueError,
            r"must have at least 1 tap each, got 3 and 0",
        ),
        (
            lambda: PKT()(output(), Output(None, {}, None), BATCH),
            ValueError,
            r"'teacher' must have an embedding, got an output without one. Run the",
        ),
        (
            lambda: RKDAngle()(Output(None, {}, None), output(), BATCH),
            ValueError,
            r"'student' must have an embedding, got an output without one",
        ),
        (
            lambda: CorrelationCongruenceCode()(output(), output(), BATCH),
            RuntimeError,
            r"CorrelationCongruenceCode must be started before it is called",
        ),
    ],
)
def test_errors_say_what_to_do(make, error, message):
    with pytest.raises(error, match=message):
        make()
