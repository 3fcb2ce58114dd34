"""Estimators for continuous labels, such as workload or reaction time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import RegressorMixin
from torch import nn

from eegkd._checks import check_number, join_names
from eegkd.data.trials import Trials
from eegkd.decoders import Decoder
from eegkd.estimators.base import WAYS_OUT, MontageEstimator
from eegkd.estimators.defaults import is_auto
from eegkd.estimators.distilled import Distilled, Translated
from eegkd.estimators.single import SingleDecoder, check_ready
from eegkd.methods import METHODS

N_LEAST = 4  # trials


class ContinuousLabels(RegressorMixin, MontageEstimator):
    """What estimators for continuous labels add to others."""

    continuous = True
    class_weight: Any
    label_center_: float
    label_scale_: float

    def predict(self, X: Any, ch_names: Sequence[str] | None = None) -> np.ndarray:
        """Return the label that each trial is estimated to have.

        Parameters
        ----------
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray
            Trials with all electrodes of `fit` or only the montage's, in any order
            by name. Arrays have shape (n_trials, n_chans, n_times) and, unless
            ``ch_names`` is given, the channels of `fit` or of the montage in order.
        ch_names : sequence of str, optional
            Channel names of an array.

        Returns
        -------
        labels : ndarray of float64, shape (n_trials,)
            In the unit of the labels that `fit` was given.

        Raises
        ------
        NotFittedError
            If `fit` has not been called.
        ValueError
            If an electrode is missing, or rate, length or scale do not match, or a
            value of the montage's electrodes is not finite.
        """
        outputs = self._outputs(X, ch_names, features=False)
        said = torch.cat([output.logits[:, 0] for output in outputs]).cpu().double()
        return said.numpy() * self.label_scale_ + self.label_center_

    def _resolve(self, paradigm: str | None = None) -> dict[str, Any]:
        """Return what the parameters stand for; no paradigm has weights of labels."""
        settings = super()._resolve(paradigm)
        if is_auto(self.class_weight):
            settings["class_weight"] = None
        if settings["class_weight"] is not None:
            raise ValueError(
                "'class_weight' is for classes and must be None for continuous labels, "
                f"got {self.class_weight!r}."
            )
        return settings

    def _encode(self, trials: Trials) -> np.ndarray:
        """Return the labels as they came."""
        if len(trials) < N_LEAST:
            raise ValueError(
                f"'X' must hold at least {N_LEAST} trials, got {len(trials)}. Record "
                "more trials."
            )
        return trials.y.astype(np.float64)

    def _check_learned(
        self, values: np.ndarray, learned: np.ndarray, n_shared: int
    ) -> None:
        """Refuse training trials of which too little is left beside the validation."""
        if learned.sum() < 2:
            raise ValueError(
                "'X' must leave at least two trials to learn from, but only "
                f"{learned.sum()} of {len(learned)} is left: {n_shared} share samples "
                f"with the validation trials and are left out. {WAYS_OUT}"
            )

    def _targets(self, values: np.ndarray, learned: np.ndarray) -> np.ndarray:
        """Return the labels in deviations from the mean over those learned from."""
        self.label_center_ = float(values[learned].mean())
        self.label_scale_ = float(values[learned].std())
        if self.label_scale_ <= 1e-12 * max(1e-300, abs(values).max()):
            raise ValueError(
                "'y' must vary over the training trials, but all labels are "
                f"{self.label_center_:g}. Check which column the labels come from."
            )
        return ((values - self.label_center_) / self.label_scale_).astype(np.float32)

    def _n_outputs(self) -> int:
        """Return 1."""
        return 1

    def _labels_to_hash(self) -> Any:
        """Return the unit of the labels."""
        return [self.label_center_, self.label_scale_]

    def _labels_to_dict(self) -> dict[str, Any]:
        """Return the unit of the labels."""
        return {"label_center": self.label_center_, "label_scale": self.label_scale_}

    def _labels_from_dict(self, saved: Mapping[str, Any]) -> None:
        """Take over what `_labels_to_dict` returned."""
        self.label_center_ = saved["label_center"]
        self.label_scale_ = saved["label_scale"]


class DecoderRegressor(ContinuousLabels, SingleDecoder):
    """A neural decoder that estimates a continuous label, without a teacher.

    Labels are standardized for training and given back in their own unit; the squared
    error is minimized. ``score`` is the coefficient of determination.

    Parameters
    ----------
    montage : str, path, list of str, Montage or None, default=None
        Electrodes that the decoder reads; None reads all channels of the data.
    decoder : str or callable, default="auto"
        "auto", name of a braindecode network, see `eegkd.list_decoders`, or a callable
        ``f(n_chans, n_outputs, n_times, sfreq)`` that returns a ``torch.nn.Module``.
    decoder_options : dict, None or "auto", default="auto"
        Further arguments of the network; None leaves all at its own defaults.
    on_missing : {"error", "nearest", "interpolate"}, default="error"
        What to do about an electrode that the data do not have.
    reference : {None, "average"}, default=None
        Whether to re-reference to the mean of the montage's electrodes.
    standardize : {"channel", None}, default="channel"
        Whether each electrode is scaled by its deviation over the training trials.
    ch_names : sequence of str, optional
        Channel names of arrays given to `fit`. Epochs and `Trials` bring theirs.
    sfreq : float, optional
        Sampling rate in Hz of arrays given to `fit`.
    units : {"auto", "V", "uV"}, default="auto"
        Unit of arrays, see `Trials.from_arrays`.
    paradigm : str, default="auto"
        Key of `eegkd.PARADIGMS` of the row that decides whatever is "auto" below; by
        default that of the trials, motor imagery where they do not say.
    max_epochs : int or "auto", default="auto"
        Epochs over the training trials.
    patience : int, optional
        Stop after so many epochs without a lower validation loss.
    batch_size : int or "auto", default="auto"
        Trials in a batch.
    lr : float or "auto", default="auto"
        Learning rate of Adam.
    weight_decay : float or "auto", default="auto"
        L2 penalty of Adam.
    class_weight : {"auto", None}, default="auto"
        For classes only.
    taps : {"auto", None, "embedding"}, sequence or mapping, default="auto"
        Where features are compared, see `eegkd.build_decoder`.
    valid_fraction : float, default=1/8
        Part of the trials of each subject, from the end, that chooses the epoch
        whose weights are kept; 0 keeps the last epoch.
    random_state : int, default=0
        Seed of weights, order and dropout. The same seed gives the same weights on
        one CPU with as many threads.
    device : str, default="auto"
        ``"auto"`` takes a GPU where there is one; or a torch device.
    progress : callable, optional
        Called as ``progress(epoch, row)`` after each epoch.

    Attributes
    ----------
    decoder_ : Decoder
        The trained network behind its view.
    label_center_, label_scale_ : float
        Mean and standard deviation of the training labels.
    settings_ : dict
        What "auto" stood for: network, its options and how it was trained.
    history_ : History
        Losses of each epoch.
    fingerprint_ : str
        Short hash of what was learned.
    ch_names_in_ : tuple of str
        Channels given to `fit`.
    n_times_, sfreq_ : int and float
        Samples in a trial and sampling rate in Hz.

    See Also
    --------
    DistilledRegressor : The same with a teacher.
    DecoderClassifier : The same for classes.

    Examples
    --------
    >>> from eegkd.estimators import DecoderRegressor
    >>> DecoderRegressor(montage="headphone", decoder="EEGNet")
    DecoderRegressor(decoder='EEGNet', montage='headphone')
    """

    @classmethod
    def from_network(
        cls,
        network: nn.Module,
        *,
        ch_names: Sequence[str],
        n_times: int,
        sfreq: float,
        label_center: float = 0.0,
        label_scale: float = 1.0,
        montage: Any = None,
        on_missing: str = "error",
        reference: str | None = None,
        standardize: str | None = None,
        center: Any = None,
        scale: Any = None,
        X: Any = None,
        units: str = "auto",
        taps: Any = None,
        device: str = "auto",
    ) -> Self:
        """Make a fitted regressor of a network that was trained elsewhere.

        The network is copied; the copy is never trained, and runs in eval mode.

        Parameters
        ----------
        network : torch.nn.Module
            Trained; maps signals, shape (n_batch, n_chans, n_times), to one value for
            each trial, shape (n_batch, 1).
        ch_names : sequence of str
            Channels of the data. Without a montage, those that the network reads, in
            its order.
        n_times : int
            Samples in a trial.
        sfreq : float
            Sampling rate in Hz.
        label_center, label_scale : float, default=0.0 and 1.0
            A trial's label is the network's output times ``label_scale`` (> 0) plus
            ``label_center``.
        montage : str, path, list of str, Montage or None, default=None
            Electrodes that the network reads; None reads all channels of the data.
        on_missing : {"error", "nearest", "interpolate"}, default="error"
            What to do about an electrode that the data do not have.
        reference : {None, "average"}, default=None
            Whether to re-reference to the mean of the montage's electrodes.
        standardize : {"channel", None}, default=None
            None shows volts to the network, unless ``center`` and ``scale`` are given.
            ``"channel"`` scales every electrode by its mean and deviation over ``X``.
        center, scale : float or array-like, shape (n_chans,), optional
            What is subtracted from every electrode of the montage and what the rest
            is divided by, in volts. A network that reads microvolts has ``center=0``
            and ``scale=1e-6``.
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray, optional
            Trials that the network was trained on, to measure the scale of signals.
            Without it (and ``scale``), trials of a wrong unit are not noticed.
        units : {"auto", "V", "uV"}, default="auto"
            Unit of arrays, see `Trials.from_arrays`.
        taps : sequence or mapping, optional
            Where features are read, from input to output, see `eegkd.build_decoder`.
        device : str, default="auto"
            ``"auto"`` takes a GPU where there is one; or a torch device.

        Returns
        -------
        regressor : DecoderRegressor
            Fitted; predicts, and teaches as the parameter ``teacher`` of
            `DistilledRegressor`.

        Raises
        ------
        TypeError
            If ``network`` is not a torch module.
        ValueError
            If the network does not read such trials or return one value for each, or
            its scale is not settled.
        """
        made = cls(
            montage,
            type(network),
            on_missing=on_missing,
            reference=reference,
            standardize=check_ready(standardize, center, scale, X),
            ch_names=ch_names,
            sfreq=sfreq,
            units=units,
            device=device,
        )
        made.label_center_ = check_number(label_center, "label_center")
        made.label_scale_ = check_number(label_scale, "label_scale", above=0)
        return made._adopt(network, n_times, center, scale, X, taps)


class DistilledRegressor(ContinuousLabels, Distilled):
    """A student that estimates a continuous label on few electrodes, with a teacher.

    ``fit`` reads all electrodes, trains the teacher (unless a fitted one is given)
    and distills it into the student. ``predict`` needs the montage's electrodes only.
    Labels are standardized for training and given back in their own unit. ``score``
    is the coefficient of determination.

    Parameters
    ----------
    montage : str, path, list of str or Montage, default="headband"
        Electrodes of the student.
    method : str or callable, default="cgan_kd"
        Name in `eegkd.METHODS` of a method that learns continuous labels, or a
        callable ``method(training, **options)``.
    teacher : None, str, callable, DecoderRegressor or list of these, default=None
        None trains the student's kind of decoder on all electrodes; a name or
        callable another kind; an unfitted `DecoderRegressor` is copied and trained
        with its own parameters; a fitted one is used as it is, also one read by
        `eegkd.persistence.load_classifier` or made by `DecoderRegressor.from_network`.
        A list, for methods with several teachers, may mix decoders and montages. A
        fitted teacher must not have seen the trials that the student will be tested
        on.
    student : str or callable, default="auto"
        The student's decoder, as in `DecoderRegressor`.
    method_options : dict, optional
        Options of the method, such as ``{"similarity_weight": 100}``.
    student_options : dict, None or "auto", default="auto"
        Further arguments of the student's network.
    teacher_options : dict, None or "auto", default="auto"
        Further arguments of the network of a teacher that ``teacher`` names; where
        ``teacher`` is None they are by default those of the student.
    n_teachers : int, default=1
        Candidates trained for each teacher, each with its own seed, of which the one
        with the lowest validation loss (without validation trials, the lowest training
        loss) teaches; not the number of teachers of a method with several, which is
        ``method_options={"n_teachers": ...}``.
    on_missing : {"error", "nearest", "interpolate"}, default="error"
        What to do about an electrode that the data do not have.
    reference : {None, "average"}, default=None
        Whether to re-reference to the mean of the montage's electrodes.
    standardize : {"channel", None}, default="channel"
        Whether each electrode is scaled by its deviation over the training trials.
    ch_names : sequence of str, optional
        Channel names of arrays given to `fit`. Epochs and `Trials` bring theirs.
    sfreq : float, optional
        Sampling rate in Hz of arrays given to `fit`.
    units : {"auto", "V", "uV"}, default="auto"
        Unit of arrays, see `Trials.from_arrays`.
    paradigm : str, default="auto"
        Key of `eegkd.PARADIGMS` of the row that decides whatever is "auto" below; by
        default that of the trials, motor imagery where they do not say.
    max_epochs : int or "auto", default="auto"
        Epochs over the training trials, for teacher and student.
    patience : int, optional
        Stop after so many epochs without a lower validation loss.
    batch_size : int or "auto", default="auto"
        Trials in a batch.
    lr : float or "auto", default="auto"
        Learning rate of Adam.
    weight_decay : float or "auto", default="auto"
        L2 penalty of Adam.
    calibrate : float, optional
        Scale the weight of every transfer loss so that its gradient on the first
        batch is so many times as long as the label loss's, > 0. By default weights
        are those of the method. For methods with fixed weights only.
    class_weight : {"auto", None}, default="auto"
        For classes only.
    taps : {"auto", None, "embedding"}, sequence or mapping, default="auto"
        Where features are compared, see `eegkd.build_decoder`.
    valid_fraction : float, default=1/8
        Part of the trials of each subject, from the end, that chooses teacher and
        epoch; 0 keeps the last epoch.
    random_state : int, default=0
        Seed of weights, order and dropout, of teacher and student.
    device : str, default="auto"
        ``"auto"`` takes a GPU where there is one; or a torch device.
    progress : callable, optional
        Called as ``progress(epoch, row)`` after each epoch.

    Attributes
    ----------
    decoder_ : Decoder
        The trained student behind its view.
    teacher_ : DecoderRegressor or None
        The first teacher; None for methods without one.
    teachers_ : list of DecoderRegressor
        All teachers.
    label_center_, label_scale_ : float
        Mean and standard deviation of the training labels.
    settings_ : dict
        What "auto" stood for: network, its options and how it was trained.
    history_ : History
        Losses of each epoch of the student.
    fingerprint_ : str
        Short hash of what was learned.
    ch_names_in_ : tuple of str
        Channels given to `fit`.
    n_times_, sfreq_ : int and float
        Samples in a trial and sampling rate in Hz.

    See Also
    --------
    DecoderRegressor : The same without a teacher.
    DistilledClassifier : The same for classes.

    Examples
    --------
    >>> from eegkd.estimators import DistilledRegressor
    >>> DistilledRegressor(montage=["C3", "Cz", "C4"], method="none")
    DistilledRegressor(method='none', montage=['C3', 'Cz', 'C4'])
    """

    teacher_kind = DecoderRegressor
    teacher_: DecoderRegressor | None
    teachers_: list[DecoderRegressor]

    def __init__(
        self,
        montage: Any = "headband",
        method: Any = "cgan_kd",
        teacher: Any = None,
        student: Any = "auto",
        *,
        method_options: Mapping[str, Any] | None = None,
        student_options: Mapping[str, Any] | str | None = "auto",
        teacher_options: Mapping[str, Any] | str | None = "auto",
        n_teachers: int = 1,
        on_missing: str = "error",
        reference: str | None = None,
        standardize: str | None = "channel",
        ch_names: Sequence[str] | None = None,
        sfreq: float | None = None,
        units: str = "auto",
        paradigm: str = "auto",
        max_epochs: int | str = "auto",
        patience: int | None = None,
        batch_size: int | str = "auto",
        lr: float | str = "auto",
        weight_decay: float | str = "auto",
        calibrate: float | None = None,
        class_weight: str | None = "auto",
        taps: Any = "auto",
        valid_fraction: float = 1 / 8,
        random_state: int = 0,
        device: str = "auto",
        progress: Any = None,
    ) -> None:
        super().__init__(
            montage,
            method,
            teacher,
            student,
            method_options=method_options,
            student_options=student_options,
            teacher_options=teacher_options,
            n_teachers=n_teachers,
            on_missing=on_missing,
            reference=reference,
            standardize=standardize,
            ch_names=ch_names,
            sfreq=sfreq,
            units=units,
            paradigm=paradigm,
            max_epochs=max_epochs,
            patience=patience,
            batch_size=batch_size,
            lr=lr,
            weight_decay=weight_decay,
            calibrate=calibrate,
            class_weight=class_weight,
            taps=taps,
            valid_fraction=valid_fraction,
            random_state=random_state,
            device=device,
            progress=progress,
        )

    def _check_method(self, method: Callable[..., Any]) -> None:
        """Refuse a method that needs classes."""
        card = getattr(method, "card", None)
        if card is None or card.regression:
            return
        able = [
            name
            for name, other in METHODS.items()
            if getattr(getattr(other, "card", None), "regression", False)
        ]
        raise ValueError(
            f"'method' must learn continuous labels, as do {join_names(able, 80)}, got "
            f"{getattr(method, '__name__', method)!r}, which needs classes. Choose one "
            "of these, or bin the labels for DistilledClassifier."
        )

    def _check_labels(self, teacher: Any) -> None:
        """Accept any unit; `_understood` converts it."""

    def _understood(self, teacher: Any) -> Decoder:
        """Return a teacher's decoder with its outputs in the student's unit."""
        slope = teacher.label_scale_ / self.label_scale_
        offset = (teacher.label_center_ - self.label_center_) / self.label_scale_
        if (slope, offset) == (1.0, 0.0):
            return teacher.decoder_
        device = next(teacher.decoder_.parameters(), torch.empty(0)).device
        order = torch.zeros(1, dtype=torch.int64, device=device)
        return Translated(teacher.decoder_, order, slope, offset).eval()
