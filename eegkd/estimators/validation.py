"""Which training trials are held back to choose the epoch, or the number of epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from eegkd._checks import check_int, check_number
from eegkd.data.groups import groups, last_groups
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


def fold_masks(
    codes: np.ndarray, metadata: pd.DataFrame, n_folds: int
) -> list[np.ndarray]:
    """Cut trials into folds that follow each other in time.

    Parameters
    ----------
    codes : ndarray of int or float, shape (n_trials,)
        Class or continuous label of each trial, in the order of recording.
    metadata : DataFrame
        ``subject`` of each trial. Groups of `eegkd.data.groups.groups` stay whole.
    n_folds : int
        How many, >= 2.

    Returns
    -------
    folds : list of ndarray of bool, shape (n_trials,)
        Which trials each holds: of each subject, and of each class where there are no
        groups, about as many. Every trial is in one of them.

    Raises
    ------
    ValueError
        If a fold would be empty.
    """
    check_int(n_folds, "n_folds", at_least=2)
    place = np.zeros(len(codes), dtype=int)
    group = groups(metadata)
    subject = metadata["subject"].to_numpy().astype(str)
    kind = np.zeros(len(codes), int) if codes.dtype.kind == "f" else codes
    for who in np.unique(subject):
        own = subject == who
        if group is not None:
            parts = np.array_split(np.unique(group[own]), n_folds)
            for number, part in enumerate(parts):
                place[own & np.isin(group, part)] = number
            continue
        for code in np.unique(kind[own]):
            rows = np.flatnonzero(own & (kind == code))
            for number, part in enumerate(np.array_split(rows, n_folds)):
                place[part] = number
    folds = [place == number for number in range(n_folds)]
    if not all(fold.any() for fold in folds):
        raise ValueError(
            f"'n_folds' must be at most the number of trials, or of groups of trials, "
            f"got {n_folds} for {len(codes)} trials. Take fewer folds."
        )
    return folds


def choose_epochs(training: Training, folds: Sequence[np.ndarray]) -> None:
    """Choose how long a training lasts, by networks that each leave out one fold.

    Parameters
    ----------
    training : Training
        Its recipe gets the number of epochs with the lowest label loss on trials that
        were left out.
    folds : sequence of ndarray of bool, shape (n_trials,)
        Trials of ``training.sampler``.
    """
    losses = np.zeros(training.max_epochs)
    for fold in map(torch.as_tensor, folds):
        network = training.build("student", random_state=training.random_state)
        held_out = replace(training.sampler.subset(fold), shuffle=False)
        history = training.train(
            network,
            sampler=training.sampler.subset(~fold),
            valid=held_out,
            patience=None,
        )
        found = history.to_frame()["valid_label_loss"].to_numpy()
        losses = losses + found * len(held_out)
    epochs = int(np.argmin(losses)) + 1
    training.recipe = replace(
        training.recipe, max_epochs=epochs, n_updates=None, n_folds=0
    )
