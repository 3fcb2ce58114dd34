"""Contrastive criteria: independent references, memory, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eegkd.criteria.contrastive import CRD, InfoNCE, noise_contrastive_loss
from eegkd.decoders import Output
from eegkd.samplers import TrialSampler

REFERENCES = {"crd", "info_nce"}
N_TRIALS, N_CLASSES = 24, 3


def randn(*shape, seed=0):
    """Return seeded normal values in double precision."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def outputs(n_trials=N_TRIALS, seed=0):
    """Return what student and teacher say of all trials; sizes differ."""
    return (
        Output(randn(n_trials, 3, seed=seed), {}, randn(n_trials, 7, seed=seed)),
        Output(randn(n_trials, 3, seed=9), {}, randn(n_trials, 11, seed=seed + 1)),
    )


def cut(output, index):
    """Return the output for some trials."""
    return Output(output.logits[index], {}, output.embedding[index])


def make_source(n_trials=N_TRIALS, y=None):
    """Return trials of classes that are not equally large."""
    if y is None:
        y = np.minimum(np.arange(n_trials) % 4, N_CLASSES - 1)
    return TrialSampler.from_arrays(np.zeros((n_trials, 1, 2)), y, batch_size=8)


def started(criterion, sampler=None, seed=0):
    """Return a criterion that was started on the first batch, with what it needs."""
    sampler = sampler or make_source()
    student, teacher = outputs(len(sampler))
    first = torch.arange(min(8, len(sampler)))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        criterion.start(cut(student, first), cut(teacher, first), sampler.batch(first))
    return criterion, sampler, student, teacher


def unit(x):
    """Return rows of unit length."""
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def embed(linear, x):
    """Return unit vectors of a linear map, in NumPy."""
    weight, bias = linear.weight.detach().numpy(), linear.bias.detach().numpy()
    return unit(x.detach().numpy() @ weight.T + bias)


def numpy_crd(v_s, v_t, m_s, m_t, y, index, temperature, constants=None):
    """Return the loss of each trial by loops, with the authors' formula."""
    n, labels = len(m_s), y[index]
    raw = []
    for v, memory in ((v_s, m_t), (v_t, m_s)):
        raw.append(np.exp(v @ memory.T / temperature))
    if constants is None:
        constants = []
        for scores in raw:
            used = [
                scores[b, j]
                for b, i in enumerate(index)
                for j in range(n)
                if j == i or y[j] != labels[b]
            ]
            constants.append(np.mean(used) * n)
    total = np.zeros(len(index))
    for scores, constant in zip(raw, constants, strict=True):
        for b, i in enumerate(index):
            negatives = [j for j in range(n) if y[j] != labels[b]]
            noise = len(negatives) / n
            p = scores[b] / constant
            total[b] -= np.log(p[i] / (p[i] + noise + 1e-7))
            for j in negatives:
                total[b] -= np.log(noise / (p[j] + noise + 1e-7))
    return total, constants


def test_crd_equals_numpy_reference_over_two_steps():
    """Scores, constants of the first batch, and the memory after a step."""
    crd, sampler, student, teacher = started(CRD(n_dims=5))
    y = sampler.y.numpy()
    memories = [crd.memory_student.numpy().copy(), crd.memory_teacher.numpy().copy()]
    constants = None
    for index in (torch.tensor([3, 0, 9, 17]), torch.tensor([0, 21, 2])):
        v_s = embed(crd.embed_student, student.embedding[index])
        v_t = embed(crd.embed_teacher, teacher.embedding[index])
        expected, constants = numpy_crd(
            v_s, v_t, *memories, y, index.numpy(), 0.07, constants
        )
        batch = sampler.batch(index)
        value = crd(cut(student, index), cut(teacher, index), batch)
        assert value.shape == (len(index),)
        assert value.detach().numpy() == pytest.approx(expected, rel=1e-9)
        crd.after_update()
        for memory, v in zip(memories, (v_s, v_t), strict=True):
            memory[index] = unit(0.5 * memory[index] + 0.5 * v)
        assert crd.memory_student.numpy() == pytest.approx(memories[0], abs=1e-12)
        assert crd.memory_teacher.numpy() == pytest.approx(memories[1], abs=1e-12)


def test_crd_writes_its_memory_only_after_the_update():
    crd, sampler, student, teacher = started(CRD())
    before = crd.memory_student.clone(), crd.memory_teacher.clone()
    index = torch.tensor([1, 5, 6])
    embedding = student.embedding[index].requires_grad_()
    mine = Output(student.logits[index], {}, embedding)
    loss = crd(mine, cut(teacher, index), sampler.batch(index)).mean()
    assert torch.equal(crd.memory_student, before[0])
    loss.backward()  # fails if a memory was written in place before
    for value in (embedding, crd.embed_student.weight, crd.embed_teacher.weight):
        assert value.grad.abs().max() > 0
        assert torch.isfinite(value.grad).all()
    crd.after_update()
    rows = torch.ones(N_TRIALS, dtype=torch.bool)
    rows[index] = False
    for now, old in zip((crd.memory_student, crd.memory_teacher), before, strict=True):
        assert torch.equal(now[rows], old[rows])
        assert (now[index] != old[index]).all(dim=1).all()
        assert now[index].norm(dim=1).numpy() == pytest.approx(1)
    now = crd.memory_student.clone()
    crd.after_update()
    assert torch.equal(crd.memory_student, now)


def test_crd_prefers_the_right_teacher_trial():
    """The loss of a student that is its memory is below that of a shuffled one."""
    scores = torch.full((4, 4), 0.01, dtype=torch.float64)
    others = ~torch.eye(4, dtype=torch.bool)
    right = scores + torch.eye(4)
    wrong = scores + torch.eye(4).roll(1, 0)
    index = torch.arange(4)
    assert (
        noise_contrastive_loss(right, index, others)
        < noise_contrastive_loss(wrong, index, others)
    ).all()


def test_crd_ignores_trials_of_the_same_class():
    crd, sampler, student, teacher = started(CRD())
    index = torch.tensor([0, 4])  # both of class 0
    first = crd(cut(student, index), cut(teacher, index), sampler.batch(index)).detach()
    same = (sampler.y == 0) & (torch.arange(N_TRIALS) > 4)
    crd.memory_teacher[same] *= -3
    crd.memory_student[same] *= -3
    again = crd(cut(student, index), cut(teacher, index), sampler.batch(index)).detach()
    assert torch.equal(first, again)
    crd.memory_teacher[sampler.y == 1] *= -3
    other = crd(cut(student, index), cut(teacher, index), sampler.batch(index)).detach()
    assert not torch.allclose(first, other)


def test_crd_learns_classes_from_batches_where_the_source_does_not_tell():
    class Wrapped:
        deterministic = False

        def __init__(self, inner):
            self.inner = inner

        def __len__(self):
            return len(self.inner)

        def batch(self, index):
            batch = self.inner.batch(index)
            batch.sampler = self
            return batch

    crd, sampler, student, teacher = started(CRD(), Wrapped(make_source()))
    assert (crd.labels == -1).all()
    index = torch.tensor([2, 7])
    crd(cut(student, index), cut(teacher, index), sampler.batch(index))
    assert crd.labels[index].tolist() == sampler.inner.y[index].tolist()
    assert (crd.labels >= 0).sum() == 2


@pytest.mark.parametrize("y", [np.zeros(6, int), np.array([0, 0, 0, 0, 0, 1])])
def test_crd_survives_one_class_and_a_batch_of_one(y):
    crd, sampler, student, teacher = started(CRD(), make_source(6, y))
    index = torch.tensor([5])
    embedding = student.embedding[index].requires_grad_()
    mine = Output(student.logits[index], {}, embedding)
    value = crd(mine, cut(teacher, index), sampler.batch(index))
    value.sum().backward()
    assert torch.isfinite(value).all()
    assert torch.isfinite(embedding.grad).all()


def test_crd_refuses_what_its_memory_is_not_about():
    crd, sampler, student, teacher = started(CRD())
    index = torch.arange(4)
    with pytest.raises(ValueError, match="must come from the sampler that CRD was"):
        crd(cut(student, index), cut(teacher, index), make_source().batch(index))
    with pytest.raises(RuntimeError, match="must be started before use"):
        CRD()(cut(student, index), cut(teacher, index), sampler.batch(index))
    with pytest.raises(ValueError, match="'teacher' must have an embedding"):
        crd(cut(student, index), None, sampler.batch(index))
    with pytest.raises(ValueError, match="'momentum' must be a finite number"):
        CRD(momentum=1.5)
    with pytest.raises(ValueError, match="'temperature' must be a finite number > 0"):
        CRD(temperature=0)
    assert CRD.only_training


def test_crd_needs_classes():
    sampler = make_source(y=np.linspace(0, 1, N_TRIALS))
    with pytest.raises(ValueError, match="CRD needs classes, .* Use InfoNCE"):
        started(CRD(), sampler)
    started(InfoNCE(), sampler)


@pytest.mark.parametrize("n_trials", [1, 2, 6])
def test_info_nce_equals_numpy_reference(n_trials):
    from scipy.special import logsumexp

    contrast, sampler, student, teacher = started(
        InfoNCE(n_dims=4), make_source(n_trials)
    )
    v_s = embed(contrast.embed_student, student.embedding)
    v_t = embed(contrast.embed_teacher, teacher.embedding)
    scores = v_s @ v_t.T / 0.07
    expected = [
        -scores[i, i] + (logsumexp(scores[i]) + logsumexp(scores[:, i])) / 2
        for i in range(n_trials)
    ]
    value = contrast(student, teacher, sampler.batch(torch.arange(n_trials)))
    assert value.detach().numpy() == pytest.approx(np.array(expected), abs=1e-10)
    if n_trials == 1:
        assert value.item() == pytest.approx(0, abs=1e-12)


def test_info_nce_is_symmetric_and_bounded_by_chance():
    contrast, sampler, student, teacher = started(InfoNCE())
    batch = sampler.batch(torch.arange(N_TRIALS))
    value = contrast(student, teacher, batch)
    contrast.embed_student, contrast.embed_teacher = (
        contrast.embed_teacher,
        contrast.embed_student,
    )
    assert torch.allclose(contrast(teacher, student, batch), value)
    same = Output(student.logits, {}, torch.ones_like(teacher.embedding))
    chance = contrast(same, same_student(student), batch)
    assert chance.detach().numpy() == pytest.approx(np.log(N_TRIALS))


def same_student(student):
    """Return an output whose trials cannot be told apart."""
    return Output(student.logits, {}, torch.ones_like(student.embedding))


def test_gradients():
    contrast, sampler, student, teacher = started(InfoNCE(n_dims=3), make_source(5))
    batch = sampler.batch(torch.arange(5))
    embedding = student.embedding.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda e: contrast(Output(student.logits, {}, e), teacher, batch), (embedding,)
    )
    crd, sampler, student, teacher = started(CRD(n_dims=3), make_source(5))
    batch = sampler.batch(torch.arange(5))
    crd(student, teacher, batch)  # sets the constants
    assert torch.autograd.gradcheck(
        lambda e: crd(Output(student.logits, {}, e), teacher, batch), (embedding,)
    )
