"""Students of several teachers, of which the best stays; teachers for some epochs."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from eegkd._checks import check_number, check_type
from eegkd.decoders import Decoder
from eegkd.distillation import History, Objective, Training
from eegkd.distillation.information import similarity_information
from eegkd.methods._held_out import validation_batch
from eegkd.methods._unmet import say
from eegkd.samplers import Sampler
from eegkd.teachers import Frozen


class Candidates:
    """Students trained one after the other; the best one stays.

    Unless they are given they share start and seed, so that they differ in what
    teaches them alone. An interruption leaves the best student so far in
    ``training.student``.
    """

    def __init__(self, training: Training) -> None:
        self.training = training
        self.untrained = copy.deepcopy(training.student.state_dict())
        self.found: list[dict[str, Any]] = []
        self.best, self.best_loss, self.chosen = History(), math.inf, 0
        self.begin = time.perf_counter()

    def add(
        self,
        objective: Objective | None,
        student: Decoder | None = None,
        how: Mapping[str, Any] | None = None,
        **told: Any,
    ) -> None:
        """Train a student; what is ``told`` of it goes into the notes.

        ``how`` holds further arguments of `Training.train`.
        """
        if student is None:
            student = self.training.copy_student()
            student.load_state_dict(self.untrained)
        try:
            history = self.training.train(student, objective, **(how or {}))
        except KeyboardInterrupt:
            if not self.found:
                self._keep(student)
            raise
        self.found.append(
            {
                **told,
                "student_label_loss": history.label_loss,
                "student_accuracy": history.kept.get("valid_accuracy"),
            }
        )
        if history.label_loss < self.best_loss:
            self.best, self.best_loss = history, history.label_loss
            self.chosen = len(self.found) - 1
            self._keep(student)

    def _keep(self, student: Decoder) -> None:
        """Give the student of the training the weights of a candidate."""
        self.training.student.load_state_dict(student.state_dict())
        self.training.student.eval()

    def finish(self) -> History:
        """Return the history of the best student, with notes on all of them."""
        say(
            len(self.found) == 1,
            "There was one teacher and nothing to choose: all 'fractions' of %d epochs "
            "come to the same number. Pass other fractions, or train for more epochs.",
            self.training.max_epochs,
        )
        self.best.seconds = time.perf_counter() - self.begin
        self.best.n_students = len(self.found)
        trials = "training" if self.training.valid is None else "validation"
        self.best.notes.update(
            candidates=self.found,
            chosen=self.chosen,
            chosen_by=f"label loss on {trials} trials",
        )
        return self.best


def budgets(training: Training, parts: Sequence[float], argument: str) -> list[int]:
    """Return numbers of epochs, sorted, from parts of all epochs."""
    check_type(parts, argument, (list, tuple), "a list of parts of the epochs")
    checked = [check_number(part, argument, above=0, at_most=1) for part in parts]
    if not checked:
        raise ValueError(
            f"'{argument}' must hold at least one part of the epochs, got none. Pass "
            "for example (0.25, 0.5, 1.0)."
        )
    return sorted({max(1, round(part * training.max_epochs)) for part in checked})


def snapshots(
    training: Training,
    decoder: Decoder,
    epochs: Sequence[int],
    seed: int,
    sampler: Sampler | None = None,
) -> dict[int, Frozen]:
    """Train on labels once and return what the decoder was after some epochs."""
    found: dict[int, Frozen] = {}
    tell = training.loop.get("progress")

    def progress(epoch: int, row: dict[str, float]) -> None:
        if epoch + 1 in epochs:
            found[epoch + 1] = Frozen(decoder)
        if tell is not None:
            tell(epoch, row)

    training.train(
        decoder,
        sampler=sampler,
        valid=None,
        max_epochs=max(epochs),
        random_state=seed,
        progress=progress,
    )
    return found


def compressed(training: Training, decoder: Any, n_epochs: int, decay: float) -> Frozen:
    """Return a teacher whose whole schedule of learning rates fits the budget."""
    seed = training.random_state + 1
    teacher = training.build("full", decoder, seed)
    lr = training.recipe.lr
    fine = n_epochs // 3
    for rate, count in ((lr, n_epochs - fine), (lr * decay, fine)):
        if count:
            stage = replace(training, recipe=replace(training.recipe, lr=rate))
            stage.train(teacher, valid=None, max_epochs=count, random_state=seed)
    return Frozen(teacher)


def describe_teacher(
    training: Training, teacher: Frozen, temperature: float
) -> dict[str, Any]:
    """Return a teacher's accuracy and similarity information on held-out trials."""
    batch = validation_batch(training)
    logits = teacher(batch).logits
    information = similarity_information(
        logits.cpu().numpy(), batch.y.cpu().numpy(), temperature=temperature
    ).to_dict()
    accuracy = float((logits.argmax(dim=1) == batch.y).double().mean())
    return {"teacher_accuracy": accuracy, "teacher_similarity": information}
