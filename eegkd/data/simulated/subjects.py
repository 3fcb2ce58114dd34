"""Who is recorded, and what changes from one day to the next.

A subject is a set of dipoles: areas that do the task, occipital sources of alpha, a
background all over the cortex, and eyes. A day is what the electrodes see of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from eegkd.data.simulated.head import (
    Dipoles,
    below,
    draw_directions,
    lead_field,
    lengths,
    rotation,
)

# --- Subjects -------------------------------------------------------------------------
N_DIPOLES = 3  # of an area: a patch of folded cortex is no point
PATCH_SIZE = 0.006  # m, spread of the dipoles of an area
AREA_SPREAD = 0.005  # m, spread of an area over subjects
STRENGTH_SPREAD = 0.25  # of what an area does over subjects, log scale
OCCIPITAL = ("O1", "O2", "POz", "PO3", "PO4")  # electrodes above the alpha rhythm
OCCIPITAL_RADIUS = 0.070  # m
N_BACKGROUND = 300  # dipoles all over the cortex
BACKGROUND_RADIUS = (0.055, 0.078)  # m
LOWEST = -0.3  # height of the lowest background dipole, in radii: there is a face

# --- From trial to trial --------------------------------------------------------------
EFFORT = (0.7, 1.0)
LAPSES, LAPSE_EFFORT = 0.05, (0.0, 0.3)  # attention is elsewhere now and then

# --- From day to day ------------------------------------------------------------------
CAP_SHIFT = 0.02  # rad around each axis: the cap sits 2 mm elsewhere
GAIN_DRIFT = 0.02  # of each electrode, log scale
STRENGTH_DRIFT = 0.06  # of each area's activity, log scale
NOISE_DRIFT = 0.15  # of background and of each electrode's noise, log scale
SENSOR_NOISE = 1e-6  # V, white, of each electrode
LINE_NOISE = 2e-6  # V

# An area: the electrodes above it, with weights, and the distance from the center in m.
Areas = Mapping[str, tuple[Mapping[str, float], float]]
HAND_AREAS: Areas = {  # on the outside, between C3 and CP3
    "left_hand_area": ({"C3": 0.6, "CP3": 0.4}, 0.074),
    "right_hand_area": ({"C4": 0.6, "CP4": 0.4}, 0.074),
}


class Sources(NamedTuple):
    """The dipoles of one subject; those of areas in groups of `N_DIPOLES`."""

    areas: Dipoles
    occipital: Dipoles
    background: Dipoles
    eyes: Dipoles


class Day(NamedTuple):
    """What the electrodes of one day see; gains are volts for one ampere meter.

    ``areas``, ``occipital`` and ``background`` have one column for each dipole (the
    background one for each electrode), ``eyes`` has one for both; ``noise`` is the
    white noise of each electrode and ``line`` the phasor of the power line, in volts.
    """

    areas: np.ndarray
    occipital: np.ndarray
    background: np.ndarray
    eyes: np.ndarray
    noise: np.ndarray
    line: np.ndarray


def draw_sources(areas: Areas, rng: np.random.Generator) -> Sources:
    """Draw the dipoles of a subject who has some areas."""
    patches = [
        below(electrodes, radius)
        + AREA_SPREAD * rng.standard_normal(3)
        + PATCH_SIZE * rng.standard_normal((N_DIPOLES, 3))
        for electrodes, radius in areas.values()
    ]
    occipital = [below({electrode: 1.0}, OCCIPITAL_RADIUS) for electrode in OCCIPITAL]
    anywhere = rng.standard_normal((N_BACKGROUND, 3))
    anywhere[:, 2] = np.abs(anywhere[:, 2]) + LOWEST
    anywhere *= rng.uniform(*BACKGROUND_RADIUS, (N_BACKGROUND, 1)) / lengths(anywhere)
    # Behind the forehead and as low as the sphere allows; blinks point upward.
    eyes = np.array([[0.025, 0.07, -0.01], [-0.025, 0.07, -0.01]])
    return Sources(
        areas=draw_directions(np.concatenate(patches), rng),
        occipital=draw_directions(
            occipital + AREA_SPREAD * rng.standard_normal((len(OCCIPITAL), 3)), rng
        ),
        background=draw_directions(anywhere, rng),
        eyes=Dipoles(eyes, np.tile([0.0, 0.6, 0.8], (2, 1))),
    )


def draw_day(sources: Sources, strengths: np.ndarray, rng: np.random.Generator) -> Day:
    """Draw a day: how the cap sits, and how strong areas and noise are.

    ``strengths``, shape (n_areas,), are those of the subject; they scale the gains.
    """
    # On a sphere, to shift the cap is to turn what is inside the other way.
    turn = rotation(CAP_SHIFT * rng.standard_normal(3))
    gains = lead_field(
        Dipoles(
            np.concatenate([group.places for group in sources]) @ turn,
            np.concatenate([group.directions for group in sources]) @ turn,
        )
    )
    n_chans = len(gains)
    gains *= rng.lognormal(0.0, GAIN_DRIFT, (n_chans, 1))
    ends = np.cumsum([len(group.places) for group in sources])[:-1]
    areas, occipital, background, eyes = np.split(gains, ends, axis=1)
    strengths = strengths * rng.lognormal(0.0, STRENGTH_DRIFT, len(strengths))
    phasor = rng.standard_normal((2, n_chans, 1)) / np.sqrt(2)
    return Day(
        areas=areas * np.repeat(strengths, N_DIPOLES),
        occipital=occipital,
        background=_mixing(background) * rng.lognormal(0.0, NOISE_DRIFT),
        eyes=eyes.sum(axis=1, keepdims=True),
        noise=SENSOR_NOISE * rng.lognormal(0.0, NOISE_DRIFT, (n_chans, 1)),
        line=LINE_NOISE * (phasor[0] + 1j * phasor[1]),
    )


def draw_effort(n_trials: int, rng: np.random.Generator) -> np.ndarray:
    """Draw how much attention each trial gets, (n_trials,)."""
    return np.where(
        rng.random(n_trials) < LAPSES,
        rng.uniform(*LAPSE_EFFORT, n_trials),
        rng.uniform(*EFFORT, n_trials),
    )


def _mixing(gains: np.ndarray) -> np.ndarray:
    """Return as many columns as rows that mix noise to the same covariance."""
    values, vectors = np.linalg.eigh(gains @ gains.T)
    return vectors * np.sqrt(np.maximum(values, 0.0))
