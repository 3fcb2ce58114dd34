"""No distillation: the student learns from the labels alone."""

from __future__ import annotations

import math
from typing import Any

from eegkd._checks import check_int, check_number
from eegkd.distillation import History, Training
from eegkd.methods._candidates import Candidates
from eegkd.methods.card import Card

RESTARTS = 10_000  # between the seed of a student and those of its restarts


@Card(
    title="No distillation",
    transfers="nothing",
    teacher="none",
    reference="the usual training on labels",
    composition="cross-entropy",
    use="Always, as the comparison: a method helps only if it beats this one, trained "
    "for as long, as often and with the same averaging as the method's student.",
    limits="It has no teacher.",
    regression=True,
)
def none(
    training: Training,
    *,
    lengthen: float = 1.0,
    further_epochs: int = 0,
    restarts: int = 1,
    average_from: float | None = None,
) -> History:
    """Train the student without a teacher; what every method is compared with.

    Parameters
    ----------
    lengthen : float, default=1.0
        Times as many epochs, > 0; a schedule of the learning rate is stretched.
    further_epochs : int, default=0
        Epochs beside these, >= 0.
    restarts : int, default=1
        Students that are trained, each with a start of its own, >= 1. The one with the
        lowest loss on validation trials stays; without any, on training trials.
    average_from : float, optional
        Part of the epochs, from 0 to below 1, after which the weights are averaged.

    Returns
    -------
    history : History
        What happened in each epoch; of several students, of the one that stays.

    See Also
    --------
    eegkd.methods.controls.control_of : Which of these a method's student calls for.
    """
    check_number(lengthen, "lengthen", above=0)
    check_int(further_epochs, "further_epochs", at_least=0)
    check_int(restarts, "restarts", at_least=1)
    n_epochs = math.ceil(round(lengthen * training.max_epochs, 6)) + further_epochs
    how: dict[str, Any] = {"max_epochs": n_epochs, "average_from": average_from}
    if restarts == 1:
        return training.train(training.student, **how)
    candidates = Candidates(training)
    candidates.add(None, how=how)
    for number in range(1, restarts):
        seed = training.random_state + RESTARTS * number
        student = training.build("student", random_state=seed)
        candidates.add(None, student, how={**how, "random_state": seed})
    return candidates.finish()
