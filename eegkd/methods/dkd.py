"""Decoupled knowledge distillation, DKD (Zhao et al. 2022)."""

from __future__ import annotations

from typing import Any

from eegkd.criteria.logits import DecoupledKD
from eegkd.distillation import History, Training
from eegkd.methods._unmet import say_of_two_classes
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Decoupled knowledge distillation (DKD)",
    transfers="softened classes: the true one and the others, weighted apart",
    teacher="one",
    reference="Zhao et al. 2022",
    composition="1 cross-entropy + 1 target-class KL + 8 other-class KL (T=4) to a "
    "frozen teacher",
    use="Three or more classes and a teacher that is nearly always sure.",
    limits="With two classes there is nothing to decouple: it is plain distillation. "
    "The weight 8 was tuned on 100 classes. With three or four, of which none is more "
    "like another, the second part is the teacher's noise: beta=1 or less then.",
    reading="The published code raises the weight over the first 20 of 240 epochs. "
    "This is left out, so that all epochs are chosen by one loss.",
)
@options_of(transfer)
def dkd(
    training: Training,
    *,
    alpha: float = 1.0,
    beta: float = 8.0,
    temperature: float = 4.0,
    **shared: Any,
) -> History:
    """Train the student on labels and on both parts of the teacher's soft classes.

    Parameters
    ----------
    alpha : float, default=1.0
        Weight of how sure the teacher is of the true class, >= 0.
    beta : float, default=8.0
        Weight of how it ranks the other classes, >= 0.

    Notes
    -----
    The published weight of the second part depends on the pair of networks; 8 is one
    of its values. With two classes only the part of ``alpha`` is left, which is the
    divergence of plain distillation.

    References
    ----------
    .. [1] Zhao, B., Cui, Q., Song, R., Qiu, Y., & Liang, J. (2022). Decoupled
       knowledge distillation. CVPR, 11953-11962.
    """
    say_of_two_classes(
        training,
        "DKD has nothing to decouple and is plain distillation with the weight alpha; "
        "choose 'kd', or a method that compares layers or trials",
    )
    criterion = DecoupledKD(alpha, beta, temperature)
    return transfer(training, [(1.0, criterion)], temperature=temperature, **shared)
