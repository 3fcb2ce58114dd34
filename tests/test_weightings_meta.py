"""Weights that follow the epoch, and weights that are learned on held-out labels."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from eegkd.criteria import KL, CrossEntropy
from eegkd.decoders import Output, build_decoder
from eegkd.samplers import TrialSampler
from eegkd.teachers import Virtual
from eegkd.view import View
from eegkd.weightings import Context, MetaLearned, Schedule
from eegkd.weightings.meta import head_meta_gradient

from .conftest import CH_22, make_trials


def context(epoch=0, training=True, batch=None, n_terms=2, n_batch=3):
    """Return what a weighting is shown."""
    losses = torch.ones(n_terms, n_batch, dtype=torch.float64)
    output = Output(torch.zeros(n_batch, 3), {}, None)
    return Context(epoch, losses, output, batch, training=training)


# -- schedule ---------------------------------------------------------------------


def test_steps_hold_until_the_next_point():
    schedule = Schedule({5: (1.0, 0.0), 2: (0.1, 0.9)})
    assert [schedule.at(epoch) for epoch in (0, 2, 4)] == [[0.1, 0.9]] * 3
    assert [schedule.at(epoch) for epoch in (5, 500)] == [[1.0, 0.0]] * 2


def test_a_line_goes_from_point_to_point():
    schedule = Schedule({0: (1, 0), 4: (0, 2)}, between="linear")
    assert schedule.at(1) == [0.75, 0.5]
    assert schedule.at(4) == schedule.at(9) == [0, 2]


def test_schedule_fits_the_losses():
    weights = Schedule({0: (0.1, 0.9), 1: (1, 0)})(context(epoch=1))
    assert weights.shape == (2, 1)
    assert weights.dtype == torch.float64
    assert weights.flatten().tolist() == [1, 0]


def test_validation_weights_do_not_move():
    schedule = Schedule({0: (0.1, 0.9), 5: (1, 0)})
    told = Schedule({0: (0.1, 0.9), 5: (1, 0)}, valid=(0.5, 0.25))
    for epoch in (0, 4, 5):
        assert schedule(context(epoch, False)).flatten().tolist() == [1, 0]
        assert told(context(epoch, False)).flatten().tolist() == [0.5, 0.25]
    assert "valid=[0.5, 0.25]" in repr(told)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"points": {}}, ValueError, "'points' must name at least one epoch"),
        ({"points": [(0, 1)]}, TypeError, "'points' must be a mapping"),
        ({"points": {-1: (1,)}}, ValueError, "'points' must be an integer >= 0"),
        ({"points": {0: (-1,)}}, ValueError, "'points' must be a finite number >= 0"),
        ({"points": {0: (1,), 2: (1, 1)}}, ValueError, r"got \[1, 2\] weights"),
        ({"points": {0: ()}}, ValueError, "one weight for each term"),
        ({"points": {0: (1,)}, "valid": (1, 1)}, ValueError, r"got \[1, 2\] weights"),
        ({"points": {0: (1,)}, "between": "cosine"}, ValueError, "'between' must be"),
    ],
)
def test_wrong_schedules(arguments, error, message):
    with pytest.raises(error, match=message):
        Schedule(**arguments)


# -- the derivative ---------------------------------------------------------------


@pytest.mark.parametrize("lr", [1e-3, 0.3])
def test_meta_gradient_equals_autograd_through_a_step(lr):
    generator = torch.Generator().manual_seed(0)

    def randn(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    n, n_valid, n_dims, n_classes = 7, 5, 6, 4
    e, e_valid, teacher = randn(n, n_dims), randn(n_valid, n_dims), randn(n, n_classes)
    y, y_valid = torch.arange(n) % n_classes, torch.arange(n_valid) % n_classes
    matrix = randn(n_classes, n_dims).requires_grad_()
    bias = randn(n_classes).requires_grad_()
    weights = randn(2, n).abs().requires_grad_()

    def terms(logits):
        soft = F.kl_div(
            (logits / 4).log_softmax(1), (teacher / 4).softmax(1), reduction="none"
        )
        return torch.stack(
            [F.cross_entropy(logits, y, reduction="none"), 16 * soft.sum(1)]
        )

    # The reference: a real step of gradient descent, kept in the graph.
    loss = (weights * terms(F.linear(e, matrix, bias))).sum()
    slopes = torch.autograd.grad(loss, (matrix, bias), create_graph=True)
    moved = F.linear(e_valid, matrix - lr * slopes[0], bias - lr * slopes[1])
    expected = torch.autograd.grad(F.cross_entropy(moved, y_valid), weights)[0]

    logits = F.linear(e, matrix, bias).detach().requires_grad_()
    gradients = torch.stack(
        [torch.autograd.grad(term.sum(), logits)[0] for term in (terms(logits)[0],)]
        + [torch.autograd.grad(terms(logits)[1].sum(), logits)[0]]
    )
    found = head_meta_gradient(
        weights.detach(),
        gradients,
        e,
        F.linear(e_valid, matrix, bias).detach(),
        e_valid,
        y_valid,
        lr,
    )
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.fixture(scope="module")
def data():
    """Return training trials, held-out trials and an untrained decoder."""
    trials = make_trials(n_subjects=1)
    codes = np.searchsorted(trials.classes, trials.y)
    train = TrialSampler.from_arrays(trials.X[:36], codes[:36], batch_size=10)
    valid = TrialSampler.from_arrays(trials.X[36:], codes[36:], shuffle=False)
    view = View("headphone", CH_22).fit(train.X)
    decoder = build_decoder(
        "SCCNet", view, n_outputs=3, n_times=160, sfreq=125.0, random_state=0
    )
    return train, valid, decoder


def learned(data, **settings):
    """Return meta-learned weights of labels and smoothed labels."""
    train, valid, decoder = data
    terms = [(CrossEntropy(), None), (KL(4.0), Virtual(3, 0.6))]
    return MetaLearned(decoder, terms, train, valid, **settings)


def test_the_derivative_of_a_real_decoder_is_exact(data):
    """One official step against differences of the held-out loss after a real step."""
    train, valid, decoder = data
    decoder = copy.deepcopy(decoder).double().eval()
    train = TrialSampler(train.X.double(), train.y, train.subject, batch_size=36)
    valid = TrialSampler(valid.X.double(), valid.y, valid.subject, shuffle=False)
    step, lr = 1e-3, 1e-3
    meta = learned(
        (train, valid, decoder),
        normalized=False,
        step=step,
        repeats=1,
        lr=lr,
        every=1,
        initial=(0.5, 0.7),
    )
    meta.weights_ = meta.weights_.double()
    before = meta.weights_.clone()
    meta.start_epoch(1)
    derivative = (before - meta.weights_) / step

    last = decoder.network.get_submodule(decoder.embedding_tap.path)
    start = {name: value.clone() for name, value in last.state_dict().items()}

    def held_out_loss(weights):
        """Take the step on the last layer itself, look, and undo it."""
        batch = train.batch(torch.arange(36))
        output = decoder(batch.seen_by(decoder.view))
        losses = torch.stack(
            [
                criterion(output, None if who is None else who(batch), batch)
                for criterion, who in meta.terms
            ]
        )
        parameters = list(last.parameters())
        slopes = torch.autograd.grad((weights * losses).sum(), parameters)
        with torch.no_grad():
            for parameter, slope in zip(parameters, slopes, strict=True):
                parameter -= lr * slope
            batch = valid.batch(torch.arange(36))
            logits = decoder(batch.seen_by(decoder.view)).logits
        last.load_state_dict(start)
        return F.cross_entropy(logits, batch.y).item()

    for term, trial in ((0, 0), (0, 17), (1, 5), (1, 35)):
        shifted = [before.clone(), before.clone()]
        shifted[0][term, trial] += 1e-4
        shifted[1][term, trial] -= 1e-4
        expected = (held_out_loss(shifted[0]) - held_out_loss(shifted[1])) / 2e-4
        assert derivative[term, trial].item() == pytest.approx(expected, rel=1e-4)


# -- the weighting ----------------------------------------------------------------


def test_weights_are_kept_by_index_and_start_as_told(data):
    meta = learned(data)
    assert meta.weights_.shape == (2, 36)
    meta.weights_ = torch.arange(72.0).reshape(2, 36)
    batch = data[0].batch(torch.tensor([4, 0, 35]))
    assert meta(context(batch=batch)).tolist() == [[4, 0, 35], [40, 36, 71]]
    weights = meta(context(batch=batch, training=False))
    torch.testing.assert_close(weights, torch.tensor([[0.1], [0.9]]).double())


def test_weights_move_when_it_is_time(data):
    meta = learned(data, every=3)
    for epoch in range(7):
        before = meta.weights_.clone()
        meta.start_epoch(epoch)
        assert torch.equal(before, meta.weights_) is (epoch not in (3, 6)), epoch
    assert meta.n_updates_ == 2


def test_all_held_out_trials_judge_in_turn(data):
    """Updates of two batches go on through five held-out batches."""
    train, valid, decoder = data
    valid = TrialSampler(valid.X, valid.y, valid.subject, batch_size=8, shuffle=False)
    meta, seen = learned((train, valid, decoder), every=1, n_batches=2), []
    output = meta._output

    def watch(batch):
        if batch.sampler is valid:
            seen.append(int(batch.index[0]) // 8)
        return output(batch)

    meta._output = watch
    for epoch in range(5):
        meta.start_epoch(epoch)
    assert seen == [0, 1, 2, 3, 4, 0, 1, 2]


def test_a_new_training_begins_with_the_initial_weights(data):
    meta, states = learned(data, every=1), []
    for _ in range(2):
        for epoch in range(3):
            meta.start_epoch(epoch)
            states.append((meta.n_updates_, meta.weights_.clone()))
    for (n_first, first), (n_second, second) in zip(
        states[:3], states[3:], strict=True
    ):
        assert n_first == n_second
        assert torch.equal(first, second)
    assert not torch.equal(states[2][1], states[3][1])


def test_normalized_weights_move_at_one_pace(data):
    """By the step times the repeats, as a root mean square, however large the lr."""
    for lr in (1e-6, 1e-3, 10.0):
        meta = learned(data, every=1, initial=(1.0, 1.0), lr=lr, n_batches=4)
        meta.start_epoch(1)
        moved = (meta.weights_ - 1).square().mean(dim=1).sqrt()
        assert ((moved > 0.08) & (moved <= 0.1001)).all(), moved


def test_weights_stay_inside_their_bounds(data):
    meta = learned(data, every=1, step=10.0)
    meta.start_epoch(1)
    assert meta.weights_.min() >= 0
    assert meta.weights_.max() <= 2
    at_bounds = (meta.weights_ < 1e-6) | (meta.weights_ > 2 - 1e-6)
    assert at_bounds.double().mean() > 0.9


def test_official_step_takes_the_derivatives_as_they_are(data):
    small, large = (
        learned(data, every=1, initial=(1, 1), normalized=False, step=s, repeats=1)
        for s in (1.0, 2.0)
    )
    for meta in (small, large):
        meta.weights_ = meta.weights_.double()
        meta.start_epoch(1)
    torch.testing.assert_close(
        2 * (small.weights_ - 1), large.weights_ - 1, rtol=1e-3, atol=1e-6
    )
    assert (small.weights_ - 1).abs().max() > 1e-4
    assert learned(data, normalized=False).step == 1500
    assert "step=1500" in repr(learned(data, normalized=False))


def test_an_update_leaves_decoder_and_random_state_alone(data):
    decoder = data[2].train()
    weights = {k: v.clone() for k, v in decoder.state_dict().items()}
    torch.manual_seed(3)
    state = torch.get_rng_state()
    learned(data, every=1).start_epoch(1)
    assert decoder.training
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(v, weights[k]) for k, v in decoder.state_dict().items())
    assert all(parameter.grad is None for parameter in decoder.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"initial": (0.1,)}, "'initial' must hold one weight for each of the 2 terms"),
        ({"initial": (0.0, 0.9)}, "'initial' must be a finite number > 0"),
        ({"initial": (0.1, 2.0)}, "'initial' must be .* <= 2"),
        ({"lr": 0}, "'lr' must be a finite number > 0"),
        ({"every": 0}, "'every' must be an integer >= 1"),
        ({"step": 0}, "'step' must be a finite number > 0"),
        ({"repeats": 0}, "'repeats' must be an integer >= 1"),
        ({"n_batches": 0}, "'n_batches' must be an integer >= 1"),
    ],
)
def test_wrong_settings(data, settings, message):
    with pytest.raises(ValueError, match=message):
        learned(data, **settings)


def test_a_decoder_without_embedding_is_an_error(data):
    meta = learned(data, every=1)
    meta._output = lambda batch: Output(torch.zeros(len(batch), 3), {}, None)
    with pytest.raises(ValueError, match="'decoder' must have an embedding, got an"):
        meta.start_epoch(1)
