"""Simulated c-VEP: visual cortex answers each bit of the code that a target shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import mne
import numpy as np

from eegkd._checks import check_choice, check_int
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
    record_watching,
)

# --- The code -----------------------------------------------------------------------
ORDER, TAPS = 6, (6, 5)  # of the shift register; x^6 + x^5 + 1 is primitive
N_BITS = 2**ORDER - 1
# Bits per second. A screen of 120 Hz shows each bit in three frames, and at 160 Hz
# it lasts four samples; at 60 bits it would last 2.67 of them, and events would not
# lie where the bits do.
RATE = 40.0

# --- The recording ------------------------------------------------------------------
N_TARGETS, N_TRIALS, N_RUNS = 4, 10, 5
FLICKER = N_BITS / RATE  # s, one turn of the code
WINDOW = 0.3  # s of a bit, as in Thielen2015 and Thielen2021
# Numbers of events as in MOABB: 100 and 101 for bits, from 200 on for targets.
BITS = {"1.0": 101, "0.0": 100}
FIRST_TARGET = 200

# --- The response -------------------------------------------------------------------
# The answer to a bit is a small flash response: N75, P100 and N135, with peaks in s,
# widths in s, and heights in shares of P100. N135's height makes the sum of all
# three zero: cortex answers to change, not to light that stays.
PEAKS = (0.075, 0.100, 0.135)
WIDTHS = (0.010, 0.012, 0.018)
N75 = -0.5
# A m, P100 of one bit in either primary cortex: about 4 microvolts at Oz, and as much,
# root mean square, in the response to the whole code.
MOMENT = 14e-9
LATENCY_SPREAD = 0.05  # of the peaks over subjects, log scale
SHARE_SPREAD = 0.2  # of N75's height over subjects, log scale
JITTER = 0.003  # s, from trial to trial
DAY_JITTER = 0.002  # s, from day to day
SETTLE = 0.25  # s after which the answer to a bit is over


class Subject(NamedTuple):
    """What stays the same in one subject."""

    viewer: Viewer
    pace: float  # factor of the peaks' times
    n75: float


@fill_doc(SHARED)
class SimulatedCVEP(SimulatedDataset):
    """Simulated EEG of code-modulated visual responses: 64 electrodes, two days.

    %(nobody)s

    Parameters
    ----------
    %(n_subjects)s
    n_trials : int, default=10
        Trials of each target in each session, at least ``n_runs``.
    n_runs : int, default=5
        Runs that a session is recorded in.
    n_targets : int, default=4
        Targets, 2 to 63, each with the code from another bit on.
    labels : {"bits", "targets"}, default="bits"
        What an event is. ``"bits"`` is the convention of MOABB's sets: each bit of
        the code that is looked at, named ``"1.0"`` (light) or ``"0.0"`` (dark), with
        a window of 0.3 s; the windows of a trial overlap. ``"targets"``: each trial,
        named ``"target_0"`` to ``"target_3"``, with a window of one turn of the code
        (1.575 s). The signals are the same.
    %(drawn)s

    Attributes
    ----------
    %(simulated)s
    codes : ndarray of int, shape (n_targets, 63)
        Bits that each target shows, 40 a second.

    See Also
    --------
    eegkd.load_trials : Load this dataset, or another, as trials.
    eegkd.data.simulated.SimulatedSSVEP : Targets that flicker with a frequency.

    Notes
    -----
    *Code.* An m-sequence of 63 bits, one of the longest that a shift register of six
    bits can make [1]_. Turned by any number of bits it is nearly orthogonal to itself,
    so one code serves all targets [2]_. In a trial it runs once, in 1.575 s. At rates
    that are multiples of 40 Hz each bit begins on a sample.

    *Head.* MNE's spherical model carries each dipole to the electrodes; the reference
    is the linked mastoids. Primary visual cortex of both hemispheres, the cortex above
    it on the midline, and lateral occipital cortex are small patches of dipoles, the
    background is 300 dipoles all over the cortex.

    *Response.* Each bit adds one small flash response with the peaks N75, P100 and
    N135 [3]_, upside down for a dark one. The response to the code is their sum, as
    in reconvolution [4]_; real cortex is not quite that linear. Nothing else differs
    between bits or targets.

    *Noise.* 1/f background, blinks, 50 Hz from the line, white noise of the
    electrodes, and occipital alpha, a quarter less while a target is watched.
    Attention differs between trials and lapses in one of twenty.

    *Subjects and days.* Subjects differ in the places and directions of their dipoles,
    in alpha, in the times and heights of the peaks, and in how strongly they respond,
    which is little in some. On the second day the cap sits elsewhere, and gains,
    strengths and noise have changed.

    The response is occipital. Other electrodes see what volume conduction and the
    reference leave of it, and as much of everything else.

    References
    ----------
    .. [1] Golomb, S. W. (1967). Shift register sequences. Holden-Day.
    .. [2] Bin, G., Gao, X., Wang, Y., Li, Y., Hong, B., Gao, S. (2011). A high-speed
       BCI based on code modulation VEP. Journal of Neural Engineering, 8(2), 025015.
    .. [3] Odom, J. V., Bach, M., Brigell, M., Holder, G. E., McCulloch, D. L.,
       Mizota, A., Tormene, A. P. (2016). ISCEV standard for clinical visual evoked
       potentials: (2016 update). Documenta Ophthalmologica, 133(1), 1-9.
    .. [4] Thielen, J., van den Broek, P., Farquhar, J., Desain, P. (2015). Broad-band
       visually evoked potentials: re(con)volution in brain-computer interfacing.
       PLoS ONE, 10(7), e0133797.

    Examples
    --------
    >>> from eegkd.data.simulated import SimulatedCVEP
    >>> dataset = SimulatedCVEP(n_subjects=2)
    >>> dataset.event_id, dataset.interval, dataset.codes.shape
    ({'1.0': 101, '0.0': 100}, [0.0, 0.3], (4, 63))
    >>> raw = dataset.get_data([1])[1]["0train"]["0"]
    >>> len(raw.ch_names), raw.info["sfreq"], len(raw.annotations)
    (64, 160.0, 504)
    """

    paradigm = "cvep"

    def __init__(
        self,
        n_subjects: int = 9,
        n_trials: int = N_TRIALS,
        n_runs: int = N_RUNS,
        n_targets: int = N_TARGETS,
        labels: str = "bits",
        sfreq: float = SFREQ,
        seed: int = 0,
        *,
        subjects: Sequence[int] | None = None,
        sessions: Sequence[Any] | None = None,
    ) -> None:
        self.n_trials, self.n_runs = check_trials(n_trials, n_runs)
        self.n_targets = check_int(n_targets, "n_targets", at_least=2, at_most=N_BITS)
        self.labels = check_choice(labels, "labels", ["bits", "targets"])
        turns = np.round(np.arange(n_targets) * N_BITS / n_targets).astype(int)
        self.codes = np.stack([np.roll(m_sequence(), -turn) for turn in turns])
        targets = {f"target_{n}": FIRST_TARGET + n for n in range(n_targets)}
        events = BITS if labels == "bits" else targets
        interval = (0.0, WINDOW if labels == "bits" else FLICKER)
        unusual = {
            f"trials{n_trials}": n_trials != N_TRIALS,
            f"runs{n_runs}": n_runs != N_RUNS,
            f"targets{n_targets}": n_targets != N_TARGETS,
            "by-target": labels != "bits",
        }
        super().__init__(
            n_subjects, sfreq, seed, subjects, sessions, events, interval, unusual
        )

    def _draw_subject(self, rng: np.random.Generator) -> Subject:
        """Draw a subject."""
        return Subject(
            viewer=draw_viewer(rng),
            pace=rng.lognormal(0.0, LATENCY_SPREAD),
            n75=N75 * rng.lognormal(0.0, SHARE_SPREAD),
        )

    def _record(self, subject: Subject, rng: np.random.Generator) -> Runs:
        """Return the runs of one day, with as many trials of each target in each."""
        day = draw_day(subject.viewer.sources, subject.viewer.strengths, rng)
        shift = rng.normal(0.0, DAY_JITTER)
        numbers = range(self.n_targets)
        return {
            run: self._record_run(subject, day, shift, targets, rng)
            for run, targets in shuffled_runs(numbers, self.n_trials, self.n_runs, rng)
        }

    def _record_run(
        self,
        subject: Subject,
        day: Day,
        shift: float,
        targets: np.ndarray,
        rng: np.random.Generator,
    ) -> mne.io.RawArray:
        """Return a run with one trial for each number of a target."""
        n_trials = len(targets)
        cues, n_times = draw_cues(n_trials, FLICKER, self.sfreq, rng)
        noise = Noise(n_times, self.sfreq, rng)
        effort = draw_effort(n_trials, rng)
        shifts = shift + rng.normal(0.0, JITTER, n_trials)
        times = np.arange(n_times) / self.sfreq

        waves = np.zeros((len(AREAS), n_times))
        for target, cue, share, late in zip(targets, cues, effort, shifts, strict=True):
            here = (times >= cue) & (times < cue + FLICKER + SETTLE)
            waves[:, here] = share * np.stack(
                [
                    _follow(
                        subject, self.codes[target], times[here] - cue - late - delay
                    )
                    for delay in DELAYS
                ]
            )
        raw = record_watching(
            subject.viewer.response * MOMENT * waves,
            subject.viewer,
            day,
            noise,
            cues + SETTLE,
            FLICKER,
        )
        return raw.set_annotations(self._annotations(targets, cues))

    def _annotations(self, targets: np.ndarray, cues: np.ndarray) -> mne.Annotations:
        """Return the events: each trial, or each bit that was looked at."""
        if self.labels == "targets":
            return mne.Annotations(cues, FLICKER, [f"target_{n}" for n in targets])
        onsets = cues[:, np.newaxis] + np.arange(N_BITS) / RATE
        names = [f"{bit:.1f}" for bit in self.codes[targets].ravel()]
        return mne.Annotations(onsets.ravel(), 1 / RATE, names)


def m_sequence() -> np.ndarray:
    """Return the 63 bits of a linear feedback shift register of six.

    Returns
    -------
    code : ndarray of int, shape (63,)
        Zeros and ones, one more of the ones. With ones and minus ones in their place,
        the code's circular autocorrelation is 63 at lag zero and -1 elsewhere.
    """
    register = [1] * ORDER
    code = np.empty(N_BITS, dtype=int)
    for place in range(N_BITS):
        code[place] = register[-1]
        register = [register[TAPS[0] - 1] ^ register[TAPS[1] - 1], *register[:-1]]
    return code


def _follow(subject: Subject, code: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the response to a code since its start, in shares of P100."""
    since = times[:, np.newaxis] - np.arange(N_BITS) / RATE
    return np.asarray(_flash(since, subject.pace, subject.n75) @ (2.0 * code - 1.0))


def _flash(times: np.ndarray, pace: float, n75: float) -> np.ndarray:
    """Return the response to one bit at some times since its onset."""
    n135 = -(n75 * WIDTHS[0] + WIDTHS[1]) / WIDTHS[2]
    wave = np.zeros_like(times)
    for height, peak, width in zip((n75, 1.0, n135), PEAKS, WIDTHS, strict=True):
        wave += height * np.exp(-(((times / pace - peak) / width) ** 2) / 2)
    return wave
