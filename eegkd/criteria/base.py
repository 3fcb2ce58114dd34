"""`TrainedCriterion`: a criterion with parameters of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from eegkd.decoders import Output
    from eegkd.sources import Batch


class TrainedCriterion(nn.Module):
    """A criterion whose parameters are learned together with the student.

    Subclasses make their modules in `start`, where the sizes of both networks are
    known, and compare in `forward`. The loop trains the parameters beside the
    student's, without weight decay, and forgets them afterwards.

    Attributes
    ----------
    only_training : bool
        Whether the term is left out of the validation loss, because it says nothing
        about unseen trials (a memory of training trials, a discriminator).
    """

    only_training = False

    def start(self, student: Output, teacher: Output | None, batch: Batch) -> None:
        """Make the modules, given what both networks say of a first batch.

        Parameters
        ----------
        student, teacher : Output
            Without gradient.
        batch : Batch
            The trials.
        """

    def forward(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        raise NotImplementedError

    def after_update(self) -> None:
        """Change what is remembered, once gradients have been taken."""
