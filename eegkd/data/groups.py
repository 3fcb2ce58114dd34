"""Groups: trials that must stay on one side of every split.

Flashes of a speller follow each other faster than a response lasts, so that a trial
shares samples with its neighbors. If one of them trains and the other tests, the test
has been seen. The same holds, more weakly, for windows cut from one segment of rest.
Such trials are a *group*; one that is most of a recording is cut into stretches, and
where a split cuts between two of these, training trials that share samples with the
other side are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["groups"]

RECORDING = ["subject", "session"]
RUN = [*RECORDING, "run"]
N_GROUPS = 10  # of a session at least, so that a fifth or a third can be held out
SLACK = 1e-3  # s; times of resampled trials are not exact


def add_times(
    metadata: pd.DataFrame,
    start: np.ndarray,
    length: float,
    y: np.ndarray | None = None,
) -> pd.DataFrame:
    """Write when trials were, and which belong together.

    Parameters
    ----------
    metadata : DataFrame
        One row for each trial, with ``subject``, ``session`` and ``run``.
    start : ndarray, shape (n_trials,)
        Beginning of each trial's signals, in seconds from any point of its run.
    length : float
        Of a trial in seconds.
    y : ndarray, shape (n_trials,), optional
        Labels of states that last: trials of one label that follow each other without
        a gap belong together as well.

    Returns
    -------
    metadata : DataFrame
        With ``start`` and ``stop``, in seconds from the first trial of the run, and
        ``group``: trials of a run that overlap, directly or by way of others, have one
        number.
    """
    timed = metadata.assign(start=start)
    first = timed.groupby(RUN, sort=False)["start"].transform("min")
    timed["start"] -= first
    timed["stop"] = timed["start"] + length
    return timed.assign(group=_chains(timed, y))


def _chains(metadata: pd.DataFrame, y: np.ndarray | None = None) -> np.ndarray:
    """Return a number for each chain of trials that overlap, or touch alike."""
    start, stop = metadata["start"].to_numpy(), metadata["stop"].to_numpy()
    chain = np.zeros(len(metadata), dtype=int)
    runs = metadata.reset_index(drop=True).groupby(RUN, sort=False).indices
    for rows in map(np.asarray, runs.values()):
        order = rows[np.argsort(start[rows], kind="stable")]
        reached = np.maximum.accumulate(stop[order])[:-1]
        new = ~(start[order[1:]] < reached - SLACK)
        if y is not None:
            same = y[order[1:]] == y[order[:-1]]
            new &= ~(same & (start[order[1:]] < reached + SLACK))
        chain[order[1:]] = np.cumsum(new)
    return chain


def groups(metadata: pd.DataFrame) -> np.ndarray | None:
    """Return the group of each trial, as scikit-learn's splitters take it.

    Parameters
    ----------
    metadata : DataFrame
        One row for each trial in the order of recording, with ``subject``,
        ``session``, ``run`` and perhaps ``group``, or ``start`` and ``stop``, see
        `eegkd.load_trials`. A trial for which these are not known stands alone.

    Returns
    -------
    group : ndarray of int, shape (n_trials,), or None
        Groups in order of appearance; one that holds more than a tenth of its session
        is cut into equal parts. None where every trial stands alone.
    """
    metadata = metadata.reset_index(drop=True)
    if "group" not in metadata:
        if not {"start", "stop"} <= set(metadata):
            return None
        metadata = metadata.assign(group=_chains(metadata))
    known = metadata["group"].notna()
    alone = -1 - np.arange(len(metadata))  # a number that no group has
    metadata = metadata.assign(group=metadata["group"].where(known, alone))
    grouped = metadata.groupby([*RUN, "group"], sort=False)
    number, position = grouped.ngroup().to_numpy(), grouped.cumcount().to_numpy()
    size = np.bincount(number)[number] if len(number) else number
    if (size <= 1).all():
        return None
    session = metadata.groupby(RECORDING, sort=False)["group"].transform("size")
    limit = np.ceil(session.to_numpy() / N_GROUPS)
    part = position * np.ceil(size / limit).astype(int) // size
    joined = number * (part.max() + 1) + part
    return np.unique(joined, return_inverse=True)[1]


def last_groups(
    group: np.ndarray, y: np.ndarray, fraction: float, *, rounded: bool = True
) -> np.ndarray:
    """Choose the last groups of each kind; return a mask of trials.

    ``group`` numbers the groups of one subject in the order of recording; those that
    hold the same classes are of one kind. Of each kind with two or more, a ``fraction``
    is chosen, at least one; ``rounded`` or cut off.
    """
    count = round if rounded else math.floor
    chosen = [
        number
        for numbers in _kinds(group, y)
        if len(numbers) > 1
        for number in numbers[-max(1, count(fraction * len(numbers))) :]
    ]
    return np.isin(group, chosen)


def contiguous_parts(group: np.ndarray, y: np.ndarray, n_parts: int) -> np.ndarray:
    """Cut a recording into contiguous parts; return the part of each trial, from 0.

    Takes groups as `last_groups` does; the groups of each kind are cut by themselves,
    into parts of about one size.
    """
    part = np.zeros(len(group), dtype=int)
    for numbers in _kinds(group, y):
        for number, some in enumerate(np.array_split(numbers, n_parts)):
            part[np.isin(group, some)] = number
    return part


def time_parts(metadata: pd.DataFrame, y: np.ndarray, n_parts: int) -> np.ndarray:
    """Cut the trials of each subject into contiguous parts; return each one's part.

    Groups of `groups` stay whole. Where ``y`` is of a floating type (continuous
    labels), trials are of one kind.
    """
    group = groups(metadata)
    alone = np.arange(len(y)) if group is None else group
    y = np.zeros(len(y)) if y.dtype.kind == "f" else y
    subject = metadata["subject"].to_numpy().astype(str)
    part = np.zeros(len(y), dtype=int)
    for who in np.unique(subject):
        rows = np.flatnonzero(subject == who)
        part[rows] = contiguous_parts(alone[rows], y[rows], n_parts)
    return part


def leave_one_out(
    metadata: pd.DataFrame, part: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the trials outside each part, and those inside it.

    Trials outside that share samples with one inside are left out.
    """
    for number in np.unique(part):
        held_out, rows = (
            np.flatnonzero(mask) for mask in (part == number, part != number)
        )
        yield rows[~shares_samples(metadata, rows, held_out)], held_out


def _kinds(group: np.ndarray, y: np.ndarray) -> list[list[int]]:
    """Return the groups of each kind: those that hold the same classes, in order."""
    kinds: dict[frozenset[str], list[int]] = {}
    for number in np.unique(group):
        held = frozenset(map(str, y[group == number]))
        kinds.setdefault(held, []).append(int(number))
    return list(kinds.values())


def shares_samples(
    metadata: pd.DataFrame, rows: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """Return a mask of the ``rows`` that share samples with one of the ``others``.

    Both are indices of trials. It is False everywhere where times are not known.
    """
    shared = np.zeros(len(rows), dtype=bool)
    if not {"start", "stop"} <= set(metadata):
        return shared
    run = metadata.groupby(RUN, sort=False).ngroup().to_numpy()
    start, stop = metadata["start"].to_numpy(), metadata["stop"].to_numpy()
    run = np.where(np.isfinite(start) & np.isfinite(stop), run, -1)
    for number in np.setdiff1d(np.intersect1d(run[rows], run[others]), [-1]):
        mine, theirs = rows[run[rows] == number], others[run[others] == number]
        # Those that began before a trial's end, less those that ended before it began.
        begun = np.searchsorted(np.sort(start[theirs]), stop[mine] - SLACK)
        ended = np.searchsorted(np.sort(stop[theirs]), start[mine] + SLACK)
        shared[run[rows] == number] = begun > ended
    return shared
