"""Views: what a device sees, and that it can be saved and bound to other data."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from eegkd.view import View

from .conftest import CH_22


def signals(n_trials=6, n_chans=22, n_times=50, seed=0):
    """Return random signals of some ten microvolts, channels of different size."""
    rng = np.random.default_rng(seed)
    size = 1e-5 * (1 + np.arange(n_chans))[:, np.newaxis]
    X = size * rng.standard_normal((n_trials, n_chans, n_times)) + 3 * size
    return torch.as_tensor(X.astype(np.float32))


def test_standardized_electrodes_have_unit_scale():
    shown = View("headphone", CH_22).fit(signals())(signals())
    assert torch.allclose(shown.mean(dim=(0, 2)), torch.zeros(7), atol=1e-4)
    assert torch.allclose(shown.std(dim=(0, 2), correction=0), torch.ones(7), atol=1e-4)


def test_the_scale_is_that_of_the_training_trials():
    view = View("headphone", CH_22).fit(signals())
    assert torch.allclose(
        view(2 * signals()) - 2 * view(signals()), view(0 * signals()) * -1, atol=1e-3
    )


def test_volts_without_standardizing():
    view = View(["C3", "Fz"], CH_22, standardize=None)
    expected = signals()[:, [CH_22.index("C3"), 0]]
    assert torch.equal(view(signals()), expected)


def test_average_reference_is_of_the_views_electrodes():
    view = View(["C3", "Cz", "C4"], CH_22, reference="average", standardize=None)
    picked = signals()[:, [CH_22.index(name) for name in ("C3", "Cz", "C4")]]
    expected = picked - picked.mean(dim=1, keepdim=True)
    assert torch.allclose(view(signals()), expected)
    assert view(signals()).sum(dim=1).abs().max() < 1e-9


def test_full_shows_everything():
    view = View(None, CH_22).fit(signals())
    assert view.is_full
    assert view.ch_names == tuple(CH_22)
    assert view.n_chans == 22


def test_interpolated_electrode_is_a_mixture():
    view = View(["C3", "Oz"], CH_22, on_missing="interpolate", standardize=None)
    shown = view(signals())
    assert torch.equal(shown[:, 0], signals()[:, CH_22.index("C3")])
    expected = torch.as_tensor(view.resolved.weights).float() @ signals()
    assert torch.allclose(shown, expected)


@pytest.mark.parametrize("on_missing", ["error", "nearest", "interpolate"])
def test_bind_finds_the_electrodes_again(on_missing):
    electrodes = ["C3", "Oz"] if on_missing != "error" else ["C3", "POz"]
    view = View(electrodes, CH_22, on_missing=on_missing).fit(signals())
    order = np.random.default_rng(1).permutation(22)
    other = view.bind([CH_22[i] for i in order])
    assert torch.allclose(other(signals()[:, order]), view(signals()), atol=1e-6)
    assert view.bind(CH_22) is view


def test_the_devices_own_electrode_comes_before_its_stand_in():
    view = View(["C3", "Oz"], CH_22, on_missing="nearest").fit(signals())
    X = signals()[:, :3]
    bound = view.bind(["POz", "Oz", "C3"])
    picked = bound.pick(X)
    assert torch.equal(picked[:, 1], X[:, 1])
    assert torch.equal(view.bind(["POz", "C3"]).pick(X[:, :2])[:, 1], X[:, 0])


def test_save_and_make_again():
    for montage, on_missing in ((None, "error"), (["C3", "Oz"], "interpolate")):
        view = View(montage, CH_22, on_missing=on_missing).fit(signals())
        again = View.from_dict(json.loads(json.dumps(view.to_dict())))
        assert torch.equal(again(signals()), view(signals()))
        assert again.ch_names == view.ch_names


@pytest.mark.parametrize("standardize", ["channel", None])
def test_aligned_trials_are_uncorrelated(standardize):
    view = View("headphone", CH_22, standardize=standardize).fit(signals())
    aligned = view.align(signals())
    shown = aligned(signals()).double()
    covariance = torch.einsum("nct,ndt->cd", shown, shown) / (6 * 50)
    assert torch.allclose(covariance, torch.eye(7).double(), atol=1e-3)
    assert torch.allclose(aligned.align_, aligned.align_.T, atol=1e-3 * 1e5)
    assert view.align_ is None
    assert aligned.ch_names == view.ch_names
    again = aligned.align(signals())
    assert torch.allclose(again.align_, aligned.align_)


def test_alignment_equals_scipy():
    from scipy.linalg import fractional_matrix_power

    view = View("headphone", CH_22).fit(signals())
    other = signals(seed=5)
    shown = view(other).double().numpy()
    mean = np.mean([trial @ trial.T / trial.shape[1] for trial in shown], axis=0)
    expected = fractional_matrix_power(mean, -0.5)
    assert view.align(other).align_.numpy() == pytest.approx(expected, abs=1e-4)


def test_alignment_reads_the_views_electrodes_alone():
    view = View("headband", CH_22, reference="average").fit(signals())
    aligned = view.align(signals())
    changed = signals()
    others = [i for i, name in enumerate(CH_22) if name not in view.ch_names]
    changed[:, others] *= -50
    again = view.align(changed)
    assert torch.equal(again.align_, aligned.align_)
    assert torch.equal(again(changed), aligned(signals()))
    assert torch.isfinite(aligned(signals())).all()  # the reference leaves no mean
    assert aligned(signals()).abs().max() < 20


def test_an_aligned_view_is_saved_and_bound():
    view = View("headband", CH_22).fit(signals()).align(signals(seed=3))
    saved = json.loads(json.dumps(view.to_dict()))
    assert torch.equal(View.from_dict(saved)(signals()), view(signals()))
    order = np.random.default_rng(1).permutation(22)
    bound = view.bind([CH_22[i] for i in order])
    assert torch.allclose(bound(signals()[:, order]), view(signals()), atol=1e-5)
    assert torch.equal(view.scale(view.pick(signals())), view(signals()))
    del saved["align"]  # as files of older versions
    plain = View("headband", CH_22).fit(signals())
    assert torch.equal(View.from_dict(saved)(signals()), plain(signals()))
    assert view.fit(signals()).align_ is None


def test_errors():
    with pytest.raises(ValueError, match="'X' must hold at least one trial to align"):
        View("headband", CH_22).fit(signals()).align(signals()[:0])
    with pytest.raises(RuntimeError, match="must be fitted before use"):
        View("headband", CH_22).align(signals())
    with pytest.raises(RuntimeError, match="must be fitted before use"):
        View("headband", CH_22)(signals())
    with pytest.raises(ValueError, match="'standardize' must be one of"):
        View("headband", CH_22, standardize="trial")
    flat = signals()
    flat[:, CH_22.index("C5")] = 1.0
    with pytest.raises(ValueError, match="'C5' are flat in all trials"):
        View("headband", CH_22).fit(flat)
    view = View(["C3", "Oz"], CH_22, on_missing="interpolate").fit(signals())
    with pytest.raises(ValueError, match="or everything they are interpolated from"):
        view.bind(["C3", "C4"])
    with pytest.raises(ValueError, match="but 'Cz' are missing from the 2 channels"):
        View(["C3", "Cz"], CH_22).fit(signals()).bind(["C3", "C4"])
