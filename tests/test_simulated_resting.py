"""The simulated resting state: where alpha is, and what the eyes themselves tell."""

from __future__ import annotations

import numpy as np
import pytest
from moabb.paradigms import FixedIntervalWindowsProcessing, RestingStateToP300Adapter
from pyriemann.estimation import Covariances
from pyriemann.tangentspace import TangentSpace
from scipy.signal import welch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from eegkd import load_trials
from eegkd.data.simulated import (
    SimulatedRestingState,
    head,
    resting_state,
)

NAMES = list(head.CH_NAMES)
SFREQ = 160.0
PEOPLE = (1, 2, 3)
UNICORN = ["Fz", "C3", "Cz", "C4", "Pz", "PO7", "Oz", "PO8"]
FRONTAL = ["Fp1", "Fp2", "AF3", "AF4", "F3", "F4", "FC1", "FC2"]


def subject_of(subject, **options):
    """Return what stays the same in one subject."""
    dataset = SimulatedRestingState(**options)
    return dataset._draw_subject(dataset._rng(subject))


def alpha(X, sfreq=SFREQ, freq=10.0):
    """Return the power around a frequency, averaged over all but channels."""
    freqs, power = welch(X, sfreq, nperseg=int(2 * sfreq))
    inside = abs(freqs - freq) <= 1.5
    return power[..., inside].mean(axis=-1)


@pytest.fixture(scope="module")
def raws():
    """Return the first days of three subjects."""
    dataset = SimulatedRestingState()
    return [dataset.get_data([n])[n]["0train"]["0"] for n in PEOPLE]


@pytest.fixture(scope="module")
def windows():
    """Windows of 4 s by subject and day, band-passed."""
    days = []
    for subject in PEOPLE:
        for runs in SimulatedRestingState().get_data([subject])[subject].values():
            days.append(cut(runs["0"].filter(1.0, 35.0, verbose="error")))
    return days


def cut(raw, seconds=4.0):
    """Return the segments of a recording as windows in microvolts, and the labels."""
    n_times, X, y = int(seconds * SFREQ), [], []
    for note in raw.annotations:
        first = round(note["onset"] * SFREQ)
        for start in range(first, first + int(note["duration"] * SFREQ), n_times):
            X.append(raw.get_data(start=start, stop=start + n_times) * 1e6)
            y.append(note["description"])
    return np.stack(X), np.array(y)


# --- the recording ------------------------------------------------------------------


def test_segments_alternate_and_do_not_overlap(raws):
    for raw in raws:
        labels = raw.annotations.description
        assert len(labels) == 8
        assert (labels[1:] != labels[:-1]).all()
        assert set(labels) == {"closed", "open"}
        gaps = np.diff(raw.annotations.onset) - resting_state.SEGMENT
        assert gaps.min() > resting_state.REACTION + resting_state.RISE
        assert raw.times[-1] - raw.annotations.onset[-1] > resting_state.SEGMENT


def test_either_state_comes_first():
    dataset = SimulatedRestingState(n_subjects=6, n_segments=2, segment=2.0)
    data = dataset.get_data()
    first = {
        runs["0"].annotations.description[0]
        for days in data.values()
        for runs in days.values()
    }
    assert first == {"closed", "open"}


def test_eyes_are_still_within_segments():
    starts, labels = np.array([1.0, 9.0, 17.0]), np.array(["open", "closed", "open"])
    closed = resting_state._closed(starts, labels, int(24 * SFREQ), SFREQ)
    assert len(closed) == 24 * SFREQ
    for start, state in zip(starts, (0.0, 1.0, 0.0), strict=True):
        inside = closed[int(start * SFREQ) : int((start + 5) * SFREQ)]
        np.testing.assert_allclose(inside, state, atol=1e-9)
    assert (abs(np.diff(closed)) < 2 / SFREQ).all()


def test_windows_of_a_segment_are_one_block_to_the_splits():
    dataset = SimulatedRestingState(1, n_segments=2, segment=12.0)
    trials = load_trials(dataset)
    assert trials.X.shape == (12, 64, 512)
    sizes = trials.metadata.groupby(["session", "group"]).size()
    assert sizes.tolist() == [3] * 4


# --- alpha --------------------------------------------------------------------------


def test_alpha_is_strong_with_closed_eyes_over_the_occiput(windows):
    for subject, (X, y) in zip(PEOPLE, windows[::2], strict=True):
        drawn = subject_of(subject)
        power = alpha(X, freq=drawn.alpha_freq)
        change = np.log(power[y == "closed"].mean(0) / power[y == "open"].mean(0))
        posterior = change[[NAMES.index(n) for n in ("O1", "Oz", "O2", "POz")]].mean()
        central = change[[NAMES.index(n) for n in ("C3", "C4")]].mean()
        assert posterior > central + 0.15
        assert posterior < 2 * np.log(drawn.reactivity) + 0.3


def test_alpha_rises_by_the_persons_own_factor(windows):
    """Over the occiput, where there is little else at the alpha frequency."""
    for subject, (X, y) in zip(PEOPLE, windows[::2], strict=True):
        drawn = subject_of(subject)
        power = alpha(X[:, NAMES.index("Oz")], freq=drawn.alpha_freq)
        ratio = np.sqrt(power[y == "closed"].mean() / power[y == "open"].mean())
        assert 0.6 * drawn.reactivity < ratio < 1.25 * drawn.reactivity


def test_alpha_waxes_and_wanes_over_seconds(monkeypatch):
    slow = {}
    for waxing in (0.0, 1.0):
        monkeypatch.setattr(resting_state, "WAXING", waxing)
        dataset = SimulatedRestingState(1, segment=40.0 + 4 * waxing)
        X, y = cut(dataset.get_data([1])[1]["0train"]["0"])
        power = alpha(X[:, NAMES.index("Oz")], freq=subject_of(1).alpha_freq)
        slow[waxing] = np.log(power[y == "closed"]).std()
    assert slow[1.0] > slow[0.0] + 0.3


def test_people_differ_in_what_closing_the_eyes_does():
    people = [subject_of(n, n_subjects=40) for n in range(1, 41)]
    reactivity = np.array([subject.reactivity for subject in people])
    assert reactivity.min() < 1.6
    assert reactivity.max() > 3.0
    gains = np.array([subject.gain for subject in people])
    few = gains < 0.5 * np.median(gains)
    assert 1 <= few.sum() <= 10


# --- the eyes -----------------------------------------------------------------------


def test_open_eyes_blink_and_closed_ones_drift(raws):
    for raw in raws:
        forehead = raw.copy().pick(["Fp1", "Fp2"])
        fast, _ = cut(forehead.copy().filter(2.0, 6.0, verbose="error"))
        slow, y = cut(forehead.copy().filter(None, 1.5, verbose="error"))
        peaks, drifts = abs(fast).max(axis=(1, 2)), slow.std(axis=(1, 2))
        blinks = peaks > 30
        assert blinks[y == "open"].mean() > 0.35
        assert blinks[y == "closed"].mean() < 0.1
        assert 10 < np.median(drifts[y == "closed"]) < 60


def test_fewer_electrodes_tell_less(windows):
    score = {}
    for montage, names in (("unicorn", UNICORN), ("frontal", FRONTAL)):
        rows = [NAMES.index(name) for name in names]
        decoder = make_pipeline(
            Covariances("oas"), TangentSpace(), LogisticRegression(max_iter=1000)
        )
        scores = [
            decoder.fit(X[:, rows], y).score(X_test[:, rows], y_test)
            for (X, y), (X_test, y_test) in zip(
                windows[::2], windows[1::2], strict=True
            )
        ]
        score[montage] = np.mean(scores)
    assert score["unicorn"] > score["frontal"] + 0.08
    assert score["unicorn"] > 0.8
    assert score["frontal"] > 0.5


# --- a MOABB dataset ----------------------------------------------------------------


def test_paradigms_of_moabb():
    """The adapter's own window, 10 to 50 s, fits into a segment."""
    dataset = SimulatedRestingState(1, n_segments=2)
    X, y, metadata = RestingStateToP300Adapter().get_data(dataset, [1])
    assert X.shape == (4, 64, 40 * 128 + 1)
    assert sorted(y[:2]) == ["closed", "open"]
    assert metadata["session"].tolist() == ["0train", "0train", "1test", "1test"]
    X, _, _ = FixedIntervalWindowsProcessing(length=5, stride=5).get_data(dataset, [1])
    assert len(X) > 2 * 20


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"n_segments": 1},
            ValueError,
            "'n_segments' must be an integer >= 2, got 1. Each",
        ),
        ({"segment": 1.0}, ValueError, "'segment' must be a finite number >= 2"),
        ({"segment": "long"}, TypeError, "'segment' must be a finite number >= 2"),
    ],
)
def test_wrong_arguments(options, error, message):
    with pytest.raises(error, match=message):
        SimulatedRestingState(**options)
