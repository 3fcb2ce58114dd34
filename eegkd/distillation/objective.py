"""`Objective`: the weighted sum of criteria that a learner minimizes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from eegkd.criteria.base import TrainedCriterion
from eegkd.decoders import Decoder, Output
from eegkd.samplers import Batch
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
        The criterion and the teacher that it compares the student with.
    weighting : Weighting, optional
        How the terms are mixed; by default each counts 1.

    Attributes
    ----------
    names : list of str
        Name of each term, as the history spells it.
    scale : Tensor, shape (n_terms, 1)
        Factor of each term beside its weight; 1 unless `calibrate` was called. Each
        training begins with 1.

    Raises
    ------
    ValueError
        If there is no term.

    Notes
    -----
    Criteria, teachers and weightings may define ``start_epoch(epoch)``, called before
    each epoch, and ``after_update()``, called after each step of the optimizer.
    Teachers may define ``read_features(wanted)``, called before a training with
    whether any criterion or weighting reads more than scores; those that do not say
    so with ``needs_features = False``.
    Teachers that ask others name them in ``parts``, so that they are told as well.

    Teachers are asked without gradient and are not trained, whatever they are made of.
    Criteria and weightings that are modules are trained with the student.
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
        """Criteria, teachers, the teachers inside these, and weighting, each once."""
        found: dict[int, Any] = {}
        for criterion, teacher in self.terms:
            found.setdefault(id(criterion), criterion)
            waiting = [] if teacher is None else [teacher]
            while waiting:
                part: Any = waiting.pop(0)
                if id(part) not in found:
                    found[id(part)] = part
                    waiting.extend(getattr(part, "parts", ()))
        found.setdefault(id(self.weighting), self.weighting)
        return list(found.values())

    @property
    def modules(self) -> list[nn.Module]:
        """Criteria and weighting that have parameters or state; teachers are not."""
        learning: list[Any] = [*(one for one, _ in self.terms), self.weighting]
        modules = [part for part in learning if isinstance(part, nn.Module)]
        return list({id(module): module for module in modules}.values())

    @property
    def needs_features(self) -> bool:
        """Whether more than scores is read, unless all parts say that they do not."""
        readers: list[Any] = [
            *(criterion for criterion, _ in self.terms),
            self.weighting,
        ]
        return any(getattr(reader, "needs_features", True) for reader in readers)

    def parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters that are trained with the student.

        Yields
        ------
        parameter : Parameter
            Of a criterion, or of a weighting that is a module.
        """
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
                with torch.no_grad():
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
        event : {"read_features", "start_epoch", "after_update"}
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

        Gradients are those of the weighted terms with respect to the decoder's
        parameters, in train mode as in the first step of a training: with dropout,
        drawn from torch's generator, and the statistics of the batch. Running averages
        of batch normalization stay as they are.

        The first term with a gradient is the measure and keeps its weight. The
        gradient of each further one gets ``ratio`` times its norm. Terms without a
        gradient, such as those of weight 0, stay as they are.

        Parameters
        ----------
        decoder : Decoder
            The student.
        batch : Batch
            The trials.
        ratio : float
            How strong each term is beside the first, > 0.

        Raises
        ------
        ValueError
            If the weighting is not `eegkd.weightings.Constant`: what is measured on
            one batch holds for weights that do not move.
        """
        if not isinstance(self.weighting, Constant):
            raise ValueError(
                "'calibrate' needs weights that do not move, those of Constant, got "
                f"{self.weighting!r}. Leave calibrate at None for this weighting or "
                "method."
            )
        self.scale = torch.ones(len(self.terms), 1)
        parameters = [p for p in decoder.parameters() if p.requires_grad]
        training = decoder.training
        with _keeping_statistics([decoder, *self.modules]):
            decoder.train()
            self.train()
            x = batch.seen_by(decoder.view)
            output = decoder(x, features=self.needs_features)
            losses, weights = self.weigh(output, batch)
            terms = (weights * losses).mean(dim=1)
            size = torch.stack([_gradient_norm(term, parameters) for term in terms])
        decoder.train(training)
        felt = size.nonzero().flatten()
        if len(felt):
            first = felt[0]
            scale = torch.where(size > 0, ratio * size[first] / size, 1.0)
            scale[first] = 1.0
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
            Epoch of training, from 0, for weightings that follow a schedule.
        training : bool, default=True
            False for validation trials: terms that are for training only count 0.

        Returns
        -------
        loss : Tensor, shape ()
            Batch mean of the weighted sum.
        means : Tensor, shape (n_terms,)
            Batch mean of each term, without gradient.
        """
        return summed(*self.weigh(student, batch, epoch, training))

    def weigh(
        self, student: Output, batch: Batch, epoch: int = 0, training: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Return the terms of each trial and how much they count.

        Parameters
        ----------
        student : Output
            The student's output for the batch.
        batch : Batch
            The trials.
        epoch : int, default=0
            Epoch of training, from 0.
        training : bool, default=True
            False for validation trials: terms that are for training only count 0.

        Returns
        -------
        losses : Tensor, shape (n_terms, n_batch)
            The terms.
        weights : Tensor, shape (n_terms, n_batch) or (n_terms, 1)
            Their weights, times ``scale``.

        Raises
        ------
        ValueError
            If the weighting does not return one row of weights for each term.
        """
        answers: dict[int, Output] = {}  # each teacher is asked once a batch
        teachers: list[Output | None] = []
        for _, teacher in self.terms:
            if teacher is not None and id(teacher) not in answers:
                with torch.no_grad():
                    answers[id(teacher)] = teacher(batch)
            teachers.append(None if teacher is None else answers[id(teacher)])
        used = [
            training or not getattr(criterion, "only_training", False)
            for criterion, _ in self.terms
        ]
        losses = torch.stack(
            [
                criterion(student, answer, batch)
                if counts
                else student.logits.new_zeros(len(batch))
                for (criterion, _), answer, counts in zip(
                    self.terms, teachers, used, strict=True
                )
            ]
        )
        weights = self.weighting(
            Context(epoch, losses.detach(), student, batch, teachers, training)
        )
        if weights.ndim != 2 or len(weights) != len(self.terms):
            raise ValueError(
                f"'weighting' must give one row of weights for each of the "
                f"{len(self.terms)} terms, shape ({len(self.terms)}, n_batch) or "
                f"({len(self.terms)}, 1), but {self.weighting!r} gave "
                f"{tuple(weights.shape)}. Pass one weight for each term."
            )
        weights = weights * self.scale.to(losses)
        if not all(used):
            weights = weights * losses.new_tensor(used)[:, None]
        return losses, weights

    def __repr__(self) -> str:
        terms = ", ".join(repr(criterion) for criterion, _ in self.terms)
        return f"Objective([{terms}], {self.weighting!r})"


def summed(losses: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of a batch and the unweighted mean of each term.

    Parameters
    ----------
    losses : Tensor, shape (n_terms, n_batch)
        The terms.
    weights : Tensor, shape (n_terms, n_batch) or (n_terms, 1)
        How much they count.

    Returns
    -------
    loss : Tensor, shape ()
        Batch mean of the weighted sum.
    means : Tensor, shape (n_terms,)
        Batch mean of each term, without gradient.
    """
    return (weights * losses).sum(dim=0).mean(), losses.detach().mean(dim=1)


def _gradient_norm(term: Tensor, parameters: list[nn.Parameter]) -> Tensor:
    """Return the length of the gradient of a term, 0 where it has none."""
    nothing = term.new_zeros(())
    if not term.requires_grad:
        return nothing
    grads = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
    squares = [grad.square().sum() for grad in grads if grad is not None]
    return torch.stack([*squares, nothing]).sum().sqrt()


@contextlib.contextmanager
def _keeping_statistics(roots: Sequence[nn.Module]) -> Iterator[None]:
    """Give the running statistics of batch normalization back after the block."""
    saved = [
        (buffer, buffer.clone())
        for root in roots
        for module in root.modules()
        if isinstance(module, nn.modules.batchnorm._NormBase)
        for buffer in module.buffers(recurse=False)
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in saved:
                buffer.copy_(value)


def _distinct(names: list[str]) -> list[str]:
    """Give the second and later terms of a name a number."""
    seen: dict[str, int] = {}
    numbered = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        numbered.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return numbered
