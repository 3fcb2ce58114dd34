"""What many methods minimize: labels, and criteria that compare with a teacher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from eegkd._checks import check_number
from eegkd.criteria import KL
from eegkd.distillation import Criterion, History, Objective, Training
from eegkd.methods._several_teachers import several
from eegkd.methods._shared_docs import complete_doc
from eegkd.methods._unmet import say_if_kept_before, say_of_lone_trials
from eegkd.teachers import Frozen, Teacher
from eegkd.weightings import Constant, Weighting

__all__ = ["follow", "soft_objective", "transfer", "weighted"]

Term = tuple[float, Criterion, Teacher | None]


def weighted(terms: Sequence[Term]) -> Objective:
    """Return a weighted sum of criteria.

    Parameters
    ----------
    terms : sequence of (float, criterion, teacher or None)
        Weight, >= 0, criterion, and the teacher that it compares the student with.

    Returns
    -------
    objective : Objective
        For `eegkd.distillation.Training.run`.
    """
    return Objective(
        [(criterion, teacher) for _, criterion, teacher in terms],
        Constant(*[weight for weight, _, _ in terms]),
    )


def transfer(
    training: Training,
    terms: Sequence[tuple[float, Any]],
    *,
    label_weight: float = 1.0,
    soft_weight: float = 0.0,
    temperature: float = 4.0,
    teacher_mode: str = "eval",
) -> History:
    """Train the student on labels and on criteria that compare it with its teacher.

    Parameters
    ----------
    terms : sequence of (float, criterion)
        Weight, >= 0, and criterion. A term of weight 0 is not computed.
    """
    if training.regression:
        check_number(
            soft_weight,
            "soft_weight",
            at_least=0,
            at_most=0,
            hint="Continuous labels have no softened classes.",
        )
    for weight, criterion in terms:
        if weight and getattr(criterion, "between_trials", False):
            say_of_lone_trials(training, type(criterion).__name__)
    teacher = training.frozen(teacher_mode)
    parts: list[Term] = [
        (label_weight, training.label_loss(), None),
        (soft_weight, KL(temperature), teacher),
        *[(weight, criterion, teacher) for weight, criterion in terms],
    ]
    return training.run(weighted([part for part in parts if part[0] != 0] or parts[:1]))


def soft_objective(
    training: Training,
    teacher: Teacher,
    *,
    label_weight: float = 0.1,
    soft_weight: float = 0.9,
    temperature: float = 4.0,
) -> Objective:
    """Return labels plus the divergence from a teacher's softened classes.

    Parameters
    ----------
    teacher : Teacher
        Any that answers a batch.

    Returns
    -------
    objective : Objective
        For `eegkd.distillation.Training.run`.
    """
    return weighted(
        [
            (label_weight, training.label_loss(), None),
            (soft_weight, KL(temperature), teacher),
        ]
    )


def follow(
    training: Training,
    weighting: Callable[..., Weighting],
    find_teachers: Callable[[Training, int], list[Frozen]] = several,
    hint: tuple[float, Callable[[list[Frozen]], Criterion]] | None = None,
    *,
    label_weight: float = 1.0,
    soft_weight: float = 1.0,
    temperature: float = 4.0,
    n_teachers: int = 3,
) -> History:
    """Train the student on labels and on a divergence from each of several teachers.

    Parameters
    ----------
    weighting : callable
        Makes a `Weighting` of the weights of the terms, and is asked for one before
        teachers are trained, so that wrong options are refused first.
    find_teachers : callable
        ``find_teachers(training, n_teachers)`` returns teachers. By default they are
        those that are given; beside a single one, others like it are trained.
    hint : (float, callable), optional
        Weight of a further term, and what makes its criterion of the teachers.
    """
    weighting(label_weight, soft_weight)
    softened = KL(temperature)
    teachers = find_teachers(training, n_teachers)
    terms: list[tuple[Criterion, Teacher | None]] = [
        (training.label_loss(), None),
        *[(softened, teacher) for teacher in teachers],
    ]
    weights = [label_weight, *[soft_weight] * len(teachers)]
    if hint is not None:
        terms.append((hint[1](teachers), None))
        weights.append(hint[0])
    mixed = weighting(*weights)
    history = training.run(Objective(terms, mixed))
    _say_of_closed_teachers(training, mixed, history, len(teachers))
    history.notes["teacher_n_chans"] = [
        teacher.decoder.view.montage.n_chans for teacher in teachers
    ]
    return history


def _say_of_closed_teachers(
    training: Training, weighting: Weighting, history: History, n_teachers: int
) -> None:
    """Say so if not all teachers were open yet in the epoch that is kept."""
    n_open = getattr(weighting, "n_open", None)
    if n_open is None:
        return
    last = next(
        epoch
        for epoch in range(training.max_epochs)
        if n_open(epoch, n_teachers) == n_teachers
    )
    say_if_kept_before(
        history,
        last,
        f"the last of {n_teachers} teachers is open",
        "Lower 'all_from', or train for more epochs",
    )


for function in (transfer, soft_objective):
    complete_doc(function)
complete_doc(follow, "several")
