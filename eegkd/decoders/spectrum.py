"""`SpectrumNet`: spatial filters, Fourier coefficients of the trial, a linear map."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from eegkd._checks import check_int, check_number
from eegkd.decoders.bands import check_band, inside

__all__ = ["SpectrumNet"]

RESPONSES = (6.0, 40.0)  # Hz; responses to flicker and their second harmonics
FLOOR = 1e-20  # added to power, so that a flat trial can be scaled


class SpectrumNet(nn.Module):
    """Decode the frequencies of a trial, and their phases.

    Outputs of spatial filters are transformed to frequencies over the whole trial, so
    that responses are told apart which differ by one cycle in it, and divided by their
    power in the band. The real part, the imaginary part and the amplitude at each
    frequency are standardized each by itself, and a linear layer follows. A response
    that is locked to the onset of the trial shows in the parts [1]_, one of any phase
    in the amplitude alone.

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
    band : (float, float), optional
        Lowest and highest frequency in Hz that is read, from 0 to ``sfreq / 2``; the
        highest is not in the band, nor is 0. By default 6 to 40 Hz, as far as the
        trials have these.
    n_filters : int, default=8
        Number of learned spatial filters. The first start as the electrodes
        themselves, the others at random; where electrodes are more than filters, all
        start at random, at right angles to each other.
    phase_weight : float, default=0.5
        Weight of the real and imaginary parts, where amplitudes have 1; >= 0. Take 1
        where every trial starts at the same phase of the stimulus, and 0 where trials
        start at any phase, in which the parts are noise.
    drop_prob : float, default=0.0
        Probability of dropout before the last layer.

    Raises
    ------
    ValueError
        If the band holds no frequency of the trials, or a number is out of bounds.

    Notes
    -----
    There are many more features than trials, and most of them are noise. The last
    layer starts at zero, because random weights of noise would stay; for the same
    reason it is trained with strong weight decay in small batches, as the recipe of
    `eegkd.distillation.RECIPES` for this network does.

    References
    ----------
    .. [1] Ravi, A., Beni, N. H., Manuel, J., & Jiang, N. (2020). Comparing
           user-dependent and user-independent training of CNN for SSVEP BCI. *Journal
           of Neural Engineering*, 17(2), 026028.
    """

    def __init__(
        self,
        n_chans: int,
        n_outputs: int,
        n_times: int,
        sfreq: float,
        band: tuple[float, float] | None = None,
        n_filters: int = 8,
        phase_weight: float = 0.5,
        drop_prob: float = 0.0,
    ) -> None:
        super().__init__()
        check_int(n_filters, "n_filters", at_least=1)
        check_number(phase_weight, "phase_weight", at_least=0)
        first, stop = _in_band(band, n_times, sfreq)
        n_maps, n_bins = 3 * n_filters, stop - first

        self.filters = SpatialFilters(n_chans, n_filters)
        self.spectrum = Spectrum(first, stop)
        self.norm = Standardized(n_maps * n_bins, affine=False)
        self.maps = WeightedMaps(n_filters, n_bins, phase_weight)
        self.dropout = nn.Dropout(drop_prob)
        self.final_layer = nn.Linear(n_maps * n_bins, n_outputs)
        nn.init.zeros_(self.final_layer.weight)
        nn.init.zeros_(self.final_layer.bias)

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
        spectrum = self.spectrum(self.filters(x))
        maps = self.maps(self.norm(spectrum.flatten(1)))
        return self.final_layer(self.dropout(maps).flatten(1))


class SpatialFilters(nn.Linear):
    """Learned spatial filters, one in each row of the weights."""

    def __init__(self, n_chans: int, n_filters: int) -> None:
        super().__init__(n_chans, n_filters, bias=False)

    def reset_parameters(self) -> None:
        """Start as the electrodes, or at right angles where they are too many."""
        n_filters, n_chans = self.weight.shape
        if n_chans > n_filters:
            nn.init.orthogonal_(self.weight)
            return
        bound = 0.5 * n_chans**-0.5
        nn.init.uniform_(self.weight, -bound, bound)
        with torch.no_grad():
            self.weight[:n_chans] = torch.eye(n_chans)

    def forward(self, x: Tensor) -> Tensor:
        """Return filtered signals, shape (n_batch, n_filters, n_times)."""
        return self.weight @ x


class Spectrum(nn.Module):
    """Real parts, imaginary parts and amplitudes of some Fourier coefficients."""

    def __init__(self, first: int, stop: int) -> None:
        super().__init__()
        self.first, self.stop = first, stop

    def forward(self, x: Tensor) -> Tensor:
        """Return maps over frequencies, shape (n_batch, 3 * n_filters, n_bins)."""
        waves = torch.fft.rfft(x, norm="ortho")[..., self.first : self.stop]
        power = (waves.real.square() + waves.imag.square()).mean(dim=-1, keepdim=True)
        waves = waves / (power + FLOOR).sqrt()
        return torch.cat([waves.real, waves.imag, waves.abs()], dim=1)


class WeightedMaps(nn.Module):
    """Features as maps over frequencies, parts weighted against amplitudes."""

    def __init__(self, n_filters: int, n_bins: int, phase_weight: float) -> None:
        super().__init__()
        self.sizes = [2 * n_filters, n_filters]
        self.n_bins = n_bins
        self.phase_weight = phase_weight

    def forward(self, features: Tensor) -> Tensor:
        """Return maps, shape (n_batch, 3 * n_filters, n_bins)."""
        maps = features.unflatten(1, (-1, self.n_bins))
        parts, amplitudes = maps.split(self.sizes, dim=1)
        return torch.cat([self.phase_weight * parts, amplitudes], dim=1)


class Standardized(nn.BatchNorm1d):
    """Batch normalization that takes a single trial as well, by what it knows."""

    def forward(self, x: Tensor) -> Tensor:
        """Return each feature with mean 0 and variance 1."""
        if self.training and len(x) == 1:
            return functional.batch_norm(
                x, self.running_mean, self.running_var, eps=self.eps
            )
        return super().forward(x)


def _in_band(
    band: tuple[float, float] | None, n_times: int, sfreq: float
) -> tuple[int, int]:
    """Return the first Fourier coefficient in the band and the first behind it."""
    if band is None:
        nyquist = sfreq / 2
        usual = (RESPONSES[0], min(RESPONSES[1], nyquist))
        band = usual if inside(usual, n_times, sfreq).sum() > 1 else (0.0, nyquist)
    places = check_band(band, "band", n_times, sfreq).nonzero().flatten()
    return int(places[0]), int(places[-1]) + 1
