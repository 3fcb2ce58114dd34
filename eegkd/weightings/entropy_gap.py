"""`EntropyGap`: which divergence counts more follows from who is surer of a trial."""

from __future__ import annotations

import torch
from torch import Tensor

from eegkd._checks import check_number
from eegkd.weightings.base import Context


class EntropyGap:
    """Weights of label loss, forward and reverse divergence, trial by trial.

    Where the student is surer than the teacher, the forward divergence counts
    ``high`` and the reverse one ``low``, which spreads the student's probabilities;
    elsewhere it is the other way round, which gathers them.

    Parameters
    ----------
    temperature : float, default=4.0
        Softness of the probabilities whose entropies are compared, > 0.
    high, low : float, default=2.0 and 1.0
        Weights of the favored and of the other divergence, >= 0.
    label_weight : float, default=1.0
        Weight of the first term, >= 0.

    Raises
    ------
    ValueError
        If a number is out of bounds; when called, if the objective does not have three
        terms (labels, forward divergence, reverse divergence) with one teacher.

    Notes
    -----
    Our reading: the paper balances the two divergences by the gap between the entropies
    of teacher and student; that the favored one counts ``high`` and the other ``low``,
    trial by trial, is our form of this rule.

    On validation trials only the first term counts: the teacher moves, so that
    divergences of two epochs cannot be compared. With ``label_weight=0`` no term does,
    and the last epoch is kept.

    References
    ----------
    .. [1] Amara, I., Sepahvand, N. M., Meyer, B. H., Gross, W. J., & Clark, J. J.
       (2022). BD-KD: Balancing the divergences for online knowledge distillation.
       arXiv:2212.12965.
    """

    needs_features = False

    def __init__(
        self,
        temperature: float = 4.0,
        *,
        high: float = 2.0,
        low: float = 1.0,
        label_weight: float = 1.0,
    ) -> None:
        self.temperature = check_number(
            temperature, "temperature", above=0, hint="Typical values are 1 to 10."
        )
        self.high = check_number(high, "high", at_least=0)
        self.low = check_number(low, "low", at_least=0)
        self.label_weight = check_number(label_weight, "label_weight", at_least=0)

    def __call__(self, context: Context) -> Tensor:
        """Return the weights, shape (3, n_batch), without gradient."""
        teacher = context.teachers[1] if len(context.teachers) == 3 else None
        if teacher is None:
            raise ValueError(
                "EntropyGap needs three terms, (labels, None), (forward divergence, "
                "teacher) and (reverse divergence, teacher), got "
                f"{len(context.losses)} terms or no teacher in the second. Reorder "
                "them."
            )
        weights = torch.zeros_like(context.losses)
        weights[0] = self.label_weight
        if context.training:
            surer = self._entropy(teacher.logits) > self._entropy(
                context.student.logits
            )
            weights[1] = torch.where(surer, self.high, self.low)
            weights[2] = torch.where(surer, self.low, self.high)
        return weights

    def _entropy(self, logits: Tensor) -> Tensor:
        """Return the entropy of each trial's softened classes, in nats."""
        softened = torch.log_softmax(logits.detach() / self.temperature, dim=1)
        return -(softened.exp() * softened).sum(dim=1)

    def __repr__(self) -> str:
        return (
            f"EntropyGap(temperature={self.temperature:g}, high={self.high:g}, "
            f"low={self.low:g}, label_weight={self.label_weight:g})"
        )
