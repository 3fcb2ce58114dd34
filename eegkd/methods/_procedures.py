"""What methods around the loop share: candidates, assistants, snapshots."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from eegkd._checks import check_choice, check_int, check_number, check_type
from eegkd.criteria import KL
from eegkd.decoders import Decoder
from eegkd.distillation import History, Objective, Training
from eegkd.distillation.information import similarity_information
from eegkd.samplers import Batch, Sampler, TrialSampler
from eegkd.teachers import Frozen, Teacher
from eegkd.weightings import Constant

MONTAGES = ("ladder", "student")


def soft_objective(
    training: Training,
    teacher: Teacher,
    temperature: float,
    label_weight: float,
    soft_weight: float,
) -> Objective:
    """Return labels plus the divergence from a teacher's softened classes."""
    return Objective(
        [(training.label_loss(), None), (KL(temperature), teacher)],
        Constant(label_weight, soft_weight),
    )


class Candidates:
    """Students trained one after the other from the same start; the best one stays.

    They share the seed, so that they differ in what teaches them alone. An
    interruption leaves the best student so far in ``training.student``.
    """

    def __init__(self, training: Training) -> None:
        self.training = training
        self.untrained = copy.deepcopy(training.student.state_dict())
        self.found: list[dict[str, Any]] = []
        self.best, self.best_loss, self.chosen = History(), math.inf, 0
        self.begin = time.perf_counter()

    def add(self, objective: Objective, **told: Any) -> None:
        """Train a student; what is ``told`` of it goes into the notes."""
        student = self.training.copy_student()
        student.load_state_dict(self.untrained)
        try:
            history = self.training.train(student, objective)
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
        self.best.seconds = time.perf_counter() - self.begin
        trials = "training" if self.training.valid is None else "validation"
        self.best.notes.update(
            candidates=self.found,
            chosen=self.chosen,
            chosen_by=f"label loss on {trials} trials",
        )
        return self.best


def train_assistants(
    training: Training,
    first: Teacher,
    n_assistants: int,
    decoders: Sequence[Any] | None,
    montages: str,
    weights: dict[str, float],
    *,
    chain: bool,
) -> tuple[list[Frozen], list[dict[str, Any]]]:
    """Distill a teacher into assistants; in a chain each one teaches the next."""
    check_choice(montages, "montages", MONTAGES)
    if decoders is None:
        decoders = [None] * check_int(n_assistants, "n_assistants", at_least=1)
    elif isinstance(decoders, str) or len(decoders) == 0:
        raise ValueError(
            f"'decoders' must list at least one decoder, got {decoders!r}. Pass for "
            "example ['SCCNet', 'EEGNet'], or None for the student's kind."
        )
    places: list[Any] = ["student"] * len(decoders)
    if montages == "ladder":
        steps = training.ladder(len(decoders))[::-1]
        places[: len(steps)] = steps
    teacher, assistants, notes = first, [], []
    for number, (place, kind) in enumerate(zip(places, decoders, strict=True)):
        seed = training.random_state + 1 + number
        assistant = training.build(place, kind, seed)
        history = training.train(
            assistant, soft_objective(training, teacher, **weights), random_state=seed
        )
        assistants.append(Frozen(assistant))
        notes.append(
            {
                "decoder": type(assistant.network).__name__,
                "electrodes": assistant.view.montage.n_chans,
                "label_loss": history.label_loss,
                "accuracy": history.kept.get("valid_accuracy"),
            }
        )
        if chain:
            teacher = assistants[-1]
    return assistants, notes


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


def judges(training: Training) -> Batch:
    """Return all validation trials, or without any all training trials."""
    sampler = training.sampler if training.valid is None else training.valid
    return sampler.batch(torch.arange(len(sampler), device=sampler.X.device))


def compressed(training: Training, decoder: Any, n_epochs: int, decay: float) -> Frozen:
    """Return a teacher whose whole schedule of learning rates fits the budget."""
    seed = training.random_state + 1
    teacher = training.build("full", decoder, seed)
    lr = training.settings.get("lr", 5e-4)
    fine = n_epochs // 3
    for rate, count in ((lr, n_epochs - fine), (lr * decay, fine)):
        if count:
            stage = replace(training, settings={**training.settings, "lr": rate})
            stage.train(teacher, valid=None, max_epochs=count, random_state=seed)
    return Frozen(teacher)


def describe_teacher(
    training: Training, teacher: Frozen, temperature: float
) -> dict[str, Any]:
    """Return a teacher's accuracy and similarity information on held-out trials."""
    batch = judges(training)
    logits = teacher(batch).logits
    information = similarity_information(
        logits.cpu().numpy(), batch.y.cpu().numpy(), temperature=temperature
    ).to_dict()
    accuracy = float((logits.argmax(dim=1) == batch.y).double().mean())
    return {"teacher_accuracy": accuracy, "teacher_similarity": information}


def ensemble_weights(proba: Any, y: Any, random_state: int = 0) -> list[float]:
    """Find the weighted average of probabilities that is likeliest to be right.

    Parameters
    ----------
    proba : array-like, shape (n_members, n_trials, n_classes)
        Probabilities of each member.
    y : array-like of int, shape (n_trials,)
        Class of each trial, from 0.
    random_state : int, default=0
        Seed of the differential evolution.

    Returns
    -------
    weights : list of float
        One for each member, in [0, 1], of sum 1.
    """
    from scipy.optimize import differential_evolution

    check_int(random_state, "random_state", at_least=0)
    right = np.take_along_axis(np.asarray(proba), np.asarray(y)[None, :, None], 2)[
        ..., 0
    ]

    def shares(values: np.ndarray) -> np.ndarray:
        total = values.sum()
        return values / total if total > 0 else np.full(len(values), 1 / len(values))

    def surprise(values: np.ndarray) -> float:
        return float(-np.log(np.maximum(shares(values) @ right, 1e-12)).mean())

    found = differential_evolution(
        surprise,
        [(0.0, 1.0)] * len(right),
        strategy="best1bin",
        tol=1e-6,
        polish=False,
        rng=random_state,
    )
    return shares(found.x).tolist()


def held_out_answers(
    training: Training, members: Sequence[Frozen]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the members' probabilities of validation trials, and the classes."""
    batch = judges(training)
    logits = torch.stack([member(batch).logits for member in members])
    return logits.double().softmax(dim=2).cpu().numpy(), batch.y.cpu().numpy()


def hold_out(sampler: TrialSampler, part: float) -> tuple[TrialSampler, TrialSampler]:
    """Hold out evenly spaced trials of each class, the last of each among them."""
    chosen = torch.zeros(len(sampler), dtype=torch.bool, device=sampler.y.device)
    for label in sampler.y.unique():
        rows = torch.nonzero(sampler.y == label).flatten()
        if len(rows) > 1:
            chosen[rows.flip(0)[:: max(2, round(1 / part))]] = True
    if not chosen.any():
        raise ValueError(
            "'training' must hold two trials of a class, or validation trials, to "
            "learn weights from; got one of each class. Record more trials."
        )
    return sampler.subset(~chosen), sampler.subset(chosen)
