"""SpectrumNet: which frequencies it reads, how it starts, and what it learns."""

import numpy as np
import pytest
import torch

from eegkd import DecoderClassifier, DistilledClassifier
from eegkd.decoders.spectrum import SpectrumNet
from eegkd.persistence import load_classifier, save_classifier

CH_NAMES = ["Fz", "O1", "Oz", "O2", "Pz"]
SFREQ = 100.0
SETTINGS = {"ch_names": CH_NAMES, "sfreq": SFREQ, "units": "V", "device": "cpu"}


def make(n_chans=5, n_times=200, sfreq=SFREQ, **options):
    torch.manual_seed(0)
    return SpectrumNet(n_chans, 2, n_times, sfreq, **options).double()


def noise(n_trials=6, n_chans=5, n_times=200, seed=0):
    rng = np.random.default_rng(seed)
    return torch.as_tensor(rng.standard_normal((n_trials, n_chans, n_times)))


def flicker(kind, n_trials=60, seed=0):
    """Return trials that differ in frequency (10 or 10.5 Hz), or in phase at 10 Hz.

    The response is at O1 and Oz, half as strong as the noise; where frequencies
    differ it has another phase in each trial.
    """
    rng = np.random.default_rng(seed)
    y = np.arange(n_trials) % 2
    hertz = 10 + 0.5 * y * (kind == "frequency")
    phase = rng.uniform(0, 2 * np.pi, n_trials) if kind == "frequency" else np.pi * y
    angle = 2 * np.pi * np.outer(hertz, np.arange(200) / SFREQ) + phase[:, None]
    X = rng.standard_normal((n_trials, len(CH_NAMES), 200))
    X[:, 1:3] += np.cos(angle)[:, None]
    return 1e-5 * X, np.array(["left", "right"])[y]


def test_maps_are_fourier_coefficients_of_filtered_trials():
    X = noise()
    net = make(band=(8, 14), n_filters=3)
    found = net.spectrum(net.filters(X)).detach().numpy()
    weight = net.filters.weight.detach().numpy()
    filtered = np.einsum("fc,nct->nft", weight, X.numpy())
    frequencies = np.arange(8, 14, 0.5)
    waves = np.exp(-2j * np.pi * np.outer(np.arange(200) / SFREQ, frequencies))
    expected = filtered @ waves
    expected /= np.sqrt((np.abs(expected) ** 2).mean(axis=-1, keepdims=True))
    parts = [expected.real, expected.imag, np.abs(expected)]
    np.testing.assert_allclose(found, np.concatenate(parts, axis=1), atol=1e-10)


@pytest.mark.parametrize(
    ("n_times", "sfreq", "frequencies"),
    [
        (200, 100.0, np.arange(6, 40, 0.5)),
        (512, 512.0, np.arange(6, 40)),
        (120, 60.0, np.arange(6, 30, 0.5)),
        (10, 100.0, [10, 20, 30]),
        (200, 10.0, np.arange(0.05, 5, 0.05)),  # nothing above 6 Hz: all there are
        (8, 250.0, [31.25, 62.5, 93.75]),  # one alone in the usual band
    ],
)
def test_the_default_band_is_what_trials_have_of_6_to_40_hertz(
    n_times, sfreq, frequencies
):
    net = make(n_times=n_times, sfreq=sfreq)
    kept = np.fft.rfftfreq(n_times, 1 / sfreq)[net.spectrum.first : net.spectrum.stop]
    np.testing.assert_allclose(kept, frequencies)


def test_features_are_standardized_one_by_one():
    net = make(n_filters=2, phase_weight=0.5).train()
    maps = net.maps(net.norm(net.spectrum(net.filters(noise(50))).flatten(1)))
    assert maps.shape == (50, 6, 68)
    assert maps.mean(dim=0).abs().max() < 1e-9
    deviation = maps.std(dim=0, correction=0)
    torch.testing.assert_close(
        deviation,
        torch.tensor([0.5, 0.5, 0.5, 0.5, 1, 1]).double()[:, None].expand_as(deviation),
        rtol=1e-3,
        atol=0,
    )


def test_volts_are_as_good_as_microvolts():
    X = noise(20)
    scores = []
    for scale in (1.0, 1e-6):
        net = SpectrumNet(5, 2, 200, SFREQ)
        net.load_state_dict(make().float().state_dict())
        torch.manual_seed(1)
        torch.nn.init.normal_(net.final_layer.weight)
        scores.append(net.train()((scale * X).float()))
    torch.testing.assert_close(*scores, rtol=1e-3, atol=1e-3)


def test_it_starts_as_the_electrodes_and_without_an_opinion():
    net = make(n_chans=3)
    assert torch.equal(net.filters.weight[:3], torch.eye(3).double())
    assert net.filters.weight[3:].abs().min() > 0
    assert torch.equal(net(noise(n_chans=3)), torch.zeros(6, 2).double())
    weight = make(n_chans=20).filters.weight
    torch.testing.assert_close(
        weight @ weight.mT, torch.eye(8).double(), atol=1e-6, rtol=0
    )


def test_a_flat_electrode_and_a_single_trial_are_no_trouble():
    X = noise(8).float()
    X[:, 2] = 0
    X[3] = 0
    net = SpectrumNet(5, 2, 200, SFREQ)
    torch.nn.init.normal_(net.final_layer.weight)
    for batch in (X, X[:1]):
        for mode in (True, False):
            batch = batch.detach().requires_grad_()
            scores = net.train(mode)(batch)
            scores.square().sum().backward()
            assert torch.isfinite(scores).all()
            assert torch.isfinite(batch.grad).all()
            assert torch.isfinite(net.filters.weight.grad).all()


def test_in_eval_mode_a_trial_is_decoded_by_itself():
    X = noise()
    net = make()
    torch.nn.init.normal_(net.final_layer.weight)
    net(X)
    together = net.eval()(X)
    torch.testing.assert_close(together, torch.cat([net(x[None]) for x in X]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"band": (8, 60)}, r"from 0 to 50 Hz, .* got \(8, 60\)"),
        ({"band": (12, 8)}, r"a lower and a higher frequency .* got \(12, 8\)"),
        ({"band": (8, 9, 10)}, r"'band' must be .* got \(8, 9, 10\)"),
        ({"band": (8.1, 8.4)}, r"multiples of 0.5 Hz, got \(8.1, 8.4\). Use a wider"),
        ({"phase_weight": -1}, "'phase_weight' must be a finite number >= 0"),
        ({"n_filters": 0}, "'n_filters' must be an integer >= 1"),
    ],
)
def test_bad_values_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_it_learns_frequencies_of_any_phase():
    X, y = flicker("frequency")
    classifier = DecoderClassifier(
        decoder="SpectrumNet", paradigm="ssvep", random_state=0, **SETTINGS
    ).fit(X, y)
    new, truth = flicker("frequency", seed=1)
    assert (classifier.predict(new) == truth).mean() > 0.9


@pytest.mark.filterwarnings("ignore:The training loss still falls")
def test_it_learns_phases_where_parts_have_a_weight():
    X, y = flicker("phase")
    new, truth = flicker("phase", seed=1)
    scores = []
    for phase_weight in (1, 0):
        classifier = DecoderClassifier(
            decoder="SpectrumNet",
            decoder_options={"band": (8, 14), "phase_weight": phase_weight},
            paradigm="ssvep",
            random_state=0,
            **SETTINGS,
        ).fit(X, y)
        scores.append((classifier.predict(new) == truth).mean())
    assert scores[0] > 0.9
    assert scores[1] < 0.75


@pytest.mark.parametrize("method", ["kd", "sk_kd", "fitnet", "nst"])
def test_it_is_taught_and_saved(method, tmp_path):
    X, y = flicker("phase", 40)
    student = DistilledClassifier(
        ["O1", "Pz"],
        method,
        student="SpectrumNet",
        max_epochs=2,
        paradigm="ssvep",
        **SETTINGS,
    ).fit(X, y)
    assert len(student.history_.rows) == 2
    save_classifier(student, tmp_path / "student")
    again = load_classifier(tmp_path / "student")
    np.testing.assert_array_equal(again.predict_proba(X), student.predict_proba(X))
