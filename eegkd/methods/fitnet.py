"""Hints from a middle layer, FitNet (Romero et al. 2015)."""

from __future__ import annotations

from eegkd.criteria.features import Hint
from eegkd.distillation import History, Training
from eegkd.methods._transfer import transfer
from eegkd.methods.card import Card


@Card(
    title="Hints (FitNet)",
    transfers="values of one layer, through a learned mixture of maps",
    teacher="one",
    reference="Romero et al. 2015",
    composition="1 label loss + 100 squared difference of one layer to a frozen "
    "teacher",
    use="Teacher and student are of one kind and the same trial length.",
    limits="Values depend on the electrodes: what the student's electrodes do not pick "
    "up, it cannot predict, and the loss stays high. The weight counts in squares of "
    "the teacher's features. A layer without a time axis has no matching order in the "
    "two networks; choose other taps then.",
    reading="The hint counts during the whole training, as in common code; the paper "
    "uses it in a first stage and softened classes in a second.",
    regression=True,
)
def fitnet(
    training: Training,
    *,
    hint_weight: float = 100.0,
    tap: int = 2,
    label_weight: float = 1.0,
    soft_weight: float = 0.0,
    temperature: float = 4.0,
) -> History:
    """Train the student on labels and on one layer of the teacher.

    Parameters
    ----------
    training : Training
        Student, teacher, trials and settings.
    hint_weight : float, default=100.0
        Weight of the squared difference, >= 0.
    tap : int, default=2
        Which layer, counted from the last tap, which is 1.
    label_weight, soft_weight : float, default=1.0 and 0.0
        Weights of the label loss and of the divergence between softened classes,
        >= 0. The latter says nothing about continuous labels.
    temperature : float, default=4.0
        Softness of that divergence, > 0.

    Returns
    -------
    history : History
        What happened in each epoch.

    Notes
    -----
    The weight is that of common code [2]_, for a mean over all values of the layer. It
    is right for features of a variance near one, as batch normalization leaves them.

    References
    ----------
    .. [1] Romero, A., Ballas, N., Kahou, S. E., Chassang, A., Gatta, C., & Bengio, Y.
       (2015). FitNets: Hints for thin deep nets. ICLR.
    .. [2] Tian, Y., Krishnan, D., & Isola, P. (2020). Contrastive representation
       distillation. ICLR.
    """
    return transfer(
        training,
        [(hint_weight, Hint(tap))],
        label_weight=label_weight,
        soft_weight=soft_weight,
        temperature=temperature,
    )
