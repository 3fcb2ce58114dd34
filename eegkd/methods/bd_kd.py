"""Balanced divergences in online distillation, BD-KD (Amara et al. 2022)."""

from __future__ import annotations

from typing import Any

from eegkd._checks import check_number
from eegkd.criteria import KL
from eegkd.distillation import History, Objective, Training
from eegkd.methods._further_decoders import summary
from eegkd.methods.card import Card
from eegkd.teachers import Peer
from eegkd.weightings import EntropyGap, Schedule


@Card(
    title="Balanced divergences, online (BD-KD)",
    transfers="softened classes of a teacher that learns at the same time",
    teacher="peer",
    reference="Amara et al. 2022",
    composition="student: cross-entropy + forward and reverse KL(T=4), of which the "
    "difference between the entropies makes one count 2 and the other 1, trial by "
    "trial; teacher on all electrodes: cross-entropy + reverse KL(T=4)",
    use="When no teacher is trained yet and the student's probabilities must be "
    "trustworthy: look at the calibration error beside the accuracy.",
    limits="The teacher learns as slowly as the student. With few test trials the "
    "calibration error says little.",
    reading="The rule that weights the two divergences (the paper describes it in "
    "words), its values 2 and 1, the temperature, and the direction of the teacher's "
    "divergence. Which epoch is kept is chosen by the label loss alone, because the "
    "teacher moves.",
)
def bd_kd(
    training: Training,
    *,
    temperature: float = 4.0,
    label_weight: float = 1.0,
    high: float = 2.0,
    low: float = 1.0,
    teacher_soft_weight: float = 1.0,
    teacher_decoder: Any = None,
) -> History:
    """Train student and teacher together; their confidence balances two divergences.

    Parameters
    ----------
    training : Training
        Student, trials and settings. A trained teacher is not needed.
    label_weight : float, default=1.0
        Weight of the student's cross-entropy, >= 0.
    high, low : float, default=2.0 and 1.0
        Weights of the favored and of the other divergence, >= 0. The forward one is
        favored for trials of which the student is more confident than the teacher, see
        `eegkd.weightings.EntropyGap`.
    teacher_soft_weight : float, default=1.0
        Weight of the reverse divergence in the teacher's loss, >= 0.
    teacher_decoder : str or callable, optional
        Network of the teacher, by default of the student's kind.

    Returns
    -------
    history : History
        The student's. ``notes["teacher"]`` tells how the teacher did.

    References
    ----------
    .. [1] Amara, I., Sepahvand, N. M., Meyer, B. H., Gross, W. J., & Clark, J. J.
       (2022). BD-KD: Balancing the divergences for online knowledge distillation.
       arXiv:2212.12965.
    """
    weight = check_number(teacher_soft_weight, "teacher_soft_weight", at_least=0)
    forward, reverse = KL(temperature), KL(temperature, "reverse")
    gap = EntropyGap(temperature, high=high, low=low, label_weight=label_weight)
    student = training.student
    teacher = training.build("full", teacher_decoder, training.random_state + 1)
    label, from_teacher = training.label_loss(), Peer(teacher)
    taught = Objective(
        [(label, None), (forward, from_teacher), (reverse, from_teacher)], gap
    )
    teaching = Objective(
        [(label, None), (reverse, Peer(student))],
        Schedule({0: (1.0, weight)}, valid=(1.0, 0.0)),
    )
    history, other = training.train_all(
        [training.learner(student, taught), training.learner(teacher, teaching)]
    )
    history.notes["teacher"] = summary(teacher, other)
    return history
