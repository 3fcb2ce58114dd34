"""Simulated P300 speller: rows and columns flash, one character is attended to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import mne
import numpy as np

from eegkd._checks import check_int
from eegkd._docs import fill_doc
from eegkd.data.simulated.base import SHARED, Runs, SimulatedDataset
from eegkd.data.simulated.head import SFREQ
from eegkd.data.simulated.signals import (
    ALPHA_FREQ,
    EXPONENT,
    EXPONENT_SPREAD,
    Noise,
    record,
)
from eegkd.data.simulated.subjects import (
    N_DIPOLES,
    STRENGTH_SPREAD,
    Areas,
    Day,
    Sources,
    draw_day,
    draw_sources,
)

# --- The recording ------------------------------------------------------------------
# Names, codes and window are those of BNCI2014_009.
EVENTS = {"Target": 2, "NonTarget": 1}
INTERVAL = (0.0, 1.0)  # s after a flash
N_CHARACTERS, N_REPETITIONS = 10, 8  # of a session, and of all flashes for a character
N_ROWS, N_COLUMNS = 6, 6
ASYNCHRONY = 0.2  # s from flash to flash: five epochs overlap at any time
PAUSE = 3.0  # s from the last flash of a character to the first of the next
MARGIN = 1.5  # s at the beginning and end of a run

# --- The head -----------------------------------------------------------------------
# Areas that respond: the electrodes above them, with weights, and the distance from the
# center in m. The parietal source is deep, so that it is seen widely.
AREAS: Areas = {
    "left_visual": ({"PO7": 0.7, "P7": 0.3}, 0.068),
    "right_visual": ({"PO8": 0.7, "P8": 0.3}, 0.068),
    "vertex": ({"Cz": 1.0}, 0.062),
    "frontal": ({"FCz": 0.6, "Fz": 0.4}, 0.062),
    "parietal": ({"Pz": 0.8, "CPz": 0.2}, 0.055),
}


class Component(NamedTuple):
    """A bell in time: where it is, its peak in A m, its latency and width in s."""

    areas: tuple[str, ...]
    moment: float
    latency: float
    width: float


# --- Responses ----------------------------------------------------------------------
# A flash that stands alone gives peaks of about -3 microvolts for N1 and 2 for P2, and
# an attended one 8 to 30 for P3 at Pz, by subject; jitter and flashes close by leave 4
# to 15 in the average. Latencies of P3a and P3b count from the subject's own.
VISUAL = {
    "N1": Component(("left_visual", "right_visual"), -25e-9, 0.170, 0.022),
    "P2": Component(("vertex",), 20e-9, 0.220, 0.030),
}
COGNITIVE = {
    "P3a": Component(("frontal",), 50e-9, -0.070, 0.040),
    "P3b": Component(("parietal",), 150e-9, 0.0, 0.070),
}
P3_LATENCY = (0.33, 0.43)  # s, of subjects
VISUAL_SHIFT = 0.008  # s, spread of the latency of N1 and P2 over subjects
LATENCY_DRIFT = 0.008  # s, spread of the latency of P3 over days
JITTER = (0.025, 0.060)  # s, of subjects: spread of the latency of P3 over trials
VISUAL_JITTER = 0.005  # s
AMPLITUDE_SPREAD = 0.35  # of P3 over trials, log scale
VISUAL_SPREAD = 0.20
# What is attended to is looked at, too, and gives a larger visual response.
GAZE = (1.5, 3.0)  # of subjects
ALPHA_GAIN = 0.6  # of alpha: the eyes are open and at work
ATTENTION, ATTENTION_SPREAD, ATTENTION_RANGE = 0.9, 0.25, (0.3, 1.2)  # of subjects
LAPSES, LAPSE_ATTENTION = 0.05, (0.0, 0.3)  # a target is missed now and then
# What a response loses soon after another target, and in what time it recovers (s).
REFRACTORY, RECOVERY = 0.7, 0.7
VISUAL_REFRACTORY, VISUAL_RECOVERY = 0.4, 0.4


class Subject(NamedTuple):
    """What stays the same in one subject."""

    sources: Sources
    alpha_freq: float
    exponent: float
    attention: float
    gaze: float
    latency: float
    jitter: float
    visual_shift: float
    strengths: np.ndarray


@fill_doc(SHARED)
class SimulatedP300(SimulatedDataset):
    """Simulated EEG of a P300 speller: 64 electrodes, rows and columns, two days.

    %(nobody)s

    Parameters
    ----------
    %(n_subjects)s
    n_characters : int, default=10
        Characters that are spelled in each session.
    n_repetitions : int, default=8
        How often all 6 rows and 6 columns flash for each character. A session has
        ``12 * n_characters * n_repetitions`` trials, one sixth of them targets.
    %(drawn)s

    Attributes
    ----------
    %(simulated)s

    See Also
    --------
    eegkd.load_trials : Load this dataset, or another, as trials.

    Notes
    -----
    *Speller.* Rows and columns of a 6 by 6 matrix flash in random order, one every
    0.2 s [1]_. The row and the column of the attended character are targets. A trial
    lasts 1 s from its flash, so that it holds responses to its neighbors; 3 s pass
    between the flashes of one character and the next. A character is a block of
    trials that overlap, which a split must not cut.

    *Responses.* Every flash gives N1 in both occipito-temporal cortices and P2 at the
    vertex, both larger where the flash is looked at, as that of the attended character
    is [3]_. Only targets give P3a (frontal) and P3b (parietal, deep) [2]_, at 330 to
    430 ms by subject. Its latency jitters from trial to trial, its amplitude varies,
    and one target of twenty is missed. Targets that follow each other closely have a
    smaller P3 and, less so, smaller visual responses [4]_. The steady response at the
    rate of flashing is what N1 and P2 of all flashes add up to.

    *Noise.* 1/f background, occipital alpha, blinks, 50 Hz from the line, white noise
    of the electrodes.

    *Subjects and days.* Subjects differ in the places and directions of their dipoles,
    in latencies, jitter and strengths, and in attention, which is poor in some. On the
    second day the cap sits elsewhere, and gains, strengths, latency and noise have
    changed.

    Posterior electrodes see both what the eyes and what attention do, central ones P3
    alone, and frontal ones little of either and all of the blinks.

    References
    ----------
    .. [1] Farwell, L. A., Donchin, E. (1988). Talking off the top of your head: toward
       a mental prosthesis utilizing event-related brain potentials.
       Electroencephalography and Clinical Neurophysiology, 70(6), 510-523.
    .. [2] Polich, J. (2007). Updating P300: an integrative theory of P3a and P3b.
       Clinical Neurophysiology, 118(10), 2128-2148.
    .. [3] Krusienski, D. J., Sellers, E. W., McFarland, D. J., Vaughan, T. M.,
       Wolpaw, J. R. (2008). Toward enhanced P300 speller performance. Journal of
       Neuroscience Methods, 167(1), 15-21.
    .. [4] Martens, S. M. M., Hill, N. J., Farquhar, J., Schölkopf, B. (2009). Overlap
       and refractory effects in a brain-computer interface speller based on the visual
       P300 event-related potential. Journal of Neural Engineering, 6(2), 026003.

    Examples
    --------
    >>> from eegkd.data.simulated import SimulatedP300
    >>> dataset = SimulatedP300(n_subjects=2)
    >>> raw = dataset.get_data([1])[1]["0train"]["0"]
    >>> len(raw.ch_names), raw.info["sfreq"], len(raw.annotations)
    (64, 160.0, 960)
    """

    paradigm = "p300"

    def __init__(
        self,
        n_subjects: int = 9,
        n_characters: int = N_CHARACTERS,
        n_repetitions: int = N_REPETITIONS,
        sfreq: float = SFREQ,
        seed: int = 0,
        *,
        subjects: Sequence[int] | None = None,
        sessions: Sequence[Any] | None = None,
    ) -> None:
        self.n_characters = check_int(n_characters, "n_characters", at_least=1)
        self.n_repetitions = check_int(n_repetitions, "n_repetitions", at_least=1)
        unusual = {
            f"characters{n_characters}": n_characters != N_CHARACTERS,
            f"repetitions{n_repetitions}": n_repetitions != N_REPETITIONS,
        }
        super().__init__(
            n_subjects, sfreq, seed, subjects, sessions, EVENTS, INTERVAL, unusual
        )

    def _make_code(self, named: Sequence[str]) -> str:
        """Return the code; MOABB wants the digits of the class's name at its end."""
        return "-".join(["Simulated", *named, "P300"]) if named else "SimulatedP300"

    def _draw_subject(self, rng: np.random.Generator) -> Subject:
        """Draw a subject."""
        attention = rng.normal(ATTENTION, ATTENTION_SPREAD)
        return Subject(
            sources=draw_sources(AREAS, rng),
            alpha_freq=rng.uniform(*ALPHA_FREQ),
            exponent=rng.normal(EXPONENT, EXPONENT_SPREAD),
            attention=float(np.clip(attention, *ATTENTION_RANGE)),
            gaze=rng.uniform(*GAZE),
            latency=rng.uniform(*P3_LATENCY),
            jitter=rng.uniform(*JITTER),
            visual_shift=rng.normal(0.0, VISUAL_SHIFT),
            strengths=rng.lognormal(0.0, STRENGTH_SPREAD, len(AREAS)),
        )

    def _record(self, subject: Subject, rng: np.random.Generator) -> Runs:
        """Return the one run of a day."""
        day = draw_day(subject.sources, subject.strengths, rng)
        onsets, targets = _draw_flashes(self.n_characters, self.n_repetitions, rng)
        noise = Noise(int((onsets[-1] + MARGIN) * self.sfreq), self.sfreq, rng)
        raw = record(
            _responses(subject, day, onsets, targets, noise),
            day,
            noise,
            alpha_freq=subject.alpha_freq,
            exponent=subject.exponent,
            alpha_gain=ALPHA_GAIN,
        )
        labels = np.where(targets, "Target", "NonTarget")
        return {"0": raw.set_annotations(mne.Annotations(onsets, ASYNCHRONY, labels))}


def _draw_flashes(
    n_characters: int, n_repetitions: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return when each flash begins in s, and whether it is a target."""
    n_lines = N_ROWS + N_COLUMNS
    onsets, targets, start = [], [], MARGIN
    for _ in range(n_characters):
        attended = [rng.integers(N_ROWS), N_ROWS + rng.integers(N_COLUMNS)]
        order = [rng.permutation(n_lines) for _ in range(n_repetitions)]
        targets.append(np.isin(np.concatenate(order), attended))
        onsets.append(start + ASYNCHRONY * np.arange(n_lines * n_repetitions))
        start = onsets[-1][-1] + PAUSE
    return np.concatenate(onsets), np.concatenate(targets)


def _responses(
    subject: Subject, day: Day, onsets: np.ndarray, targets: np.ndarray, noise: Noise
) -> np.ndarray:
    """Return what the electrodes see of all responses, (n_chans, n_times)."""
    rng, n_flashes = noise.rng, len(onsets)
    since = _since_target(onsets, targets)
    courses = np.zeros((len(AREAS), noise.n_times))

    rest = 1 - VISUAL_REFRACTORY * np.exp(-since / VISUAL_RECOVERY)
    sizes = np.where(targets, subject.gaze * rest, 1.0)
    sizes *= rng.lognormal(0.0, VISUAL_SPREAD, n_flashes)
    shifts = subject.visual_shift + VISUAL_JITTER * rng.standard_normal(n_flashes)
    for component in VISUAL.values():
        _add(courses, component, onsets + shifts, sizes, noise.sfreq)

    rest = 1 - REFRACTORY * np.exp(-since / RECOVERY)
    attention = np.where(
        rng.random(n_flashes) < LAPSES,
        rng.uniform(*LAPSE_ATTENTION, n_flashes),
        subject.attention * rng.lognormal(0.0, AMPLITUDE_SPREAD, n_flashes),
    )
    sizes = (attention * rest)[targets]
    latency = subject.latency + LATENCY_DRIFT * rng.standard_normal()
    shifts = latency + subject.jitter * rng.standard_normal(len(sizes))
    for component in COGNITIVE.values():
        _add(courses, component, onsets[targets] + shifts, sizes, noise.sfreq)

    return day.areas @ np.repeat(courses / N_DIPOLES, N_DIPOLES, axis=0)


def _since_target(onsets: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the time in s since the latest target before each flash."""
    latest = np.maximum.accumulate(np.where(targets, onsets, -np.inf))
    return onsets - np.concatenate([[-np.inf], latest[:-1]])


def _add(
    courses: np.ndarray,
    component: Component,
    events: np.ndarray,
    sizes: np.ndarray,
    sfreq: float,
) -> None:
    """Add a component after each of some events to the courses of its areas."""
    peaks = (events + component.latency)[:, np.newaxis]
    reach = int(4 * component.width * sfreq)
    samples = np.rint(peaks * sfreq).astype(int) + np.arange(-reach, reach + 1)
    bells = np.exp(-(((samples / sfreq - peaks) / component.width) ** 2) / 2)
    weights = sizes[:, np.newaxis] * bells
    course = np.bincount(samples.ravel(), weights.ravel(), courses.shape[1])
    for area in component.areas:
        courses[list(AREAS).index(area)] += component.moment * course
