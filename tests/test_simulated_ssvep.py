"""The simulated SSVEP set: flicker in occipital electrodes, locked in phase."""

from __future__ import annotations

import numpy as np
import pytest
from mne.filter import filter_data

from eegkd import BASELINES, Trials
from eegkd.data.simulated import (
    SimulatedSSVEP,
    head,
    ssvep,
    subjects,
    vision,
)
from eegkd.data.simulated.subjects import draw_day

NAMES = list(head.CH_NAMES)
GOOD = 2  # responds strongly; 5 and 8 are poor
BEFORE = 160  # samples before the cue in the trials of `subject`
FREQUENCIES = np.array(ssvep.FREQUENCIES)


def cut(dataset, subject, session, tmin=0.0, tmax=4.0):
    """Return trials (n_trials, 64, n_times) of all runs, and their frequencies."""
    X, hertz = [], []
    for raw in dataset.get_data([subject])[subject][session].values():
        values, sfreq = raw.get_data(), raw.info["sfreq"]
        for one in raw.annotations:
            start = round((one["onset"] + tmin) * sfreq)
            X.append(values[:, start : start + round((tmax - tmin) * sfreq)])
            hertz.append(float(one["description"]))
    return np.array(X), np.array(hertz)


def phasors(X, hertz, sfreq=160.0):
    """Return amplitude and phase at a frequency, whose turns fill the window."""
    turns = np.exp(-2j * np.pi * hertz * np.arange(X.shape[-1]) / sfreq)
    return 2 * X @ turns / X.shape[-1]


def snr(X, hertz):
    """Return power at a frequency over that of its neighbors, by channel."""
    around = [hertz + step for step in (-1.25, -1, -0.75, 0.75, 1, 1.25)]
    noise = np.mean([abs(phasors(X, other)) ** 2 for other in around], axis=0)
    return abs(phasors(X, hertz)) ** 2 / noise


@pytest.fixture(scope="module")
def subject():
    """Trials of one good subject by day, with a second before the cue."""
    dataset = SimulatedSSVEP(n_subjects=GOOD, n_trials=12, n_runs=1)
    return [cut(dataset, GOOD, session, tmin=-1.0) for session in ("0train", "1test")]


# --- the recording ------------------------------------------------------------------


def test_two_sessions_of_four_runs_with_balanced_classes():
    data = SimulatedSSVEP(n_subjects=1).get_data([1])[1]
    assert list(data) == ["0train", "1test"]
    orders = set()
    for runs in data.values():
        assert list(runs) == ["0", "1", "2", "3"]
        for raw in runs.values():
            labels, counts = np.unique(raw.annotations.description, return_counts=True)
            assert sorted(labels, key=float) == ["8", "9.5", "11", "13", "17"]
            assert counts.tolist() == [5] * 5
            onsets = raw.annotations.onset
            np.testing.assert_allclose(onsets * 160, np.round(onsets * 160), atol=1e-6)
            assert np.diff(onsets).min() > ssvep.FLICKER + vision.CUE
            assert raw.times[-1] - onsets[-1] > ssvep.FLICKER
            orders.add(tuple(raw.annotations.description))
    assert len(orders) == 8


def test_no_multiple_of_a_frequency_is_another():
    multiples = FREQUENCIES[:, np.newaxis] * np.arange(2, 4)
    distance = abs(multiples[..., np.newaxis] - FREQUENCIES)
    assert distance.min() >= 1.0


# --- plausible ----------------------------------------------------------------------


def test_flicker_and_its_multiples_stand_out_at_oz_and_less_at_fz(subject):
    X, hertz = subject[0]
    X = X[..., BEFORE:]
    for frequency in FREQUENCIES:
        average = X[hertz == frequency].mean(axis=0)
        fundamental = snr(average, frequency)
        assert fundamental[NAMES.index("Oz")] > 15
        assert fundamental[NAMES.index("Oz")] > 3 * fundamental[NAMES.index("Fz")]
        assert snr(average, 2 * frequency)[NAMES.index("Oz")] > 4
        for other in FREQUENCIES[frequency != FREQUENCIES]:
            assert snr(average, other)[NAMES.index("Oz")] < 10
    third = [
        snr(X[hertz == frequency].mean(axis=0), 3 * frequency)[NAMES.index("Oz")]
        for frequency in FREQUENCIES[:3]  # 39 Hz is next to what the fourth has
    ]
    assert np.median(third) > 3


def test_amplitude_is_microvolts_and_falls_with_frequency():
    dataset = SimulatedSSVEP(n_subjects=9)
    times = np.arange(640) / 160
    amplitude = []
    for subject in dataset.subject_list:
        drawn = dataset._draw_subject(dataset._rng(subject))
        viewer = drawn.viewer
        day = draw_day(viewer.sources, viewer.strengths, dataset._rng(subject, 1))
        waves = [dataset._follow(drawn, n, times) for n in range(5)]
        seen = [vision.seen(day, wave)[NAMES.index("Oz")] for wave in waves]
        amplitude.append(
            [
                abs(phasors(one, frequency)) * 1e6
                for one, frequency in zip(seen, FREQUENCIES, strict=True)
            ]
        )
    typical = np.median(amplitude, axis=0)
    assert 2 < typical[0] < 9
    assert 1 < typical[-1] < 0.75 * typical[0]
    assert np.max(amplitude) < 20


def test_phase_is_that_of_the_person(subject):
    """It is locked from trial to trial, and the same on the other day."""
    for frequency in FREQUENCIES:
        first, second = (
            phasors(X[hertz == frequency][:, NAMES.index("Oz"), BEFORE:], frequency)
            for X, hertz in subject
        )
        assert abs(np.mean(first / abs(first))) > 0.7
        assert abs(np.angle(first.mean() / second.mean())) < 0.4


def test_people_differ_in_phases_and_latency():
    dataset = SimulatedSSVEP()
    people = [dataset._draw_subject(dataset._rng(n)) for n in dataset.subject_list]
    phases = np.array([subject.phases[:, 0] for subject in people])
    latencies = np.array([subject.latency for subject in people])
    assert 0.25 < phases.std() < 0.55
    assert 0.12 <= latencies.min() < latencies.max() - 0.01 < 0.14


def test_phase_tells_the_latency():
    """Behind primary cortex the phase falls by 2 pi for each turn of the latency."""
    dataset = SimulatedSSVEP()
    subject = dataset._draw_subject(dataset._rng(1))
    subject = subject._replace(phases=np.zeros_like(subject.phases))
    times = np.arange(640) / 160
    for number, frequency in enumerate(FREQUENCIES):
        primary = dataset._follow(subject, number, times)[0]
        angle = np.angle(phasors(primary, frequency))
        late = np.mod(-angle / (2 * np.pi * frequency), 1 / frequency)
        expected = np.mod(subject.latency, 1 / frequency)
        np.testing.assert_allclose(late, expected, atol=1e-6)


def test_response_begins_after_the_cue(subject):
    X, hertz = subject[0]
    ratio = []
    for frequency in (8.0, 11.0, 13.0, 17.0):  # whole turns in a second
        average = X[hertz == frequency].mean(axis=0)[NAMES.index("Oz")]
        before, after = average[:BEFORE], average[2 * BEFORE : 3 * BEFORE]
        ratio.append(abs(phasors(before, frequency) / phasors(after, frequency)))
    assert np.max(ratio) < 0.7
    assert np.mean(ratio) < 0.4


def test_attention_lapses_now_and_then():
    effort = subjects.draw_effort(4000, np.random.default_rng(0))
    np.testing.assert_allclose(np.mean(effort < 0.3), subjects.LAPSES, atol=0.015)
    assert np.all((effort < 0.3) | (effort > 0.7))
    assert effort.max() <= 1.0


def test_envelope_is_smooth_and_has_the_levels_of_the_trials():
    cues, levels = np.array([2.0, 8.0]), np.array([1.0, 0.4])
    shape = vision.envelope(cues, 4.0, levels, 160 * 14, 160.0)
    np.testing.assert_allclose(shape[[640, 1600]], levels)
    np.testing.assert_allclose(shape[[160, 1120, 2100]], 0.0, atol=1e-12)
    np.testing.assert_allclose(shape[320], 0.5, atol=0.02)
    assert np.abs(np.diff(shape)).max() < 0.05


def test_some_subjects_are_poor():
    dataset = SimulatedSSVEP(n_subjects=9)
    response = np.array(
        [
            dataset._draw_subject(dataset._rng(n)).viewer.response
            for n in dataset.subject_list
        ]
    )
    assert [n for n, value in enumerate(response, 1) if value < 0.6] == [5, 8]
    assert response[GOOD - 1] > 1.0


def test_occipital_electrodes_tell_more_than_those_of_a_headphone(subject):
    trials = [
        Trials.from_arrays(
            filter_data(X[..., BEFORE:], 160.0, 7.0, 45.0, verbose="error"),
            np.array([f"{one:g}" for one in hertz]),
            ch_names=NAMES,
            sfreq=160.0,
            units="V",
        )
        for X, hertz in subject
    ]
    accuracy = []
    for montage in (["O1", "Oz", "O2"], "headphone"):
        decoder = BASELINES["cca"](montage).fit(trials[0], trials[0].y)
        accuracy.append(np.mean(decoder.predict(trials[1]) == trials[1].y))
    assert accuracy[0] > 0.8
    assert accuracy[1] < 0.5


# --- a MOABB dataset ----------------------------------------------------------------


def test_frequencies_are_the_events():
    dataset = SimulatedSSVEP(1, 2, 1, frequencies=[7.5, 12, 30], sfreq=128)
    assert dataset.event_id == {"7.5": 1, "12": 2, "30": 3}
    X, hertz = cut(dataset, 1, "0train")
    assert X.shape[:2] == (6, 64)
    assert sorted(hertz) == [7.5, 7.5, 12, 12, 30, 30]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_trials": 2}, ValueError, "'n_trials' must be an integer >= 4, got 2"),
        ({"n_runs": 0}, ValueError, "'n_runs' must be an integer >= 1"),
        ({"frequencies": "8"}, TypeError, "'frequencies' must be a list of numbers"),
        ({"frequencies": 8.0}, TypeError, "must be a list of numbers in Hz, got float"),
        ({"frequencies": ["8", "9"]}, TypeError, "'frequencies' must be a finite numb"),
        ({"frequencies": [8.0]}, ValueError, "must be two or more different ones"),
        ({"frequencies": [8, 8.0]}, ValueError, "must be two or more different ones"),
        ({"frequencies": [3, 8]}, ValueError, "number >= 5 and <= 30, got 3"),
        ({"frequencies": [8, 40]}, ValueError, "number >= 5 and <= 30, got 40"),
    ],
)
def test_wrong_arguments(options, error, message):
    with pytest.raises(error, match=message):
        SimulatedSSVEP(**options)
