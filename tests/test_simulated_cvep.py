"""The simulated c-VEP set: a proper code, and a response that follows its bits."""

from __future__ import annotations

import numpy as np
import pytest
from mne.filter import filter_data
from moabb.paradigms import CVEP
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from eegkd import load_montage
from eegkd.data.simulated import SimulatedCVEP, cvep, head, vision
from eegkd.data.simulated.subjects import draw_day

NAMES = list(head.CH_NAMES)
GOOD = 2  # responds strongly; 5 and 8 are poor
SAMPLES = 4  # of a bit, at 160 Hz


def cut(dataset, subject, session, length):
    """Return the filtered window (n_events, 64, n_times) of each event, and names."""
    X, names = [], []
    for raw in dataset.get_data([subject])[subject][session].values():
        sfreq = raw.info["sfreq"]
        values = filter_data(raw.get_data(), sfreq, 4.0, 40.0, verbose="error")
        for one in raw.annotations:
            start = round(one["onset"] * sfreq)
            X.append(values[:, start : start + round(length * sfreq)])
            names.append(str(one["description"]))
    return np.array(X), np.array(names)


@pytest.fixture(scope="module")
def tiny():
    return SimulatedCVEP(n_subjects=3, n_trials=2, n_runs=2)


@pytest.fixture(scope="module")
def subject():
    return SimulatedCVEP(n_subjects=GOOD, n_runs=1)


# --- the code -----------------------------------------------------------------------


def test_the_code_is_an_m_sequence():
    code = cvep.m_sequence()
    assert code.shape == (63,)
    assert set(code.tolist()) == {0, 1}
    assert code.sum() == 32
    signs = 2 * code - 1
    correlation = [signs @ np.roll(signs, lag) for lag in range(63)]
    assert correlation == [63, *[-1] * 62]
    # All words of six bits but zero occur, each once.
    words = {tuple(np.roll(code, -place)[:6]) for place in range(63)}
    assert len(words) == 63
    assert (0,) * 6 not in words


@pytest.mark.parametrize(("n_targets", "turns"), [(4, [0, 16, 32, 47]), (2, [0, 32])])
def test_targets_show_the_code_from_other_bits_on(n_targets, turns):
    codes = SimulatedCVEP(n_targets=n_targets).codes
    first = np.concatenate([codes[0], codes[0]])
    np.testing.assert_array_equal(codes, [first[turn : turn + 63] for turn in turns])


def test_all_turns_of_the_code_differ():
    codes = SimulatedCVEP(n_targets=63).codes
    assert len({tuple(code) for code in codes}) == 63


# --- the events ---------------------------------------------------------------------


def test_bits_are_events_and_lie_on_samples(tiny):
    by_target = SimulatedCVEP(3, n_trials=2, n_runs=2, labels="targets")
    bits = tiny.get_data([1])[1]
    trials = by_target.get_data([1])[1]
    assert list(bits) == ["0train", "1test"]
    for session, runs in bits.items():
        assert list(runs) == ["0", "1"]
        for run, raw in runs.items():
            targets = trials[session][run].annotations
            assert sorted(targets.description) == [f"target_{n}" for n in range(4)]
            assert len(raw.annotations) == 4 * 63
            onsets = raw.annotations.onset.reshape(4, 63)
            np.testing.assert_allclose(onsets[:, 0], targets.onset, atol=1e-9)
            np.testing.assert_allclose(np.diff(onsets), 1 / 40, atol=1e-9)
            np.testing.assert_allclose(onsets * 160, np.round(onsets * 160), atol=1e-6)
            for shown, target in zip(
                raw.annotations.description.reshape(4, 63),
                targets.description,
                strict=True,
            ):
                code = tiny.codes[int(target[-1])]
                assert shown.tolist() == [f"{bit}.0" for bit in code]
            # Windows of two trials do not overlap.
            assert (onsets[1:, 0] - onsets[:-1, -1]).min() > 2 * cvep.WINDOW


def test_labels_change_the_events_alone(tiny):
    by_target = SimulatedCVEP(3, n_trials=2, n_runs=2, labels="targets")
    for run in ("0", "1"):
        one, other = (d.get_data([1])[1]["0train"][run] for d in (by_target, tiny))
        np.testing.assert_array_equal(one.get_data(), other.get_data())
    assert tiny.event_id == {"1.0": 101, "0.0": 100}
    assert tiny.interval == [0.0, 0.3]
    assert by_target.event_id == {f"target_{n}": 200 + n for n in range(4)}
    assert by_target.interval == [0.0, 63 / 40]


# --- plausible ----------------------------------------------------------------------


def test_a_flash_has_n75_p100_and_n135_and_no_sum():
    times = np.arange(0, 0.4, 1e-4)
    wave = cvep._flash(times, pace=1.0, n75=cvep.N75)
    assert abs(wave.sum()) < 1e-6 * abs(wave).sum()
    peak = times[np.argmax(wave)]
    early, late = times < peak, times > peak
    assert abs(peak - 0.100) < 0.005
    assert abs(times[early][np.argmin(wave[early])] - 0.075) < 0.006
    assert abs(times[late][np.argmin(wave[late])] - 0.135) < 0.006
    slower = cvep._flash(times, pace=1.1, n75=cvep.N75)
    assert abs(times[np.argmax(slower)] - 1.1 * peak) < 2e-4
    settled = times >= cvep.SETTLE
    assert abs(wave[settled]).max() < 1e-3


def test_response_to_the_code_is_that_to_its_bits(tiny):
    """Against a convolution on a fine grid."""
    drawn = tiny._draw_subject(tiny._rng(1))
    step = 1 / 4000
    code = tiny.codes[1]
    impulses = np.zeros(8000)
    impulses[(np.arange(63) * 100).tolist()] = 2.0 * code - 1.0
    flash = cvep._flash(np.arange(2000) * step, drawn.pace, drawn.n75)
    expected = np.convolve(impulses, flash)[:8000]
    found = cvep._follow(drawn, code, np.arange(8000) * step)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_amplitude_is_microvolts_at_oz():
    dataset = SimulatedCVEP(n_subjects=9)
    times = np.arange(320) / 160 - vision.DELAYS[:, np.newaxis]
    spread = []
    for subject in dataset.subject_list:
        drawn = dataset._draw_subject(dataset._rng(subject))
        viewer = drawn.viewer
        day = draw_day(viewer.sources, viewer.strengths, dataset._rng(subject, 1))
        waves = np.array([cvep._follow(drawn, dataset.codes[0], t) for t in times])
        seen = vision.seen(day, viewer.response * cvep.MOMENT * waves)
        spread.append(seen[NAMES.index("Oz"), 24:250].std() * 1e6)
    assert 2 < np.median(spread) < 6
    assert np.max(spread) < 12


def test_average_trial_follows_the_code_of_its_target(subject):
    """The average of one target, turned as the code is, is that of another."""
    dataset = SimulatedCVEP(GOOD, n_runs=1, labels="targets")
    X, names = cut(dataset, GOOD, "0train", 63 / 40)
    # Without the beginning, where nothing came before the first bits.
    start = 10 * SAMPLES
    averages = np.array(
        [X[names == f"target_{n}"][:, NAMES.index("Oz")].mean(axis=0) for n in range(4)]
    )
    for number, turn in ((1, 16), (2, 32), (3, 47)):
        correlation = [
            np.corrcoef(
                np.roll(averages[0], -lag * SAMPLES)[start:-start],
                averages[number][start:-start],
            )[0, 1]
            for lag in range(63)
        ]
        assert np.argmax(correlation) == turn
        assert correlation[turn] > 0.4


def test_occipital_electrodes_tell_bits_and_those_of_a_headphone_do_not(subject):
    days = [cut(subject, GOOD, session, cvep.WINDOW) for session in ("0train", "1test")]
    scores = {}
    for montage in ("unicorn", "headphone"):
        chosen = [NAMES.index(name) for name in load_montage(montage).ch_names]
        (X, y), (X_test, y_test) = (
            (X[:, chosen, ::2].reshape(len(X), -1) * 1e6, y == "1.0") for X, y in days
        )
        decoder = LinearDiscriminantAnalysis("lsqr", "auto").fit(X, y)
        scores[montage] = roc_auc_score(y_test, decoder.decision_function(X_test))
    assert scores["unicorn"] > 0.75
    assert scores["headphone"] < 0.6


# --- a MOABB dataset ----------------------------------------------------------------


def test_paradigm_of_moabb_with_targets():
    dataset = SimulatedCVEP(1, n_trials=1, n_runs=1, n_targets=3, labels="targets")
    X, y, _ = CVEP().get_data(dataset, [1])
    assert X.shape == (6, 64, 253)
    assert sorted(y[:3]) == sorted(y[3:]) == ["target_0", "target_1", "target_2"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_trials": 4}, ValueError, "'n_trials' must be an integer >= 5, got 4"),
        ({"n_runs": 0}, ValueError, "'n_runs' must be an integer >= 1"),
        ({"n_targets": 1}, ValueError, "'n_targets' must be an integer >= 2"),
        ({"n_targets": 64}, ValueError, "'n_targets' must be an .* <= 63, got 64"),
        ({"labels": "target"}, ValueError, "Did you mean 'targets'"),
    ],
)
def test_wrong_arguments(options, error, message):
    with pytest.raises(error, match=message):
        SimulatedCVEP(**options)
