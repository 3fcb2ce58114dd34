"""What came as trials, in whatever form: epochs, lists of epochs, `Trials`, arrays."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from eegkd._checks import (
    check_ch_names,
    check_continuous,
    check_labels,
    check_signals,
    join_names,
)
from eegkd.data.filter_bank import electrodes_of, read_rows, stack_bands
from eegkd.data.trials import Trials, amplitude, concatenate, to_volts
from eegkd.view import View

# Amplitudes of one subject differ by a factor of a few between days; what is off by
# more is an electrode without contact or a wrong unit.
SCALE_WARNING, SCALE_ERROR = 30.0, 300.0


class TrialReader:
    """Reads trials to predict as those of `fit` were read; a part of an estimator.

    Picking comes before every check and conversion: what electrodes hold that the
    montage does not have, be it NaN or another unit, cannot change the result.
    """

    # What the estimator's constructor and fit set.
    units: str
    ch_names_in_: tuple[str, ...]
    n_times_: int
    sfreq_: float
    amplitude_: float | None  # None where it is not known
    view_: Any  # a View

    def _pick(self, X: Any, ch_names: Sequence[str] | None) -> tuple[View, np.ndarray]:
        """Return the view of the trials, and its electrodes in volts, checked."""
        signals, names, sfreq, units = self._signals(X, ch_names)
        view = self.view_.bind(names)
        picked = pick_volts(view, signals, units)
        if sfreq is not None and abs(sfreq - self.sfreq_) > 1e-3 * self.sfreq_:
            raise ValueError(
                f"'X' must be sampled at {self.sfreq_:g} Hz as in fit, got {sfreq:g} "
                f"Hz. Resample it first: epochs.resample({self.sfreq_:g})."
            )
        if picked.shape[2] != self.n_times_:
            raise ValueError(
                f"'X' must have {self.n_times_} samples a trial as in fit "
                f"({self.n_times_ / self.sfreq_:g} s at {self.sfreq_:g} Hz), got "
                f"{picked.shape[2]}. Cut the same time window: epochs.crop(tmin, tmax)."
            )
        self._check_scale(picked)
        return view, picked

    def _signals(
        self, X: Any, ch_names: Sequence[str] | None
    ) -> tuple[np.ndarray, tuple[str, ...], float | None, str]:
        """Return signals, channel names, sampling rate and unit of what came."""
        parts = epochs_in(X)
        if parts:
            signals = np.concatenate([part.get_data() for part in parts])
            return signals, tuple(parts[0].ch_names), parts[0].info["sfreq"], "V"
        if isinstance(X, Trials):
            return X.X, X.ch_names, X.sfreq, "V"
        if getattr(X, "ndim", 3) == 4:
            signals, names = self._stack(X, ch_names)
            return real_array(signals), names, None, self.units
        signals = real_array(X)
        if ch_names is not None:
            names = check_ch_names(ch_names)
        elif signals.shape[1] == len(self.ch_names_in_):
            names = self.ch_names_in_
        else:
            names = self.view_.ch_names
        if len(names) != signals.shape[1]:
            raise ValueError(
                f"'X' must have the {len(self.ch_names_in_)} channels of fit or the "
                f"{self.view_.n_chans} of montage "
                f"'{self.view_.montage.name}' "
                f"({join_names(self.view_.ch_names)}), got "
                f"{signals.shape[1]}. Pass ch_names for another selection."
            )
        return signals, names, None, self.units

    def _stack(
        self, X: np.ndarray, ch_names: Sequence[str] | None
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return an array of a filter bank with a channel for each electrode and band.

        Its bands are those of `fit`, in their order.
        """
        known = read_rows(self.ch_names_in_)
        if X.shape[3] != len(known.bands):
            raise ValueError(
                f"'X' must have the {len(known.bands)} bands of fit along its last "
                f"axis, got shape {X.shape} (n_trials, n_chans, n_times, n_bands). "
                "Filter trials as in fit."
            )
        if ch_names is None:
            all_or_own = [known.electrodes, self.view_.montage.ch_names]
            fitting = [
                electrodes for electrodes in all_or_own if len(electrodes) == X.shape[1]
            ]
            ch_names = (fitting or all_or_own)[0]
        return stack_bands(X, electrodes_of(ch_names), known.bands)

    def _check_scale(self, picked: np.ndarray) -> None:
        """Refuse or report signals of another size than those of `fit`."""
        flat = picked.std(axis=(0, 2)) == 0
        if flat.any():
            names = [
                n
                for n, is_flat in zip(self.view_.ch_names, flat, strict=True)
                if is_flat
            ]
            warnings.warn(
                f"'X' is flat on {join_names(names)} in all trials. The prediction is "
                "unreliable; check the contact of these electrodes.",
                stacklevel=5,
            )
        if flat.all() or self.amplitude_ is None:
            return
        ratio = amplitude(picked) / self.amplitude_
        if not 1 / SCALE_ERROR < ratio < SCALE_ERROR:
            raise ValueError(
                f"'X' must have the scale of the signals in fit, got amplitudes "
                f"{ratio:.3g} times as large. Check the unit: arrays are volts or "
                "microvolts (parameter units), epochs are volts."
            )
        if not 1 / SCALE_WARNING < ratio < SCALE_WARNING:
            warnings.warn(
                f"'X' has amplitudes {ratio:.3g} times those of the signals in fit. "
                "Check filter, reference, contact and unit.",
                stacklevel=5,
            )


def pick_volts(view: View, signals: np.ndarray, units: str) -> np.ndarray:
    """Return a view's electrodes as finite float32 volts.

    Parameters
    ----------
    view : View
        Bound to the channels of the signals.
    signals : ndarray, shape (n_trials, n_all_chans, n_times)
        Signals of all channels.
    units : {"auto", "V", "uV"}
        Their unit.

    Returns
    -------
    picked : ndarray of float32, shape (n_trials, n_chans, n_times)
        Signals in volts.
    """
    return to_volts(check_signals(view.pick(torch.as_tensor(signals)).numpy()), units)


def real_array(X: Any) -> np.ndarray:
    """Return an array of trials whose values are not looked at yet.

    Parameters
    ----------
    X : array-like, shape (n_trials, n_chans, n_times)
        Signals.

    Returns
    -------
    signals : ndarray
        The same, of real numbers.
    """
    signals = np.asarray(X)
    if signals.ndim != 3 or signals.dtype.kind not in "fiu" or 0 in signals.shape:
        check_signals(signals)
    return signals


def epochs_in(X: Any) -> list[Any]:
    """Return epochs as a list of epochs; nothing for any other kind of trials.

    Parameters
    ----------
    X : object
        Epochs, a list of epochs (which scikit-learn makes of them), or others.

    Returns
    -------
    parts : list of mne.Epochs
        Of the same channels and length.

    Raises
    ------
    ValueError
        If channels or lengths differ.
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

    Parameters
    ----------
    X : mne.Epochs, list of mne.Epochs, Trials or ndarray
        Trials.
    y : array-like or None
        Labels; by default those that epochs or `Trials` carry.
    ch_names, sfreq, units
        Of arrays, see `Trials.from_arrays`.
    continuous : bool, default=False
        Whether labels are numbers such as reaction times, not classes.

    Returns
    -------
    trials : Trials
        The same in volts.

    Raises
    ------
    ValueError
        If an array comes without names, rate or labels, or labels are of the other
        kind.
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
