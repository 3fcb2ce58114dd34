"""Knowledge distillation from softened classes (Hinton, Vinyals and Dean 2015)."""

from __future__ import annotations

from typing import Any

from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Knowledge distillation (KD)",
    transfers="softened classes",
    teacher="one",
    reference="Hinton, Vinyals & Dean 2015",
    composition="0.1 cross-entropy + 0.9 KL(T=4) to a frozen teacher",
    use="The method that all others are measured against. Start here.",
    limits="With two classes the teacher's scores say nothing beyond its confidence. A "
    "teacher that knows its training trials by heart has little to add to the labels.",
    reading="Temperature 4 and weights 0.1 and 0.9 are those of common code; the paper "
    "leaves them to the task.",
)
@options_of(transfer, label_weight=0.1, soft_weight=0.9)
def kd(training: Training, **shared: Any) -> History:
    """Train the student on labels and on the teacher's softened classes.

    Notes
    -----
    With two classes the teacher's scores say nothing beyond its confidence, so that
    this is hardly more than smoothing the labels.

    References
    ----------
    .. [1] Hinton, G., Vinyals, O., & Dean, J. (2015). Distilling the knowledge in a
       neural network. arXiv:1503.02531.
    """
    return transfer(training, [], **shared)
