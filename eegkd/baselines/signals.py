"""What every baseline starts with: the montage's signals, and the pipeline around."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from eegkd._checks import (
    check_labels,
    check_number,
    join_names,
)
from eegkd.data.as_trials import epochs_in, real_array
from eegkd.data.filter_bank import read_rows, stack_bands
from eegkd.data.trials import Trials, amplitude
from eegkd.estimators._docs import fill_doc
from eegkd.estimators.reading import Reader, TakesTrials, pick_volts
from eegkd.view import View


@fill_doc
class MontageSignals(TakesTrials, TransformerMixin, BaseEstimator):
    """The signals of a montage's electrodes, as an array in microvolts.

    Picking comes before every check, conversion and filter, in `fit` as in
    `transform`: what other electrodes hold, be it NaN or another unit, cannot change
    the result.

    Parameters
    ----------
    montage : str, path, list of str, Montage or None, default=None
        Electrodes to show; None shows all EEG channels of the data.
    %(picked)s
    %(arrays)s
    bands : tuple of (float, float), optional
        Pass bands in Hz. Each adds one slice to a last axis.

    Attributes
    ----------
    view_ : View
        The electrodes.
    ch_names_in_ : tuple of str
        EEG channels given to `fit`.
    n_times_, sfreq_ : int and float
        Samples in a trial and sampling rate in Hz.
    amplitude_ : float
        Typical amplitude of the training signals, in volts.

    See Also
    --------
    MontageEpochs : The same as MNE epochs.
    """

    def __init__(
        self,
        montage: Any = None,
        on_missing: str = "error",
        reference: str | None = None,
        ch_names: Sequence[str] | None = None,
        sfreq: float | None = None,
        units: str = "auto",
        bands: Sequence[tuple[float, float]] | None = None,
    ) -> None:
        self.montage = montage
        self.on_missing = on_missing
        self.reference = reference
        self.ch_names = ch_names
        self.sfreq = sfreq
        self.units = units
        self.bands = bands

    def fit(self, X: Any, y: Any = None) -> MontageSignals:
        """Learn which channels stand for the montage's electrodes.

        Parameters
        ----------
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray
            Trials. Arrays have shape (n_trials, n_chans, n_times) and need the
            parameters ``ch_names`` and ``sfreq``.
        y : object, optional
            Not used.

        Returns
        -------
        self : MontageSignals
            The fitted transformer.

        Raises
        ------
        ValueError
            If an electrode is missing or flat, or signals are not finite.
        """
        signals, names, sfreq, units = self._training_signals(X)
        self.ch_names_in_ = names
        self.sfreq_ = check_number(sfreq, "sfreq", above=0)
        self.n_times_ = signals.shape[2]
        view = View(
            self.montage,
            names,
            on_missing=self.on_missing,
            reference=self.reference,
            standardize=None,
        )
        picked = pick_volts(view, signals, units)
        view.learn(torch.as_tensor(picked))  # refuses flat ones
        self.view_, self.amplitude_ = view, amplitude(picked)
        self._check_bands()
        return self

    @fill_doc
    def transform(self, X: Any, ch_names: Sequence[str] | None = None) -> Any:
        """Return the signals of the montage's electrodes.

        Parameters
        ----------
        %(X_predict)s

        Returns
        -------
        X_view : ndarray of float64, shape (n_trials, n_chans, n_times[, n_bands])
            Signals in microvolts.

        Raises
        ------
        %(refused)s
        """
        check_is_fitted(self)
        _, picked = Reader.of(self).pick(X, ch_names)
        shown = 1e6 * picked.astype(np.float64)
        if self.bands is None:
            return shown
        return filter_bands(shown, self.sfreq_, self.bands)

    def _training_signals(
        self, X: Any
    ) -> tuple[np.ndarray, tuple[str, ...], float, str]:
        """Return signals of the EEG channels, their names, sampling rate and unit."""
        parts = epochs_in(X)
        if parts:
            import mne

            picks = mne.pick_types(parts[0].info, eeg=True, exclude=[])
            if not len(picks):
                kinds = sorted(set(parts[0].get_channel_types()))
                raise ValueError(
                    f"'X' must have EEG channels, got only {join_names(kinds)}. "
                    "Set the types with epochs.set_channel_types."
                )
            signals = np.concatenate([part.get_data(picks=picks) for part in parts])
            names = tuple(parts[0].ch_names[pick] for pick in picks)
            return signals, names, parts[0].info["sfreq"], "V"
        if isinstance(X, Trials):
            return X.X, X.ch_names, X.sfreq, "V"
        if self.ch_names is None or self.sfreq is None:
            lacking = [n for n in ("ch_names", "sfreq") if getattr(self, n) is None]
            raise ValueError(
                f"'X' is an array (or array-like), which needs {join_names(lacking)} "
                "as well. Give them to the baseline, or pass mne.Epochs."
            )
        X, names = stack_bands(X, self.ch_names)
        signals = real_array(X)
        if len(names) != signals.shape[1]:
            raise ValueError(
                f"'ch_names' must name the {signals.shape[1]} channels of 'X', got "
                f"{len(names)} names: {join_names(names)}."
            )
        return signals, names, self.sfreq, self.units

    def _check_bands(self) -> None:
        """Refuse bands that the sampling rate cannot hold, and bands of bands."""
        if self.bands is not None:
            check_one_band(self.view_.ch_names)
        for low, high in self.bands or ():
            if not 0 <= low < high < self.sfreq_ / 2:
                raise ValueError(
                    f"'bands' must lie between 0 and half the sampling rate "
                    f"({self.sfreq_ / 2:g} Hz), low before high, got ({low:g}, "
                    f"{high:g}). Choose other bands, or resample less."
                )


@fill_doc
class MontageEpochs(MontageSignals):
    """The signals of a montage's electrodes, as MNE epochs.

    As `MontageSignals`, for the steps that need a sampling rate. The events of training
    trials keep their names.

    Parameters
    ----------
    montage : str, path, list of str, Montage or None, default=None
        Electrodes to show; None shows all EEG channels of the data.
    %(picked)s
    %(arrays)s

    See Also
    --------
    MontageSignals : The same as an array.
    """

    def __init__(
        self,
        montage: Any = None,
        on_missing: str = "error",
        reference: str | None = None,
        ch_names: Sequence[str] | None = None,
        sfreq: float | None = None,
        units: str = "auto",
    ) -> None:
        super().__init__(montage, on_missing, reference, ch_names, sfreq, units)

    def fit_transform(self, X: Any, y: Any = None, **_: Any) -> Any:
        """Fit, and return epochs whose events keep the names that ``X`` gave them.

        Parameters
        ----------
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray
            Trials, as in `fit`.
        y : object, optional
            Not used.
        **_ : dict
            Not used.

        Returns
        -------
        epochs : mne.EpochsArray
            Signals of the montage's electrodes.
        """
        parts = epochs_in(X)
        event_id: dict[str, int] = {}
        for part in parts:
            event_id.update(part.event_id)
        epochs = self.fit(X).transform(X)
        if event_id:
            epochs.events[:, 2] = np.concatenate([p.events[:, 2] for p in parts])
            epochs.event_id = event_id
        return epochs

    @fill_doc
    def transform(self, X: Any, ch_names: Sequence[str] | None = None) -> Any:
        """Return epochs of the montage's electrodes.

        Parameters
        ----------
        %(X_predict)s

        Returns
        -------
        epochs : mne.EpochsArray
            Signals of the montage's electrodes.
        """
        import mne

        shown = super().transform(X, ch_names)
        info = mne.create_info(list(self.view_.ch_names), self.sfreq_, "eeg")
        return mne.EpochsArray(1e-6 * shown, info, verbose="ERROR")


class TrialPipeline(Pipeline):
    """A scikit-learn pipeline that takes what `DistilledClassifier` takes.

    Labels may be left out where epochs or `Trials` carry them, ``subjects`` reaches
    the classifiers that use it, and predictions may name the channels of an array.

    Parameters
    ----------
    steps : list of (str, estimator)
        `MontageSignals` first; or one classifier that reads trials itself.
    transform_input : list of str, optional
        As in `sklearn.pipeline.Pipeline`.
    memory : str or object, optional
        As in `sklearn.pipeline.Pipeline`.
    verbose : bool, default=False
        As in `sklearn.pipeline.Pipeline`.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Labels, sorted.
    """

    def fit(
        self, X: Any, y: Any = None, subjects: Any = None, **params: Any
    ) -> TrialPipeline:
        """Fit every step.

        Parameters
        ----------
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray
            Trials with all electrodes. Arrays have shape (n_trials, n_chans,
            n_times) and need the options ``ch_names`` and ``sfreq``.
        y : array-like, shape (n_trials,), optional
            Labels of any type; by default those that epochs or `Trials` carry.
        subjects : array-like, shape (n_trials,), optional
            Subject of each trial.
        **params : dict
            Parameters of the steps, as in `sklearn.pipeline.Pipeline`.

        Returns
        -------
        self : TrialPipeline
            The fitted pipeline.

        Raises
        ------
        ValueError
            If signals, labels or a parameter are not fit for training; the message
            says what to do.
        """
        y = _labels(X, y)
        if subjects is not None:
            check_labels(subjects, len(y), "subjects")
        if len(self.steps) == 1:
            self.steps[-1][1].fit(X, y, subjects)
            return self
        return super().fit(X, y, **params)

    @fill_doc
    def predict(self, X: Any, ch_names: Sequence[str] | None = None) -> np.ndarray:
        """Return the likeliest class of each trial.

        Parameters
        ----------
        %(X_predict)s

        Returns
        -------
        labels : ndarray, shape (n_trials,)
            Labels in the type that `fit` was given.

        Raises
        ------
        %(refused)s
        """
        return self._last("predict", X, ch_names)

    @fill_doc
    def predict_proba(
        self, X: Any, ch_names: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        %(X_predict)s

        Returns
        -------
        proba : ndarray, shape (n_trials, n_classes)
            Probabilities, in the order of ``classes_``; rows sum to 1.

        Raises
        ------
        %(refused)s
        """
        return self._last("predict_proba", X, ch_names)

    def _last(self, ask: str, X: Any, ch_names: Sequence[str] | None) -> Any:
        """Return what the last step says of trials."""
        check_is_fitted(self)
        *before, last = (step for _, step in self.steps)
        if not before:
            return getattr(last, ask)(X, ch_names)
        shown = before[0].transform(X, ch_names)
        for step in before[1:]:
            shown = step.transform(shown)
        return getattr(last, ask)(shown)


def check_one_band(ch_names: Sequence[str]) -> None:
    """Refuse trials of a filter bank for a baseline that chooses its own bands."""
    bands = read_rows(ch_names).bands
    if bands != ("",):
        raise ValueError(
            "'X' must be trials of one broad pass band for this baseline, which "
            f"looks for frequencies in them itself, got a filter bank of {len(bands)} "
            f"bands ({join_names(bands)}). Load the trials without a filter bank, or "
            "choose a baseline that takes them as they are, such as 'ts_lr'."
        )


def filter_bands(
    X: np.ndarray, sfreq: float, bands: Sequence[tuple[float, float]]
) -> np.ndarray:
    """Return signals filtered to several bands, along a new last axis.

    Butterworth of fourth order, forward and backward, since trials are shorter than a
    steep linear-phase filter.
    """
    from mne.filter import filter_data

    filtered = [
        filter_data(
            X,
            sfreq,
            low,
            high,
            method="iir",
            iir_params={"order": 4, "ftype": "butter", "output": "sos"},
            verbose="ERROR",
        )
        for low, high in bands
    ]
    return np.stack(filtered, axis=-1)


def _labels(X: Any, y: Any) -> np.ndarray:
    """Return the labels given, or else those that the trials carry."""
    parts = epochs_in(X)
    n_trials = sum(len(part) for part in parts) if parts else len(X)
    if y is None and isinstance(X, Trials):
        y = X.y
    elif y is None and parts:
        names = [{code: n for n, code in part.event_id.items()} for part in parts]
        y = [
            name[code]
            for name, part in zip(names, parts, strict=True)
            for code in part.events[:, 2]
        ]
    if y is None:
        raise ValueError(
            "'X' is an array (or array-like), which needs 'y' as well. Give y to fit, "
            "or pass mne.Epochs."
        )
    y = check_labels(y, n_trials)
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2 or counts.min() < 2:
        raise ValueError(
            "'y' must hold at least two classes with two trials each, got "
            f"{dict(zip(classes.tolist(), counts.tolist(), strict=True))!r}. Check "
            "the event names and the selection of trials."
        )
    return y
