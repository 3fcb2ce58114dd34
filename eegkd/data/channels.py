"""Names and positions of channels: MNE's 10-05 montage, whatever the spelling.

MNE and SciPy are imported when a name or a position is first looked up.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

from eegkd._checks import check_type
from eegkd.data.filter_bank import in_band, split_band

__all__ = ["canonical_name", "positions"]

OLD_NAMES = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}


@cache
def mne_montage() -> Any:
    """Give MNE's 10-05 montage, which has the old names, too.

    Returns
    -------
    montage : mne.channels.DigMontage
        ``"colin27_1005"``, which MNE before 1.13 calls ``"standard_1005"``.
    """
    from mne.channels import get_builtin_montages, make_standard_montage

    renamed = "colin27_1005" in get_builtin_montages()
    return make_standard_montage("colin27_1005" if renamed else "standard_1005")


@cache
def electrode_positions() -> dict[str, np.ndarray]:
    """Return the position of every electrode, in meters."""
    layout: dict[str, np.ndarray] = mne_montage().get_positions()["ch_pos"]
    for xyz in layout.values():
        xyz.flags.writeable = False
    return layout


@cache
def electrode_names() -> dict[str, str]:
    """Return the canonical name of every electrode, by its name in lower case."""
    return {name.lower(): OLD_NAMES.get(name, name) for name in electrode_positions()}


@cache
def canonical_name(name: str) -> str:
    """Return the 10-05 spelling of an electrode's name.

    Case, surrounding blanks and trailing dots do not matter, and the old names T3, T4,
    T5 and T6 become T7, T8, P7 and P8. The band of a filter bank is kept behind it.

    Parameters
    ----------
    name : str
        Name of an electrode, such as ``"FP1"``, ``"t3"`` or ``"Fc5."``, or of its
        channel in a filter bank, such as ``"t3 8-12 Hz"``.

    Returns
    -------
    canonical : str
        The 10-05 name; ``name`` itself if it is not in the 10-05 system.

    Raises
    ------
    TypeError
        If ``name`` is not a string.
    """
    check_type(name, "name", str, "a string")
    electrode, band = split_band(name)
    return in_band(
        electrode_names().get(electrode.strip().rstrip(".").lower(), electrode), band
    )


def positions(names: Iterable[str]) -> dict[str, np.ndarray]:
    """Return where electrodes sit on the head of MNE's 10-05 montage.

    Parameters
    ----------
    names : iterable of str
        Names of electrodes, in any spelling that `canonical_name` knows. Channels of
        a filter bank are where their electrode is.

    Returns
    -------
    xyz : dict of str to ndarray, shape (3,)
        Position in meters by the name given (x to the right, y to the front, z up).
        Names without a known position are left out.
    """
    electrodes = electrode_positions()
    canonical = {name: canonical_name(split_band(name)[0]) for name in names}
    return {
        name: electrodes[electrode]
        for name, electrode in canonical.items()
        if electrode in electrodes
    }
