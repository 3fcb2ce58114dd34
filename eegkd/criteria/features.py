"""Criteria on what the layers compute: values, energy over time, signs.

Taps are paired from the last, because that is where decoders of other depths agree.
Where two taps differ in steps, the longer one is averaged over time to the shorter;
where they differ in maps, a learned convolution of one step (a mixture of maps)
translates the student's, or the comparison needs no maps at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eegkd._checks import check_int, check_number
from eegkd.criteria.base import TrainedCriterion
from eegkd.criteria.maps import mixture, same_steps
from eegkd.criteria.relations import last_taps, require_start, unit

if TYPE_CHECKING:
    from eegkd.decoders import Output
    from eegkd.samplers import Batch


def tap_pairs(
    student: Output, teacher: Output, n_taps: int
) -> list[tuple[Tensor, Tensor]]:
    """Return the features of the last taps of both, paired from the last.

    Parameters
    ----------
    student, teacher : Output
        Of the same trials. Names, maps and steps of their taps may differ.
    n_taps : int
        How many taps at most; fewer where one of the two has fewer.

    Returns
    -------
    pairs : list of (Tensor, Tensor)
        Features of student and teacher, shape (n_batch, n_maps, n_steps), from input
        to output.
    """
    return [
        (student.features[ours], teacher.features[theirs])
        for ours, theirs in last_taps(student, teacher, n_taps)
    ]


class Hint(TrainedCriterion):
    """Predict a layer of the teacher from one of the student by a learned mixture.

    Parameters
    ----------
    tap : int, default=2
        Which tap, counted from the last, which is 1; the earliest that both have
        where there are fewer. The published hint is a middle layer.

    Notes
    -----
    The squared difference is averaged over maps and steps; the batch mean equals the
    element-wise mean of common code, the published formula [1]_ has the sum and a
    factor of one half. The regressor is a mixture of the student's maps at each step,
    trained with the student and then forgotten.

    References
    ----------
    .. [1] Romero, A., Ballas, N., Kahou, S. E., Chassang, A., Gatta, C., & Bengio, Y.
       (2015). FitNets: Hints for thin deep nets. ICLR.
    """

    name = "hint_loss"

    def __init__(self, tap: int = 2) -> None:
        super().__init__()
        self.tap = check_int(tap, "tap", at_least=1)
        self.regressors = nn.ModuleList()

    def start(self, student: Output, teacher: Any, batch: Batch) -> None:
        """Make the regressor."""
        ours, theirs = tap_pairs(student, teacher, self.tap)[0]
        self.regressors = nn.ModuleList([mixture(ours.shape[1], theirs.shape[1], ours)])

    def forward(self, student: Output, teacher: Any, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        require_start(self.regressors, self)
        ours, theirs = same_steps(*tap_pairs(student, teacher, self.tap)[0])
        return (self.regressors[0](ours) - theirs).square().mean(dim=(1, 2))

    def __repr__(self) -> str:
        return f"Hint(tap={self.tap})"


def temporal_attention(
    features: Tensor, power: float = 2.0, n_steps: int = 0
) -> Tensor:
    """Say at which steps a layer is active, whatever its maps.

    Parameters
    ----------
    features : Tensor, shape (n_batch, n_maps, n_steps)
        Time last.
    power : float, default=2.0
        Exponent of the absolute values, >= 1; 2 makes it energy.
    n_steps : int, default=0
        Steps to average the energy to; 0 keeps those of the features.

    Returns
    -------
    attention : Tensor, shape (n_batch, n_steps)
        Rows >= 0 of Euclidean length 1; 0 where all features are 0.

    Examples
    --------
    >>> import torch
    >>> temporal_attention(torch.tensor([[[0.0, 1.0, -1.0, 0.0]]]), n_steps=2)
    tensor([[0.7071, 0.7071]])
    """
    energy = features.abs().pow(power).mean(dim=1)
    if n_steps and n_steps != energy.shape[1]:
        energy = F.adaptive_avg_pool1d(energy[:, None], n_steps)[:, 0]
    return unit(energy)


class AttentionTransfer:
    """Be active at the moments at which the teacher is.

    Parameters
    ----------
    n_taps : int, default=3
        How many taps at most, counted from the last. The published method compares
        three or four groups of layers.
    power : float, default=2.0
        Exponent of the absolute values, >= 1.

    Notes
    -----
    Attention is the mean over maps of the energy at each step, scaled to length 1
    over the steps; its squared difference is averaged over steps and summed over taps,
    the batch mean equals the element-wise mean of the published code [1]_. Images have
    attention over space; the taps here have no electrode axis, so it is over time.
    Where steps differ, energy is averaged and not the signal, whose rhythms would
    cancel.

    References
    ----------
    .. [1] Zagoruyko, S., & Komodakis, N. (2017). Paying more attention to attention:
       Improving the performance of convolutional neural networks via attention
       transfer. ICLR.
    """

    name = "attention_loss"

    def __init__(self, n_taps: int = 3, power: float = 2.0) -> None:
        self.n_taps = check_int(n_taps, "n_taps", at_least=1)
        self.power = check_number(power, "power", at_least=1)

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        losses = []
        for ours, theirs in tap_pairs(student, teacher, self.n_taps):
            n_steps = min(ours.shape[2], theirs.shape[2])
            difference = temporal_attention(
                ours, self.power, n_steps
            ) - temporal_attention(theirs, self.power, n_steps)
            losses.append(difference.square().mean(dim=1))
        return torch.stack(losses).sum(dim=0)

    def __repr__(self) -> str:
        return f"AttentionTransfer(n_taps={self.n_taps}, power={self.power:g})"


class VID(TrainedCriterion):
    """Predict the teacher's layers with a learned mean and a learned uncertainty.

    Parameters
    ----------
    n_taps : int, default=3
        How many taps at most, counted from the last.
    initial_variance : float, default=5.0
        Variance of each of the teacher's maps to begin with, above ``minimum``.
    minimum : float, default=1e-5
        Smallest variance, > 0.

    Notes
    -----
    A lower bound of the mutual information between both layers [1]_: the negative log
    likelihood of the teacher's features under a Gaussian, ``0.5 * ((mean - teacher)
    ** 2 / variance + log(variance))``, averaged over maps and steps and summed over
    taps; the batch mean equals that of common code. The mean comes from three mixtures
    of maps without offsets and with rectifiers between them. The variance of each map
    is ``minimum + softplus(scale)`` and does not depend on the trial; scales are
    trained with the student. A map that the student cannot predict costs little,
    because its variance grows. The loss may be negative.

    References
    ----------
    .. [1] Ahn, S., Hu, S. X., Damianou, A., Lawrence, N. D., & Dai, Z. (2019).
       Variational information distillation for knowledge transfer. CVPR, 9163-9171.
    """

    name = "vid_loss"

    def __init__(
        self, n_taps: int = 3, initial_variance: float = 5.0, minimum: float = 1e-5
    ) -> None:
        super().__init__()
        self.n_taps = check_int(n_taps, "n_taps", at_least=1)
        self.minimum = check_number(minimum, "minimum", above=0)
        self.initial_variance = check_number(
            initial_variance, "initial_variance", above=self.minimum
        )
        self.means = nn.ModuleList()
        self.scales = nn.ParameterList()

    def start(self, student: Output, teacher: Any, batch: Batch) -> None:
        """Make the predictors and the scales."""
        self.means, self.scales = nn.ModuleList(), nn.ParameterList()
        excess = torch.tensor(self.initial_variance - self.minimum, dtype=torch.double)
        scale = excess.expm1().log()  # the inverse of softplus
        for ours, theirs in tap_pairs(student, teacher, self.n_taps):
            n_ours, n_theirs = ours.shape[1], theirs.shape[1]
            self.means.append(
                nn.Sequential(
                    mixture(n_ours, n_theirs, ours, bias=False),
                    nn.ReLU(),
                    mixture(n_theirs, n_theirs, ours, bias=False),
                    nn.ReLU(),
                    mixture(n_theirs, n_theirs, ours, bias=False),
                )
            )
            self.scales.append(nn.Parameter(scale.to(ours).repeat(n_theirs)))

    def forward(self, student: Output, teacher: Any, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), in nats."""
        require_start(self.means, self)
        losses = []
        pairs = tap_pairs(student, teacher, self.n_taps)
        for (ours, theirs), mean, scale in zip(
            pairs, self.means, self.scales, strict=True
        ):
            ours, theirs = same_steps(ours, theirs)
            variance = self.minimum + F.softplus(scale)[:, None]
            surprise = (mean(ours) - theirs).square() / variance + variance.log()
            losses.append(0.5 * surprise.mean(dim=(1, 2)))
        return torch.stack(losses).sum(dim=0)

    def __repr__(self) -> str:
        return (
            f"VID(n_taps={self.n_taps}, initial_variance={self.initial_variance:g}, "
            f"minimum={self.minimum:g})"
        )


class ActivationBoundary(TrainedCriterion):
    """Be positive where the teacher is positive, and negative elsewhere, by a margin.

    Parameters
    ----------
    n_taps : int, default=3
        How many taps at most, counted from the last.
    margin : float, default=1.0
        How far from 0 the student shall be, > 0.

    Notes
    -----
    The squared hinge of the published code [1]_, summed over maps and steps, with
    3 / 1000 as factor and weights over taps that halve from the last to the first.
    The sum is tied to the size of the layers: with about 20 maps of 200 to 800 steps
    the factor amounts to 10 to 50 times the mean, as in the published networks.

    The method is about units before their nonlinearity, where 0 is the boundary
    between active and not. Taps are not always there. Behind batch normalization, a
    linear or an exponential linear unit, signs are what they were; behind a square,
    a rectifier or a logarithm of power they are not. Taps at which the teacher's
    values do not have both signs in the first batch are left out.

    The connector is a mixture of maps, without the batch normalization of the
    published one, which a batch of one trial does not permit.

    References
    ----------
    .. [1] Heo, B., Lee, M., Yun, S., & Choi, J. Y. (2019). Knowledge transfer via
       distillation of activation boundaries formed by hidden neurons. AAAI, 33(1),
       3779-3787.
    """

    name = "boundary_loss"

    def __init__(self, n_taps: int = 3, margin: float = 1.0) -> None:
        super().__init__()
        self.n_taps = check_int(n_taps, "n_taps", at_least=1)
        self.margin = check_number(margin, "margin", above=0)
        self.used: list[bool] = []
        self.connectors = nn.ModuleList()

    def start(self, student: Output, teacher: Any, batch: Batch) -> None:
        """Choose the taps and make their connectors.

        Raises
        ------
        ValueError
            If the teacher's values have both signs at no tap.
        """
        pairs = tap_pairs(student, teacher, self.n_taps)
        self.used = [bool(theirs.min() < 0 < theirs.max()) for _, theirs in pairs]
        if not any(self.used):
            raise ValueError(
                "The teacher must have a tap with values of both signs, before a "
                f"nonlinearity that hides them, but the last {len(pairs)} have none. "
                "Build it with other taps."
            )
        self.connectors = nn.ModuleList(
            mixture(ours.shape[1], theirs.shape[1], ours)
            for (ours, theirs), used in zip(pairs, self.used, strict=True)
            if used
        )

    def forward(self, student: Output, teacher: Any, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        require_start(self.connectors, self)
        all_pairs = tap_pairs(student, teacher, self.n_taps)
        pairs = [pair for pair, used in zip(all_pairs, self.used, strict=True) if used]
        loss = student.logits.new_zeros(len(student.logits))
        for (ours, theirs), connector in zip(pairs, self.connectors, strict=True):
            ours, theirs = same_steps(ours, theirs)
            side = torch.where(theirs > 0, 1.0, -1.0)
            hinge = (self.margin - side * connector(ours)).clamp_min(0)
            loss = loss / 2 + hinge.square().sum(dim=(1, 2))
        return loss * 3 / 1000

    def __repr__(self) -> str:
        return f"ActivationBoundary(n_taps={self.n_taps}, margin={self.margin:g})"
