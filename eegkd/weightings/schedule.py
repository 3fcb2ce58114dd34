"""`Schedule`: weights that depend on the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from eegkd._checks import check_choice, check_int, check_number, check_type
from eegkd.weightings.base import Context

BETWEEN = ("step", "linear")


class Schedule:
    """One weight for each term, changing over the epochs.

    Parameters
    ----------
    points : mapping of int to sequence of float
        The weights of the terms, each >= 0, by the epoch from which they hold. Before
        the first point its weights hold as well.
    between : {"step", "linear"}, default="step"
        Whether weights stay until the next point or move there in a straight line.
    valid : sequence of float, optional
        The weights on validation trials in every epoch; by default those of the last
        point.

    Raises
    ------
    ValueError
        If there is no point, the points differ in their number of weights, or a
        weight is negative.

    Notes
    -----
    Validation always uses the same weights. If they moved as well, the validation
    losses of two epochs could not be compared, and the schedule, not the student,
    would choose the epoch that is kept.

    Examples
    --------
    Labels and soft classes for 50 epochs, then labels alone:

    >>> from eegkd.weightings import Schedule
    >>> schedule = Schedule({0: (0.1, 0.9), 50: (1.0, 0.0)})
    >>> schedule.at(49), schedule.at(50)
    ([0.1, 0.9], [1.0, 0.0])
    """

    needs_features = False

    def __init__(
        self,
        points: Mapping[int, Sequence[float]],
        *,
        between: str = "step",
        valid: Sequence[float] | None = None,
    ) -> None:
        check_type(points, "points", Mapping, "a mapping of epoch to weights")
        if not points:
            raise ValueError(
                "'points' must name at least one epoch and its weights, got none. "
                "Pass for example {0: (0.1, 0.9), 50: (1.0, 0.0)}."
            )
        self.between = check_choice(between, "between", BETWEEN)
        self.epochs = sorted(check_int(epoch, "points", at_least=0) for epoch in points)
        self.weights = [
            [check_number(weight, "points", at_least=0) for weight in points[epoch]]
            for epoch in self.epochs
        ]
        self.valid = (
            self.weights[-1]
            if valid is None
            else [check_number(weight, "valid", at_least=0) for weight in valid]
        )
        sizes = sorted({len(row) for row in [*self.weights, self.valid]})
        if len(sizes) > 1 or sizes == [0]:
            raise ValueError(
                "'points' and 'valid' must hold one weight for each term, got "
                f"{sizes} weights. Give every point the same number of weights."
            )

    def at(self, epoch: int) -> list[float]:
        """Return the weights of the terms on training trials in an epoch.

        Parameters
        ----------
        epoch : int
            Epoch of training, from 0.

        Returns
        -------
        weights : list of float
            One for each term.
        """
        if self.between == "linear":
            return [
                float(np.interp(epoch, self.epochs, column))
                for column in zip(*self.weights, strict=True)
            ]
        place = int(np.searchsorted(self.epochs, epoch, side="right")) - 1
        return self.weights[max(place, 0)]

    def __call__(self, context: Context) -> Tensor:
        """Return the weights of the epoch, shape (n_terms, 1)."""
        losses = context.losses
        weights = self.at(context.epoch) if context.training else self.valid
        return torch.tensor(weights, dtype=losses.dtype, device=losses.device)[:, None]

    def __repr__(self) -> str:
        points = dict(zip(self.epochs, map(tuple, self.weights), strict=True))
        return f"Schedule({points}, between={self.between!r}, valid={self.valid})"
