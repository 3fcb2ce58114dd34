"""The simulated speller: what flashes evoke, how it overlaps, who sees it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import welch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from eegkd import load_trials
from eegkd.data.simulated import SimulatedP300, head, p300, subjects
from eegkd.data.simulated import signals as noises

NAMES = list(head.CH_NAMES)
SFREQ = 160.0
PEOPLE = (1, 2, 3)
UNICORN = ["Fz", "C3", "Cz", "C4", "Pz", "PO7", "Oz", "PO8"]
FOREHEAD = ["Fp1", "Fp2", "AF7", "AF8"]


def flashes(raw):
    """Return when each flash begins in s, and whether it is a target."""
    return raw.annotations.onset, raw.annotations.description == "Target"


@pytest.fixture(scope="module")
def tiny():
    return SimulatedP300(n_subjects=2, n_characters=2, n_repetitions=2)


@pytest.fixture(scope="module")
def raw():
    return SimulatedP300().get_data([1])[1]["0train"]["0"]


@pytest.fixture(scope="module")
def trials():
    """Trials of three subjects in microvolts, one after the other and by day."""
    parts = []
    for subject in PEOPLE:
        for runs in SimulatedP300().get_data([subject])[subject].values():
            raw = runs["0"].filter(1.0, 24.0, verbose="error")
            onsets, targets = flashes(raw)
            rows = np.rint(onsets * SFREQ).astype(int)[:, np.newaxis]
            X = raw.get_data()[:, rows + np.arange(int(SFREQ))].swapaxes(0, 1) * 1e6
            parts.append((X, targets))
    return parts


@pytest.fixture(scope="module")
def difference(trials):
    """Return the average target minus the average of the others, over people."""
    return np.mean([X[y].mean(axis=0) - X[~y].mean(axis=0) for X, y in trials], axis=0)


@pytest.fixture
def steady(monkeypatch):
    """Take away whatever differs from flash to flash and from day to day."""
    for name in ("AMPLITUDE_SPREAD", "VISUAL_SPREAD", "VISUAL_JITTER", "LAPSES"):
        monkeypatch.setattr(p300, name, 0.0)
    monkeypatch.setattr(p300, "LATENCY_DRIFT", 0.0)


def responses(onsets, targets, seconds=12.0, **changes):
    """Return what the electrodes see of some flashes, without any noise."""
    dataset = SimulatedP300(n_subjects=1)
    subject = dataset._draw_subject(dataset._rng(1))._replace(**changes)
    rng = np.random.default_rng(0)
    day = subjects.draw_day(subject.sources, subject.strengths, rng)
    noise = noises.Noise(int(seconds * SFREQ), SFREQ, np.random.default_rng(1))
    return p300._responses(subject, day, np.array(onsets), np.array(targets), noise)


def features(X, rows):
    """Return the means of 16 parts of each trial, for some electrodes."""
    parts = X[:, rows].reshape(len(X), len(rows), 16, -1).mean(axis=-1)
    return parts.reshape(len(X), -1)


def width(course):
    """Return the full width at half maximum in samples."""
    return np.count_nonzero(course > course.max() / 2)


# --- the recording ------------------------------------------------------------------


def test_every_row_and_column_flashes_once_in_each_repetition(raw):
    _, targets = flashes(raw)
    assert len(targets) == 12 * p300.N_CHARACTERS * p300.N_REPETITIONS
    rounds = targets.reshape(-1, 12)
    assert (rounds.sum(axis=1) == 2).all()
    assert len(np.unique(rounds, axis=0)) > 20


def test_trials_overlap_within_a_character_and_not_beyond(raw):
    onsets, _ = flashes(raw)
    per_character = onsets.reshape(p300.N_CHARACTERS, -1)
    np.testing.assert_allclose(np.diff(per_character), 0.2, atol=1e-6)
    pauses = per_character[1:, 0] - per_character[:-1, -1]
    assert pauses.min() > 2 * p300.INTERVAL[1]
    assert onsets[0] > 1.0
    assert raw.times[-1] - onsets[-1] > p300.INTERVAL[1]


def test_a_character_is_a_block_to_the_splits(tiny):
    metadata = load_trials(tiny, subjects=[1]).metadata
    sizes = metadata.groupby(["session", "group"]).size()
    assert sizes.tolist() == [24] * 4


# --- responses ----------------------------------------------------------------------


def test_average_target_is_positive_over_the_parietal_cortex(difference):
    late = difference[:, int(0.28 * SFREQ) : int(0.50 * SFREQ)].mean(axis=1)
    electrode = NAMES[np.argmax(late)]
    assert electrode in ("CP1", "CPz", "CP2", "P1", "Pz", "P2", "POz")
    assert late[NAMES.index("Pz")] > 3 * abs(late[NAMES.index("Fp1")])
    assert 0.28 < np.argmax(difference[NAMES.index("Pz")]) / SFREQ < 0.50


def test_flash_that_is_looked_at_is_negative_over_both_visual_cortices(difference):
    early = difference[:, int(0.14 * SFREQ) : int(0.20 * SFREQ)].mean(axis=1)
    for electrode in ("PO7", "PO8"):
        assert early[NAMES.index(electrode)] < early[NAMES.index("Cz")] - 1.0
        course = difference[NAMES.index(electrode), : int(0.28 * SFREQ)]
        assert 0.13 < np.argmin(course) / SFREQ < 0.21


def test_components_peak_where_and_when_the_table_says(steady):
    seen = responses([2.0], [True], latency=0.4, jitter=0.0, visual_shift=0.0)
    after = seen[:, int(2.0 * SFREQ) :]
    parietal = after[NAMES.index("Pz")]
    assert abs(np.argmax(parietal) / SFREQ - 0.4) < 0.03
    assert 3e-6 < parietal.max() < 25e-6
    visual = after[[NAMES.index("PO7"), NAMES.index("PO8")]].mean(axis=0)
    assert abs(np.argmin(visual) / SFREQ - 0.17) < 0.02
    assert np.abs(seen[:, : int(2.0 * SFREQ)]).max() < 1e-3 * np.abs(after).max()


def test_other_flashes_have_no_p3(steady):
    seen = responses([2.0], [False], visual_shift=0.0)
    late = np.abs(seen[:, int(2.35 * SFREQ) :]).max()
    assert late < 0.01 * np.abs(seen).max()


def test_average_p3_is_wider_than_a_single_one(steady):
    onsets = np.arange(2.0, 402.0, 4.0)
    targets = np.ones(len(onsets), bool)
    means = {}
    for jitter in (0.0, 0.06):
        seen = responses(onsets, targets, 406.0, jitter=jitter, gaze=0.0)
        cuts = np.stack([seen[:, int(t * SFREQ) :][:, :160] for t in onsets])
        means[jitter] = cuts.mean(axis=0)[NAMES.index("Pz")]
    assert width(means[0.06]) > 1.15 * width(means[0.0])
    assert means[0.06].max() < 0.95 * means[0.0].max()


def test_every_person_has_jitter():
    dataset = SimulatedP300()
    jitter = [dataset._draw_subject(dataset._rng(n)).jitter for n in range(1, 10)]
    assert min(jitter) > 0.02
    assert max(jitter) < 0.07


@pytest.mark.parametrize("gap", [0.2, 0.4, 1.0, 5.0])
def test_a_target_soon_after_a_target_has_a_smaller_p3(steady, gap):
    alone = responses([2.0], [True], jitter=0.0, gaze=0.0)
    both = responses([2.0, 2.0 + gap], [True, True], jitter=0.0, gaze=0.0)
    second = (both - alone)[NAMES.index("Pz")].max()
    ratio = second / alone[NAMES.index("Pz")].max()
    np.testing.assert_allclose(ratio, 1 - 0.7 * np.exp(-gap / 0.7), rtol=0.02)


def test_and_a_smaller_visual_response(steady):
    alone = responses([2.0], [True], jitter=0.0, attention=0.0)
    both = responses([2.0, 2.4], [True, True], jitter=0.0, attention=0.0)
    electrode = NAMES.index("PO7")
    ratio = (both - alone)[electrode].min() / alone[electrode].min()
    np.testing.assert_allclose(ratio, 1 - 0.4 * np.exp(-1), rtol=0.02)


def test_other_flashes_do_not_tire(steady):
    alone = responses([2.0], [False])
    both = responses([2.0, 2.4], [False, False])
    electrode = NAMES.index("PO7")
    np.testing.assert_allclose(
        (both - alone)[electrode].min(), alone[electrode].min(), rtol=0.02
    )


def test_responses_add_up_to_a_rhythm_of_the_flashes(raw):
    X = raw.get_data(picks=["PO7", "PO8"])
    freqs, power = welch(X, SFREQ, nperseg=int(10 * SFREQ))
    power = power.mean(axis=0)
    beside = power[(abs(freqs - 5) > 0.3) & (abs(freqs - 5) < 1)]
    assert power[np.argmin(abs(freqs - 5.0))] > 3 * beside.max()


def test_some_people_attend_poorly():
    dataset = SimulatedP300()
    people = [dataset._draw_subject(dataset._rng(n)) for n in dataset.subject_list]
    attention = np.array([subject.attention for subject in people])
    assert attention.min() < 0.75
    assert attention.max() > 1.0


def test_fewer_electrodes_tell_less(trials):
    score = {}
    for montage, names in (("unicorn", UNICORN), ("forehead", FOREHEAD)):
        rows = [NAMES.index(name) for name in names]
        scores = []
        for (X, y), (X_test, y_test) in zip(trials[::2], trials[1::2], strict=True):
            lda = LinearDiscriminantAnalysis("lsqr", "auto").fit(features(X, rows), y)
            guess = lda.decision_function(features(X_test, rows))
            scores.append(roc_auc_score(y_test, guess))
        score[montage] = np.mean(scores)
    assert score["unicorn"] > score["forehead"] + 0.08
    assert 0.65 < score["unicorn"] < 0.97
    assert score["forehead"] > 0.5


# --- a MOABB dataset ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_characters": 0}, ValueError, "'n_characters' must be an integer >= 1"),
        ({"n_repetitions": 2.5}, TypeError, "'n_repetitions' must be an integer >= 1"),
    ],
)
def test_wrong_arguments(options, error, message):
    with pytest.raises(error, match=message):
        SimulatedP300(**options)
