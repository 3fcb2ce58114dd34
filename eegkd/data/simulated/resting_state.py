"""Simulated resting state: alpha is strong while the eyes are closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import mne
import numpy as np

from eegkd._checks import check_int, check_number
from eegkd._docs import fill_doc
from eegkd.data.simulated.base import SHARED, Runs, SimulatedDataset
from eegkd.data.simulated.head import SFREQ
from eegkd.data.simulated.signals import (
    ALPHA_FREQ,
    EXPONENT,
    EXPONENT_SPREAD,
    MU_FREQ,
    MU_WIDTH,
    Noise,
    bump,
    ramp,
    record,
)
from eegkd.data.simulated.subjects import (
    HAND_AREAS,
    STRENGTH_DRIFT,
    STRENGTH_SPREAD,
    Sources,
    draw_day,
    draw_sources,
)

# --- The recording ------------------------------------------------------------------
# Names and codes are those of Rodrigues2017.
EVENTS = {"closed": 1, "open": 2}
N_SEGMENTS, SEGMENT = 8, 60.0  # of a session, and s that a segment lasts
PAUSE = 3.0  # s between segments, in which the eyes close or open
REACTION = 1.0  # s from the end of a segment until they do
MARGIN = 1.0  # s at the beginning and end of a run

# --- The head -----------------------------------------------------------------------
# Areas with a rhythm of much the same frequency as alpha, whatever the eyes do.
AREAS = HAND_AREAS
MU_MOMENT = 40e-9  # A m, root mean square; 5 to 10 microvolts over its area

# --- Alpha and the eyes -------------------------------------------------------------
# Factors of an amplitude of 10 to 15 microvolts over the occiput.
OPEN_GAIN, GAIN_SPREAD = 0.55, 0.3  # with open eyes; spread over subjects, log scale
# How many times larger it is with closed eyes, of subjects: in some it hardly changes,
# and some have little alpha at all.
REACTIVITY, REACTIVITY_SPREAD, REACTIVITY_RANGE = 2.6, 0.6, (1.2, 4.0)
LOW_ALPHA, LOW_ALPHA_GAIN = 0.10, 0.35  # share of subjects, and what they have of it
WAXING, WAXING_FREQ = 0.25, 0.15  # spread of the amplitude in time, log scale; Hz
RISE = 1.0  # s that alpha takes to change
# Closed eyes do not blink, but they drift: slow movements, in A m, root mean square,
# which give 20 to 30 microvolts at the forehead.
DRIFT_MOMENT, DRIFT_FREQ, DRIFT_WIDTH = 150e-9, 0.5, 0.25  # Hz


class Subject(NamedTuple):
    """What stays the same in one subject."""

    sources: Sources
    mu_freq: float
    alpha_freq: float
    exponent: float
    gain: float
    reactivity: float
    strengths: np.ndarray


@fill_doc(SHARED)
class SimulatedRestingState(SimulatedDataset):
    """Simulated EEG at rest: 64 electrodes, eyes closed or open, two days.

    %(nobody)s

    Parameters
    ----------
    %(n_subjects)s
    n_segments : int, default=8
        Segments of each session, at least 2. Eyes are closed and open in turn.
    segment : float, default=60.0
        Length of a segment in seconds, at least 2.
    %(drawn)s

    Attributes
    ----------
    %(simulated)s

    See Also
    --------
    eegkd.load_trials : Load this dataset, or another, as trials.

    Notes
    -----
    *Segments.* Eyes close and open in turn; which comes first differs between days. As
    in Rodrigues2017 they do so before a segment begins [1]_. Each segment is one trial
    to MOABB; `eegkd.load_trials` cuts it into windows. Windows of one segment have much
    in common, so that a test within a session is easier than one on another day.
    From day to day the level of everything changes, so that a decoder of power may
    keep telling windows apart and put its threshold at the wrong place.

    *Alpha.* Occipital alpha is about twice as strong with closed eyes [2]_, and more
    or less than that by subject: in some it hardly changes, and some have little alpha
    at all. It waxes and wanes over seconds. A mu rhythm of both hand areas, of about
    the same frequency, goes on unchanged.

    *Eyes.* Open eyes blink; closed ones do not and drift slowly instead. So frontal
    electrodes tell the classes apart by the eyes themselves, as they do in people. That
    is not brain activity. A band from 4 Hz up takes the drifts away and leaves a part
    of each blink.

    *Noise.* 1/f background, 50 Hz from the line, white noise of the electrodes.

    *Subjects and days.* Subjects differ in the places and directions of their dipoles,
    in frequencies, in strengths, and in what closing the eyes does to alpha. On the
    second day the cap sits elsewhere, and gains, rhythms and noise have changed.

    Posterior electrodes see alpha; central ones see it weaker and mixed with mu;
    frontal ones see little more than the eyes.

    References
    ----------
    .. [1] Cattan, G., Coelho Rodrigues, P. L., Congedo, M. (2018). EEG Alpha Waves
       Dataset. Research report, GIPSA-lab. https://hal.science/hal-02086581
    .. [2] Barry, R. J., Clarke, A. R., Johnstone, S. J., Magee, C. A., Rushby, J. A.
       (2007). EEG differences between eyes-closed and eyes-open resting conditions.
       Clinical Neurophysiology, 118(12), 2765-2773.

    Examples
    --------
    >>> from eegkd.data.simulated import SimulatedRestingState
    >>> dataset = SimulatedRestingState(n_subjects=2)
    >>> raw = dataset.get_data([1])[1]["0train"]["0"]
    >>> len(raw.ch_names), raw.info["sfreq"], len(raw.annotations)
    (64, 160.0, 8)
    """

    paradigm = "rstate"

    def __init__(
        self,
        n_subjects: int = 9,
        n_segments: int = N_SEGMENTS,
        segment: float = SEGMENT,
        sfreq: float = SFREQ,
        seed: int = 0,
        *,
        subjects: Sequence[int] | None = None,
        sessions: Sequence[Any] | None = None,
    ) -> None:
        self.n_segments = check_int(
            n_segments, "n_segments", at_least=2, hint="Each state needs one or more."
        )
        self.segment = check_number(segment, "segment", at_least=2.0)
        interval = (0.0, self.segment)
        unusual = {
            f"segments{n_segments}": n_segments != N_SEGMENTS,
            f"length{segment:g}": segment != SEGMENT,
        }
        super().__init__(
            n_subjects, sfreq, seed, subjects, sessions, EVENTS, interval, unusual
        )

    def _draw_subject(self, rng: np.random.Generator) -> Subject:
        """Draw a subject."""
        sources = draw_sources(AREAS, rng)
        gain = OPEN_GAIN * rng.lognormal(0.0, GAIN_SPREAD)
        gain *= LOW_ALPHA_GAIN if rng.random() < LOW_ALPHA else 1.0
        reactivity = rng.normal(REACTIVITY, REACTIVITY_SPREAD)
        return Subject(
            sources=sources,
            mu_freq=rng.uniform(*MU_FREQ),
            alpha_freq=rng.uniform(*ALPHA_FREQ),
            exponent=rng.normal(EXPONENT, EXPONENT_SPREAD),
            gain=gain,
            reactivity=float(np.clip(reactivity, *REACTIVITY_RANGE)),
            strengths=rng.lognormal(0.0, STRENGTH_SPREAD, len(AREAS)),
        )

    def _record(self, subject: Subject, rng: np.random.Generator) -> Runs:
        """Return the one run of a day."""
        day = draw_day(subject.sources, subject.strengths, rng)
        labels = np.roll(list(self.event_id), rng.integers(2))
        labels = np.resize(labels, self.n_segments)
        starts = MARGIN + (self.segment + PAUSE) * np.arange(self.n_segments)
        n_times = int((starts[-1] + self.segment + MARGIN) * self.sfreq)
        noise = Noise(n_times, self.sfreq, rng)

        closed = _closed(starts, labels, n_times, self.sfreq)
        waxing = np.exp(WAXING * noise(1, bump(0.0, WAXING_FREQ))[0])
        gain = subject.gain * rng.lognormal(0.0, STRENGTH_DRIFT)
        steady = np.ones((len(AREAS), n_times))
        mu = noise.patches(steady, bump(subject.mu_freq, MU_WIDTH))
        drift = closed * noise(1, bump(DRIFT_FREQ, DRIFT_WIDTH))
        raw = record(
            MU_MOMENT * (day.areas @ mu) + DRIFT_MOMENT * (day.eyes @ drift),
            day,
            noise,
            alpha_freq=subject.alpha_freq,
            exponent=subject.exponent,
            alpha_gain=gain * waxing * (1 + (subject.reactivity - 1) * closed),
            blink_gain=1 - closed,
        )
        annotations = mne.Annotations(starts, self.segment, labels)
        return {"0": raw.set_annotations(annotations)}


def _closed(
    starts: np.ndarray, labels: np.ndarray, n_times: int, sfreq: float
) -> np.ndarray:
    """Return how far the eyes are closed over time, from 0 to 1."""
    changes = np.maximum(0, (starts - PAUSE + REACTION) * sfreq).astype(int)
    lengths = np.diff(changes, append=n_times)
    lengths[0] += changes[0]
    steps = np.repeat((labels == "closed").astype(float), lengths)
    rise = ramp(RISE, sfreq)
    reach = len(rise) // 2
    padded = np.pad(steps, (reach, len(rise) - 1 - reach), mode="edge")
    return np.convolve(padded, rise, mode="valid")
