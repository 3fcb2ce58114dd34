"""Knowledge distillation from softened classes (Hinton, Vinyals and Dean 2015)."""

from __future__ import annotations

from eegkd.criteria import KL, CrossEntropy
from eegkd.distillation import History, Objective, Training
from eegkd.weightings import Constant


def kd(
    training: Training,
    *,
    temperature: float = 4.0,
    label_weight: float = 0.1,
    soft_weight: float = 0.9,
    teacher_mode: str = "eval",
) -> History:
    """Train the student on labels and on the teacher's softened classes.

    Parameters
    ----------
    training : Training
        Student, teacher, trials and settings.
    temperature : float, default=4.0
        Softness of both sets of scores, > 0.
    label_weight, soft_weight : float, default=0.1 and 0.9
        Weights of the cross-entropy and of the divergence, >= 0.
    teacher_mode : {"eval", "as_published"}, default="eval"
        See `eegkd.Frozen`.

    Returns
    -------
    history : History
        What happened in each pass.

    Notes
    -----
    With two classes the teacher's scores say nothing beyond its confidence, so that
    this is hardly more than smoothing the labels.
    """
    teacher = training.frozen(teacher_mode)
    return training.run(
        Objective(
            [(CrossEntropy(), None), (KL(temperature), teacher)],
            Constant(label_weight, soft_weight),
        )
    )


kd.needs_teacher = True  # type: ignore[attr-defined]
