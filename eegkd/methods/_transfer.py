"""What all methods with one frozen teacher and one transfer loss have in common."""

from __future__ import annotations

from typing import Any

from eegkd._checks import check_number
from eegkd.criteria import KL
from eegkd.distillation import History, Objective, Training
from eegkd.weightings import Constant


def transfer(
    training: Training,
    terms: list[tuple[float, Any]],
    *,
    label_weight: float,
    soft_weight: float = 0.0,
    temperature: float = 4.0,
    teacher_mode: str = "eval",
) -> History:
    """Train the student on labels and on criteria that compare it with its teacher.

    A term of weight 0 is not computed.
    """
    if training.regression:
        check_number(
            soft_weight,
            "soft_weight",
            at_least=0,
            at_most=0,
            hint="Continuous labels have no softened classes.",
        )
    teacher = training.frozen(teacher_mode)
    parts: list[tuple[float, Any, Any]] = [
        (label_weight, training.label_loss(), None),
        (soft_weight, KL(temperature), teacher),
        *[(weight, criterion, teacher) for weight, criterion in terms],
    ]
    used = [part for part in parts if part[0] != 0] or parts[:1]
    return training.run(
        Objective(
            [(criterion, who) for _, criterion, who in used],
            Constant(*[weight for weight, _, _ in used]),
        )
    )
