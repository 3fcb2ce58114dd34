"""`distill`: the one training loop, for teachers, students and several learners."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from eegkd._checks import check_int, check_number
from eegkd.criteria import CrossEntropy
from eegkd.decoders import Decoder, Output
from eegkd.sources import Batch, Source, TrialSource
from eegkd.teachers import Frozen, Teacher
from eegkd.weightings import Constant, Context, Weighting

if TYPE_CHECKING:
    import pandas as pd

# The second argument is the teacher's output, None for a term without a teacher.
Criterion = Callable[[Output, Any, Batch], Tensor]
Progress = Callable[[int, dict[str, float]], None]


class Objective:
    """A weighted sum of criteria, averaged over the trials of a batch.

    Parameters
    ----------
    terms : sequence of (criterion, teacher or None)
        What is compared with whom.
    weighting : Weighting, optional
        How the terms are mixed; by default each counts 1.

    Raises
    ------
    ValueError
        If there is no term.
    """

    def __init__(
        self,
        terms: Sequence[tuple[Criterion, Teacher | None]],
        weighting: Weighting | None = None,
    ) -> None:
        if not terms:
            raise ValueError(
                "'terms' must hold at least one (criterion, teacher or None), got "
                "none. Start with (CrossEntropy(), None)."
            )
        self.terms = list(terms)
        self.weighting = weighting or Constant(*[1.0] * len(self.terms))
        self.names = [
            getattr(criterion, "name", type(criterion).__name__)
            for criterion, _ in self.terms
        ]

    def __call__(
        self, student: Output, batch: Batch, epoch: int = 0
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of a batch and the unweighted mean of each term.

        Parameters
        ----------
        student : Output
            The student's output for the batch.
        batch : Batch
            The trials.
        epoch : int, default=0
            Pass over the trials, for weightings that follow a schedule.

        Returns
        -------
        loss : Tensor, shape ()
            Batch mean of the weighted sum.
        means : Tensor, shape (n_terms,)
            Batch mean of each term, without gradient.
        """
        losses = torch.stack(
            [
                criterion(student, None if teacher is None else teacher(batch), batch)
                for criterion, teacher in self.terms
            ]
        )
        weights = self.weighting(Context(epoch, losses.detach(), student, batch))
        return (weights * losses).sum(dim=0).mean(), losses.detach().mean(dim=1)

    def __repr__(self) -> str:
        terms = ", ".join(repr(criterion) for criterion, _ in self.terms)
        return f"Objective([{terms}], {self.weighting!r})"


@dataclass
class Learner:
    """A decoder, what it minimizes, and how.

    Parameters
    ----------
    decoder : Decoder
        The network behind its view; trained in place.
    objective : Objective
        What is minimized.
    lr : float, default=5e-4
        Learning rate of Adam, > 0. The published value.
    weight_decay : float, default=0.1
        Weight of the L2 penalty inside Adam, >= 0. The published value.
    """

    decoder: Decoder
    objective: Objective
    lr: float = 5e-4
    weight_decay: float = 0.1

    def __post_init__(self) -> None:
        check_number(self.lr, "lr", above=0, hint="Typical values are 1e-4 to 1e-2.")
        check_number(self.weight_decay, "weight_decay", at_least=0)


@dataclass
class History:
    """What happened in each pass over the trials.

    Parameters
    ----------
    rows : list of dict
        One entry for each pass: ``epoch``, ``train_<term>`` and ``train_loss``, and
        with validation ``valid_<term>``, ``valid_loss`` and ``valid_accuracy``.
    best_epoch : int or None
        The pass whose weights were kept; None before the first.
    seconds : float
        Time of the whole training.
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    seconds: float = 0.0

    @property
    def best_loss(self) -> float:
        """Loss of the pass that was kept, on validation where there was one."""
        if self.best_epoch is None:
            return float("nan")
        row = self.rows[self.best_epoch]
        return row.get("valid_loss", row["train_loss"])

    def to_frame(self) -> pd.DataFrame:
        """Return the entries as a table.

        Returns
        -------
        table : DataFrame
            One row for each pass.
        """
        import pandas as pd

        return pd.DataFrame(self.rows)


def distill(
    learners: Learner | Sequence[Learner],
    source: Source,
    *,
    valid: TrialSource | None = None,
    max_epochs: int = 500,
    patience: int | None = None,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Any:
    """Train one or several learners on the same batches.

    Training a teacher is distilling with a label loss alone. Of each learner the
    weights of the pass with the lowest validation loss are kept; without validation
    trials, those of the last pass.

    Parameters
    ----------
    learners : Learner or sequence of Learner
        Who learns. All outputs of a batch are computed before any update.
    source : Source
        Training trials.
    valid : TrialSource, optional
        Validation trials, from the training sessions.
    max_epochs : int, default=500
        Passes over the trials, >= 1.
    patience : int, optional
        Stop when no learner has improved on validation for so many passes.
    random_state : int, default=0
        Seed of dropout. On a CPU the same seed gives the same weights. The global
        random state is neither used nor changed.
    progress : callable, optional
        Called as ``progress(epoch, row)`` after each pass with the first learner's
        entry of the history.

    Returns
    -------
    history : History or list of History
        One for each learner, in the form in which they were given.

    Raises
    ------
    ValueError
        If ``patience`` is given without validation trials, or a number is out of
        bounds.
    FloatingPointError
        If a loss is no longer finite.

    Notes
    -----
    An interruption (Ctrl-C) restores the best weights so far and is passed on.
    """
    check_int(max_epochs, "max_epochs", at_least=1)
    check_int(random_state, "random_state", at_least=0)
    if patience is not None:
        check_int(patience, "patience", at_least=1)
        if valid is None:
            raise ValueError(
                "'patience' needs validation trials, got valid=None. Pass valid, or "
                "leave patience at None."
            )
    group = [learners] if isinstance(learners, Learner) else list(learners)
    students = [_Student(learner) for learner in group]
    start = time.perf_counter()
    with _seeded(random_state):
        try:
            for epoch in range(max_epochs):
                _one_pass(students, source, epoch)
                for student in students:
                    student.finish_pass(epoch, valid)
                if progress is not None:
                    progress(epoch, students[0].history.rows[-1])
                if patience is not None and all(
                    epoch - (student.history.best_epoch or 0) >= patience
                    for student in students
                ):
                    break
        finally:
            for student in students:
                student.keep_best()
                student.history.seconds = time.perf_counter() - start
    histories = [student.history for student in students]
    return histories[0] if isinstance(learners, Learner) else histories


def _one_pass(students: list[_Student], source: Source, epoch: int) -> None:
    """Update every learner on every batch of one pass."""
    for student in students:
        student.start_pass()
    for batch in source(epoch):
        losses = [student.loss(batch, epoch) for student in students]
        for student, loss in zip(students, losses, strict=True):
            student.update(loss, len(batch))


class _Student:
    """A learner in training: its optimizer, history and best weights so far."""

    def __init__(self, learner: Learner) -> None:
        self.decoder, self.objective = learner.decoder, learner.objective
        self.optimizer = torch.optim.Adam(
            [p for p in self.decoder.parameters() if p.requires_grad],
            lr=learner.lr,
            weight_decay=learner.weight_decay,
        )
        self.history = History()
        self._best: dict[str, Tensor] | None = None
        self._total = torch.zeros(0)
        self._means = torch.zeros(0)
        self._seen = 0

    def start_pass(self) -> None:
        """Switch to training and forget the last pass's sums."""
        self.decoder.train()
        self._total, self._means = torch.zeros(()), torch.zeros(())
        self._seen = 0

    def loss(self, batch: Batch, epoch: int) -> Tensor:
        """Return the loss of a batch and add its terms to the sums."""
        output = self.decoder(batch.seen_by(self.decoder.view))
        loss, means = self.objective(output, batch, epoch)
        self._means = self._means.to(means.device) + means * len(batch)
        return loss

    def update(self, loss: Tensor, n_trials: int) -> None:
        """Take one step of the optimizer."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self._total = self._total.to(loss.device) + loss.detach() * n_trials
        self._seen += n_trials

    def finish_pass(self, epoch: int, valid: TrialSource | None) -> None:
        """Write the pass into the history and keep its weights if they are the best."""
        row: dict[str, float] = {"epoch": epoch}
        means = (self._means / self._seen).tolist()
        row.update(
            {f"train_{n}": v for n, v in zip(self.objective.names, means, strict=True)}
        )
        row["train_loss"] = float(self._total / self._seen)
        if valid is not None:
            row.update(self._validate(valid, epoch))
        self.history.rows.append(row)
        loss = row.get("valid_loss", row["train_loss"])
        if not torch.isfinite(torch.tensor(loss)):
            raise FloatingPointError(
                f"The loss is {loss} after epoch {epoch}. Lower lr, or check the "
                "signals for artifacts of extreme size."
            )
        if valid is None:
            self.history.best_epoch = epoch  # the last pass is what stays
        elif self.history.best_epoch is None or loss < self.history.best_loss:
            self.history.best_epoch = epoch
            self._best = copy.deepcopy(self.decoder.state_dict())

    def _validate(self, valid: TrialSource, epoch: int) -> dict[str, float]:
        """Return the terms, the loss and the accuracy on the validation trials."""
        self.decoder.eval()
        total, means, right = 0.0, torch.zeros(()), 0.0
        with torch.no_grad():
            for batch in valid(0):
                output = self.decoder(batch.seen_by(self.decoder.view))
                loss, terms = self.objective(output, batch, epoch)
                total += float(loss) * len(batch)
                means = means + terms.cpu() * len(batch)
                right += float((output.logits.argmax(dim=1) == batch.y).sum())
        names = [f"valid_{name}" for name in self.objective.names]
        row = dict(zip(names, (means / len(valid)).tolist(), strict=True))
        return {
            **row,
            "valid_loss": total / len(valid),
            "valid_accuracy": right / len(valid),
        }

    def keep_best(self) -> None:
        """Put the best weights back and leave the decoder in eval mode."""
        if self._best is not None:
            self.decoder.load_state_dict(self._best)
        self.decoder.eval()


@contextlib.contextmanager
def _seeded(random_state: int) -> Iterator[None]:
    """Seed torch inside the block and give the caller's random state back after it."""
    with torch.random.fork_rng():
        torch.manual_seed(random_state)
        yield


@dataclass
class Training:
    """What a method is given: whom to train, with whom, on what, and how.

    Parameters
    ----------
    student : Decoder
        The student, untrained.
    source : TrialSource
        Training trials.
    valid : TrialSource or None
        Validation trials, from the training sessions.
    teacher : Decoder or None
        The trained teacher; None for methods that need none.
    settings : dict
        ``lr`` and ``weight_decay`` of `Learner`.
    loop : dict
        ``max_epochs``, ``patience``, ``random_state`` and ``progress`` of `distill`.
    """

    student: Decoder
    source: TrialSource
    valid: TrialSource | None = None
    teacher: Decoder | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    loop: dict[str, Any] = field(default_factory=dict)

    def frozen(self, mode: str = "eval") -> Frozen:
        """Return the teacher as one that answers and does not change.

        Parameters
        ----------
        mode : {"eval", "as_published"}, default="eval"
            See `eegkd.Frozen`.

        Returns
        -------
        teacher : Frozen
            A frozen copy of the teacher.

        Raises
        ------
        ValueError
            If there is no teacher.
        """
        if self.teacher is None:
            raise ValueError(
                "'teacher' must be a trained decoder for this method, got None. Pass "
                "Training(teacher=...), or use the method 'none'."
            )
        return Frozen(self.teacher, mode)

    def run(self, objective: Objective) -> History:
        """Train the student on an objective.

        Parameters
        ----------
        objective : Objective
            What is minimized.

        Returns
        -------
        history : History
            What happened in each pass.
        """
        return distill(
            Learner(self.student, objective, **self.settings),
            self.source,
            valid=self.valid,
            **self.loop,
        )


def train_decoder(training: Training) -> History:
    """Train on the labels alone: how teachers and plain decoders are trained.

    Parameters
    ----------
    training : Training
        Whom to train, on what, and how.

    Returns
    -------
    history : History
        What happened in each pass.
    """
    return training.run(Objective([(CrossEntropy(), None)]))
