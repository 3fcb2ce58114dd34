"""Signals that are not the task: rhythms, 1/f background, blinks, the power line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mne
import numpy as np
from scipy.fft import irfft, next_fast_len, rfftfreq

from eegkd.data.simulated.head import CH_NAMES, make_info
from eegkd.data.simulated.subjects import N_DIPOLES, OCCIPITAL, Day

ALPHA_FREQ = (8.5, 12.0)  # Hz, of subjects
# Moments in A m, root mean square. Alpha has 10 to 15 microvolts over the occiput,
# the background about 10 all over the scalp.
ALPHA_MOMENT, ALPHA_WIDTH = 40e-9, 1.0  # width in Hz: rhythms wax and wane
BACKGROUND_MOMENT = 9e-9  # of each dipole
MU_FREQ, MU_WIDTH = (8.5, 12.5), 1.2  # Hz, of sensorimotor areas
EXPONENT, EXPONENT_SPREAD = 1.3, 0.1  # of the 1/f power spectrum, of subjects
COHERENCE = 0.6  # share of the variance that the dipoles of an area have in common
HIGH_PASS = 0.5  # Hz, of the amplifier
LINE_FREQ = 50.0  # Hz
BLINKS = 0.2  # per second
BLINK_LENGTH = 0.35  # s
BLINK_MOMENT = 600e-9  # A m; about 100 microvolts at the forehead

Spectrum = Callable[[np.ndarray], np.ndarray]


class Noise:
    """Gaussian noise of one run.

    Parameters
    ----------
    n_times : int
        Samples.
    sfreq : float
        Sampling rate in Hz.
    rng : Generator
        Where chance comes from.
    """

    def __init__(self, n_times: int, sfreq: float, rng: np.random.Generator) -> None:
        self.n_times, self.sfreq, self.rng = n_times, sfreq, rng

    def __call__(self, n: int, spectrum: Spectrum) -> np.ndarray:
        """Return noise of unit variance with an amplitude spectrum, (n, n_times)."""
        length = next_fast_len(self.n_times, real=True)
        shape = spectrum(rfftfreq(length, 1 / self.sfreq))
        shape[[0, -1]] = 0.0
        shape *= length / 2 / np.sqrt(np.sum(shape**2))
        draws = self.rng.standard_normal((n, len(shape), 2)).view(complex)[..., 0]
        return irfft(shape * draws, length)[:, : self.n_times]

    def patches(self, amplitudes: np.ndarray, spectrum: Spectrum) -> np.ndarray:
        """Return the rhythm of each dipole of each area, (n_areas * 3, n_times).

        ``amplitudes``, shape (n_areas, n_times), are those of an area as a whole.
        """
        n_areas = len(amplitudes)
        common = np.repeat(self(n_areas, spectrum), N_DIPOLES, axis=0)
        own = self(n_areas * N_DIPOLES, spectrum)
        rhythm = np.sqrt(COHERENCE) * common + np.sqrt(1 - COHERENCE) * own
        return np.repeat(amplitudes / N_DIPOLES, N_DIPOLES, axis=0) * rhythm


def bump(freq: float, width: float) -> Spectrum:
    """Return the amplitude spectrum of a rhythm whose power is a bell."""
    return lambda f: np.exp(-(((f - freq) / width) ** 2) / 4)


def ramp(seconds: float, sfreq: float) -> np.ndarray:
    """Return what to convolve steps with, so that they take some seconds."""
    shape = np.hanning(int(seconds * sfreq) + 2)
    return np.asarray(shape / shape.sum())


def record(
    task: np.ndarray,
    day: Day,
    noise: Noise,
    *,
    alpha_freq: float,
    exponent: float,
    alpha_gain: Any = 1.0,
    blink_gain: Any = 1.0,
) -> mne.io.RawArray:
    """Return a run: what the task gives, and everything else on top.

    Parameters
    ----------
    task : ndarray, shape (n_chans, n_times)
        What the electrodes see of the task, in volts; is added to in place.
    day : Day
        What the electrodes see.
    noise : Noise
        Of this run.
    alpha_freq : float
        The subject's alpha frequency in Hz.
    exponent : float
        Of the subject's 1/f background.
    alpha_gain : float or ndarray, shape (n_times,), default=1.0
        Factor of the amplitude of alpha.
    blink_gain : float or ndarray, shape (n_times,), default=1.0
        Factor of the size of blinks.

    Returns
    -------
    raw : RawArray
        The 64 electrodes in volts, without annotations.
    """
    signals, n_times, sfreq, rng = task, noise.n_times, noise.sfreq, noise.rng
    alpha = alpha_gain * noise(len(OCCIPITAL), bump(alpha_freq, ALPHA_WIDTH))
    pink = noise(len(CH_NAMES), lambda f: _pink(f, exponent))
    turns = LINE_FREQ * np.arange(n_times) / sfreq

    signals += day.occipital @ (ALPHA_MOMENT * alpha)
    signals += (BACKGROUND_MOMENT * day.background) @ pink
    signals += day.eyes * (blink_gain * _blinks(n_times, sfreq, rng))
    signals += np.real(day.line * np.exp(2j * np.pi * turns))
    signals += day.noise * rng.standard_normal(signals.shape)

    raw = mne.io.RawArray(signals, make_info(CH_NAMES, sfreq), verbose="error")
    raw.info["line_freq"] = LINE_FREQ
    return raw


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
