"""Simulated motor imagery: a head of dipoles whose rhythms fall silent when used.

Everything is made in memory from a seed, in about a second a subject, and looks to
MOABB like any other dataset.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mne
import numpy as np
from moabb.datasets.base import BaseDataset
from scipy.fft import irfft, next_fast_len, rfftfreq

from eegkd._checks import check_int, check_number, did_you_mean, join_names

# The 64 sites of the 10-10 system that PhysionetMI was recorded with.
CH_NAMES = (
    "FC5 FC3 FC1 FCz FC2 FC4 FC6 C5 C3 C1 Cz C2 C4 C6 CP5 CP3 CP1 CPz CP2 CP4 CP6 "
    "Fp1 Fpz Fp2 AF7 AF3 AFz AF4 AF8 F7 F5 F3 F1 Fz F2 F4 F6 F8 FT7 FT8 T7 T8 T9 T10 "
    "TP7 TP8 P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO3 POz PO4 PO8 O1 Oz O2 Iz"
).split()
REFERENCE = ["M1", "M2"]  # linked mastoids, as in the recordings of PhysionetMI
EVENTS = {"left_hand": 1, "right_hand": 2, "feet": 3, "tongue": 4}
SESSIONS = ("0train", "1test")  # two days, named as in BNCI2014_001

# --- The head -----------------------------------------------------------------------
# Center and radius (m) of the sphere through the template's electrodes.
HEAD_CENTER = np.array([0.0, 0.015, 0.04])
HEAD_RADIUS = 0.097
# Sensorimotor areas: the sites that lie above, with weights, and the distance of the
# dipoles from the center (m). The foot area lies deep in the gap between the
# hemispheres, the hand and tongue areas on the outside.
AREAS: dict[str, tuple[dict[str, float], float]] = {
    "left_hand_area": ({"C3": 0.6, "CP3": 0.4}, 0.074),
    "right_hand_area": ({"C4": 0.6, "CP4": 0.4}, 0.074),
    "foot_area": ({"Cz": 0.7, "CPz": 0.3}, 0.060),
    "left_tongue_area": ({"C5": 0.5, "FC5": 0.2, "T7": 0.3}, 0.072),
    "right_tongue_area": ({"C6": 0.5, "FC6": 0.2, "T8": 0.3}, 0.072),
}
N_DIPOLES = 3  # an area is a patch of folded cortex, not a point
PATCH_SIZE = 0.006  # m, spread of the patch
AREA_SPREAD = 0.007  # m, how far an area lies from its textbook place
TILT = 0.8  # spread of the dipoles around the normal of the scalp; cortex is folded
N_BACKGROUND = 300
BACKGROUND_RADIUS = (0.055, 0.078)  # m

# --- Rhythms ------------------------------------------------------------------------
# Moments (A m) of a whole area; at the scalp 10 nA m make some microvolts.
MU_MOMENT, BETA_MOMENT = 25e-9, 10e-9
MU_FREQ, BETA_FREQ = (8.5, 12.5), (17.0, 24.0)  # Hz, subjects differ
MU_WIDTH, BETA_WIDTH = 0.9, 2.0  # Hz, standard deviation: rhythms wax and wane
COHERENCE = 0.6  # share of the variance that the dipoles of a patch have in common
ALPHA_MOMENT = 30e-9  # the occipital rhythm is the strongest at rest
ALPHA_SITES = ("O1", "O2", "POz", "PO3", "PO4")
ALPHA_RADIUS = 0.07

# Fraction of an area's amplitude that full imagery takes away. Contralateral hand
# areas desynchronize most, ipsilateral ones a little, and areas that are not used
# synchronize (negative), as in Pfurtscheller et al. (2006).
DESYNCHRONIZATION = {
    "left_hand": (0.20, 0.60, -0.10, 0.0, 0.0),
    "right_hand": (0.60, 0.20, -0.10, 0.0, 0.0),
    "feet": (-0.15, -0.15, 0.55, -0.05, -0.05),
    "tongue": (-0.15, -0.15, -0.10, 0.50, 0.50),
}
BETA_SHARE = 0.7  # beta falls less than mu
REACTION = 0.5  # s from the cue to the beginning of imagery
RISE = 0.6  # s that amplitudes take to change
SKILL = (0.75, 0.22)  # mean and spread over subjects
SKILL_RANGE = (0.2, 1.0)  # some people have next to no control
LAPSES = 0.1  # share of trials without much imagery

# --- Noise --------------------------------------------------------------------------
BACKGROUND_MOMENT = 14e-9
EXPONENT = (1.3, 0.1)  # of the 1/f spectrum, mean and spread over subjects
HIGH_PASS = 0.5  # Hz, of the amplifier
SENSOR_NOISE = 1.0e-6  # V
LINE_FREQ, LINE_NOISE = 50.0, 2.0e-6  # Hz, V
BLINKS = 0.2  # per second
BLINK_MOMENT = 300e-9
BLINK_LENGTH = 0.35  # s

# --- Sessions -----------------------------------------------------------------------
CAP_SHIFT = 0.04  # rad, about 4 mm, around each axis
GAIN_SPREAD = 0.05  # of the electrodes' contact
STRENGTH_DRIFT = 0.15  # of rhythms from day to day, log scale

IMAGERY = 4.0  # s from the cue to its end
FIXATION = 1.5  # s before the cue
PAUSE = (1.0, 2.0)  # s after the end
MARGIN = 2.0  # s before the first and after the last trial of a run


class SimulatedMotorImagery(BaseDataset):
    """Simulated motor imagery of four classes, 64 electrodes and two sessions."""

    simulated = True

    def __init__(
        self,
        n_subjects: int = 9,
        n_trials: int = 24,
        n_runs: int = 3,
        events: Sequence[str] = tuple(EVENTS),
        sfreq: float = 160.0,
        seed: int = 0,
        *,
        subjects: Sequence[int] | None = None,
        sessions: Sequence[Any] | None = None,
    ) -> None:
        check_int(n_subjects, "n_subjects", at_least=1)
        check_int(n_runs, "n_runs", at_least=1)
        check_int(n_trials, "n_trials", at_least=n_runs)
        check_int(seed, "seed", at_least=0)
        check_number(sfreq, "sfreq", at_least=2.2 * LINE_FREQ)
        self.n_trials = n_trials
        self.n_runs = n_runs
        self.sfreq = float(sfreq)
        self.seed = seed
        super().__init__(
            subjects=list(range(1, n_subjects + 1)),
            sessions_per_subject=len(SESSIONS),
            events={name: EVENTS[name] for name in events},
            code="SimulatedMotorImagery",
            interval=[0.0, IMAGERY],
            paradigm="imagery",
            selected_subjects=subjects,
            selected_sessions=sessions,
        )

    def _get_single_subject_data(
        self, subject: int
    ) -> dict[str, dict[str, mne.io.RawArray]]:
        """Return the recordings of one subject, by session and run."""
        brain = _draw_brain(self._rng(subject))
        return {
            name: self._record(brain, self._rng(subject, session))
            for session, name in enumerate(SESSIONS, start=1)
        }

    def _rng(self, *key: int) -> np.random.Generator:
        """Return the generator of a subject or session, whatever else was drawn."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _record(
        self, brain: Brain, rng: np.random.Generator
    ) -> dict[str, mne.io.RawArray]:
        """Return the runs of one session."""
        cap = _put_on_cap(brain, rng)
        counts = [
            len(part) for part in np.array_split(range(self.n_trials), self.n_runs)
        ]
        return {
            str(run): _record_run(
                brain,
                cap,
                rng.permutation(np.repeat(list(self.event_id), count)),
                self.sfreq,
                rng,
            )
            for run, count in enumerate(counts)
        }

    def data_path(
        self,
        subject: int,
        path: Any = None,
        force_update: bool = False,
        update_path: bool | None = None,
        verbose: Any = None,
    ) -> list[str]:
        """Return the file that makes the recordings: nothing is downloaded."""
        if subject not in self.subject_list:
            raise ValueError(f"Invalid subject number {subject!r}")
        return [__file__]


@dataclass(frozen=True)
class Brain:
    """What makes up a subject; dipoles are positions and unit orientations."""

    areas: tuple[np.ndarray, np.ndarray]
    alpha: tuple[np.ndarray, np.ndarray]
    background: tuple[np.ndarray, np.ndarray]
    eyes: tuple[np.ndarray, np.ndarray]
    mu_freq: float
    beta_freq: float
    alpha_freq: float
    exponent: float
    skill: float
    strength: np.ndarray


@dataclass(frozen=True)
class Cap:
    """What one session's electrodes see: volts for each ampere meter of a source."""

    areas: np.ndarray
    alpha: np.ndarray
    background: np.ndarray
    eyes: np.ndarray
    strength: np.ndarray
    noise: np.ndarray
    line: np.ndarray


def _draw_brain(rng: np.random.Generator) -> Brain:
    """Draw a subject."""
    places = []
    for sites, radius in AREAS.values():
        center = _below(sites, radius) + AREA_SPREAD * rng.standard_normal(3)
        places.append(center + PATCH_SIZE * rng.standard_normal((N_DIPOLES, 3)))
    alpha = [
        _below({site: 1.0}, ALPHA_RADIUS) + AREA_SPREAD * rng.standard_normal(3)
        for site in ALPHA_SITES
    ]
    directions = rng.standard_normal((N_BACKGROUND, 3))
    directions[:, 2] = np.abs(directions[:, 2]) - 0.3
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radii = rng.uniform(*BACKGROUND_RADIUS, (N_BACKGROUND, 1))
    background = directions * radii
    eyes = np.stack([_below({"Fp1": 1.0, "AF7": 0.5}, 0.08)] * 2)
    eyes[:, 0] *= [1, -1]
    eyes[:, 2] -= 0.02
    return Brain(
        areas=_orient(np.concatenate(places), rng),
        alpha=_orient(np.stack(alpha), rng),
        background=_orient(background, rng),
        eyes=(eyes, np.tile([0.0, 0.5, 0.87], (2, 1))),
        mu_freq=rng.uniform(*MU_FREQ),
        beta_freq=rng.uniform(*BETA_FREQ),
        alpha_freq=rng.uniform(*MU_FREQ),
        exponent=rng.normal(*EXPONENT),
        skill=float(np.clip(rng.normal(*SKILL), *SKILL_RANGE)),
        strength=np.exp(0.25 * rng.standard_normal(len(AREAS))),
    )


def _below(sites: dict[str, float], radius: float) -> np.ndarray:
    """Return the point below some electrode sites, relative to the head's center."""
    positions = _electrodes()
    point = sum(weight * positions[site] for site, weight in sites.items())
    return radius * point / np.linalg.norm(point)


def _orient(
    places: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return dipoles that point outward, tilted at random."""
    inside = np.minimum(1.0, 0.08 / np.linalg.norm(places, axis=1, keepdims=True))
    places = places * inside
    normals = places / np.linalg.norm(places, axis=1, keepdims=True)
    normals = normals + TILT * rng.standard_normal(normals.shape) / np.sqrt(3)
    return places, normals / np.linalg.norm(normals, axis=1, keepdims=True)


@functools.cache
def _electrodes() -> dict[str, np.ndarray]:
    """Return the positions of the electrodes, relative to the head's center."""
    info = _info(tuple(CH_NAMES + REFERENCE), 160.0)
    return {c["ch_name"]: c["loc"][:3] - HEAD_CENTER for c in info["chs"]}


def _info(ch_names: tuple[str, ...], sfreq: float) -> mne.Info:
    """Return a measurement info with template positions."""
    info = mne.create_info(list(ch_names), sfreq, "eeg")
    info.set_montage(_template())
    return info


@functools.cache
def _template() -> mne.channels.DigMontage:
    """Return the template montage, under its new name or its old one."""
    known = mne.channels.get_builtin_montages()
    name = "colin27_1005" if "colin27_1005" in known else "standard_1005"
    return mne.channels.make_standard_montage(name)


def _lead_field(places: np.ndarray, orientations: np.ndarray) -> np.ndarray:
    """Return volts against the reference for unit dipoles, (n_chans, n_dipoles)."""
    info = _info(tuple(CH_NAMES + REFERENCE), 160.0)
    sphere = mne.make_sphere_model(HEAD_CENTER, HEAD_RADIUS, info=info, verbose="error")
    source = mne.setup_volume_source_space(
        subject=None,
        pos={"rr": HEAD_CENTER + places, "nn": orientations},
        sphere=sphere,
        verbose="error",
    )
    forward = mne.make_forward_solution(
        info,
        trans=None,
        src=source,
        bem=sphere,
        meg=False,
        eeg=True,
        mindist=0,
        verbose="error",
    )
    fixed = mne.convert_forward_solution(forward, force_fixed=True, verbose="error")
    gain = fixed["sol"]["data"]
    n_chans = len(CH_NAMES)
    return gain[:n_chans] - gain[n_chans:].mean(axis=0)


def _put_on_cap(brain: Brain, rng: np.random.Generator) -> Cap:
    """Draw a session: the cap sits elsewhere, contacts and rhythms differ."""
    turn = _rotation(CAP_SHIFT * rng.standard_normal(3))
    groups = [brain.areas, brain.alpha, brain.background, brain.eyes]
    places = np.concatenate([group[0] for group in groups]) @ turn.T
    orientations = np.concatenate([group[1] for group in groups]) @ turn.T
    gain = np.exp(GAIN_SPREAD * rng.standard_normal((len(CH_NAMES), 1)))
    lead = gain * _lead_field(places, orientations)
    ends = np.cumsum([len(group[0]) for group in groups])
    areas, alpha, background, eyes = np.split(lead, ends[:-1], axis=1)
    n_chans = len(CH_NAMES)
    covariance = background @ background.T / N_BACKGROUND
    return Cap(
        areas=areas,
        alpha=alpha,
        # Independent sources with one spectrum: their mixture has this covariance.
        background=np.linalg.cholesky(
            covariance + 1e-9 * np.trace(covariance) * np.eye(n_chans)
        ),
        eyes=eyes,
        strength=brain.strength
        * np.exp(STRENGTH_DRIFT * rng.standard_normal(len(AREAS))),
        noise=SENSOR_NOISE * np.exp(0.3 * rng.standard_normal((n_chans, 1))),
        line=LINE_NOISE
        * (rng.standard_normal((n_chans, 1)) + 1j * rng.standard_normal((n_chans, 1))),
    )


def _rotation(angles: np.ndarray) -> np.ndarray:
    """Return the rotation by small angles around x, y and z."""
    x, y, z = angles
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    # Cayley's formula: exactly orthogonal, equal to the rotation for small angles.
    return np.linalg.solve(np.eye(3) - cross / 2, np.eye(3) + cross / 2)


def _record_run(
    brain: Brain,
    cap: Cap,
    labels: np.ndarray,
    sfreq: float,
    rng: np.random.Generator,
) -> mne.io.RawArray:
    """Return one run with a trial for each label."""
    lengths = FIXATION + IMAGERY + rng.uniform(*PAUSE, len(labels))
    cues = MARGIN + FIXATION + np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    n_times = int((MARGIN * 2 + lengths.sum()) * sfreq)

    mu, beta = _amplitudes(labels, cues, brain.skill, n_times, sfreq, rng)
    scale = cap.strength[:, np.newaxis]
    sources = MU_MOMENT * scale * mu
    signal = cap.areas @ _patches(sources, brain.mu_freq, MU_WIDTH, sfreq, rng)
    sources = BETA_MOMENT * scale * beta
    signal += cap.areas @ _patches(sources, brain.beta_freq, BETA_WIDTH, sfreq, rng)
    band = _bump(brain.alpha_freq, MU_WIDTH)
    alpha = _noise(cap.alpha.shape[1], n_times, sfreq, band, rng)
    signal += cap.alpha @ (ALPHA_MOMENT * alpha)
    pink = _noise(len(CH_NAMES), n_times, sfreq, _pink(brain.exponent), rng)
    n = np.sqrt(N_BACKGROUND)
    signal += (n * BACKGROUND_MOMENT * cap.background) @ pink
    signal += cap.eyes.sum(axis=1, keepdims=True) * _blinks(n_times, sfreq, rng)
    time = np.arange(n_times) / sfreq
    signal += np.real(cap.line * np.exp(2j * np.pi * LINE_FREQ * time))
    signal += cap.noise * rng.standard_normal(signal.shape)

    raw = mne.io.RawArray(signal, _info(tuple(CH_NAMES), sfreq), verbose="error")
    raw.info["line_freq"] = LINE_FREQ
    raw.set_annotations(mne.Annotations(cues, IMAGERY, labels))
    return raw


def _amplitudes(
    labels: np.ndarray,
    cues: np.ndarray,
    skill: float,
    n_times: int,
    sfreq: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the relative amplitude of mu and beta in each area over time."""
    lapse = rng.random(len(labels)) < LAPSES
    effort = np.where(
        lapse, rng.uniform(0.0, 0.3, len(labels)), rng.uniform(0.7, 1.0, len(labels))
    )
    drop = np.zeros((len(AREAS), n_times))
    for label, cue, share in zip(labels, cues, effort, strict=True):
        start, stop = (int((cue + t) * sfreq) for t in (REACTION, IMAGERY))
        drop[:, start:stop] = (
            skill * share * np.array(DESYNCHRONIZATION[label])[:, np.newaxis]
        )
    window = np.hanning(int(RISE * sfreq) + 2)
    window /= window.sum()
    drop = np.stack([np.convolve(row, window, mode="same") for row in drop])
    return 1.0 - drop, 1.0 - BETA_SHARE * drop


def _patches(
    amplitudes: np.ndarray,
    freq: float,
    width: float,
    sfreq: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the rhythm of each dipole of each area."""
    n_areas, n_times = amplitudes.shape
    n_dipoles = n_areas * N_DIPOLES
    noise = _noise(n_areas + n_dipoles, n_times, sfreq, _bump(freq, width), rng)
    shared = np.repeat(noise[:n_areas], N_DIPOLES, axis=0)
    rhythm = np.sqrt(COHERENCE) * shared + np.sqrt(1 - COHERENCE) * noise[n_areas:]
    return np.repeat(amplitudes, N_DIPOLES, axis=0) * rhythm / N_DIPOLES


def _noise(
    n: int, n_times: int, sfreq: float, spectrum: Any, rng: np.random.Generator
) -> np.ndarray:
    """Return Gaussian noise of unit variance with a given amplitude spectrum."""
    length = next_fast_len(n_times, real=True)
    shape = spectrum(rfftfreq(length, 1 / sfreq))
    shape[[0, -1]] = 0.0
    shape *= length / 2 / np.sqrt(np.sum(shape**2))
    draws = rng.standard_normal((2, n, len(shape)))
    return irfft(shape * (draws[0] + 1j * draws[1]), length)[:, :n_times]


def _bump(freq: float, width: float) -> Any:
    """Return the spectrum of a rhythm."""
    return lambda f: np.exp(-(((f - freq) / width) ** 2) / 4)


def _pink(exponent: float) -> Any:
    """Return the spectrum of background activity."""
    return lambda f: (
        np.where(f < HIGH_PASS, 0.0, np.maximum(f, 0.01)) ** 1.0
        * np.maximum(f, 0.01) ** (-1 - exponent / 2)
    )


def _blinks(n_times: int, sfreq: float, rng: np.random.Generator) -> np.ndarray:
    """Return the moment of the eyes over time."""
    n = rng.poisson(BLINKS * n_times / sfreq)
    impulses = np.zeros(n_times)
    impulses[rng.integers(0, n_times, n)] = rng.uniform(0.5, 1.5, n)
    return BLINK_MOMENT * np.convolve(
        impulses, np.hanning(int(BLINK_LENGTH * sfreq)), mode="same"
    )
