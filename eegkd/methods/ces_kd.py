"""Curriculum expert selection, CES-KD (Amara et al. 2022)."""

from __future__ import annotations

from functools import partial

from eegkd.distillation import History, Training
from eegkd.methods._teachers import follow, small_to_large
from eegkd.methods.card import Card
from eegkd.weightings.selection import Curriculum


@Card(
    title="Curriculum expert selection (CES-KD)",
    transfers="softened classes of one expert for each trial",
    teacher="several",
    reference="Amara et al. 2022",
    composition="label loss + KL(T) to one expert a trial, by the trial's difficulty",
    use="The gap between the student's and the teacher's electrodes is wide.",
    limits=(
        "Difficulty is measured on the student itself and moves with it; on a few "
        "hundred trials it is noisy. Trains an expert for each step of the ladder."
    ),
    reading=(
        "A trial's difficulty is the rank of the student's cross-entropy "
        "in the last epoch, experts open linearly over the first 70 % of the epochs, "
        "and the weights are those of KD. Experts are a ladder of montages."
    ),
)
def ces_kd(
    training: Training,
    *,
    temperature: float = 4.0,
    label_weight: float = 0.1,
    soft_weight: float = 0.9,
    n_teachers: int = 3,
    all_from: float = 0.7,
    judge: str = "student",
) -> History:
    """Train the student on labels and, for each trial, on the expert that fits it.

    Parameters
    ----------
    training : Training
        Student, teachers, trials and settings.
    temperature : float, default=4.0
        Softness of the scores, > 0.
    label_weight, soft_weight : float, default=0.1 and 0.9
        Weights of the label loss and of the divergence from the expert, >= 0.
    n_teachers : int, default=3
        Where a single teacher is given, experts on montages between the student's
        and all electrodes are trained until there are so many, >= 1; fewer where
        there are not as many electrodes between.
    all_from : float, default=0.7
        Part of the epochs after which all experts are open, from 0 to 1.
    judge : {"student", "experts"}, default="student"
        Who finds a trial difficult, see `eegkd.weightings.Curriculum`.

    Returns
    -------
    history : History
        What happened in each epoch. ``notes["teacher_electrodes"]`` lists the experts.

    References
    ----------
    .. [1] Amara, I., Ziaeefard, M., Meyer, B. H., Gross, W., & Clark, J. J. (2022).
       CES-KD: Curriculum-based expert selection for guided knowledge distillation.
       ICPR 2022. arXiv:2209.07606.
    """
    return follow(
        training,
        partial(
            Curriculum, n_epochs=training.max_epochs, all_from=all_from, judge=judge
        ),
        partial(small_to_large, training, n_teachers, with_student=False),
        temperature=temperature,
        label_weight=label_weight,
        soft_weight=soft_weight,
    )
