"""SpectrumNet: the features are those of a Fourier transform, and what it learns."""

import numpy as np
import pytest
import torch

from eegkd import DecoderClassifier
from eegkd.decoders.spectrum import SpectrumNet

SFREQ = 100.0
CH_NAMES = ["O1", "Oz", "O2"]


def noise(n_trials=20, n_chans=3, n_times=200, seed=0):
    return np.random.default_rng(seed).standard_normal((n_trials, n_chans, n_times))


def flicker(locked, n_trials=60, seed=0):
    """Return trials of 8 or 11 Hz, whose phase is that of the trial or anything."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_trials) % 2
    phases = np.zeros(n_trials) if locked else rng.uniform(0, 2 * np.pi, n_trials)
    turns = np.where(y == 1, 8, 11)[:, None] * np.arange(200) / SFREQ
    X = noise(n_trials, seed=seed)
    X[:, 1] += 0.7 * np.cos(2 * np.pi * turns + phases[:, None])
    return 1e-5 * X, np.array(["11", "8"])[y]


def test_features_are_standardized_parts_of_the_spectrum():
    X = noise()
    net = SpectrumNet(3, 2, 200, SFREQ, low=10, high=20, n_filters=3, phase=0.25)
    found = net.parts(net.filters(net.spectrum(torch.tensor(X).float())).mT)
    spectrum, frequencies = np.fft.rfft(X), np.fft.rfftfreq(200, 1 / SFREQ)
    spectrum = spectrum[..., (frequencies >= 10) & (frequencies < 20)]
    parts = [0.25, 0.25, 1.0]
    for k, values in enumerate([spectrum.real, spectrum.imag, np.abs(spectrum)]):
        scaled = (values - values.mean(axis=0)) / values.std(axis=0)
        mine = found[:, 3 * k : 3 * k + 3].detach().numpy()
        np.testing.assert_allclose(mine, parts[k] * scaled, atol=2e-4)


def test_without_phase_a_trial_may_start_anywhere():
    X = torch.tensor(noise()).float()
    for phase, same in ((0.0, True), (1.0, False)):
        torch.manual_seed(0)
        net = SpectrumNet(3, 2, 200, SFREQ, phase=phase)
        net(X)
        torch.nn.init.normal_(net.final_layer.weight)
        net.eval()
        later = net(X.roll(37, dims=-1))  # another phase of every frequency
        assert torch.allclose(net(X), later, atol=1e-2) is same


def test_it_knows_nothing_before_it_is_trained():
    net = SpectrumNet(4, 5, 200, SFREQ)
    assert not net(torch.tensor(noise(n_chans=4)).float()).any()
    net(torch.tensor(noise(n_chans=4)).float())[:, 0].sum().backward()
    assert net.final_layer.weight.grad.any()


def test_flat_trials_and_volts_are_no_trouble():
    X = torch.tensor(1e-5 * noise()).float()
    X[3] = 0
    net = SpectrumNet(3, 2, 200, SFREQ)
    torch.nn.init.normal_(net.final_layer.weight)
    net(X.requires_grad_()).square().sum().backward()
    assert torch.isfinite(X.grad).all()
    assert float(net.parts.norm.running_var.std()) > 0
    assert float(net(X).detach().std()) > 0.1


@pytest.mark.parametrize("locked", [True, False])
def test_it_learns_frequencies(locked):
    decoder = DecoderClassifier(
        decoder="SpectrumNet", ch_names=CH_NAMES, sfreq=SFREQ, paradigm="ssvep"
    )
    decoder.fit(*flicker(locked))
    X, y = flicker(locked, seed=1)
    assert decoder.score(X, y) > 0.85
    assert decoder.settings_["recipe"].batch_size == 8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"low": 60.0, "high": 70.0}, "multiples of 0.5 Hz up to 50 Hz"),
        ({"low": 20.0, "high": 10.0}, "'high' must be"),
        ({"n_filters": 0}, "'n_filters' must be"),
        ({"phase": -1.0}, "'phase' must be"),
    ],
)
def test_errors_say_what_to_do(options, words):
    with pytest.raises(ValueError, match=words):
        SpectrumNet(3, 2, 200, SFREQ, **options)


def test_a_last_batch_of_one_trial_is_no_trouble():
    X, y = flicker(locked=True, n_trials=9)
    classifier = DecoderClassifier(
        decoder="SpectrumNet",
        paradigm="ssvep",
        ch_names=CH_NAMES,
        sfreq=SFREQ,
        units="V",
        device="cpu",
        batch_size=8,
        max_epochs=2,
    ).fit(X, y)
    assert np.isfinite(classifier.predict_proba(X)).all()
