"""Features of several teachers, each trusted by what its last layer makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from eegkd._checks import check_choice
from eegkd.criteria.base import TrainedCriterion, embedding_of
from eegkd.criteria.logits import cross_entropy

if TYPE_CHECKING:
    from eegkd.decoders import Output
    from eegkd.samplers import Batch
    from eegkd.teachers import Frozen

NORMALIZATIONS = ("sum", "official")


def confidence_shares(losses: Tensor, normalization: str = "sum") -> Tensor:
    """Return CA-MKD's share of each teacher from its losses on the labels [1]_.

    Parameters
    ----------
    losses : Tensor, shape (n_teachers, n_batch)
        Cross-entropy of each teacher's scores with the labels, in nats.
    normalization : {"sum", "official"}, default="sum"
        ``"sum"`` makes the shares of a trial sum to 1. ``"official"`` divides them
        by the number of teachers once more, as the authors' code does.

    Returns
    -------
    shares : Tensor, shape (n_teachers, n_batch)
        Larger for teachers that are closer to the label; at most 1 / (K - 1) for K
        teachers. A single teacher has 1.

    References
    ----------
    .. [1] Zhang, H., Chen, D., & Wang, C. (2022). Confidence-aware multi-teacher
       knowledge distillation. ICASSP 2022, 4498-4502. arXiv:2201.00007.

    Examples
    --------
    >>> import torch
    >>> confidence_shares(torch.tensor([[0.0], [0.0], [9.0]])).round(decimals=2)
    tensor([[0.5000],
            [0.5000],
            [0.0000]])
    """
    n_teachers = len(losses)
    if n_teachers == 1:
        return torch.ones_like(losses)
    shares = (1 - losses.softmax(dim=0)) / (n_teachers - 1)
    return shares / n_teachers if normalization == "official" else shares


class ConfidentHint(TrainedCriterion):
    r"""Bring the student's embedding close to those of several teachers, CA-MKD.

    The student's embedding is mapped to the size of each teacher's by a trained linear
    layer. What the teacher's own last layer makes of the mapped embedding says, for
    each trial, how much that teacher counts.

    Parameters
    ----------
    teachers : sequence of Frozen
        The teachers. The term itself needs none: ``(ConfidentHint(teachers), None)``.
    normalization : {"sum", "official"}, default="sum"
        ``"sum"`` makes the shares of the teachers in a trial sum to 1.
        ``"official"`` divides them by the number of teachers once more, as the
        authors' code does.

    Raises
    ------
    ValueError
        If there is no teacher, or ``normalization`` is unknown.

    Notes
    -----
    The loss of a trial is :math:`\sum_k w_k \, \mathrm{mean}(e_k - f_k)^2`, with the
    mapped embedding :math:`e_k`, the teacher's :math:`f_k` and
    :math:`w_k = (1 - \mathrm{softmax}_k(CE_k)) / (K - 1)`, where :math:`CE_k` is the
    cross-entropy of the teacher's last layer on :math:`e_k` [1]_. A single teacher
    has a weight of 1.

    Two things differ from the authors' code. The map is linear, without batch
    normalization and rectification, because embeddings of EEG decoders take both
    signs. No gradient flows through the weights, so that the student cannot lower the
    loss by misleading a teacher's last layer.

    References
    ----------
    .. [1] Zhang, H., Chen, D., & Wang, C. (2022). Confidence-aware multi-teacher
       knowledge distillation. ICASSP 2022, 4498-4502. arXiv:2201.00007.
    """

    name = "confident_hint_loss"

    def __init__(self, teachers: Sequence[Frozen], normalization: str = "sum") -> None:
        super().__init__()
        self.teachers = list(teachers)
        if not self.teachers:
            raise ValueError(
                "'teachers' must hold at least one teacher, got none. Pass "
                "[Frozen(decoder), ...]."
            )
        self.normalization = check_choice(
            normalization, "normalization", NORMALIZATIONS
        )
        self.maps = nn.ModuleList()

    def start(self, student: Output, teacher: Output | None, batch: Batch) -> None:
        """Make one linear map for each teacher.

        Parameters
        ----------
        student : Output
            Without gradient.
        teacher : None
            Not used.
        batch : Batch
            The trials.
        """
        own = embedding_of(student, "student")
        self.maps = nn.ModuleList(
            nn.Linear(
                own.shape[1],
                embedding_of(who(batch), "teacher").shape[1],
                dtype=own.dtype,
            ).to(own.device)
            for who in self.teachers
        )

    def forward(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        own = embedding_of(student, "student")
        mapped = [layer(own) for layer in self.maps]
        distances = [
            (one - embedding_of(who(batch), "teacher")).square().mean(dim=1)
            for one, who in zip(mapped, self.teachers, strict=True)
        ]
        return (self.shares(mapped, batch) * torch.stack(distances)).sum(dim=0)

    def shares(self, mapped: Sequence[Tensor], batch: Batch) -> Tensor:
        """Return how much each teacher counts, from its last layer on the mapped.

        Parameters
        ----------
        mapped : sequence of Tensor, shape (n_batch, n_dims of the teacher)
            The student's embedding, mapped for each teacher.
        batch : Batch
            The trials.

        Returns
        -------
        shares : Tensor, shape (n_teachers, n_batch)
            Without gradient.
        """
        with torch.no_grad():
            losses = torch.stack(
                [
                    cross_entropy(who.decoder.classify(one), batch.y)
                    for one, who in zip(mapped, self.teachers, strict=True)
                ]
            )
        return confidence_shares(losses, self.normalization)
