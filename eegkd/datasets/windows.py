"""Where trials lie in a recording, which of them overlap, and shorter ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eegkd.trials import Trials


def add_blocks(trials: Trials, start: np.ndarray) -> Trials:
    """Write into the metadata when trials were, and which belong together.

    Parameters
    ----------
    trials : Trials
        Of one subject, in the order of recording.
    start : ndarray, shape (n_trials,)
        Beginning of each trial's signals in seconds from any point of its run.

    Returns
    -------
    trials : Trials
        With ``start`` and ``stop`` in seconds, and ``block``: trials of a run that
        overlap, directly or by way of others, have one number.
    """
    stop = start + trials.n_times / trials.sfreq
    block = np.zeros(len(trials), dtype=int)
    runs = trials.metadata.groupby(["session", "run"], sort=False).indices
    for rows in map(np.asarray, runs.values()):
        order = rows[np.argsort(start[rows], kind="stable")]
        # Half a sample of slack: times of resampled trials are not exact.
        reached = np.maximum.accumulate(stop[order]) - 0.5 / trials.sfreq
        block[order[1:]] = np.cumsum(start[order[1:]] >= reached[:-1])
    metadata = trials.metadata.assign(start=start, stop=stop, block=block)
    return replace(trials, metadata=metadata)


def cut_windows(trials: Trials, seconds: float) -> Trials:
    """Cut trials into windows that follow each other without a gap.

    Parameters
    ----------
    trials : Trials
        With ``start`` and ``block`` in the metadata.
    seconds : float
        Length of a window, > 0. What is left at the end of a trial is dropped;
        trials that are shorter stay as they are.

    Returns
    -------
    windows : Trials
        In the order of the trials, with their labels; those of one trial keep its
        ``block``.
    """
    n_times = min(int(seconds * trials.sfreq + 1e-6), trials.n_times)
    n_windows = trials.n_times // n_times
    parts = trials.X[..., : n_windows * n_times]
    X = parts.reshape(len(trials), trials.n_chans, n_windows, n_times)
    rows = np.repeat(np.arange(len(trials)), n_windows)
    metadata = trials.metadata.iloc[rows].reset_index(drop=True)
    offset = np.tile(np.arange(n_windows), len(trials)) * n_times / trials.sfreq
    metadata["start"] += offset
    metadata["stop"] = metadata["start"] + n_times / trials.sfreq
    return replace(
        trials,
        X=np.ascontiguousarray(X.swapaxes(1, 2)).reshape(-1, trials.n_chans, n_times),
        y=trials.y[rows],
        metadata=metadata,
    )
