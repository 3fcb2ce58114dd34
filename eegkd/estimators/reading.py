"""How trials to predict are read: as those of `fit` were."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.utils import Tags

from eegkd._checks import check_ch_names, check_signals, join_names
from eegkd.data.as_trials import epochs_in, real_array
from eegkd.data.filter_bank import electrodes_of, read_rows, stack_bands
from eegkd.data.trials import Trials, amplitude, to_volts
from eegkd.view import View

# Amplitudes of one subject differ by a factor of a few between days; what is off by
# more is an electrode without contact or a wrong unit.
SCALE_WARNING, SCALE_ERROR = 30.0, 300.0


class TakesTrials:
    """An estimator that reads trials; a base of it, before scikit-learn's."""

    def __sklearn_tags__(self) -> Tags:
        """Say that trials have three dimensions."""
        tags: Tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags


@dataclass(frozen=True)
class Reader:
    """What is known of the trials of `fit`, to read others as they were read.

    Picking comes before every check and conversion: what electrodes hold that the
    montage does not have, be it NaN or another unit, cannot change the result.

    Parameters
    ----------
    view : View
        The electrodes that are read.
    ch_names : tuple of str
        Channels given to `fit`.
    n_times : int
        Samples in a trial.
    sfreq : float
        Sampling rate in Hz.
    amplitude : float or None
        Typical amplitude of the training signals in volts; None where it is not known.
    units : {"auto", "V", "uV"}, default="auto"
        Unit of arrays.
    """

    view: View
    ch_names: tuple[str, ...]
    n_times: int
    sfreq: float
    amplitude: float | None
    units: str = "auto"

    @classmethod
    def of(cls, estimator: Any) -> Reader:
        """Return what a fitted estimator knows."""
        return cls(
            estimator.view_,
            estimator.ch_names_in_,
            estimator.n_times_,
            estimator.sfreq_,
            estimator.amplitude_,
            estimator.units,
        )

    def pick(
        self, X: Any, ch_names: Sequence[str] | None = None
    ) -> tuple[View, np.ndarray]:
        """Return the view of trials, and its electrodes in volts, checked.

        The view is bound to their channels; its electrodes are float32, shape
        (n_trials, n_chans, n_times), and not standardized.
        """
        signals, names, sfreq, units = self.signals(X, ch_names)
        view = self.view.bind(names)
        picked = pick_volts(view, signals, units)
        if sfreq is not None and abs(sfreq - self.sfreq) > 1e-3 * self.sfreq:
            raise ValueError(
                f"'X' must be sampled at {self.sfreq:g} Hz as in fit, got {sfreq:g} "
                f"Hz. Resample it first: epochs.resample({self.sfreq:g})."
            )
        if picked.shape[2] != self.n_times:
            raise ValueError(
                f"'X' must have {self.n_times} samples a trial as in fit "
                f"({self.n_times / self.sfreq:g} s at {self.sfreq:g} Hz), got "
                f"{picked.shape[2]}. Cut the same time window: epochs.crop(tmin, tmax)."
            )
        self._check_scale(picked)
        return view, picked

    def signals(
        self, X: Any, ch_names: Sequence[str] | None = None
    ) -> tuple[np.ndarray, tuple[str, ...], float | None, str]:
        """Return signals, channel names, sampling rate and unit of what came.

        Signals have shape (n_trials, n_all_chans, n_times) and are not looked at yet.
        The rate is None where an array does not tell.
        """
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
        elif signals.shape[1] == len(self.ch_names):
            names = self.ch_names
        else:
            names = self.view.ch_names
        if len(names) != signals.shape[1]:
            raise ValueError(
                f"'X' must have the {len(self.ch_names)} channels of fit or the "
                f"{self.view.n_chans} of montage "
                f"'{self.view.montage.name}' ({join_names(self.view.ch_names)}), got "
                f"{signals.shape[1]}. Pass ch_names for another selection."
            )
        return signals, names, None, self.units

    def _stack(
        self, X: np.ndarray, ch_names: Sequence[str] | None
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return an array of a filter bank with a channel for each electrode and band.

        Its bands are those of `fit`, in their order.
        """
        known = read_rows(self.ch_names)
        if X.shape[3] != len(known.bands):
            raise ValueError(
                f"'X' must have the {len(known.bands)} bands of fit along its last "
                f"axis, got shape {X.shape} (n_trials, n_chans, n_times, n_bands). "
                "Filter trials as in fit."
            )
        if ch_names is None:
            all_or_own = [known.electrodes, self.view.montage.ch_names]
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
                for n, is_flat in zip(self.view.ch_names, flat, strict=True)
                if is_flat
            ]
            warnings.warn(
                f"'X' is flat on {join_names(names)} in all trials. The prediction is "
                "unreliable; check the contact of these electrodes.",
                stacklevel=5,
            )
        if flat.all() or self.amplitude is None:
            return
        ratio = amplitude(picked) / self.amplitude
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
    """Return a view's electrodes as finite float32 volts, given signals in a unit."""
    return to_volts(check_signals(view.pick(torch.as_tensor(signals)).numpy()), units)
