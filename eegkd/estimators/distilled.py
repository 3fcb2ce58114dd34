"""`Distilled`: what a student with teachers is, whatever its labels are."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from sklearn.base import clone
from torch import Tensor, nn

from eegkd._checks import check_choice, check_int, check_number, check_registered
from eegkd.decoders import Decoder, Output, check_decoder
from eegkd.estimators.base import MontageEstimator, find_device
from eegkd.estimators.single import SingleDecoder
from eegkd.methods import METHODS
from eegkd.montage import ON_MISSING
from eegkd.trials import Trials
from eegkd.view import REFERENCES, STANDARDIZE


class Distilled(MontageEstimator):
    """A student on few electrodes with teachers on more."""

    teacher_kind: type[SingleDecoder] = SingleDecoder

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

    def fit(self, X: Any, y: Any = None, subjects: Any = None) -> Self:
        """Train the teacher on all electrodes and distill it into the student.

        Parameters
        ----------
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray
            Trials with all electrodes. Arrays have shape (n_trials, n_chans,
            n_times) and need the parameters ``ch_names`` and ``sfreq``.
        y : array-like, shape (n_trials,), optional
            Labels, of any type for classes; by default those that epochs or `Trials`
            carry.
        subjects : array-like, shape (n_trials,), optional
            Person of each trial, so that each takes part in the validation.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError
            If signals, labels or a parameter are not fit for training, or a fitted
            teacher knows other classes; the message says what to do.
        """
        self.check()
        method = check_registered(self.method, "method", METHODS)
        trials, values = self._read(X, y, subjects)
        training = self._training(trials, values, self.student, self.student_options)
        training.settings["calibrate"] = self.calibrate
        teachers: list[Any] = []
        if getattr(method, "needs_teacher", True):
            teachers = self._teach(trials)
            training.teachers = [self._understood(teacher) for teacher in teachers]
        self.history_ = method(training, **(self.method_options or {}))
        self.decoder_, self.teachers_ = training.student, teachers
        self.teacher_ = teachers[0] if teachers else None
        return self

    def train_teacher(self, X: Any, y: Any = None, subjects: Any = None) -> Any:
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
        teacher : estimator or list of estimator
            The fitted teacher; a list where the parameter ``teacher`` is one.
        """
        self.check()
        trials, _ = self._read(X, y, subjects)
        teachers = self._teach(trials)
        return teachers if isinstance(self.teacher, (list, tuple)) else teachers[0]

    def check(self) -> None:
        """Check the parameters that can be checked without data.

        Raises
        ------
        ValueError, TypeError
            If a name is unknown or a number out of bounds.
        """
        self._check_method(check_registered(self.method, "method", METHODS))
        check_decoder(self.student, "student")
        for given in self._given():
            self._check_teacher(given)
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

    # -- what differs between classes and continuous labels ---------------------------

    def _check_method(self, method: Callable[..., Any]) -> None:
        """Refuse a method that cannot learn the labels."""

    def _check_labels(self, teacher: Any) -> None:
        """Refuse a fitted teacher that knows other labels."""
        raise NotImplementedError

    def _understood(self, teacher: Any) -> Decoder:
        """Return a teacher's decoder whose outputs mean what the student's do."""
        raise NotImplementedError

    # -- teachers ---------------------------------------------------------------------

    def _given(self) -> list[Any]:
        """Return the parameter ``teacher`` as a list."""
        if not isinstance(self.teacher, (list, tuple)):
            return [self.teacher]
        if not self.teacher:
            raise ValueError(
                "'teacher' must be a list of at least one "
                f"{self.teacher_kind.__name__}, got an empty one. None trains one on "
                "all electrodes."
            )
        return list(self.teacher)

    def _check_teacher(self, given: Any) -> None:
        """Refuse what cannot be a teacher."""
        if given is None or isinstance(given, self.teacher_kind):
            return
        kind = self.teacher_kind.__name__
        if isinstance(given, nn.Module):
            raise TypeError(
                f"'teacher' must be None, a name, a factory, a {kind} or a list of "
                f"them, got the module {type(given).__name__}. A network that is "
                f"trained is given as {kind}.from_network(network, ...), and never "
                "trained further; one that is to be trained is given as its class."
            )
        if isinstance(given, MontageEstimator):
            raise TypeError(
                f"'teacher' must be None, a name, a factory, a {kind} or a list of "
                f"them, got {type(given).__name__}."
            )
        check_decoder(given, "teacher")

    def _teach(self, trials: Trials) -> list[Any]:
        """Return fitted teachers: given ones, or the best of those trained for each."""
        teachers = []
        for given in self._given():
            if _is_fitted(given):
                teachers.append(self._matching(given, trials))
                continue
            candidate = self._candidate(given)
            trained = [
                clone(candidate)
                .set_params(random_state=candidate.random_state + number)
                .fit(trials)
                for number in range(self.n_teachers)
            ]
            teachers.append(min(trained, key=lambda one: one.history_.best_loss))
        return teachers

    def _candidate(self, given: Any) -> SingleDecoder:
        """Return an unfitted teacher with the settings of its training."""
        if isinstance(given, SingleDecoder):
            return clone(given)
        kind = self.teacher_kind
        shared = self.get_params(deep=False).keys() & kind().get_params()
        return kind(**{name: getattr(self, name) for name in shared}).set_params(
            montage=None,
            on_missing="error",
            decoder=self.student if given is None else given,
            decoder_options=self.student_options if given is None else None,
        )

    def _matching(self, teacher: Any, trials: Trials) -> Any:
        """Return a copy of a fitted teacher that reads the channels of the trials."""
        self._check_labels(teacher)
        if (trials.n_times, trials.sfreq) != (teacher.n_times_, teacher.sfreq_):
            raise ValueError(
                f"'teacher' must read trials of {trials.n_times} samples at "
                f"{trials.sfreq:g} Hz, but it was fitted with {teacher.n_times_} at "
                f"{teacher.sfreq_:g} Hz. Fit it on trials of one length and rate."
            )
        matched = copy.deepcopy(teacher)
        matched.decoder_.view = teacher.decoder_.view.bind(trials.ch_names)
        matched.decoder_.to(find_device(self.device))
        return matched

    def __sklearn_clone__(self) -> Self:
        """Clone without forgetting what fitted teachers have learned."""
        params = self.get_params(deep=False)
        teacher = params.pop("teacher")
        return type(self)(
            teacher=type(teacher)(_clone(one) for one in teacher)
            if isinstance(teacher, (list, tuple))
            else _clone(teacher),
            **{name: clone(value, safe=False) for name, value in params.items()},
        )


class Translated(Decoder):
    """A decoder whose outputs are put into another order or unit.

    Parameters
    ----------
    decoder : Decoder
        Whose outputs.
    order : Tensor of int64, shape (n_outputs,)
        Which of its outputs comes first, second and so on.
    slope, offset : float
        Of the change of unit.
    """

    order: Tensor

    def __init__(
        self, decoder: Decoder, order: Tensor, slope: float = 1.0, offset: float = 0.0
    ) -> None:
        nn.Module.__init__(self)
        self.decoder = decoder
        self.register_buffer("order", order)
        self.slope, self.offset = slope, offset
        self.view, self.taps, self.config = decoder.view, decoder.taps, decoder.config

    def forward(self, x: Tensor, features: bool = True) -> Output:
        """Decode signals that the view has already been applied to."""
        output = self.decoder(x, features)
        logits = self._translate(output.logits)
        return Output(logits, output.features, output.embedding)

    def classify(self, embedding: Tensor) -> Tensor:
        """Apply the last layer to embeddings, whoever they come from."""
        return self._translate(self.decoder.classify(embedding))

    def _translate(self, logits: Tensor) -> Tensor:
        """Return outputs in the other order and unit."""
        return logits.index_select(1, self.order) * self.slope + self.offset

    def __repr__(self) -> str:
        return repr(self.decoder)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        nn.Module.__setstate__(self, state)


def _is_fitted(given: Any) -> bool:
    """Return whether a parameter ``teacher`` is fitted already."""
    return isinstance(given, SingleDecoder) and given.__sklearn_is_fitted__()


def _clone(given: Any) -> Any:
    """Clone a parameter ``teacher``; a fitted one stays what it is."""
    return given if _is_fitted(given) else clone(given, safe=False)
