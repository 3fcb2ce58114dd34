"""Baselines for steady-state responses: which stimulation frequency is in the trial.

The frequencies are those that the labels name, or the events of the epochs, or the
option ``frequencies``; see `stimulation_frequencies`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from moabb.pipelines.features import ExtendedSSVEPSignal
from pyriemann.estimation import Covariances
from pyriemann.geometry.covariance import covariances
from pyriemann.tangentspace import TangentSpace
from scipy.linalg import eigh, orth
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from eegkd._checks import check_int, check_number, join_names
from eegkd.baselines.baseline import Baseline, Reading, Steps
from eegkd.baselines.calibration import Calibrated, Folds, HighestScore
from eegkd.baselines.signals import MontageEpochs, check_one_band, filter_bands

_HERTZ = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:hz)?\s*", re.IGNORECASE)


def stimulation_frequencies(
    y: np.ndarray,
    events: np.ndarray | None = None,
    event_id: Mapping[str, int] | None = None,
    frequencies: Any = None,
) -> dict[Any, float]:
    """Return the stimulation frequency of each class that has one.

    Parameters
    ----------
    y : ndarray, shape (n_trials,)
        Labels.
    events : ndarray of int, shape (n_trials,), optional
        Event code of each trial.
    event_id : dict of str to int, optional
        Event names. A name that only repeats its code, such as ``{"2": 2}``, is a
        code and no frequency.
    frequencies : dict or sequence of (label, float), optional
        Frequency in Hz of each label; overrides what labels and events say.

    Returns
    -------
    known : dict
        Frequency in Hz by label, in the order of the sorted labels; labels that are
        no number, such as ``"rest"``, are left out.

    Raises
    ------
    ValueError
        If the labels are numbers that count classes (0, 1, 2 or 1, 2, 3) and neither
        the events nor ``frequencies`` say which frequencies they stand for.
    """
    labels = np.unique(y).tolist()
    if frequencies is not None:
        return _given(labels, frequencies)
    own = {label: _hertz(label) for label in labels}
    known = {label: value for label, value in own.items() if value is not None}
    if known and not _counts_classes(known.values()):
        return known
    named = _from_events(y, events, event_id or {})
    if named:
        return {label: named[label] for label in labels if label in named}
    raise ValueError(
        "'y' must name the stimulation frequencies in Hz (13, '13' or '13 Hz'), got "
        f"{join_names(labels)}, which are names or numbers of classes. Pass "
        "frequencies={label: Hz}; in a MOABB evaluation mne_labels=True keeps labels "
        "as they are."
    )


class CanonicalCorrelations(TransformerMixin, BaseEstimator):
    """Canonical correlation of each trial with sines of each stimulation frequency.

    Parameters
    ----------
    n_harmonics : int, default=3
        Multiples of the frequency in the reference.
    n_bands : int, default=0
        Pass bands of a filter bank; 0 reads the signals as they come.
    frequencies : sequence of (label, float), optional
        Frequency in Hz of each label, see `stimulation_frequencies`.

    Attributes
    ----------
    frequencies_ : dict
        Frequency in Hz by label.
    bands_ : tuple of (float, float)
        Pass bands in Hz; empty without a filter bank.

    Notes
    -----
    The canonical correlations of two sets of signals are the cosines of the principal
    angles between the spaces that they span [2]_, which holds for electrodes of any
    rank, re-referenced to their average or not. With a filter bank the squared
    correlations of band :math:`n` are weighted by :math:`n^{-1.25} + 0.25` [3]_.

    References
    ----------
    .. [1] Lin, Z., Zhang, C., Wu, W., & Gao, X. (2006). Frequency recognition based
           on canonical correlation analysis for SSVEP-based BCIs. *IEEE Transactions
           on Biomedical Engineering*, 53(12), 2610-2614.
    .. [2] Björck, A., & Golub, G. H. (1973). Numerical methods for computing angles
           between linear subspaces. *Mathematics of Computation*, 27(123), 579-594.
    .. [3] Chen, X., Wang, Y., Gao, S., Jung, T.-P., & Gao, X. (2015). Filter bank
           canonical correlation analysis for implementing a high-speed SSVEP-based
           brain-computer interface. *Journal of Neural Engineering*, 12(4), 046008.
    """

    def __init__(
        self, n_harmonics: int = 3, n_bands: int = 0, frequencies: Any = None
    ) -> None:
        self.n_harmonics = n_harmonics
        self.n_bands = n_bands
        self.frequencies = frequencies

    def fit(self, X: Any, y: np.ndarray) -> CanonicalCorrelations:
        """Make the reference of each class; the signals teach nothing."""
        check_int(self.n_harmonics, "n_harmonics", at_least=1)
        check_int(self.n_bands, "n_bands", at_least=0)
        sfreq = float(X.info["sfreq"])
        self.frequencies_ = _every_frequency(X, y, self.frequencies, sfreq)
        self.sfreq_ = sfreq
        self.bands_ = _sub_bands(self.n_bands, sfreq, min(self.frequencies_.values()))
        self.references_ = [
            _sines(frequency, self.n_harmonics, len(X.times), sfreq)
            for frequency in self.frequencies_.values()
        ]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return how strongly each trial follows each frequency."""
        check_is_fitted(self)
        signals = X.get_data()
        if not self.bands_:
            return self._correlations(signals)
        filtered = filter_bands(signals, self.sfreq_, self.bands_)
        return sum(
            weight * self._correlations(filtered[..., band]) ** 2
            for band, weight in enumerate(_band_weights(len(self.bands_)))
        )

    def _correlations(self, signals: np.ndarray) -> np.ndarray:
        """Return the largest canonical correlation of each trial and class."""
        scores = np.empty((len(signals), len(self.references_)))
        for row, trial in zip(scores, signals, strict=True):
            basis = orth((trial - trial.mean(axis=1, keepdims=True)).T)
            row[:] = [np.linalg.norm(basis.T @ sines, 2) for sines in self.references_]
        return scores


class TaskRelatedComponents(TransformerMixin, BaseEstimator):
    """Correlation of each trial with the average trial of each class.

    Trials and averages are seen through the spatial filters of all classes that make
    trials of one class most alike (ensemble TRCA). ``fit_transform`` gives training
    trials the scores that they get from filters and averages made without them, so
    that probabilities learned from these scores are honest.

    Parameters
    ----------
    n_bands : int, default=5
        Pass bands of the filter bank, at most.
    frequencies : sequence of (label, float), optional
        Frequency in Hz of each label, see `stimulation_frequencies`. They only set
        the pass bands.

    Attributes
    ----------
    bands_ : tuple of (float, float)
        Pass bands in Hz.
    filters_ : ndarray, shape (n_bands, n_chans, n_classes)
        Spatial filters.
    averages_ : ndarray, shape (n_bands, n_classes, n_chans, n_times)
        Average trials.

    Notes
    -----
    The filter of a class maximizes :math:`w^T S w / w^T Q w`, where :math:`S` sums
    the covariances between pairs of different trials and :math:`Q` is the covariance
    within trials, here with shrinkage, for electrodes that are re-referenced to their
    average. Correlations of band :math:`n` are weighted by :math:`n^{-1.25} + 0.25`.

    References
    ----------
    .. [1] Nakanishi, M., Wang, Y., Chen, X., Wang, Y.-T., Gao, X., & Jung, T.-P.
           (2018). Enhancing detection of SSVEPs for a high-speed brain speller using
           task-related component analysis. *IEEE Transactions on Biomedical
           Engineering*, 65(1), 104-112.
    """

    def __init__(self, n_bands: int = 5, frequencies: Any = None) -> None:
        self.n_bands = n_bands
        self.frequencies = frequencies

    def fit(self, X: Any, y: np.ndarray) -> TaskRelatedComponents:
        """Learn filters and averages of each class."""
        check_int(self.n_bands, "n_bands", at_least=1)
        self.sfreq_ = float(X.info["sfreq"])
        known = _frequencies(X, y, self.frequencies, self.sfreq_)
        self.bands_ = _sub_bands(self.n_bands, self.sfreq_, min(known.values()))
        self.filters_, self.averages_ = _train_trca(self._filtered(X), y)
        return self

    def fit_transform(self, X: Any, y: Any = None, **_: Any) -> np.ndarray:
        """Fit to all trials, and return scores of trials that were left out."""
        self.fit(X, y)
        filtered = self._filtered(X)
        scores = np.empty((len(y), self.filters_.shape[-1]))
        for train, test in Folds().split(filtered, y):
            learned = _train_trca(filtered[train], y[train])
            scores[test] = _score_trca(filtered[test], *learned)
        return scores

    def transform(self, X: Any) -> np.ndarray:
        """Return the weighted correlation of each trial with each class's average."""
        check_is_fitted(self)
        return _score_trca(self._filtered(X), self.filters_, self.averages_)

    def _filtered(self, X: Any) -> np.ndarray:
        """Return signals of each band without their mean over time."""
        filtered = filter_bands(X.get_data(units="uV"), self.sfreq_, self.bands_)
        return filtered - filtered.mean(axis=2, keepdims=True)


class StimulationBands(TransformerMixin, BaseEstimator):
    """Trials filtered around each stimulation frequency, along a last axis.

    Parameters
    ----------
    width : float, default=1.0
        Width of each pass band in Hz, > 0.
    frequencies : sequence of (label, float), optional
        Frequency in Hz of each label, see `stimulation_frequencies`.

    Attributes
    ----------
    bands_ : tuple of (float, float)
        Pass bands in Hz, one for each frequency.
    """

    def __init__(self, width: float = 1.0, frequencies: Any = None) -> None:
        self.width = width
        self.frequencies = frequencies

    def fit(self, X: Any, y: np.ndarray) -> StimulationBands:
        """Find the stimulation frequencies; classes without one add no band."""
        half = check_number(self.width, "width", above=0) / 2
        known = _frequencies(X, y, self.frequencies, float(X.info["sfreq"]))
        self.bands_ = tuple(
            (max(hertz - half, 0.1), hertz + half)
            for hertz in sorted(set(known.values()))
        )
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the filtered trials."""
        check_is_fitted(self)
        signals = X.get_data(units="uV")
        return filter_bands(signals, float(X.info["sfreq"]), self.bands_)


def cca(
    reading: Reading,
    n_harmonics: int = 3,
    frequencies: Any = None,
) -> Steps:
    """Canonical correlation with sines of the stimulation frequencies.

    Training trials only tell the classes and the temperature of the probabilities.

    References
    ----------
    .. [1] Lin, Z., Zhang, C., Wu, W., & Gao, X. (2006). Frequency recognition based
           on canonical correlation analysis for SSVEP-based BCIs. *IEEE Transactions
           on Biomedical Engineering*, 53(12), 2610-2614.
    """
    return [
        ("signals", MontageEpochs(**reading)),
        ("cca", CanonicalCorrelations(n_harmonics, 0, _pairs(frequencies))),
        ("highest", Calibrated(HighestScore())),
    ]


def fbcca(
    reading: Reading,
    n_harmonics: int = 5,
    n_bands: int = 5,
    frequencies: Any = None,
) -> Steps:
    """Filter-bank canonical correlation with sines of the stimulation frequencies.

    References
    ----------
    .. [1] Chen, X., Wang, Y., Gao, S., Jung, T.-P., & Gao, X. (2015). Filter bank
           canonical correlation analysis for implementing a high-speed SSVEP-based
           brain-computer interface. *Journal of Neural Engineering*, 12(4), 046008.
    """
    check_int(n_bands, "n_bands", at_least=1)
    return [
        ("signals", MontageEpochs(**reading)),
        ("cca", CanonicalCorrelations(n_harmonics, n_bands, _pairs(frequencies))),
        ("highest", Calibrated(HighestScore())),
    ]


def trca(
    reading: Reading,
    n_bands: int = 5,
    frequencies: Any = None,
) -> Steps:
    """Ensemble task-related component analysis with a filter bank.

    References
    ----------
    .. [1] Nakanishi, M., Wang, Y., Chen, X., Wang, Y.-T., Gao, X., & Jung, T.-P.
           (2018). Enhancing detection of SSVEPs for a high-speed brain speller using
           task-related component analysis. *IEEE Transactions on Biomedical
           Engineering*, 65(1), 104-112.
    """
    check_int(n_bands, "n_bands", at_least=1)
    return [
        ("signals", MontageEpochs(**reading)),
        ("trca", TaskRelatedComponents(n_bands, _pairs(frequencies))),
        ("highest", Calibrated(HighestScore())),
    ]


def ssvep_ts(
    reading: Reading,
    width: float = 1.0,
    frequencies: Any = None,
    C: float = 1.0,
) -> Steps:
    """Covariances of signals around each frequency, tangent space, logistic regression.

    References
    ----------
    .. [1] Kalunga, E. K., Chevallier, S., Barthelemy, Q., Djouani, K., Monacelli, E.,
           & Hamam, Y. (2016). Online SSVEP-based BCI using Riemannian geometry.
           *Neurocomputing*, 191, 55-68.
    """
    return [
        ("signals", MontageEpochs(**reading)),
        ("bands", StimulationBands(width, _pairs(frequencies))),
        ("extended", ExtendedSSVEPSignal()),
        ("covariances", Covariances("oas")),
        ("tangent", TangentSpace()),
        ("lr", LogisticRegression(C=C, max_iter=1000)),
    ]


def _pairs(frequencies: Any) -> Any:
    """Return frequencies as a tuple of pairs, which prints the same in any order."""
    if frequencies is None:
        return None
    items = frequencies.items() if isinstance(frequencies, Mapping) else frequencies
    return tuple(sorted((tuple(item) for item in items), key=repr))


def _given(labels: Sequence[Any], frequencies: Any) -> dict[Any, float]:
    """Return the frequencies given by the caller, of the labels that occur."""
    known = dict(frequencies)
    if not set(known) & set(labels):
        raise ValueError(
            f"'frequencies' must have the labels {join_names(labels)}, got "
            f"{join_names(known)}. Use the labels that 'fit' is given, in their type."
        )
    return {
        label: check_number(known[label], "frequencies", above=0)
        for label in labels
        if label in known
    }


def _hertz(label: Any) -> float | None:
    """Return the frequency that a label names, or None."""
    found = _HERTZ.fullmatch(str(label))
    return float(found[1]) if found else None


def _counts_classes(values: Any) -> bool:
    """Return whether numbers count classes from 0 or 1, or hold a zero."""
    values = sorted(values)
    return values[0] == 0 or values == list(range(1, len(values) + 1))


def _from_events(
    y: np.ndarray, events: np.ndarray | None, event_id: Mapping[str, int]
) -> dict[Any, float]:
    """Return the frequency of each label whose event has a frequency's name."""
    names = {code: _hertz(name) for name, code in event_id.items() if name != str(code)}
    if events is None:
        return {}
    pairs = {
        (label, names.get(code))
        for label, code in zip(y.tolist(), events.tolist(), strict=True)
    }
    named = {label: hertz for label, hertz in pairs if hertz}
    if len(named) != sum(1 for _, hertz in pairs if hertz):
        return {}  # one label stands for several frequencies
    return named


def _frequencies(
    X: Any, y: np.ndarray, frequencies: Any, sfreq: float
) -> dict[Any, float]:
    """Return the frequency of each class that has one, if the rate can hold it."""
    check_one_band(X.ch_names)
    known = stimulation_frequencies(y, X.events[:, 2], X.event_id, frequencies)
    fast = [f"{hertz:g}" for hertz in known.values() if hertz >= sfreq / 2 - 1]
    if fast:
        raise ValueError(
            "Stimulation frequencies must lie below half the sampling rate "
            f"({sfreq / 2:g} Hz), got {join_names(fast)} Hz. Resample less, or pass "
            "frequencies={label: Hz}."
        )
    return known


def _every_frequency(
    X: Any, y: np.ndarray, frequencies: Any, sfreq: float
) -> dict[Any, float]:
    """Return the frequency of each class, each with its own."""
    known = _frequencies(X, y, frequencies, sfreq)
    without = [label for label in np.unique(y).tolist() if label not in known]
    if without:
        raise ValueError(
            f"'y' must hold classes with a stimulation frequency, but "
            f"{join_names(without)} have none. Leave these trials out (in MOABB: "
            f"SSVEP(events={[str(label) for label in known]}, "
            f"n_classes={len(known)})), pass frequencies={{label: Hz}}, or use "
            "'ssvep_ts', which takes them as one more class."
        )
    if len(set(known.values())) < len(known):
        raise ValueError(
            f"'y' must hold classes with different frequencies, got {known!r}. "
            "Classes that differ in phase alone need 'ssvep_ts' or a decoder."
        )
    return known


def _train_trca(filtered: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return spatial filters and average trials of each band and class."""
    filters, averages = [], []
    for band in np.moveaxis(filtered, -1, 0):
        groups = [band[y == label] for label in np.unique(y)]
        filters.append(np.stack([_trca_filter(trials) for trials in groups], axis=-1))
        averages.append([trials.mean(axis=0) for trials in groups])
    return np.array(filters), np.array(averages)


def _trca_filter(trials: np.ndarray) -> np.ndarray:
    """Return the spatial filter that makes trials of one class most alike."""
    total = trials.sum(axis=0)
    within = np.einsum("nct,ndt->cd", trials, trials)
    joined = np.concatenate(list(trials), axis=1)
    shrunk = covariances(joined[np.newaxis], estimator="oas")[0]
    _, vectors = eigh(total @ total.T - within, shrunk)
    return vectors[:, -1]


def _score_trca(
    filtered: np.ndarray, filters: np.ndarray, averages: np.ndarray
) -> np.ndarray:
    """Return correlations with the averages, weighted and summed over bands."""
    return sum(
        weight * _correlate(_through(band, weights), _through(average, weights))
        for weight, band, weights, average in zip(
            _band_weights(len(filters)),
            np.moveaxis(filtered, -1, 0),
            filters,
            averages,
            strict=True,
        )
    )


def _through(signals: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return signals behind all spatial filters, as one row each."""
    return np.einsum("nct,ck->nkt", signals, weights).reshape(len(signals), -1)


def _correlate(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the correlation of each row with each of the others."""
    unit = [part - part.mean(axis=1, keepdims=True) for part in (rows, others)]
    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in unit]
    return unit[0] @ unit[1].T


def _band_weights(n_bands: int) -> np.ndarray:
    """Return the published weight of each band of the filter bank."""
    return np.arange(1, n_bands + 1) ** -1.25 + 0.25


def _sines(frequency: float, n_harmonics: int, n_times: int, sfreq: float) -> Any:
    """Return an orthonormal basis of sines and cosines below half the rate."""
    times = np.arange(n_times) / sfreq
    multiples = [
        m for m in range(1, n_harmonics + 1) if m * frequency < sfreq / 2 - 1e-6
    ]
    angles = 2 * np.pi * frequency * np.outer(times, multiples)
    sines = np.hstack([np.sin(angles), np.cos(angles)])
    return orth(sines - sines.mean(axis=0))


def _sub_bands(
    n_bands: int, sfreq: float, lowest: float
) -> tuple[tuple[float, float], ...]:
    """Return pass bands that begin at the multiples of the lowest frequency."""
    top = min(88.0, 0.45 * sfreq)
    bands = [(max(m * lowest - 2, 1.0), top) for m in range(1, n_bands + 1)]
    return tuple((low, high) for low, high in bands if low + 4 <= high)


SSVEP = (
    Baseline("CCA", cca, ("ssvep",), ("https://doi.org/10.1109/TBME.2006.886577",)),
    Baseline(
        "FBCCA", fbcca, ("ssvep",), ("https://doi.org/10.1088/1741-2560/12/4/046008",)
    ),
    Baseline("TRCA", trca, ("ssvep",), ("https://doi.org/10.1109/TBME.2017.2694818",)),
    Baseline(
        "SSVEP tangent space",
        ssvep_ts,
        ("ssvep",),
        ("https://doi.org/10.1016/j.neucom.2016.01.007",),
    ),
)
