"""`Recording`: windows of one continuous recording, without labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eegkd._checks import check_int, check_number, check_type, join_names
from eegkd.data.channels import canonical_name
from eegkd.samplers.augmented import channel_deviation, read_at, seed_of
from eegkd.samplers.trials import Batch, TrialSampler

NO_LABEL = -1  # of trials that nobody has labeled; refused by label losses


class Recording:
    """Windows at random times of one continuous recording, changed at random.

    The windows have no labels (``y`` is -1): they serve to compare a student with its
    teacher. All changes are made on all channels before any view is applied.

    Parameters
    ----------
    X : Tensor, shape (n_chans, n_samples)
        The recording in volts, with the channels of the data in their order.
    n_times : int
        Samples in a window, at most ``n_samples``.
    n_windows : int
        Windows in one epoch, >= 1.
    batch_size : int, default=128
        Windows in a batch; the last batch of an epoch holds the rest.
    amplitude : float, default=1.5
        Each window is scaled by one factor between ``1 / amplitude`` and
        ``amplitude``, >= 1.
    stretch : float, default=1.1
        Time runs slower or faster by a factor of up to this, >= 1.
    cut_mix : float or None, default=1.0
        Parameter of the beta distribution from which the length of a stretch of time
        is drawn that is replaced by that of another window, on all channels; None for
        no such mixing.
    rotation : float, default=0.1
        Size of a random mixing of the channels around the identity, >= 0, relative to
        a mixing that leaves nothing of a channel to itself.
    seed : int, default=0
        Seed. A batch depends on it, the epoch and the number of the batch alone.
    n_known : int, default=0
        Number of the first window, so that windows and trials differ in ``index``.

    Attributes
    ----------
    deterministic : bool
        False: no window comes twice.

    Raises
    ------
    ValueError
        If the recording is shorter than a window, or a number is out of bounds.

    References
    ----------
    .. [1] Asano, Y. M., & Saeed, A. (2023). The augmented image prior: Distilling
       1000 classes by extrapolating from a single image. In International Conference
       on Learning Representations. arXiv:2112.00725.

    Examples
    --------
    >>> import torch
    >>> sampler = Recording(torch.randn(3, 1000), n_times=100, n_windows=6)
    >>> batch = next(sampler(0))
    >>> batch.x.shape, batch.y.tolist()
    (torch.Size([6, 3, 100]), [-1, -1, -1, -1, -1, -1])
    """

    deterministic = False

    def __init__(
        self,
        X: Tensor,
        *,
        n_times: int,
        n_windows: int,
        batch_size: int = 128,
        amplitude: float = 1.5,
        stretch: float = 1.1,
        cut_mix: float | None = 1.0,
        rotation: float = 0.1,
        seed: int = 0,
        n_known: int = 0,
    ) -> None:
        self.X = check_type(X, "X", Tensor, "a tensor")
        self.n_times = check_int(n_times, "n_times", at_least=1)
        self.n_windows = check_int(n_windows, "n_windows", at_least=1)
        self.batch_size = check_int(batch_size, "batch_size", at_least=1)
        self.amplitude = check_number(amplitude, "amplitude", at_least=1)
        self.stretch = check_number(stretch, "stretch", at_least=1)
        self.cut_mix = (
            None if cut_mix is None else check_number(cut_mix, "cut_mix", above=0)
        )
        self.rotation = check_number(rotation, "rotation", at_least=0)
        self.seed = check_int(seed, "seed", at_least=0)
        self.n_known = check_int(n_known, "n_known", at_least=0)
        if X.ndim != 2 or X.shape[1] < n_times:
            raise ValueError(
                f"'recording' must have shape (n_chans, n_samples) with at least "
                f"{n_times} samples, one window, got {tuple(X.shape)}. Pass a longer "
                "recording, in volts and at the sampling rate of the trials."
            )
        self._scale = channel_deviation(X, (1,))

    @classmethod
    def from_trials(cls, trials: TrialSampler, **settings: Any) -> Recording:
        """Join the trials of the first subject in their order into one recording.

        Parameters
        ----------
        trials : TrialSampler
            The trials. Their borders stay in the recording as jumps.
        **settings
            Parameters of `Recording`.

        Returns
        -------
        sampler : Recording
            The windows.
        """
        X = trials.X[trials.subject == trials.subject.min()]
        return cls(X.permute(1, 0, 2).flatten(1), **settings)

    def __len__(self) -> int:
        return self.n_windows

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """Yield new windows, as many in each epoch."""
        for number, first in enumerate(range(0, self.n_windows, self.batch_size)):
            n = min(self.batch_size, self.n_windows - first)
            rng = np.random.default_rng(seed_of(self.seed, epoch, number))
            with torch.no_grad():
                x = self.windows(n, rng)
            start = self.n_known + epoch * self.n_windows + first
            index = torch.arange(start, start + n, device=x.device)
            nobody = torch.zeros_like(index)
            label = torch.full_like(index, NO_LABEL)
            yield Batch(self, index, label, nobody, nobody, x=x)

    def windows(self, n_windows: int, rng: np.random.Generator) -> Tensor:
        """Draw windows.

        Parameters
        ----------
        n_windows : int
            How many.
        rng : Generator
            Where random numbers come from.

        Returns
        -------
        x : Tensor, shape (n_windows, n_chans, n_times)
            Signals in volts.
        """
        x = self._cut(n_windows, rng)
        limit = np.log(self.amplitude)
        factor = np.exp(rng.uniform(-limit, limit, (n_windows, 1, 1)))
        x = x * torch.as_tensor(factor).to(x)
        if self.cut_mix is not None and n_windows > 1:
            x = torch.where(self._other(self.cut_mix, n_windows, rng), x.roll(1, 0), x)
        if self.rotation > 0:
            n_chans = len(self.X)
            noise = rng.standard_normal((n_windows, n_chans, n_chans))
            mixing = np.eye(n_chans) + self.rotation / np.sqrt(n_chans) * noise
            x = torch.as_tensor(mixing).to(x) @ (x / self._scale) * self._scale
        return x

    def _cut(self, n_windows: int, rng: np.random.Generator) -> Tensor:
        """Cut windows at random times, with time running at random speeds."""
        room = self.X.shape[1] - 1
        limit = np.log(self.stretch)
        speed = np.exp(rng.uniform(-limit, limit, n_windows))
        if self.n_times > 1:
            speed = np.minimum(speed, room / (self.n_times - 1))
        last = np.maximum(room - speed * (self.n_times - 1), 0)
        onset = np.floor(rng.uniform(size=n_windows) * (np.floor(last) + 1))
        place = onset[:, None] + speed[:, None] * np.arange(self.n_times)
        # In float32 a sample of a long recording is not exact: keep the whole part.
        begin = torch.as_tensor(onset.astype(np.int64), device=self.X.device)
        span = int(np.ceil(speed.max() * (self.n_times - 1))) + 2
        near = (begin[:, None] + torch.arange(span, device=self.X.device)).clamp_(
            max=room
        )
        cut = self.X[:, near].permute(1, 0, 2)
        return read_at(cut, torch.as_tensor(place - onset[:, None]).to(self.X))

    def _other(self, beta: float, n_windows: int, rng: np.random.Generator) -> Tensor:
        """Say where another window takes over, shape (n_windows, 1, n_times)."""
        length = np.round(rng.beta(beta, beta, (n_windows, 1)) * self.n_times)
        begin = np.floor(rng.uniform(size=(n_windows, 1)) * (self.n_times - length + 1))
        time = np.arange(self.n_times)
        inside = (begin <= time) & (time < begin + length)
        return torch.as_tensor(inside[:, None], device=self.X.device)

    def __repr__(self) -> str:
        return f"<Recording | {self.X.shape[1]} samples, {self.n_windows} windows>"


def continuous(
    recording: Any, ch_names: Sequence[str], sfreq: float, device: torch.device | str
) -> Tensor:
    """Return a recording with the channels and the sampling rate of the trials.

    Parameters
    ----------
    recording : Raw of MNE or array, shape (n_chans, n_samples)
        Continuous EEG. Channels of a Raw are found by name and resampled where needed;
        an array must have the trials' channels in their order, in volts, and their
        sampling rate. It should be filtered as the trials are.
    ch_names : sequence of str
        Channels of the trials.
    sfreq : float
        Sampling rate of the trials in Hz.
    device : str or torch.device
        Where the recording is kept.

    Returns
    -------
    X : Tensor, shape (n_chans, n_samples)
        In volts.

    Raises
    ------
    ValueError
        If channels are missing, or values are not finite.
    TypeError
        If the recording is neither of the two.
    """
    if hasattr(recording, "ch_names") and hasattr(recording, "get_data"):
        X = _read_raw(recording, ch_names, sfreq)
    else:
        try:
            X = np.asarray(recording, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise TypeError(
                "'recording' must be a Raw of MNE or an array of shape (n_chans, "
                f"n_samples), got {type(recording).__name__}. Epochs are trials; epoch "
                "the continuous recording."
            ) from error
    if X.ndim != 2 or len(X) != len(ch_names):
        raise ValueError(
            f"'recording' must have shape ({len(ch_names)}, n_samples), one row for "
            f"each channel of the trials, got {X.shape}. Pass a Raw of MNE to find "
            "channels by name."
        )
    if not np.isfinite(X).all():
        raise ValueError(
            "'recording' must be finite, but it holds NaN or infinite values. "
            "Interpolate these channels or cut the part out."
        )
    return torch.as_tensor(np.ascontiguousarray(X, np.float32), device=device)


def _read_raw(raw: Any, ch_names: Sequence[str], sfreq: float) -> np.ndarray:
    """Return the channels of a Raw in the trials' order, at their sampling rate."""
    place = {canonical_name(name): name for name in raw.ch_names}
    missing = [name for name in ch_names if canonical_name(name) not in place]
    if missing:
        raise ValueError(
            f"'recording' must hold the {len(ch_names)} channels of the trials, but "
            f"{join_names(missing)} are missing. Use another recording, or train on "
            "the channels that both have."
        )
    if abs(raw.info["sfreq"] - sfreq) > 1e-6:
        raw = raw.copy().resample(sfreq, verbose=False)
    return raw.get_data(picks=[place[canonical_name(name)] for name in ch_names])
