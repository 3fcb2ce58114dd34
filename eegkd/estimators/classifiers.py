"""Estimators for classes: a decoder on a montage, with and without a teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from torch import nn

from eegkd._checks import check_number, join_names
from eegkd.data.trials import Trials
from eegkd.decoders import Decoder
from eegkd.estimators.base import WAYS_OUT, MontageEstimator
from eegkd.estimators.distilled import Distilled, Translated
from eegkd.estimators.single import SingleDecoder, check_ready


class ClassLabels(ClassifierMixin, MontageEstimator):
    """What estimators for classes add to others."""

    classes_: np.ndarray

    def predict_proba(self, X: Any, ch_names: Sequence[str] | None = None) -> Any:
        """Return the probability of each class.

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
        proba : ndarray, shape (n_trials, n_classes)
            Probabilities, in the order of ``classes_``; rows sum to 1. The other trials
            of ``X`` change those of a trial by rounding at most.

        Raises
        ------
        NotFittedError
            If `fit` has not been called.
        ValueError
            If an electrode is missing, or rate, length or scale do not match, or a
            value of the montage's electrodes is not finite.
        """
        outputs = self._outputs(X, ch_names, features=False)
        logits = torch.cat([output.logits for output in outputs])
        return logits.cpu().double().softmax(dim=1).numpy()

    def predict(self, X: Any, ch_names: Sequence[str] | None = None) -> np.ndarray:
        """Return the likeliest class of each trial.

        Parameters
        ----------
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray
            Trials, as in `predict_proba`.
        ch_names : sequence of str, optional
            Channel names of an array.

        Returns
        -------
        labels : ndarray, shape (n_trials,)
            Labels in the type that `fit` was given.
        """
        best = self.predict_proba(X, ch_names).argmax(axis=1)
        return self.classes_[best]

    def _encode(self, trials: Trials) -> np.ndarray:
        """Return the class of each trial, counted from 0."""
        classes, codes = np.unique(trials.y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"'y' must hold at least two classes, got only {classes.tolist()!r}. "
                "Check the event names and the selection of trials."
            )
        if len(trials) < 2 * len(classes):
            raise ValueError(
                f"'X' must hold at least two trials for each of the {len(classes)} "
                f"classes, got {len(trials)} trials. Record more trials."
            )
        self.classes_ = classes
        self._check_class_weight()
        return codes

    def _check_class_weight(self) -> None:
        """Refuse weights that are neither "balanced" nor one for each class."""
        given, wanted = self.settings_["class_weight"], self.classes_.tolist()
        if given is None or (isinstance(given, str) and given == "balanced"):
            return
        if not isinstance(given, Mapping) or set(given) != set(wanted):
            raise ValueError(
                "'class_weight' must be None, 'balanced' or a dict with a weight for "
                f"each of the classes {join_names(wanted)}, got {given!r}."
            )
        weights = [
            check_number(weight, f"class_weight[{label!r}]", at_least=0)
            for label, weight in given.items()
        ]
        if not any(weights):
            raise ValueError(
                "'class_weight' must have a weight > 0 for at least one class, got "
                f"{given!r}, with which nothing is learned from labels."
            )

    def _check_learned(
        self, values: np.ndarray, learned: np.ndarray, n_shared: int
    ) -> None:
        """Refuse training trials of which too little is left beside the validation."""
        lost = np.setdiff1d(np.arange(len(self.classes_)), values[learned])
        if lost.size:
            names = join_names(self.classes_[lost].tolist())
            raise ValueError(
                f"'X' must leave trials of every class to learn from, but none of "
                f"{names} is left: of {len(learned)} trials "
                f"{len(learned) - int(learned.sum()) - n_shared} validate and "
                f"{n_shared} share samples with those and are left out. {WAYS_OUT}"
            )

    def _targets(self, values: np.ndarray, learned: np.ndarray) -> np.ndarray:
        """Return the classes as they are."""
        return values

    def _class_weight(self, y: torch.Tensor) -> torch.Tensor | None:
        """Return how much a trial of each class counts, given those learned from."""
        given = self.settings_["class_weight"]
        if given is None:
            return None
        if isinstance(given, Mapping):
            return torch.tensor([float(given[name]) for name in self.classes_.tolist()])
        count = torch.bincount(y, minlength=len(self.classes_))
        return (len(y) / (len(self.classes_) * count)).float().cpu()

    def _n_outputs(self) -> int:
        """Return the number of classes."""
        return len(self.classes_)

    def _classes(self) -> list[Any]:
        """Return the classes, in the order of the outputs."""
        return self.classes_.tolist()

    def _labels_to_hash(self) -> Any:
        """Return the classes."""
        return self.classes_.tolist()

    def _labels_to_dict(self) -> dict[str, Any]:
        """Return the classes and their type."""
        return {
            "classes": self.classes_.tolist(),
            "classes_dtype": self.classes_.dtype.str,
        }

    def _labels_from_dict(self, saved: Mapping[str, Any]) -> None:
        """Take over what `_labels_to_dict` returned."""
        self.classes_ = np.array(saved["classes"], dtype=saved["classes_dtype"])


class DecoderClassifier(ClassLabels, SingleDecoder):
    """A neural decoder that reads the electrodes of one montage, without a teacher.

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
    class_weight : {"auto", None, "balanced"} or dict of label to float, default="auto"
        How much a trial of each class counts in the loss on labels. ``"balanced"``
        makes classes count alike, however many trials they have.
    taps : {"auto", None, "embedding"}, sequence or mapping, default="auto"
        Where features are compared, see `eegkd.build_decoder`.
    valid_fraction : float, default=1/8
        Part of each class of each subject, from the end, that chooses the epoch
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
    classes_ : ndarray, shape (n_classes,)
        Labels, sorted.
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
    DistilledClassifier : The same with a teacher.
    DecoderRegressor : The same for continuous labels.

    Examples
    --------
    >>> from eegkd import DecoderClassifier
    >>> DecoderClassifier(montage="headphone", decoder="EEGNet")
    DecoderClassifier(decoder='EEGNet', montage='headphone')
    """

    @classmethod
    def from_network(
        cls,
        network: nn.Module,
        *,
        classes: Any,
        ch_names: Sequence[str],
        n_times: int,
        sfreq: float,
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
        """Make a fitted classifier of a network that was trained elsewhere.

        The network is copied; the copy is never trained, and runs in eval mode.

        Parameters
        ----------
        network : torch.nn.Module
            Trained; maps signals, shape (n_batch, n_chans, n_times), to scores before
            softmax, shape (n_batch, n_classes).
        classes : array-like, shape (n_classes,)
            Label that each output of the network stands for.
        ch_names : sequence of str
            Channels of the data. Without a montage, those that the network reads, in
            its order.
        n_times : int
            Samples in a trial.
        sfreq : float
            Sampling rate in Hz.
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
        classifier : DecoderClassifier
            Fitted; predicts, and teaches as the parameter ``teacher`` of
            `DistilledClassifier`.

        Raises
        ------
        TypeError
            If ``network`` is not a torch module.
        ValueError
            If the network does not read such trials or return one score for each
            class, or its scale is not settled.

        Examples
        --------
        >>> import torch
        >>> from eegkd import DecoderClassifier
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(300, 2))
        >>> teacher = DecoderClassifier.from_network(
        ...     network, classes=["left", "right"], ch_names=["C3", "Cz", "C4"],
        ...     n_times=100, sfreq=100.0, center=0, scale=1e-6)
        >>> teacher.decoder_
        <Decoder | Sequential: 3 electrodes, 602 parameters>
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
        made.classes_ = np.asarray(classes)
        if made.classes_.ndim != 1 or len(np.unique(made.classes_)) < max(
            2, made.classes_.size
        ):
            raise ValueError(
                "'classes' must name each output of the network once, at least two, "
                f"got {classes!r}."
            )
        return made._adopt(network, n_times, center, scale, X, taps)


class DistilledClassifier(ClassLabels, Distilled):
    """A student on a low-density montage, taught by a teacher on all electrodes.

    ``fit`` reads all electrodes, trains the teacher (unless a fitted one is given)
    and distills it into the student. ``predict`` needs the montage's electrodes only.

    Parameters
    ----------
    montage : str, path, list of str or Montage, default="headband"
        Electrodes of the student.
    method : str or callable, default="sk_kd"
        Name in `eegkd.METHODS`, or a callable ``method(training, **options)``.
    teacher : None, str, callable, DecoderClassifier or list of these, default=None
        None trains the student's kind of decoder on all electrodes; a name or
        callable another kind; an unfitted `DecoderClassifier` is copied and trained
        with its own parameters; a fitted one is used as it is, also one read by
        `eegkd.persistence.load_classifier` or made by `DecoderClassifier.from_network`.
        A list, for methods with several teachers, may mix decoders and montages. A
        fitted teacher must not have seen the trials that the student will be tested
        on.
    student : str or callable, default="auto"
        The student's decoder, as in `DecoderClassifier`.
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
    class_weight : {"auto", None, "balanced"} or dict of label to float, default="auto"
        How much a trial of each class counts in the loss on labels. ``"balanced"``
        makes classes count alike, however many trials they have.
    taps : {"auto", None, "embedding"}, sequence or mapping, default="auto"
        Where features are compared, see `eegkd.build_decoder`.
    valid_fraction : float, default=1/8
        Part of each class of each subject, from the end, that chooses teacher and
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
    teacher_ : DecoderClassifier or None
        The first teacher; None for methods without one.
    teachers_ : list of DecoderClassifier
        All teachers.
    classes_ : ndarray, shape (n_classes,)
        Labels, sorted.
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
    DecoderClassifier : The same without a teacher.
    DistilledRegressor : The same for continuous labels.
    eegkd.fit : From a dataset to teacher, students and scores in one call.

    Examples
    --------
    >>> from eegkd import DistilledClassifier
    >>> DistilledClassifier(montage=["C3", "Cz", "C4"], method="kd")
    DistilledClassifier(method='kd', montage=['C3', 'Cz', 'C4'])
    """

    teacher_kind = DecoderClassifier
    teacher_: DecoderClassifier | None
    teachers_: list[DecoderClassifier]

    def _check_labels(self, teacher: Any) -> None:
        """Refuse a teacher that knows other classes."""
        known, wanted = teacher.classes_.tolist(), self.classes_.tolist()
        if set(known) != set(wanted):
            raise ValueError(
                f"'teacher' must know the classes {wanted!r}, but it was fitted with "
                f"{known!r}. Fit it on the same labels."
            )

    def _understood(self, teacher: Any) -> Decoder:
        """Return a teacher's decoder with its outputs in the order of the classes."""
        known, wanted = teacher.classes_.tolist(), self.classes_.tolist()
        if known == wanted:
            return teacher.decoder_
        order = torch.tensor([known.index(label) for label in wanted])
        device = next(teacher.decoder_.parameters(), torch.empty(0)).device
        return Translated(teacher.decoder_, order.to(device)).eval()
