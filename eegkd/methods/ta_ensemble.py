"""Weighted ensemble of teaching assistants (Ganta, Das Gupta and Sheng 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from eegkd.distillation import History, Training
from eegkd.methods._assistants import (
    ensemble_weights,
    held_out_answers,
    train_assistants,
)
from eegkd.methods._held_out import hold_out
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import soft_objective
from eegkd.teachers import Ensemble

HELD_OUT = 0.2  # part of each class that finds the weights where there is no validation


@Card(
    title="Weighted ensemble of teaching assistants",
    transfers="softened classes, averaged over assistants of middle size",
    teacher="one",
    reference="Ganta, Das Gupta & Sheng 2021",
    composition="CE + KL(T) from the teacher to each assistant; weights of the "
    "assistants by differential evolution on validation trials; CE + KL(T) from the "
    "weighted average to the student",
    use="Use it when it is not clear which montage or network makes the best "
    "assistant.",
    limits="Costs one training for each assistant. Few validation trials fix the "
    "weights badly. With two classes the scores say nothing beyond the confidence.",
    reading="Weights in [0, 1] are scaled to sum 1 and average probabilities, and the "
    "log-likelihood is optimized instead of the accuracy, which stays the same for "
    "many weights. Weights are found for probabilities at temperature 1 and applied to "
    "those at temperature 4.",
)
@options_of(soft_objective)
def ta_ensemble(
    training: Training,
    *,
    n_assistants: int = 3,
    decoders: Sequence[Any] | None = None,
    montages: str = "ladder",
    teacher_mode: str = "eval",
    **shared: Any,
) -> History:
    """Distill the teacher into assistants, and their weighted average into the student.

    Parameters
    ----------
    n_assistants : int, default=3
        How many, >= 1.

    Returns
    -------
    history : History
        Of the student. The notes hold ``assistants`` and their ``weights``.

    Notes
    -----
    The average is over probabilities softened at ``temperature``. The weights are
    found on the validation trials of all subjects together; without any, on a fifth of
    each class, evenly spaced, that no assistant learns from and the student does.
    ``notes["weights_from"]`` says which.

    References
    ----------
    .. [1] Ganta, D. P., Das Gupta, H., & Sheng, V. S. (2021). Knowledge distillation
       via weighted ensemble of teaching assistants. IEEE International Conference on
       Big Knowledge. arXiv:2206.12005.
    """
    teacher = training.frozen(teacher_mode)
    learned, judged, found_on = training, training, "validation trials"
    if training.valid is None:
        known, unknown = hold_out(training.sampler, HELD_OUT)
        learned = replace(training, sampler=known)
        judged = replace(training, valid=unknown)
        found_on = "training trials that the assistants did not learn from"
    assistants, notes = train_assistants(
        learned, teacher, n_assistants, decoders, montages, chain=False, **shared
    )
    weights = ensemble_weights(
        *held_out_answers(judged, assistants), training.random_state
    )
    ensemble = Ensemble(assistants, weights, temperature=shared["temperature"])
    history = training.run(soft_objective(training, ensemble, **shared))
    history.notes.update(assistants=notes, weights=weights, weights_from=found_on)
    return history
