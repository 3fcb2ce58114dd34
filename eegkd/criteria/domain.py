"""Criteria that make the trials of different subjects, or devices, look alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from eegkd._checks import check_int, check_number
from eegkd.criteria.base import TrainedCriterion, embedding_of

if TYPE_CHECKING:
    from eegkd.decoders import Output
    from eegkd.samplers import Batch

EPS = 1e-12  # embeddings that are all the same have no distance to scale with

Grouping = Callable[["Batch"], Tensor]
GROUPS: dict[str, Grouping] = {
    "subject": lambda batch: batch.subject,
    "session": lambda batch: batch.session,
}


class MMD:
    """Maximum mean discrepancy between the embeddings of groups of trials.

    Parameters
    ----------
    by : {"subject", "session"} or callable, default="subject"
        Which trials form a group. A callable is given the batch and returns an
        integer for each trial, for example 0 for source and 1 for target.
    scales : sequence of float, default=(0.25, 0.5, 1, 2, 4)
        Widths of the Gaussian kernels, in multiples of the median squared distance
        between two trials of the batch, > 0.

    Notes
    -----
    For two groups it is the mean of the kernel within the one, plus that within the
    other, minus twice that between them [1]_: the biased estimate, which is never
    negative and exists for groups of one trial. The kernel is the mean over ``scales``
    of exp(-d^2 / (scale m)) [2]_, m the median squared distance, without gradient. Of
    more than two groups the mean over pairs is taken. The value is one for the batch
    and given to each trial. A batch with one group gives 0.

    References
    ----------
    .. [1] Gretton, A., Borgwardt, K. M., Rasch, M. J., Schölkopf, B., & Smola, A.
       (2012). A kernel two-sample test. Journal of Machine Learning Research, 13,
       723-773.
    .. [2] Long, M., Cao, Y., Wang, J., & Jordan, M. (2015). Learning transferable
       features with deep adaptation networks. International Conference on Machine
       Learning, 97-105.
    """

    name = "mmd"

    def __init__(
        self,
        by: str | Grouping = "subject",
        scales: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0),
    ) -> None:
        self.by = by
        self._group = _grouping(by)
        self.scales = _check_scales(scales)

    def __call__(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the discrepancy of the batch for each trial, between 0 and 2."""
        embedding = embedding_of(student, "student")
        member = _membership(self._group(batch), embedding)
        if member.shape[1] < 2:
            return 0 * embedding.sum(dim=1)
        share = member / member.sum(dim=0)
        within = share.T @ _gaussian_kernels(embedding, self.scales) @ share
        own = within.diagonal()
        pairs = own[:, None] + own - 2 * within
        return _mean_over_pairs(pairs).expand(len(embedding))

    def __repr__(self) -> str:
        return f"MMD(by={self.by!r}, scales={self.scales})"


class CORAL:
    """Distance between the covariances of the embeddings of groups of trials.

    Parameters
    ----------
    by : {"subject", "session"} or callable, default="subject"
        Which trials form a group, see `MMD`.

    Notes
    -----
    For two groups it is the squared Frobenius distance of their covariance matrices,
    divided by 4 d^2 for embeddings of d values [1]_; of more groups the mean over pairs
    is taken. A group needs two trials to have a covariance; others are left out. The
    value is one for the batch and given to each trial; with less than two such groups
    it is 0.

    References
    ----------
    .. [1] Sun, B., & Saenko, K. (2016). Deep CORAL: Correlation alignment for deep
       domain adaptation. ECCV Workshops, 443-450.
    """

    name = "coral"

    def __init__(self, by: str | Grouping = "subject") -> None:
        self.by = by
        self._group = _grouping(by)

    def __call__(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the distance of the batch for each trial, shape (n_batch,), >= 0."""
        embedding = embedding_of(student, "student")
        member = _membership(self._group(batch), embedding).bool()
        covariances = [
            _covariance(embedding[rows]) for rows in member.T if int(rows.sum()) > 1
        ]
        if len(covariances) < 2:
            return 0 * embedding.sum(dim=1)
        flat = torch.stack(covariances).flatten(1)
        squares = (flat[:, None] - flat).square().sum(dim=2)
        distance = _mean_over_pairs(squares) / (4 * embedding.shape[1] ** 2)
        return distance.expand(len(embedding))

    def __repr__(self) -> str:
        return f"CORAL(by={self.by!r})"


class DomainAdversary(TrainedCriterion):
    """Make the embedding useless for telling subjects apart, by gradient reversal.

    A small network learns to name the subject of each trial from the embedding. Its
    gradient is turned round on the way to the student, which thereby learns to hide who
    it is.

    Parameters
    ----------
    by : {"subject", "session"} or callable, default="subject"
        What the network names, see `MMD`; counted from 0.
    n_groups : int, optional
        How many there are. By default as many as the sampler tells.
    n_hidden : int, default=128
        Units of the network's one hidden layer.
    strength : float, default=1.0
        Factor of the reversed gradient, >= 0.
    ramp : int, default=10
        Epochs in which the factor grows from 0 to nearly ``strength``, >= 1.

    Notes
    -----
    The factor in epoch e is strength (2 / (1 + exp(-10 p)) - 1), p = min(1, e / ramp)
    [1]_; there p is the part of the whole training that is over, which a criterion does
    not know. With one subject the loss and its gradient are 0. The term says nothing
    about unseen trials and is left out of validation.

    References
    ----------
    .. [1] Ganin, Y., Ustinova, E., Ajakan, H., et al. (2016). Domain-adversarial
       training of neural networks. Journal of Machine Learning Research, 17(59), 1-35.
    """

    name = "domain_adversary"
    only_training = True

    def __init__(
        self,
        by: str | Grouping = "subject",
        n_groups: int | None = None,
        n_hidden: int = 128,
        strength: float = 1.0,
        ramp: int = 10,
    ) -> None:
        super().__init__()
        self.by = by
        self._group = _grouping(by)
        if n_groups is not None:
            check_int(n_groups, "n_groups", at_least=1)
        self.n_groups = n_groups
        self.n_hidden = check_int(n_hidden, "n_hidden", at_least=1)
        self.strength = check_number(strength, "strength", at_least=0)
        self.ramp = check_int(ramp, "ramp", at_least=1)
        self.factor = 0.0

    def start(self, student: Output, teacher: Output | None, batch: Batch) -> None:
        """Make the network that names the groups."""
        embedding = embedding_of(student, "student")
        self.discriminator = nn.Sequential(
            nn.Linear(embedding.shape[1], self.n_hidden),
            nn.ReLU(),
            nn.Linear(self.n_hidden, self._count(batch)),
        ).to(embedding.dtype)
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Set the factor of the reversed gradient for an epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.
        """
        part = min(1.0, epoch / self.ramp)
        self.factor = self.strength * (2 / (1 + math.exp(-10 * part)) - 1)

    def forward(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the network's cross-entropy of each trial, shape (n_batch,)."""
        group = self._group(batch)
        logits = self.discriminator(
            _Reversed.apply(embedding_of(student, "student"), self.factor)
        )
        if int(group.max()) >= logits.shape[1]:
            raise ValueError(
                f"'n_groups' must be above every group of the batch, got "
                f"{logits.shape[1]} for group {int(group.max())}. Count the groups of "
                "all training trials."
            )
        return cross_entropy(logits, group, reduction="none")

    def _count(self, batch: Batch) -> int:
        """Return the number of groups: what was given, or what the sampler tells."""
        if self.n_groups is not None:
            return self.n_groups
        known = getattr(batch.sampler, str(self.by), None)
        if not isinstance(known, Tensor):
            raise ValueError(
                f"'n_groups' must be given where the sampler does not tell all groups, "
                f"got None with {type(batch.sampler).__name__} and by={self.by!r}. "
                "Pass the number of groups among the training trials."
            )
        return int(known.max()) + 1

    def __repr__(self) -> str:
        return (
            f"DomainAdversary(by={self.by!r}, strength={self.strength:g}, "
            f"ramp={self.ramp})"
        )


class ClassConfusion:
    """Minimum class confusion: how often pairs of classes are thought of together.

    Needs no labels; meant for the trials of a target domain.

    Parameters
    ----------
    temperature : float, default=2.5
        Divides the scores, > 0. The published value.
    where : callable, optional
        Is given the batch and returns True for each trial that counts, shape
        (n_batch,). By default all count.

    Notes
    -----
    With probabilities P at the temperature and weights w of mean 1, proportional to
    1 + exp(-entropy) and without gradient, the confusion matrix P^T diag(w) P is scaled
    to rows of sum 1; the loss is the mean over classes of what is off its diagonal
    [1]_. It is one value for the batch, given to each trial: 0 if the student is
    certain of every trial, (C - 1) / C if it cannot tell C classes apart. A batch
    without a trial that counts gives 0.

    References
    ----------
    .. [1] Jin, Y., Wang, X., Long, M., & Wang, J. (2020). Minimum class confusion for
       versatile domain adaptation. European Conference on Computer Vision, 464-480.
       arXiv:1912.03699.
    """

    name = "class_confusion"
    needs_features = False

    def __init__(self, temperature: float = 2.5, where: Grouping | None = None) -> None:
        self.temperature = check_number(temperature, "temperature", above=0)
        if where is not None and not callable(where):
            raise TypeError(
                "'where' must be callable, f(batch) -> bool for each trial, or None, "
                f"got {type(where).__name__}."
            )
        self.where = where

    def __call__(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the confusion of the batch for each trial, between 0 and 1."""
        n_batch, logits = len(student.logits), student.logits
        if self.where is not None:
            logits = logits[self.where(batch).bool()]
        if not len(logits):
            return 0 * student.logits.sum(dim=1)
        logs = (logits / self.temperature).log_softmax(dim=1)
        proba = logs.exp()
        weight = 1 + torch.exp((proba * logs).sum(dim=1).detach())
        weight = weight / weight.mean()
        matrix = (proba * weight[:, None]).T @ proba
        matrix = matrix / matrix.sum(dim=1, keepdim=True).clamp_min(EPS)
        n_classes = len(matrix)
        loss = (matrix.sum() - matrix.trace()) / n_classes
        return loss.expand(n_batch)

    def __repr__(self) -> str:
        return f"ClassConfusion(temperature={self.temperature:g})"


class _Reversed(torch.autograd.Function):
    """The same values forward, the gradient times a negative factor backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return -ctx.factor * grad, None


def _grouping(by: Any) -> Grouping:
    """Return the function that tells the group of each trial of a batch."""
    if isinstance(by, str) and by in GROUPS:
        return GROUPS[by]
    if callable(by):
        return by
    raise ValueError(
        f"'by' must be 'subject', 'session' or a callable f(batch) -> int for each "
        f"trial, got {by!r}."
    )


def _check_scales(scales: Any) -> tuple[float, ...]:
    """Return the widths of kernels as a tuple of positive numbers."""
    if isinstance(scales, (int, float, str)) or not len(scales):
        raise ValueError(
            "'scales' must be a sequence of at least one number > 0, got "
            f"{scales!r}. The default is (0.25, 0.5, 1, 2, 4)."
        )
    return tuple(check_number(scale, "scales", above=0) for scale in scales)


def _membership(group: Tensor, like: Tensor) -> Tensor:
    """Return 1 where a trial is in a group, shape (n_batch, n_groups)."""
    _, place = group.long().unique(return_inverse=True)
    return nn.functional.one_hot(place).to(like)


def _gaussian_kernels(embedding: Tensor, scales: tuple[float, ...]) -> Tensor:
    """Return the mean kernel of all pairs of trials, shape (n_batch, n_batch)."""
    centered = embedding - embedding.mean(dim=0).detach()
    square = centered.square().sum(dim=1)
    distance = (square[:, None] + square - 2 * centered @ centered.T).clamp_min(0)
    apart = ~torch.eye(len(distance), dtype=torch.bool, device=distance.device)
    distance = distance * apart  # exactly 0 from a trial to itself
    median = distance.detach()[apart].median().clamp_min(EPS)
    kernels = [torch.exp(-distance / (scale * median)) for scale in scales]
    return torch.stack(kernels).mean(dim=0)


def _covariance(embedding: Tensor) -> Tensor:
    """Return the covariance over trials, shape (n_dims, n_dims)."""
    centered = embedding - embedding.mean(dim=0)
    return centered.T @ centered / (len(embedding) - 1)


def _mean_over_pairs(values: Tensor) -> Tensor:
    """Return the mean over pairs of different groups of a symmetric matrix."""
    n_groups = len(values)
    row, column = torch.triu_indices(n_groups, n_groups, 1, device=values.device)
    return values[row, column].mean()
