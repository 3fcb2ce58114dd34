"""`TrialSampler`: real trials, unchanged. `Batch`: some of them, named by index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from eegkd._checks import check_int
from eegkd.view import View

if TYPE_CHECKING:
    from eegkd.decoders import Decoder, Output


class Sampler(Protocol):
    """What yields the batches of one epoch over the trials.

    ``deterministic`` says whether a trial looks the same in each epoch, so that what a
    frozen teacher says of it can be remembered.
    """

    deterministic: bool

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of one epoch."""

    def __len__(self) -> int:
        """Return the number of trials in one epoch."""


@dataclass(eq=False)
class Batch:
    """Some trials, named by their index in the sampler.

    Teacher and student read the same batch through their own views, so they are
    paired by construction.

    Parameters
    ----------
    sampler : Sampler
        Where the trials come from.
    index : Tensor of int64, shape (n_batch,)
        Which trials; stable over epochs.
    y : Tensor, shape (n_batch,)
        Class of each trial, int64, or its continuous label, float32.
    subject, session : Tensor of int64, shape (n_batch,)
        Subject and recording session of each trial, counted from 0.
    x : Tensor, shape (n_batch, n_data_chans, n_times), optional
        Signals of all channels in volts, where they are not a selection of the
        sampler's own trials.
    soft : Tensor, shape (n_batch, n_outputs), optional
        Soft labels that take the place of ``y`` in the label loss; rows sum to 1.
    outputs : dict of Decoder -> Output
        What the learners in training say of this batch, filled by the loop; where
        `eegkd.teachers.Peer` finds its answer.
    """

    sampler: Sampler
    index: Tensor
    y: Tensor
    subject: Tensor
    session: Tensor
    x: Tensor | None = None
    soft: Tensor | None = None
    outputs: dict[Decoder, Output] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.index)

    def seen_by(self, view: View) -> Tensor:
        """Show the trials to a view.

        Parameters
        ----------
        view : View
            Applied to the trials.

        Returns
        -------
        X : Tensor, shape (n_batch, n_view_chans, n_times)
            Signals as the view shows them.
        """
        if self.x is not None:
            return view(self.x)
        return self.sampler.seen_by(view, self)  # type: ignore[attr-defined]


@dataclass(eq=False)
class TrialSampler:
    """Real trials, unchanged: the data stay in memory and batches are selections.

    Parameters
    ----------
    X : Tensor, shape (n_trials, n_chans, n_times)
        Signals in volts.
    y : Tensor, shape (n_trials,)
        Class of each trial, int64, or its continuous label, float32.
    subject : Tensor of int64, shape (n_trials,)
        Subject of each trial, counted from 0.
    session : Tensor of int64, shape (n_trials,), optional
        Recording session of each trial, counted from 0 over all subjects; by default
        one for each subject.
    batch_size : int, default=128
        Trials in a batch; the last batch of an epoch holds the rest.
    shuffle : bool, default=True
        Whether each epoch has its own order.
    seed : int, default=0
        Seed of the orders. The order of an epoch depends on the seed and the number
        of the epoch alone.

    Attributes
    ----------
    deterministic : bool
        True: a trial looks the same in each epoch, so what a frozen teacher says of
        it can be remembered.
    """

    X: Tensor
    y: Tensor
    subject: Tensor
    session: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.long))
    batch_size: int = 128
    shuffle: bool = True
    seed: int = 0
    deterministic: bool = field(default=True, init=False)
    _shown: WeakKeyDictionary[View, Tensor] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False
    )

    def __post_init__(self) -> None:
        check_int(self.batch_size, "batch_size", at_least=1)
        if len(self.session) != len(self.X):
            self.session = self.subject

    @classmethod
    def from_arrays(
        cls,
        X: Any,
        y: Any,
        subject: Any = None,
        session: Any = None,
        *,
        device: torch.device | str = "cpu",
        **settings: Any,
    ) -> TrialSampler:
        """Make a sampler from arrays; classes are counted from 0.

        Parameters
        ----------
        X : ndarray, shape (n_trials, n_chans, n_times)
            Signals in volts.
        y : ndarray, shape (n_trials,)
            Class of each trial, from 0; or continuous labels, of a floating type.
        subject : ndarray, shape (n_trials,), optional
            Subject of each trial, in any type. By default one subject.
        session : ndarray, shape (n_trials,), optional
            Recording session of each trial, in any type; sessions of two subjects are
            different ones. By default one for each subject.
        device : str or torch.device, default="cpu"
            Where the data are kept.
        **settings
            ``batch_size``, ``shuffle`` and ``seed`` of `TrialSampler`.

        Returns
        -------
        sampler : TrialSampler
            The sampler.
        """
        subjects = np.zeros(len(X), int) if subject is None else np.asarray(subject)
        code = _codes(subjects)
        if session is None:
            visit = code
        else:
            pairs = zip(code, session, strict=True)
            visit = _codes([f"{who}/{when}" for who, when in pairs])
        y = np.asarray(y)
        continuous = y.dtype.kind == "f"
        return cls(
            torch.as_tensor(np.ascontiguousarray(X, np.float32), device=device),
            torch.as_tensor(
                y.astype(np.float32 if continuous else np.int64), device=device
            ),
            torch.as_tensor(code, device=device),
            torch.as_tensor(visit, device=device),
            **settings,
        )

    def __len__(self) -> int:
        return len(self.X)

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """Yield all trials once, in the order of epoch ``epoch``."""
        if self.shuffle:
            generator = torch.Generator().manual_seed(self.seed * 100_003 + epoch)
            order = torch.randperm(len(self), generator=generator).to(self.X.device)
        else:
            order = torch.arange(len(self), device=self.X.device)
        for index in order.split(self.batch_size):
            yield self.batch(index)

    def batch(self, index: Tensor) -> Batch:
        """Select trials.

        Parameters
        ----------
        index : Tensor of int64, shape (n_batch,)
            Positions of the trials.

        Returns
        -------
        batch : Batch
            The trials.
        """
        return Batch(
            self, index, self.y[index], self.subject[index], self.session[index]
        )

    def subset(self, index: Tensor) -> TrialSampler:
        """Return a sampler of some of the trials, counted anew from 0.

        Parameters
        ----------
        index : Tensor of int64 or bool
            Which trials.

        Returns
        -------
        sampler : TrialSampler
            With the same size of batches, shuffling and seed.
        """
        return replace(
            self,
            X=self.X[index],
            y=self.y[index],
            subject=self.subject[index],
            session=self.session[index],
        )

    def ordered(self, batch_size: int, seed: int) -> TrialSampler:
        """Return the same trials in other batches or another order.

        Parameters
        ----------
        batch_size : int
            Trials in a batch.
        seed : int
            Seed of the orders.

        Returns
        -------
        sampler : TrialSampler
            Shares the trials, and what views show of them, with this one.
        """
        other = replace(self, batch_size=batch_size, seed=seed)
        other._shown = self._shown
        return other

    def keep(self, view: View, shown: Tensor) -> None:
        """Keep what a view shows of all trials, so that it is not applied again.

        Parameters
        ----------
        view : View
            The view.
        shown : Tensor, shape (n_trials, n_chans, n_times)
            ``view(self.X)``.
        """
        self._shown[view] = shown

    def seen_by(self, view: View, batch: Batch) -> Tensor:
        """Show a batch to a view; each view is applied to a trial once.

        What a view shows is kept for as long as the view is.

        Parameters
        ----------
        view : View
            Applied to the trials.
        batch : Batch
            Trials of this object.

        Returns
        -------
        X : Tensor, shape (n_batch, n_view_chans, n_times)
            Signals as the view shows them.
        """
        if view not in self._shown:
            with torch.no_grad():
                self._shown[view] = view(self.X)
        return self._shown[view].index_select(0, batch.index)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_shown": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _shown=WeakKeyDictionary())


def _codes(values: Any) -> np.ndarray:
    """Return the place of each value among the distinct ones, as text, sorted."""
    return np.unique(np.asarray(values).astype(str), return_inverse=True)[1].astype(
        np.int64
    )
