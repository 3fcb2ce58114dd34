"""`Distilled`: what a student with teachers is, whatever its labels are."""

from __future__ import annotations

import copy
import inspect
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

import torch
from sklearn.base import clone
from torch import Tensor, nn

from eegkd._checks import (
    check_choice,
    check_int,
    check_method_options,
    check_registered,
    join_names,
)
from eegkd.decoders import Decoder, Output
from eegkd.decoders.build import check_decoder
from eegkd.decoders.table import EMBEDDING
from eegkd.distillation import History, Training
from eegkd.estimators._docs import assign, fill_doc
from eegkd.estimators.base import MontageEstimator
from eegkd.estimators.defaults import AUTO, is_auto, warn_of_schedule
from eegkd.estimators.single import SingleDecoder
from eegkd.estimators.training_data import TrainingData, find_device
from eegkd.methods import METHODS
from eegkd.montage import ON_MISSING
from eegkd.teachers import PERMUTED
from eegkd.view import REFERENCES, STANDARDIZE

logger = logging.getLogger(__name__)


class Distilled(MontageEstimator):
    """A student on few electrodes with teachers on more."""

    teacher_kind: type[SingleDecoder]  # what its teachers are

    # Parameters beside those of all estimators.
    method: Any
    teacher: Any
    student: Any
    method_options: Mapping[str, Any] | None
    student_options: Any
    teacher_options: Any
    n_teachers: int
    taps: Any
    calibrate: float | str | None
    permuted_teacher: str | None

    # What fit learns.
    teacher_: Any
    teachers_: list[Any]

    def __init__(
        self,
        montage: Any = "headband",
        method: Any = "sk_kd",
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
        recipe: Any = "default",
        max_epochs: int | str = "auto",
        patience: int | str | None = "auto",
        batch_size: int | str = "auto",
        lr: float | str = "auto",
        weight_decay: float | str = "auto",
        valid_fraction: float | str = "auto",
        calibrate: float | str | None = "auto",
        permuted_teacher: str | None = None,
        class_weight: Any = "auto",
        taps: Any = "auto",
        random_state: int = 0,
        device: str = "auto",
        progress: Any = None,
    ) -> None:
        assign(self, locals())

    @fill_doc
    def fit(self, X: Any, y: Any = None, subjects: Any = None) -> Self:
        """Train the teacher on all electrodes and distill it into the student.

        Parameters
        ----------
        %(X_train)s

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError
            If signals, labels or a parameter are not fit for training, or a fitted
            teacher knows other classes; the message says what to do.

        Notes
        -----
        An interruption (Ctrl-C) is passed on. What is finished stays: the trained
        teachers in ``teachers_`` and, once the student has learned something, its best
        weights so far, which predict, with ``history_.notes["interrupted"]``.
        """
        self.check()
        method = check_registered(self.method, "method", METHODS)
        data = self._data(X, y, subjects)
        training = self._training(data, "student")
        training.must_calibrate = not is_auto(self.calibrate)
        training.permuted = self.permuted_teacher
        self.teacher_, self.teachers_ = None, []
        if self.uses_teacher():
            for teacher in self._teach(data):
                self.teachers_.append(teacher)
                self.teacher_ = self.teachers_[0]
            training.teachers = [self._understood(one) for one in self.teachers_]
        else:
            self._warn_of_unused_teacher(method)
        self._distill(method, training)
        return self

    def _distill(self, method: Callable[..., History], training: Training) -> None:
        """Let the method train the student, and keep what an interruption leaves."""
        untrained = copy.deepcopy(training.student.state_dict())
        start = time.perf_counter()
        try:
            history = method(training, **(self.settings_["method_options"] or {}))
        except KeyboardInterrupt:
            weights = training.student.state_dict()
            if any(not torch.equal(weights[name], v) for name, v in untrained.items()):
                self.history_ = training.latest()
                self.history_.notes["interrupted"] = True
                self.history_.seconds = time.perf_counter() - start
                self.decoder_ = training.student.eval()
            raise
        history.seconds = time.perf_counter() - start
        # Nothing is counted where copies of the student were trained instead of it.
        history.updates = training.updates or history.updates
        self.history_, self.decoder_ = history, training.student
        warn_of_schedule(history)

    @fill_doc
    def train_teacher(self, X: Any, y: Any = None, subjects: Any = None) -> Any:
        """Train the teacher alone, as `fit` would.

        Students that share a teacher need not train it again each: give the fitted
        one to their parameter ``teacher``.

        Parameters
        ----------
        %(X_train)s

        Returns
        -------
        teacher : estimator or list of estimator
            The fitted teacher; a list where the parameter ``teacher`` is one.
        """
        self.check()
        teachers = list(self._teach(self._data(X, y, subjects)))
        return teachers if isinstance(self.teacher, (list, tuple)) else teachers[0]

    def uses_teacher(self) -> bool:
        """Return whether `fit` reads a teacher, given or trained before the student.

        Returns
        -------
        uses : bool
            False for methods that train teachers of their own or need none.
        """
        method = check_registered(self.method, "method", METHODS)
        return bool(getattr(method, "needs_teacher", True) or self._accepts(method))

    def check(self) -> None:
        """Check the parameters that can be checked without data.

        Raises
        ------
        ValueError, TypeError
            If a name is unknown or a number out of bounds.
        """
        method = check_registered(self.method, "method", METHODS)
        self.label_kind.check_method(method)
        settings = self._resolve()
        named = _name(method)
        check_method_options(
            method, self.method_options or {}, f"'method_options' gives {named!r}"
        )
        check_decoder(settings["student"], "student")
        given = self._given()
        for one in given:
            self._check_teacher(one)
        self._check_teacher_options(given)
        if len(given) > 1 and _kind(method) == "one":
            able = [name for name, m in METHODS.items() if _kind(m) == "several"]
            raise ValueError(
                f"'teacher' must be one teacher for the method {named!r}, got a list "
                f"of {len(given)}. Pass one, or choose a method with several: "
                f"{join_names(able, 80)}."
            )
        check_choice(self.on_missing, "on_missing", ON_MISSING)
        check_choice(self.reference, "reference", REFERENCES)
        check_choice(self.standardize, "standardize", STANDARDIZE)
        check_int(self.n_teachers, "n_teachers", at_least=1)
        self._check_permuted(method)
        find_device(self.device)

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
        if given is None or is_auto(given) or isinstance(given, self.teacher_kind):
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

    def _check_permuted(self, method: Callable[..., Any]) -> None:
        """Refuse to permute what the method or the labels do not allow."""
        permuted = check_choice(self.permuted_teacher, "permuted_teacher", PERMUTED)
        if permuted is None:
            return
        card = getattr(method, "card", None)
        if card is not None and not card.can_permute:
            raise ValueError(
                "'permuted_teacher' must be None for the method "
                f"{_name(method)!r}, which does not learn from a given teacher's "
                f"answers to trials alone, got {permuted!r}. Leave it out."
            )
        if permuted == "within_classes" and self.label_kind.continuous:
            raise ValueError(
                "'permuted_teacher' must be None or 'all_trials' for continuous "
                "labels, which have no classes, got 'within_classes'. Pass "
                "'all_trials'."
            )

    def _check_teacher_options(self, given: list[Any]) -> None:
        """Refuse options of networks that no teacher is built with."""
        built = any(not isinstance(one, SingleDecoder) for one in given)
        if not (self.teacher_options is None or is_auto(self.teacher_options) or built):
            kind = self.teacher_kind.__name__
            raise ValueError(
                "'teacher_options' must be None or 'auto' where 'teacher' is a "
                f"{kind}, which has its own, got {self.teacher_options!r}. Pass "
                f"{kind}(decoder_options=...), or a name as teacher."
            )

    def _accepts(self, method: Callable[..., Any]) -> bool:
        """Return whether a teacher is given to a method that can use one, and does."""
        accepted = getattr(getattr(method, "card", None), "accepts_teacher", None)
        if accepted is None or self.teacher is None:
            return False
        option, value = accepted
        default = inspect.signature(method).parameters[option].default
        return bool((self.method_options or {}).get(option, default) == value)

    def _warn_of_unused_teacher(self, method: Callable[..., Any]) -> None:
        """Say that a given teacher is not used, and which option comes nearest."""
        card = getattr(method, "card", None)
        if self.teacher is None or card is None or card.teacher == "none":
            return
        options = [
            f"method_options={{{name!r}: ...}} chooses their network"
            for name in inspect.signature(method).parameters
            if name in ("decoder", "decoders", "teacher_decoder", "peer_decoder")
        ]
        if card.accepts_teacher is not None:
            option, value = card.accepts_teacher
            options = [f"method_options={{{option!r}: {value!r}}} lets it take part"]
        logger.warning(
            "'teacher' is not used: the method %r trains its own teachers or teaches "
            "itself%s.",
            _name(method),
            "".join(f"; {text}" for text in options),
        )

    def _teach(self, data: TrainingData) -> Iterator[Any]:
        """Yield fitted teachers: given ones, or the best of those trained for each."""
        for given in self._given():
            if _is_fitted(given):
                yield self._matching(given, data)
                continue
            candidate = self._candidate(given)
            trained = [
                clone(candidate)
                .set_params(random_state=candidate.random_state + number)
                .fit(data)
                for number in range(self.n_teachers)
            ]
            yield min(trained, key=lambda one: one.history_.best_loss)

    def _candidate(self, given: Any) -> SingleDecoder:
        """Return an unfitted teacher with the settings of its training."""
        if isinstance(given, SingleDecoder):
            return clone(given)
        kind = self.teacher_kind
        shared = self.get_params(deep=False).keys() & kind().get_params()
        options = self.teacher_options
        if given is None and (options is None or is_auto(options)):
            options = self.student_options
        return kind(**{name: getattr(self, name) for name in shared}).set_params(
            montage=None,
            on_missing="error",
            decoder=self.student if given is None else given,
            decoder_options=options,
            # Modules of the student's network; every network has an embedding.
            taps=self.taps if given is None or self.taps in (AUTO, EMBEDDING) else None,
        )

    def _matching(self, teacher: Any, data: TrainingData) -> Any:
        """Return a copy of a fitted teacher that reads the channels of the trials."""
        trials = data.trials
        self.labels_.translation(teacher.labels_)
        if (trials.n_times, trials.sfreq) != (teacher.n_times_, teacher.sfreq_):
            raise ValueError(
                f"'teacher' must read trials of {trials.n_times} samples at "
                f"{trials.sfreq:g} Hz, but it was fitted with {teacher.n_times_} at "
                f"{teacher.sfreq_:g} Hz. Fit it on trials of one length and rate."
            )
        matched = copy.deepcopy(teacher)
        view = teacher.decoder_.view.bind(trials.ch_names)
        matched.decoder_.view = data.known(view)
        matched.decoder_.to(find_device(self.device))
        return matched

    def _understood(self, teacher: Any) -> Decoder:
        """Return a teacher's decoder whose outputs mean what the student's do."""
        change = self.labels_.translation(teacher.labels_)
        if change is None:
            return teacher.decoder_
        order, slope, offset = change
        device = next(teacher.decoder_.parameters(), torch.empty(0)).device
        places = torch.tensor(order, device=device)
        return Translated(teacher.decoder_, places, slope, offset).eval()

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


def _kind(method: Callable[..., Any]) -> str | None:
    """Return which teachers a method needs, if its card says so."""
    return getattr(getattr(method, "card", None), "teacher", None)


def _name(method: Callable[..., Any]) -> str:
    """Return the name of a method, for messages."""
    return getattr(method, "__name__", type(method).__name__)


def _is_fitted(given: Any) -> bool:
    """Return whether a parameter ``teacher`` is fitted already."""
    return isinstance(given, SingleDecoder) and given.__sklearn_is_fitted__()


def _clone(given: Any) -> Any:
    """Clone a parameter ``teacher``; a fitted one stays what it is."""
    return given if _is_fitted(given) else clone(given, safe=False)
