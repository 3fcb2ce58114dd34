"""Weightings of several teachers, and their hint, against independent references."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.svm import OneClassSVM

from eegkd.criteria import kl_divergence
from eegkd.criteria.confident_hint import ConfidentHint, confidence_shares
from eegkd.decoders import Output
from eegkd.weightings import Context
from eegkd.weightings.confidence import (
    Confidence,
    Entropy,
    GradientCombined,
    smallest_combination,
)
from eegkd.weightings.selection import Curriculum, Select

REFERENCES = {"confident_hint"}
N_TRIALS, N_CLASSES = 12, 4


def randn(*shape, seed=0):
    """Return seeded normal values in double precision."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def say(logits):
    """Return an output of scores alone."""
    return Output(logits, {}, None)


class Place:
    """A stand-in for a sampler."""


PLACE = Place()


def context(
    n_teachers=3, *, seed=0, epoch=0, training=True, index=None, further=0, place=PLACE
):
    """Return a context of a label term, one term a teacher, and further terms."""
    n_trials = N_TRIALS if index is None else len(index)
    index = torch.arange(n_trials) if index is None else torch.as_tensor(index)
    batch = SimpleNamespace(y=index % N_CLASSES, index=index, sampler=place)
    teachers = [
        say(2 * randn(n_trials, N_CLASSES, seed=seed + 10 + k))
        for k in range(n_teachers)
    ]
    losses = torch.ones(1 + n_teachers + further, n_trials, dtype=torch.float64)
    student = say(randn(n_trials, N_CLASSES, seed=seed).requires_grad_())
    return Context(
        epoch,
        losses,
        student,
        batch,
        [None, *teachers, *[None] * further],
        training,
    )


def softmax(logits):
    """Return the softmax over the last axis, in NumPy."""
    power = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return power / power.sum(axis=-1, keepdims=True)


def probabilities(outputs):
    """Return the class probabilities of outputs, in NumPy."""
    return np.stack([softmax(o.logits.detach().numpy()) for o in outputs])


def numpy_confidence(outputs, y):
    """Return CA-MKD's weights by loops over trials and teachers."""
    p = probabilities(outputs)
    n_teachers, n_trials, _ = p.shape
    shares = np.empty((n_teachers, n_trials))
    for i in range(n_trials):
        losses = [-np.log(p[k, i, y[i]]) for k in range(n_teachers)]
        total = sum(np.exp(loss) for loss in losses)
        for k in range(n_teachers):
            shares[k, i] = (1 - np.exp(losses[k]) / total) / (n_teachers - 1)
    return shares


WEIGHTINGS = {
    "Confidence": Confidence,
    "Entropy": Entropy,
    "GradientCombined": GradientCombined,
    "Select": lambda *weights: Select(*weights, n_epochs=10),
    "Curriculum": lambda *weights: Curriculum(*weights, n_epochs=10),
}


# -- what all have in common --------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in WEIGHTINGS if n != "Select"])
@pytest.mark.parametrize("n_teachers", [1, 2, 5])
def test_shares_sum_to_the_weight_and_other_terms_keep_theirs(name, n_teachers):
    weights = [0.3, *[2.0] * n_teachers, 50.0]
    found = WEIGHTINGS[name](*weights)(context(n_teachers, further=1))
    assert found.shape == (n_teachers + 2, N_TRIALS)
    assert not found.requires_grad
    assert (found >= 0).all()
    torch.testing.assert_close(found[1:-1].sum(dim=0), torch.full_like(found[0], 2.0))
    assert torch.equal(found[0], torch.full_like(found[0], 0.3))
    assert torch.equal(found[-1], torch.full_like(found[0], 50.0))


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_no_weights_are_weights_of_one(name):
    assert torch.equal(
        WEIGHTINGS[name]()(context()), WEIGHTINGS[name](1, 1, 1, 1)(context())
    )


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_without_teachers_weights_stay(name):
    found = WEIGHTINGS[name](0.5)(context(0))
    assert torch.equal(found, torch.full((1, N_TRIALS), 0.5, dtype=torch.float64))


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_one_weight_for_each_term(name):
    with pytest.raises(ValueError, match=r"'weights' must hold one .* 4 terms, got 2"):
        WEIGHTINGS[name](1, 1)(context())
    with pytest.raises(ValueError, match="'weights' must be a finite number >= 0"):
        WEIGHTINGS[name](1, -1)


@pytest.mark.parametrize("weighting", [Confidence, Entropy])
def test_normalization_is_checked(weighting):
    with pytest.raises(ValueError, match="'normalization' must be one of 'sum'"):
        weighting(normalization="officially")


def test_repr_names_the_weights():
    assert repr(Confidence(1, 0.5)) == "Confidence(1, 0.5)"


# -- confidence ---------------------------------------------------------------------


@pytest.mark.parametrize("n_teachers", [2, 3, 5])
def test_confidence_equals_numpy_reference(n_teachers):
    given = context(n_teachers)
    expected = numpy_confidence(given.teachers[1:], given.batch.y.numpy())
    np.testing.assert_allclose(Confidence()(given)[1:].numpy(), expected, atol=1e-12)


def test_official_confidence_sums_to_one_over_k():
    found = Confidence(normalization="official")(context(3))[1:]
    torch.testing.assert_close(found, Confidence()(context(3))[1:] / 3)


def test_confidence_of_equal_teachers_is_equal():
    assert torch.equal(
        confidence_shares(torch.full((4, 2), 3.0)), torch.full((4, 2), 0.25)
    )


def test_a_bad_teacher_loses_all_confidence():
    shares = confidence_shares(torch.tensor([[0.1], [0.1], [60.0]]))
    torch.testing.assert_close(shares[:, 0], torch.tensor([0.5, 0.5, 0.0]))


@pytest.mark.parametrize("normalization", ["sum", "official"])
def test_a_single_teacher_has_all_confidence(normalization):
    for weighting in (Confidence, Entropy):
        found = weighting(normalization=normalization)(context(1))
        assert torch.equal(found, torch.ones_like(found))


# -- entropy ------------------------------------------------------------------------


@pytest.mark.parametrize("n_teachers", [2, 3, 5])
def test_entropy_equals_numpy_reference(n_teachers):
    given = context(n_teachers)
    p = probabilities(given.teachers[1:])
    entropy = -(p * np.log(p)).sum(axis=2)
    expected = 1 - entropy / entropy.sum(axis=0)
    found = Entropy()(given)[1:].numpy()
    np.testing.assert_allclose(found, expected / (n_teachers - 1), atol=1e-7)
    official = Entropy(normalization="official")(given)[1:].numpy()
    np.testing.assert_allclose(official, expected / n_teachers, atol=1e-7)
    np.testing.assert_allclose(official.sum(axis=0), 1 - 1 / n_teachers)


def test_teachers_without_entropy_share_equally():
    given = context(3)
    given.teachers = [None, *[say(1e4 * randn(N_TRIALS, 4, seed=k)) for k in range(3)]]
    found = Entropy()(given)[1:]
    torch.testing.assert_close(found, torch.full_like(found, 1 / 3))


# -- gradients ----------------------------------------------------------------------


def scipy_combination(products, cap):
    """Return the weights of the shortest combination by SciPy's general solver."""
    n_vectors = len(products)
    found = minimize(
        lambda a: a @ products @ a,
        np.full(n_vectors, 1 / n_vectors),
        jac=lambda a: 2 * products @ a,
        bounds=[(0, max(cap, 1 / n_vectors))] * n_vectors,
        constraints={"type": "eq", "fun": lambda a: a.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 500},
    )
    return found.x


@pytest.mark.parametrize("cap", [0.2, 0.6, 1.0])
@pytest.mark.parametrize("n_vectors", [2, 3, 4, 6])
def test_smallest_combination_equals_scipy(n_vectors, cap):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        vectors = rng.standard_normal((n_vectors, 8)) + rng.uniform(0, 2)
        vectors *= rng.uniform(0.3, 3, (n_vectors, 1))
        products = vectors @ vectors.T
        found = smallest_combination(products, cap)
        assert found.sum() == pytest.approx(1)
        assert found.min() >= 0
        assert found.max() <= max(cap, 1 / n_vectors) + 1e-12
        expected = scipy_combination(products, cap)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_smallest_combination_equals_a_one_class_machine():
    vectors = np.random.default_rng(1).standard_normal((3, 6)) + 1
    machine = OneClassSVM(kernel="precomputed", nu=1 / (3 * 0.6), tol=1e-9)
    machine.fit(vectors @ vectors.T)
    expected = np.zeros(3)
    expected[machine.support_] = machine.dual_coef_[0] * 0.6
    found = smallest_combination(vectors @ vectors.T, 0.6)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e8])
def test_smallest_combination_of_special_vectors(scale):
    opposite = scale * np.array([[1.0, -2.0], [-2.0, 4.0]])
    np.testing.assert_allclose(smallest_combination(opposite), [2 / 3, 1 / 3])
    same = scale * np.ones((3, 3))
    np.testing.assert_allclose(smallest_combination(same), np.full(3, 1 / 3))
    np.testing.assert_allclose(smallest_combination(0 * same), np.full(3, 1 / 3))
    assert smallest_combination(scale * np.ones((1, 1)), 0.6).tolist() == [1.0]


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_gradients_that_are_combined_are_those_of_the_loss(temperature):
    given = context(3)
    student = given.student.logits
    gradients = []
    for teacher in given.teachers[1:]:
        loss = kl_divergence(student, teacher.logits, temperature).mean()
        gradients.append(torch.autograd.grad(loss, student)[0].mean(dim=0).numpy())
    products = np.array(gradients) @ np.array(gradients).T
    expected = scipy_combination(products / products.max(), 0.6)
    found = GradientCombined(temperature=temperature)(given)[1:].numpy()
    np.testing.assert_allclose(found, np.tile(expected[:, None], N_TRIALS), atol=1e-5)


def test_gradient_combination_of_one_trial():
    found = GradientCombined()(context(3, index=[0]))
    assert found.isfinite().all()


def test_gradient_options_are_checked():
    with pytest.raises(ValueError, match="'cap' must be a finite number > 0 and <= 1"):
        GradientCombined(cap=0)
    with pytest.raises(ValueError, match="'temperature' must be a finite number > 0"):
        GradientCombined(temperature=0)


# -- selection ----------------------------------------------------------------------


def numpy_select(given, n_open):
    """Return the choice of teacher or label by loops."""
    y = given.batch.y.numpy()
    p = probabilities(given.teachers[1:])
    own = probabilities([given.student])[0]
    choice = np.zeros((1 + len(p), len(y)))
    for i, label in enumerate(y):
        best, row = own[i, label], 0
        for k in range(n_open):
            if p[k, i].argmax() == label and p[k, i, label] > best:
                best, row = p[k, i, label], 1 + k
        choice[row, i] = 1
    return choice


@pytest.mark.parametrize(
    ("epoch", "n_open"), [(0, 1), (3, 1), (4, 2), (6, 2), (7, 3), (9, 3)]
)
@pytest.mark.parametrize("seed", range(3))
def test_select_equals_numpy_reference(epoch, n_open, seed):
    given = context(3, epoch=epoch, seed=seed)
    found = Select(n_epochs=10)(given).numpy()
    np.testing.assert_array_equal(found, numpy_select(given, n_open))
    np.testing.assert_array_equal(found.sum(axis=0), 1)
    if n_open == 3:  # all rows of the reference are met
        assert found.any(axis=1).sum() >= 3


def test_select_counts_the_label_alone_in_validation():
    """The choice jumps where the student overtakes a teacher; this does not."""
    found = Select(0.5, 2, 2, 2, n_epochs=10)(context(3, training=False))
    assert (found[0] == 0.5).all()
    assert not found[1:].any()


def test_select_follows_the_label_where_all_teachers_are_wrong():
    given = context(3, epoch=1)
    wrong = 5 * torch.nn.functional.one_hot((given.batch.y + 1) % 4, 4).double()
    given.teachers = [None, *[say(wrong)] * 3]
    found = Select(0.5, 2, 2, 2, n_epochs=1)(given)
    assert torch.equal(found[0], torch.full_like(found[0], 0.5))
    assert not found[1:].any()


def test_select_multiplies_weights_and_leaves_further_terms():
    given = context(3, further=1, epoch=10)
    found = Select(0.5, 2, 2, 2, 7, n_epochs=10)(given).numpy()
    given.teachers.pop()
    expected = numpy_select(given, 3) * np.array([[0.5], [2], [2], [2]])
    np.testing.assert_array_equal(found[:-1], expected)
    assert (found[-1] == 7).all()


# -- curriculum ---------------------------------------------------------------------


def losses_of(given):
    """Return the student's cross-entropy of each trial, in NumPy."""
    p = probabilities([given.student])[0]
    return -np.log(p[np.arange(len(p)), given.batch.y.numpy()])


def experts(weighting, given):
    """Return the number of the expert of each trial, after checking the choice."""
    choice = weighting(given).numpy()[1:]
    assert set(np.unique(choice)) <= {0, 1}
    assert (choice.sum(axis=0) == 1).all()
    return choice.argmax(axis=0)


def rank(values):
    """Return the rank of each value by counting smaller ones."""
    return np.array([(values < value).sum() for value in values]) / len(values)


def test_curriculum_ranks_trials_of_the_last_pass_by_index():
    weighting = Curriculum(n_epochs=4, all_from=0.25)
    weighting.start_epoch(0)
    order = np.random.default_rng(0).permutation(N_TRIALS)
    noted = np.empty(N_TRIALS)
    for number, index in enumerate((order[:5], order[5:])):
        given = context(3, index=index, seed=number)
        noted[index] = losses_of(given)
        assert (experts(weighting, given) == 0).all()  # one expert is open
    weighting.start_epoch(1)
    expected = np.floor(rank(noted) * 3)
    for index in np.split(order[::-1], 3):
        given = context(3, index=index.copy(), seed=7, epoch=1)
        np.testing.assert_array_equal(experts(weighting, given), expected[index])


@pytest.mark.parametrize(
    ("epoch", "n_open"), [(0, 1), (3, 1), (4, 2), (6, 2), (7, 3), (9, 3)]
)
def test_curriculum_opens_experts_linearly(epoch, n_open):
    given = context(3, epoch=epoch)
    found = experts(Curriculum(n_epochs=10), given)
    expected = np.floor(rank(losses_of(given)) * n_open)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "weighting", [Curriculum(n_epochs=10), GradientCombined()], ids=repr
)
def test_teachers_count_alike_in_validation(weighting):
    """What moves with the student would choose the epoch."""
    found = weighting(context(3, training=False))
    assert torch.allclose(found[1:], torch.tensor(1 / 3, dtype=found.dtype))


def test_curriculum_ranks_unknown_trials_in_their_batch():
    weighting = Curriculum(n_epochs=2, all_from=0)
    weighting(context(3))
    weighting.start_epoch(1)
    given = context(3, index=np.arange(N_TRIALS, 2 * N_TRIALS), seed=1, epoch=1)
    expected = np.floor(rank(losses_of(given)) * 3)
    np.testing.assert_array_equal(experts(weighting, given), expected)


def test_curriculum_begins_anew_with_a_new_training():
    weighting = Curriculum(n_epochs=2, all_from=0)
    weighting(context(3, seed=5))
    weighting.start_epoch(0)
    given = context(3)
    expected = np.floor(rank(losses_of(given)) * 3)
    np.testing.assert_array_equal(experts(weighting, given), expected)


def test_curriculum_judged_by_experts_does_not_look_at_the_student():
    weighting = Curriculum(n_epochs=1, all_from=0, judge="experts")
    given = context(3)
    p = probabilities(given.teachers[1:])
    y = given.batch.y.numpy()
    losses = -np.log(p[:, np.arange(len(y)), y]).mean(axis=0)
    expected = np.floor(rank(losses) * 3)
    np.testing.assert_array_equal(experts(weighting, given), expected)
    given.student = say(randn(N_TRIALS, N_CLASSES, seed=99))
    np.testing.assert_array_equal(experts(weighting, given), expected)


@pytest.mark.parametrize("weighting", [Select, Curriculum])
def test_options_of_selections_are_checked(weighting):
    with pytest.raises(ValueError, match="'n_epochs' must be an integer >= 1"):
        weighting(n_epochs=0)
    with pytest.raises(ValueError, match="'all_from' must be a finite number >= 0 and"):
        weighting(n_epochs=3, all_from=1.5)
    with pytest.raises(ValueError, match="'judge' must be one of 'student', 'experts'"):
        Curriculum(n_epochs=3, judge="teacher")


# -- confident hint -----------------------------------------------------------------


class Told:
    """A stand-in for a frozen teacher with a linear last layer."""

    def __init__(self, n_dims, seed=0):
        self.weight, self.bias = randn(4, n_dims, seed=seed), randn(4, seed=seed + 1)
        self.embedding = randn(N_TRIALS, n_dims, seed=seed + 2)
        self.decoder = self

    def __call__(self, batch):
        """Return the embedding and its scores."""
        return Output(self.classify(self.embedding), {}, self.embedding[: len(batch.y)])

    def classify(self, embedding):
        """Return scores."""
        return embedding @ self.weight.T + self.bias


def hint(n_dims=(5, 3, 7), n_trials=N_TRIALS, **options):
    """Return a started criterion, a student's output and a batch."""
    criterion = ConfidentHint([Told(n, seed=10 * n) for n in n_dims], **options)
    student = Output(
        randn(n_trials, 4), {}, randn(n_trials, 6, seed=1).requires_grad_()
    )
    batch = SimpleNamespace(y=torch.arange(n_trials) % 4)
    torch.manual_seed(0)
    criterion.start(student, None, batch)
    return criterion, student, batch


def numpy_hint(criterion, student, batch):
    """Return the batch mean by loops, and each teacher's share."""
    y = batch.y.numpy()
    mapped = [
        student.embedding.detach().numpy() @ layer.weight.detach().numpy().T
        + layer.bias.detach().numpy()
        for layer in criterion.maps
    ]
    teachers = criterion.teachers
    losses = np.array(
        [
            -np.log(softmax(who.classify(torch.tensor(e)).numpy()))[
                np.arange(len(y)), y
            ]
            for who, e in zip(teachers, mapped, strict=True)
        ]
    )
    shares = (1 - softmax(losses.T).T) / (len(teachers) - 1)
    total = 0.0
    for k, who in enumerate(teachers):
        for i in range(len(y)):
            error = np.mean((mapped[k][i] - who.embedding[i].numpy()) ** 2)
            total += shares[k, i] * error
    return total / len(y), shares


def test_confident_hint_equals_numpy_reference():
    criterion, student, batch = hint()
    value = criterion(student, None, batch)
    assert value.shape == (N_TRIALS,)
    expected, shares = numpy_hint(criterion, student, batch)
    assert value.mean().item() == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(shares.sum(axis=0), 1)
    assert shares.std(axis=0).min() > 1e-3
    official = hint(normalization="official")[0](student, None, batch)
    assert official.mean().item() == pytest.approx(expected / 3, rel=1e-12)


def test_no_gradient_flows_through_the_shares_of_a_hint():
    criterion, student, batch = hint()
    criterion(student, None, batch).mean().backward()
    shares = torch.tensor(numpy_hint(criterion, student, batch)[1])
    for k, layer in enumerate(criterion.maps):
        mapped = layer(student.embedding.detach()).detach()
        error = mapped - criterion.teachers[k].embedding
        expected = 2 * (shares[k][:, None] * error).sum(dim=0) / error.numel()
        torch.testing.assert_close(layer.bias.grad, expected)


def test_a_hint_is_zero_where_the_map_meets_the_teacher():
    criterion, student, batch = hint(n_dims=(6, 6))
    for layer, who in zip(criterion.maps, criterion.teachers, strict=True):
        torch.nn.init.eye_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        who.embedding = student.embedding.detach()
    assert criterion(student, None, batch).abs().max() == 0


def test_a_hint_of_one_teacher_is_the_squared_distance():
    criterion, student, batch = hint(n_dims=(5,))
    error = criterion.maps[0](student.embedding) - criterion.teachers[0].embedding
    torch.testing.assert_close(
        criterion(student, None, batch), error.square().mean(dim=1)
    )


def test_a_hint_of_one_trial():
    value = hint(n_trials=1)
    assert value[0](value[1], None, value[2]).isfinite().all()


def test_gradient_of_a_hint():
    # The shares are constants for the gradient, but not for finite differences.
    criterion, student, batch = hint(n_dims=(5,))
    assert torch.autograd.gradcheck(
        lambda e: criterion(Output(student.logits, {}, e), None, batch),
        [student.embedding],
    )


def test_maps_of_a_hint_are_trained():
    criterion, _, _ = hint()
    shapes = [tuple(p.shape) for p in criterion.parameters()]
    assert shapes == [(5, 6), (5,), (3, 6), (3,), (7, 6), (7,)]


def test_a_hint_refuses_wrong_arguments():
    with pytest.raises(ValueError, match="'teachers' must hold at least one teacher"):
        ConfidentHint([])
    with pytest.raises(ValueError, match="'normalization' must be one of 'sum'"):
        ConfidentHint([Told(3)], normalization="mean")
    criterion, student, batch = hint()
    with pytest.raises(ValueError, match="must have an embedding, got an output"):
        criterion(say(student.logits), None, batch)
