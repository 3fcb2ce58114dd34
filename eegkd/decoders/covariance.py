"""`CovarianceNet`: covariances in frequency bands, their logarithms, a linear map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pyriemann.geometry.base import ddlogm, logm
from torch import Tensor, nn

from eegkd._checks import check_int, check_number
from eegkd.decoders.bands import check_band, inside

__all__ = ["CovarianceNet"]

RHYTHMS = ((8.0, 14.0), (14.0, 30.0))  # Hz; mu or alpha, and beta
MANY = 16  # electrodes; matrices of more take most of the time of a training
FLOOR = 1e-20  # added to power, so that a flat trial has a logarithm


class CovarianceNet(nn.Module):
    """Decode how strong signals are, and how they go together, in frequency bands.

    The covariance matrices of a trial, one for each band, are whitened by their mean
    over the training trials. Their logarithms are vectors of a tangent space [1]_, and
    all that follows is linear. Networks of such layers are due to [2]_ and [3]_.

    Parameters
    ----------
    n_chans : int
        Number of electrodes.
    n_outputs : int
        Number of classes.
    n_times : int
        Number of samples in one trial.
    sfreq : float
        Sampling rate in Hz.
    bands : sequence of (float, float), optional
        Edges of each band in Hz, from 0 to ``sfreq / 2``; a frequency at the upper
        edge is not in the band. By default all frequencies of the trials, 8 to 14 Hz
        and 14 to 30 Hz.
    n_filters : int, optional
        Number of learned spatial filters whose outputs are compared in the place of
        the electrodes, fewer than these. By default 16 if there are more electrodes,
        and no filters otherwise.
    n_dims : int, default=8
        Number of values that a band gives to the embedding.
    shrinkage : float, default=0.01
        Weight of the identity, scaled to the mean power of the electrodes, in each
        covariance matrix; > 0, so that the logarithm exists, and <= 1.
    drop_prob : float, default=0.0
        Probability of dropout before the last layer.

    Raises
    ------
    ValueError
        If a band holds no frequency of the trials, or a number is out of bounds.

    Notes
    -----
    Band covariances are sums over a Fourier transform of the trial. Without spatial
    filters the features do not change in training, and are, but for a rotation, those
    of `pyriemann.tangentspace.TangentSpace`.

    The mean covariances are running statistics like those of batch normalization:
    updated in training, by the mean of all trials at first, then of the latest, and
    used as they are for prediction.

    References
    ----------
    .. [1] Barachant, A., Bonnet, S., Congedo, M., & Jutten, C. (2013). Classification
           of covariance matrices using a Riemannian-based kernel for BCI
           applications. *Neurocomputing*, 112, 172-178.
    .. [2] Huang, Z., & Van Gool, L. (2017). A Riemannian network for SPD matrix
           learning. *AAAI Conference on Artificial Intelligence*, 2036-2042.
    .. [3] Kobler, R. J., Hirayama, J., Zhao, Q., & Kawanabe, M. (2022). SPD
           domain-specific batch normalization to crack interpretable unsupervised
           domain adaptation in EEG. *Advances in Neural Information Processing
           Systems*, 35, 6219-6235.
    """

    def __init__(
        self,
        n_chans: int,
        n_outputs: int,
        n_times: int,
        sfreq: float,
        bands: Sequence[tuple[float, float]] | None = None,
        n_filters: int | None = None,
        n_dims: int = 8,
        shrinkage: float = 0.01,
        drop_prob: float = 0.0,
    ) -> None:
        super().__init__()
        check_number(shrinkage, "shrinkage", above=0, at_most=1)
        check_int(n_dims, "n_dims", at_least=1)
        width = _n_filters(n_filters, n_chans)
        inside = _in_bands(bands, n_times, sfreq)
        n_bands = len(inside)
        n_coordinates = width * (width + 1) // 2

        self.covariance = BandCovariance(inside, shrinkage)
        self.reference = MeanCovariance(n_bands, n_chans)
        self.filters = SpatialFilters(n_chans, width) if width < n_chans else None
        self.tangent = TangentVector()
        self.norm = nn.BatchNorm1d(n_bands, affine=False)  # one scale for a whole band
        self.maps = BandLinear(n_bands, n_coordinates, n_dims)
        self.dropout = nn.Dropout(drop_prob)
        self.final_layer = nn.Linear(n_bands * n_dims, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of trials.

        Parameters
        ----------
        x : Tensor, shape (n_batch, n_chans, n_times)
            Signals.

        Returns
        -------
        logits : Tensor, shape (n_batch, n_outputs)
            Scores before softmax.
        """
        covariance = self.covariance(x)
        reference = self.reference(covariance)
        if self.filters is not None:
            covariance, reference = self.filters(covariance), self.filters(reference)
        vectors = self.tangent(covariance, reference).to(x.dtype)
        maps = self.maps(self.norm(vectors))
        return self.final_layer(self.dropout(maps).flatten(1))


class BandCovariance(nn.Module):
    """Covariance matrices in frequency bands, in double precision."""

    def __init__(self, inside: Tensor, shrinkage: float) -> None:
        super().__init__()
        self.shrinkage = shrinkage
        places = [row.nonzero().flatten() for row in inside]
        self.slices = [slice(int(p[0]), int(p[-1]) + 1) for p in places]

    def forward(self, x: Tensor) -> Tensor:
        """Return matrices, shape (n_batch, n_bands, n_chans, n_chans)."""
        spectrum = 2**0.5 * torch.fft.rfft(x, norm="forward")  # of both signs
        waves = [
            torch.view_as_real(spectrum[..., one]).flatten(-2) for one in self.slices
        ]
        covariance = torch.stack([wave @ wave.mT for wave in waves], dim=1).double()
        power = covariance.diagonal(dim1=-2, dim2=-1).mean(dim=-1) + FLOOR
        identity = torch.eye(x.shape[1], dtype=covariance.dtype, device=x.device)
        return torch.lerp(covariance, power[..., None, None] * identity, self.shrinkage)


class MeanCovariance(nn.modules.batchnorm._BatchNorm):
    """The mean covariance of each band, as a running statistic.

    In training it is the mean over all trials so far until ``momentum`` is a larger
    share than that of a batch among them. The identity where nothing was seen yet.
    """

    running_mean: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def __init__(self, n_bands: int, n_chans: int, momentum: float = 0.02) -> None:
        self.n_chans = n_chans  # statistics are reset within the next line
        super().__init__(n_bands, momentum=momentum, affine=False)
        self.running_var = None

    def reset_running_stats(self) -> None:
        """Forget all trials."""
        identity = torch.eye(self.n_chans).repeat(self.num_features, 1, 1)
        self.running_mean = identity.to(self.running_mean)
        self.num_batches_tracked.zero_()  # counts trials here

    def forward(self, covariance: Tensor) -> Tensor:
        """Return the mean, shape (n_bands, n_chans, n_chans); update it in training."""
        if self.training:
            with torch.no_grad():
                self.num_batches_tracked += len(covariance)
                share = len(covariance) / self.num_batches_tracked
                mean = covariance.mean(dim=0).to(self.running_mean.dtype)
                self.running_mean.lerp_(mean, share.clamp_min(self.momentum))
        return self.running_mean.double()


class SpatialFilters(nn.Linear):
    """Learned spatial filters, one in each row of the weights."""

    def __init__(self, n_chans: int, n_filters: int) -> None:
        super().__init__(n_chans, n_filters, bias=False)
        nn.init.orthogonal_(self.weight)

    def forward(self, covariance: Tensor) -> Tensor:
        """Return what the covariance of electrodes is behind the filters."""
        weight = self.weight.to(covariance.dtype)
        return weight @ covariance @ weight.mT


class TangentVector(nn.Module):
    """Logarithms of matrices that are whitened by a reference, as vectors."""

    def forward(self, covariance: Tensor, reference: Tensor) -> Tensor:
        """Return vectors, shape (n_batch, n_bands, n_coordinates)."""
        root = torch.linalg.cholesky(reference)
        half = torch.linalg.solve_triangular(root, covariance, upper=False)
        white = torch.linalg.solve_triangular(root, half.mT, upper=False)
        logarithm = MatrixLogarithm.apply((white + white.mT) / 2)
        row, column = torch.triu_indices(*white.shape[-2:], device=white.device)
        twice = 1.0 + (row != column).to(white.dtype)  # a value off the diagonal
        return logarithm[..., row, column] * twice.sqrt()


class MatrixLogarithm(torch.autograd.Function):
    """The matrix logarithm; its gradient exists where eigenvalues are equal."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        """Return logarithms of matrices, shape (..., n, n)."""
        ctx.save_for_backward(matrix)
        return logm(matrix)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Return the gradient, the derivative in the direction of the one behind."""
        (matrix,) = ctx.saved_tensors
        return ddlogm((gradient + gradient.mT) / 2, matrix)


class BandLinear(nn.Module):
    """A linear map for each band by itself."""

    def __init__(self, n_bands: int, n_coordinates: int, n_dims: int) -> None:
        super().__init__()
        bound = n_coordinates**-0.5  # as in a linear layer
        weight = torch.empty(n_bands, n_coordinates, n_dims).uniform_(-bound, bound)
        self.weight = nn.Parameter(weight)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return maps, shape (n_batch, n_bands, n_dims)."""
        return (vectors.unsqueeze(2) @ self.weight).squeeze(2)


def _n_filters(n_filters: int | None, n_chans: int) -> int:
    """Return the size of the matrices behind the filters."""
    if n_filters is None:
        return min(n_chans, MANY)
    check_int(n_filters, "n_filters", at_least=1)
    if n_filters > n_chans:
        raise ValueError(
            f"'n_filters' must be at most the number of electrodes, {n_chans}, got "
            f"{n_filters}. Leave it out to compare the electrodes themselves."
        )
    return n_filters


def _in_bands(
    bands: Sequence[tuple[float, float]] | None, n_times: int, sfreq: float
) -> Tensor:
    """Return which frequencies are in which band, shape (n_bands, n_frequencies)."""
    if bands is None:
        nyquist = sfreq / 2
        default = ((0.0, nyquist), *(band for band in RHYTHMS if band[1] <= nyquist))
        bands = [band for band in default if inside(band, n_times, sfreq).any()]
    if not bands:
        raise ValueError(
            "'bands' must hold at least one pair of frequencies, got none."
        )
    return torch.stack([check_band(band, "bands", n_times, sfreq) for band in bands])
