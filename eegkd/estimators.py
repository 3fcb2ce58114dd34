"""scikit-learn estimators: a decoder on a montage, with and without a teacher.

Both take MNE epochs, lists of epochs, `Trials` or arrays. ``fit`` reads all
electrodes; ``predict`` accepts all of them or only the montage's, and reads only the
montage's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import Tags

from eegkd._checks import (
    check_choice,
    check_int,
    check_labels,
    check_number,
    check_registered,
    did_you_mean,
    join_names,
)
from eegkd._content import digest, is_plain
from eegkd.criteria import trial_similarity
from eegkd.decoders import Decoder, Output, build_decoder, check_decoder
from eegkd.distillation import History, Training, train_decoder
from eegkd.distillation.training import Maker
from eegkd.methods import METHODS
from eegkd.montage import ON_MISSING
from eegkd.reading import TrialReader, as_trials
from eegkd.sources import TrialSource
from eegkd.splits import validation_mask
from eegkd.trials import Trials, amplitude
from eegkd.view import REFERENCES, STANDARDIZE, View

PREDICT_CHUNK = 256  # trials that the network reads at once


class _MontageClassifier(TrialReader, ClassifierMixin, BaseEstimator):
    """What both estimators share: reading trials, predicting, describing themselves."""

    # Parameters that both constructors assign.
    montage: Any
    on_missing: str
    reference: str | None
    standardize: str | None
    ch_names: Sequence[str] | None
    sfreq: float | None
    units: str
    max_epochs: int
    patience: int | None
    batch_size: int
    lr: float
    weight_decay: float
    valid_fraction: float
    random_state: int
    device: str
    progress: Any

    # What fit learns.
    decoder_: Decoder
    classes_: np.ndarray
    history_: History

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
            Probabilities, in the order of ``classes_``; rows sum to 1.

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

    @property
    def view_(self) -> View:
        """What the decoder reads, see `View`."""
        return self.decoder_.view

    def similarity(self, X: Any, ch_names: Sequence[str] | None = None) -> np.ndarray:
        """Return how alike the decoder finds each pair of trials.

        Parameters
        ----------
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray
            Trials, as in `predict_proba`.
        ch_names : sequence of str, optional
            Channel names of an array.

        Returns
        -------
        similarity : ndarray, shape (n_trials, n_trials)
            Between -1 and 1, in the layer of the last tap, see
            `eegkd.criteria.trial_similarity`.
        """
        outputs = self._outputs(X, ch_names, features=True)
        last = [list(output.features.values())[-1] for output in outputs]
        return trial_similarity(torch.cat(last)).cpu().numpy()

    @property
    def fingerprint_(self) -> str:
        """Short hash of what was learned: weights, electrodes, scale and classes."""
        digest = hashlib.sha256()
        for name, value in self.decoder_.state_dict().items():
            digest.update(name.encode())
            digest.update(value.detach().cpu().numpy().tobytes())
        view = self.decoder_.view.to_dict()
        shown = [view[name] for name in ("montage", "reference", "center", "scale")]
        digest.update(json.dumps([shown, self.classes_.tolist()]).encode())
        return digest.hexdigest()[:16]

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """Return the parameters, and what printing them would not tell apart.

        A fitted `DecoderClassifier` (it may be a parameter itself, a ready-made
        teacher) adds the fingerprint of its weights; functions and arrays among the
        parameters add a hash of their content. Printed parameters differ when results
        may.
        """
        text = super().__repr__(N_CHAR_MAX)
        added = []
        hidden = {
            name: value
            for name, value in self.get_params(deep=False).items()
            if name != "progress" and not is_plain(value)
        }
        if hidden:
            added.append(f"settings={digest(hidden)[:16]!r}")
        if self.__sklearn_is_fitted__() and isinstance(self, DecoderClassifier):
            added.append(f"fingerprint={self.fingerprint_!r}")
        if not added:
            return text
        comma = "" if text.endswith("()") else ", "
        return f"{text[:-1]}{comma}{', '.join(added)})"

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether `fit` has been called."""
        return hasattr(self, "decoder_")

    def __sklearn_tags__(self) -> Tags:
        """Say that trials have three dimensions and that NaN is refused."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

    def _outputs(
        self, X: Any, ch_names: Sequence[str] | None, features: bool
    ) -> list[Output]:
        """Return what the decoder says of trials, chunk by chunk."""
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet. Call fit first."
            )
        shown = self._show(X, ch_names)
        device = find_device(self.device)
        decoder = self.decoder_.to(device).eval()
        with torch.no_grad():
            return [
                decoder(chunk.to(device), features=features)
                for chunk in shown.split(PREDICT_CHUNK)
            ]

    def _read(self, X: Any, y: Any, subjects: Any) -> tuple[Trials, np.ndarray]:
        """Return training trials and the class of each, counted from 0."""
        trials = as_trials(X, y, self.ch_names, self.sfreq, self.units)
        if subjects is not None:
            subjects = check_labels(subjects, len(trials), "subjects")
            trials = replace(trials, metadata=trials.metadata.assign(subject=subjects))
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
        self.n_times_, self.sfreq_ = trials.n_times, float(trials.sfreq)
        self.ch_names_in_ = trials.ch_names
        self.simulated_ = trials.simulated
        return trials, codes

    def _sources(
        self, trials: Trials, codes: np.ndarray
    ) -> tuple[TrialSource, TrialSource | None]:
        """Cut training trials into those that are learned and those that choose."""
        subject = trials.metadata["subject"].to_numpy()
        session = trials.metadata["session"].to_numpy()
        chosen = validation_mask(codes, subject, self.valid_fraction)
        settings: dict[str, Any] = {
            "device": find_device(self.device),
            "batch_size": self.batch_size,
            "seed": self.random_state,
        }
        source = TrialSource.from_arrays(
            trials.X[~chosen],
            codes[~chosen],
            subject[~chosen],
            session[~chosen],
            **settings,
        )
        if not chosen.any():
            return source, None
        valid = TrialSource.from_arrays(
            trials.X[chosen],
            codes[chosen],
            subject[chosen],
            session[chosen],
            shuffle=False,
            **settings,
        )
        return source, valid

    def _maker(
        self,
        trials: Trials,
        source: TrialSource,
        decoder: Any,
        options: Mapping[str, Any] | None,
    ) -> Maker:
        """Return a function that builds untrained decoders for the training trials.

        Their views are fitted to the source. ``decoder`` and its options are what it
        builds unless it is told otherwise.
        """

        def make(montage: Any, other: Any, random_state: int) -> Decoder:
            view = View(
                montage,
                trials.ch_names,
                on_missing=self.on_missing,
                reference=self.reference,
                standardize=self.standardize,
            ).fit(source.X)
            return build_decoder(
                decoder if other is None else other,
                view,
                n_outputs=len(self.classes_),
                n_times=trials.n_times,
                sfreq=trials.sfreq,
                random_state=random_state,
                **((options or {}) if other is None else {}),
            ).to(source.X.device)

        return make

    def _training(
        self,
        trials: Trials,
        codes: np.ndarray,
        decoder: Any,
        options: Mapping[str, Any] | None,
        teachers: Sequence[Decoder] = (),
    ) -> Training:
        """Collect what a method is given, with an untrained decoder to train."""
        source, valid = self._sources(trials, codes)
        make = self._maker(trials, source, decoder, options)
        student = make(self.montage, None, self.random_state)
        self.amplitude_ = amplitude(student.view.pick(source.X).cpu().numpy())
        return Training(
            student=student,
            source=source,
            valid=valid,
            teachers=teachers,
            settings={"lr": self.lr, "weight_decay": self.weight_decay},
            loop={
                "max_epochs": self.max_epochs,
                "patience": None if valid is None else self.patience,
                "random_state": self.random_state,
                "progress": self.progress,
            },
            make=make,
            sfreq=float(trials.sfreq),
            n_outputs=len(self.classes_),
        )

    def _show(self, X: Any, ch_names: Sequence[str] | None) -> torch.Tensor:
        """Return trials as the network reads them."""
        view, picked = self._pick(X, ch_names)
        return view.scale(torch.as_tensor(picked))


class DecoderClassifier(_MontageClassifier):
    """A neural decoder that reads the electrodes of one montage, without a teacher.

    Parameters
    ----------
    montage : str, path, list of str, Montage or None, default=None
        Electrodes that the decoder reads; None reads all channels of the data.
    decoder : str or callable, default="SCCNet"
        Name of a braindecode network, see `eegkd.list_decoders`, or a callable
        ``f(n_chans, n_outputs, n_times, sfreq)`` that returns a ``torch.nn.Module``.
    decoder_options : dict, optional
        Further arguments of the network.
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
    max_epochs : int, default=500
        Passes over the training trials.
    patience : int, optional
        Stop after so many passes without a lower validation loss.
    batch_size : int, default=128
        Trials in a batch.
    lr : float, default=5e-4
        Learning rate of Adam.
    weight_decay : float, default=0.1
        L2 penalty of Adam.
    valid_fraction : float, default=1/8
        Part of each class of each subject, from the end, that chooses the pass
        whose weights are kept; 0 keeps the last pass.
    random_state : int, default=0
        Seed of weights, order and dropout. The same seed gives the same weights on
        a CPU.
    device : str, default="auto"
        ``"auto"`` takes a GPU where there is one; or a torch device.
    progress : callable, optional
        Called as ``progress(epoch, row)`` after each pass.

    Attributes
    ----------
    decoder_ : Decoder
        The trained network behind its view.
    classes_ : ndarray, shape (n_classes,)
        Labels, sorted.
    history_ : History
        Losses of each pass.
    fingerprint_ : str
        Short hash of what was learned.
    ch_names_in_ : tuple of str
        Channels given to `fit`.
    n_times_, sfreq_ : int and float
        Samples in a trial and sampling rate in Hz.

    See Also
    --------
    DistilledClassifier : The same with a teacher.

    Examples
    --------
    >>> from eegkd import DecoderClassifier
    >>> DecoderClassifier(montage="headphone", decoder="EEGNet")
    DecoderClassifier(decoder='EEGNet', montage='headphone')
    """

    def __init__(
        self,
        montage: Any = None,
        decoder: Any = "SCCNet",
        *,
        decoder_options: Mapping[str, Any] | None = None,
        on_missing: str = "error",
        reference: str | None = None,
        standardize: str | None = "channel",
        ch_names: Sequence[str] | None = None,
        sfreq: float | None = None,
        units: str = "auto",
        max_epochs: int = 500,
        patience: int | None = None,
        batch_size: int = 128,
        lr: float = 5e-4,
        weight_decay: float = 0.1,
        valid_fraction: float = 1 / 8,
        random_state: int = 0,
        device: str = "auto",
        progress: Any = None,
    ) -> None:
        self.montage = montage
        self.decoder = decoder
        self.decoder_options = decoder_options
        self.on_missing = on_missing
        self.reference = reference
        self.standardize = standardize
        self.ch_names = ch_names
        self.sfreq = sfreq
        self.units = units
        self.max_epochs = max_epochs
        self.patience = patience
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.valid_fraction = valid_fraction
        self.random_state = random_state
        self.device = device
        self.progress = progress

    def fit(self, X: Any, y: Any = None, subjects: Any = None) -> DecoderClassifier:
        """Train the decoder.

        Parameters
        ----------
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray
            Trials with all electrodes. Arrays have shape (n_trials, n_chans,
            n_times) and need the parameters ``ch_names`` and ``sfreq``.
        y : array-like, shape (n_trials,), optional
            Labels of any type; by default those that epochs or `Trials` carry.
        subjects : array-like, shape (n_trials,), optional
            Person of each trial, so that each takes part in the validation.

        Returns
        -------
        self : DecoderClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If signals, labels or a parameter are not fit for training; the message
            says what to do.
        """
        trials, codes = self._read(X, y, subjects)
        training = self._training(trials, codes, self.decoder, self.decoder_options)
        self.history_ = train_decoder(training)
        self.decoder_ = training.student
        return self


class DistilledClassifier(_MontageClassifier):
    """A student on a low-density montage, taught by a teacher on all electrodes.

    ``fit`` reads all electrodes, trains the teacher (unless a fitted one is given)
    and distills it into the student. ``predict`` needs the montage's electrodes only.

    Parameters
    ----------
    montage : str, path, list of str or Montage, default="headband"
        Electrodes of the student.
    method : str or callable, default="sk_kd"
        Name in `eegkd.METHODS`, or a callable ``method(training, **options)``.
    teacher : None, str, callable or DecoderClassifier, default=None
        None trains the student's kind of decoder on all electrodes; a name or
        callable another kind; an unfitted `DecoderClassifier` is copied and trained
        with its own parameters; a fitted one is used as it is. A fitted teacher must
        not have seen the trials that the student will be tested on.
    student : str or callable, default="SCCNet"
        The student's decoder, as in `DecoderClassifier`.
    method_options : dict, optional
        Options of the method, such as ``{"similarity_weight": 100}``.
    student_options : dict, optional
        Further arguments of the student's network.
    n_teachers : int, default=1
        Teachers to train, each with its own seed; the one with the lowest
        validation loss teaches.
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
    max_epochs : int, default=500
        Passes over the training trials, for teacher and student.
    patience : int, optional
        Stop after so many passes without a lower validation loss.
    batch_size : int, default=128
        Trials in a batch.
    lr : float, default=5e-4
        Learning rate of Adam.
    weight_decay : float, default=0.1
        L2 penalty of Adam.
    calibrate : float, optional
        Scale the weight of every transfer loss so that its gradient on the first
        batch is so many times as long as the label loss's, > 0. By default weights
        are those of the method.
    valid_fraction : float, default=1/8
        Part of each class of each subject, from the end, that chooses teacher and
        pass; 0 keeps the last pass.
    random_state : int, default=0
        Seed of weights, order and dropout, of teacher and student.
    device : str, default="auto"
        ``"auto"`` takes a GPU where there is one; or a torch device.
    progress : callable, optional
        Called as ``progress(epoch, row)`` after each pass.

    Attributes
    ----------
    decoder_ : Decoder
        The trained student behind its view.
    teacher_ : DecoderClassifier or None
        The teacher; None for methods without one.
    classes_ : ndarray, shape (n_classes,)
        Labels, sorted.
    history_ : History
        Losses of each pass of the student.
    fingerprint_ : str
        Short hash of what was learned.
    ch_names_in_ : tuple of str
        Channels given to `fit`.
    n_times_, sfreq_ : int and float
        Samples in a trial and sampling rate in Hz.

    See Also
    --------
    DecoderClassifier : The same without a teacher.
    eegkd.fit : From a dataset to teacher, students and scores in one call.

    Examples
    --------
    >>> from eegkd import DistilledClassifier
    >>> DistilledClassifier(montage=["C3", "Cz", "C4"], method="kd")
    DistilledClassifier(method='kd', montage=['C3', 'Cz', 'C4'])
    """

    def __init__(
        self,
        montage: Any = "headband",
        method: Any = "sk_kd",
        teacher: Any = None,
        student: Any = "SCCNet",
        *,
        method_options: Mapping[str, Any] | None = None,
        student_options: Mapping[str, Any] | None = None,
        n_teachers: int = 1,
        on_missing: str = "error",
        reference: str | None = None,
        standardize: str | None = "channel",
        ch_names: Sequence[str] | None = None,
        sfreq: float | None = None,
        units: str = "auto",
        max_epochs: int = 500,
        patience: int | None = None,
        batch_size: int = 128,
        lr: float = 5e-4,
        weight_decay: float = 0.1,
        calibrate: float | None = None,
        valid_fraction: float = 1 / 8,
        random_state: int = 0,
        device: str = "auto",
        progress: Any = None,
    ) -> None:
        self.montage = montage
        self.method = method
        self.teacher = teacher
        self.student = student
        self.method_options = method_options
        self.student_options = student_options
        self.n_teachers = n_teachers
        self.on_missing = on_missing
        self.reference = reference
        self.standardize = standardize
        self.ch_names = ch_names
        self.sfreq = sfreq
        self.units = units
        self.max_epochs = max_epochs
        self.patience = patience
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.calibrate = calibrate
        self.valid_fraction = valid_fraction
        self.random_state = random_state
        self.device = device
        self.progress = progress

    def fit(self, X: Any, y: Any = None, subjects: Any = None) -> DistilledClassifier:
        """Train the teacher on all electrodes and distill it into the student.

        Parameters
        ----------
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray
            Trials with all electrodes. Arrays have shape (n_trials, n_chans,
            n_times) and need the parameters ``ch_names`` and ``sfreq``.
        y : array-like, shape (n_trials,), optional
            Labels of any type; by default those that epochs or `Trials` carry.
        subjects : array-like, shape (n_trials,), optional
            Person of each trial, so that each takes part in the validation.

        Returns
        -------
        self : DistilledClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If signals, labels or a parameter are not fit for training, or a fitted
            teacher knows other classes; the message says what to do.
        """
        self.check()
        method = check_registered(self.method, "method", METHODS)
        trials, codes = self._read(X, y, subjects)
        training = self._training(trials, codes, self.student, self.student_options)
        training.settings["calibrate"] = self.calibrate
        teacher = None
        if getattr(method, "needs_teacher", True):
            teacher = self._teach(trials)
            training.teachers = [teacher.decoder_]
        self.history_ = method(training, **(self.method_options or {}))
        self.decoder_, self.teacher_ = training.student, teacher
        return self

    def train_teacher(
        self, X: Any, y: Any = None, subjects: Any = None
    ) -> DecoderClassifier:
        """Train the teacher alone, as `fit` would.

        Students that share a teacher need not train it again each: give the fitted
        one to their parameter ``teacher``.

        Parameters
        ----------
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray
            Trials with all electrodes, as in `fit`.
        y : array-like, shape (n_trials,), optional
            Labels.
        subjects : array-like, shape (n_trials,), optional
            Person of each trial.

        Returns
        -------
        teacher : DecoderClassifier
            The fitted teacher.
        """
        self.check()
        trials, _ = self._read(X, y, subjects)
        return self._teach(trials)

    def check(self) -> None:
        """Check the parameters that can be checked without data.

        Raises
        ------
        ValueError, TypeError
            If a name is unknown or a number out of bounds.
        """
        check_registered(self.method, "method", METHODS)
        check_decoder(self.student, "student")
        if not isinstance(self.teacher, DecoderClassifier) and self.teacher is not None:
            check_decoder(self.teacher, "teacher")
        check_choice(self.on_missing, "on_missing", ON_MISSING)
        check_choice(self.reference, "reference", REFERENCES)
        check_choice(self.standardize, "standardize", STANDARDIZE)
        for name in ("max_epochs", "batch_size", "n_teachers"):
            check_int(getattr(self, name), name, at_least=1)
        if self.patience is not None:
            check_int(self.patience, "patience", at_least=1)
        check_number(self.lr, "lr", above=0, hint="Typical values are 1e-4 to 1e-2.")
        check_number(self.weight_decay, "weight_decay", at_least=0)
        if self.calibrate is not None:
            check_number(self.calibrate, "calibrate", above=0)
        check_number(self.valid_fraction, "valid_fraction", at_least=0, at_most=0.9)
        find_device(self.device)

    def _teach(self, trials: Trials) -> DecoderClassifier:
        """Return a fitted teacher: the given one, or the best of those trained."""
        given = self.teacher
        if isinstance(given, DecoderClassifier) and given.__sklearn_is_fitted__():
            return _matching(given, trials, self.classes_)
        if isinstance(given, DecoderClassifier):
            candidate = clone(given)
        else:
            shared = (
                self.get_params(deep=False).keys() & DecoderClassifier().get_params()
            )
            candidate = DecoderClassifier(
                **{name: getattr(self, name) for name in shared}
            ).set_params(
                montage=None,
                on_missing="error",
                decoder=self.student if given is None else given,
                decoder_options=self.student_options if given is None else None,
            )
        teachers = []
        for number in range(self.n_teachers):
            seed = candidate.random_state + number
            teachers.append(clone(candidate).set_params(random_state=seed).fit(trials))
        return min(teachers, key=lambda teacher: teacher.history_.best_loss)

    def __sklearn_clone__(self) -> DistilledClassifier:
        """Clone without forgetting what a fitted teacher has learned."""
        params = self.get_params(deep=False)
        teacher = params.pop("teacher")
        fitted = isinstance(teacher, DecoderClassifier) and hasattr(teacher, "decoder_")
        return type(self)(
            teacher=teacher if fitted else clone(teacher, safe=False),
            **{name: clone(value, safe=False) for name, value in params.items()},
        )


def check_training(
    training: Mapping[str, Any], function: str, own: Sequence[str] = ()
) -> dict[str, Any]:
    """Refuse options that `DistilledClassifier` does not have.

    Parameters
    ----------
    training : mapping
        Options by name.
    function : str
        Who was given them, for the message.
    own : sequence of str, default=()
        Parameters that the function has as arguments of its own, or sets itself.

    Returns
    -------
    defaults : dict
        All options that are allowed, with their defaults.

    Raises
    ------
    TypeError
        If a name is not a parameter that can be set there.
    """
    reserved = {"montage", "method", "progress", "ch_names", "sfreq", "units", *own}
    params = DistilledClassifier().get_params(deep=False)
    allowed = {name: value for name, value in params.items() if name not in reserved}
    for name in training:
        if name not in allowed:
            raise TypeError(
                f"{function}() has no argument {name!r}. Allowed besides its own are "
                f"those of DistilledClassifier: {join_names(sorted(allowed), 40)}."
                + did_you_mean(name, allowed)
            )
    return allowed


def _matching(
    teacher: DecoderClassifier, trials: Trials, classes: np.ndarray
) -> DecoderClassifier:
    """Return a copy of a fitted teacher that reads the channels of the trials."""
    import copy

    if teacher.classes_.tolist() != classes.tolist():
        raise ValueError(
            f"'teacher' must know the classes {classes.tolist()!r}, but it was fitted "
            f"with {teacher.classes_.tolist()!r}. Fit it on the same labels."
        )
    if (trials.n_times, trials.sfreq) != (teacher.n_times_, teacher.sfreq_):
        raise ValueError(
            f"'teacher' must read trials of {trials.n_times} samples at "
            f"{trials.sfreq:g} Hz, but it was fitted with {teacher.n_times_} at "
            f"{teacher.sfreq_:g} Hz. Fit it on trials of one length and rate."
        )
    matched = copy.deepcopy(teacher)
    matched.decoder_.view = teacher.decoder_.view.bind(trials.ch_names)
    return matched


def find_device(device: str) -> torch.device:
    """Return the torch device that a name stands for.

    Parameters
    ----------
    device : str
        ``"auto"``, which takes a GPU where there is one, or a torch device.

    Returns
    -------
    device : torch.device
        The device.

    Raises
    ------
    ValueError
        If torch does not know it.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"'device' must be 'auto' or a torch device such as 'cpu' or 'cuda', got "
            f"{device!r}."
        ) from error
