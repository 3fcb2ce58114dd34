"""Simulated motor imagery: a head of dipoles whose rhythms fall when they are used.

Recordings are made in memory from a seed, in about a second for each subject, and to
MOABB they are a dataset like any other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import mne
import numpy as np
from moabb.datasets.base import BaseDataset
from scipy.fft import irfft, next_fast_len, rfftfreq

from eegkd._checks import check_int, check_number, did_you_mean, join_names

# --- The recording ------------------------------------------------------------------
# The 64 sites, reference and sampling rate are those of PhysionetMI, the classes and
# the names of the sessions those of BNCI2014_001.
CH_NAMES = tuple(
    "FC5 FC3 FC1 FCz FC2 FC4 FC6 C5 C3 C1 Cz C2 C4 C6 CP5 CP3 CP1 CPz CP2 CP4 CP6 "
    "Fp1 Fpz Fp2 AF7 AF3 AFz AF4 AF8 F7 F5 F3 F1 Fz F2 F4 F6 F8 FT7 FT8 T7 T8 T9 T10 "
    "TP7 TP8 P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO3 POz PO4 PO8 O1 Oz O2 Iz".split()
)
REFERENCE = ("M1", "M2")  # linked mastoids
SFREQ = 160.0  # Hz
EVENTS = {"left_hand": 1, "right_hand": 2, "feet": 3, "tongue": 4}
SESSIONS = ("0train", "1test")
N_TRIALS, N_RUNS = 30, 3  # trials of each class in a session, runs of a session
FIXATION = 1.0  # s before the cue
IMAGERY = 4.0  # s from the cue to the end of a trial
PAUSE = (0.5, 1.5)  # s after a trial
MARGIN = 1.0  # s at the beginning and end of a run

# --- The head -----------------------------------------------------------------------
HEAD_CENTER = np.array([0.0, 0.015, 0.04])  # m; fits the template's electrodes
HEAD_RADIUS = 0.097  # m
# Sensorimotor areas: the sites above them, with weights, and the distance from the
# center in m. Hand and tongue areas lie on the outside, with the hand area between C3
# and CP3; the foot area lies in the gap between the hemispheres, deeper.
AREAS: dict[str, tuple[dict[str, float], float]] = {
    "left_hand_area": ({"C3": 0.6, "CP3": 0.4}, 0.074),
    "right_hand_area": ({"C4": 0.6, "CP4": 0.4}, 0.074),
    "foot_area": ({"Cz": 0.7, "CPz": 0.3}, 0.060),
    "left_tongue_area": ({"C5": 0.5, "FC5": 0.2, "T7": 0.3}, 0.072),
    "right_tongue_area": ({"C6": 0.5, "FC6": 0.2, "T8": 0.3}, 0.072),
}
N_DIPOLES = 3  # of an area: a patch of folded cortex is no point
PATCH_SIZE = 0.006  # m, spread of the dipoles of an area
AREA_SPREAD = 0.005  # m, spread of an area over subjects
TILT = 0.45  # spread of the dipoles around the normal of the scalp, for each axis
OCCIPITAL = ("O1", "O2", "POz", "PO3", "PO4")  # sites above the alpha rhythm
OCCIPITAL_RADIUS = 0.070  # m
N_BACKGROUND = 300  # dipoles all over the cortex
BACKGROUND_RADIUS = (0.055, 0.078)  # m
LOWEST = -0.3  # height of the lowest background dipole, in radii: there is a face
DEEPEST = 0.080  # m from the center; cortex does not reach the skull

# --- Rhythms ------------------------------------------------------------------------
# Moments in A m, root mean square. At rest mu has 5 to 15 microvolts over its area,
# beta less than half of that, and alpha 10 to 15 over the occiput.
MU_MOMENT, BETA_MOMENT, ALPHA_MOMENT = 50e-9, 22e-9, 40e-9
MU_FREQ, BETA_FREQ, ALPHA_FREQ = (8.5, 12.5), (17.0, 24.0), (8.5, 12.0)  # Hz
MU_WIDTH, BETA_WIDTH, ALPHA_WIDTH = 1.2, 2.5, 1.0  # Hz: rhythms wax and wane
COHERENCE = 0.6  # share of the variance that the dipoles of an area have in common
STRENGTH_SPREAD = 0.25  # of an area's rhythms over subjects, log scale

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
EFFORT = (0.7, 1.0)  # from trial to trial
LAPSES, LAPSE_EFFORT = 0.05, (0.0, 0.3)  # attention is elsewhere now and then

# --- Everything else ----------------------------------------------------------------
BACKGROUND_MOMENT = 9e-9  # A m of each dipole; about 10 microvolts at the scalp
EXPONENT, EXPONENT_SPREAD = 1.3, 0.1  # of the 1/f power spectrum
HIGH_PASS = 0.5  # Hz, of the amplifier
SENSOR_NOISE = 1e-6  # V, white, of each electrode
LINE_FREQ, LINE_NOISE = 50.0, 2e-6  # Hz and V
BLINKS = 0.2  # per second
BLINK_LENGTH = 0.35  # s
BLINK_MOMENT = 600e-9  # A m; about 100 microvolts at the forehead

# --- From day to day ----------------------------------------------------------------
CAP_SHIFT = 0.02  # rad around each axis: the cap sits 2 mm elsewhere
GAIN_DRIFT = 0.02  # of each electrode, log scale
STRENGTH_DRIFT = 0.06  # of each area's rhythms, log scale
NOISE_DRIFT = 0.15  # of background and of each electrode's noise, log scale


class Dipoles(NamedTuple):
    """Current dipoles, relative to the center of the head; arrays (n_dipoles, 3)."""

    places: np.ndarray
    directions: np.ndarray


class Subject(NamedTuple):
    """What stays the same in one subject."""

    areas: Dipoles
    occipital: Dipoles
    background: Dipoles
    eyes: Dipoles
    mu_freq: float
    beta_freq: float
    alpha_freq: float
    exponent: float
    skill: float
    strengths: np.ndarray


class Session(NamedTuple):
    """What the electrodes of one day see; gains are volts for one ampere meter."""

    areas: np.ndarray
    occipital: np.ndarray
    background: np.ndarray
    eyes: np.ndarray
    noise: np.ndarray
    line: np.ndarray


class SimulatedMotorImagery(BaseDataset):
    """Simulated EEG of motor imagery: 64 electrodes, four classes, two days.

    Nobody was recorded: the signals are computed, offline and in about a second for
    each subject, from dipoles in a spherical head. The set is for trying things out,
    for tests and for teaching. What works here still has to be shown on real EEG.

    Parameters
    ----------
    n_subjects : int, default=9
        Number of subjects, counted from 1.
    n_trials : int, default=30
        Trials of each class in each session, at least ``n_runs``.
    n_runs : int, default=3
        Runs that a session is recorded in.
    events : sequence of str, default=("left_hand", "right_hand", "feet", "tongue")
        Imagined movements, one or more of the four.
    sfreq : float, default=160.0
        Sampling rate of the recordings in Hz, at least 110.
    seed : int, default=0
        Which people and days are drawn. A subject's signals depend on the seed and
        on its number alone, not on which others are asked for.
    subjects, sessions : sequence, optional
        Selection, as in all MOABB datasets.

    Attributes
    ----------
    simulated : bool
        True. Tables and reports that are made from this set say so.

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

    *People and days.* Subjects differ in the places and directions of their dipoles,
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
    >>> from eegkd import SimulatedMotorImagery
    >>> dataset = SimulatedMotorImagery(n_subjects=2)
    >>> raw = dataset.get_data([1])[1]["0train"]["0"]
    >>> len(raw.ch_names), raw.info["sfreq"], len(raw.annotations)
    (64, 160.0, 40)
    """

    simulated = True

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
        check_int(n_subjects, "n_subjects", at_least=1)
        self.n_runs = check_int(n_runs, "n_runs", at_least=1)
        self.n_trials = check_int(
            n_trials, "n_trials", at_least=n_runs, hint="Each run needs one or more."
        )
        self.sfreq = check_number(sfreq, "sfreq", at_least=2.2 * LINE_FREQ)
        self.seed = check_int(seed, "seed", at_least=0)
        super().__init__(
            subjects=range(1, n_subjects + 1),
            sessions_per_subject=len(SESSIONS),
            events=_check_events(events),
            code=self._code(events),
            interval=[0.0, IMAGERY],
            paradigm="imagery",
            selected_subjects=subjects,
            selected_sessions=sessions,
        )

    def _code(self, events: Sequence[str]) -> str:
        """Return the name by which MOABB tells results and caches apart."""
        made = (
            f"trials{self.n_trials}",
            f"runs{self.n_runs}",
            "-".join(events),
            f"sfreq{self.sfreq:g}",
            f"seed{self.seed}",
        )
        usual = (
            f"trials{N_TRIALS}",
            f"runs{N_RUNS}",
            "-".join(EVENTS),
            f"sfreq{SFREQ:g}",
            "seed0",
        )
        unusual = [part for part in made if part not in usual]
        code = "-".join(["SimulatedMotorImagery", *unusual])
        return code.replace("_", "-").replace(".", "-")

    def _get_single_subject_data(
        self, subject: int
    ) -> dict[str, dict[str, mne.io.RawArray]]:
        """Return the recordings of one subject by session and run."""
        person = _draw_subject(self._rng(subject))
        return {
            name: self._record(person, self._rng(subject, day))
            for day, name in enumerate(SESSIONS, start=1)
        }

    def _rng(self, *key: int) -> np.random.Generator:
        """Return the generator of one subject, or of one of its days."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _record(
        self, person: Subject, rng: np.random.Generator
    ) -> dict[str, mne.io.RawArray]:
        """Return the runs of one session."""
        session = _draw_session(person, rng)
        names = list(self.event_id)
        runs = {}
        for run, part in enumerate(np.array_split(range(self.n_trials), self.n_runs)):
            labels = rng.permutation(np.repeat(names, len(part)))
            runs[str(run)] = _record_run(person, session, labels, self.sfreq, rng)
        return runs

    def data_path(
        self,
        subject: int,
        path: Any = None,
        force_update: bool = False,
        update_path: bool | None = None,
        verbose: Any = None,
    ) -> list[str]:
        """Return the file that makes the recordings; nothing is to be downloaded.

        Parameters
        ----------
        subject : int
            Number of a subject.
        path, force_update, update_path, verbose : object
            Not used; they are there because all MOABB datasets have them.

        Returns
        -------
        paths : list of str
            The path of this module.

        Raises
        ------
        ValueError
            If there is no such subject.
        """
        if subject not in self.subject_list:
            raise ValueError(
                f"'subject' must be one of {join_names(self.subject_list)}, got "
                f"{subject!r}."
            )
        return [__file__]


def _check_events(events: Sequence[str]) -> dict[str, int]:
    """Return the chosen events with their codes."""
    unknown = [name for name in events if name not in EVENTS]
    if isinstance(events, str) or unknown or not len(events):
        raise ValueError(
            f"'events' must be a list of one or more of {join_names(EVENTS)}, got "
            f"{events!r}." + did_you_mean(unknown[0] if unknown else None, EVENTS)
        )
    return {name: EVENTS[name] for name in events}


# --- Drawing subjects and sessions --------------------------------------------------


def _draw_subject(rng: np.random.Generator) -> Subject:
    """Draw a person."""
    areas = [
        _below(sites, radius)
        + AREA_SPREAD * rng.standard_normal(3)
        + PATCH_SIZE * rng.standard_normal((N_DIPOLES, 3))
        for sites, radius in AREAS.values()
    ]
    occipital = [_below({site: 1.0}, OCCIPITAL_RADIUS) for site in OCCIPITAL]
    anywhere = rng.standard_normal((N_BACKGROUND, 3))
    anywhere[:, 2] = np.abs(anywhere[:, 2]) + LOWEST
    anywhere *= rng.uniform(*BACKGROUND_RADIUS, (N_BACKGROUND, 1)) / _norm(anywhere)
    # Behind the forehead and as low as the sphere allows; blinks point upward.
    eyes = np.array([[0.025, 0.07, -0.01], [-0.025, 0.07, -0.01]])
    return Subject(
        areas=_draw_directions(np.concatenate(areas), rng),
        occipital=_draw_directions(
            occipital + AREA_SPREAD * rng.standard_normal((len(OCCIPITAL), 3)), rng
        ),
        background=_draw_directions(anywhere, rng),
        eyes=Dipoles(eyes, np.tile([0.0, 0.6, 0.8], (2, 1))),
        mu_freq=rng.uniform(*MU_FREQ),
        beta_freq=rng.uniform(*BETA_FREQ),
        alpha_freq=rng.uniform(*ALPHA_FREQ),
        exponent=rng.normal(EXPONENT, EXPONENT_SPREAD),
        skill=float(np.clip(rng.normal(SKILL, SKILL_SPREAD), *SKILL_RANGE)),
        strengths=rng.lognormal(0.0, STRENGTH_SPREAD, len(AREAS)),
    )


def _draw_directions(places: np.ndarray, rng: np.random.Generator) -> Dipoles:
    """Return dipoles inside the cortex that point outward, more or less."""
    places = places * np.minimum(1.0, DEEPEST / _norm(places))
    directions = places / _norm(places) + TILT * rng.standard_normal(places.shape)
    return Dipoles(places, directions / _norm(directions))


def _draw_session(person: Subject, rng: np.random.Generator) -> Session:
    """Draw a day: how the cap sits, and how strong rhythms and noise are."""
    groups = [person.areas, person.occipital, person.background, person.eyes]
    # On a sphere, to shift the cap is to turn what is inside the other way.
    turn = _rotation(CAP_SHIFT * rng.standard_normal(3))
    gains = _lead_field(
        Dipoles(
            np.concatenate([group.places for group in groups]) @ turn,
            np.concatenate([group.directions for group in groups]) @ turn,
        )
    )
    n_chans = len(gains)
    gains *= rng.lognormal(0.0, GAIN_DRIFT, (n_chans, 1))
    ends = np.cumsum([len(group.places) for group in groups])[:-1]
    areas, occipital, background, eyes = np.split(gains, ends, axis=1)
    strengths = person.strengths * rng.lognormal(0.0, STRENGTH_DRIFT, len(AREAS))
    phasor = rng.standard_normal((2, n_chans, 1)) / np.sqrt(2)
    return Session(
        areas=areas * np.repeat(strengths, N_DIPOLES),
        occipital=occipital,
        background=_mixing(background) * rng.lognormal(0.0, NOISE_DRIFT),
        eyes=eyes.sum(axis=1, keepdims=True),
        noise=SENSOR_NOISE * rng.lognormal(0.0, NOISE_DRIFT, (n_chans, 1)),
        line=LINE_NOISE * (phasor[0] + 1j * phasor[1]),
    )


def _mixing(gains: np.ndarray) -> np.ndarray:
    """Return as many columns as rows that mix noise to the same covariance."""
    values, vectors = np.linalg.eigh(gains @ gains.T)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def _rotation(angles: np.ndarray) -> np.ndarray:
    """Return the rotation by small angles around x, y and z (Cayley's formula)."""
    x, y, z = angles / 2
    half = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.linalg.solve(np.eye(3) - half, np.eye(3) + half)


def _norm(vectors: np.ndarray) -> np.ndarray:
    """Return the lengths of vectors as a column."""
    return np.asarray(np.linalg.norm(vectors, axis=1, keepdims=True))


# --- The head -----------------------------------------------------------------------


@functools.cache
def _template() -> mne.channels.DigMontage:
    """Return MNE's template of electrode positions, by its new name or its old one."""
    known = mne.channels.get_builtin_montages()
    name = "colin27_1005" if "colin27_1005" in known else "standard_1005"
    return mne.channels.make_standard_montage(name)


def _make_info(ch_names: Sequence[str], sfreq: float = SFREQ) -> mne.Info:
    """Return the description of a recording, with positions."""
    info = mne.create_info(list(ch_names), sfreq, "eeg")
    info.set_montage(_template())
    return info


@functools.cache
def _positions() -> dict[str, np.ndarray]:
    """Return where each electrode is, relative to the center of the head."""
    chs = _make_info(CH_NAMES)["chs"]
    return {ch["ch_name"]: ch["loc"][:3] - HEAD_CENTER for ch in chs}


def _below(sites: dict[str, float], radius: float) -> np.ndarray:
    """Return the point at some radius below a weighted mean of electrode sites."""
    parts = [weight * _positions()[site] for site, weight in sites.items()]
    point = np.asarray(sum(parts))
    return radius * point / np.linalg.norm(point)


def _lead_field(dipoles: Dipoles) -> np.ndarray:
    """Return the gains from dipoles to electrodes, (n_chans, n_dipoles)."""
    info = _make_info(CH_NAMES + REFERENCE)
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


# --- The signals --------------------------------------------------------------------


def _record_run(
    person: Subject,
    session: Session,
    labels: np.ndarray,
    sfreq: float,
    rng: np.random.Generator,
) -> mne.io.RawArray:
    """Return a run with one trial for each label."""
    lengths = FIXATION + IMAGERY + rng.uniform(*PAUSE, len(labels))
    cues = MARGIN + FIXATION + np.cumsum(lengths) - lengths
    n_times = int((2 * MARGIN + lengths.sum()) * sfreq)
    noise = functools.partial(_noise, n_times=n_times, sfreq=sfreq, rng=rng)

    drop = _desynchronization(labels, cues, person.skill, n_times, sfreq, rng)
    mu = _patches(1 - drop, _bump(person.mu_freq, MU_WIDTH), noise)
    beta = _patches(1 - BETA_SHARE * drop, _bump(person.beta_freq, BETA_WIDTH), noise)
    alpha = noise(len(OCCIPITAL), _bump(person.alpha_freq, ALPHA_WIDTH))
    pink = noise(len(CH_NAMES), lambda f: _pink(f, person.exponent))
    turns = LINE_FREQ * np.arange(n_times) / sfreq

    signals = session.areas @ (MU_MOMENT * mu + BETA_MOMENT * beta)
    signals += session.occipital @ (ALPHA_MOMENT * alpha)
    signals += (BACKGROUND_MOMENT * session.background) @ pink
    signals += session.eyes * _blinks(n_times, sfreq, rng)
    signals += np.real(session.line * np.exp(2j * np.pi * turns))
    signals += session.noise * rng.standard_normal(signals.shape)

    raw = mne.io.RawArray(signals, _make_info(CH_NAMES, sfreq), verbose="error")
    raw.info["line_freq"] = LINE_FREQ
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
    effort = np.where(
        rng.random(len(labels)) < LAPSES,
        rng.uniform(*LAPSE_EFFORT, len(labels)),
        rng.uniform(*EFFORT, len(labels)),
    )
    drop = np.zeros((len(AREAS), n_times))
    for label, cue, share in zip(labels, cues, effort, strict=True):
        start, stop = int((cue + REACTION) * sfreq), int((cue + IMAGERY) * sfreq)
        depth = skill * share * np.array(DESYNCHRONIZATION[label])
        drop[:, start:stop] = depth[:, np.newaxis]
    ramp = np.hanning(int(RISE * sfreq) + 2)
    return np.stack([np.convolve(row, ramp / ramp.sum(), mode="same") for row in drop])


def _patches(
    amplitudes: np.ndarray,
    spectrum: Callable[[np.ndarray], np.ndarray],
    noise: Callable[..., np.ndarray],
) -> np.ndarray:
    """Return the rhythm of each dipole of each area, (n_areas * N_DIPOLES, n_times)."""
    n_areas = len(amplitudes)
    common = np.repeat(noise(n_areas, spectrum), N_DIPOLES, axis=0)
    own = noise(n_areas * N_DIPOLES, spectrum)
    rhythm = np.sqrt(COHERENCE) * common + np.sqrt(1 - COHERENCE) * own
    return np.repeat(amplitudes / N_DIPOLES, N_DIPOLES, axis=0) * rhythm


def _noise(
    n: int,
    spectrum: Callable[[np.ndarray], np.ndarray],
    n_times: int,
    sfreq: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return Gaussian noise of unit variance with a given amplitude spectrum."""
    length = next_fast_len(n_times, real=True)
    shape = spectrum(rfftfreq(length, 1 / sfreq))
    shape[[0, -1]] = 0.0
    shape *= length / 2 / np.sqrt(np.sum(shape**2))
    draws = rng.standard_normal((n, len(shape), 2)).view(complex)[..., 0]
    return irfft(shape * draws, length)[:, :n_times]


def _bump(freq: float, width: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return the amplitude spectrum of a rhythm whose power is a bell."""
    return lambda f: np.exp(-(((f - freq) / width) ** 2) / 4)


def _pink(f: np.ndarray, exponent: float) -> np.ndarray:
    """Return the amplitude spectrum of 1/f noise behind a high-pass."""
    return np.where(f < HIGH_PASS, 0.0, np.maximum(f, HIGH_PASS) ** (-exponent / 2))


def _blinks(n_times: int, sfreq: float, rng: np.random.Generator) -> np.ndarray:
    """Return the moment of an eye over time."""
    n_blinks = rng.poisson(BLINKS * n_times / sfreq)
    sizes = np.zeros(n_times)
    sizes[rng.integers(0, n_times, n_blinks)] = rng.uniform(0.5, 1.5, n_blinks)
    shape = np.hanning(int(BLINK_LENGTH * sfreq))
    return BLINK_MOMENT * np.convolve(sizes, shape, mode="same")
