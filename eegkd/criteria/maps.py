"""Criteria on how the feature maps of one trial relate to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import adaptive_avg_pool1d

from eegkd._checks import check_int
from eegkd.criteria.base import TrainedCriterion
from eegkd.criteria.relations import EPS, last_taps, require_start, unit

if TYPE_CHECKING:
    from eegkd.decoders import Output
    from eegkd.samplers import Batch

SPARE_VECTORS = 3  # of the student, among which the teacher's are looked for
RBF_WIDTH = 8.0
SILENT = 1e-6  # power below which a batch-normalized map holds rounding alone


def same_steps(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Average over time until both have as many steps as the shorter one.

    Parameters
    ----------
    first, second : Tensor, shape (n_trials, n_maps, n_steps)
        Sizes may differ in maps and steps.

    Returns
    -------
    first, second : Tensor, shape (n_trials, n_maps, n_steps)
        The longer one is averaged in windows of (nearly) equal length.
    """
    n_steps = min(first.shape[2], second.shape[2])
    return tuple(  # type: ignore[return-value]
        value if value.shape[2] == n_steps else adaptive_avg_pool1d(value, n_steps)
        for value in (first, second)
    )


def mixture(n_in: int, n_out: int, like: Tensor, *, bias: bool = True) -> nn.Conv1d:
    """Return a learned mixture of maps, the same at each step.

    Parameters
    ----------
    n_in, n_out : int
        Number of maps.
    like : Tensor
        Whose type the weights get.
    bias : bool, default=True
        Whether each map of the result has an offset.

    Returns
    -------
    layer : Conv1d
        Of kernel size 1.
    """
    return nn.Conv1d(n_in, n_out, 1, bias=bias, dtype=like.dtype)


class NST:
    """Keep where in time the maps are active, by a maximum mean discrepancy (NST).

    Parameters
    ----------
    n_taps : int, default=2
        How many of the decoders' taps to compare at most, counted from the last; the
        losses are summed.

    Notes
    -----
    Each map of a trial, scaled to unit length over time, is one sample; the loss is
    the squared maximum mean discrepancy between the student's maps and the teacher's
    with the kernel ``(a . b)^2`` [1]_. Numbers of maps may differ. Where steps differ,
    the longer map is averaged over time to the shorter. The loss lies between 0 and
    2 a tap and depends neither on the batch nor on the order and scale of maps.

    References
    ----------
    .. [1] Huang, Z., & Wang, N. (2017). Like what you like: Knowledge distill via
       neuron selectivity transfer. arXiv:1707.01219.
    """

    name = "nst_loss"

    def __init__(self, n_taps: int = 2) -> None:
        self.n_taps = check_int(n_taps, "n_taps", at_least=1)

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        losses = [
            selectivity_discrepancy(
                student.features[student_tap], teacher.features[teacher_tap]
            )
            for student_tap, teacher_tap in last_taps(student, teacher, self.n_taps)
        ]
        return torch.stack(losses).sum(dim=0)

    def __repr__(self) -> str:
        return f"NST(n_taps={self.n_taps})"


def selectivity_discrepancy(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared maximum mean discrepancy between the maps of two networks.

    Parameters
    ----------
    student, teacher : Tensor, shape (n_trials, n_maps, n_steps)
        Activity of one layer, time last.

    Returns
    -------
    loss : Tensor, shape (n_trials,)
        One value for each trial, >= 0 up to rounding.
    """
    own, target = map(unit, same_steps(student, teacher))
    return _kernel(own, own) + _kernel(target, target) - 2 * _kernel(own, target)


def _kernel(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean squared inner product between maps, shape (n_trials,)."""
    return torch.bmm(first, second.transpose(1, 2)).square().mean(dim=(1, 2))


class _Connected(TrainedCriterion):
    """A criterion on maps that gives the student as many maps as the teacher has."""

    at_least = 1

    def __init__(self, n_taps: int) -> None:
        super().__init__()
        self.n_taps = check_int(n_taps, "n_taps", at_least=self.at_least)
        self.connect = nn.ModuleList()

    def start(self, student: Output, teacher: Output | None, batch: Batch) -> None:
        """Make one connector for each pair of taps."""
        self.connect = nn.ModuleList(
            self._connector(own, target)
            for own, target in self._features(student, cast("Output", teacher))
        )

    def maps(
        self, student: Output, teacher: Output | None
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return maps of both networks, as many of the one as of the other."""
        require_start(self.connect, self)
        pairs = self._features(student, cast("Output", teacher))
        own = [
            connect(values)
            for connect, (values, _) in zip(self.connect, pairs, strict=True)
        ]
        return own, [target for _, target in pairs]

    def _features(
        self, student: Output, teacher: Output
    ) -> list[tuple[Tensor, Tensor]]:
        """Return the features of the last taps."""
        return [
            (student.features[student_tap], teacher.features[teacher_tap])
            for student_tap, teacher_tap in last_taps(
                student, teacher, self.n_taps, self.at_least
            )
        ]

    def _connector(self, student: Tensor, teacher: Tensor) -> nn.Module:
        """Make a mixture of maps where their numbers differ."""
        if student.shape[1] == teacher.shape[1]:
            return nn.Identity()
        return mixture(student.shape[1], teacher.shape[1], student, bias=False)

    def extra_repr(self) -> str:
        """Return what `repr` says of the options."""
        return f"n_taps={self.n_taps}"


class FSP(_Connected):
    """Keep the flow of the solution procedure: products of maps of two layers (FSP).

    Parameters
    ----------
    n_taps : int, default=3
        How many of the decoders' taps to use at most, counted from the last, >= 2.
        Each two neighbors give one matrix.

    Notes
    -----
    The flow between two layers is the matrix of the mean products over time of each
    map of the one with each map of the other; where steps differ, the longer layer is
    averaged over time to the shorter. The loss is the mean squared difference between
    the student's and the teacher's entries, summed over pairs of layers [1]_.

    Published for networks with the same numbers of maps. Our reading for others: a
    learned mixture over maps (a convolution of one step, without offset) brings each
    of the student's layers to the teacher's number; layers with the same number are
    compared as they are.

    References
    ----------
    .. [1] Yim, J., Joo, D., Bae, J., & Kim, J. (2017). A gift from knowledge
       distillation: Fast optimization, network minimization and transfer learning.
       Proceedings of the IEEE Conference on Computer Vision and Pattern Recognition,
       4133-4141.
    """

    name = "fsp_loss"
    at_least = 2

    def __init__(self, n_taps: int = 3) -> None:
        super().__init__(n_taps)

    def forward(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        flows = [
            [flow(*layers) for layers in zip(maps[:-1], maps[1:], strict=True)]
            for maps in self.maps(student, teacher)
        ]
        losses = [
            (own - target).square().mean(dim=(1, 2))
            for own, target in zip(*flows, strict=True)
        ]
        return torch.stack(losses).sum(dim=0)


def flow(bottom: Tensor, top: Tensor) -> Tensor:
    """Mean product over time of each map of one layer with each map of another.

    Parameters
    ----------
    bottom, top : Tensor, shape (n_trials, n_maps, n_steps)
        Two layers of one network; sizes may differ in maps and steps.

    Returns
    -------
    flow : Tensor, shape (n_trials, n_top_maps, n_bottom_maps)
        One matrix for each trial.
    """
    bottom, top = same_steps(bottom, top)
    return torch.bmm(top, bottom.transpose(1, 2)) / bottom.shape[2]


class ICKD(_Connected):
    """Keep how the maps of a trial correlate with each other (ICKD).

    Parameters
    ----------
    n_taps : int, default=1
        How many of the decoders' taps to compare at most, counted from the last that
        has several maps; the losses are summed. The published method takes the last.

    Notes
    -----
    A learned mixture over maps (a convolution of one step, then batch normalization)
    brings the student's layer to the teacher's number of maps. For each trial the
    inner products over time of all pairs of maps form a matrix whose rows are scaled
    to unit length; the loss is the squared difference of the two matrices, summed over
    columns and averaged over rows [1]_. It lies between 0 and 4 a tap, whatever the
    number of maps or steps, which need not agree.

    References
    ----------
    .. [1] Liu, L., Huang, Q., Lin, S., Xie, H., Wang, B., Chang, X., & Liang, X.
       (2021). Exploring inter-channel correlation for diversity-preserved knowledge
       distillation. Proceedings of the IEEE/CVF International Conference on Computer
       Vision, 8271-8280.
    """

    name = "ickd_loss"

    def __init__(self, n_taps: int = 1) -> None:
        super().__init__(n_taps)

    def _features(
        self, student: Output, teacher: Output
    ) -> list[tuple[Tensor, Tensor]]:
        """Return the features of the last taps where the teacher has several maps."""
        names = last_taps(student, teacher, len(teacher.features))
        pairs = [(student.features[own], teacher.features[its]) for own, its in names]
        return [pair for pair in pairs if pair[1].shape[1] > 1][-self.n_taps :]

    def start(self, student: Output, teacher: Output | None, batch: Batch) -> None:
        """Make one connector for each pair of taps.

        Raises
        ------
        ValueError
            If the teacher has a single map at each tap: nothing correlates then.
        """
        if not self._features(student, cast("Output", teacher)):
            raise ValueError(
                "The teacher must have a tap with at least 2 maps for ICKD, which "
                "compares maps with each other, got 1. Build it with its network's "
                "own taps (taps=None) instead of 'embedding'."
            )
        super().start(student, teacher, batch)

    def forward(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        losses = [
            (map_correlation(own, SILENT) - map_correlation(target))
            .square()
            .sum(dim=2)
            .mean(dim=1)
            for own, target in zip(*self.maps(student, teacher), strict=True)
        ]
        return torch.stack(losses).sum(dim=0)

    def _connector(self, student: Tensor, teacher: Tensor) -> nn.Module:
        """Make the learned mixture, which is there whether or not numbers differ."""
        return nn.Sequential(
            mixture(student.shape[1], teacher.shape[1], student, bias=False),
            _BatchNorm(teacher.shape[1], dtype=student.dtype),
        )


class _BatchNorm(nn.BatchNorm1d):
    """Batch normalization that takes its running statistics for a single value."""

    def forward(self, values: Tensor) -> Tensor:
        """Normalize values, shape (n_trials, n_maps, n_steps)."""
        if values.shape[0] * values.shape[2] > 1:
            return super().forward(values)
        return nn.functional.batch_norm(
            values, self.running_mean, self.running_var, self.weight, self.bias
        )


def map_correlation(features: Tensor, floor: float = 0.0) -> Tensor:
    """Inner products over time of the maps of each trial, rows of unit length.

    Parameters
    ----------
    features : Tensor, shape (n_trials, n_maps, n_steps)
        Activity of one layer, time last.
    floor : float, default=0
        Power up to which a map is said to be without activity.

    Returns
    -------
    correlation : Tensor, shape (n_trials, n_maps, n_maps)
        One matrix for each trial; rows of maps without activity are 0.
    """
    gram = torch.bmm(features, features.transpose(1, 2))
    return unit(gram, floor=max(floor * features.shape[2], EPS))


class KDSVD(_Connected):
    """Keep the change, from layer to layer, of the leading singular vectors (KDSVD).

    Parameters
    ----------
    n_taps : int, default=3
        How many of the decoders' taps to use at most, counted from the last, >= 2.
        Each two neighbors give one term.
    n_vectors : int, default=1
        Leading singular vectors of the teacher to compare, >= 1; fewer where a layer
        has fewer maps or steps.

    Notes
    -----
    Of each trial and layer the leading right singular vectors of the matrix time by
    maps are taken, which removes time. To each of the teacher's the student's vector
    of the largest absolute cosine is found among the leading ``n_vectors + 3`` and
    given its sign; both are weighted by the teacher's singular values, scaled to unit
    length together. Between neighboring layers ``exp(-(a - b)^2 / 8)`` of all pairs of
    entries is compared, by the sum of squared differences [1]_.

    Our reading: the sign of a singular vector is arbitrary and differs between trials
    and machines, so the teacher's entry of the largest size is made positive; the
    student's vectors without activity, which are arbitrary too, are left out; and
    where numbers of maps differ, a learned mixture (a convolution of one step, without
    offset) brings the student's layer to the teacher's. Gradients of vectors with
    nearly equal singular values grow without bound; they are damped there, by the
    square root of the machine precision.

    References
    ----------
    .. [1] Lee, S. H., Kim, D. H., & Song, B. C. (2018). Self-supervised knowledge
       distillation using singular value decomposition. Proceedings of the European
       Conference on Computer Vision, 335-350.
    """

    name = "kdsvd_loss"
    at_least = 2

    def __init__(self, n_taps: int = 3, n_vectors: int = 1) -> None:
        super().__init__(n_taps)
        self.n_vectors = check_int(n_vectors, "n_vectors", at_least=1)

    def forward(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        own, target = self.maps(student, teacher)
        n_vectors = min(self.n_vectors, *(min(f.shape[1:]) for f in [*own, *target]))
        layers = [
            _aligned_vectors(*pair, n_vectors) for pair in zip(own, target, strict=True)
        ]
        losses = [
            (_rbf(*bottom_top_own) - _rbf(*bottom_top_target))
            .square()
            .sum(dim=(1, 2, 3))
            for bottom_top_own, bottom_top_target in (
                zip(bottom, top, strict=True)
                for bottom, top in zip(layers[:-1], layers[1:], strict=True)
            )
        ]
        return torch.stack(losses).sum(dim=0)

    def extra_repr(self) -> str:
        """Return what `repr` says of the options."""
        return f"{super().extra_repr()}, n_vectors={self.n_vectors}"


def _rbf(bottom: Tensor, top: Tensor) -> Tensor:
    """Compare all entries of the vectors of two layers."""
    return (-(top[:, :, None] - bottom[:, None]).square() / RBF_WIDTH).exp()


def _aligned_vectors(
    student: Tensor, teacher: Tensor, n_vectors: int
) -> tuple[Tensor, Tensor]:
    """Return weighted vectors of both, shape (n_trials, n_maps, n_vectors)."""
    target, energy = singular_vectors(teacher, n_vectors)
    peak = target.gather(1, target.abs().argmax(dim=1, keepdim=True))
    target = target * torch.where(peak < 0, -1.0, 1.0)
    n_spare = min(n_vectors + SPARE_VECTORS, *student.shape[1:])
    own, own_energy = singular_vectors(student, n_spare)
    with torch.no_grad():
        cosine = torch.bmm(own.transpose(1, 2), target)
        empty = own_energy < 100 * torch.finfo(own.dtype).eps * own_energy[:, :1]
        best = cosine.abs().masked_fill(empty[:, :, None], -1.0)
        best = best.argmax(dim=1, keepdim=True)
        sign = torch.where(cosine.gather(1, best) < 0, -1.0, 1.0)
    own = own.gather(2, best.expand(-1, own.shape[1], -1)) * sign
    weight = unit(energy.clamp_min(0).sqrt())[:, None]
    return own * weight, target * weight


def singular_vectors(features: Tensor, n_vectors: int) -> tuple[Tensor, Tensor]:
    """Leading right singular vectors of each trial's matrix of time by maps.

    Parameters
    ----------
    features : Tensor, shape (n_trials, n_maps, n_steps)
        Activity of one layer, time last.
    n_vectors : int
        How many, at most the number of maps.

    Returns
    -------
    vectors : Tensor, shape (n_trials, n_maps, n_vectors)
        Of unit length, the strongest first; signs are arbitrary.
    energies : Tensor, shape (n_trials, n_vectors)
        Squared singular values, without gradient.

    Notes
    -----
    They are eigenvectors of the products of maps, which cost little however long the
    trial is. The exact gradient holds ``1 / (difference of energies)``; with all
    energies in units of the largest, x is replaced by ``x / (x^2 + eps)``, eps being
    the precision of the type, so that it stays finite where two are equal.
    """
    gram = torch.bmm(features, features.transpose(1, 2))
    return _LeadingVectors.apply(gram, n_vectors)


class _LeadingVectors(torch.autograd.Function):
    """Leading eigenvectors of symmetric matrices with a bounded gradient."""

    @staticmethod
    def forward(ctx: Any, gram: Tensor, n_vectors: int) -> tuple[Tensor, Tensor]:
        energies, vectors = torch.linalg.eigh(gram)
        energies, vectors = energies.flip(-1), vectors.flip(-1)
        leading = energies[:, :n_vectors].clone()
        ctx.save_for_backward(energies, vectors)
        ctx.mark_non_differentiable(leading)
        return vectors[:, :, :n_vectors].contiguous(), leading

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor, None]:
        energies, vectors = ctx.saved_tensors
        info = torch.finfo(energies.dtype)
        largest = energies[:, :1].clamp_min(info.tiny**0.5)
        scaled = energies / largest
        n_vectors = grad.shape[2]
        gap = scaled[:, None, :n_vectors] - scaled[:, :, None]
        inverse = gap / (gap.square() + info.eps) / largest[:, :, None]
        mixed = torch.bmm(vectors.transpose(1, 2), grad) * inverse
        full = vectors @ mixed @ vectors[:, :, :n_vectors].transpose(1, 2)
        return (full + full.transpose(1, 2)) / 2, None
