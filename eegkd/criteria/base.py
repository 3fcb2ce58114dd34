"""`TrainedCriterion`: a criterion with parameters of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from eegkd.decoders import Output
    from eegkd.samplers import Batch


def embedding_of(output: Output | None, whose: str) -> Tensor:
    """Return the embedding of an output.

    Parameters
    ----------
    output : Output or None
        What a network says of some trials.
    whose : str
        Who says it, for the error.

    Returns
    -------
    embedding : Tensor, shape (n_batch, n_dims)
        Flattened input of the last layer.

    Raises
    ------
    ValueError
        If there is no output or it has no embedding.
    """
    if output is None or output.embedding is None:
        raise ValueError(
            f"'{whose}' must have an embedding, got "
            f"{'no output' if output is None else 'an output without one'}. Run the "
            "decoder with features=True, and pair the criterion with a teacher whose "
            "answers have features."
        )
    return output.embedding


class TrainedCriterion(nn.Module):
    """A criterion whose parameters are learned together with the student.

    Subclasses make their modules in `start`, where the sizes of both networks are
    known, and compare in ``forward(student, teacher, batch)``, which returns the loss
    of each trial, shape (n_batch,). The loop trains the parameters beside those of the
    student, without weight decay. They are not part of it; the criterion holds them as
    they are after the last epoch until a next training starts it anew.

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

    def after_update(self) -> None:
        """Change what is remembered, once gradients have been taken."""
