"""Distillation of activation boundaries, AB (Heo et al. 2019)."""

from __future__ import annotations

from typing import Any

from eegkd._checks import check_number
from eegkd.criteria.features import ActivationBoundary
from eegkd.distillation import History, Objective, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Activation boundaries (AB)",
    transfers="the signs of the values of several layers",
    teacher="one",
    reference="Heo et al. 2019",
    composition="the student is initialized on the signs of up to 3 taps of a frozen "
    "teacher, then trained with 1 label loss",
    use="Few trials: a better start than random weights. Units with a threshold.",
    limits="Needs features before the nonlinearity. Taps behind a square or a "
    "rectifier have one sign and are left out. Nothing but the start comes from the "
    "teacher, and long training forgets it.",
    reading="Signs are taken at the taps, which are not always right before a "
    "nonlinearity. The connector has no batch normalization.",
    regression=True,
    control=lambda own: {"lengthen": 1 + own["init_part"]},
)
@options_of(transfer)
def activation_boundaries(
    training: Training,
    *,
    n_taps: int = 3,
    margin: float = 1.0,
    init_part: float = 0.125,
    **shared: Any,
) -> History:
    """Initialize the student by the teacher's signs, then train it on labels.

    Parameters
    ----------
    margin : float, default=1.0
        Target distance of the student's values from 0, > 0.
    init_part : float, default=0.125
        Epochs for the first stage, as a part of ``max_epochs``, > 0; at least one
        epoch. Published in common code [2]_: 30 of 240.

    Returns
    -------
    history : History
        What happened in each epoch of the second stage; ``notes["boundary_loss"]`` is
        the loss that the first one reached.

    Notes
    -----
    The first stage minimizes one term alone, so that its weight would change nothing
    but the balance with weight decay.

    References
    ----------
    .. [1] Heo, B., Lee, M., Yun, S., & Choi, J. Y. (2019). Knowledge transfer via
       distillation of activation boundaries formed by hidden neurons. AAAI, 33(1),
       3779-3787.
    .. [2] Tian, Y., Krishnan, D., & Isola, P. (2020). Contrastive representation
       distillation. ICLR.
    """
    check_number(init_part, "init_part", above=0)
    first = training.run(
        Objective(
            [
                (
                    ActivationBoundary(n_taps, margin),
                    training.frozen(shared["teacher_mode"]),
                )
            ]
        ),
        max_epochs=max(1, round(init_part * training.max_epochs)),
        random_state=training.random_state + 1,
    )
    history = transfer(training, [], **shared)
    history.notes["boundary_loss"] = first.best_loss
    return history
