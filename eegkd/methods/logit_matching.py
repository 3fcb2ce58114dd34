"""Matching the teacher's scores (Ba and Caruana 2014)."""

from __future__ import annotations

from typing import Any

from eegkd._checks import check_choice
from eegkd.criteria.logits import LogitL1, LogitMSE
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer

DISTANCES = {"squared": LogitMSE, "absolute": LogitL1}


@Card(
    title="Logit matching",
    transfers="scores before softmax, or predictions of a continuous label",
    teacher="one",
    reference="Ba & Caruana 2014; Kim et al. 2021",
    composition="squared difference of the scores to a frozen teacher, no labels",
    use="Labels are few or noisy and the teacher is good; or the label is continuous.",
    limits="The student takes over the teacher's mistakes, because labels count "
    "nothing by default. The scores of an overconfident teacher are large and so is "
    "the loss.",
    regression=True,
)
@options_of(transfer, label_weight=0.0)
def logit_matching(
    training: Training,
    *,
    distance: str = "squared",
    logit_weight: float = 1.0,
    **shared: Any,
) -> History:
    """Train the student to give the scores that the teacher gives.

    Parameters
    ----------
    distance : {"squared", "absolute"}, default="squared"
        How scores are compared.
    logit_weight : float, default=1.0
        Weight of the difference, >= 0. As published, labels are not used.

    References
    ----------
    .. [1] Ba, J., & Caruana, R. (2014). Do deep nets really need to be deep? NeurIPS,
       2654-2662.
    .. [2] Kim, T., Oh, J., Kim, N., Cho, S., & Yun, S.-Y. (2021). Comparing
       Kullback-Leibler divergence and mean squared error loss in knowledge
       distillation. IJCAI, 2628-2635.
    """
    criterion = DISTANCES[check_choice(distance, "distance", DISTANCES)]()
    return transfer(training, [(logit_weight, criterion)], **shared)
