"""Distilling from an early-stopped teacher, ESKD (Cho and Hariharan 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eegkd._checks import check_choice, check_number
from eegkd.distillation import History, Training
from eegkd.methods._candidates import Candidates, budgets, compressed, snapshots
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import soft_objective

KINDS = ("compressed", "checkpoint")


@Card(
    title="Early-stopped teacher (ESKD)",
    transfers="softened classes of a teacher that was trained for fewer epochs",
    teacher="own",
    reference="Cho & Hariharan 2019",
    composition="teachers on labels with several budgets of epochs; CE + KL(T) from "
    "each; the student with the lowest validation loss on labels stays",
    use="Use it when a strong teacher teaches worse than a weak one, and there is time "
    "to train several.",
    limits="Costs a teacher and a student for each budget. The choice rests on few "
    "validation trials. With two classes the scores say nothing beyond the confidence.",
    reading="A compressed budget ends with a third of its epochs at a lower learning "
    "rate; temperature 4 and weight 0.9. The student is chosen by its label loss, "
    "because the losses that hold soft targets of different teachers cannot be "
    "compared.",
    control=lambda own: {"restarts": len({*own["fractions"]})},
)
@options_of(soft_objective)
def early_stopped_teacher(
    training: Training,
    *,
    fractions: Sequence[float] = (0.25, 0.5, 1.0),
    kind: str = "compressed",
    decay: float = 0.1,
    decoder: Any = None,
    **shared: Any,
) -> History:
    """Train teachers for shorter and longer and keep the student that learned best.

    Parameters
    ----------
    fractions : sequence of float, default=(0.25, 0.5, 1.0)
        Budgets of the teachers as parts of all epochs, in (0, 1].
    kind : {"compressed", "checkpoint"}, default="compressed"
        Whether each budget is a training of its own, with all its learning rates, or
        a snapshot of one long training.
    decay : float, default=0.1
        What the learning rate of the last third of a compressed training is
        multiplied by, in (0, 1].

    Returns
    -------
    history : History
        Of the chosen student. The notes hold ``candidates`` and which is ``chosen``.

    Notes
    -----
    Teachers read all electrodes, start from the same weights and keep their last
    epoch. The students start alike, too. The choice is by the label term alone:
    soft targets of two teachers differ, and so do the losses that hold them. Without
    validation trials the training loss chooses, and the notes say so.

    References
    ----------
    .. [1] Cho, J. H., & Hariharan, B. (2019). On the efficacy of knowledge
       distillation. IEEE/CVF International Conference on Computer Vision, 4794-4802.
    """
    check_choice(kind, "kind", KINDS)
    check_number(decay, "decay", above=0, at_most=1)
    epochs = budgets(training, fractions, "fractions")
    seed = training.random_state + 1
    if kind == "checkpoint":
        long = training.build("full", decoder, seed)
        teachers = snapshots(training, long, epochs, seed)
    candidates = Candidates(training)
    for n_epochs in epochs:
        teacher = (
            teachers[n_epochs]
            if kind == "checkpoint"
            else compressed(training, decoder, n_epochs, decay)
        )
        candidates.add(
            soft_objective(training, teacher, **shared),
            teacher_epochs=n_epochs,
        )
    return candidates.finish()
