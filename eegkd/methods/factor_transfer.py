"""Factor transfer, FT (Kim, Park and Kwak 2018)."""

from __future__ import annotations

from typing import Any

from eegkd._checks import check_number
from eegkd.criteria.factors import FactorTransfer, Paraphraser
from eegkd.distillation import History, Objective, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Factor transfer (FT)",
    transfers="factors into which a layer of the teacher is compressed",
    teacher="one",
    reference="Kim, Park & Kwak 2018",
    composition="a paraphraser is trained on the teacher's last tap, then 1 label loss "
    "+ 1600 absolute difference of the factors to a frozen teacher",
    use="Decoders of different kinds, whose layers cannot be compared map by map.",
    limits="The factors keep what restores the teacher's layer, which need not be what "
    "tells the classes apart. A further training stage. The weight depends on the size "
    "of the layer. A layer without a time axis has no matching order in the two "
    "networks; choose other taps then.",
    reading="The weight is derived, see the notes of the function. The paraphraser's "
    "last layer has no rectifier, because EEG features have both signs.",
    regression=True,
)
@options_of(transfer)
def factor_transfer(
    training: Training,
    *,
    factor_weight: float = 1600.0,
    tap: int = 1,
    rate: float = 0.5,
    paraphrase_part: float = 0.125,
    **shared: Any,
) -> History:
    """Train a paraphraser of the teacher, then the student to say the same.

    Parameters
    ----------
    factor_weight : float, default=1600.0
        Weight of the difference of factors, >= 0.
    tap : int, default=1
        Which layer, counted from the last tap, which is 1.
    rate : float, default=0.5
        Number of factors over number of the teacher's maps, > 0.
    paraphrase_part : float, default=0.125
        Epochs for the paraphraser, as a part of ``max_epochs``, > 0; at least one
        epoch. Published: 30 of 240.

    Returns
    -------
    history : History
        What happened in each epoch; ``notes["paraphrase_loss"]`` is the error of the
        paraphraser after its training.

    Notes
    -----
    The mean absolute difference of two factors of length 1 shrinks with the square
    root of their number of values. A weight of 200 for 64 values [2]_ is 25 times that
    root; for the usual 10 factors of 400 steps it is 25 * 64 = 1600.

    References
    ----------
    .. [1] Kim, J., Park, S., & Kwak, N. (2018). Paraphrasing complex network: Network
       compression via factor transfer. NeurIPS, 2760-2769.
    .. [2] Tian, Y., Krishnan, D., & Isola, P. (2020). Contrastive representation
       distillation. ICLR.
    """
    check_number(paraphrase_part, "paraphrase_part", above=0)
    paraphraser = Paraphraser(tap, rate)
    first = training.train(
        training.copy_student(),  # has no part in the loss and stays as it is
        Objective([(paraphraser, training.frozen(shared["teacher_mode"]))]),
        valid=None,
        max_epochs=max(1, round(paraphrase_part * training.max_epochs)),
        random_state=training.random_state + 1,
    )
    terms = [(factor_weight, FactorTransfer(paraphraser))]
    history = transfer(training, terms, **shared)
    history.notes["paraphrase_loss"] = first.best_loss
    return history
