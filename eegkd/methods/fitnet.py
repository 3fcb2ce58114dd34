"""Hints from a middle layer, FitNet (Romero et al. 2015)."""

from __future__ import annotations

from typing import Any

from eegkd.criteria.features import Hint
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


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
@options_of(transfer)
def fitnet(
    training: Training, *, hint_weight: float = 100.0, tap: int = 2, **shared: Any
) -> History:
    """Train the student on labels and on one layer of the teacher.

    Parameters
    ----------
    hint_weight : float, default=100.0
        Weight of the squared difference, >= 0.
    tap : int, default=2
        Which layer, counted from the last tap, which is 1.

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
    return transfer(training, [(hint_weight, Hint(tap))], **shared)
