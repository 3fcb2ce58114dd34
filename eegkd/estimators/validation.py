"""Which training trials are held back to choose the epoch and the teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eegkd._checks import check_number
from eegkd.data.groups import groups, last_groups

if TYPE_CHECKING:
    import pandas as pd


def validation_mask(
    codes: np.ndarray, metadata: pd.DataFrame, fraction: float = 1 / 8
) -> np.ndarray:
    """Choose the last trials of each class of each subject for validation.

    Parameters
    ----------
    codes : ndarray of int or float, shape (n_trials,)
        Class of each training trial, in the order of recording. Of floating-point
        numbers, which are continuous labels, the last trials of each subject are
        chosen.
    metadata : DataFrame
        ``subject`` of each training trial; where it says which trials belong together,
        whole groups of `eegkd.data.groups.groups` are chosen.
    fraction : float, default=1/8
        Part of each class, at least one trial where a class has two or more;
        0 chooses none.

    Returns
    -------
    mask : ndarray of bool, shape (n_trials,)
        Whether a trial is for validation.

    Raises
    ------
    ValueError
        If ``fraction`` is not in [0, 0.9].

    Notes
    -----
    The rule of the published code, the last eighth of each class, without its need
    for classes of one size. The end of a recording is also where it resembles a
    later session most.
    """
    check_number(fraction, "valid_fraction", at_least=0, at_most=0.9)
    mask = np.zeros(len(codes), dtype=bool)
    if fraction == 0:
        return mask
    if codes.dtype.kind == "f":
        codes = np.zeros(len(codes), int)
    subject = metadata["subject"].to_numpy().astype(str)
    group = groups(metadata)
    for who in np.unique(subject):
        if group is not None:
            rows = np.flatnonzero(subject == who)
            mask[rows] = last_groups(group[rows], codes[rows], fraction)
            continue
        for code in np.unique(codes):
            rows = np.flatnonzero((subject == who) & (codes == code))
            if len(rows) >= 2:
                mask[rows[-max(1, round(fraction * len(rows))) :]] = True
    return mask
