"""Trials that nobody recorded: made from pieces of recorded ones of the same label."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from eegkd._checks import check_int
from eegkd.samplers.trials import TrialSampler


class Maker(Protocol):
    """What makes synthetic trials with labels."""

    def __call__(self, n_trials: int, random: torch.Generator) -> TrialSampler:
        """Return so many new trials."""


class SegmentRecombination:
    """Make trials whose parts in time come from different trials of the same label.

    A synthetic trial is cut into segments of equal length; each segment is taken, at
    its own place in time and with all channels, from a trial that is drawn among
    those of the same subject and label. What electrodes have in common at a time is
    therefore kept.

    Parameters
    ----------
    sampler : TrialSampler
        Recorded trials. Continuous labels are floating-point numbers.
    n_segments : int, default=8
        Parts of a trial, >= 1; never more than its samples.
    n_neighbors : int, default=5
        For continuous labels: the segments come from so many trials of the subject
        whose labels are nearest in rank, >= 1.

    See Also
    --------
    join : Put recorded and synthetic trials together.

    Notes
    -----
    Classes are recombined as in [1]_. For continuous labels, our extension of it, the
    label of a synthetic trial is the mean of the labels of its segments, weighted by
    their lengths. Segments are set side by side, so that the signal may jump between
    them.

    References
    ----------
    .. [1] Lotte, F. (2015). Signal processing approaches to minimize or suppress
       calibration time in oscillatory activity-based brain-computer interfaces.
       Proceedings of the IEEE, 103(6), 871-890.

    Examples
    --------
    >>> import torch
    >>> from eegkd.samplers import TrialSampler
    >>> sampler = TrialSampler.from_arrays(torch.randn(6, 2, 40), [0, 0, 0, 1, 1, 1])
    >>> made = SegmentRecombination(sampler)(4, torch.Generator().manual_seed(0))
    >>> tuple(made.X.shape)
    (4, 2, 40)
    """

    def __init__(
        self, sampler: TrialSampler, n_segments: int = 8, n_neighbors: int = 5
    ) -> None:
        n_segments = check_int(n_segments, "n_segments", at_least=1)
        n_neighbors = check_int(n_neighbors, "n_neighbors", at_least=1)
        self.sampler = sampler
        n_times = sampler.X.shape[2]
        cuts = torch.linspace(0, n_times, min(n_segments, n_times) + 1).round()
        self.cuts = cuts.long().tolist()
        self._order, self._start, self._count = _partners(sampler, n_neighbors)

    def __call__(self, n_trials: int, random: torch.Generator) -> TrialSampler:
        """Make trials; each recorded one lends label and subject about equally often.

        Parameters
        ----------
        n_trials : int
            How many, >= 1.
        random : torch.Generator
            Of the CPU; what is drawn depends on it alone.

        Returns
        -------
        synthetic : TrialSampler
            With the settings of the recorded trials.
        """
        sampler = self.sampler
        anchor = spread(len(sampler), n_trials, random)
        draws = torch.rand((n_trials, len(self.cuts) - 1), generator=random)
        shift = (draws * self._count[anchor, None]).long()
        partner = self._order[self._start[anchor, None] + shift].to(sampler.X.device)
        anchor = anchor.to(sampler.X.device)
        parts = [
            sampler.X[rows, :, start:stop]
            for rows, start, stop in zip(
                partner.T, self.cuts[:-1], self.cuts[1:], strict=True
            )
        ]
        y = sampler.y[anchor]
        if y.is_floating_point():
            lengths = torch.tensor(self.cuts, device=y.device).diff().to(y.dtype)
            y = (sampler.y[partner] * lengths).sum(dim=1) / lengths.sum()
        return replace(
            sampler,
            X=torch.cat(parts, dim=2),
            y=y,
            subject=sampler.subject[anchor],
            session=sampler.session[anchor],
        )

    def __repr__(self) -> str:
        return f"SegmentRecombination(n_segments={len(self.cuts) - 1})"


def join(recorded: TrialSampler, synthetic: TrialSampler) -> TrialSampler:
    """Put synthetic trials behind recorded ones.

    Parameters
    ----------
    recorded : TrialSampler
        Their indices stay as they are.
    synthetic : TrialSampler
        Their indices follow, so that none stands for two trials.

    Returns
    -------
    sampler : TrialSampler
        All trials, with the settings of the recorded ones. It shows a trial the same
        in each epoch, so what a frozen teacher says of it can be remembered.
    """
    return replace(
        recorded,
        X=torch.cat([recorded.X, synthetic.X]),
        y=torch.cat([recorded.y, synthetic.y]),
        subject=torch.cat([recorded.subject, synthetic.subject]),
        session=torch.cat([recorded.session, synthetic.session]),
    )


def spread(n_recorded: int, n_trials: int, random: torch.Generator) -> Tensor:
    """Draw recorded trials such that all are drawn about equally often.

    Parameters
    ----------
    n_recorded : int
        How many there are.
    n_trials : int
        How many are drawn.
    random : torch.Generator
        Of the CPU.

    Returns
    -------
    index : Tensor of int64, shape (n_trials,)
        Each trial occurs at most once more often than any other.
    """
    rounds = -(-n_trials // n_recorded)
    drawn = [torch.randperm(n_recorded, generator=random) for _ in range(rounds)]
    return torch.cat(drawn)[:n_trials]


def _partners(sampler: TrialSampler, n_neighbors: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return an order of the trials, and each trial's partners as a stretch of it."""
    y, subject = sampler.y.cpu(), sampler.subject.cpu()
    order = torch.argsort(y, stable=True)
    order = order[torch.argsort(subject[order], stable=True)]
    keys = subject[:, None] if y.is_floating_point() else torch.stack([subject, y], 1)
    _, count = torch.unique_consecutive(keys[order], dim=0, return_counts=True)
    first = (count.cumsum(0) - count).repeat_interleave(count)
    count = count.repeat_interleave(count)
    if y.is_floating_point():
        width = count.clamp(max=n_neighbors)
        place = torch.arange(len(order)) - (width - 1) // 2
        first = torch.minimum(torch.maximum(place, first), first + count - width)
        count = width
    start, number = torch.empty_like(first), torch.empty_like(count)
    start[order], number[order] = first, count
    return order, start, number
