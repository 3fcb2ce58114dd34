"""The simulated c-VEP set: a proper code, and a response that follows its bits."""

from __future__ import annotations

import numpy as np
import pytest
from mne.filter import filter_data
from moabb.paradigms import CVEP
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from eegkd import load_montage
from eegkd.data.simulated import SIMULATED, SimulatedCVEP, base, cvep, head, vision
from eegkd.data.simulated.subjects import draw_day

NAMES = list(head.CH_NAMES)
GOOD = 2  # responds strongly; 5 and 8 are poor
SAMPLES = 4  # of a bit, at 160 Hz


def signals(dataset, subject, session="0train", run="0"):
    """Return the values of one run."""
    return dataset.get_data([subject])[subject][session][run].get_data()


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
    np.testing.assert_array_equal(signals(by_target, 1), signals(tiny, 1))
    assert tiny.event_id == {"1.0": 101, "0.0": 100}
    assert tiny.interval == [0.0, 0.3]
    assert by_target.event_id == {f"target_{n}": 200 + n for n in range(4)}
    assert by_target.interval == [0.0, 63 / 40]


# --- reproducible -------------------------------------------------------------------


def test_same_seed_same_bits(tiny):
    kept = {
        (subject, session): signals(tiny, subject, session, "1")
        for subject in (1, 3)
        for session in ("0train", "1test")
    }
    base._recordings.clear()
    other = SimulatedCVEP(20, n_trials=2, n_runs=2, subjects=[1, 3])
    for (subject, session), values in kept.items():
        again = signals(other, subject, session, "1")
        np.testing.assert_array_equal(again, values)


def test_subjects_sessions_runs_and_seeds_differ(tiny):
    variants = [
        signals(tiny, 1),
        signals(tiny, 2),
        signals(tiny, 1, session="1test"),
        signals(tiny, 1, run="1"),
        signals(SimulatedCVEP(3, n_trials=2, n_runs=2, seed=1), 1),
    ]
    starts = np.array([variant[:, :2000].ravel() for variant in variants])
    correlation = np.corrcoef(starts) - np.eye(len(starts))
    assert np.abs(correlation).max() < 0.3


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


def test_it_says_that_it_is_simulated():
    dataset = SimulatedCVEP()
    assert dataset.simulated
    assert repr(dataset) == dataset.code == "SimulatedCVEP"
    assert dataset.paradigm == "cvep"
    assert SIMULATED["SimulatedCVEP"] is SimulatedCVEP


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"n_subjects": 2, "subjects": [1]}, "SimulatedCVEP"),
        ({"n_trials": 5}, "SimulatedCVEP-trials5"),
        ({"n_runs": 1, "seed": 3}, "SimulatedCVEP-runs1-seed3"),
        ({"n_targets": 8, "sfreq": 200}, "SimulatedCVEP-targets8-sfreq200"),
        ({"labels": "targets"}, "SimulatedCVEP-by-target"),
    ],
)
def test_code_tells_other_signals_apart(options, code, caplog):
    """MOABB keeps results and caches by code alone."""
    assert SimulatedCVEP(**options).code == code
    assert not caplog.records  # MOABB logs a warning about codes that it dislikes


@pytest.mark.filterwarnings("ignore:HED annotations:RuntimeWarning")
@pytest.mark.parametrize("step", ["raw", "array"])
def test_paradigm_and_caches_of_moabb(tiny, tmp_path, monkeypatch, step):
    paradigm = CVEP()
    cache = {"use": True, f"save_{step}": True, "path": str(tmp_path)}
    X, y, metadata = paradigm.get_data(tiny, [1], cache_config=cache)
    assert X.shape == (2 * 8 * 63, 64, 49)
    assert np.mean(y == "1.0") == 32 / 63
    assert metadata["session"].unique().tolist() == ["0train", "1test"]

    def never(self, subject):
        raise RuntimeError("the recordings were made again")

    monkeypatch.setattr(SimulatedCVEP, "_get_single_subject_data", never)
    X_again, y_again, _ = paradigm.get_data(tiny, [1], cache_config=cache)
    assert y_again.tolist() == y.tolist()
    np.testing.assert_allclose(X_again, X, atol=0.02 if step == "raw" else 1e-4)


def test_paradigm_of_moabb_with_targets():
    dataset = SimulatedCVEP(1, n_trials=1, n_runs=1, n_targets=3, labels="targets")
    X, y, _ = CVEP().get_data(dataset, [1])
    assert X.shape == (6, 64, 253)
    assert sorted(y[:3]) == sorted(y[3:]) == ["target_0", "target_1", "target_2"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_subjects": 0}, ValueError, "'n_subjects' must be an integer >= 1"),
        ({"n_trials": 4}, ValueError, "'n_trials' must be an integer >= 5, got 4"),
        ({"n_runs": 0}, ValueError, "'n_runs' must be an integer >= 1"),
        ({"n_targets": 1}, ValueError, "'n_targets' must be an integer >= 2"),
        ({"n_targets": 64}, ValueError, "'n_targets' must be an .* <= 63, got 64"),
        ({"labels": "target"}, ValueError, "Did you mean 'targets'"),
        ({"sfreq": 100}, ValueError, "'sfreq' must be a finite number >= 110"),
        ({"seed": -1}, ValueError, "'seed' must be an integer >= 0"),
        ({"subjects": [10]}, ValueError, "Invalid subjects"),
    ],
)
def test_wrong_arguments(options, error, message):
    with pytest.raises(error, match=message):
        SimulatedCVEP(**options)
