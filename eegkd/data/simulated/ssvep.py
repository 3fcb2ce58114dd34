"""Simulated SSVEP: visual cortex follows the flicker that somebody looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import mne
import numpy as np

from eegkd._checks import check_number
from eegkd._docs import fill_doc
from eegkd.data.simulated.base import (
    SHARED,
    Runs,
    SimulatedDataset,
    check_trials,
    shuffled_runs,
)
from eegkd.data.simulated.head import SFREQ
from eegkd.data.simulated.signals import Noise
from eegkd.data.simulated.subjects import Day, draw_day, draw_effort
from eegkd.data.simulated.vision import (
    AREAS,
    DELAYS,
    Viewer,
    draw_cues,
    draw_viewer,
    envelope,
    record_watching,
)

# --- The recording ------------------------------------------------------------------
# No frequency is near a multiple of another; three lie where alpha does.
FREQUENCIES = (8.0, 9.5, 11.0, 13.0, 17.0)  # Hz
LOWEST, HIGHEST = 5.0, 30.0  # Hz
N_TRIALS, N_RUNS = 20, 4  # trials of each frequency in a session, runs of a session
FLICKER = 4.0  # s from the cue to the end of a trial

# --- The response -------------------------------------------------------------------
# A m, at 10 Hz, of either primary cortex. At Oz most people have 3 to 9 microvolts of
# the lowest frequency and 2 to 5 of the highest.
MOMENT = 12e-9
FALL = 0.7  # responses fall with frequency, by this power of it
HARMONICS = (1.0, 0.4, 0.2)  # of the fundamental and its multiples
HIGHEST_SHARE = 0.45  # of the sampling rate; the amplifier passes nothing above
LATENCY = (0.12, 0.15)  # s, as the phase tells it, of subjects
PHASE_SPREAD = 0.4  # rad, of each frequency around that, over subjects
GAIN_SPREAD = 0.2  # of each frequency and harmonic over subjects, log scale
ONSET = 0.3  # s from the cue to the middle of the rise, which begins at 0.1 s
JITTER = 0.004  # s, of the latency from trial to trial
DAY_JITTER = 0.002  # s, from day to day


class Subject(NamedTuple):
    """What stays the same in one subject."""

    viewer: Viewer
    latency: float
    amplitudes: np.ndarray  # (n_frequencies, n_harmonics), in A m
    phases: np.ndarray  # (n_frequencies, n_harmonics), in rad


@fill_doc(SHARED)
class SimulatedSSVEP(SimulatedDataset):
    """Simulated EEG of steady-state visual responses: 64 electrodes, two days.

    %(nobody)s

    Parameters
    ----------
    %(n_subjects)s
    n_trials : int, default=20
        Trials of each frequency in each session, at least ``n_runs``.
    n_runs : int, default=4
        Runs that a session is recorded in.
    frequencies : sequence of float, default=(8.0, 9.5, 11.0, 13.0, 17.0)
        Of the targets in Hz, two or more, each between 5 and 30. The events have
        their names, ``"8"`` or ``"9.5"``.
    %(drawn)s

    Attributes
    ----------
    %(simulated)s
    frequencies : tuple of float
        Of the targets in Hz.

    See Also
    --------
    eegkd.load_trials : Load this dataset, or another, as trials.
    eegkd.data.simulated.SimulatedCVEP : Targets that flicker by a code.

    Notes
    -----
    *Head.* MNE's spherical model carries each dipole to the electrodes; the reference
    is the linked mastoids. Primary visual cortex of both hemispheres, the cortex above
    it on the midline, and lateral occipital cortex are small patches of dipoles
    [1]_, the background is 300 dipoles all over the cortex.

    *Response.* Within half a second of a target's start visual cortex follows it with
    the frequency itself and two multiples, which are weaker [2]_. Higher
    frequencies give less [3]_. The phase is that of a latency of 120 to 150 ms, with
    a deviation of its own for each subject and frequency. Nothing else differs between
    classes.

    *Noise.* 1/f background, blinks, 50 Hz from the line, white noise of the
    electrodes, and occipital alpha, a quarter less while a target is watched, which
    lies among the lower frequencies. Attention differs between trials and lapses in
    one of twenty.

    *Subjects and days.* Subjects differ in the places and directions of their dipoles,
    in alpha, latency and phases, and in how strongly they respond, which is little in
    some. On the second day the cap sits elsewhere, and gains, strengths and noise
    have changed.

    The response is occipital. Other electrodes see what volume conduction and the
    reference leave of it, and as much of everything else.

    References
    ----------
    .. [1] Di Russo, F., Pitzalis, S., Aprile, T., Spitoni, G., Patria, F., Stella, A.,
       Spinelli, D., Hillyard, S. A. (2007). Spatiotemporal analysis of the cortical
       sources of the steady-state visual evoked potential. Human Brain Mapping,
       28(4), 323-334.
    .. [2] Norcia, A. M., Appelbaum, L. G., Ales, J. M., Cottereau, B. R., Rossion, B.
       (2015). The steady-state visual evoked potential in vision research: a review.
       Journal of Vision, 15(6), 4.
    .. [3] Herrmann, C. S. (2001). Human EEG responses to 1-100 Hz flicker: resonance
       phenomena in visual cortex and their potential correlation to cognitive
       phenomena. Experimental Brain Research, 137(3-4), 346-353.

    Examples
    --------
    >>> from eegkd.data.simulated import SimulatedSSVEP
    >>> dataset = SimulatedSSVEP(n_subjects=2)
    >>> list(dataset.event_id)
    ['8', '9.5', '11', '13', '17']
    >>> raw = dataset.get_data([1])[1]["0train"]["0"]
    >>> len(raw.ch_names), raw.info["sfreq"], len(raw.annotations)
    (64, 160.0, 25)
    """

    paradigm = "ssvep"

    def __init__(
        self,
        n_subjects: int = 9,
        n_trials: int = N_TRIALS,
        n_runs: int = N_RUNS,
        frequencies: Sequence[float] = FREQUENCIES,
        sfreq: float = SFREQ,
        seed: int = 0,
        *,
        subjects: Sequence[int] | None = None,
        sessions: Sequence[Any] | None = None,
    ) -> None:
        self.n_trials, self.n_runs = check_trials(n_trials, n_runs)
        self.frequencies = _check_frequencies(frequencies)
        names = [f"{frequency:g}" for frequency in self.frequencies]
        events = {name: code for code, name in enumerate(names, start=1)}
        interval = (0.0, FLICKER)
        unusual = {
            f"trials{n_trials}": n_trials != N_TRIALS,
            f"runs{n_runs}": n_runs != N_RUNS,
            **{f"{name}hz": self.frequencies != FREQUENCIES for name in names},
        }
        super().__init__(
            n_subjects, sfreq, seed, subjects, sessions, events, interval, unusual
        )

    def _draw_subject(self, rng: np.random.Generator) -> Subject:
        """Draw a subject."""
        viewer, latency = draw_viewer(rng), rng.uniform(*LATENCY)
        shape = (len(self.frequencies), len(HARMONICS))
        fall = (np.array(self.frequencies)[:, np.newaxis] / 10.0) ** -FALL
        phases = rng.uniform(0.0, 2 * np.pi, shape)
        phases[:, 0] = PHASE_SPREAD * rng.standard_normal(len(phases))
        gains = viewer.response * rng.lognormal(0.0, GAIN_SPREAD, shape)
        return Subject(
            viewer=viewer,
            latency=latency,
            amplitudes=MOMENT * fall * np.array(HARMONICS) * gains,
            phases=phases,
        )

    def _record(self, subject: Subject, rng: np.random.Generator) -> Runs:
        """Return the runs of one day, with as many trials of each class in each."""
        day = draw_day(subject.viewer.sources, subject.viewer.strengths, rng)
        subject = subject._replace(latency=rng.normal(subject.latency, DAY_JITTER))
        numbers = range(len(self.frequencies))
        return {
            run: self._record_run(subject, day, classes, rng)
            for run, classes in shuffled_runs(numbers, self.n_trials, self.n_runs, rng)
        }

    def _record_run(
        self, subject: Subject, day: Day, classes: np.ndarray, rng: np.random.Generator
    ) -> mne.io.RawArray:
        """Return a run with one trial for each number of a class."""
        n_trials = len(classes)
        cues, n_times = draw_cues(n_trials, FLICKER, self.sfreq, rng)
        noise = Noise(n_times, self.sfreq, rng)
        effort, shifts = draw_effort(n_trials, rng), rng.normal(0, JITTER, n_trials)
        times = np.arange(n_times) / self.sfreq

        waves = np.zeros((len(AREAS), n_times))
        for number, cue, shift in zip(classes, cues, shifts, strict=True):
            here = (times >= cue) & (times < cue + FLICKER + 2 * ONSET)
            waves[:, here] = self._follow(subject, number, times[here] - cue - shift)
        waves *= envelope(cues + ONSET, FLICKER, effort, n_times, self.sfreq)
        raw = record_watching(waves, subject.viewer, day, noise, cues + ONSET, FLICKER)
        labels = np.array(list(self.event_id))[classes]
        return raw.set_annotations(mne.Annotations(cues, FLICKER, labels))

    def _follow(self, subject: Subject, number: int, times: np.ndarray) -> np.ndarray:
        """Return what the areas make of a flicker since its start, in A m."""
        frequency = self.frequencies[number]
        angles = (
            2 * np.pi * frequency * (times - subject.latency - DELAYS[:, np.newaxis])
        )
        wave = np.zeros_like(angles)
        parts = zip(subject.amplitudes[number], subject.phases[number], strict=True)
        for multiple, (amplitude, phase) in enumerate(parts, start=1):
            if multiple * frequency < HIGHEST_SHARE * self.sfreq:
                wave += amplitude * np.cos(multiple * angles + phase)
        return wave


def _check_frequencies(frequencies: Any) -> tuple[float, ...]:
    """Return two or more distinct frequencies that visual cortex can follow."""
    if isinstance(frequencies, str) or not hasattr(frequencies, "__iter__"):
        raise TypeError(
            "'frequencies' must be a list of numbers in Hz, got "
            f"{type(frequencies).__name__} {frequencies!r}."
        )
    checked = tuple(
        check_number(value, "frequencies", at_least=LOWEST, at_most=HIGHEST)
        for value in frequencies
    )
    if len({f"{value:g}" for value in checked}) < max(2, len(checked)):
        raise ValueError(
            "'frequencies' must be two or more different ones in Hz, got "
            f"{list(checked)!r}."
        )
    return checked
