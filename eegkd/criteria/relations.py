"""Criteria on how trials relate to each other inside a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from eegkd._checks import check_int

if TYPE_CHECKING:
    from eegkd.decoders import Output
    from eegkd.sources import Batch

EPS = 1e-12  # a map that is constant in time has no correlation, not an infinite one


class _TrialSimilarity(torch.autograd.Function):
    """`trial_similarity` with one matrix product forward and one backward.

    Left to autograd, the gradient of ``Z @ Z.T`` takes two products and centering and
    scaling keep four copies of the features. The gradient of Z is a mixture of rows of
    Z, which are centered already, so nothing needs to be centered again.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        n_trials, n_maps, n_steps = features.shape
        unit = features - features.mean(dim=2, keepdim=True)
        norm = unit.norm(dim=2, keepdim=True).clamp_min_(EPS)
        unit.div_(norm)
        ctx.save_for_backward(unit, norm)
        rows = unit.reshape(n_trials, n_maps * n_steps)
        return rows @ rows.T / n_maps

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        unit, norm = ctx.saved_tensors
        n_trials, n_maps, _ = unit.shape
        mixed = (grad + grad.T).div_(n_maps) @ unit.reshape(n_trials, -1)
        mixed = mixed.reshape(unit.shape)
        along = torch.einsum("imt,imt->im", mixed, unit).unsqueeze(2)
        return mixed.addcmul_(along, unit, value=-1).div_(norm)


def trial_similarity(features: Tensor) -> Tensor:
    """Correlation in time between all pairs of trials, averaged over feature maps.

    Parameters
    ----------
    features : Tensor, shape (n_trials, n_maps, n_steps)
        Activity of one layer, time last.

    Returns
    -------
    similarity : Tensor, shape (n_trials, n_trials)
        Symmetric, between -1 and 1, with a diagonal of 1. It does not change when a
        map is scaled by a positive factor or shifted, or when maps are repeated.

    Notes
    -----
    Each map of each trial is centered and scaled to unit length over time; the entry
    of trials i and j is the mean over maps of the product of the two, that is, of
    their Pearson correlation [1]_. The gradient can be taken once, not twice.

    References
    ----------
    .. [1] Huang, X.-Y., Chen, S.-Y., & Wei, C.-S. (2024). Enhancing low-density
       EEG-based brain-computer interfacing with similarity-keeping knowledge
       distillation. IEEE Transactions on Emerging Topics in Computational
       Intelligence, 8(2), 1156-1166.

    Examples
    --------
    >>> import torch
    >>> ramp = torch.arange(5.0)
    >>> trial_similarity(torch.stack([ramp, 2 * ramp + 1, -ramp])[:, None])
    tensor([[ 1.,  1., -1.],
            [ 1.,  1., -1.],
            [-1., -1.,  1.]])
    """
    return _TrialSimilarity.apply(features)


def similarity_keeping_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference between two similarity matrices, one value per trial.

    Parameters
    ----------
    student, teacher : Tensor, shape (n_trials, n_trials)
        Similarity of the same trials in the same order, see `trial_similarity`.

    Returns
    -------
    loss : Tensor, shape (n_trials,)
        Row means. Their mean equals the published mean over all pairs.
    """
    return (student - teacher).square().mean(dim=1)


class SimilarityKeeping:
    """Keep between the student's trials the similarities that the teacher sees.

    Parameters
    ----------
    n_taps : int, default=2
        How many of the decoders' taps to compare at most, counted from the last;
        fewer where one of the two decoders has fewer. The published method takes the
        last two of three, behind the layer that combines the electrodes, so that the
        number of electrodes does not matter.

    Notes
    -----
    The per-tap losses are summed, as published. The diagonal of both matrices is 1
    and adds nothing, so the loss of a batch of B trials is (B - 1) / B times the mean
    over pairs of different trials.

    References
    ----------
    .. [1] Huang, X.-Y., Chen, S.-Y., & Wei, C.-S. (2024). Enhancing low-density
       EEG-based brain-computer interfacing with similarity-keeping knowledge
       distillation. IEEE Transactions on Emerging Topics in Computational
       Intelligence, 8(2), 1156-1166.
    """

    name = "similarity_loss"

    def __init__(self, n_taps: int = 2) -> None:
        self.n_taps = check_int(n_taps, "n_taps", at_least=1)

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), between 0 and 4 n_taps."""
        n_taps = min(self.n_taps, len(student.features), len(teacher.features))
        if n_taps == 0:
            raise ValueError(
                "Student and teacher must have at least one tap each, got "
                f"{len(student.features)} and {len(teacher.features)}. Build them with "
                "taps."
            )
        pairs = zip(
            list(student.features)[-n_taps:],
            list(teacher.features)[-n_taps:],
            strict=True,
        )
        losses = [
            similarity_keeping_loss(
                student.relation(trial_similarity, student_tap),
                teacher.relation(trial_similarity, teacher_tap),
            )
            for student_tap, teacher_tap in pairs
        ]
        return torch.stack(losses).sum(dim=0)

    def __repr__(self) -> str:
        return f"SimilarityKeeping(n_taps={self.n_taps})"
