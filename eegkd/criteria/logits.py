"""Criteria on the last layer's scores: labels and softened classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional as F

from eegkd._checks import check_choice, check_number

if TYPE_CHECKING:
    from eegkd.decoders import Output
    from eegkd.sources import Batch

DIRECTIONS = ("forward", "reverse")


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy between scores and labels, one value per trial.

    Parameters
    ----------
    logits : Tensor, shape (n_trials, n_outputs)
        Raw scores, before softmax.
    y : Tensor of int64, shape (n_trials,)
        Class of each trial, from 0 to ``n_outputs - 1``.

    Returns
    -------
    loss : Tensor, shape (n_trials,)
        Cross-entropy in nats.
    """
    return F.cross_entropy(logits, y, reduction="none")


def kl_divergence(
    student_logits: Tensor,
    teacher_logits: Tensor,
    temperature: float = 4.0,
    direction: str = "forward",
) -> Tensor:
    """Divergence between the softened classes of student and teacher.

    Parameters
    ----------
    student_logits : Tensor, shape (n_trials, n_outputs)
        Raw scores of the student. Gradients flow through them.
    teacher_logits : Tensor, shape (n_trials, n_outputs)
        Raw scores of the teacher for the same trials in the same order.
    temperature : float, default=4.0
        Divisor of both sets of scores, > 0. Larger means softer.
    direction : {"forward", "reverse"}, default="forward"
        ``"forward"`` is KL(teacher || student), which makes the student cover all
        classes that the teacher deems possible; ``"reverse"`` is
        KL(student || teacher), which makes it settle on the likeliest.

    Returns
    -------
    loss : Tensor, shape (n_trials,)
        Divergence in nats times ``temperature ** 2``.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    The factor ``temperature ** 2`` keeps the size of the gradient when the
    temperature changes [1]_. The batch mean equals the "batchmean" reduction; an
    element-wise mean would be smaller by the number of classes. With two classes the
    scores say nothing beyond the confidence.

    References
    ----------
    .. [1] Hinton, G., Vinyals, O., & Dean, J. (2015). Distilling the knowledge in a
       neural network. arXiv:1503.02531.

    Examples
    --------
    >>> import torch
    >>> scores = torch.tensor([[2.0, 0.0, -1.0]])
    >>> kl_divergence(scores, scores + 3.0)
    tensor([0.])
    """
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            "'teacher_logits' must have the shape of 'student_logits', "
            f"{tuple(student_logits.shape)}, got {tuple(teacher_logits.shape)}. "
            "Both must score the same trials and classes."
        )
    student = F.log_softmax(student_logits / temperature, dim=1)
    teacher = F.log_softmax(teacher_logits / temperature, dim=1)
    if direction == "reverse":
        student, teacher = teacher, student
    divergence = (teacher.exp() * (teacher - student)).sum(dim=1)
    return divergence * temperature**2


class CrossEntropy:
    """Cross-entropy between the student's scores and the labels."""

    name = "label_loss"

    def __call__(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), in nats."""
        return cross_entropy(student.logits, batch.y)

    def __repr__(self) -> str:
        return "CrossEntropy()"


class KL:
    """Divergence of the student from the teacher's softened classes.

    Parameters
    ----------
    temperature : float, default=4.0
        Divisor of both sets of scores, > 0.
    direction : {"forward", "reverse"}, default="forward"
        Which of the two is the reference, see `kl_divergence`.
    """

    name = "soft_loss"

    def __init__(self, temperature: float = 4.0, direction: str = "forward") -> None:
        self.temperature = check_number(
            temperature, "temperature", above=0, hint="Typical values are 1 to 10."
        )
        self.direction = check_choice(direction, "direction", DIRECTIONS)

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), in nats."""
        return kl_divergence(
            student.logits,
            teacher.logits,
            self.temperature,
            self.direction,
        )

    def __repr__(self) -> str:
        return f"KL(temperature={self.temperature:g}, direction={self.direction!r})"
