"""Criteria that compare what learned modules make of the layers."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eegkd._checks import check_int, check_number
from eegkd.criteria.base import TrainedCriterion
from eegkd.criteria.features import tap_pairs
from eegkd.criteria.maps import mixture, same_steps
from eegkd.criteria.relations import require_start, unit

if TYPE_CHECKING:
    from eegkd.decoders import Output
    from eegkd.samplers import Batch

SLOPE = 0.1  # of the rectifiers below zero, as published


def _chain(widths: Sequence[int], like: Tensor, last: bool = True) -> nn.Sequential:
    """Return convolutions over three steps with leaky rectifiers."""
    layers: list[nn.Module] = []
    for n_in, n_out in zip(widths[:-1], widths[1:], strict=True):
        layers += [
            nn.Conv1d(n_in, n_out, 3, padding=1, dtype=like.dtype),
            nn.LeakyReLU(SLOPE),
        ]
    return nn.Sequential(*(layers if last else layers[:-1]))


class Paraphraser(TrainedCriterion):
    """Compress a layer of the teacher into factors from which it can be restored.

    Parameters
    ----------
    tap : int, default=1
        Which tap, counted from the last, which is 1; the earliest that both decoders
        have where there are fewer.
    rate : float, default=0.5
        Number of factors over number of the teacher's maps, > 0.

    Notes
    -----
    An autoencoder of three convolutions over time on each side [1]_. The loss is the
    squared error of the restored features, averaged over maps and steps. It depends on
    the teacher alone; the student is not trained by it. The published decoder ends in
    a rectifier because the features of its teachers are positive; those of EEG
    decoders have both signs, so ours ends in a convolution. The published batch
    normalization is left out, because a batch of one trial does not permit it.

    References
    ----------
    .. [1] Kim, J., Park, S., & Kwak, N. (2018). Paraphrasing complex network: Network
       compression via factor transfer. NeurIPS, 2760-2769.
    """

    name = "paraphrase_loss"

    def __init__(self, tap: int = 1, rate: float = 0.5) -> None:
        super().__init__()
        self.tap = check_int(tap, "tap", at_least=1)
        self.rate = check_number(rate, "rate", above=0)
        self.sides = nn.ModuleList()

    def start(self, student: Output, teacher: Any, batch: Batch) -> None:
        """Make encoder and decoder."""
        _, theirs = tap_pairs(student, teacher, self.tap)[0]
        n_maps = theirs.shape[1]
        n_factors = max(1, int(n_maps * self.rate))
        encoder = _chain([n_maps, n_maps, n_factors, n_factors], theirs)
        decoder = _chain([n_factors, n_factors, n_maps, n_maps], theirs, last=False)
        self.sides = nn.ModuleList([encoder, decoder])

    def forward(self, student: Output, teacher: Any, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        _, theirs = tap_pairs(student, teacher, self.tap)[0]
        factors = self.factors(theirs)
        restored = self.sides[1](factors)
        return (restored - theirs).square().mean(dim=(1, 2))

    def factors(self, features: Tensor) -> Tensor:
        """Compress features.

        Parameters
        ----------
        features : Tensor, shape (n_batch, n_maps, n_steps)
            The teacher's.

        Returns
        -------
        factors : Tensor, shape (n_batch, n_factors, n_steps)
            What the student's translator shall say.
        """
        require_start(self.sides, self)
        return self.sides[0](features)

    def __repr__(self) -> str:
        return f"Paraphraser(tap={self.tap}, rate={self.rate:g})"


class FactorTransfer(TrainedCriterion):
    """Translate a layer of the student into the factors of the teacher's.

    Parameters
    ----------
    paraphraser : Paraphraser, optional
        Trained on the teacher. It is copied as it is, and the copy is not trained
        further. By default the teacher's own features are the factors.
    tap : int, default=1
        Which tap, counted from the last, which is 1; that of ``paraphraser`` where
        there is one.

    Notes
    -----
    Factors of each trial are scaled to length 1 over maps and steps together; the
    absolute difference is averaged over both. The batch mean equals the element-wise
    mean of the published loss with p = 1 [1]_. As the factors have length 1, it
    shrinks with the square root of the number of values. The translator is three
    convolutions over time, trained with the student.

    Translator and paraphraser have no batch normalization behind their convolutions,
    as the published ones have, because a batch of one trial does not permit it.

    References
    ----------
    .. [1] Kim, J., Park, S., & Kwak, N. (2018). Paraphrasing complex network: Network
       compression via factor transfer. NeurIPS, 2760-2769.
    """

    name = "factor_loss"

    def __init__(self, paraphraser: Paraphraser | None = None, tap: int = 1) -> None:
        super().__init__()
        check_int(tap, "tap", at_least=1)
        self.tap = tap if paraphraser is None else paraphraser.tap
        self.paraphraser = copy.deepcopy(paraphraser)
        if self.paraphraser is not None:
            self.paraphraser.requires_grad_(False)
        self.translators = nn.ModuleList()

    def start(self, student: Output, teacher: Any, batch: Batch) -> None:
        """Make the translator."""
        ours, theirs = tap_pairs(student, teacher, self.tap)[0]
        n_ours, n_factors = ours.shape[1], self._factors(theirs).shape[1]
        self.translators = nn.ModuleList(
            [_chain([n_ours, n_ours, n_factors, n_factors], ours)]
        )

    def forward(self, student: Output, teacher: Any, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        require_start(self.translators, self)
        ours, theirs = tap_pairs(student, teacher, self.tap)[0]
        factors = [
            unit(factor.flatten(1))
            for factor in same_steps(self.translators[0](ours), self._factors(theirs))
        ]
        return (factors[0] - factors[1]).abs().mean(dim=1)

    def _factors(self, features: Tensor) -> Tensor:
        """Return the teacher's factors, without gradient."""
        if self.paraphraser is None:
            return features
        with torch.no_grad():
            return self.paraphraser.factors(features)

    def __repr__(self) -> str:
        return f"FactorTransfer({self.paraphraser!r}, tap={self.tap})"


def hierarchical_loss(
    student: Tensor, teacher: Tensor, levels: Sequence[int] = (4, 2, 1)
) -> Tensor:
    """Squared difference of features at several resolutions in time.

    Parameters
    ----------
    student, teacher : Tensor, shape (n_batch, n_maps, n_steps)
        Of the same shape.
    levels : sequence of int, default=(4, 2, 1)
        Numbers of steps to average to; those that are not below ``n_steps`` are left
        out.

    Returns
    -------
    loss : Tensor, shape (n_batch,)
        Weighted mean over the full resolution and the levels. Each level counts half
        of the one before.

    Notes
    -----
    The batch mean equals the published element-wise means, with squares of pixels
    replaced by steps [1]_.

    References
    ----------
    .. [1] Chen, P., Liu, S., Zhao, H., & Jia, J. (2021). Distilling knowledge via
       knowledge review. CVPR, 5008-5017.
    """
    difference = student - teacher
    total = difference.square().mean(dim=(1, 2))
    weight, weights = 1.0, 1.0
    for n_steps in levels:
        if n_steps < difference.shape[2]:
            weight /= 2
            weights += weight
            coarse = F.adaptive_avg_pool1d(difference, n_steps)
            total = total + weight * coarse.square().mean(dim=(1, 2))
    return total / weights


class ReviewKD(TrainedCriterion):
    """Compare early layers of the teacher with the student's early and late ones.

    Parameters
    ----------
    n_taps : int, default=3
        How many taps at most, counted from the last.
    n_mid : int, optional
        Maps in which layers are fused, >= 1. By default those of the student's widest
        tap, 512 at most.
    levels : sequence of int, default=(4, 2, 1)
        See `hierarchical_loss`.

    Notes
    -----
    From the last tap to the first, the student's layer is mixed to ``n_mid`` maps and
    added to what came from the later ones, stretched in time, both weighted by a
    learned attention over time; a convolution over three steps then turns it into the
    teacher's maps [1]_. Losses are summed over taps. Batch normalization inside the
    fusion is left out, because a batch of one trial does not permit it, and steps are
    matched by averaging to the shorter instead of repeating up to the teacher's.

    References
    ----------
    .. [1] Chen, P., Liu, S., Zhao, H., & Jia, J. (2021). Distilling knowledge via
       knowledge review. CVPR, 5008-5017.
    """

    name = "review_loss"

    def __init__(
        self,
        n_taps: int = 3,
        n_mid: int | None = None,
        levels: Sequence[int] = (4, 2, 1),
    ) -> None:
        super().__init__()
        self.n_taps = check_int(n_taps, "n_taps", at_least=1)
        self.n_mid = None if n_mid is None else check_int(n_mid, "n_mid", at_least=1)
        self.levels = [check_int(level, "levels", at_least=1) for level in levels]
        self.fusions = nn.ModuleList()

    def start(self, student: Output, teacher: Any, batch: Batch) -> None:
        """Make one fusion for each tap."""
        pairs = tap_pairs(student, teacher, self.n_taps)
        n_mid = self.n_mid or min(512, max(ours.shape[1] for ours, _ in pairs))
        self.fusions = nn.ModuleList(
            _Fusion(ours, theirs.shape[1], n_mid, fuse=place > 0)
            for place, (ours, theirs) in enumerate(reversed(pairs))
        )

    def forward(self, student: Output, teacher: Any, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        require_start(self.fusions, self)
        losses: list[Tensor] = []
        later: Tensor | None = None
        pairs = tap_pairs(student, teacher, self.n_taps)
        for (ours, theirs), fusion in zip(reversed(pairs), self.fusions, strict=True):
            later, answer = fusion(ours, later)
            losses.append(hierarchical_loss(*same_steps(answer, theirs), self.levels))
        return torch.stack(losses).sum(dim=0)

    def __repr__(self) -> str:
        return (
            f"ReviewKD(n_taps={self.n_taps}, n_mid={self.n_mid}, levels={self.levels})"
        )


class _Fusion(nn.Module):
    """One step of the review: a layer joined with what came from later ones."""

    def __init__(self, ours: Tensor, n_theirs: int, n_mid: int, fuse: bool) -> None:
        super().__init__()
        self.enter = mixture(ours.shape[1], n_mid, ours)
        self.attend = mixture(2 * n_mid, 2, ours) if fuse else None
        self.leave = nn.Conv1d(n_mid, n_theirs, 3, padding=1, dtype=ours.dtype)

    def forward(self, ours: Tensor, later: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the fused layer and the teacher's layer predicted from it."""
        fused = self.enter(ours)
        if self.attend is not None and later is not None:
            later = F.interpolate(later, size=fused.shape[2], mode="nearest")
            gates = self.attend(torch.cat([fused, later], dim=1)).sigmoid()
            fused = fused * gates[:, :1] + later * gates[:, 1:]
        return fused, self.leave(fused)
