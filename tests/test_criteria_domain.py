"""Criteria between subjects and devices: references, limits, gradients."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from eegkd.criteria.domain import CORAL, MMD, ClassConfusion, DomainAdversary
from eegkd.decoders import Output

REFERENCES = {"mmd", "coral", "domain_adversary", "class_confusion"}
SCALES = (0.25, 0.5, 1, 2, 4)


def randn(*shape, seed=0):
    """Return seeded normal values in double precision."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def output(embedding, logits=None):
    """Return an output with an embedding."""
    return Output(randn(len(embedding), 3) if logits is None else logits, {}, embedding)


def batch(subject, **known):
    """Return a stand-in for a batch."""
    return SimpleNamespace(subject=torch.as_tensor(subject), **known)


def numpy_mmd(x, group):
    """Return the mean over pairs of groups by loops over trials and kernels."""
    x, group = np.asarray(x), np.asarray(group)
    distances = [
        np.sum((x[i] - x[j]) ** 2)
        for i in range(len(x))
        for j in range(len(x))
        if i != j
    ]
    median = np.sort(distances)[(len(distances) - 1) // 2]

    def kernel(a, b):
        d = np.sum((a - b) ** 2)
        return np.mean([np.exp(-d / (scale * median)) for scale in SCALES])

    def mean(p, q):
        return np.mean([[kernel(a, b) for b in q] for a in p])

    names = np.unique(group)
    values = []
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            p, q = x[group == first], x[group == second]
            values.append(mean(p, p) + mean(q, q) - 2 * mean(p, q))
    return np.mean(values)


@pytest.mark.parametrize("group", [[0, 1, 0, 1, 1, 0, 0], [4, 2, 2, 4, 7, 7, 4]])
def test_mmd_equals_numpy_reference(group):
    x = randn(7, 5) + 10
    value = MMD()(output(x), None, batch(group))
    assert value.shape == (7,)
    assert value.mean().item() == pytest.approx(numpy_mmd(x, group), abs=1e-12)
    assert (value == value[0]).all()


def test_mmd_tells_groups_apart_that_differ():
    x = randn(40, 3)
    group = torch.arange(40) % 2
    alike = MMD()(output(x), None, batch(group))[0]
    apart = MMD()(output(x + 3 * group[:, None]), None, batch(group))[0]
    assert 0 <= alike < 0.1 < apart <= 2
    assert MMD()(output(7 * x - 4), None, batch(group))[0].item() == pytest.approx(
        alike.item()
    )
    twice = torch.cat([x, x])
    group = torch.arange(80) // 40
    assert MMD()(output(twice), None, batch(group))[0].item() == pytest.approx(0)


@pytest.mark.parametrize("criterion", [MMD(), CORAL()])
@pytest.mark.parametrize("n_trials", [1, 6])
def test_one_group_gives_zero_without_losing_the_gradient(criterion, n_trials):
    x = randn(n_trials, 3).requires_grad_()
    value = criterion(output(x), None, batch([0] * n_trials))
    assert value.tolist() == [0.0] * n_trials
    value.mean().backward()
    assert x.grad.abs().max() == 0


@pytest.mark.parametrize("criterion", [MMD(), CORAL()])
def test_equal_embeddings_give_zero_and_a_finite_gradient(criterion):
    x = torch.ones(6, 3, dtype=torch.float64, requires_grad=True)
    value = criterion(output(x), None, batch([0, 1] * 3))
    value.mean().backward()
    assert value.abs().max() == 0
    assert torch.isfinite(x.grad).all()


def test_mmd_gradient_equals_that_of_a_fixed_width():
    x = randn(6, 3).requires_grad_()
    group = torch.tensor([0, 0, 1, 1, 1, 2])
    MMD()(output(x), None, batch(group)).mean().backward()
    y = x.detach().clone().requires_grad_()
    distance = (y[:, None] - y).square().sum(2)
    median = distance.detach()[~torch.eye(6, dtype=torch.bool)].median()
    kernel = sum(torch.exp(-distance / (s * median)) for s in SCALES) / 5
    total = 0
    for a, b in ((0, 1), (0, 2), (1, 2)):
        p, q = group == a, group == b
        total = total + kernel[p][:, p].mean() + kernel[q][:, q].mean()
        total = total - 2 * kernel[p][:, q].mean()
    (total / 3).backward()
    assert torch.allclose(x.grad, y.grad, atol=1e-10)


def test_groups_can_be_given():
    x = randn(6, 3)
    sessions = batch([0] * 6, session=torch.tensor([0, 1] * 3))
    expected = MMD()(output(x), None, batch([0, 1] * 3))
    assert torch.equal(MMD(by="session")(output(x), None, sessions), expected)
    given = MMD(by=lambda b: b.session.bool())
    assert torch.equal(given(output(x), None, sessions), expected)


def test_coral_equals_numpy_reference():
    x, group = randn(11, 4), np.array([0, 0, 0, 0, 2, 2, 2, 5, 5, 5, 9])
    c = {g: np.cov(x.numpy()[group == g].T) for g in (0, 2, 5)}
    expected = np.mean(
        [np.sum((c[a] - c[b]) ** 2) / (4 * 16) for a, b in ((0, 2), (0, 5), (2, 5))]
    )
    value = CORAL()(output(x), None, batch(group))
    assert value.shape == (11,)
    assert value.numpy() == pytest.approx(expected, abs=1e-12)
    shifted = CORAL()(output(x + torch.as_tensor(group)[:, None]), None, batch(group))
    assert torch.allclose(shifted, value)
    embedding = x.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda e: CORAL()(output(e), None, batch(group)), (embedding,)
    )


def started(n_groups=3, epoch=4, **settings):
    """Return an adversary in its fifth epoch, in double precision."""
    adversary = DomainAdversary(n_groups=n_groups, **settings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        adversary.start(output(randn(2, 5)), None, batch([0, 1]))
    adversary.start_epoch(epoch)
    return adversary


def test_adversary_equals_cross_entropy_with_the_gradient_turned_round():
    adversary = started(strength=0.5)
    x, group = randn(6, 5).requires_grad_(), torch.tensor([0, 1, 2, 2, 1, 0])
    value = adversary(output(x), None, batch(group))
    value.mean().backward()
    own = [p.grad.clone() for p in adversary.parameters()]
    y = x.detach().clone().requires_grad_()
    adversary.zero_grad()
    expected = cross_entropy(adversary.discriminator(y), group, reduction="none")
    expected.mean().backward()
    assert torch.allclose(value, expected)
    factor = 0.5 * (2 / (1 + np.exp(-10 * 0.4)) - 1)
    assert torch.allclose(x.grad, -factor * y.grad)
    for mine, plain in zip(own, adversary.parameters(), strict=True):
        assert torch.allclose(mine, plain.grad)
        assert mine.abs().max() > 0


def test_adversary_grows_to_full_strength():
    adversary = started(strength=2.0, ramp=5)
    factors = []
    for epoch in range(8):
        adversary.start_epoch(epoch)
        factors.append(adversary.factor)
    assert factors[0] == 0
    assert np.all(np.diff(factors) >= 0)
    assert factors[5] == factors[7] == pytest.approx(2, rel=1e-3)


def test_adversary_learns_from_the_source_how_many_people_there_are():
    adversary = DomainAdversary()
    sampler = SimpleNamespace(subject=torch.tensor([0, 3, 1]))
    adversary.start(output(randn(2, 5)), None, batch([0, 1], sampler=sampler))
    assert adversary.discriminator[-1].out_features == 4
    with pytest.raises(ValueError, match="'n_groups' must be given where the sampler"):
        DomainAdversary().start(
            output(randn(2, 5)), None, batch([0], sampler=SimpleNamespace())
        )
    with pytest.raises(ValueError, match="'n_groups' must be above every group"):
        started(2)(output(randn(1, 5)), None, batch([2]))


def test_adversary_of_one_person_is_zero():
    x = randn(3, 5).requires_grad_()
    value = started(1)(output(x), None, batch([0, 0, 0]))
    value.mean().backward()
    assert value.abs().max() == 0
    assert x.grad.abs().max() == 0
    assert DomainAdversary.only_training


def numpy_confusion(logits, temperature):
    """Return the minimum class confusion by loops over classes and trials."""
    from scipy.special import softmax
    from scipy.stats import entropy

    p = softmax(np.asarray(logits) / temperature, axis=1)
    w = np.array([1 + np.exp(-entropy(row)) for row in p])
    w = len(p) * w / w.sum()
    n_classes = p.shape[1]
    matrix = np.zeros((n_classes, n_classes))
    for j in range(n_classes):
        for k in range(n_classes):
            matrix[j, k] = sum(w[i] * p[i, j] * p[i, k] for i in range(len(p)))
    matrix /= matrix.sum(axis=1, keepdims=True)
    return (matrix.sum() - np.trace(matrix)) / n_classes


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_class_confusion_equals_numpy_reference(temperature):
    logits = 3 * randn(9, 4)
    value = ClassConfusion(temperature)(output(randn(9, 2), logits), None, batch([0]))
    assert value.shape == (9,)
    assert value.numpy() == pytest.approx(numpy_confusion(logits, temperature))


def test_class_confusion_of_some_trials():
    logits = randn(9, 4)
    chosen = torch.arange(9) % 3 == 0
    criterion = ClassConfusion(where=lambda b: b.chosen)
    value = criterion(output(randn(9, 2), logits), None, batch([0], chosen=chosen))
    assert value.numpy() == pytest.approx(numpy_confusion(logits[chosen], 2.5))
    none = batch([0], chosen=torch.zeros(9, dtype=torch.bool))
    assert criterion(output(randn(9, 2), logits), None, none).tolist() == [0] * 9


def test_class_confusion_limits():
    certain = 500 * torch.eye(3, dtype=torch.float64)
    value = ClassConfusion()(output(randn(3, 2), certain), None, batch([0]))
    assert value.max().item() == pytest.approx(0, abs=1e-12)
    flat = torch.zeros(3, 4, dtype=torch.float64)
    value = ClassConfusion()(output(randn(3, 2), flat), None, batch([0]))
    assert value.max().item() == pytest.approx(3 / 4)
    lost = torch.tensor([[500.0, 0, 0]] * 2, requires_grad=True)
    ClassConfusion()(output(randn(2, 2), lost), None, batch([0])).mean().backward()
    assert torch.isfinite(lost.grad).all()


def test_errors():
    for make, match in (
        (lambda: MMD(by="run"), "'by' must be 'subject', 'session' or a callable"),
        (lambda: MMD(scales=()), "'scales' must be a sequence of at least one"),
        (lambda: MMD(scales=(1, -1)), "'scales' must be a finite number > 0"),
        (lambda: DomainAdversary(ramp=0), "'ramp' must be an integer >= 1"),
        (lambda: DomainAdversary(strength=-1), "'strength' must be a finite number"),
        (lambda: ClassConfusion(0), "'temperature' must be a finite number > 0"),
    ):
        with pytest.raises(ValueError, match=match):
            make()
    with pytest.raises(TypeError, match="'where' must be callable"):
        ClassConfusion(where=True)
    with pytest.raises(ValueError, match="'student' must have an embedding"):
        MMD()(Output(randn(2, 3), {}, None), None, batch([0, 1]))
