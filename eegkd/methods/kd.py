"""Knowledge distillation from softened classes (Hinton, Vinyals and Dean 2015)."""

from __future__ import annotations

from eegkd.distillation import History, Training
from eegkd.methods._transfer import transfer
from eegkd.methods.card import Card


@Card(
    title="Knowledge distillation (KD)",
    transfers="softened classes",
    teacher="one",
    reference="Hinton, Vinyals & Dean 2015",
    composition="0.1 cross-entropy + 0.9 KL(T=4) to a frozen teacher",
    use="The method that all others are measured against. Start here.",
    limits="With two classes the teacher's scores say nothing beyond its confidence. "
    "A teacher that knows its training trials by heart has little to add to the "
    "labels.",
    reading="Temperature 4 and weights 0.1 and 0.9 are those of common code; the paper "
    "leaves them to the task.",
)
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
        What happened in each epoch.

    Notes
    -----
    With two classes the teacher's scores say nothing beyond its confidence, so that
    this is hardly more than smoothing the labels.

    References
    ----------
    .. [1] Hinton, G., Vinyals, O., & Dean, J. (2015). Distilling the knowledge in a
       neural network. arXiv:1503.02531.
    """
    return transfer(
        training,
        [],
        label_weight=label_weight,
        soft_weight=soft_weight,
        temperature=temperature,
        teacher_mode=teacher_mode,
    )
