"""Which training trials are held back to choose the epoch, or the number of epochs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from eegkd._checks import check_number
from eegkd.data.groups import groups, last_groups, leave_one_out, time_parts
from eegkd.distillation import Training

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


def choose_epochs(training: Training, n_folds: int) -> None:
    """Choose how long a training lasts, by networks that each leave out one fold.

    Folds are contiguous in time for each subject and class; trials that belong
    together stay together, and those that overlap with the fold left out are not
    learned from.

    Parameters
    ----------
    training : Training
        With metadata. Its recipe gets the number of epochs with the lowest label loss
        on trials that were left out.
    n_folds : int
        How many, >= 2.

    Raises
    ------
    ValueError
        If there are not as many groups of trials.
    """
    sampler = training.sampler
    metadata = training.metadata.reset_index(drop=True)
    part = time_parts(metadata, sampler.y.cpu().numpy(), n_folds)
    if len(np.unique(part)) < n_folds:
        raise ValueError(
            "'n_folds' must be at most the number of trials of a class, or of groups "
            f"of trials, got {n_folds} for {len(part)} trials. Take fewer folds."
        )
    losses = np.zeros(training.max_epochs)
    for rows, held_out in leave_one_out(metadata, part):
        network = training.build("student", random_state=training.random_state)
        left_out = sampler.subset(torch.as_tensor(held_out, device=sampler.X.device))
        history = training.train(
            network,
            sampler=sampler.subset(torch.as_tensor(rows, device=sampler.X.device)),
            valid=replace(left_out, shuffle=False),
            patience=None,
        )
        found = history.to_frame()["valid_label_loss"].to_numpy()
        losses += found * len(held_out)
    training.recipe = replace(
        training.recipe,
        max_epochs=int(np.argmin(losses)) + 1,
        n_updates=None,
        n_folds=0,
    )
