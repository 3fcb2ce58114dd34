"""`SelfPaced`: easy trials first, harder ones as training goes on."""

from __future__ import annotations

import torch
from torch import Tensor

from eegkd._checks import check_number
from eegkd.weightings.base import Context


class SelfPaced:
    """Weigh each trial by how easy it is, and let the harder ones in by and by.

    The weight of a trial with loss ``l`` is ``(1 + exp(-age)) / (1 + exp(l - age))``:
    1 for a trial without loss, one half near ``l = age``, and almost 0 beyond. The
    age grows with each epoch. In validation every trial counts 1, so that losses of
    different epochs can be compared.

    Parameters
    ----------
    start : float, default=2.0
        Age in the first epoch, in the unit of the loss.
    growth : float, default=0.02
        What each epoch adds to the age, >= 0. The published growth of 1e-4 in each of
        100,000 steps takes the age from 2 to 12; the default does so in 500 epochs.

    Raises
    ------
    ValueError
        If a number is out of bounds.

    Notes
    -----
    Each trial has a weight of its own. The code that accompanies the paper averages
    the loss first, so that one number weighs the whole batch and no trial is
    preferred. The weights multiply a mean over the batch, and each term has its own.

    References
    ----------
    .. [1] Li, J., Zhou, S., Li, L., Wang, H., Bu, J., & Yu, Z. (2022). How to teach:
       Learning data-free knowledge distillation from curriculum. arXiv:2208.13648.

    Examples
    --------
    >>> import torch
    >>> from eegkd.weightings import Context
    >>> losses = torch.tensor([[0.0, 2.0, 20.0]])
    >>> SelfPaced(start=2.0)(Context(0, losses, None, None)).round(decimals=2)
    tensor([[1.0000, 0.5700, 0.0000]])
    """

    needs_features = False

    def __init__(self, start: float = 2.0, growth: float = 0.02) -> None:
        self.start = check_number(start, "start")
        self.growth = check_number(growth, "growth", at_least=0)

    def __call__(self, context: Context) -> Tensor:
        """Return the weights, shape (n_terms, n_batch)."""
        losses = context.losses
        if not context.training:
            return torch.ones_like(losses)
        age = torch.as_tensor(self.start + self.growth * context.epoch).to(losses)
        # The same as the ratio above, without overflow for large losses.
        return torch.sigmoid(age - losses) / torch.sigmoid(age)

    def __repr__(self) -> str:
        return f"SelfPaced(start={self.start:g}, growth={self.growth:g})"
