"""Baselines from geometry: interpolate the electrodes that a montage does not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from eegkd._checks import check_ch_names, join_names
from eegkd.baselines.baseline import Baseline, Reading, Steps
from eegkd.baselines.neural import DECODER_OPTIONS
from eegkd.baselines.signals import MontageSignals
from eegkd.data.as_trials import as_trials
from eegkd.data.channels import canonical_name, mne_montage, positions
from eegkd.data.filter_bank import read_rows
from eegkd.data.paradigms import PARADIGMS
from eegkd.data.trials import Trials
from eegkd.estimators import DecoderClassifier
from eegkd.estimators._docs import fill_doc
from eegkd.estimators.reading import TakesTrials


def field_mapping(ch_names: Sequence[str], target: Sequence[str]) -> np.ndarray:
    """Return the matrix of MNE's field mapping from some electrodes to others.

    Parameters
    ----------
    ch_names : sequence of str
        Electrodes that are there, in the order of the columns.
    target : sequence of str
        Electrodes to interpolate, in the order of the rows. One that is there, too, is
        interpolated as well: the mapping smooths.

    Returns
    -------
    mapping : ndarray, shape (n_target, n_chans)
        Weights, such that ``mapping @ X`` are the signals of ``target``.

    Raises
    ------
    ValueError
        If an electrode is not in the 10-05 system.

    Notes
    -----
    `mne.Epochs.interpolate_to` with ``method="MNE"``: the minimum-norm current
    distribution on a sphere that explains the given electrodes [1]_. Positions and
    the sphere are those of the 10-05 template head; MNE's default fits the sphere to
    the given electrodes, which four of them do not determine.

    References
    ----------
    .. [1] Hämäläinen, M. S., & Ilmoniemi, R. J. (1994). Interpreting magnetic
           fields of the brain: minimum norm estimates. *Medical & Biological
           Engineering & Computing*, 32(1), 35-42.
    """
    import mne

    template = mne_montage()
    known = template.get_positions()
    names = [_electrodes(ch_names, "ch_names"), _electrodes(target, "target")]
    head = mne.create_info(list(known["ch_pos"]), 1.0, "eeg").set_montage(
        template, verbose="ERROR"
    )
    sphere = mne.make_sphere_model("auto", "auto", head, verbose="ERROR")
    info = mne.create_info(names[0], 1.0, "eeg")
    info.set_montage(template, verbose="ERROR")
    unit = mne.io.RawArray(np.eye(len(names[0])), info, verbose="ERROR")
    places = mne.channels.make_dig_montage(
        {name: known["ch_pos"][name] for name in names[1]},
        **{key: known[key] for key in ("nasion", "lpa", "rpa", "coord_frame")},
    )
    with mne.utils.use_log_level("ERROR"):
        mapped = unit.interpolate_to(places, origin=tuple(sphere["r0"]), method="MNE")
    return mapped.get_data(picks=names[1])


@fill_doc
class FieldInterpolationClassifier(TakesTrials, ClassifierMixin, BaseEstimator):
    """A full-montage model that reads electrodes interpolated from the montage's.

    ``fit`` trains the model on all electrodes as they were recorded. ``predict``
    reads the montage's electrodes, maps them to all electrodes and asks the model.

    Parameters
    ----------
    model : estimator
        Takes `Trials`; `DecoderClassifier` or another baseline, with all electrodes.
    montage : str, path, list of str, Montage or None, default=None
        Electrodes that predictions read; None reads all and interpolates nothing.
    %(picked)s
    %(arrays)s

    Attributes
    ----------
    model_ : estimator
        The model, trained on all electrodes.
    signals_ : MontageSignals
        What predictions read.
    mapping_ : ndarray, shape (n_all, n_chans)
        From the montage's electrodes to all; of a filter bank in each band.
    classes_ : ndarray, shape (n_classes,)
        Labels, sorted.
    """

    def __init__(
        self,
        model: Any,
        *,
        montage: Any = None,
        on_missing: str = "error",
        reference: str | None = None,
        ch_names: Sequence[str] | None = None,
        sfreq: float | None = None,
        units: str = "auto",
    ) -> None:
        self.model = model
        self.montage = montage
        self.on_missing = on_missing
        self.reference = reference
        self.ch_names = ch_names
        self.sfreq = sfreq
        self.units = units

    def fit(
        self, X: Any, y: Any = None, subjects: Any = None
    ) -> FieldInterpolationClassifier:
        """Train the model on all electrodes and compute the mapping.

        Parameters
        ----------
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray
            Trials with all electrodes.
        y : array-like, shape (n_trials,), optional
            Labels; by default those that epochs or `Trials` carry.
        subjects : array-like, shape (n_trials,), optional
            Subject of each trial.

        Returns
        -------
        self : FieldInterpolationClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If an electrode has no known position, or the trials are not fit for
            training.
        """
        trials = as_trials(X, y, self.ch_names, self.sfreq, self.units)
        signals = MontageSignals(self.montage, self.on_missing, self.reference)
        self.signals_ = signals.fit(trials)
        if self.montage is None:
            self.mapping_ = np.eye(trials.n_chans)
        else:
            rows = read_rows(trials.ch_names)
            shown = self.signals_.view_.montage.ch_names
            mapping = field_mapping(shown, rows.electrodes)
            self.mapping_ = np.zeros((trials.n_chans, self.signals_.view_.n_chans))
            for band, index in enumerate(rows.index):
                columns = np.arange(len(shown)) + band * len(shown)
                self.mapping_[np.ix_(index, columns)] = mapping
        self.model_ = clone(self.model).fit(trials, trials.y, subjects)
        self.classes_ = self.model_.classes_
        self.signals_.set_params(units=self.units)
        return self

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
            Probabilities, in the order of ``classes_``.
        """
        check_is_fitted(self)
        return self.model_.predict_proba(self.interpolate(X, ch_names))

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
        """
        best = self.predict_proba(X, ch_names).argmax(axis=1)
        return self.classes_[best]

    @fill_doc
    def interpolate(self, X: Any, ch_names: Sequence[str] | None = None) -> Trials:
        """Return all electrodes, interpolated from the montage's.

        Parameters
        ----------
        %(X_predict)s

        Returns
        -------
        trials : Trials
            All electrodes of `fit`, in volts; labels are empty strings.
        """
        check_is_fitted(self)
        shown = self.signals_.transform(X, ch_names)
        return Trials.from_arrays(
            1e-6 * (self.mapping_ @ shown),
            np.full(len(shown), ""),
            self.signals_.ch_names_in_,
            self.signals_.sfreq_,
            units="V",
        )


def field_interpolation(
    reading: Reading,
    model: Any = None,
    decoder: Any = "SCCNet",
    random_state: int = 0,
    **options: Any,
) -> Steps:
    """Interpolate all electrodes by MNE's field mapping and ask a model of them all.

    The model is a `DecoderClassifier` without a teacher, with the options given, or
    ``model``, any estimator that takes `Trials`.

    References
    ----------
    .. [1] Gramfort, A., Luessi, M., Larson, E., et al. (2014). MNE software for
           processing MEG and EEG data. *NeuroImage*, 86, 446-460.
    """
    if model is None:
        model = DecoderClassifier(
            decoder=decoder,
            reference=reading["reference"],
            random_state=random_state,
            **options,
        )
    elif options:
        raise TypeError(
            f"'model' brings its own settings, got {join_names(options)} as well. "
            "Set them in the model."
        )
    return [("field", FieldInterpolationClassifier(model, **reading))]


def _electrodes(ch_names: Sequence[str], argument: str) -> list[str]:
    """Return the 10-05 names of electrodes that all have a position."""
    names = check_ch_names(ch_names, argument)
    unknown = [name for name in names if name not in positions(names)]
    if unknown:
        raise ValueError(
            f"'{argument}' must hold electrodes of the 10-05 system, but "
            f"{join_names(unknown)} have no known position. Drop them: "
            "epochs.drop_channels."
        )
    return [canonical_name(name) for name in names]


GEOMETRY = (
    Baseline(
        "Field interpolation",
        field_interpolation,
        tuple(PARADIGMS),
        needs_montage=True,  # with all electrodes there is nothing to interpolate
        more_options=DECODER_OPTIONS,
    ),
)
