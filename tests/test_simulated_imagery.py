"""The simulated set: reproducible, plausible, and a dataset like any other to MOABB."""

from __future__ import annotations

import numpy as np
import pytest
from moabb.evaluations import CrossSessionEvaluation
from moabb.paradigms import LeftRightImagery
from pyriemann.estimation import Covariances
from pyriemann.spatialfilters import CSP
from scipy.signal import welch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline

from eegkd import load_trials
from eegkd.data.channels import mne_montage
from eegkd.data.simulated import SimulatedMotorImagery, head, motor_imagery, subjects
from eegkd.data.simulated import signals as noises

GOOD = [2, 7]  # subjects with much skill; poor are 3, 4 and 8
HEADBAND = ["Fz", "C5", "C6", "POz"]
NAMES = list(head.CH_NAMES)


def band_power(X, sfreq, low, high):
    """Return the power of each channel in a band, averaged over the rest."""
    freqs, power = welch(X, sfreq, nperseg=int(sfreq))
    inside = (freqs >= low) & (freqs <= high)
    return power[..., inside].mean(axis=-1)


@pytest.fixture(scope="module")
def raw():
    return SimulatedMotorImagery(n_subjects=1).get_data([1])[1]["0train"]["0"]


@pytest.fixture(scope="module")
def trials():
    return load_trials("SimulatedMotorImagery", subjects=GOOD)


# --- the recording ------------------------------------------------------------------


def test_two_sessions_of_three_runs_with_balanced_classes():
    data = SimulatedMotorImagery(n_subjects=1).get_data([1])[1]
    assert list(data) == ["0train", "1test"]
    for runs in data.values():
        assert list(runs) == ["0", "1", "2"]
        for raw in runs.values():
            labels, counts = np.unique(raw.annotations.description, return_counts=True)
            assert labels.tolist() == ["feet", "left_hand", "right_hand", "tongue"]
            assert counts.tolist() == [10] * 4
            gaps = np.diff(raw.annotations.onset)
            assert gaps.min() > motor_imagery.IMAGERY + motor_imagery.FIXATION
            assert raw.times[-1] - raw.annotations.onset[-1] > motor_imagery.IMAGERY


def test_uneven_trials_are_spread_over_the_runs():
    dataset = SimulatedMotorImagery(1, n_trials=5, n_runs=3, events=["feet", "tongue"])
    runs = dataset.get_data([1])[1]["0train"].values()
    assert [len(raw.annotations) for raw in runs] == [4, 4, 2]


def test_order_of_the_classes_differs_between_runs():
    runs = SimulatedMotorImagery(1).get_data([1])[1]["0train"].values()
    orders = {tuple(raw.annotations.description) for raw in runs}
    assert len(orders) == 3


def test_electrodes_are_of_the_10_10_system_and_where_the_template_has_them(raw):
    assert len(set(raw.ch_names)) == 64
    template = mne_montage().get_positions()
    assert set(raw.ch_names) <= set(template["ch_pos"])
    assert set(raw.get_channel_types()) == {"eeg"}
    positions = raw.get_montage().get_positions()["ch_pos"]
    assert positions["C3"][0] < -0.04 < 0.04 < positions["C4"][0]
    assert positions["Fz"][1] > positions["Cz"][1] > positions["POz"][1]


def test_lead_field_of_a_dipole_is_strongest_above_it():
    place = head.below({"C3": 1.0}, 0.075)[np.newaxis]
    dipole = head.Dipoles(place, place / 0.075)
    gains = head.lead_field(dipole)[:, 0]
    assert NAMES[np.argmax(gains)] == "C3"
    assert 1e-6 < gains.max() * 1e-8 < 1e-5  # microvolts for 10 nA m


def test_session_shifts_the_cap_by_millimeters():
    rng = np.random.default_rng(0)
    turn = head.rotation(np.array([0.0, 0.0, 0.02]))
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(turn[0, 1], -np.sin(0.02), atol=1e-5)
    sources = subjects.draw_sources(motor_imagery.AREAS, rng)
    days = (subjects.draw_day(sources, np.ones(5), rng) for _ in range(2))
    first, second = (day.areas for day in days)
    change = np.linalg.norm(first - second) / np.linalg.norm(first)
    assert 0.02 < change < 0.5


def test_mixing_has_the_covariance_of_all_the_sources():
    gains = np.random.default_rng(0).standard_normal((6, 40))
    mixing = subjects._mixing(gains)
    assert mixing.shape == (6, 6)
    np.testing.assert_allclose(mixing @ mixing.T, gains @ gains.T, rtol=1e-10)


def test_noise_has_unit_variance_and_its_spectrum():
    rng = np.random.default_rng(0)
    noise = noises.Noise(20_001, 160.0, rng)(20, noises.bump(10.0, 1.2))
    assert noise.shape == (20, 20_001)
    np.testing.assert_allclose(noise.var(axis=1), 1.0, rtol=0.2)
    freqs, power = welch(noise, 160.0, nperseg=640)
    power = power.mean(axis=0)
    assert abs(freqs[np.argmax(power)] - 10.0) < 0.5
    ratio = power[freqs == 10 + 1.25] / power[freqs == 10]
    np.testing.assert_allclose(ratio, np.exp(-((1.25 / 1.2) ** 2) / 2), rtol=0.2)


# --- plausible ----------------------------------------------------------------------


def test_amplitudes_are_those_of_eeg(raw):
    spread = raw.get_data().std(axis=1) * 1e6
    assert 8 < np.median(spread) < 25
    assert spread.max() < 80


def test_spectrum_has_background_alpha_and_line(raw):
    freqs, power = welch(raw.get_data(), raw.info["sfreq"], nperseg=640)
    at = {freq: power[:, np.argmin(abs(freqs - freq))] for freq in (2, 35, 45, 50)}
    slope = np.log(np.median(at[2] / at[35])) / np.log(35 / 2)
    assert 0.8 < slope < 2.0
    assert np.median(at[50] / at[45]) > 10
    alpha = band_power(raw.get_data(), raw.info["sfreq"], 8, 13)
    assert alpha[NAMES.index("Oz")] > 2 * alpha[NAMES.index("Fz")]


def test_blinks_are_frontal(raw):
    slow = raw.copy().filter(0.5, 4.0, verbose="error").get_data()
    peak = np.quantile(abs(slow), 0.995, axis=1) * 1e6
    assert 40 < peak[NAMES.index("Fp1")] < 250
    assert peak[NAMES.index("Fp1")] > 1.5 * peak[NAMES.index("Cz")]


def test_line_and_blinks_are_gone_from_the_trials(trials):
    freqs, power = welch(trials.X, trials.sfreq, nperseg=250)
    power = power.mean(axis=(0, 1))
    in_band = power[(freqs > 8) & (freqs < 30)].mean()
    assert power[np.argmin(abs(freqs - 50))] < 0.02 * in_band
    assert power[freqs < 1].max() < 0.1 * in_band


def test_mu_falls_on_the_other_side_of_the_imagined_hand(trials):
    power = np.log(band_power(trials.X[..., 100:], trials.sfreq, 8, 13))
    for electrode, other_hand, same_hand in (
        ("C3", "right_hand", "left_hand"),
        ("C4", "left_hand", "right_hand"),
    ):
        at_site = power[:, NAMES.index(electrode)]
        other = at_site[trials.y == other_hand].mean()
        assert other < at_site[trials.y == same_hand].mean() - 0.2
        assert other < at_site[trials.y == "feet"].mean() - 0.3


def test_feet_and_tongue_have_their_places(trials):
    power = np.log(band_power(trials.X[..., 100:], trials.sfreq, 8, 13))
    drop = {
        (electrode, name): power[trials.y == name, NAMES.index(electrode)].mean()
        - power[trials.y != name, NAMES.index(electrode)].mean()
        for electrode in ("Cz", "C5", "C6")
        for name in ("feet", "tongue")
    }
    assert drop["Cz", "feet"] < -0.2 < 0 < drop["Cz", "tongue"]
    assert max(drop["C5", "tongue"], drop["C6", "tongue"]) < -0.1
    assert min(drop["C5", "feet"], drop["C6", "feet"]) > -0.1


def test_rhythms_fall_after_the_cue_and_not_before():
    trials = load_trials("SimulatedMotorImagery", subjects=[2], tmin=-1.0, tmax=4.0)
    X = trials.X[trials.y == "feet"][:, NAMES.index("Cz")]
    before, after = X[:, :125], X[:, 250:]
    ratio = (
        band_power(after, 125.0, 8, 13).mean() / band_power(before, 125, 8, 13).mean()
    )
    assert ratio < 0.7


def test_some_subjects_are_poor():
    dataset = SimulatedMotorImagery(n_subjects=9)
    skills = np.array(
        [dataset._draw_subject(dataset._rng(n)).skill for n in dataset.subject_list]
    )
    assert [n for n, skill in enumerate(skills, 1) if skill > 0.85] == [1, 2, 5, 6, 7]
    assert skills.min() < 0.6
    assert skills.max() <= 1.0


def test_all_electrodes_tell_more_than_a_headband(trials):
    decoder = LinearDiscriminantAnalysis("lsqr", "auto")
    train = (trials.metadata["session"] == "0train").to_numpy()
    bands = ((8, 13), (16, 25))
    power = np.log([band_power(trials.X[..., 75:], 125.0, *band) for band in bands])
    accuracy = {"full": [], "headband": []}
    for subject in GOOD:
        one = (trials.metadata["subject"] == subject).to_numpy()
        for montage, names in (("full", NAMES), ("headband", HEADBAND)):
            features = np.hstack(power[:, :, [NAMES.index(name) for name in names]])
            decoder.fit(features[one & train], trials.y[one & train])
            score = decoder.score(features[one & ~train], trials.y[one & ~train])
            accuracy[montage].append(score)
    full, headband = np.mean(accuracy["full"]), np.mean(accuracy["headband"])
    assert full > headband + 0.10
    assert headband > 0.30
    assert full < 0.95


# --- a MOABB dataset ----------------------------------------------------------------


def test_evaluations_of_moabb(tmp_path):
    dataset = SimulatedMotorImagery(subjects=[7])
    evaluation = CrossSessionEvaluation(
        paradigm=LeftRightImagery(), datasets=[dataset], hdf5_path=str(tmp_path)
    )
    decoder = make_pipeline(
        Covariances("oas"), CSP(6), LinearDiscriminantAnalysis("lsqr", "auto")
    )
    scores = evaluation.process({"csp": decoder})
    assert scores["session"].tolist() == ["0train", "1test"]
    assert scores["channels"].tolist() == [64, 64]
    assert scores["score"].mean() > 0.7


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"n_trials": 2},
            ValueError,
            "'n_trials' must be an integer >= 3, got 2. Each",
        ),
        ({"n_runs": 1.5}, TypeError, "'n_runs' must be an integer >= 1"),
        ({"events": ["tong"]}, ValueError, "Did you mean 'tongue'"),
        ({"events": "feet"}, ValueError, "'events' must be a list of one or more"),
        ({"events": []}, ValueError, "'events' must be a list of one or more"),
    ],
)
def test_wrong_arguments(options, error, message):
    with pytest.raises(error, match=message):
        SimulatedMotorImagery(**options)
