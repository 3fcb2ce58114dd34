"""Epochs, lists of epochs, arrays: whatever estimators are given becomes `Trials`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from eegkd._checks import check_continuous, check_labels, check_signals, join_names
from eegkd.data.trials import Trials, concatenate


def as_trials(
    X: Any,
    y: Any,
    ch_names: Sequence[str] | None,
    sfreq: float | None,
    units: str,
    *,
    continuous: bool = False,
) -> Trials:
    """Return whatever trials came as `Trials`, with ``y`` as labels if given.

    ``X`` are epochs, a list of epochs, `Trials`, or an array that needs ``ch_names``,
    ``sfreq`` and ``units``, see `Trials.from_arrays`. Labels are by default those that
    epochs or `Trials` carry, and numbers such as reaction times if ``continuous``.
    """
    parts = epochs_in(X)
    if parts:
        trials = concatenate([Trials.from_epochs(part) for part in parts])
    elif isinstance(X, Trials):
        trials = X
    else:
        if ch_names is None or sfreq is None or y is None:
            lacking = [
                name
                for name, value in (("ch_names", ch_names), ("sfreq", sfreq), ("y", y))
                if value is None
            ]
            raise ValueError(
                f"'X' is an array (or array-like), which needs {join_names(lacking)} "
                "as well. Give ch_names and sfreq to the constructor and y to fit, "
                "or pass mne.Epochs."
            )
        return Trials.from_arrays(
            X, y, ch_names, sfreq, units=units, continuous=continuous
        )
    check = check_continuous if continuous else check_labels
    return replace(trials, y=check(trials.y if y is None else y, len(trials)))


def epochs_in(X: Any) -> list[Any]:
    """Return epochs as a list of epochs; nothing for any other kind of trials.

    A list of epochs is what scikit-learn makes of them; all must have the same channels
    and length.
    """
    if isinstance(X, (np.ndarray, Trials)):
        return []
    import mne

    parts = [X] if isinstance(X, mne.BaseEpochs) else X
    if not isinstance(parts, (list, tuple)) or not parts:
        return []
    if not all(isinstance(part, mne.BaseEpochs) for part in parts):
        return []
    first = parts[0]
    for part in parts[1:]:
        if part.ch_names != first.ch_names or len(part.times) != len(first.times):
            raise ValueError(
                "'X' must be a list of epochs with the same channels and length, but "
                f"{part!r} differs from {first!r}. Pick common channels and crop."
            )
    return list(parts)


def real_array(X: Any) -> np.ndarray:
    """Return an array of trials, (n_trials, n_chans, n_times), not looked at yet."""
    signals = np.asarray(X)
    if signals.ndim != 3 or signals.dtype.kind not in "fiu" or 0 in signals.shape:
        check_signals(signals)
    return signals
