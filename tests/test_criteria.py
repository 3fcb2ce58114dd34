"""Each criterion against an independent reference, its invariances, its gradient."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from eegkd.criteria import (
    KL,
    CrossEntropy,
    SimilarityKeeping,
    cross_entropy,
    kl_divergence,
    similarity_keeping_loss,
    trial_similarity,
)
from eegkd.decoders import Output

REFERENCES = {"cross_entropy", "kl", "similarity_keeping"}


def randn(*shape, seed=0):
    """Return seeded normal values in double precision."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def output(n_trials=6, seed=0, n_chans=1):
    """Return an output with random scores and three taps."""
    features = {
        name: randn(n_trials, 3 + i, 20 + i, seed=seed + i)
        for i, name in enumerate(("first", "second", "third"))
    }
    return Output(randn(n_trials, 4, seed=seed), features, randn(n_trials, 8))


def batch(n_trials=6):
    """Return a stand-in for a batch."""
    return SimpleNamespace(y=torch.arange(n_trials) % 4)


# -- references -------------------------------------------------------------------


def numpy_similarity_keeping(student_taps, teacher_taps):
    """Return the published loss by loops over trials, maps and pairs, in NumPy."""
    total = 0.0
    for f_s, f_t in zip(student_taps, teacher_taps, strict=True):
        n_trials = len(f_s)
        grams = []
        for f in (f_s, f_t):
            gram = np.zeros((n_trials, n_trials))
            for i in range(n_trials):
                for j in range(n_trials):
                    gram[i, j] = np.mean(
                        [np.corrcoef(f[i, m], f[j, m])[0, 1] for m in range(f.shape[1])]
                    )
            grams.append(gram)
        total += np.mean((grams[0] - grams[1]) ** 2)
    return total


@pytest.mark.parametrize("seed", range(3))
def test_similarity_keeping_equals_numpy_reference(seed):
    student, teacher = output(seed=seed), output(seed=seed + 50)
    taps = ("second", "third")
    expected = numpy_similarity_keeping(
        [student.features[tap].numpy() for tap in taps],
        [teacher.features[tap].numpy() for tap in taps],
    )
    value = SimilarityKeeping()(student, teacher, batch())
    assert value.shape == (6,)
    assert value.mean().item() == pytest.approx(expected, abs=1e-10)


def test_unrelated_trials_are_the_less_alike_the_more_samples_are_independent():
    """Their similarities have a variance of one over that number, the loss twice it."""
    n_trials, n_maps, n_steps, width = 200, 4, 60, 10
    above = np.triu_indices(n_trials, 1)

    def unrelated(seed, slow):
        white = randn(n_trials, n_maps, n_steps + width - 1, seed=seed)
        maps = white.unfold(2, width, 1).mean(dim=3) if slow else white[..., :n_steps]
        return trial_similarity(maps)

    expected = 1 / (n_maps * (n_steps - 1))
    one, other = unrelated(0, slow=False), unrelated(1, slow=False)
    assert np.var(one.numpy()[above]) == pytest.approx(expected, rel=0.05)
    loss = similarity_keeping_loss(one, other).mean().item()
    assert loss == pytest.approx(2 * expected, rel=0.05)
    slow = similarity_keeping_loss(unrelated(0, slow=True), unrelated(1, slow=True))
    assert slow.mean().item() > 5 * loss


def test_similarity_keeping_reads_the_last_taps_only():
    student, teacher = output(), output(seed=9)
    before = SimilarityKeeping()(student, teacher, batch())
    student.features["first"].mul_(7).add_(randn(6, 3, 20, seed=3))
    assert torch.equal(before, SimilarityKeeping()(student, teacher, batch()))
    student.features["second"].add_(randn(6, 4, 21, seed=3))
    assert not torch.allclose(before, SimilarityKeeping()(student, teacher, batch()))


def test_similarity_keeping_of_a_decoder_with_one_tap():
    student, teacher = output(), output(seed=9)
    student.features = {"third": student.features["third"]}
    value = SimilarityKeeping()(student, teacher, batch())
    assert torch.equal(value, SimilarityKeeping(1)(output(), teacher, batch()))


def test_similarity_keeping_of_other_widths():
    """Teacher and student may have other numbers of maps and steps."""
    teacher = output(seed=1)
    teacher.features = {tap: randn(6, 9, 31, seed=5) for tap in teacher.features}
    assert SimilarityKeeping()(output(), teacher, batch()).shape == (6,)


def test_kl_equals_numpy_and_scipy():
    from scipy.special import rel_entr, softmax

    student, teacher = randn(7, 4), randn(7, 4, seed=1)
    p_s, p_t = softmax(student / 3, axis=1), softmax(teacher / 3, axis=1)
    forward = kl_divergence(student, teacher, 3.0)
    assert forward.numpy() == pytest.approx(9 * rel_entr(p_t, p_s).sum(1), abs=1e-12)
    reverse = kl_divergence(student, teacher, 3.0, "reverse")
    assert reverse.numpy() == pytest.approx(9 * rel_entr(p_s, p_t).sum(1), abs=1e-12)


def test_kl_tends_to_half_the_squared_distance_of_centered_scores():
    """A lost factor of T squared, or a mean over classes, fails here."""
    student, teacher = randn(5, 4), randn(5, 4, seed=1)
    distance = (student - student.mean(1, keepdim=True)) - (
        teacher - teacher.mean(1, keepdim=True)
    )
    limit = distance.square().sum(1) / (2 * 4)
    value = kl_divergence(student, teacher, 1e4)
    assert value.numpy() == pytest.approx(limit.numpy(), rel=1e-3)


def test_cross_entropy_equals_sklearn():
    from sklearn.metrics import log_loss

    logits, y = randn(8, 4), torch.arange(8) % 4
    proba = torch.softmax(logits, 1).numpy()
    expected = log_loss(y.numpy(), proba, labels=range(4))
    assert cross_entropy(logits, y).mean().item() == pytest.approx(expected)


# -- properties -------------------------------------------------------------------


@pytest.mark.parametrize("criterion", [KL(), KL(2, "reverse"), SimilarityKeeping()])
def test_zero_when_student_equals_teacher_and_positive_otherwise(criterion):
    assert criterion(output(), output(), batch()).numpy() == pytest.approx(0, abs=1e-12)
    assert (criterion(output(), output(seed=70), batch()) > 0).all()


def test_similarity_ignores_positive_affine_changes_and_repeated_maps():
    features = randn(5, 4, 30)
    scale = randn(5, 4, 1, seed=2).abs() + 0.1
    shift = randn(5, 4, 1, seed=3)
    expected = trial_similarity(features)
    assert torch.allclose(trial_similarity(features * scale + shift), expected)
    assert torch.allclose(trial_similarity(features.repeat(1, 2, 1)), expected)
    assert not torch.allclose(trial_similarity(-features[:1] + features), expected)


def test_similarity_of_a_part_is_the_part_of_the_similarity():
    """What remembering a frozen teacher's matrix rests on."""
    features, part = randn(9, 4, 30), torch.tensor([7, 2, 4])
    whole = trial_similarity(features)
    assert torch.allclose(trial_similarity(features[part]), whole[part][:, part])


def test_similarity_of_a_constant_map_is_zero_not_nan():
    features = randn(3, 1, 10)
    features[0] = 2.0
    similarity = trial_similarity(features)
    assert torch.isfinite(similarity).all()
    assert similarity[0].abs().max() < 1e-6


def test_gradients():
    """Analytic gradients equal finite differences, in double precision."""
    features = randn(4, 3, 7).requires_grad_()
    assert torch.autograd.gradcheck(trial_similarity, (features,))
    target = trial_similarity(randn(4, 3, 7, seed=1))
    assert torch.autograd.gradcheck(
        lambda f: similarity_keeping_loss(trial_similarity(f), target), (features,)
    )
    logits = randn(4, 3).requires_grad_()
    for direction in ("forward", "reverse"):
        assert torch.autograd.gradcheck(
            lambda z, d=direction: kl_divergence(z, randn(4, 3, seed=2), 4.0, d),
            (logits,),
        )


def test_gradient_of_a_transposed_layer():
    """Features that do not lie in memory in order give the same gradient."""
    base = randn(4, 7, 3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda f: trial_similarity(f.transpose(1, 2)), (base,)
    )


def test_the_size_of_the_soft_gradient_does_not_depend_on_the_temperature():
    teacher = randn(32, 4, seed=1)
    sizes = []
    for temperature in (2.0, 20.0):
        logits = randn(32, 4).requires_grad_()
        kl_divergence(logits, teacher, temperature).mean().backward()
        sizes.append(logits.grad.norm().item())
    assert 0.4 < sizes[0] / sizes[1] < 2.5


# -- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KL(-4.0), r"'temperature' must be .* > 0, got -4.0. Typical values"),
        (lambda: KL(4, "both"), r"'direction' must be one of 'forward', 'reverse'"),
        (lambda: SimilarityKeeping(0), r"'n_taps' must be an integer >= 1, got 0"),
        (
            lambda: SimilarityKeeping()(output(), Output(None, {}, None), batch()),
            r"must have at least 1 tap each, got 3 and 0",
        ),
        (
            lambda: kl_divergence(randn(3, 2), randn(3, 4)),
            r"'teacher_logits' must have the shape .* \(3, 2\), got \(3, 4\)",
        ),
    ],
)
def test_errors_say_what_to_do(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_label_loss_needs_no_teacher():
    assert CrossEntropy()(output(), None, batch()).shape == (6,)


@pytest.mark.parametrize("level", [0.0, 0.1, 1e3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_map_that_is_constant_in_time_is_left_out(level, dtype):
    """Its mean may round, so that what is left is noise of rounding."""
    features = randn(5, 3, 301).to(dtype)
    features[2, 1] = level
    features.requires_grad_()
    similarity = trial_similarity(features)
    diagonal = torch.ones(5, dtype=dtype)
    diagonal[2] = 2 / 3
    torch.testing.assert_close(similarity.diagonal(), diagonal)
    (similarity * randn(5, 5, seed=3).to(dtype)).sum().backward()
    assert torch.equal(features.grad[2, 1], torch.zeros(301, dtype=dtype))
    assert 0 < features.grad.abs().max() < 10
    others = [0, 1, 3, 4]
    rest = trial_similarity(features[others])
    torch.testing.assert_close(similarity[others][:, others], rest)
