"""Criteria on features against independent references, shapes and gradients."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from eegkd.criteria.factors import (
    FactorTransfer,
    Paraphraser,
    ReviewKD,
    hierarchical_loss,
)
from eegkd.criteria.features import (
    VID,
    ActivationBoundary,
    AttentionTransfer,
    Hint,
    temporal_attention,
)
from eegkd.decoders import Output

REFERENCES = {
    "hint",
    "attention",
    "vid",
    "factor",
    "activation_boundary",
    "review",
    "paraphraser",
}

SAME = ((3, 20), (4, 20), (5, 12))  # maps and steps of three taps
OTHER = ((6, 31), (2, 20), (7, 9))
MAKERS = [Hint, AttentionTransfer, VID, FactorTransfer, ActivationBoundary, ReviewKD]
TRAINED = [Hint, VID, FactorTransfer, ActivationBoundary, ReviewKD, Paraphraser]


def output(shapes=SAME, n_trials=6, seed=0, dtype=torch.double):
    """Return an output with taps of given maps and steps."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.double).to(dtype)

    features = {f"{seed}-{i}": randn(n_trials, *s) for i, s in enumerate(shapes)}
    return Output(randn(n_trials, 4), features, None)


def batch(n_trials=6):
    """Return a stand-in for a batch."""
    return SimpleNamespace(y=torch.arange(n_trials) % 4)


def started(make, student, teacher, **options):
    """Return a criterion with its modules made from a fixed seed."""
    criterion = make(**options)
    if make in TRAINED:
        with torch.random.fork_rng():
            torch.manual_seed(3)
            criterion.start(student, teacher, batch())
    return criterion


def taps(out):
    """Return the features as arrays, from input to output."""
    return [value.numpy() for value in out.features.values()]


def pool(x, n_steps):
    """Average over time in windows as PyTorch's adaptive pooling defines them."""
    n = x.shape[-1]
    edges = [
        (int(np.floor(k * n / n_steps)), int(np.ceil((k + 1) * n / n_steps)))
        for k in range(n_steps)
    ]
    return np.stack([x[..., a:b].mean(-1) for a, b in edges], -1)


def mix(layer, x):
    """Apply a convolution of one step as a matrix product."""
    mixed = np.einsum("oi,bit->bot", layer.weight.detach().numpy()[:, :, 0], x)
    return mixed if layer.bias is None else mixed + layer.bias.detach().numpy()[:, None]


def convolve(layer, x):
    """Apply a convolution over three steps as a sum of three shifted products."""
    weight, bias = (p.detach().numpy() for p in (layer.weight, layer.bias))
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    n = x.shape[-1]
    return bias[:, None] + sum(
        np.einsum("oi,bit->bot", weight[:, :, k], padded[..., k : k + n])
        for k in range(3)
    )


def leaky(x):
    """Apply a rectifier with a slope of a tenth below zero."""
    return np.where(x > 0, x, 0.1 * x)


# -- references -------------------------------------------------------------------


@pytest.mark.parametrize("tap", [1, 2, 9])
def test_hint_equals_numpy(tap):
    student, teacher = output(), output(OTHER, seed=1)
    criterion = started(Hint, student, teacher, tap=tap)
    place = max(-tap, -3)
    s, t = taps(student)[place], taps(teacher)[place]
    n_steps = min(s.shape[2], t.shape[2])
    guess = mix(criterion.regressors[0], pool(s, n_steps))
    value = criterion(student, teacher, batch())
    assert value.shape == (6,)
    assert value.mean().item() == pytest.approx(
        np.mean((guess - pool(t, n_steps)) ** 2)
    )


def test_hint_with_the_identity_as_regressor_is_zero_for_equal_networks():
    student = output()
    criterion = started(Hint, student, student)
    with torch.no_grad():
        criterion.regressors[0].weight.copy_(torch.eye(4)[:, :, None])
        criterion.regressors[0].bias.zero_()
    assert criterion(student, student, batch()).abs().max() == 0


@pytest.mark.parametrize("power", [1, 2, 4])
def test_attention_equals_numpy(power):
    student, teacher = output(), output(OTHER, seed=1)
    expected = 0.0
    for s, t in zip(taps(student), taps(teacher), strict=True):
        n_steps = min(s.shape[2], t.shape[2])
        maps = []
        for features in (s, t):
            energy = pool((np.abs(features) ** power).mean(1), n_steps)
            maps.append(energy / np.linalg.norm(energy, axis=1, keepdims=True))
        expected += np.mean((maps[0] - maps[1]) ** 2)
    value = AttentionTransfer(power=power)(student, teacher, batch())
    assert value.shape == (6,)
    assert value.mean().item() == pytest.approx(expected, rel=1e-10)


def test_attention_ignores_scale_sign_order_and_copies_of_maps():
    features = output().features["0-1"]
    expected = temporal_attention(features)
    for other in (-7 * features, features.flip(1), features.repeat(1, 3, 1)):
        assert torch.allclose(temporal_attention(other), expected)
    assert not torch.allclose(temporal_attention(features.flip(2)), expected)


def test_attention_keeps_a_rhythm_when_time_gets_coarser():
    """Energy is averaged; the mean of the rhythm itself would vanish."""
    time = torch.arange(100) / 100
    burst = (torch.sin(2 * np.pi * 20 * time) * (time < 0.5))[None, None]
    attention = temporal_attention(burst, n_steps=4)[0]
    assert attention.tolist() == pytest.approx([0.5**0.5, 0.5**0.5, 0, 0], abs=1e-6)


def test_vid_equals_numpy():
    student, teacher = output(), output(OTHER, seed=1)
    criterion = started(VID, student, teacher, initial_variance=2.0)
    with torch.no_grad():
        for place, scale in enumerate(criterion.scales):
            start = torch.nn.functional.softplus(scale) + 1e-5
            assert start.tolist() == pytest.approx([2.0] * len(scale))
            scale.add_(0.3 * torch.arange(len(scale)) - place)
    expected = 0.0
    for s, t, mean, scale in zip(
        taps(student), taps(teacher), criterion.means, criterion.scales, strict=True
    ):
        n_steps = min(s.shape[2], t.shape[2])
        s, t = pool(s, n_steps), pool(t, n_steps)
        hidden = np.maximum(mix(mean[0], s), 0)
        hidden = np.maximum(mix(mean[2], hidden), 0)
        variance = np.log1p(np.exp(scale.detach().numpy()))[:, None] + 1e-5
        error = (mix(mean[4], hidden) - t) ** 2
        expected += np.mean(0.5 * (error / variance + np.log(variance)))
    value = criterion(student, teacher, batch())
    assert value.mean().item() == pytest.approx(expected, rel=1e-9)


def test_the_scales_of_vid_are_trained_and_find_the_variance_of_the_error():
    student, teacher = output(((3, 40),)), output(((2, 40),), seed=1)
    teacher.features["1-0"][:, 1] *= 3
    criterion = started(VID, student, teacher)
    assert [p.ndim for p in criterion.means.parameters()] == [3, 3, 3]  # no offsets
    with torch.no_grad():
        for parameter in criterion.means.parameters():
            parameter.zero_()
    optimizer = torch.optim.Adam(criterion.scales.parameters(), lr=0.1)
    for _ in range(400):
        optimizer.zero_grad()
        criterion(student, teacher, batch()).mean().backward()
        optimizer.step()
    variance = torch.nn.functional.softplus(criterion.scales[0]) + 1e-5
    expected = (teacher.features["1-0"] ** 2).mean(dim=(0, 2))
    assert variance.tolist() == pytest.approx(expected.tolist(), rel=1e-3)


def test_factor_equals_numpy():
    student, teacher = output(), output(OTHER, seed=1)
    paraphraser = started(Paraphraser, student, teacher)
    criterion = started(FactorTransfer, student, teacher, paraphraser=paraphraser)

    def chain(layers, x):
        for layer in layers:
            x = leaky(convolve(layer, x))
        return x

    encoder = [m for m in paraphraser.sides[0] if hasattr(m, "weight")]
    translator = [m for m in criterion.translators[0] if hasattr(m, "weight")]
    assert [m.out_channels for m in encoder] == [7, 3, 3]
    assert [m.out_channels for m in translator] == [5, 3, 3]
    factors = [
        pool(chain(translator, taps(student)[-1]), 9),
        chain(encoder, taps(teacher)[-1]),
    ]
    rows = [f.reshape(6, -1) for f in factors]
    rows = [r / np.linalg.norm(r, axis=1, keepdims=True) for r in rows]
    value = criterion(student, teacher, batch())
    assert value.mean().item() == pytest.approx(np.mean(np.abs(rows[0] - rows[1])))


def test_paraphraser_equals_numpy_and_depends_on_the_teacher_alone():
    student, teacher = output(), output(OTHER, seed=1)
    criterion = started(Paraphraser, student, teacher, tap=3, rate=2)
    x = taps(teacher)[0]
    encoder, decoder = (
        [m for m in side if hasattr(m, "weight")] for side in criterion.sides
    )
    for layer in encoder:
        x = leaky(convolve(layer, x))
    assert x.shape == (6, 12, 31)
    for layer in decoder[:-1]:
        x = leaky(convolve(layer, x))
    error = np.mean((convolve(decoder[-1], x) - taps(teacher)[0]) ** 2)
    value = criterion(student, teacher, batch())
    assert value.mean().item() == pytest.approx(error)
    assert torch.equal(value, criterion(output(seed=5), teacher, batch()))


def test_factor_transfer_leaves_the_paraphraser_as_it_is():
    student, teacher = output(), output(OTHER, seed=1)
    paraphraser = started(Paraphraser, student, teacher)
    criterion = started(FactorTransfer, student, teacher, paraphraser=paraphraser)
    trained = {id(p) for p in criterion.parameters() if p.requires_grad}
    assert trained == {id(p) for p in criterion.translators.parameters()}
    assert criterion.tap == paraphraser.tap
    criterion(student, teacher, batch()).sum().backward()
    assert all(p.grad is None for p in paraphraser.parameters())
    assert all(p.requires_grad for p in paraphraser.parameters())
    assert not any(p.requires_grad for p in criterion.paraphraser.parameters())


def test_activation_boundary_equals_a_reference_by_loops():
    """The published cases, one value at a time."""
    student, teacher = output(((2, 7), (3, 5))), output(((2, 7), (2, 5)), seed=1)
    criterion = started(ActivationBoundary, student, teacher, margin=0.7)
    sums = []
    for s, t, layer in zip(
        taps(student), taps(teacher), criterion.connectors, strict=True
    ):
        total = 0.0
        for a, b in zip(mix(layer, s).ravel(), t.ravel(), strict=True):
            if b <= 0 and a > -0.7:
                total += (a + 0.7) ** 2
            if b > 0 and a <= 0.7:
                total += (a - 0.7) ** 2
        sums.append(total / 6)  # per trial
    expected = (0.5 * sums[0] + sums[1]) * 3 / 1000
    value = criterion(student, teacher, batch())
    assert value.mean().item() == pytest.approx(expected)


def test_activation_boundary_is_zero_beyond_the_margin_and_ignores_the_size():
    teacher = output(((2, 7),), seed=1)
    signs = {"a": 1.01 * teacher.features["1-0"].sign()}
    student = Output(teacher.logits, signs, None)
    criterion = started(ActivationBoundary, student, teacher)
    with torch.no_grad():
        criterion.connectors[0].weight.copy_(torch.eye(2)[:, :, None])
        criterion.connectors[0].bias.zero_()
    assert criterion(student, teacher, batch()).abs().max() == 0
    teacher.features["1-0"] *= 100
    assert criterion(student, teacher, batch()).abs().max() == 0
    teacher.features["1-0"] *= -1
    assert (criterion(student, teacher, batch()) > 0).all()


def test_activation_boundary_leaves_out_taps_of_one_sign():
    student, teacher = output(), output(seed=1)
    teacher.features["1-2"].abs_()
    criterion = started(ActivationBoundary, student, teacher)
    assert criterion.used == [True, True, False]
    assert len(criterion.connectors) == 2
    before = criterion(student, teacher, batch())
    student.features["0-2"].neg_()
    assert torch.equal(before, criterion(student, teacher, batch()))


def test_hierarchical_loss_equals_numpy():
    """Published weights: 1, 1/2, 1/4, 1/8 over their sum; short layers have fewer."""
    for n_steps, levels in ((12, [4, 2, 1]), (4, [2, 1]), (1, [])):
        student, teacher = (output(((5, n_steps),), seed=k) for k in (0, 1))
        s, t = taps(student)[0], taps(teacher)[0]
        total, weights = np.mean((s - t) ** 2), 1.0
        for k, level in enumerate(levels, 1):
            total += np.mean((pool(s, level) - pool(t, level)) ** 2) / 2**k
            weights += 1 / 2**k
        value = hierarchical_loss(
            *student.features.values(), *teacher.features.values()
        )
        assert value.mean().item() == pytest.approx(total / weights)


def test_review_equals_numpy():
    student, teacher = output(), output(OTHER, seed=1)
    criterion = started(ReviewKD, student, teacher, n_mid=3)
    expected, later = 0.0, None
    for s, t, fusion in zip(
        taps(student)[::-1], taps(teacher)[::-1], criterion.fusions, strict=True
    ):
        fused = mix(fusion.enter, s)
        if later is not None:
            n = fused.shape[2]
            place = np.floor(np.arange(n) * later.shape[2] / n).astype(int)
            later = later[..., place]
            both = np.concatenate([fused, later], 1)
            gates = 1 / (1 + np.exp(-mix(fusion.attend, both)))
            fused = fused * gates[:, :1] + later * gates[:, 1:]
        later = fused
        answer = convolve(fusion.leave, fused)
        n_steps = min(answer.shape[2], t.shape[2])
        answer, t = pool(answer, n_steps), pool(t, n_steps)
        loss = np.mean((answer - t) ** 2)
        for k, level in enumerate((4, 2, 1), 1):
            loss += np.mean((pool(answer, level) - pool(t, level)) ** 2) / 2**k
        expected += loss / 1.875
    value = criterion(student, teacher, batch())
    assert value.shape == (6,)
    assert value.mean().item() == pytest.approx(expected)


def test_review_lets_late_layers_explain_early_ones():
    student, teacher = output(), output(seed=1)
    criterion = started(ReviewKD, student, teacher)
    student.features["0-2"].requires_grad_()
    early = {"1-0": teacher.features["1-0"], "1-1": teacher.features["1-1"]}
    fused = None
    for tap, fusion in zip(("0-2", "0-1"), criterion.fusions, strict=False):
        fused, answer = fusion(student.features[tap], fused)
    (answer - early["1-1"]).square().sum().backward()
    assert student.features["0-2"].grad.abs().max() > 0


# -- shapes, gradients, ends ------------------------------------------------------


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("shapes", [SAME, OTHER, ((1, 30),), ((4, 1), (4, 1))])
@pytest.mark.parametrize("n_trials", [1, 6])
def test_any_sizes_and_one_trial(make, shapes, n_trials):
    student = output(n_trials=n_trials)
    teacher = output(shapes, n_trials=n_trials, seed=1)
    criterion = started(make, student, teacher)
    for value in student.features.values():
        value.requires_grad_()
    value = criterion(student, teacher, batch(n_trials))
    value.sum().backward()
    assert value.shape == (n_trials,)
    assert torch.isfinite(value).all()
    grads = [v.grad for v in student.features.values() if v.grad is not None]
    assert grads
    assert all(torch.isfinite(grad).all() for grad in grads)


@pytest.mark.parametrize("make", MAKERS)
def test_constant_maps_give_finite_gradients(make):
    student, teacher = output(dtype=torch.float), output(seed=1, dtype=torch.float)
    criterion = started(make, student, teacher)
    for dead in (0.0, 2.0):
        for value in student.features.values():
            value.requires_grad_(False).fill_(dead).requires_grad_()
            value.grad = None
        loss = criterion(student, teacher, batch())
        loss.sum().backward()
        assert torch.isfinite(loss).all()
        for value in student.features.values():
            assert value.grad is None or value.grad.abs().max() < 1e3


@pytest.mark.parametrize("make", MAKERS)
def test_gradients(make):
    """Analytic gradients equal finite differences, in double precision."""
    student, teacher = output(((2, 6), (3, 4)), 3), output(((3, 5), (2, 4)), 3, seed=1)
    criterion = started(make, student, teacher)
    names = list(student.features)

    def loss(*features):
        made = Output(student.logits, dict(zip(names, features, strict=True)), None)
        return criterion(made, teacher, batch(3))

    inputs = tuple(value.requires_grad_() for value in student.features.values())
    assert torch.autograd.gradcheck(loss, inputs)


@pytest.mark.parametrize("make", MAKERS)
def test_each_trial_has_its_own_loss(make):
    student, teacher = output(), output(OTHER, seed=1)
    criterion = started(make, student, teacher)
    before = criterion(student, teacher, batch())
    for value in student.features.values():
        value[2] += 1 + value[2].abs()
    changed = ~torch.isclose(before, criterion(student, teacher, batch()))
    assert changed.tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize("make", TRAINED)
def test_modules_learn(make):
    """Every parameter gets a gradient, and steps along it lower the loss."""
    student, teacher = output(), output(OTHER, seed=1)
    criterion = started(make, student, teacher)
    optimizer = torch.optim.Adam(criterion.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = criterion(student, teacher, batch()).mean()
        loss.backward()
        assert all(p.grad is not None for p in criterion.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("make", TRAINED)
def test_starting_again_makes_the_modules_anew(make):
    student, teacher = output(), output(OTHER, seed=1)
    criterion = started(make, student, teacher)
    n_parameters = len(list(criterion.parameters()))
    criterion.start(student, teacher, batch())
    assert len(list(criterion.parameters())) == n_parameters


@pytest.mark.parametrize("make", TRAINED)
def test_a_criterion_that_was_not_started_says_so(make):
    with pytest.raises(RuntimeError, match="has no modules yet"):
        make()(output(), output(seed=1), batch())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hint(0), r"'tap' must be an integer >= 1, got 0"),
        (lambda: AttentionTransfer(0), r"'n_taps' must be an integer >= 1, got 0"),
        (lambda: AttentionTransfer(3, 0.5), r"'power' must be .* >= 1, got 0.5"),
        (lambda: VID(0), r"'n_taps' must be an integer >= 1, got 0"),
        (lambda: VID(1, 1e-6), r"'initial_variance' must be .* > 1e-05, got 1e-06"),
        (lambda: VID(minimum=0), r"'minimum' must be .* > 0, got 0"),
        (lambda: ActivationBoundary(0), r"'n_taps' must be an integer >= 1, got 0"),
        (lambda: ActivationBoundary(1, 0), r"'margin' must be .* > 0, got 0"),
        (lambda: Paraphraser(0), r"'tap' must be an integer >= 1, got 0"),
        (lambda: Paraphraser(1, 0), r"'rate' must be .* > 0, got 0"),
        (lambda: FactorTransfer(tap=0), r"'tap' must be an integer >= 1, got 0"),
        (lambda: ReviewKD(0), r"'n_taps' must be an integer >= 1, got 0"),
        (lambda: ReviewKD(1, 0), r"'n_mid' must be an integer >= 1, got 0"),
        (lambda: ReviewKD(1, 2, (0,)), r"'levels' must be an integer >= 1, got 0"),
        *[
            (
                lambda make=make: started(make, output(()), output())(
                    output(()), output(), batch()
                ),
                "must have at least 1 tap each, got 0 and 3",
            )
            for make in MAKERS
        ],
    ],
)
def test_errors_say_what_to_do(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_activation_boundary_refuses_a_teacher_without_signs():
    student, teacher = output(), output(seed=1)
    for value in teacher.features.values():
        value.abs_()
    with pytest.raises(ValueError, match="a tap with values of both signs"):
        ActivationBoundary().start(student, teacher, batch())


@pytest.mark.parametrize("make", [*MAKERS, Paraphraser])
def test_repr_can_be_evaluated(make):
    assert repr(eval(repr(make()))) == repr(make())
