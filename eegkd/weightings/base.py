"""`Weighting`: what says how much each term counts. `Constant`: always the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from eegkd._checks import check_number
from eegkd.decoders import Output
from eegkd.samplers import Batch


@dataclass
class Context:
    """What a weighting may look at.

    Parameters
    ----------
    epoch : int
        Epoch of training, from 0.
    losses : Tensor, shape (n_terms, n_batch)
        Value of each term for each trial.
    student : Output
        The student's output for the batch.
    batch : Batch
        The trials.
    teachers : sequence of Output or None
        What the teacher of each term says of the batch; None for terms without one.
    training : bool
        False for validation trials.
    """

    epoch: int
    losses: Tensor
    student: Output
    batch: Batch
    teachers: Sequence[Output | None] = ()
    training: bool = True


class Weighting(Protocol):
    """What says how much each term counts for each trial."""

    def __call__(self, context: Context) -> Tensor:
        """Return weights, shape (n_terms, n_batch) or (n_terms, 1)."""


class Constant:
    """One fixed weight for each term.

    Parameters
    ----------
    *weights : float
        Weight of each term, >= 0, in the order of the terms.

    Raises
    ------
    ValueError
        If a weight is negative or not finite.
    """

    needs_features = False

    def __init__(self, *weights: float) -> None:
        self.weights = [check_number(w, "weights", at_least=0) for w in weights]

    def __call__(self, context: Context) -> Tensor:
        """Return the weights, shape (n_terms, 1)."""
        losses = context.losses
        return torch.tensor(self.weights, dtype=losses.dtype, device=losses.device)[
            :, None
        ]

    def __repr__(self) -> str:
        return f"Constant({', '.join(f'{weight:g}' for weight in self.weights)})"
