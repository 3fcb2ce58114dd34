"""`Mixup`: sums of two trials with labels mixed in the same shares."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from eegkd._checks import check_choice, check_int, check_number, check_type
from eegkd.samplers.augmented import seed_of, signals_of
from eegkd.samplers.trials import Batch, TrialSampler

WITHIN = (None, "subject", "session")


class Mixup:
    """Some trials of each batch are mixed with another trial of the batch.

    A mixed trial is ``share * trial + (1 - share) * partner`` on all channels, before
    any view is applied, and its soft label is mixed alike. The share is drawn for each
    trial from a beta distribution.

    Parameters
    ----------
    sampler : TrialSampler
        The trials, with classes as labels.
    n_outputs : int
        Number of classes, >= 2.
    fraction : float, default=0.1
        Share of the trials of a batch that are mixed, between 0 and 1. The number is
        exact, rounded. 1 is full mixup, less is partial mixup.
    beta : float, default=1.0
        Both parameters of the beta distribution, > 0; 1 is uniform. Smaller leaves
        more of one trial.
    within : {None, "subject", "session"}, default=None
        Where partners are looked for: anywhere, in the same subject, or in the same
        recording session of the same subject. A sum of two trials of one subject is a
        sum of that subject's samplers; a sum over subjects is no one's EEG.
    official_sampling : bool, default=False
        Whether the trials left unmixed are drawn with replacement, as in the code
        that accompanies the paper. Then a ``fraction`` of 0.1 mixes about 0.4.
    seed : int, default=0
        Seed. What happens to a batch depends on it, the epoch and the number of the
        batch alone.

    Attributes
    ----------
    deterministic : bool
        False: a trial looks different in each epoch.

    Raises
    ------
    ValueError, TypeError
        If an argument is not allowed or labels are continuous.

    Notes
    -----
    ``y``, ``subject`` and ``index`` of a mixed trial are those of the first of the
    two. A partner is always another trial, unless there is none.

    References
    ----------
    .. [1] Choi, H., Jeon, E. S., Shukla, A., & Turaga, P. (2023). Understanding the
       role of mixup in knowledge distillation: An empirical study. In Proceedings of
       the IEEE/CVF Winter Conference on Applications of Computer Vision.

    Examples
    --------
    >>> import torch
    >>> from eegkd.samplers import TrialSampler
    >>> trials = TrialSampler.from_arrays(torch.randn(6, 2, 50), [0, 1, 0, 1, 0, 1])
    >>> batch = next(Mixup(trials, 2, fraction=0.5)(0))
    >>> batch.soft.shape, batch.soft.sum(dim=1)
    (torch.Size([6, 2]), tensor([1., 1., 1., 1., 1., 1.]))
    """

    deterministic = False

    def __init__(
        self,
        sampler: TrialSampler,
        n_outputs: int,
        *,
        fraction: float = 0.1,
        beta: float = 1.0,
        within: str | None = None,
        official_sampling: bool = False,
        seed: int = 0,
    ) -> None:
        self.sampler = check_type(sampler, "sampler", TrialSampler, "a TrialSampler")
        if sampler.y.dtype.is_floating_point:
            raise TypeError(
                "'sampler' must have classes as labels to mix, got continuous ones. "
                "Choose another method."
            )
        self.n_outputs = check_int(n_outputs, "n_outputs", at_least=2)
        self.fraction = check_number(fraction, "fraction", at_least=0, at_most=1)
        self.beta = check_number(beta, "beta", above=0)
        self.within = check_choice(within, "within", WITHIN)
        self.official_sampling = check_type(
            official_sampling, "official_sampling", bool, "True or False"
        )
        self.seed = check_int(seed, "seed", at_least=0)

    def __len__(self) -> int:
        return len(self.sampler)

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """Yield all trials once, some of them mixed, in the order of ``epoch``."""
        for number, batch in enumerate(self.sampler(epoch)):
            rng = np.random.default_rng(seed_of(self.seed, epoch, number))
            x = signals_of(batch)
            share = torch.as_tensor(self.shares(len(batch), rng)).to(x)
            partner = self.partners(batch, rng)
            hard = F.one_hot(batch.y, self.n_outputs).to(x.dtype)
            yield Batch(
                self,
                batch.index,
                batch.y,
                batch.subject,
                batch.session,
                x=torch.lerp(x[partner], x, share[:, None, None]),
                soft=torch.lerp(hard[partner], hard, share[:, None]),
            )

    def shares(self, n_trials: int, rng: np.random.Generator) -> np.ndarray:
        """Draw how much of each trial stays.

        Parameters
        ----------
        n_trials : int
            Trials in the batch.
        rng : Generator
            Where random numbers come from.

        Returns
        -------
        share : ndarray, shape (n_trials,)
            Between 0 and 1; exactly 1 for trials that are not mixed.
        """
        share = rng.beta(self.beta, self.beta, n_trials)
        if self.official_sampling:
            n_draws = int((1 - self.fraction) * n_trials + 1e-9)
            share[rng.integers(n_trials, size=n_draws)] = 1.0
        else:
            n_mixed = int(np.floor(self.fraction * n_trials + 0.5))
            share[rng.permutation(n_trials)[n_mixed:]] = 1.0
        return share

    def partners(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        """Draw the partner of each trial: the next one in a random circle.

        Parameters
        ----------
        batch : Batch
            The trials.
        rng : Generator
            Where random numbers come from.

        Returns
        -------
        partner : Tensor of int64, shape (n_batch,)
            Place of the partner in the batch.
        """
        group = np.zeros(len(batch), np.int64)
        if self.within is not None:
            group = getattr(batch, self.within).cpu().numpy()
        partner = np.arange(len(batch))
        for one in np.unique(group):
            circle = rng.permutation(np.flatnonzero(group == one))
            partner[circle] = np.roll(circle, -1)
        return torch.as_tensor(partner, device=batch.index.device)

    def __repr__(self) -> str:
        return (
            f"Mixup(fraction={self.fraction:g}, beta={self.beta:g}, "
            f"within={self.within!r})"
        )
