"""Early-stopped distillation (Cho and Hariharan 2019)."""

from __future__ import annotations

from eegkd._checks import check_number
from eegkd.criteria import KL
from eegkd.distillation import History, Objective, Training
from eegkd.methods._unmet import say
from eegkd.methods.card import Card
from eegkd.weightings import Schedule


@Card(
    title="Early-stopped distillation (ES-KD)",
    transfers="softened classes, in the first part of the training only",
    teacher="one",
    reference="Cho & Hariharan 2019",
    composition="CE + KL(T) with a Schedule: KL is switched off after a part of the "
    "epochs",
    use="Use it when the student learns well from the teacher at first, but ends below "
    "a student that was trained on labels.",
    limits="The labels must be right, because they have the last word. With patience, "
    "training may end before the teacher is switched off. With two classes the scores "
    "say nothing beyond the confidence.",
    reading="Temperature 4 and weight 0.9; the teacher is switched off at half of the "
    "epochs, and labels count 1 from then on.",
)
def early_stopped_kd(
    training: Training,
    *,
    stop: float = 0.5,
    temperature: float = 4.0,
    label_weight: float = 0.1,
    soft_weight: float = 0.9,
    final_label_weight: float = 1.0,
    teacher_mode: str = "eval",
) -> History:
    """Distill in the first part of the training and finish on the labels alone.

    Parameters
    ----------
    stop : float, default=0.5
        Part of the epochs after which the teacher is switched off, in [0, 1]. Between
        0 and 1 at least one epoch is with the teacher and, of two or more, one without.
    label_weight, soft_weight : float, default=0.1 and 0.9
        Weights of the cross-entropy and of the divergence before, >= 0.
    final_label_weight : float, default=1.0
        Weight of the cross-entropy afterwards, >= 0.

    Returns
    -------
    history : History
        What happened in each epoch. The notes hold ``stopped_at``, the first epoch
        without the teacher.

    Notes
    -----
    The epoch that is kept has the lowest label loss on validation trials throughout;
    a loss that changes its terms half-way could not choose.

    References
    ----------
    .. [1] Cho, J. H., & Hariharan, B. (2019). On the efficacy of knowledge
       distillation. IEEE/CVF International Conference on Computer Vision, 4794-4802.
    """
    check_number(stop, "stop", at_least=0, at_most=1)
    stopped_at = _last_with_teacher(stop, training.max_epochs)
    final = (final_label_weight, 0.0)
    points = {0: (label_weight, soft_weight), stopped_at: final}
    history = training.run(
        Objective(
            [
                (training.label_loss(), None),
                (KL(temperature), training.frozen(teacher_mode)),
            ],
            Schedule(points, valid=(1.0, 0.0)),
        )
    )
    say(stop == 0, "The teacher takes no part, as 'stop' is 0. Choose 0 < stop < 1.")
    say(
        len(history.rows) <= stopped_at,
        "Training ended after %d epochs, before the teacher was switched off: this is "
        "plain distillation. Lower 'stop', raise 'patience', or train for more epochs.",
        len(history.rows),
    )
    history.notes["stopped_at"] = stopped_at
    return history


def _last_with_teacher(stop: float, max_epochs: int) -> int:
    """Return the first epoch without the teacher, so that both parts have one."""
    if stop in (0, 1):
        return round(stop * max_epochs)
    return max(1, min(round(stop * max_epochs), max_epochs - 1))
