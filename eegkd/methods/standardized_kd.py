"""Distillation from standardized logits (Sun et al. 2024)."""

from __future__ import annotations

from typing import Any

from eegkd.criteria.logits import StandardizedKL
from eegkd.distillation import History, Training
from eegkd.methods._unmet import say_of_two_classes
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer

STANDARDIZED = (
    "standardized scores say only which class is the likelier: once they differ by "
    "more than 'floor' they have no gradient unless detach=True, so that "
)


@Card(
    title="Logit standardization in knowledge distillation",
    transfers="softened classes, each trial at a temperature of its own",
    teacher="one",
    reference="Sun et al. 2024",
    composition="0.1 cross-entropy + 9 KL of standardized scores (T=2) to a frozen "
    "teacher",
    use="The teacher's scores are much larger than a small student's can be.",
    limits="The spread of three or four scores is noisy, and how sure the teacher is "
    "of a trial is lost. With two classes only the likelier one is left, without a "
    "gradient unless detach is on.",
    reading="There is a floor under the standard deviation; the paper has 100 classes "
    "and none.",
)
@options_of(transfer, label_weight=0.1)
def standardized_kd(
    training: Training,
    *,
    temperature: float = 2.0,
    detach: bool = False,
    floor: float = 0.1,
    soft_weight: float = 9.0,
    **shared: Any,
) -> History:
    """Train the student on labels and on the order of the teacher's scores.

    Parameters
    ----------
    temperature : float, default=2.0
        Divisor of the standardized scores, > 0.
    detach : bool, default=False
        Whether the deviation counts as a constant in the gradient.
    floor : float, default=0.1
        Smallest deviation to divide by, > 0.
    soft_weight : float, default=9.0
        Weight of the divergence, >= 0. Standardized scores are small, so that their
        divergence is as well.

    References
    ----------
    .. [1] Sun, S., Ren, W., Li, J., Wang, R., & Cao, X. (2024). Logit standardization
       in knowledge distillation. CVPR, 15731-15740.
    """
    if not detach:
        say_of_two_classes(training, STANDARDIZED + "labels alone are learned")
    criterion = StandardizedKL(temperature, detach, floor)
    return transfer(training, [(soft_weight, criterion)], **shared)
