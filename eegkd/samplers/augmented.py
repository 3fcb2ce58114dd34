"""`Augmented`: each trial changed at random in each epoch, before any view sees it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from eegkd._checks import (
    check_int,
    check_number,
    check_registered,
    check_type,
    join_names,
)
from eegkd.decoders.networks import quiet_networks, seeded
from eegkd.samplers.trials import Batch, TrialSampler

Change = Callable[[Tensor], Tensor]


def seed_of(*numbers: int) -> int:
    """Return one seed that depends on all of some numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def signals_of(batch: Batch) -> Tensor:
    """Return all channels of a batch in volts, (n_batch, n_chans, n_times)."""
    return batch.sampler.X[batch.index] if batch.x is None else batch.x  # type: ignore[attr-defined]


def channel_deviation(X: Tensor, dim: tuple[int, ...]) -> Tensor:
    """Return the deviation over some dimensions, which stay; 1 for a flat channel."""
    scale = X.std(dim=dim, keepdim=True, correction=0)
    return torch.where(scale > 0, scale, torch.ones_like(scale))


def read_at(X: Tensor, place: Tensor) -> Tensor:
    """Read signals at fractional samples, mirrored at both ends.

    Parameters
    ----------
    X : Tensor, shape (n_trials, n_chans, n_times)
        Signals.
    place : Tensor, shape (n_trials, n_places)
        Where to read, in samples.

    Returns
    -------
    X_read : Tensor, shape (n_trials, n_chans, n_places)
        Linear interpolation between neighboring samples.
    """
    last = X.shape[2] - 1
    place = place.abs()
    place = (last - (last - place).abs()).clamp(0, last)
    before = place.floor().long()
    after = (before + 1).clamp(max=last)
    share = (place - before)[:, None].to(X.dtype)

    def take(index: Tensor) -> Tensor:
        return X.gather(2, index[:, None].expand(-1, X.shape[1], -1))

    return torch.lerp(take(before), take(after), share)


def _uniform(X: Tensor, limit: float) -> Tensor:
    """Draw one number between -limit and limit for each trial, shape (n_trials, 1)."""
    return ((2 * torch.rand(len(X), 1) - 1) * limit).to(X.device, X.dtype)


def _times(X: Tensor) -> Tensor:
    """Return the numbers of the samples, shape (1, n_times)."""
    return torch.arange(X.shape[2], device=X.device, dtype=X.dtype)[None]


def _time_shift(sfreq: float, n_times: int) -> Change:
    """Move the trial by up to a tenth of its length."""
    limit = 0.1 * n_times
    return lambda X: read_at(X, _times(X) + _uniform(X, limit).round())


def _time_scale(sfreq: float, n_times: int) -> Change:
    """Stretch or compress time by up to 5 percent around the middle."""
    middle = (n_times - 1) / 2
    return lambda X: read_at(
        X, middle + (_times(X) - middle) * _uniform(X, np.log(1.05)).exp()
    )


def _amplitude_scale(sfreq: float, n_times: int) -> Change:
    """Scale all channels by one factor between 2/3 and 3/2."""
    return lambda X: X * _uniform(X, np.log(1.5)).exp()[:, :, None]


def _bandstop(sfreq: float, n_times: int) -> Change:
    """Remove a band of 2 Hz somewhere between 2 Hz and nine tenths of Nyquist."""
    low, high = 2.0, max(0.45 * sfreq, 2.0)

    def change(X: Tensor) -> Tensor:
        middle = (low + high) / 2 + _uniform(X, (high - low) / 2)
        frequency = torch.fft.rfftfreq(X.shape[2], 1 / sfreq).to(X.device, X.dtype)
        distance = (frequency[None] - middle).abs()
        kept = (distance - 0.5).clamp(0, 1)[:, None]  # edges of 1 Hz around 2 Hz
        return torch.fft.irfft(torch.fft.rfft(X) * kept, n=X.shape[2])

    return change


def _braindecode(name: str, **options: Any) -> Callable[[float, int], Change]:
    """Return the factory of a transform of braindecode, applied to all trials.

    Options that are callable are given the sampling rate and the length of a trial.
    """

    def factory(sfreq: float, n_times: int) -> Change:
        with quiet_networks():
            from braindecode import augmentation
        values = {
            key: value(sfreq, n_times) if callable(value) else value
            for key, value in options.items()
        }

        def change(X: Tensor) -> Tensor:
            seed = int(torch.randint(2**31 - 1, ()))
            transform = getattr(augmentation, name)(1.0, random_state=seed, **values)
            return transform(X)

        return change

    return factory


class Augmentation(NamedTuple):
    """How a named augmentation is made, and one line on what it does.

    Parameters
    ----------
    make : callable
        ``make(sfreq, n_times)`` returns what changes signals.
    text : str
        What it does, and where it does not keep the class.
    """

    make: Callable[[float, int], Change]
    text: str


#: Augmentations by name that leave the class of a trial as it is. Missing on purpose:
#: swapping left and right and shuffling channels change which hand is imagined, and
#: re-referencing to a random channel shows electrodes that a wearable does not have.
AUGMENTATIONS: dict[str, Augmentation] = {
    "gaussian_noise": Augmentation(
        _braindecode("GaussianNoise", std=0.2),
        "White noise of a fifth of each channel's own deviation.",
    ),
    "time_mask": Augmentation(
        _braindecode("SmoothTimeMask", mask_len_samples=lambda _, n: max(n // 5, 1)),
        "A fifth of the trial fades to zero, the same part on all channels.",
    ),
    "time_shift": Augmentation(
        _time_shift,
        "Later or earlier by up to a tenth of the trial, mirrored at the border. "
        "Not for responses that are locked to a stimulus.",
    ),
    "time_scale": Augmentation(
        _time_scale, "Slower or faster by up to 5 percent, so rhythms shift as well."
    ),
    "time_reverse": Augmentation(
        _braindecode("TimeReverse"),
        "Time runs backward. For rhythms; not for evoked responses.",
    ),
    "sign_flip": Augmentation(
        _braindecode("SignFlip"),
        "Plus becomes minus. For the power of rhythms; not for evoked responses.",
    ),
    "ft_surrogate": Augmentation(
        _braindecode("FTSurrogate"),
        "New random phases, the same on all channels; the spectrum stays. For "
        "rhythms; not for evoked responses.",
    ),
    "frequency_shift": Augmentation(
        _braindecode("FrequencyShift", sfreq=lambda sfreq, _: sfreq),
        "The spectrum moves by up to 2 Hz. Not for steady-state responses.",
    ),
    "bandstop": Augmentation(_bandstop, "A random band of 2 Hz is removed."),
    "amplitude_scale": Augmentation(
        _amplitude_scale, "One factor for all channels, between 2/3 and 3/2."
    ),
    "channels_dropout": Augmentation(
        _braindecode("ChannelsDropout", p_drop=0.2),
        "Each channel is zero with a probability of one fifth.",
    ),
}


class Augmented:
    """Trials that are changed at random, once per trial and epoch.

    The change is made on all channels before any view is applied, so that teacher
    and student see the same changed trial.

    Parameters
    ----------
    sampler : TrialSampler
        The trials.
    augment : str, callable or list of these
        Names in `AUGMENTATIONS`, transforms of `braindecode.augmentation`, or
        functions that take signals, shape (n_trials, n_chans, n_times), in units of
        each channel's deviation over all trials, and return the same shape. They must
        leave the class as it is, and draw with torch's generator of the CPU. Several
        are applied one after the other. Each transform of braindecode has a seed of
        its own, also inside a ``Compose``.
    sfreq : float
        Sampling rate in Hz, > 0.
    probability : float, default=0.5
        Share of trials that each augmentation changes on average, between 0 and 1.
        Which ones is drawn for each augmentation anew.
    seed : int, default=0
        Seed. What happens to a batch depends on it, the epoch and the number of the
        batch alone.

    Attributes
    ----------
    deterministic : bool
        False: a trial looks different in each epoch.

    Raises
    ------
    ValueError
        If an augmentation is not known or returns another shape.

    Notes
    -----
    Magnitudes are braindecode's defaults where they do not depend on the unit or the
    length of a trial [1]_.

    References
    ----------
    .. [1] Rommel, C., Paillard, J., Moreau, T., & Gramfort, A. (2022). Data
       augmentation for learning predictive models on EEG: a systematic comparison.
       Journal of Neural Engineering, 19(6), 066020.

    Examples
    --------
    >>> import torch
    >>> from eegkd.samplers import TrialSampler
    >>> trials = TrialSampler.from_arrays(torch.randn(4, 2, 50), [0, 1, 0, 1])
    >>> sampler = Augmented(trials, "sign_flip", sfreq=50.0, probability=1.0)
    >>> batch = next(sampler(0))
    >>> torch.allclose(batch.x, -trials.X[batch.index])
    True
    """

    deterministic = False

    def __init__(
        self,
        sampler: TrialSampler,
        augment: Any,
        *,
        sfreq: float,
        probability: float = 0.5,
        seed: int = 0,
    ) -> None:
        self.sampler = check_type(sampler, "sampler", TrialSampler, "a TrialSampler")
        self.probability = check_number(
            probability, "probability", at_least=0, at_most=1
        )
        self.seed = check_int(seed, "seed", at_least=0)
        check_number(sfreq, "sfreq", above=0)
        self.names, self._changes = [], []
        for one in check_augment(augment):
            self.names.append(one if isinstance(one, str) else _name(one))
            self._changes.append(
                AUGMENTATIONS[one].make(sfreq, sampler.X.shape[2])
                if isinstance(one, str)
                else copy.deepcopy(one)
            )
        self._scale = channel_deviation(sampler.X, (0, 2))

    def __len__(self) -> int:
        return len(self.sampler)

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """Yield all trials once, changed, in the order of epoch ``epoch``."""
        for number, batch in enumerate(self.sampler(epoch)):
            seed = seed_of(self.seed, epoch, number)
            with torch.no_grad(), seeded(seed):
                x = signals_of(batch)
                pairs = zip(self.names, self._changes, strict=True)
                for place, (name, change) in enumerate(pairs):
                    _reseed(change, self.seed, epoch, number, place)
                    x = self._changed(x, name, change)
            yield Batch(
                self,
                batch.index,
                batch.y,
                batch.subject,
                batch.session,
                x=x,
                soft=batch.soft,
            )

    def _changed(self, x: Tensor, name: str, change: Change) -> Tensor:
        """Return the signals with some trials changed."""
        chosen = (torch.rand(len(x)) < self.probability).to(x.device)
        if not chosen.any():
            return x
        before = x[chosen] / self._scale
        after = _apply(change, before)
        if not isinstance(after, Tensor) or after.shape != before.shape:
            got = tuple(after.shape) if isinstance(after, Tensor) else type(after)
            raise ValueError(
                f"'augment' must return a tensor of the shape it was given, "
                f"{tuple(before.shape)}, but {name!r} returned {got}. Let it change "
                "signals only."
            )
        x = x.clone()
        x[chosen] = after.to(x.dtype) * self._scale
        return x

    def __repr__(self) -> str:
        return f"Augmented({join_names(self.names)}, probability={self.probability:g})"


def check_augment(augment: Any) -> list[Any]:
    """Return augmentations as a list of known names and callables.

    Parameters
    ----------
    augment : str, callable or sequence of these
        What the user asked for.

    Returns
    -------
    augments : list of str or callable
        At least one.

    Raises
    ------
    ValueError, TypeError
        If there is none, or one is neither known nor callable.
    """
    several = isinstance(augment, Sequence) and not isinstance(augment, str)
    augments = list(augment) if several else [augment]
    if not augments:
        raise ValueError(
            "'augment' must name at least one augmentation, got none. Allowed: "
            f"{join_names(AUGMENTATIONS, 80)}, or a callable."
        )
    for one in augments:
        check_registered(
            one,
            "augment",
            AUGMENTATIONS,
            hint="Swapping or shuffling channels is left out: it changes the class.",
        )
    return augments


def _apply(change: Any, X: Tensor) -> Any:
    """Return changed signals; a composition of braindecode insists on labels."""
    kind = type(change)
    if kind.__name__ == "Compose" and kind.__module__.startswith("braindecode."):
        for one in change.transforms:
            X = _apply(one, X)
        return X
    return change(X)


def _reseed(change: Any, *numbers: int) -> None:
    """Give a transform of braindecode, and those inside it, seeds of their own."""
    if hasattr(change, "rng"):
        change.rng = np.random.RandomState(seed_of(*numbers))
    inside = getattr(change, "transforms", ())
    for place, one in enumerate(inside if isinstance(inside, Iterable) else ()):
        _reseed(one, *numbers, place)


def _name(change: Any) -> str:
    """Return what a callable is called."""
    return getattr(change, "__name__", type(change).__name__)
