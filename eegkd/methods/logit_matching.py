"""Matching the teacher's scores (Ba and Caruana 2014)."""

from __future__ import annotations

from eegkd._checks import check_choice
from eegkd.criteria.logits import LogitL1, LogitMSE
from eegkd.distillation import History, Training
from eegkd.methods._transfer import transfer
from eegkd.methods.card import Card

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
def logit_matching(
    training: Training,
    *,
    distance: str = "squared",
    label_weight: float = 0.0,
    logit_weight: float = 1.0,
) -> History:
    """Train the student to give the scores that the teacher gives.

    Parameters
    ----------
    training : Training
        Student, teacher, trials and settings.
    distance : {"squared", "absolute"}, default="squared"
        How scores are compared.
    label_weight, logit_weight : float, default=0.0 and 1.0
        Weights of the label loss and of the difference, >= 0. As published, labels
        are not used.

    Returns
    -------
    history : History
        What happened in each epoch.

    References
    ----------
    .. [1] Ba, J., & Caruana, R. (2014). Do deep nets really need to be deep? NeurIPS,
       2654-2662.
    .. [2] Kim, T., Oh, J., Kim, N., Cho, S., & Yun, S.-Y. (2021). Comparing
       Kullback-Leibler divergence and mean squared error loss in knowledge
       distillation. IJCAI, 2628-2635.
    """
    criterion = DISTANCES[check_choice(distance, "distance", DISTANCES)]()
    return transfer(training, [(logit_weight, criterion)], label_weight=label_weight)
