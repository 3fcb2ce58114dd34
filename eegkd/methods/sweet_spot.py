"""The sweet spot of a teacher's batch size and epochs (Vats and Crandall 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from eegkd._checks import check_int, check_type
from eegkd.distillation import History, Training
from eegkd.methods._candidates import Candidates, budgets, describe_teacher, snapshots
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import soft_objective


@Card(
    title="Sweet spot of the teacher's batch size and epochs",
    transfers="softened classes of a teacher that still tells which classes are alike",
    teacher="own",
    reference="Vats & Crandall 2021",
    composition="a grid of teachers on labels over batch size and epochs; CE + KL(T) "
    "from each; the student with the lowest validation loss on labels stays",
    use="Use it to find out how long, and in which batches, a teacher should be "
    "trained. Compare it with permuted_kd and smoothed_labels to see whether the gain "
    "is more than regularization.",
    limits="Costs a teacher for each batch size and a student for each point of the "
    "grid. The choice rests on few validation trials. With two classes there is no "
    "similarity information, and the scores say nothing beyond the confidence.",
    reading="The grid, its score and the measures of similarity information. The "
    "student is chosen by its label loss, because the losses that hold soft targets of "
    "different teachers cannot be compared.",
    control=lambda own: {
        "restarts": len({*own["batch_sizes"]}) * len({*own["fractions"]})
    },
)
@options_of(soft_objective)
def sweet_spot(
    training: Training,
    *,
    batch_sizes: Sequence[int] = (32, 128),
    fractions: Sequence[float] = (0.25, 0.5, 1.0),
    decoder: Any = None,
    **shared: Any,
) -> History:
    """Train teachers over a grid and keep the student that learned best.

    Parameters
    ----------
    batch_sizes : sequence of int, default=(32, 128)
        Trials in a batch of the teacher, >= 1.
    fractions : sequence of float, default=(0.25, 0.5, 1.0)
        Epochs of the teacher as parts of all epochs, in (0, 1].

    Returns
    -------
    history : History
        Of the chosen student. The notes hold ``candidates``, the grid with what the
        student reached and the similarity information of each teacher, and which is
        ``chosen``.

    See Also
    --------
    eegkd.distillation.information.similarity_information : Noted of each teacher.
    eegkd.methods.permuted_kd, eegkd.methods.smoothed_labels : The two controls.

    Notes
    -----
    Teachers read all electrodes and start from the same weights. The learning rate is
    constant, so that the teachers of one batch size are snapshots of one training. The
    students start alike. Without validation trials the training loss chooses, and the
    notes say so.

    References
    ----------
    .. [1] Vats, V., & Crandall, D. (2021). Controlling the quality of distillation in
       response-based network compression. arXiv:2112.10047.
    """
    check_type(batch_sizes, "batch_sizes", (list, tuple), "a list of integers")
    sizes = sorted({check_int(size, "batch_sizes", at_least=1) for size in batch_sizes})
    if not sizes:
        raise ValueError(
            "'batch_sizes' must hold at least one size, got none. Pass for example "
            "(32, 128)."
        )
    epochs = budgets(training, fractions, "fractions")
    seed = training.random_state + 1
    candidates = Candidates(training)
    for size in sizes:
        sampler = replace(training.sampler, batch_size=size)
        learner = training.build("full", decoder, seed)
        for n_epochs, teacher in snapshots(
            training, learner, epochs, seed, sampler
        ).items():
            candidates.add(
                soft_objective(training, teacher, **shared),
                batch_size=size,
                epochs=n_epochs,
                **describe_teacher(training, teacher, shared["temperature"]),
            )
    return candidates.finish()
