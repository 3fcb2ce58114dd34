"""Curriculum expert selection, CES-KD (Amara et al. 2022)."""

from __future__ import annotations

from functools import partial
from typing import Any

from eegkd.distillation import History, Training
from eegkd.methods._several_teachers import small_to_large
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import follow
from eegkd.weightings.selection import Curriculum


@Card(
    title="Curriculum expert selection (CES-KD)",
    transfers="softened classes of one expert for each trial",
    teacher="several",
    reference="Amara et al. 2022",
    composition="label loss + KL(T) to one expert a trial, by the trial's difficulty",
    use="The gap between the student's and the teacher's electrodes is wide.",
    limits="Difficulty is measured on the student itself and moves with it; on a few "
    "hundred trials it is noisy. Trains an expert for each step of the ladder.",
    reading="A trial's difficulty is the rank of the student's cross-entropy in the "
    "last epoch, experts open linearly over the first 70 % of the epochs, and the "
    "weights are those of KD. Experts are a ladder of montages.",
)
@options_of(follow, label_weight=0.1, soft_weight=0.9)
def ces_kd(
    training: Training, *, all_from: float = 0.7, judge: str = "student", **shared: Any
) -> History:
    """Train the student on labels and, for each trial, on the expert that fits it.

    Parameters
    ----------
    n_teachers : int, default=3
        Where a single teacher is given, experts on montages between the student's
        and all electrodes are trained until there are so many, >= 1; fewer where
        there are not as many electrodes between.
    judge : {"student", "experts"}, default="student"
        Who finds a trial difficult, see `eegkd.weightings.Curriculum`.

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
        partial(small_to_large, with_student=False),
        **shared,
    )
