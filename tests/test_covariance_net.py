"""CovarianceNet: band covariances, running means, logarithms, and what it learns."""

import numpy as np
import pytest
import torch
from pyriemann.tangentspace import TangentSpace

from eegkd import DecoderClassifier, DistilledClassifier
from eegkd.decoders.covariance import (
    CovarianceNet,
    MatrixLogarithm,
    MeanCovariance,
)
from eegkd.persistence import load_classifier, save_classifier

CH_NAMES = ["Fz", "C3", "Cz", "C4", "Pz"]
SFREQ = 100.0


def noise(n_trials=20, n_chans=5, n_times=200, seed=0):
    """Return mixed noise, another mixture in each trial."""
    rng = np.random.default_rng(seed)
    mixing = np.eye(n_chans) + 0.4 * rng.standard_normal((n_trials, n_chans, n_chans))
    return mixing @ rng.standard_normal((n_trials, n_chans, n_times))


def make(n_chans=5, n_times=200, **options):
    torch.manual_seed(0)
    return CovarianceNet(n_chans, 2, n_times, SFREQ, **options).double()


def correlated(n_trials=80, seed=0):
    """Return trials of two classes that differ in one correlation at 10 Hz alone."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_trials) % 2
    X = rng.standard_normal((n_trials, len(CH_NAMES), 200))
    wave = np.cos(2 * np.pi * (10 * np.arange(200) / SFREQ + rng.random((n_trials, 1))))
    X[:, 1] += wave
    X[:, 3] += np.where(y == 1, 1, -1)[:, None] * wave
    return 1e-5 * X, np.array(["apart", "together"])[y]


def test_band_covariances_are_those_of_filtered_trials():
    X = noise()
    bands = [(8, 14), (20.0, 31.5)]
    net = make(bands=bands, shrinkage=0.05)
    found = net.covariance(torch.as_tensor(X)).numpy()
    spectrum, frequencies = np.fft.rfft(X), np.fft.rfftfreq(200, 1 / SFREQ)
    for place, (low, high) in enumerate(bands):
        inside = (frequencies >= low) & (frequencies < high)
        filtered = np.fft.irfft(spectrum * inside)
        expected = filtered @ filtered.transpose(0, 2, 1) / 200
        power = np.trace(expected, axis1=1, axis2=2)[:, None, None] / 5
        expected = 0.95 * expected + 0.05 * power * np.eye(5)
        np.testing.assert_allclose(found[:, place], expected, rtol=1e-6)


def test_default_bands_are_those_that_the_trials_have():
    def counts(net):
        return [one.stop - one.start for one in net.covariance.slices]

    # Two seconds at 100 Hz: half a hertz from one frequency to the next, and no 0 Hz.
    assert counts(make()) == [99, 12, 32]
    assert counts(CovarianceNet(5, 2, 80, 40.0)) == [39, 12]
    assert counts(CovarianceNet(5, 2, 10, 100.0)) == [4, 1, 1]


def test_vectors_are_those_of_the_tangent_space():
    """Their inner products, that is: a rotation is free."""
    X = torch.as_tensor(noise())
    net = make(bands=[(1, 40)])
    net.reference(net.covariance(X))
    net.eval()
    covariance = net.covariance(X)
    vectors = net.tangent(covariance, net.reference(covariance))[:, 0].numpy()
    theirs = TangentSpace(metric={"mean": "euclid", "map": "riemann"})
    theirs = theirs.fit_transform(covariance[:, 0].numpy())
    np.testing.assert_allclose(vectors @ vectors.T, theirs @ theirs.T, rtol=1e-8)


def test_the_gradient_of_the_logarithm_exists_where_eigenvalues_are_equal():
    spread = torch.as_tensor(noise(3, 4)).double()
    matrices = spread @ spread.mT / 200
    for matrix in (matrices, torch.eye(3).double()):
        assert torch.autograd.gradcheck(logarithm, matrix.clone().requires_grad_())
    assert torch.autograd.gradgradcheck(logarithm, matrices.requires_grad_())


def logarithm(matrices):
    return MatrixLogarithm.apply((matrices + matrices.mT) / 2)


@pytest.mark.parametrize("n_filters", [None, 3])
@pytest.mark.parametrize("kind", ["average", "few", "flat", "volts"])
def test_matrices_without_full_rank_are_no_trouble(kind, n_filters):
    X = torch.as_tensor(noise(n_chans=8, n_times=12 if kind == "few" else 200)).float()
    if kind == "average":
        X = X - X.mean(dim=1, keepdim=True)
    if kind == "flat":
        X[3] = 0
    if kind == "volts":
        X = X * 1e-6
    net = CovarianceNet(8, 2, X.shape[-1], SFREQ, n_filters=n_filters)
    for mode in (True, False):
        X.grad = None
        scores = net.train(mode)(X.requires_grad_())
        scores.square().sum().backward()
        assert torch.isfinite(scores).all()
        assert torch.isfinite(X.grad).all()
        for name, parameter in net.named_parameters():
            assert torch.isfinite(parameter.grad).all(), name


def test_the_mean_is_that_of_all_trials_whatever_their_batches():
    matrices = torch.as_tensor(noise(10, 3, 3)).double().unsqueeze(1)
    mean = MeanCovariance(1, 3).double()
    assert torch.equal(mean.eval()(matrices)[0], torch.eye(3).double())
    mean.train()
    for batch in matrices.split([4, 5, 1]):
        mean(batch)
    torch.testing.assert_close(mean.eval()(matrices), matrices.mean(dim=0))
    # As where batch statistics are computed anew: momentum is the share of a batch.
    mean.reset_running_stats()
    mean.train()
    for batch, seen in zip(matrices.split([4, 5, 1]), (4, 9, 10), strict=True):
        mean.momentum = len(batch) / seen
        mean(batch)
    torch.testing.assert_close(mean.eval()(matrices), matrices.mean(dim=0))
    mean.momentum = 0.02
    mean.num_batches_tracked.fill_(10**6)  # from then on the latest trials count more
    before = mean.running_mean.clone()
    mean.train()(matrices[:1])
    torch.testing.assert_close(
        mean.running_mean, 0.98 * before + 0.02 * matrices[0], check_dtype=False
    )
    mean.reset_running_stats()
    assert torch.equal(mean.eval()(matrices)[0], torch.eye(3).double())


def test_in_eval_mode_a_trial_is_decoded_by_itself():
    X = torch.as_tensor(noise())
    net = make(n_filters=3)
    net(X)
    net.eval()
    together = net(X)
    alone = torch.cat([net(x[None]) for x in X])
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(net(X.flip(0)).flip(0), together)


def test_many_electrodes_are_filtered_to_sixteen():
    assert make(n_chans=16).filters is None
    assert make(n_chans=17).filters.weight.shape == (16, 17)
    assert make(n_chans=17, n_filters=17).filters is None
    assert make(n_filters=2).maps.weight.shape == (3, 3, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bands": [(8, 60)]}, r"from 0 to 50 Hz, .* got \(8, 60\)"),
        ({"bands": [(12, 8)]}, r"a lower and a higher frequency .* got \(12, 8\)"),
        (
            {"bands": [(8, 10), (8, 9, 10)]},
            r"must be a lower and a higher .* got \(8, 9, 10\)",
        ),
        (
            {"bands": [(8.1, 8.4)]},
            r"multiples of 0.5 Hz, got \(8.1, 8.4\). Use a wider band",
        ),
        ({"bands": []}, "'bands' must hold at least one pair"),
        ({"shrinkage": 0}, "'shrinkage' must be a finite number > 0"),
        ({"n_filters": 6}, "'n_filters' must be at most .* 5, got 6"),
        ({"n_dims": 0}, "'n_dims' must be an integer >= 1"),
    ],
)
def test_bad_values_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_it_learns_a_correlation_that_power_does_not_show():
    X, y = correlated()
    settings = {"ch_names": CH_NAMES, "sfreq": SFREQ, "units": "V", "device": "cpu"}
    classifier = DecoderClassifier(
        decoder="CovarianceNet",
        decoder_options={"bands": [(4, 40), (8, 12)]},
        max_epochs=30,
        batch_size=16,
        lr=3e-3,
        weight_decay=0.0,
        **settings,
    ).fit(X, y)
    new, truth = correlated(seed=1)
    assert (classifier.predict(new) == truth).mean() > 0.95


@pytest.mark.parametrize("method", ["sk_kd", "fitnet"])
def test_it_is_taught_and_saved(method, tmp_path):
    X, y = correlated(40)
    student = DistilledClassifier(
        ["C3", "C4", "Pz"],
        method,
        student="CovarianceNet",
        max_epochs=2,
        ch_names=CH_NAMES,
        sfreq=SFREQ,
        units="V",
        device="cpu",
    ).fit(X, y)
    assert len(student.history_.rows) == 2
    save_classifier(student, tmp_path / "student")
    again = load_classifier(tmp_path / "student")
    np.testing.assert_array_equal(again.predict_proba(X), student.predict_proba(X))
