"""A head: where electrodes and dipoles are, and what one sees of the other."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import mne
import numpy as np

from eegkd.data.channels import mne_montage

# The 64 electrodes and the sampling rate are those of PhysionetMI.
CH_NAMES = tuple(
    "FC5 FC3 FC1 FCz FC2 FC4 FC6 C5 C3 C1 Cz C2 C4 C6 CP5 CP3 CP1 CPz CP2 CP4 CP6 "
    "Fp1 Fpz Fp2 AF7 AF3 AFz AF4 AF8 F7 F5 F3 F1 Fz F2 F4 F6 F8 FT7 FT8 T7 T8 T9 T10 "
    "TP7 TP8 P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO3 POz PO4 PO8 O1 Oz O2 Iz".split()
)
REFERENCE = ("M1", "M2")  # linked mastoids
SFREQ = 160.0  # Hz

HEAD_CENTER = np.array([0.0, 0.015, 0.04])  # m; fits the template's electrodes
HEAD_RADIUS = 0.097  # m
TILT = 0.45  # spread of the dipoles around the normal of the scalp, for each axis
DEEPEST = 0.080  # m from the center; cortex does not reach the skull


class Dipoles(NamedTuple):
    """Current dipoles, relative to the center of the head; arrays (n_dipoles, 3)."""

    places: np.ndarray
    directions: np.ndarray


def below(electrodes: Mapping[str, float], radius: float) -> np.ndarray:
    """Return the point at some radius below a weighted mean of electrode electrodes."""
    parts = [
        weight * _positions()[electrode] for electrode, weight in electrodes.items()
    ]
    point = np.asarray(sum(parts))
    return radius * point / np.linalg.norm(point)


def draw_directions(places: np.ndarray, rng: np.random.Generator) -> Dipoles:
    """Return dipoles inside the cortex that point outward, more or less."""
    places = places * np.minimum(1.0, DEEPEST / lengths(places))
    directions = places / lengths(places) + TILT * rng.standard_normal(places.shape)
    return Dipoles(places, directions / lengths(directions))


def lengths(vectors: np.ndarray) -> np.ndarray:
    """Return the lengths of vectors as a column."""
    return np.asarray(np.linalg.norm(vectors, axis=1, keepdims=True))


def rotation(angles: np.ndarray) -> np.ndarray:
    """Return the rotation by small angles around x, y and z (Cayley's formula)."""
    x, y, z = angles / 2
    half = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.linalg.solve(np.eye(3) - half, np.eye(3) + half)


def make_info(ch_names: Sequence[str], sfreq: float = SFREQ) -> mne.Info:
    """Return the description of a recording, with positions."""
    info = mne.create_info(list(ch_names), sfreq, "eeg")
    info.set_montage(mne_montage())
    return info


def lead_field(dipoles: Dipoles) -> np.ndarray:
    """Return the gains from dipoles to electrodes, (n_chans, n_dipoles)."""
    info = make_info(CH_NAMES + REFERENCE)
    sphere = mne.make_sphere_model(HEAD_CENTER, HEAD_RADIUS, info=info, verbose="error")
    sources = mne.setup_volume_source_space(
        subject=None,
        pos={"rr": HEAD_CENTER + dipoles.places, "nn": dipoles.directions},
        sphere=sphere,
        verbose="error",
    )
    forward = mne.make_forward_solution(
        info,
        trans=None,
        src=sources,
        bem=sphere,
        meg=False,
        eeg=True,
        mindist=0.0,
        verbose="error",
    )
    fixed = mne.convert_forward_solution(forward, force_fixed=True, verbose="error")
    gains = np.asarray(fixed["sol"]["data"], dtype=float)
    n_chans = len(CH_NAMES)
    return gains[:n_chans] - gains[n_chans:].mean(axis=0)


@functools.cache
def _positions() -> dict[str, np.ndarray]:
    """Return where each electrode is, relative to the center of the head."""
    chs = make_info(CH_NAMES)["chs"]
    return {ch["ch_name"]: ch["loc"][:3] - HEAD_CENTER for ch in chs}
