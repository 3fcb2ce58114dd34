"""Shorter trials: windows that follow each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eegkd.data.trials import Trials


def cut_windows(trials: Trials, seconds: float) -> Trials:
    """Cut trials into windows that follow each other without a gap.

    Windows have the labels and the ``group`` of their trial. What is left at the end of
    a trial is dropped; trials that are shorter stay as they are.
    """
    if seconds * trials.sfreq < 1:
        raise ValueError(
            f"'window' must hold at least one sample, {1 / trials.sfreq:.3g} s at "
            f"{trials.sfreq:g} Hz, got {seconds!r} s."
        )
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
        settings={**(trials.settings or {}), "window": n_times / trials.sfreq},
    )
