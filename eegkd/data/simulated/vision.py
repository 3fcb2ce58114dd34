"""Looking at a target that flickers: what the sets of this kind have in common.

Visual cortex follows the target, from primary areas to lateral ones; alpha falls a
little while it is watched; attention differs between trials and lapses now and then.
"""

from __future__ import annotations

from typing import NamedTuple

import mne
import numpy as np

from eegkd.data.simulated.signals import (
    ALPHA_FREQ,
    EXPONENT,
    EXPONENT_SPREAD,
    Noise,
    ramp,
    record,
)
from eegkd.data.simulated.subjects import (
    N_DIPOLES,
    STRENGTH_SPREAD,
    Areas,
    Day,
    Sources,
    draw_sources,
)

# --- Visual cortex --------------------------------------------------------------------
# Electrodes above the areas, with weights, and the distance from the center in m:
# primary cortex of both hemispheres at the pole, the areas above it deep on the
# midline, and lateral occipital cortex. After Di Russo et al. (2007): primary cortex
# gives most, lateral areas follow later and weaker.
AREAS: Areas = {
    "left_primary": ({"O1": 0.6, "Oz": 0.4}, 0.070),
    "right_primary": ({"O2": 0.6, "Oz": 0.4}, 0.070),
    "midline": ({"Oz": 0.4, "POz": 0.6}, 0.058),
    "left_lateral": ({"PO7": 0.6, "P7": 0.4}, 0.068),
    "right_lateral": ({"PO8": 0.6, "P8": 0.4}, 0.068),
}
SHARES = np.array([1.0, 1.0, 0.7, 0.35, 0.35])
DELAYS = np.array([0.0, 0.0, 0.006, 0.018, 0.018])  # s, after primary cortex

# --- Subjects -----------------------------------------------------------------------
# Responses of healthy people differ several fold (Norcia et al., 2015); some are poor.
RESPONSE_SPREAD, RESPONSE_RANGE = 0.35, (0.45, 1.6)  # log scale

# --- A run ------------------------------------------------------------------------
CUE = 1.0  # s, while the target is pointed out and nothing flickers
PAUSE = (0.5, 1.0)  # s after a trial
MARGIN = 1.0  # s at the beginning and end of a run
RISE = 0.4  # s that an amplitude takes to change
WATCHED = 0.25  # share of alpha's amplitude that a watched target takes away


class Viewer(NamedTuple):
    """What stays the same in one subject, whatever the target does."""

    sources: Sources
    alpha_freq: float
    exponent: float
    response: float
    strengths: np.ndarray


def draw_viewer(rng: np.random.Generator) -> Viewer:
    """Draw a subject."""
    return Viewer(
        sources=draw_sources(AREAS, rng),
        alpha_freq=rng.uniform(*ALPHA_FREQ),
        exponent=rng.normal(EXPONENT, EXPONENT_SPREAD),
        response=float(np.clip(rng.lognormal(0, RESPONSE_SPREAD), *RESPONSE_RANGE)),
        strengths=rng.lognormal(0.0, STRENGTH_SPREAD, len(AREAS)),
    )


def draw_cues(
    n_trials: int, length: float, sfreq: float, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """Draw when trials begin, in s and on a sample, and how many samples a run has."""
    lengths = CUE + length + rng.uniform(*PAUSE, n_trials)
    cues = MARGIN + CUE + np.cumsum(lengths) - lengths
    return np.round(cues * sfreq) / sfreq, int((2 * MARGIN + lengths.sum()) * sfreq)


def envelope(
    cues: np.ndarray, length: float, levels: np.ndarray, n_times: int, sfreq: float
) -> np.ndarray:
    """Return a level that each trial has and that rises and falls smoothly."""
    boxes = np.zeros(n_times)
    for cue, level in zip(cues, levels, strict=True):
        boxes[round(cue * sfreq) : round((cue + length) * sfreq)] = level
    return np.convolve(boxes, ramp(RISE, sfreq), mode="same")


def record_watching(
    waves: np.ndarray,
    viewer: Viewer,
    day: Day,
    noise: Noise,
    starts: np.ndarray,
    length: float,
) -> mne.io.RawArray:
    """Return a run: what a viewer's cortex gives, and everything else on top.

    ``waves`` are as for `seen`; ``starts`` and ``length`` say in s when targets are
    watched.
    """
    watched = envelope(starts, length, np.ones(len(starts)), noise.n_times, noise.sfreq)
    return record(
        seen(day, waves),
        day,
        noise,
        alpha_freq=viewer.alpha_freq,
        exponent=viewer.exponent,
        alpha_gain=1.0 - WATCHED * watched,
    )


def seen(day: Day, waves: np.ndarray) -> np.ndarray:
    """Return what the electrodes see of the areas' moments, (n_chans, n_times).

    ``waves``, shape (n_areas, n_times), are those of an area as a whole, in A m.
    """
    waves = SHARES[:, np.newaxis] * waves / N_DIPOLES
    return np.asarray(day.areas @ np.repeat(waves, N_DIPOLES, axis=0))
