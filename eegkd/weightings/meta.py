"""`MetaLearned`: a weight for each trial and term, learned on held-out labels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from eegkd._checks import check_int, check_number
from eegkd.criteria.base import embedding_of
from eegkd.decoders import Decoder, Output
from eegkd.weightings.base import Context

if TYPE_CHECKING:
    from eegkd.samplers import Batch, TrialSampler

MARGIN = 1e-7  # weights stay inside (0, 2) by this much
Term = tuple[Callable[[Output, Any, "Batch"], Tensor], Any]


def head_meta_gradient(
    weights: Tensor,
    gradients: Tensor,
    embedding: Tensor,
    logits_valid: Tensor,
    embedding_valid: Tensor,
    y_valid: Tensor,
    lr: float,
) -> Tensor:
    """Return how a held-out loss reacts to the weight of each trial and term.

    The last layer takes one virtual step of gradient descent on the weighted sum of
    the terms; the held-out cross-entropy after that step is differentiated with
    respect to the weights.

    Parameters
    ----------
    weights : Tensor, shape (n_terms, n_trials)
        Weight of each term for each trial.
    gradients : Tensor, shape (n_terms, n_trials, n_outputs)
        Gradient of each term's loss of a trial with respect to its scores.
    embedding : Tensor, shape (n_trials, n_dims)
        Input of the last layer for these trials.
    logits_valid : Tensor, shape (n_valid, n_outputs)
        Scores of held-out trials before the step.
    embedding_valid : Tensor, shape (n_valid, n_dims)
        Input of the last layer for the held-out trials.
    y_valid : Tensor of int64, shape (n_valid,)
        Their classes.
    lr : float
        Size of the virtual step, > 0.

    Returns
    -------
    gradient : Tensor, shape (n_terms, n_trials)
        Derivative of the mean held-out cross-entropy.

    Notes
    -----
    With scores ``z = W e + b`` the step changes the held-out scores to
    ``z - lr * (E @ G.T + g_b)``, where ``G`` sums ``w_ki * outer(g_ki, e_i)`` and
    ``g_b`` sums ``w_ki * g_ki`` over terms k and trials i. The layer itself is not
    needed. This is exact for a linear last layer with a bias.
    """
    weighted = torch.einsum("kn,knc->nc", weights, gradients)
    moved = logits_valid - lr * (
        embedding_valid @ (weighted.T @ embedding).T + weighted.sum(dim=0)
    )
    target = F.one_hot(y_valid, moved.shape[1]).to(moved.dtype)
    residual = (moved.softmax(dim=1) - target) / len(y_valid)
    pull = embedding @ (residual.T @ embedding_valid).T + residual.sum(dim=0)
    return -lr * torch.einsum("knc,nc->kn", gradients, pull)


class MetaLearned:
    """Weights of each trial, learned so that held-out labels are predicted better.

    Parameters
    ----------
    decoder : Decoder
        The student in training. Its embedding and scores are read.
    terms : sequence of (criterion, teacher or None)
        The terms of the objective, in order. Criteria must depend on the scores.
    sampler : TrialSampler
        Training trials of the objective; weights are kept by their index.
    held_out : TrialSampler
        Trials whose labels judge the weights. None of them should be among the
        training trials.
    initial : sequence of float, default=(0.1, 0.9)
        Weight of each term at first, and always on validation trials; in (0, 2).
    lr : float, default=5e-4
        Size of the virtual step of the last layer, > 0.
    every : int, default=10
        Epochs between two updates of the weights; the first comes after so many.
    normalized : bool, default=True
        Whether weights move at the same pace on data of any size: the derivatives of
        a term are divided by their root mean square over the trials of a group, and
        the virtual step is no longer than one that is sure to lower the loss. False
        takes both as they are, as published.
    step : float, optional
        How far the weights move against the derivative, > 0. By default 0.02 when
        normalized, otherwise the published 1500.
    repeats : int, default=5
        Steps for each group of batches.
    n_batches : int, default=3
        Batches that share a virtual step.

    Attributes
    ----------
    weights_ : Tensor, shape (n_terms, n_trials)
        The weights by index of the trial.
    n_updates_ : int
        How often they were updated since the training began.

    Raises
    ------
    ValueError
        If a number is out of bounds or ``initial`` does not fit ``terms``.

    Notes
    -----
    The derivatives grow with the number of trials, the size of the embedding and the
    virtual step, so that one published step of 1500 leaves the weights where they are
    on one set and throws them to their bounds on another. Normalizing is our
    departure; ``normalized=False`` undoes it. A virtual step lowers the weighted sum
    if it is below ``1 / (n_terms * s ** 2)``, where ``s`` is the largest singular value
    of the embeddings with a column of ones: a term's second derivative by the scores
    is at most 1 / 2 and a weight at most 2.

    The step assumes terms whose gradient by the scores is that of a cross-entropy or
    of `eegkd.criteria.KL`, and a linear last layer.

    References
    ----------
    .. [1] Sivasubramanian, D., Maheshwari, A., Prathosh, A. P., Shenoy, P., &
       Ramakrishnan, G. (2023). Adaptive mixing of auxiliary losses in supervised
       learning. AAAI Conference on Artificial Intelligence. arXiv:2202.03250.
    """

    def __init__(
        self,
        decoder: Decoder,
        terms: Sequence[Term],
        sampler: TrialSampler,
        held_out: TrialSampler,
        *,
        initial: Sequence[float] = (0.1, 0.9),
        lr: float = 5e-4,
        every: int = 10,
        normalized: bool = True,
        step: float | None = None,
        repeats: int = 5,
        n_batches: int = 3,
    ) -> None:
        if len(initial) != len(terms):
            raise ValueError(
                f"'initial' must hold one weight for each of the {len(terms)} terms, "
                f"got {len(initial)}."
            )
        self.initial = [
            check_number(weight, "initial", above=0, at_most=2 - MARGIN)
            for weight in initial
        ]
        self.lr = check_number(lr, "lr", above=0)
        self.every = check_int(every, "every", at_least=1)
        self.normalized = bool(normalized)
        default = 0.02 if normalized else 1500.0
        self.step = check_number(default if step is None else step, "step", above=0)
        self.repeats = check_int(repeats, "repeats", at_least=1)
        self.n_batches = check_int(n_batches, "n_batches", at_least=1)
        self.decoder, self.terms = decoder, list(terms)
        self.sampler, self.held_out = sampler, held_out
        self._begin()

    def __call__(self, context: Context) -> Tensor:
        """Return the weights, shape (n_terms, n_batch); (n_terms, 1) in validation."""
        if context.training:
            return self.weights_[:, context.batch.index].to(context.losses)
        return torch.tensor(self.initial).to(context.losses)[:, None]

    def start_epoch(self, epoch: int) -> None:
        """Update the weights where it is time, with the student in eval mode.

        Updates go on through the held-out trials where the last one ended.

        Parameters
        ----------
        epoch : int
            The epoch that begins, from 0. Before the first one the weights are set
            back to ``initial``.
        """
        if epoch == 0:
            self._begin()
        if epoch == 0 or epoch % self.every:
            return
        training = self.decoder.training
        self.decoder.eval()
        try:
            for group in _groups(self.sampler(epoch), self.n_batches):
                self._update(group, self._next_held_out())
        finally:
            self.decoder.train(training)
        self.n_updates_ += 1

    def _begin(self) -> None:
        """Set the weights, and the place among the held-out trials, to the start."""
        weights = torch.tensor(self.initial)[:, None].repeat(1, len(self.sampler))
        self.weights_ = weights.to(self.sampler.X.device)
        self.n_updates_ = 0
        self._round = 0
        self._waiting: list[Batch] = []

    def _next_held_out(self) -> Batch:
        """Return the next held-out batch, from the first again behind the last."""
        if not self._waiting:
            self._waiting = list(self.held_out(self._round))
            self._round += 1
        return self._waiting.pop(0)

    def _update(self, group: Sequence[Batch], held_out: Batch) -> None:
        """Move the weights of some batches by a few steps."""
        read = [self._read(batch) for batch in group]
        gradients = torch.cat([gradient for gradient, _ in read], dim=1)
        embedding = torch.cat([vectors for _, vectors in read])
        index = torch.cat([batch.index for batch in group])
        other = self._output(held_out)
        weights = self.weights_[:, index].to(gradients)
        lr = min(self.lr, self._safe(embedding)) if self.normalized else self.lr
        for _ in range(self.repeats):
            slope = head_meta_gradient(
                weights,
                gradients,
                embedding,
                other.logits,
                embedding_of(other, "decoder"),
                held_out.y,
                lr,
            )
            if self.normalized:
                size = slope.square().mean(dim=1, keepdim=True).sqrt()
                slope = slope / size.clamp(min=torch.finfo(size.dtype).tiny)
            weights = (weights - self.step * slope).clamp(MARGIN, 2 - MARGIN)
        self.weights_[:, index] = weights.to(self.weights_)

    def _safe(self, embedding: Tensor) -> float:
        """Return a virtual step that is short enough to lower the weighted sum."""
        ones = torch.ones_like(embedding[:, :1])
        longest = torch.linalg.matrix_norm(torch.cat([embedding, ones], dim=1), ord=2)
        return 1 / (len(self.terms) * float(longest) ** 2)

    def _output(self, batch: Batch) -> Output:
        """Return what the student says of a batch, without gradient."""
        with torch.no_grad():
            return self.decoder(batch.seen_by(self.decoder.view)).detach()

    def _read(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return each term's gradient by the scores, and the embedding."""
        output = self._output(batch)
        logits = output.logits.requires_grad_()
        gradients = []
        for criterion, teacher in self.terms:
            answer = None if teacher is None else teacher(batch)
            with torch.enable_grad():
                loss = criterion(output, answer, batch).sum()
            gradients.append(torch.autograd.grad(loss, logits)[0])
        return torch.stack(gradients), embedding_of(output, "decoder")

    def __repr__(self) -> str:
        return (
            f"MetaLearned(initial={self.initial}, lr={self.lr:g}, every={self.every}, "
            f"normalized={self.normalized}, step={self.step:g}, "
            f"repeats={self.repeats}, n_batches={self.n_batches})"
        )


def _groups(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Yield batches in groups; the last may be smaller."""
    iterator = iter(batches)
    while group := list(itertools.islice(iterator, size)):
        yield group
