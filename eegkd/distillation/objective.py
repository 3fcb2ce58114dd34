"""`Objective`: the weighted sum of criteria that a learner minimizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from eegkd.criteria.base import TrainedCriterion
from eegkd.decoders import Decoder, Output
from eegkd.sources import Batch
from eegkd.weightings import Constant, Context, Weighting

if TYPE_CHECKING:
    from eegkd.teachers import Teacher

# The second argument is the teacher's output, None for a term without a teacher.
Criterion = Callable[[Output, Any, Batch], Tensor]


class Objective:
    """A weighted sum of criteria, averaged over the trials of a batch.

    Parameters
    ----------
    terms : sequence of (criterion, teacher or None)
        What is compared with whom.
    weighting : Weighting, optional
        How the terms are mixed; by default each counts 1.

    Attributes
    ----------
    names : list of str
        Name of each term, as the history spells it.
    scale : Tensor, shape (n_terms, 1)
        Factor of each term beside its weight; 1 unless `calibrate` was called.

    Raises
    ------
    ValueError
        If there is no term.

    Notes
    -----
    Criteria, teachers and weightings may define ``start_pass(epoch)``, called before
    each pass, and ``after_update()``, called after each step of the optimizer.
    """

    def __init__(
        self,
        terms: Sequence[tuple[Criterion, Teacher | None]],
        weighting: Weighting | None = None,
    ) -> None:
        if not terms:
            raise ValueError(
                "'terms' must hold at least one (criterion, teacher or None), got "
                "none. Start with (CrossEntropy(), None)."
            )
        self.terms = list(terms)
        self.weighting = weighting or Constant(*[1.0] * len(self.terms))
        self.names = _distinct(
            [
                getattr(criterion, "name", type(criterion).__name__)
                for criterion, _ in self.terms
            ]
        )
        self.scale = torch.ones(len(self.terms), 1)

    @property
    def parts(self) -> list[Any]:
        """Criteria, teachers and weighting, each once."""
        parts = [part for term in self.terms for part in term if part is not None]
        return list({id(part): part for part in [*parts, self.weighting]}.values())

    @property
    def modules(self) -> list[nn.Module]:
        """The criteria that have parameters or state of their own."""
        return [part for part in self.parts if isinstance(part, nn.Module)]

    def parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters of the criteria that are trained with the student."""
        for module in self.modules:
            yield from (p for p in module.parameters() if p.requires_grad)

    def start(self, student: Output, batch: Batch) -> None:
        """Let criteria make their modules, given what the student says of a batch.

        Parameters
        ----------
        student : Output
            Without gradient.
        batch : Batch
            The trials.
        """
        for criterion, teacher in self.terms:
            if isinstance(criterion, TrainedCriterion):
                answer = None if teacher is None else teacher(batch)
                criterion.start(student, answer, batch)
                criterion.to(student.logits.device)

    def train(self, training: bool = True) -> None:
        """Put the criteria into training mode, or into the one for validation.

        Parameters
        ----------
        training : bool, default=True
            Whether batches are trained on.
        """
        for module in self.modules:
            module.train(training)

    def tell(self, event: str, *arguments: Any) -> None:
        """Call a method of every part that has it.

        Parameters
        ----------
        event : {"start_pass", "after_update"}
            Name of the method.
        *arguments
            What it is given.
        """
        for part in self.parts:
            heard = getattr(part, event, None)
            if heard is not None:
                heard(*arguments)

    def calibrate(self, decoder: Decoder, batch: Batch, ratio: float) -> None:
        """Scale the terms so that their gradients are alike on one batch.

        The gradient of each weighted term after the first, with respect to the
        decoder's parameters, gets ``ratio`` times the norm of the first one's.

        Parameters
        ----------
        decoder : Decoder
            The student.
        batch : Batch
            The trials.
        ratio : float
            How strong each term is beside the first, > 0.
        """
        output = decoder(batch.seen_by(decoder.view))
        losses, weights = self._losses(output, batch, epoch=0, training=True)
        parameters = [p for p in decoder.parameters() if p.requires_grad]
        norms = []
        for term in (weights * losses).mean(dim=1):
            norm = torch.zeros((), device=term.device)
            if term.requires_grad:
                grads = torch.autograd.grad(
                    term, parameters, retain_graph=True, allow_unused=True
                )
                norm = torch.stack(
                    [grad.square().sum() for grad in grads if grad is not None]
                    or [norm]
                ).sum()
            norms.append(norm.sqrt())
        size = torch.stack(norms)
        scale = torch.where(size > 0, ratio * size[0] / size.clamp_min(1e-30), 1.0)
        scale[0] = 1.0
        self.scale = scale[:, None]

    def __call__(
        self, student: Output, batch: Batch, epoch: int = 0, training: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of a batch and the unweighted mean of each term.

        Parameters
        ----------
        student : Output
            The student's output for the batch.
        batch : Batch
            The trials.
        epoch : int, default=0
            Pass over the trials, for weightings that follow a schedule.
        training : bool, default=True
            False for validation trials: terms that are for training only count 0.

        Returns
        -------
        loss : Tensor, shape ()
            Batch mean of the weighted sum.
        means : Tensor, shape (n_terms,)
            Batch mean of each term, without gradient.
        """
        losses, weights = self._losses(student, batch, epoch, training)
        return (weights * losses).sum(dim=0).mean(), losses.detach().mean(dim=1)

    def _losses(
        self, student: Output, batch: Batch, epoch: int, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Return losses, shape (n_terms, n_batch), and weights that broadcast to it."""
        answers: dict[int, Output] = {}  # each teacher is asked once a batch
        teachers: list[Output | None] = []
        for _, teacher in self.terms:
            if teacher is not None and id(teacher) not in answers:
                answers[id(teacher)] = teacher(batch)
            teachers.append(None if teacher is None else answers[id(teacher)])
        losses = torch.stack(
            [
                criterion(student, answer, batch)
                if training or not getattr(criterion, "only_training", False)
                else student.logits.new_zeros(len(batch))
                for (criterion, _), answer in zip(self.terms, teachers, strict=True)
            ]
        )
        weights = self.weighting(
            Context(epoch, losses.detach(), student, batch, teachers, training)
        )
        return losses, weights * self.scale.to(losses)

    def __repr__(self) -> str:
        terms = ", ".join(repr(criterion) for criterion, _ in self.terms)
        return f"Objective([{terms}], {self.weighting!r})"


def _distinct(names: list[str]) -> list[str]:
    """Give the second and later terms of a name a number."""
    seen: dict[str, int] = {}
    numbered = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        numbered.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return numbered
