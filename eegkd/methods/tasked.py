"""TASKED: self-distillation with features alike in all subjects (Suh 2023)."""

from __future__ import annotations

import logging
from typing import Any

from eegkd.criteria import KL
from eegkd.criteria.domain import MMD, DomainAdversary
from eegkd.distillation import History, Objective, Training
from eegkd.methods.card import Card
from eegkd.teachers import Frozen
from eegkd.weightings import Constant

logger = logging.getLogger(__name__)


@Card(
    title="Adversarial learning by self-distillation (TASKED)",
    transfers="its own softened classes, free of who the subject is",
    teacher="itself",
    reference="Suh, Fortes Rey & Lukowicz 2023",
    composition="labels + adversary + MMD; once more, + its softened classes",
    use="With trials of several subjects, to be used on others. The paper's network is "
    "a transformer: take student='EEGConformer'.",
    limits="Without several subjects among the training trials it is self-distillation "
    "alone. It trains twice. Nothing comes from a denser montage.",
    reading="The weights, the kernel, and gradient reversal for the "
    "adversary; the paper's reconstruction of signals is left out. Any decoder takes "
    "the place of the transformer.",
    unplanted="There is no teacher that has seen more than the student.",
)
def tasked(
    training: Training,
    *,
    label_weight: float = 1.0,
    soft_weight: float = 1.0,
    adversary_weight: float = 0.1,
    mmd_weight: float = 1.0,
    temperature: float = 4.0,
    ramp: int = 10,
) -> History:
    """Train a copy that hides who the subject is, then the student with it as teacher.

    Parameters
    ----------
    training : Training
        Student, trials and settings.
    label_weight, soft_weight : float, default=1 and 1
        Weights of the cross-entropy and of the previous self's classes, >= 0.
    adversary_weight, mmd_weight : float, default=0.1 and 1
        Weights of the adversary and of the discrepancy between subjects, >= 0.
    temperature : float, default=4.0
        Softness of the classes, > 0.
    ramp : int, default=10
        Epochs in which the adversary grows to full strength, >= 1.

    Returns
    -------
    history : History
        What happened in each epoch of the second training; ``notes["previous_loss"]``
        is the first one's best loss.

    References
    ----------
    .. [1] Suh, S., Rey, V. F., & Lukowicz, P. (2023). TASKED: Transformer-based
       adversarial learning for human activity recognition using wearable sensors via
       self-knowledge distillation. Knowledge-Based Systems, 260, 110143.
    """
    people = int(training.sampler.subject.max()) + 1

    def objective(*own: tuple[float, Any, Any]) -> Objective:
        parts = [(label_weight, training.label_loss(), None), *own]
        if people > 1:
            adversary = DomainAdversary(n_groups=people, ramp=ramp)
            parts += [(adversary_weight, adversary, None), (mmd_weight, MMD(), None)]
        weights = Constant(*[weight for weight, _, _ in parts])
        return Objective([(criterion, who) for _, criterion, who in parts], weights)

    if people == 1:
        logger.info(
            "TASKED has the trials of one subject: adversary and MMD are left out."
        )
    previous = training.copy_student()
    first = training.train(
        previous, objective(), random_state=training.random_state + 1
    )
    history = training.run(objective((soft_weight, KL(temperature), Frozen(previous))))
    history.notes["previous_loss"] = first.best_loss
    history.notes["people"] = people
    return history
