"""Flatness probes against spectra that are known, and that they change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from eegkd.criteria import CrossEntropy
from eegkd.decoders import Decoder, build_decoder
from eegkd.distillation.flatness import flatness, top_hessian_eigenvalue
from eegkd.samplers import TrialSampler
from eegkd.view import View

from .conftest import CH_22, make_trials


class Quadratic(nn.Module):
    """Its first score is half of w A w for a weight of some filters."""

    def __init__(self, matrix, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.as_tensor(weight, dtype=torch.float64))
        self.register_buffer("matrix", torch.as_tensor(matrix, dtype=torch.float64))
        self.final_layer = nn.Identity()

    def forward(self, x):
        """Return the same two scores for every trial."""
        w = self.weight.flatten()
        value = 0.5 * w @ self.matrix @ w
        return self.final_layer(value.expand(len(x), 2))


def first_score(output, teacher, batch):
    """Return the first score as the loss of each trial."""
    return output.logits[:, 0]


def sampler(n_trials=12, batch_size=5, n_classes=3):
    """Return a few trials, the last batch not full."""
    trials = make_trials(n_subjects=1, n_per_class=4, n_times=160)
    codes = np.searchsorted(trials.classes, trials.y)[:n_trials] % n_classes
    return TrialSampler.from_arrays(trials.X[:n_trials], codes, batch_size=batch_size)


def quadratic(eigenvalues, weight, seed=0):
    """Return a decoder whose loss has a Hessian of known eigenvalues."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal([len(eigenvalues)] * 2))[0]
    matrix = basis @ np.diag(eigenvalues) @ basis.T
    return Decoder(
        Quadratic(matrix, weight), View("headband", CH_22, standardize=None), {}
    )


def decoder(name="SCCNet", trials=None, **options):
    """Return an untrained decoder on the headphone."""
    view = View("headphone", CH_22).fit((trials or sampler()).X)
    return build_decoder(
        name, view, n_outputs=3, n_times=160, sfreq=125.0, random_state=0, **options
    )


class Softmax(nn.Module):
    """Softmax regression on the power of each electrode; no dropout."""

    def __init__(self, n_chans, n_outputs):
        super().__init__()
        self.final_layer = nn.Linear(n_chans, n_outputs)

    def forward(self, x):
        """Return the scores."""
        return self.final_layer(x.square().mean(dim=2))


@pytest.mark.parametrize(
    ("eigenvalues", "top"),
    [
        ((4.0, 2.0, 1.0, 0.5), 4.0),
        ((-9.0, 3.0, 1.0, 0.0), 3.0),  # the largest size is not the largest value
        ((-3.0, -1.0, -2.0, -0.5), -0.5),
        ((0.0, 0.0, 0.0, 0.0), 0.0),
    ],
)
def test_top_eigenvalue_of_a_known_spectrum(eigenvalues, top):
    model = quadratic(eigenvalues, np.ones((2, 2)))
    value = top_hessian_eigenvalue(model, sampler(), n_iter=60, criterion=first_score)
    assert value == pytest.approx(top, abs=1e-6)


def test_top_eigenvalue_equals_that_of_the_whole_matrix():
    """Softmax regression, whose second derivatives autograd can write out."""
    trials = sampler()
    model = Decoder(Softmax(7, 3), View("headphone", CH_22).fit(trials.X), {}).double()
    x = model.view(trials.X).double()
    power = x.square().mean(dim=2)

    def loss(flat):
        weight, bias = flat[:21].view(3, 7), flat[21:]
        return nn.functional.cross_entropy(power @ weight.T + bias, trials.y)

    flat = torch.cat([p.detach().flatten() for p in model.parameters()])
    hessian = torch.autograd.functional.hessian(loss, flat)
    expected = torch.linalg.eigvalsh(hessian)[-1].item()
    double = TrialSampler(trials.X.double(), trials.y, trials.subject, batch_size=5)
    value = top_hessian_eigenvalue(model, double, n_iter=200)
    assert value == pytest.approx(expected, rel=1e-5)
    few = top_hessian_eigenvalue(model, double, n_iter=1)
    assert few < value  # one step is not enough, and never too much


def test_rise_on_an_even_bowl_is_exact():
    """Every direction rises by r^2 |w|^2 curvature / 2."""
    weight = np.array([[3.0, 4.0], [0.0, 2.0]])
    model = quadratic([5.0] * 4, weight)
    rise = flatness(model, sampler(), radius=0.2, criterion=first_score)
    assert rise == pytest.approx(0.5 * 0.2**2 * (25 + 4) * 5.0)


def test_rise_tends_to_the_mean_curvature():
    weight = np.array([[1.0, 2.0, -2.0, 4.0]])
    model = quadratic([8.0, 1.0, 0.0, -1.0], weight)
    rise = flatness(
        model, sampler(n_trials=2), radius=0.1, n_directions=3000, criterion=first_score
    )
    assert rise == pytest.approx(0.5 * 0.1**2 * 25 * 2.0, rel=0.06)


def test_filters_of_no_length_and_biases_are_not_shaken():
    model = quadratic([5.0] * 3, np.ones(3))  # one axis: a bias
    assert flatness(model, sampler(), criterion=first_score) == 0
    model = quadratic([5.0] * 4, np.zeros((2, 2)))
    assert flatness(model, sampler(), criterion=first_score) == 0


def test_rise_does_not_see_a_scale_that_normalization_undoes():
    class Normalized(nn.Module):
        def __init__(self, scale):
            super().__init__()
            torch.manual_seed(0)
            self.conv = nn.Conv1d(7, 4, 5)
            self.norm = nn.BatchNorm1d(4, eps=0)
            self.final_layer = nn.Linear(4, 3)
            with torch.no_grad():
                self.conv.weight.mul_(scale)
                self.conv.bias.mul_(scale)
                self.norm.running_mean.fill_(0.1 * scale)
                self.norm.running_var.fill_(0.3 * scale**2)

        def forward(self, x):
            return self.final_layer(self.norm(self.conv(x)).square().mean(dim=2))

    trials = sampler()
    view = View("headphone", CH_22).fit(trials.X)
    small, large = (
        flatness(Decoder(Normalized(scale), view, {}), trials) for scale in (1.0, 32.0)
    )
    assert abs(small) > 1e-4
    assert large == pytest.approx(small, rel=1e-3)


def test_a_larger_step_rises_more():
    trials, model = sampler(), decoder()
    rises = [flatness(model, trials, radius=radius) for radius in (0.05, 0.5)]
    assert abs(rises[0]) < abs(rises[1])


@pytest.mark.parametrize("name", ["SCCNet", "EEGNet", "EEGConformer", "ATCNet"])
def test_probes_change_nothing(name):
    """Weights, buffers, modes, gradients and the random state are as before."""
    trials = sampler(n_trials=6)
    model = decoder(name, trials).train()
    next(iter(model.network.children())).eval()
    modes = [module.training for module in model.modules()]
    state = {key: value.clone() for key, value in model.state_dict().items()}
    random_state = torch.get_rng_state()
    rise = flatness(model, trials, n_directions=1)
    top = top_hessian_eigenvalue(model, trials, n_iter=2)
    assert np.isfinite([rise, top]).all()
    assert rise != 0
    assert top != 0
    assert [module.training for module in model.modules()] == modes
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert all(torch.equal(state[k], v) for k, v in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)


def test_probes_do_not_depend_on_the_batches_and_repeat_by_seed():
    model = decoder().double()
    view = model.view
    values = []
    for batch_size in (5, 12):
        trials = sampler(batch_size=batch_size)
        trials.X = trials.X.double()
        view.fit(trials.X)
        values.append(
            (flatness(model, trials), top_hessian_eigenvalue(model, trials, n_iter=3))
        )
    assert values[0] == pytest.approx(values[1], rel=1e-6)
    assert flatness(model, trials) == values[1][0]
    assert flatness(model, trials, random_state=1) != values[1][0]


def test_probes_of_a_frozen_decoder():
    """Parameters that ask for no gradient have curvature all the same."""
    trials = sampler(n_trials=6)
    model = decoder(trials=trials)
    expected = top_hessian_eigenvalue(model, trials, n_iter=2)
    model.requires_grad_(False)
    assert top_hessian_eigenvalue(model, trials, n_iter=2) == expected


def test_the_criterion_is_the_cross_entropy():
    trials, model = sampler(), decoder()
    assert flatness(model, trials) == flatness(model, trials, criterion=CrossEntropy())


@pytest.mark.parametrize(
    ("probe", "arguments", "message"),
    [
        (flatness, {"radius": 0}, r"'radius' must be .* > 0, got 0. Typical values"),
        (flatness, {"n_directions": 0}, r"'n_directions' must be an integer >= 1"),
        (flatness, {"random_state": -1}, r"'random_state' must be an integer >= 0"),
        (top_hessian_eigenvalue, {"n_iter": 0}, r"'n_iter' must be an integer >= 1"),
        (
            top_hessian_eigenvalue,
            {"random_state": -1},
            r"'random_state' must be an integer >= 0",
        ),
    ],
)
def test_errors_say_what_to_do(probe, arguments, message):
    with pytest.raises(ValueError, match=message):
        probe(quadratic([1.0] * 4, np.ones((2, 2))), sampler(), **arguments)
