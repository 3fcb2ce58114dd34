"""Weightings of several teachers by how sure they are, or how well they agree."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from eegkd._checks import check_choice, check_number
from eegkd.criteria.confident_hint import NORMALIZATIONS, confidence_shares
from eegkd.decoders import Output
from eegkd.weightings.base import Context

EPS = 1e-8  # nats; the entropy of sure teachers is rounding, not knowledge


class Shared(ABC):
    """Fixed weights of which terms with a teacher get a share that varies by trial.

    Terms without a teacher keep their weight. Subclasses say in `shares` how the
    teachers divide a trial among themselves.

    Parameters
    ----------
    *weights : float
        Weight of each term, >= 0, in the order of the terms. None given: all 1.

    Raises
    ------
    ValueError
        If a weight is negative or not finite.
    """

    needs_features = False

    def __init__(self, *weights: float) -> None:
        self.weights = [check_number(w, "weights", at_least=0) for w in weights]

    def __call__(self, context: Context) -> Tensor:
        """Return the weights, shape (n_terms, n_batch), without gradient.

        Raises
        ------
        ValueError
            If the number of weights is not that of the terms.
        """
        with torch.no_grad():
            weights = self.fixed(context)
            rows = taught(context)
            if rows:
                teachers = [context.teachers[row] for row in rows]
                weights[rows] *= self.shares(context, teachers)  # type: ignore[arg-type]
        return weights

    def fixed(self, context: Context) -> Tensor:
        """Return the weights before sharing, shape (n_terms, n_batch)."""
        losses = context.losses
        if not self.weights:
            return torch.ones_like(losses)
        if len(self.weights) != len(losses):
            raise ValueError(
                f"'weights' must hold one number for each of the {len(losses)} terms, "
                f"got {len(self.weights)}. Pass them in the order of the terms."
            )
        return losses.new_tensor(self.weights)[:, None].expand_as(losses).clone()

    @abstractmethod
    def shares(self, context: Context, teachers: Sequence[Output]) -> Tensor:
        """Return each teacher's share of each trial.

        Parameters
        ----------
        context : Context
            What a weighting may look at.
        teachers : sequence of Output
            What the teachers say, in the order of their terms.

        Returns
        -------
        shares : Tensor, shape (n_teachers, n_batch) or (n_teachers, 1)
            At least 0.
        """

    def __repr__(self) -> str:
        weights = ", ".join(f"{weight:g}" for weight in self.weights)
        return f"{type(self).__name__}({weights})"


def taught(context: Context) -> list[int]:
    """Return the numbers of the terms that have a teacher."""
    return [row for row, who in enumerate(context.teachers) if who is not None]


class Confidence(Shared):
    r"""Trust each teacher on a trial the more, the closer it is to the label.

    Parameters
    ----------
    *weights : float
        Weight of each term, >= 0, in the order of the terms; those of terms with a
        teacher are multiplied by the teacher's share of the trial. None given: all 1.
    normalization : {"sum", "official"}, default="sum"
        ``"sum"`` makes the shares of a trial sum to 1. ``"official"`` divides them
        by the number of teachers once more, as the authors' code does.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or ``normalization`` is unknown.

    Notes
    -----
    The share of teacher k of K is :math:`(1 - \mathrm{softmax}_k(CE_k)) / (K - 1)`,
    with its cross-entropy :math:`CE_k` on the trial's label [1]_. A single teacher has
    a share of 1. A share is at most 1 / (K - 1).

    References
    ----------
    .. [1] Zhang, H., Chen, D., & Wang, C. (2022). Confidence-aware multi-teacher
       knowledge distillation. ICASSP 2022, 4498-4502. arXiv:2201.00007.
    """

    def __init__(self, *weights: float, normalization: str = "sum") -> None:
        super().__init__(*weights)
        self.normalization = check_choice(
            normalization, "normalization", NORMALIZATIONS
        )

    def shares(self, context: Context, teachers: Sequence[Output]) -> Tensor:
        """Return the shares, shape (n_teachers, n_batch)."""
        losses = [
            F.cross_entropy(teacher.logits, context.batch.y, reduction="none")
            for teacher in teachers
        ]
        return confidence_shares(torch.stack(losses), self.normalization)


class Entropy(Shared):
    r"""Trust each teacher on a trial the more, the lower the entropy of its answer.

    Labels are not looked at: a teacher that is surely wrong counts much.

    Parameters
    ----------
    *weights : float
        Weight of each term, >= 0, in the order of the terms; those of terms with a
        teacher are multiplied by the teacher's share of the trial. None given: all 1.
    normalization : {"sum", "official"}, default="sum"
        ``"sum"`` makes the shares of a trial sum to 1. With ``"official"`` they sum
        to (K - 1) / K for K teachers, as in the code that accompanies [2]_.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or ``normalization`` is unknown.

    Notes
    -----
    The share of teacher k is proportional to :math:`1 - H_k / \sum_j H_j`, with the
    entropy :math:`H_k` of its classes at temperature 1, plus 1e-8 nats, so that
    teachers without any entropy share equally. A single teacher has a share of 1.

    References
    ----------
    .. [1] Kwon, K., Na, H., Lee, H., & Kim, N. S. (2020). Adaptive knowledge
       distillation based on entropy. ICASSP 2020, 7409-7413.
    .. [2] Zhang, H., Chen, D., & Wang, C. (2022). Confidence-aware multi-teacher
       knowledge distillation. ICASSP 2022, 4498-4502. arXiv:2201.00007.
    """

    def __init__(self, *weights: float, normalization: str = "sum") -> None:
        super().__init__(*weights)
        self.normalization = check_choice(
            normalization, "normalization", NORMALIZATIONS
        )

    def shares(self, context: Context, teachers: Sequence[Output]) -> Tensor:
        """Return the shares, shape (n_teachers, n_batch)."""
        n_teachers = len(teachers)
        logs = torch.stack([F.log_softmax(t.logits, dim=1) for t in teachers])
        entropy = -(logs.exp() * logs).sum(dim=2)
        if n_teachers == 1:
            return torch.ones_like(entropy)
        entropy = entropy + EPS
        return (1 - entropy / entropy.sum(dim=0)) / (
            n_teachers if self.normalization == "official" else n_teachers - 1
        )


class GradientCombined(Shared):
    r"""Weigh teachers so that their gradients agree as far as they can, AEKD.

    Parameters
    ----------
    *weights : float
        Weight of each term, >= 0, in the order of the terms; those of terms with a
        teacher are multiplied by the teacher's share of the batch. None given: all 1.
    temperature : float, default=4.0
        That of the divergences whose gradients are combined, > 0.
    cap : float, default=0.6
        The largest share of one teacher, > 0 and <= 1. The published value. Where
        even equal shares exceed it, shares are equal.

    Raises
    ------
    ValueError
        If a weight or a number is out of bounds.

    Notes
    -----
    The shares :math:`\alpha` of a batch minimize
    :math:`\|\sum_k \alpha_k g_k\|^2` subject to :math:`\sum_k \alpha_k = 1` and
    :math:`0 \le \alpha_k \le cap`, where :math:`g_k` is the batch mean of the gradient
    of teacher k's divergence with regard to the student's scores [1]_. That gradient
    is :math:`T (p_s^T - p_k^T)` for a trial. Gradients are not normalized first, an
    option of public code. On validation trials all teachers count alike, so that epochs
    can be compared.

    References
    ----------
    .. [1] Du, S., You, S., Li, X., Wu, J., Wang, F., Qian, C., & Zhang, C. (2020).
       Agree to disagree: Adaptive ensemble knowledge distillation in gradient space.
       Advances in Neural Information Processing Systems, 33, 12345-12355.
    """

    def __init__(
        self, *weights: float, temperature: float = 4.0, cap: float = 0.6
    ) -> None:
        super().__init__(*weights)
        self.temperature = check_number(temperature, "temperature", above=0)
        self.cap = check_number(cap, "cap", above=0, at_most=1)

    def shares(self, context: Context, teachers: Sequence[Output]) -> Tensor:
        """Return the shares, shape (n_teachers, 1)."""
        if not context.training:
            return torch.full_like(
                context.losses[: len(teachers), :1], 1 / len(teachers)
            )
        student = F.softmax(context.student.logits / self.temperature, dim=1)
        gradients = torch.stack(
            [
                self.temperature
                * (student - F.softmax(teacher.logits / self.temperature, dim=1))
                for teacher in teachers
            ]
        ).mean(dim=1)
        products = (gradients @ gradients.T).double().cpu().numpy()
        shares = smallest_combination(products, self.cap)
        return student.new_tensor(shares.tolist())[:, None]


def smallest_combination(
    products: np.ndarray, cap: float = 1.0, n_steps: int = 1000
) -> np.ndarray:
    """Return the weights that make a combination of vectors shortest.

    Parameters
    ----------
    products : ndarray, shape (n_vectors, n_vectors)
        Inner products of the vectors.
    cap : float, default=1.0
        The largest weight, raised to ``1 / n_vectors`` where it is smaller.
    n_steps : int, default=1000
        At most so many steps.

    Returns
    -------
    weights : ndarray, shape (n_vectors,)
        Between 0 and ``cap``, of sum 1.

    Notes
    -----
    A step moves weight from the vector along which the length grows fastest to that
    along which it grows slowest, as far as that shortens the combination (pairwise
    Frank-Wolfe steps, which reach the minimum of this convex problem).

    Examples
    --------
    >>> import numpy as np
    >>> smallest_combination(np.diag([1.0, 3.0]))
    array([0.75, 0.25])
    """
    n_vectors = len(products)
    cap = max(cap, 1 / n_vectors)
    weights = np.full(n_vectors, 1 / n_vectors)
    scale = float(np.abs(products).max()) or 1.0
    for _ in range(n_steps):
        slope = products @ weights / scale
        to = int(np.argmin(np.where(weights < cap, slope, np.inf)))
        away = int(np.argmax(np.where(weights > 0, slope, -np.inf)))
        gain = slope[away] - slope[to]
        room = min(cap - weights[to], weights[away])
        if not gain > 1e-10 or room <= 0:
            break
        bend = products[to, to] + products[away, away] - 2 * products[to, away]
        step = min(room, gain * scale / bend) if bend > 0 else room
        weights[to] = cap if step == cap - weights[to] else weights[to] + step
        weights[away] = 0.0 if step == weights[away] else weights[away] - step
    return weights
