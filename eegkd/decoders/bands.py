"""Which frequencies of a trial lie in a band: for networks that read spectra."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

TINY = 1e-9  # Hz; above it are all frequencies but 0


def inside(band: Sequence[float], n_times: int, sfreq: float) -> Tensor:
    """Return which frequencies of `torch.fft.rfft` are in a band, (n_frequencies,).

    The lower edge is in the band, the higher one is not, nor is 0 Hz.
    """
    frequencies = torch.fft.rfftfreq(n_times, 1 / sfreq, dtype=torch.float64)
    return (frequencies >= max(band[0], TINY)) & (frequencies < band[1])


def check_band(
    band: Sequence[float], argument: str, n_times: int, sfreq: float
) -> Tensor:
    """Return the frequencies in a band; refuse one that the trials do not have."""
    nyquist = sfreq / 2
    if len(band) != 2 or not 0 <= band[0] < band[1] <= nyquist:
        raise ValueError(
            f"'{argument}' must be a lower and a higher frequency from 0 to "
            f"{nyquist:g} Hz, half the sampling rate, got {tuple(band)}."
        )
    found = inside(band, n_times, sfreq)
    if not found.any():
        raise ValueError(
            f"'{argument}' must hold a frequency of the trials, the multiples of "
            f"{sfreq / n_times:.3g} Hz, got {tuple(band)}. Use a wider band or longer "
            "trials."
        )
    return found
