"""Simulated motor imagery: rhythms of sensorimotor areas fall when they are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import mne
import numpy as np

from eegkd._checks import did_you_mean, join_names
from eegkd._docs import fill_doc
from eegkd.data.simulated.base import (
    SHARED,
    Runs,
    SimulatedDataset,
    check_trials,
    shuffled_runs,
)
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
    STRENGTH_SPREAD,
    Areas,
    Day,
    Sources,
    draw_day,
    draw_effort,
    draw_sources,
)

# --- The recording ------------------------------------------------------------------
# The classes are those of BNCI2014_001.
EVENTS = {"left_hand": 1, "right_hand": 2, "feet": 3, "tongue": 4}
N_TRIALS, N_RUNS = 30, 3  # trials of each class in a session, runs of a session
FIXATION = 1.0  # s before the cue
IMAGERY = 4.0  # s from the cue to the end of a trial
PAUSE = (0.5, 1.5)  # s after a trial
MARGIN = 1.0  # s at the beginning and end of a run

# --- The head -----------------------------------------------------------------------
# Sensorimotor areas: the electrodes above them, with weights, and the distance from the
# center in m. Hand and tongue areas lie on the outside; the foot area lies in the gap
# between the hemispheres, deeper.
AREAS: Areas = {
    **HAND_AREAS,
    "foot_area": ({"Cz": 0.7, "CPz": 0.3}, 0.060),
    "left_tongue_area": ({"C5": 0.5, "FC5": 0.2, "T7": 0.3}, 0.072),
    "right_tongue_area": ({"C6": 0.5, "FC6": 0.2, "T8": 0.3}, 0.072),
}

# --- Rhythms ------------------------------------------------------------------------
# Moments in A m, root mean square. At rest mu has 5 to 15 microvolts over its area,
# beta less than half of that.
MU_MOMENT, BETA_MOMENT = 50e-9, 22e-9
BETA_FREQ, BETA_WIDTH = (17.0, 24.0), 2.5  # Hz

# --- Imagery ------------------------------------------------------------------------
# What full imagery takes away from the amplitude in each area, in the order of AREAS:
# most in the area of the limb, and on the other side for hands; a little in the other
# hand's area. Areas that are not used gain (negative): Pfurtscheller et al. (2006).
DESYNCHRONIZATION = {
    "left_hand": (0.20, 0.60, -0.10, 0.00, 0.00),
    "right_hand": (0.60, 0.20, -0.10, 0.00, 0.00),
    "feet": (-0.15, -0.15, 0.55, -0.05, -0.05),
    "tongue": (-0.15, -0.15, -0.10, 0.50, 0.50),
}
BETA_SHARE = 0.7  # beta falls less than mu
REACTION = 0.5  # s from the cue to the beginning of imagery
RISE = 0.6  # s that an amplitude takes to change
SKILL, SKILL_SPREAD, SKILL_RANGE = 0.9, 0.2, (0.3, 1.0)  # of subjects; some are poor


class Subject(NamedTuple):
    """What stays the same in one subject."""

    sources: Sources
    mu_freq: float
    beta_freq: float
    alpha_freq: float
    exponent: float
    skill: float
    strengths: np.ndarray


@fill_doc(SHARED)
class SimulatedMotorImagery(SimulatedDataset):
    """Simulated EEG of motor imagery: 64 electrodes, four classes, two days.

    %(nobody)s

    Parameters
    ----------
    %(n_subjects)s
    n_trials : int, default=30
        Trials of each class in each session, at least ``n_runs``.
    n_runs : int, default=3
        Runs that a session is recorded in.
    events : sequence of str, default=("left_hand", "right_hand", "feet", "tongue")
        Imagined movements, one or more of the four.
    %(drawn)s

    Attributes
    ----------
    %(simulated)s

    See Also
    --------
    eegkd.load_trials : Load this dataset, or another, as trials.

    Notes
    -----
    *Head.* MNE's spherical model carries each dipole to the electrodes; the reference
    is the linked mastoids. Hand, foot and tongue areas are small patches of dipoles,
    the background is 300 dipoles all over the cortex.

    *Imagery.* The areas have a mu (8.5 to 12.5 Hz) and a beta rhythm. From half a
    second after the cue both fall in the area of the imagined limb (in the hand area
    of the other side), a little in the other hand's area, and rise where nothing is
    imagined [1]_ [2]_. Nothing else differs between classes.

    *Noise.* 1/f background, occipital alpha, blinks, 50 Hz from the line, white noise
    of the electrodes. Effort differs between trials and lapses in one of twenty.

    *Subjects and days.* Subjects differ in the places and directions of their dipoles,
    in peak frequencies, in strengths, and in skill, which is poor in some. On the
    second day the cap sits elsewhere, and gains, rhythms and noise have changed.

    The four classes can be told apart by how much of the rhythms each area keeps. A
    decoder with all electrodes can separate the areas; electrodes beside them see
    mixtures, less of the rhythms and as much of everything else. That is all that
    makes a wearable montage harder.

    References
    ----------
    .. [1] Pfurtscheller, G., Lopes da Silva, F. H. (1999). Event-related EEG/MEG
       synchronization and desynchronization: basic principles. Clinical
       Neurophysiology, 110(11), 1842-1857.
    .. [2] Pfurtscheller, G., Brunner, C., Schlögl, A., Lopes da Silva, F. H. (2006).
       Mu rhythm (de)synchronization and EEG single-trial classification of different
       motor imagery tasks. NeuroImage, 31(1), 153-159.

    Examples
    --------
    >>> from eegkd.data.simulated import SimulatedMotorImagery
    >>> dataset = SimulatedMotorImagery(n_subjects=2)
    >>> raw = dataset.get_data([1])[1]["0train"]["0"]
    >>> len(raw.ch_names), raw.info["sfreq"], len(raw.annotations)
    (64, 160.0, 40)
    """

    paradigm = "imagery"

    def __init__(
        self,
        n_subjects: int = 9,
        n_trials: int = N_TRIALS,
        n_runs: int = N_RUNS,
        events: Sequence[str] = tuple(EVENTS),
        sfreq: float = SFREQ,
        seed: int = 0,
        *,
        subjects: Sequence[int] | None = None,
        sessions: Sequence[Any] | None = None,
    ) -> None:
        self.n_trials, self.n_runs = check_trials(n_trials, n_runs)
        codes = _check_events(events)
        interval = (0.0, IMAGERY)
        unusual = {
            f"trials{n_trials}": n_trials != N_TRIALS,
            f"runs{n_runs}": n_runs != N_RUNS,
            **dict.fromkeys(codes, list(codes) != list(EVENTS)),
        }
        super().__init__(
            n_subjects, sfreq, seed, subjects, sessions, codes, interval, unusual
        )

    def _draw_subject(self, rng: np.random.Generator) -> Subject:
        """Draw a subject."""
        return Subject(
            sources=draw_sources(AREAS, rng),
            mu_freq=rng.uniform(*MU_FREQ),
            beta_freq=rng.uniform(*BETA_FREQ),
            alpha_freq=rng.uniform(*ALPHA_FREQ),
            exponent=rng.normal(EXPONENT, EXPONENT_SPREAD),
            skill=float(np.clip(rng.normal(SKILL, SKILL_SPREAD), *SKILL_RANGE)),
            strengths=rng.lognormal(0.0, STRENGTH_SPREAD, len(AREAS)),
        )

    def _record(self, subject: Subject, rng: np.random.Generator) -> Runs:
        """Return the runs of one day, with as many trials of each class in each."""
        day = draw_day(subject.sources, subject.strengths, rng)
        names = list(self.event_id)
        return {
            run: _record_run(subject, day, labels, self.sfreq, rng)
            for run, labels in shuffled_runs(names, self.n_trials, self.n_runs, rng)
        }


def _check_events(events: Sequence[str]) -> dict[str, int]:
    """Return the chosen events with their codes."""
    unknown = [name for name in events if name not in EVENTS]
    if isinstance(events, str) or unknown or not len(events):
        raise ValueError(
            f"'events' must be a list of one or more of {join_names(EVENTS)}, got "
            f"{events!r}." + did_you_mean(unknown[0] if unknown else None, EVENTS)
        )
    return {name: EVENTS[name] for name in events}


def _record_run(
    subject: Subject,
    day: Day,
    labels: np.ndarray,
    sfreq: float,
    rng: np.random.Generator,
) -> mne.io.RawArray:
    """Return a run with one trial for each label."""
    lengths = FIXATION + IMAGERY + rng.uniform(*PAUSE, len(labels))
    cues = MARGIN + FIXATION + np.cumsum(lengths) - lengths
    noise = Noise(int((2 * MARGIN + lengths.sum()) * sfreq), sfreq, rng)

    drop = _desynchronization(labels, cues, subject.skill, noise.n_times, sfreq, rng)
    mu = noise.patches(1 - drop, bump(subject.mu_freq, MU_WIDTH))
    beta = noise.patches(1 - BETA_SHARE * drop, bump(subject.beta_freq, BETA_WIDTH))
    raw = record(
        day.areas @ (MU_MOMENT * mu + BETA_MOMENT * beta),
        day,
        noise,
        alpha_freq=subject.alpha_freq,
        exponent=subject.exponent,
    )
    return raw.set_annotations(mne.Annotations(cues, IMAGERY, labels))


def _desynchronization(
    labels: np.ndarray,
    cues: np.ndarray,
    skill: float,
    n_times: int,
    sfreq: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return what imagery takes from each area's amplitude, (n_areas, n_times)."""
    effort = draw_effort(len(labels), rng)
    drop = np.zeros((len(AREAS), n_times))
    for label, cue, share in zip(labels, cues, effort, strict=True):
        start, stop = int((cue + REACTION) * sfreq), int((cue + IMAGERY) * sfreq)
        depth = skill * share * np.array(DESYNCHRONIZATION[label])
        drop[:, start:stop] = depth[:, np.newaxis]
    rise = ramp(RISE, sfreq)
    return np.stack([np.convolve(row, rise, mode="same") for row in drop])
