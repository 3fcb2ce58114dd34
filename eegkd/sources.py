"""Sources: which trials are seen, batch by batch. Every trial carries its index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from eegkd._checks import check_int
from eegkd.view import View


class Source(Protocol):
    """What yields the batches of one pass over the trials."""

    deterministic: bool

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of one pass."""

    def seen_by(self, view: View, batch: Batch) -> Tensor:
        """Return the batch as one view shows it."""


@dataclass(eq=False)
class Batch:
    """Some trials, named by their index in the source.

    Teacher and student read the same batch through their own views, so they are
    paired by construction.

    Parameters
    ----------
    source : Source
        Where the trials are.
    index : Tensor of int64, shape (n_batch,)
        Which trials; stable over epochs.
    y : Tensor of int64, shape (n_batch,)
        Class of each trial.
    subject : Tensor of int64, shape (n_batch,)
        Person of each trial, counted from 0.
    """

    source: Source
    index: Tensor
    y: Tensor
    subject: Tensor

    def __len__(self) -> int:
        return len(self.index)

    def seen_by(self, view: View) -> Tensor:
        """Return the trials as a view shows them, shape (n_batch, n_chans, n_times)."""
        return self.source.seen_by(view, self)


@dataclass(eq=False)
class TrialSource:
    """Real trials, unchanged: the data stay in memory and batches are selections.

    Parameters
    ----------
    X : Tensor, shape (n_trials, n_chans, n_times)
        Signals in volts.
    y : Tensor of int64, shape (n_trials,)
        Class of each trial.
    subject : Tensor of int64, shape (n_trials,)
        Person of each trial, counted from 0.
    batch_size : int, default=128
        Trials in a batch; the last batch of a pass holds the rest.
    shuffle : bool, default=True
        Whether each pass has its own order.
    seed : int, default=0
        Seed of the orders. The order of a pass depends on the seed and the number
        of the pass alone.

    Attributes
    ----------
    deterministic : bool
        True: a trial looks the same in each pass, so what a frozen teacher says of
        it can be remembered.
    """

    X: Tensor
    y: Tensor
    subject: Tensor
    batch_size: int = 128
    shuffle: bool = True
    seed: int = 0
    deterministic: bool = field(default=True, init=False)
    _shown: dict[View, Tensor] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        check_int(self.batch_size, "batch_size", at_least=1)

    @classmethod
    def from_arrays(
        cls,
        X: Any,
        y: Any,
        subject: Any = None,
        *,
        device: torch.device | str = "cpu",
        **settings: Any,
    ) -> TrialSource:
        """Make a source from arrays; classes are counted from 0.

        Parameters
        ----------
        X : ndarray, shape (n_trials, n_chans, n_times)
            Signals in volts.
        y : ndarray of int, shape (n_trials,)
            Class of each trial, from 0.
        subject : ndarray, shape (n_trials,), optional
            Person of each trial, in any type. By default one person.
        device : str or torch.device, default="cpu"
            Where the data are kept.
        **settings
            ``batch_size``, ``shuffle`` and ``seed`` of `TrialSource`.

        Returns
        -------
        source : TrialSource
            The source.
        """
        people = np.zeros(len(X), int) if subject is None else np.asarray(subject)
        codes = np.unique(people.astype(str), return_inverse=True)[1]
        return cls(
            torch.as_tensor(np.ascontiguousarray(X, np.float32), device=device),
            torch.as_tensor(np.asarray(y, np.int64), device=device),
            torch.as_tensor(codes.astype(np.int64), device=device),
            **settings,
        )

    def __len__(self) -> int:
        return len(self.X)

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """Yield all trials once, in the order of pass ``epoch``."""
        if self.shuffle:
            generator = torch.Generator().manual_seed(self.seed * 100_003 + epoch)
            order = torch.randperm(len(self), generator=generator).to(self.X.device)
        else:
            order = torch.arange(len(self), device=self.X.device)
        for index in order.split(self.batch_size):
            yield self.batch(index)

    def batch(self, index: Tensor) -> Batch:
        """Return the trials of an index as a batch."""
        return Batch(self, index, self.y[index], self.subject[index])

    def seen_by(self, view: View, batch: Batch) -> Tensor:
        """Return a batch as one view shows it; each view is applied to a trial once."""
        if view not in self._shown:
            with torch.no_grad():
                self._shown[view] = view(self.X)
        return self._shown[view].index_select(0, batch.index)
