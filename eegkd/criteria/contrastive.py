"""Criteria that tell a trial's own teacher embedding from those of other trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from eegkd._checks import check_int, check_number
from eegkd.criteria.base import TrainedCriterion
from eegkd.criteria.relations import embeddings

if TYPE_CHECKING:
    from eegkd.decoders import Output
    from eegkd.samplers import Batch, Sampler

EPS = 1e-7  # as in the authors' code


class _Embedded(TrainedCriterion):
    """Two linear maps that bring both embeddings to unit vectors of one size."""

    def __init__(self, n_dims: int, temperature: float) -> None:
        super().__init__()
        self.n_dims = check_int(n_dims, "n_dims", at_least=1)
        self.temperature = check_number(temperature, "temperature", above=0)

    def start(self, student: Output, teacher: Output | None, batch: Batch) -> None:
        """Make the two maps, for embeddings of the size that both decoders have."""
        mine, theirs = embeddings(student, teacher)
        dtype = mine.dtype
        self.embed_student = nn.Linear(mine.shape[1], self.n_dims, dtype=dtype)
        self.embed_teacher = nn.Linear(theirs.shape[1], self.n_dims, dtype=dtype)

    def unit_embeddings(
        self, student: Output, teacher: Output | None
    ) -> tuple[Tensor, Tensor]:
        """Return both embeddings as unit vectors, each of shape (n_batch, n_dims)."""
        mine, theirs = embeddings(student, teacher)
        return (
            normalize(self.embed_student(mine), dim=1),
            normalize(self.embed_teacher(theirs.to(mine.dtype)), dim=1),
        )


class CRD(_Embedded):
    """Contrastive representation distillation, with a memory of all trials.

    The student's embedding of a trial has to be told to belong to the teacher's of the
    same trial among those of all trials of other classes, and the other way round.
    Both memories hold, for each training trial, a running mean of its embedding.

    Parameters
    ----------
    n_dims : int, default=128
        Size of the space that both embeddings are mapped to. The published value.
    temperature : float, default=0.07
        Divides the cosines, > 0. The published value.
    momentum : float, default=0.5
        Part of a remembered embedding that stays when its trial is seen again, >= 0
        and <= 0.999: with 1 the memories would stay random. The published value.

    Notes
    -----
    With unit vectors v of the two embeddings, memories m and n trials, the score of
    trial i and trial j is s = exp(<v_i, m_j> / temperature) / Z; Z is n times the mean
    of the first batch's scores and stays. With k_i trials of other classes, the loss of
    trial i is

    -log(s_ii / (s_ii + k_i / n)) - sum_j log((k_i / n) / (s_ij + k_i / n)),

    j over the trials of other classes, summed over both directions. This is the
    formula of the authors' code; its 16384 negatives drawn out of 50000 images are all
    trials of other classes here, because EEG has a few hundred. A trial's classes are
    those of its sampler; where that does not tell them, those seen so far.

    The memory is written after the optimizer's step, never before the gradient is
    taken. It knows nothing of unseen trials, so the term is left out of validation.

    References
    ----------
    .. [1] Tian, Y., Krishnan, D., & Isola, P. (2020). Contrastive representation
       distillation. International Conference on Learning Representations.
       arXiv:1910.10699.
    """

    name = "crd"
    only_training = True

    memory_student: Tensor
    memory_teacher: Tensor
    labels: Tensor
    constants: Tensor

    def __init__(
        self, n_dims: int = 128, temperature: float = 0.07, momentum: float = 0.5
    ) -> None:
        super().__init__(n_dims, temperature)
        self.momentum = check_number(momentum, "momentum", at_least=0, at_most=0.999)
        self._sampler: Sampler | None = None
        self._scaled = False
        self._seen: tuple[Tensor, Tensor, Tensor] | None = None

    def start(self, student: Output, teacher: Output | None, batch: Batch) -> None:
        """Make the two maps and two memories of random embeddings.

        Raises
        ------
        ValueError
            If labels are continuous.
        """
        if batch.y.is_floating_point():
            raise ValueError(
                "CRD needs classes, because trials of other classes are its negatives, "
                "but the labels are continuous. Use InfoNCE(), which needs no labels."
            )
        super().start(student, teacher, batch)
        n_trials, like = len(batch.sampler), self.embed_student.weight
        bound = (3 / self.n_dims) ** 0.5  # unit length in the mean
        for whose in ("student", "teacher"):
            memory = torch.empty(n_trials, self.n_dims).uniform_(-bound, bound)
            self.register_buffer(f"memory_{whose}", memory.to(like))
        known = getattr(batch.sampler, "y", None)
        if not isinstance(known, Tensor) or len(known) != n_trials:
            known = torch.full((n_trials,), -1)
        self.register_buffer("labels", known.to(like.device, torch.int64).clone())
        self.register_buffer("constants", torch.ones(2).to(like))
        self._sampler, self._scaled, self._seen = batch.sampler, False, None

    def forward(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), >= 0."""
        self._check(batch)
        mine, theirs = self.unit_embeddings(student, teacher)
        self.labels[batch.index] = batch.y
        scores = [
            torch.exp(mine @ self.memory_teacher.T / self.temperature),
            torch.exp(theirs @ self.memory_student.T / self.temperature),
        ]
        others = (self.labels >= 0) & (self.labels != batch.y[:, None])
        if not self._scaled:
            own = torch.zeros_like(others).scatter_(1, batch.index[:, None], value=True)
            means = [score.detach()[others | own].mean() for score in scores]
            self.constants.copy_(len(self.labels) * torch.stack(means))
            self._scaled = True
        self._seen = (batch.index, mine.detach(), theirs.detach())
        losses = [
            noise_contrastive_loss(score / constant, batch.index, others)
            for score, constant in zip(scores, self.constants.clone(), strict=True)
        ]
        return losses[0] + losses[1]

    @torch.no_grad()
    def after_update(self) -> None:
        """Write the embeddings of the last batch into the memories."""
        if self._seen is None:
            return
        index, *both = self._seen
        for memory, new in zip(
            (self.memory_student, self.memory_teacher), both, strict=True
        ):
            mixed = self.momentum * memory[index] + (1 - self.momentum) * new
            memory[index] = normalize(mixed, dim=1)
        self._seen = None

    def _check(self, batch: Batch) -> None:
        """Refuse trials that the memory is not about."""
        if self._sampler is None:
            raise RuntimeError(
                "CRD must be started before use: criterion.start(student, teacher, "
                "batch). The training loop does so."
            )
        if batch.sampler is not self._sampler:
            raise ValueError(
                "'batch' must come from the sampler that CRD was started with, because "
                "it remembers trials by their index, but it comes from another "
                f"{type(batch.sampler).__name__}. Make a new CRD() for each sampler."
            )

    def __repr__(self) -> str:
        return (
            f"CRD(n_dims={self.n_dims}, temperature={self.temperature:g}, "
            f"momentum={self.momentum:g})"
        )


def noise_contrastive_loss(scores: Tensor, index: Tensor, others: Tensor) -> Tensor:
    """Tell one positive from the negatives of each trial.

    Parameters
    ----------
    scores : Tensor, shape (n_batch, n_trials)
        Positive scores of each trial of the batch with all trials; with n_trials as
        many classes as trials, a probability.
    index : Tensor of int64, shape (n_batch,)
        Place of each trial of the batch among all trials: its positive.
    others : Tensor of bool, shape (n_batch, n_trials)
        The negatives of each trial.

    Returns
    -------
    loss : Tensor, shape (n_batch,)
        Noise-contrastive loss of each trial, see `CRD`. Its mean equals the published
        sum divided by the batch size.
    """
    noise = others.sum(dim=1, keepdim=True).to(scores.dtype) / scores.shape[1]
    positive = scores.gather(1, index[:, None])
    right = torch.log(positive / (positive + noise + EPS))
    wrong = torch.log(noise.clamp_min(EPS) / (scores + noise + EPS))
    return -(right[:, 0] + torch.where(others, wrong, 0.0).sum(dim=1))


class InfoNCE(_Embedded):
    """Find each trial's teacher embedding among those of the batch, and vice versa.

    Parameters
    ----------
    n_dims : int, default=128
        Size of the space that both embeddings are mapped to.
    temperature : float, default=0.07
        Divides the cosines, > 0. The value of `CRD`.

    Notes
    -----
    The cosines of all pairs of a student's and a teacher's embedding in the batch,
    divided by the temperature, are scores in a cross-entropy whose right answer is the
    same trial; the mean is taken over both directions [2]_. The loss is the published
    bound on mutual information [1]_ with all other trials of the batch as negatives,
    those of the same class too. With a batch of B trials that nobody can tell apart it
    is log(B), so batches of one size compare, others do not; a batch of one trial gives
    0.

    References
    ----------
    .. [1] van den Oord, A., Li, Y., & Vinyals, O. (2018). Representation learning with
       contrastive predictive coding. arXiv:1807.03748.
    .. [2] Radford, A., Kim, J. W., Hallacy, C., et al. (2021). Learning transferable
       visual models from natural language supervision. International Conference on
       Machine Learning, 8748-8763.
    """

    name = "info_nce"
    between_trials = True

    def __init__(self, n_dims: int = 128, temperature: float = 0.07) -> None:
        super().__init__(n_dims, temperature)

    def forward(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), >= 0."""
        mine, theirs = self.unit_embeddings(student, teacher)
        scores = mine @ theirs.T / self.temperature
        same = torch.arange(len(scores), device=scores.device)
        there = cross_entropy(scores, same, reduction="none")
        back = cross_entropy(scores.T, same, reduction="none")
        return (there + back) / 2

    def __repr__(self) -> str:
        return f"InfoNCE(n_dims={self.n_dims}, temperature={self.temperature:g})"
