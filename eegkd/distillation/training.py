"""`Training`: everything that a method is given, and what it may do with it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from eegkd._checks import check_int
from eegkd.criteria import CrossEntropy, SquaredError
from eegkd.decoders import Decoder
from eegkd.distillation.loop import History, Learner, distill
from eegkd.distillation.objective import Criterion, Objective
from eegkd.distillation.recipe import Recipe
from eegkd.montage import Montage, ladder
from eegkd.samplers import Augmented, Sampler, TrialSampler
from eegkd.teachers import Frozen

# make(montage, decoder, random_state): an untrained decoder for the training trials.
Maker = Callable[[Any, Any, int], Decoder]
_SAME: Any = object()  # stands for the validation trials of the training


@dataclass
class Training:
    """The student, its teachers, data and settings, as a method is given them.

    Parameters
    ----------
    student : Decoder
        The student, untrained.
    sampler : TrialSampler
        Training trials.
    valid : TrialSampler or None
        Validation trials, from the training sessions.
    teachers : sequence of Decoder
        Trained teachers; empty for methods that need none.
    recipe : Recipe, optional
        How they are trained; by default ``Recipe()``.
    must_calibrate : bool, default=False
        See `Learner`.
    loop : dict
        ``random_state`` and ``progress`` of `distill`; ``max_epochs`` and ``patience``
        where they are not those of the recipe.
    make : callable, optional
        ``make(montage, decoder, random_state)`` returns an untrained decoder for the
        training trials, see `build`.
    sfreq : float
        Sampling rate of the trials in Hz.
    n_outputs : int
        Number of classes; 1 for continuous labels.
    classes : sequence
        Label that each output stands for; empty where it is not known, or labels are
        continuous.
    class_weight : Tensor, shape (n_outputs,), optional
        How much a trial of each class counts in the loss on labels; by default all
        count 1.
    permuted : {None, "within_classes", "all_trials"}, default=None
        Whether given teachers answer with what they say of other trials, a control,
        see `eegkd.teachers.Frozen`.
    metadata : DataFrame, optional
        ``subject``, ``session``, ``run`` of each training trial, and when it was, as
        `eegkd.data.groups.groups` takes it; for methods that cut the trials.
    """

    student: Decoder
    sampler: TrialSampler
    valid: TrialSampler | None = None
    teachers: Sequence[Decoder] = ()
    recipe: Recipe = field(default_factory=Recipe)
    must_calibrate: bool = False
    loop: dict[str, Any] = field(default_factory=dict)
    make: Maker | None = None
    sfreq: float = 0.0
    n_outputs: int = 0
    classes: Sequence[Any] = ()
    class_weight: Tensor | None = None
    permuted: str | None = None
    metadata: Any = None
    _frozen: dict[tuple[int, str], tuple[Decoder, Frozen]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _learners: list[Learner] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    @property
    def teacher(self) -> Decoder:
        """The first of the trained teachers.

        Raises
        ------
        ValueError
            If there is none.
        """
        if not self.teachers:
            raise ValueError(
                "'teachers' must hold a trained decoder for this method, got none. "
                "Pass Training(teachers=[...]), or use the method 'none'."
            )
        return self.teachers[0]

    @property
    def random_state(self) -> int:
        """Seed of the student's training; add to it for further decoders."""
        return self.loop.get("random_state", 0)

    @property
    def max_epochs(self) -> int:
        """Epochs over the training trials."""
        own = self.recipe.for_trials(len(self.sampler)).max_epochs
        return self.loop.get("max_epochs", own)

    @property
    def shown(self) -> Sampler:
        """The training trials, augmented where the recipe says so."""
        if self.recipe.augment is None:
            return self.sampler
        return Augmented(
            self.sampler,
            self.recipe.augment,
            sfreq=self.sfreq,
            seed=self.random_state,
        )

    @property
    def regression(self) -> bool:
        """Whether labels are continuous."""
        return self.sampler.y.is_floating_point()

    def label_loss(self) -> Criterion:
        """Return the loss on labels: cross-entropy, or the squared error.

        Returns
        -------
        criterion : CrossEntropy or SquaredError
            The squared error where labels are continuous.
        """
        return SquaredError() if self.regression else CrossEntropy(self.class_weight)

    def frozen(self, mode: str = "eval") -> Frozen:
        """Return the first teacher as one that answers and does not change.

        Parameters
        ----------
        mode : {"eval", "as_published"}, default="eval"
            See `eegkd.teachers.Frozen`.

        Returns
        -------
        teacher : Frozen
            A frozen copy of the teacher; the same one in each call, so that what it
            remembers of the trials is shared.

        Raises
        ------
        ValueError
            If there is no teacher.
        """
        return self.freeze(self.teacher, mode)

    def all_frozen(self) -> list[Frozen]:
        """Return all given teachers as ones that answer and do not change.

        Returns
        -------
        teachers : list of Frozen
            At least one.

        Raises
        ------
        ValueError
            If there is no teacher.
        """
        return [self.freeze(teacher) for teacher in self.teachers or [self.teacher]]

    def freeze(self, decoder: Decoder, mode: str = "eval") -> Frozen:
        """Return a teacher as one that answers and does not change.

        Parameters
        ----------
        decoder : Decoder
            A given teacher, or one that takes part beside it.
        mode : {"eval", "as_published"}, default="eval"
            See `eegkd.teachers.Frozen`.

        Returns
        -------
        teacher : Frozen
            A frozen copy, made at the first call; it answers as ``permuted`` says.
        """
        key = (id(decoder), mode)
        if key not in self._frozen:  # the decoder is kept, so that its id stays its own
            seed = self.random_state
            made = Frozen(decoder, mode, permuted=self.permuted, seed=seed)
            self._frozen[key] = (decoder, made)
        return self._frozen[key][1]

    def run(
        self,
        objective: Objective,
        *,
        sampler: Sampler | None = None,
        valid: TrialSampler | None = _SAME,
        average_from: float | None = None,
        **loop: Any,
    ) -> History:
        """Train the student on an objective.

        Parameters
        ----------
        objective : Objective
            What is minimized.
        sampler : Sampler, optional
            Trials to train on, by default those of the training.
        valid : TrialSampler or None
            Validation trials, by default those of the training.
        average_from : float, optional
            See `Recipe`, whose value it replaces.
        **loop
            Changes to ``max_epochs`` and the like, see `distill`.

        Returns
        -------
        history : History
            What happened in each epoch.
        """
        return self.train(
            self.student,
            objective,
            sampler=sampler,
            valid=valid,
            average_from=average_from,
            **loop,
        )

    def train(
        self,
        decoder: Decoder,
        objective: Objective | None = None,
        *,
        sampler: Sampler | None = None,
        valid: TrialSampler | None = _SAME,
        average_from: float | None = None,
        **loop: Any,
    ) -> History:
        """Train any decoder as the student would be trained.

        Parameters
        ----------
        decoder : Decoder
            Trained in place.
        objective : Objective, optional
            What is minimized, by default the label loss.
        sampler : Sampler, optional
            Trials to train on, by default those of the training.
        valid : TrialSampler or None
            Validation trials, by default those of the training.
        average_from : float, optional
            See `Recipe`, whose value it replaces.
        **loop
            Changes to ``max_epochs``, ``random_state`` and the like, see `distill`.

        Returns
        -------
        history : History
            What happened in each epoch.
        """
        return self.train_all(
            [self.learner(decoder, objective, average_from=average_from)],
            sampler=sampler,
            valid=valid,
            **loop,
        )[0]

    def train_all(
        self,
        learners: Sequence[Learner],
        *,
        sampler: Sampler | None = None,
        valid: TrialSampler | None = _SAME,
        **loop: Any,
    ) -> list[History]:
        """Train several learners on the same batches.

        Parameters
        ----------
        learners : sequence of Learner
            Made by `learner`.
        sampler : Sampler, optional
            Trials to train on, by default those of the training.
        valid : TrialSampler or None
            Validation trials, by default those of the training.
        **loop
            Changes to ``max_epochs``, ``random_state`` and the like, see `distill`.

        Returns
        -------
        histories : list of History
            One for each learner.
        """
        chosen = self.valid if valid is _SAME else valid
        own = {"max_epochs": self.max_epochs, "patience": self.recipe.patience}
        settings = {**own, **self.loop, **loop}
        if chosen is None:
            settings["patience"] = None
        return distill(
            learners,
            self.shown if sampler is None else sampler,
            valid=chosen,
            **settings,
        )

    def learner(
        self,
        decoder: Decoder,
        objective: Objective | None = None,
        *,
        average_from: float | None = None,
    ) -> Learner:
        """Return a learner with the settings of the training, for several at once.

        Parameters
        ----------
        decoder : Decoder
            Who learns.
        objective : Objective, optional
            What is minimized, by default the label loss.
        average_from : float, optional
            See `Recipe`, whose value it replaces.

        Returns
        -------
        learner : Learner
            For `distill`.
        """
        if objective is None:
            objective = Objective([(self.label_loss(), None)])
        recipe = self.recipe
        if average_from is not None:
            recipe = replace(recipe, average_from=average_from)
        made = Learner(decoder, objective, recipe, self.must_calibrate)
        if decoder is self.student:
            self._learners.append(made)
        return made

    def latest(self) -> History:
        """Return what happened in the last training of the student that got anywhere.

        Returns
        -------
        history : History
            Empty where no epoch of the student is finished.
        """
        begun = [one.history for one in self._learners if one.history is not None]
        return next((one for one in reversed(begun) if one.rows), History())

    @property
    def updates(self) -> int:
        """Steps of the optimizer that the student has had, in all its trainings."""
        begun = [one.history for one in self._learners if one.history is not None]
        return sum(history.updates for history in begun)

    def build(
        self, montage: Any = "student", decoder: Any = None, random_state: int = 0
    ) -> Decoder:
        """Return an untrained decoder whose view is fitted to the training trials.

        Parameters
        ----------
        montage : {"student", "full"}, list of str or Montage, default="student"
            Electrodes that it reads; ``"full"`` reads all channels of the data.
        decoder : str or callable, optional
            The network, by default of the student's kind.
        random_state : int, default=0
            Seed of its weights.

        Returns
        -------
        decoder : Decoder
            Behind a view of its own, or behind the student's view.

        Raises
        ------
        ValueError
            If the training was made without ``make``.
        """
        if self.make is None:
            raise ValueError(
                "'make' must be given to Training for a method that builds decoders of "
                "its own, got None. Use DistilledClassifier, or pass "
                "make(montage, decoder, random_state)."
            )
        if isinstance(montage, str) and montage == "student":
            view = self.student.view
            built = self.make(
                None if view.is_full else view.montage, decoder, random_state
            )
            built.view = view  # views are shared: each is applied once
            return built
        return self.make(None if montage == "full" else montage, decoder, random_state)

    def copy_student(self) -> Decoder:
        """Return a copy of the student as it is now, behind the same view.

        Returns
        -------
        decoder : Decoder
            With weights of its own.
        """
        copied = copy.deepcopy(self.student)
        copied.view = self.student.view  # views are shared: each is applied once
        return copied

    def ladder(self, n_steps: int) -> list[Montage]:
        """Return montages between the student's and all channels of the data.

        Parameters
        ----------
        n_steps : int
            How many, >= 0; fewer where there are not as many electrodes between.

        Returns
        -------
        montages : list of Montage
            Each holds the one before it, see `eegkd.montage.ladder`.
        """
        check_int(n_steps, "n_steps", at_least=0)
        view = self.student.view
        read = view.resolved.data_names
        if view.resolved.index is None:  # interpolated from everything
            read = tuple(name for name in view.data_names if name in view.ch_names)
        return ladder(read or view.data_names[:1], view.data_names, n_steps)


def train_decoder(training: Training) -> History:
    """Train on the labels alone: how teachers and plain decoders are trained.

    Parameters
    ----------
    training : Training
        The student, its trials and settings.

    Returns
    -------
    history : History
        What happened in each epoch.
    """
    return training.train(training.student)
