"""`SpectrumNet`: phases and amplitudes of single frequencies, and a linear map."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from eegkd._checks import check_int, check_number

__all__ = ["SpectrumNet"]

TINY = 1e-24  # added to power, so that the gradient of an amplitude of 0 exists
EPS = 1e-12  # of variances; trials may be in volts


class SpectrumNet(nn.Module):
    """Decode which frequencies a trial holds, and with which phase.

    The Fourier transform of a trial is led through spatial filters. The real and the
    imaginary part and the amplitude of every frequency are standardized one by one;
    the rest is linear. Networks that read complex spectra are due to [1]_.

    Parameters
    ----------
    n_chans : int
        Number of electrodes.
    n_outputs : int
        Number of classes, or 1.
    n_times : int
        Number of samples in one trial, which sets how fine frequencies are told apart.
    sfreq : float
        Sampling rate in Hz.
    low, high : float, default=6.0 and 40.0
        Frequencies that are read, in Hz, ``high`` excluded.
    n_filters : int, default=8
        Number of learned spatial filters. The first are the electrodes themselves,
        where there are not more electrodes than filters.
    phase : float, default=0.5
        How large real and imaginary parts are beside amplitudes, >= 0. With 0 the
        phase is not read, for stimuli that start anywhere in their cycle.
    drop_prob : float, default=0.0
        Probability of dropout in front of the last layer.

    Raises
    ------
    ValueError
        If the trials hold no frequency between ``low`` and ``high``, or a number is
        out of bounds.

    Notes
    -----
    There are many more features than trials. The last layer starts at zero, so that no
    random weight stays on what training never moves; small batches and a strong weight
    decay do the rest, see `eegkd.distillation.RECIPES`.

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
        low: float = 6.0,
        high: float = 40.0,
        n_filters: int = 8,
        phase: float = 0.5,
        drop_prob: float = 0.0,
    ) -> None:
        super().__init__()
        check_number(low, "low", at_least=0)
        check_number(high, "high", above=low)
        check_int(n_filters, "n_filters", at_least=1)
        check_number(phase, "phase", at_least=0)
        self.spectrum = Spectrum(n_times, sfreq, low, high)
        self.filters = nn.Linear(n_chans, n_filters, bias=False)
        self.parts = SpectrumParts(n_filters, self.spectrum.n_freqs, phase)
        self.dropout = nn.Dropout(drop_prob)
        n_features = 3 * n_filters * self.spectrum.n_freqs
        self.final_layer = nn.Linear(n_features, n_outputs)
        with torch.no_grad():
            if n_chans <= n_filters:
                self.filters.weight[:n_chans] = torch.eye(n_chans)
            self.final_layer.weight.zero_()
            self.final_layer.bias.zero_()

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
        waves = self.filters(self.spectrum(x)).transpose(1, 2)
        return self.final_layer(self.dropout(self.parts(waves)).flatten(1))


class Spectrum(nn.Module):
    """The Fourier transform of trials between two frequencies."""

    def __init__(self, n_times: int, sfreq: float, low: float, high: float) -> None:
        super().__init__()
        frequencies = torch.fft.rfftfreq(n_times, 1 / sfreq, dtype=torch.float64)
        inside = (frequencies >= low) & (frequencies < high) & (frequencies > 0)
        places = inside.nonzero().flatten()
        if len(places) == 0:
            raise ValueError(
                f"'low' and 'high' must have a frequency of the trials between them, "
                f"the multiples of {sfreq / n_times:.3g} Hz up to {sfreq / 2:g} Hz, "
                f"got {low:g} and {high:g}."
            )
        self.first, self.stop = int(places[0]), int(places[-1]) + 1
        self.n_freqs = len(places)

    def forward(self, x: Tensor) -> Tensor:
        """Return real, then imaginary parts, shape (n_batch, 2 * n_freqs, n_chans)."""
        spectrum = torch.fft.rfft(x, norm="ortho")[..., self.first : self.stop]
        return torch.cat([spectrum.real, spectrum.imag], dim=-1).transpose(1, 2)


class SpectrumParts(nn.Module):
    """Real and imaginary parts and amplitudes, each standardized by itself."""

    weights: Tensor

    def __init__(self, n_filters: int, n_freqs: int, phase: float) -> None:
        super().__init__()
        self.shape = (3 * n_filters, n_freqs)
        self.norm = Standardized(3 * n_filters * n_freqs, eps=EPS, affine=False)
        weights = torch.tensor([phase, phase, 1.0]).repeat_interleave(n_filters)
        self.register_buffer("weights", weights[:, None], persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        """Return maps, shape (n_batch, 3 * n_filters, n_freqs)."""
        real, imaginary = waves.chunk(2, dim=2)
        amplitude = (real.square() + imaginary.square() + TINY).sqrt()
        parts = torch.cat([real, imaginary, amplitude], dim=1)
        return self.weights * self.norm(parts.flatten(1)).unflatten(1, self.shape)


class Standardized(nn.BatchNorm1d):
    """Batch normalization that takes a single trial as well, by what it knows."""

    def forward(self, x: Tensor) -> Tensor:
        """Return each feature with mean 0 and variance 1."""
        if self.training and len(x) == 1:
            return functional.batch_norm(
                x, self.running_mean, self.running_var, eps=self.eps
            )
        return super().forward(x)
