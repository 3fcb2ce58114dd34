"""The one training loop, for teachers, students and several learners."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from eegkd._checks import check_int
from eegkd.criteria.base import TrainedCriterion
from eegkd.decoders import Decoder
from eegkd.distillation.batch_statistics import refresh_statistics
from eegkd.distillation.faults import schedule_faults, statistics_faults
from eegkd.distillation.objective import Objective, summed
from eegkd.distillation.recipe import Recipe
from eegkd.samplers import Batch, Sampler, TrialSampler
from eegkd.weightings import Constant

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, dict[str, float]], None]
_OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


@dataclass
class Learner:
    """A decoder, what it minimizes, and how.

    Parameters
    ----------
    decoder : Decoder
        The network behind its view; trained in place.
    objective : Objective
        What is minimized.
    recipe : Recipe, optional
        Optimizer, learning rate, weight decay, averaging of weights, batch statistics
        and calibration. By default ``Recipe()``.
    must_calibrate : bool, default=False
        Whether ``recipe.calibrate`` is an error where the weights of the objective
        move. By default such objectives keep their weights.

    Attributes
    ----------
    history : History or None
        What happened so far in the training that it is in, or was in last.
    """

    decoder: Decoder
    objective: Objective
    recipe: Recipe = field(default_factory=Recipe)
    must_calibrate: bool = False
    history: History | None = field(default=None, init=False, repr=False)


@dataclass
class History:
    """What happened in each epoch over the trials.

    Parameters
    ----------
    rows : list of dict
        One entry for each epoch: ``epoch``, ``train_<term>`` and ``train_loss``, and
        with validation ``valid_<term>``, ``valid_accuracy`` and, where a term counts
        on validation trials, ``valid_loss``.
    best_epoch : int or None
        The epoch whose weights were kept; None before the first.
    seconds : float
        Time of the whole training.
    updates : int
        Steps of the optimizer that the weights have had; of a student whose method
        trains it in several stages, in all of them.
    n_students : int
        How many students were trained, of which this one was chosen.
    notes : dict
        What a method found out on the way, such as the weights of its teachers;
        JSON-ready.
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    seconds: float = 0.0
    updates: int = 0
    n_students: int = 1
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def kept(self) -> dict[str, float]:
        """Entry of the epoch whose weights were kept; empty before the first."""
        return {} if self.best_epoch is None else self.rows[self.best_epoch]

    @property
    def best_loss(self) -> float:
        """Loss of the epoch that was kept, on validation where there was one."""
        return self._of_kept("loss")

    @property
    def label_loss(self) -> float:
        """Label loss of the epoch that was kept, on validation where there was one.

        Losses of different objectives cannot be compared; the label term of each can.
        """
        return self._of_kept("label_loss")

    def _of_kept(self, name: str) -> float:
        """Return a value of the kept epoch, on validation trials if it is there."""
        trained = self.kept.get(f"train_{name}", float("nan"))
        return self.kept.get(f"valid_{name}", trained)

    def to_frame(self) -> pd.DataFrame:
        """Return the entries as a table.

        Returns
        -------
        table : DataFrame
            One row for each epoch.
        """
        import pandas as pd

        return pd.DataFrame(self.rows)


def distill(
    learners: Learner | Sequence[Learner],
    sampler: Sampler,
    *,
    valid: TrialSampler | None = None,
    max_epochs: int | None = None,
    patience: int | None = None,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Any:
    """Train one or several learners on the same batches.

    Training a teacher is distilling with a label loss alone. Of each learner the
    weights of the epoch with the lowest validation loss are kept; without validation
    trials, or where no term counts on them, those of the last epoch; with
    ``average_from`` in its recipe, an average over epochs.

    Parameters
    ----------
    learners : Learner or sequence of Learner
        Who learns. All outputs of a batch are computed before any update.
    sampler : Sampler
        Training trials.
    valid : TrialSampler, optional
        Validation trials, from the training sessions.
    max_epochs : int, optional
        Epochs over the trials, >= 1; by default those of the first learner's recipe.
    patience : int, optional
        Stop when no learner has improved on validation for so many epochs. Where no
        term counts on validation trials, training goes on to the end.
    random_state : int, default=0
        Seed of dropout. On one CPU with as many threads the same seed gives the same
        weights. The global random state is neither used nor changed.
    progress : callable, optional
        Called as ``progress(epoch, row)`` after each epoch with the first learner's
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
    An interruption (Ctrl-C) restores the best weights so far and is passed on. What
    speaks against the schedule is in ``history.notes["schedule"]``.
    """
    check_int(random_state, "random_state", at_least=0)
    if patience is not None:
        check_int(patience, "patience", at_least=1)
        if valid is None:
            raise ValueError(
                "'patience' needs validation trials, got valid=None. Pass valid, or "
                "leave patience at None."
            )
    group = [learners] if isinstance(learners, Learner) else list(learners)
    usual = group[0].recipe.for_trials(len(sampler)).max_epochs
    max_epochs = usual if max_epochs is None else max_epochs
    check_int(max_epochs, "max_epochs", at_least=1)
    start = time.perf_counter()
    with _seeded(random_state, group):
        students = _start(group, sampler, max_epochs)
        try:
            for epoch in range(max_epochs):
                _one_epoch(students, sampler, epoch, max_epochs)
                if valid is not None:
                    _validate(students, valid, epoch)
                for student in students:
                    student.finish_epoch(epoch)
                if progress is not None:
                    progress(epoch, students[0].history.rows[-1])
                if patience is not None and all(
                    epoch - (student.history.best_epoch or 0) >= patience
                    for student in students
                ):
                    break
        finally:
            for student in students:
                student.keep_best(sampler)
                student.history.seconds = time.perf_counter() - start
    for student in students:
        student.judge_schedule(sampler, max_epochs)
    histories = [student.history for student in students]
    return histories[0] if isinstance(learners, Learner) else histories


def _start(
    learners: list[Learner], sampler: Sampler, max_epochs: int
) -> list[_Student]:
    """Make what criteria need, then an optimizer for each learner."""
    # One that learns from another may read the other's features.
    features = any(learner.objective.needs_features for learner in learners)
    for learner in learners:
        learner.objective.scale = torch.ones(len(learner.objective.terms), 1)
        learner.objective.tell("read_features", features)
    curious = any(
        (learner.recipe.calibrate is not None and len(learner.objective.terms) > 1)
        or any(isinstance(part, TrainedCriterion) for part in learner.objective.modules)
        for learner in learners
    )
    if curious:
        batch = next(iter(sampler(0)))
        for learner in learners:
            decoder = learner.decoder.eval()
            with torch.no_grad():
                x = batch.seen_by(decoder.view)
                batch.outputs[decoder] = decoder(x, features=features)
        for learner in learners:
            learner.objective.start(batch.outputs[learner.decoder], batch)
        for learner in learners:
            _calibrate(learner, batch)
    return [_Student(learner, max_epochs, features) for learner in learners]


def _calibrate(learner: Learner, batch: Batch) -> None:
    """Scale the terms of an objective as the recipe says, where their weights stay."""
    ratio = learner.recipe.calibrate
    fixed = isinstance(learner.objective.weighting, Constant)
    if ratio is not None and (fixed or learner.must_calibrate):
        learner.objective.calibrate(learner.decoder, batch, ratio)


def _one_epoch(
    students: list[_Student], sampler: Sampler, epoch: int, max_epochs: int
) -> None:
    """Update every learner on every batch of one epoch."""
    tell_sampler = getattr(sampler, "start_epoch", None)
    if tell_sampler is not None:
        tell_sampler(epoch)
    for student in students:
        student.start_epoch(epoch, max_epochs, len(sampler))
    for batch in sampler(epoch):
        _answer(students, batch)
        losses = [student.loss(batch, epoch) for student in students]
        for student, loss in zip(students, losses, strict=True):
            student.update(loss)


def _validate(students: list[_Student], valid: TrialSampler, epoch: int) -> None:
    """Let every learner see the validation trials, all of them batch by batch."""
    for student in students:
        student.start_validation()
    with torch.no_grad():
        for batch in valid(0):
            _answer(students, batch)
            for student in students:
                student.validate(batch, epoch)


def _answer(students: list[_Student], batch: Batch) -> None:
    """Write what every learner says of a batch into it, before any update."""
    for student in students:
        decoder = student.decoder
        x = batch.seen_by(decoder.view)
        batch.outputs[decoder] = decoder(x, features=student.features)


class _Sums:
    """Sums over the trials of an epoch: loss, terms and right answers."""

    def __init__(self) -> None:
        self.loss: Any = 0.0
        self.terms: Any = 0.0
        self.right: Any = 0.0
        self.counted: Any = False
        self.n_trials = 0

    def add(self, loss: Tensor, terms: Tensor, n_trials: int) -> None:
        """Add a batch."""
        self.loss = self.loss + loss.detach() * n_trials
        self.terms = self.terms + terms * n_trials
        self.n_trials += n_trials

    def means(self, names: list[str], kind: str) -> dict[str, float]:
        """Return the mean of each term and of the loss, by name."""
        terms = (self.terms / self.n_trials).tolist()
        row = {f"{kind}_{name}": v for name, v in zip(names, terms, strict=True)}
        return {**row, f"{kind}_loss": float(self.loss / self.n_trials)}


class _Student:
    """A learner in training: its optimizer, history and best weights so far."""

    def __init__(self, learner: Learner, max_epochs: int, features: bool) -> None:
        self.decoder, self.objective = learner.decoder, learner.objective
        self.recipe = learner.recipe
        self.optimizer = _OPTIMIZERS[self.recipe.optimizer](
            _parameter_groups(learner),
            lr=self.recipe.lr,
            weight_decay=self.recipe.weight_decay,
        )
        self._progress = self._step = 0.0  # parts of the training
        self._n_batches = 0  # in the latest epoch
        self.history = learner.history = History()
        self.features = features  # whether more than scores is read
        self._best: dict[str, Tensor] | None = None
        self._average = (
            None
            if self.recipe.average_from is None
            else _Average(int(self.recipe.average_from * max_epochs))
        )
        self._train, self._valid = _Sums(), _Sums()

    def start_epoch(self, epoch: int, max_epochs: int, n_trials: int) -> None:
        """Switch to training and forget the last epoch's sums."""
        expected = self._n_batches or math.ceil(n_trials / self.recipe.batch_size)
        self._progress, self._step = epoch / max_epochs, 1 / (expected * max_epochs)
        self._n_batches = 0
        self.objective.tell("start_epoch", epoch)
        self.decoder.train()
        self.objective.train()
        self._train, self._valid = _Sums(), _Sums()

    def loss(self, batch: Batch, epoch: int) -> Tensor:
        """Return the loss of a batch and add its terms to the sums."""
        loss, terms = self.objective(batch.outputs[self.decoder], batch, epoch)
        self._train.add(loss, terms, len(batch))
        return loss

    def update(self, loss: Tensor) -> None:
        """Take one step of the optimizer."""
        lr = self.recipe.rate_at(min(self._progress, 1.0))
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self._progress += self._step
        self._n_batches += 1
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.history.updates += 1
        self.objective.tell("after_update")

    def start_validation(self) -> None:
        """Switch dropout off and batch statistics to those that were learned."""
        self.decoder.eval()
        self.objective.train(False)

    def validate(self, batch: Batch, epoch: int) -> None:
        """Add a validation batch to the sums."""
        output = batch.outputs[self.decoder]
        losses, weights = self.objective.weigh(output, batch, epoch, training=False)
        self._valid.add(*summed(losses, weights), len(batch))
        self._valid.counted = self._valid.counted | (weights != 0).any()
        if not batch.y.is_floating_point():
            right = (output.logits.argmax(dim=1) == batch.y).sum()
            self._valid.right = self._valid.right + right

    def finish_epoch(self, epoch: int) -> None:
        """Write the epoch into the history; keep its weights if they are the best."""
        names = self.objective.names
        row: dict[str, float] = {"epoch": epoch, **self._train.means(names, "train")}
        validated = bool(self._valid.counted)
        if self._valid.n_trials > 0:
            row.update(self._valid.means(names, "valid"))
            if not validated:  # nothing counts, so its 0 says nothing of the epoch
                del row["valid_loss"]
            if isinstance(self._valid.right, Tensor):
                row["valid_accuracy"] = float(self._valid.right) / self._valid.n_trials
        self.history.rows.append(row)
        loss = row.get("valid_loss", row["train_loss"])
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss is {loss} after epoch {epoch}. Lower lr, or check the "
                "signals for artifacts of extreme size."
            )
        if self._average is not None:
            self._average.add(self.decoder, epoch)
        if self._average is not None or not (validated or self._best):
            self.history.best_epoch = epoch  # the last epoch is what stays
        elif validated and (self._best is None or loss < self.history.best_loss):
            self.history.best_epoch = epoch
            self._best = copy.deepcopy(self.decoder.state_dict())

    def keep_best(self, sampler: Sampler) -> None:
        """Put the best weights back and leave the decoder in eval mode."""
        if self._best is not None:
            self.decoder.load_state_dict(self._best)
        if self._average is not None and self._average.n_epochs:
            self._average.give(self.decoder)
            self.history.notes["averaged_epochs"] = self._average.n_epochs
        trained = self._n_batches > 0 or bool(self.history.rows)
        anew = self.recipe.batch_statistics == "anew" or self._average is not None
        if anew and trained:
            refresh_statistics(self.decoder, sampler)
        self.decoder.eval()

    def judge_schedule(self, sampler: Sampler, max_epochs: int) -> None:
        """Write into the history what speaks against the schedule, if anything does."""
        found = schedule_faults(self.history, max_epochs, self.recipe.schedule)
        if self.recipe.batch_statistics == "running" and self._average is None:
            found += statistics_faults(self.decoder, sampler, max_epochs)
        if found:
            self.history.notes["schedule"] = found


class _Average:
    """The arithmetic mean of a decoder's weights over the last epochs."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.n_epochs = 0
        self.mean: dict[str, Tensor] = {}

    def add(self, decoder: Decoder, epoch: int) -> None:
        """Add the weights after an epoch, if it is one of the last."""
        if epoch < self.first:
            return
        self.n_epochs += 1
        for name, parameter in decoder.named_parameters():
            value = parameter.detach()
            mean = self.mean.setdefault(name, torch.zeros_like(value))
            mean += (value - mean) / self.n_epochs

    def give(self, decoder: Decoder) -> None:
        """Give a decoder the mean."""
        with torch.no_grad():
            for name, value in decoder.named_parameters():
                value.copy_(self.mean[name])


def _parameter_groups(learner: Learner) -> list[dict[str, Any]]:
    """Return what is trained: the decoder, and criteria without weight decay."""
    trained = [p for p in learner.decoder.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [{"params": trained}]
    if learner.recipe.decayed == "weights":
        # A bias, or the scale of a batch normalization, is a vector.
        vectors = [p for p in trained if p.ndim < 2]
        groups = [
            {"params": [p for p in trained if p.ndim >= 2]},
            {"params": vectors, "weight_decay": 0.0},
        ]
    own = list(learner.objective.parameters())
    if own:
        groups.append({"params": own, "weight_decay": 0.0})
    return groups


@contextlib.contextmanager
def _seeded(random_state: int, learners: list[Learner]) -> Iterator[None]:
    """Seed CPU and the learners' devices inside the block; undo it after the block."""
    places = {p.device for one in learners for p in one.decoder.parameters()}
    cuda = sorted(place.index for place in places if place.type == "cuda")
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(random_state)
        for index in cuda:
            torch.cuda.default_generators[index].manual_seed(random_state)
        for kind in {place.type for place in places} - {"cpu", "cuda"}:
            torch.get_device_module(kind).manual_seed(random_state)
        yield
