"""Channels of a filter bank: one for each electrode and band, named after both.

``"C3 8-12 Hz"`` is what C3 recorded between 8 and 12 Hz, and ``"C3 band 1"`` the first
band of an array that does not say in Hz what its bands are. Names alone tell trials of
a filter bank from others: those of one band are called ``"C3"``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from eegkd._checks import check_ch_names, join_names

_NUMBER = r"\d+(?:\.\d+)?"
_BANDED = re.compile(
    rf"(?P<electrode>.+?)\s+(?:(?P<low>{_NUMBER})-(?P<high>{_NUMBER})\s*Hz|"
    rf"band\s+(?P<number>\d+))\s*",
    re.IGNORECASE,
)


def band_name(low: float, high: float) -> str:
    """Return the name of a pass band, given in Hz: ``"8-12 Hz"``."""
    return f"{_in_hz(low)}-{_in_hz(high)} Hz"


def in_band(electrode: str, band: str) -> str:
    """Return the name of an electrode's channel in a band; ``""`` for the only one."""
    return f"{electrode} {band}" if band else electrode


@cache
def split_band(name: str) -> tuple[str, str]:
    """Return the electrode and the band of a channel; ``""`` where it names none."""
    found = _BANDED.fullmatch(name)
    if found is None:
        return name, ""
    if found["number"]:
        return found["electrode"], f"band {int(found['number'])}"
    return found["electrode"], band_name(float(found["low"]), float(found["high"]))


@dataclass(frozen=True, eq=False)
class Rows:
    """Which row of trials is which electrode in which band.

    Parameters
    ----------
    electrodes : tuple of str
        Electrodes, in the data's spelling.
    bands : tuple of str
        Names of the bands, in the data's order; ``("",)`` without a filter bank.
    index : ndarray of int, shape (n_bands, n_electrodes)
        Place of each in the data.
    """

    electrodes: tuple[str, ...]
    bands: tuple[str, ...]
    index: np.ndarray


def read_rows(ch_names: Sequence[str]) -> Rows:
    """Read from channel names what the rows of trials are.

    An electrode that lacks a band which another one has, or has it twice, is refused.
    """
    place = {split_band(name): row for row, name in enumerate(ch_names)}
    bands = tuple(dict.fromkeys(band for _, band in place))
    if bands == ("",):
        return Rows(tuple(ch_names), bands, np.arange(len(ch_names))[np.newaxis])
    electrodes = tuple(dict.fromkeys(electrode for electrode, _ in place))
    for band in bands:
        missing = [
            electrode for electrode in electrodes if (electrode, band) not in place
        ]
        if missing:
            one = len(missing) == 1
            if band:
                lack = f"{'lacks' if one else 'lack'} the band {band!r}"
            else:
                lack = f"{'has' if one else 'have'} bands and others none"
            raise ValueError(
                "'ch_names' must hold every electrode in every band of a filter bank, "
                f"but {join_names(missing)} {lack}. "
                f"The bands are {join_names(filter(None, bands))}. Add these "
                "channels, or drop the electrode in all bands."
            )
    if len(place) < len(ch_names):
        raise ValueError(
            "'ch_names' must name each electrode once in each band, got "
            f"{len(ch_names)} names for {len(place)} of them. Drop the copies."
        )
    index = np.array(
        [[place[electrode, band] for electrode in electrodes] for band in bands]
    )
    return Rows(electrodes, bands, index)


def electrodes_of(ch_names: Sequence[str]) -> tuple[str, ...]:
    """Return the electrodes that channels belong to, each once."""
    return tuple(dict.fromkeys(split_band(name)[0] for name in ch_names))


def stack_bands(
    X: Any, ch_names: Sequence[str], bands: Sequence[str] | None = None
) -> tuple[Any, tuple[str, ...]]:
    """Return trials of a filter bank with one channel for each electrode and band.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_electrodes, n_times, n_bands)
        Trials as MOABB gives them; those of another shape are returned as they are.
    ch_names : sequence of str
        Names of the electrodes.
    bands : sequence of str, optional
        Names of the bands; numbers by default. A single band is not named then.

    Returns
    -------
    X : ndarray, shape (n_trials, n_bands * n_electrodes, n_times)
        All electrodes in the first band, then all in the second, and so on.
    ch_names : tuple of str
        Names with the bands.

    Raises
    ------
    ValueError
        If names are not those of the electrodes.

    Warns
    -----
    UserWarning
        If there is one band and it has no name.
    """
    names = check_ch_names(ch_names)
    if getattr(X, "ndim", 3) != 4:
        return X, names
    n_trials, n_electrodes, n_times, n_bands = X.shape
    if len(names) != n_electrodes:
        raise ValueError(
            f"'ch_names' must name the {n_electrodes} electrodes of 'X', whose shape "
            f"{X.shape} is (n_trials, n_chans, n_times, n_bands), got {len(names)} "
            f"names: {join_names(names)}."
        )
    if bands is None:
        bands = [f"band {k}" for k in range(1, n_bands + 1)] if n_bands > 1 else [""]
        if n_bands == 1:
            warnings.warn(
                "'X' has the shape of a filter bank, but one band. MOABB's own "
                "evaluations pass the first band of a filter bank only (seen in MOABB "
                "1.7.2): call paradigm.get_data and scikit-learn's cross_val_score, "
                "or eegkd.benchmark, to have all bands.",
                stacklevel=3,
            )
    stacked = X.transpose(0, 3, 1, 2).reshape(n_trials, n_bands * n_electrodes, n_times)
    return stacked, tuple(
        in_band(electrode, band) for band in bands for electrode in names
    )


def _in_hz(frequency: float) -> str:
    """Return a frequency without an exponent or needless zeros."""
    return f"{frequency:.6f}".rstrip("0").rstrip(".")
