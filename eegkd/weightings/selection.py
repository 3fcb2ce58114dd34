"""Weightings that choose, for each trial, one teacher or the label."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from eegkd._checks import check_choice, check_int, check_number
from eegkd.decoders import Output
from eegkd.weightings.base import Context
from eegkd.weightings.confidence import Shared, taught

if TYPE_CHECKING:
    from eegkd.samplers import Sampler

JUDGES = ("student", "experts")


class _Opening(Shared):
    """Shares among teachers of which more and more are open as training goes on."""

    def __init__(self, *weights: float, n_epochs: int, all_from: float = 0.7) -> None:
        super().__init__(*weights)
        self.n_epochs = check_int(n_epochs, "n_epochs", at_least=1)
        self.all_from = check_number(all_from, "all_from", at_least=0, at_most=1)

    def n_open(self, epoch: int, n_teachers: int) -> int:
        """Return how many teachers are open; in the last epoch all are."""
        start = self.all_from * (self.n_epochs - 1)
        if epoch >= start:
            return n_teachers
        return 1 + int((n_teachers - 1) * epoch / start + 1e-9)


class Select(_Opening):
    r"""Follow, for each trial, the most confident right teacher or else the label.

    The first term must be the label loss. It counts for a trial if no open teacher is
    right with more confidence in the label than the student has; otherwise the
    term of the most confident such teacher counts, and no other teacher's.

    Parameters
    ----------
    *weights : float
        Weight of each term, >= 0, in the order of the terms, multiplied by the choice,
        0 or 1. Further terms without a teacher keep theirs. None given: all 1.
    n_epochs : int
        Epochs of the whole training, >= 1.
    all_from : float, default=0.7
        Part of the training after which all teachers are open, from 0 to 1, where 1 is
        the last epoch. In the first epoch only the first is, and the number grows
        linearly between.

    Raises
    ------
    ValueError
        If a weight or a number is out of bounds.

    Notes
    -----
    Our reading of the adaptive-confidence semantic loss of [1]_: the confidence of
    teacher k is :math:`p_k[y]` where it is right and 0 where it is wrong; the largest
    is compared with the student's :math:`p_s[y]`. On validation trials the label alone
    counts: the choice jumps when the student overtakes a teacher, and epochs could not
    be compared.

    References
    ----------
    .. [1] Ni, J., Ngu, A. H. H., & Yan, Y. (2022). Progressive cross-modal knowledge
       distillation for human action recognition. ACM Multimedia 2022, 5903-5912.
       arXiv:2208.08090.
    """

    def __call__(self, context: Context) -> Tensor:
        """Return the weights, shape (n_terms, n_batch), without gradient."""
        weights = super().__call__(context)
        rows = taught(context)
        if rows:
            with torch.no_grad():
                chosen = self.shares(context, [context.teachers[r] for r in rows])  # type: ignore[misc]
            weights[0] *= 1 - chosen.sum(dim=0)
        return weights

    def shares(self, context: Context, teachers: Sequence[Output]) -> Tensor:
        """Return the choice, shape (n_teachers, n_batch); all 0 for the label."""
        if not context.training:
            return torch.zeros_like(context.losses[: len(teachers)])
        y = context.batch.y
        confidences = torch.stack([_confidence(who.logits, y) for who in teachers])
        confidences[self.n_open(context.epoch, len(teachers)) :] = 0
        largest, which = confidences.max(dim=0)
        student = F.softmax(context.student.logits, dim=1)
        own = student.gather(1, y[:, None])[:, 0]
        return _one_hot(which, len(teachers), context.losses) * (largest > own)


class Curriculum(_Opening):
    r"""Let one expert teach each trial: small ones the easy, large ones the hard.

    Parameters
    ----------
    *weights : float
        Weight of each term, >= 0, in the order of the terms; those of terms with a
        teacher are multiplied by the choice, 0 or 1. The teachers must be in order
        from the smallest to the largest. None given: all 1.
    n_epochs : int
        Epochs of the whole training, >= 1.
    all_from : float, default=0.7
        Part of the training after which all experts are open, from 0 to 1, where 1 is
        the last epoch. In the first epoch only the first is, and the number grows
        linearly between.
    judge : {"student", "experts"}, default="student"
        Whose cross-entropy on the label makes a trial difficult: the student's, or
        the mean of all experts', which does not move while the student learns.

    Raises
    ------
    ValueError
        If a weight or a number is out of bounds.

    Notes
    -----
    Our reading of [1]_, which leaves score and pace open. The difficulty d of a
    trial is its rank among all training trials in the last epoch, from 0 to below 1;
    of the experts that are open, number ``floor(d * n_open)`` is chosen. In the first
    epoch trials are ranked within their batch. On validation trials all experts count
    alike, so that epochs can be compared.

    References
    ----------
    .. [1] Amara, I., Ziaeefard, M., Meyer, B. H., Gross, W., & Clark, J. J. (2022).
       CES-KD: Curriculum-based expert selection for guided knowledge distillation.
       ICPR 2022. arXiv:2209.07606.
    """

    def __init__(
        self,
        *weights: float,
        n_epochs: int,
        all_from: float = 0.7,
        judge: str = "student",
    ) -> None:
        super().__init__(*weights, n_epochs=n_epochs, all_from=all_from)
        self.judge = check_choice(judge, "judge", JUDGES)
        self._ranks = _Ranks()

    def start_epoch(self, epoch: int) -> None:
        """Rank the trials by what was noted in the last epoch.

        Parameters
        ----------
        epoch : int
            The epoch that begins; before the first everything is forgotten.
        """
        self._ranks.turn(forget=epoch == 0)

    def shares(self, context: Context, teachers: Sequence[Output]) -> Tensor:
        """Return the choice, shape (n_teachers, n_batch)."""
        if not context.training:
            return torch.full_like(context.losses[: len(teachers)], 1 / len(teachers))
        judges = [context.student] if self.judge == "student" else teachers
        batch = context.batch
        losses = torch.stack(
            [F.cross_entropy(j.logits, batch.y, reduction="none") for j in judges]
        ).mean(dim=0)
        self._ranks.note(batch.sampler, batch.index, losses)
        difficulty = self._ranks.look_up(batch.sampler, batch.index, losses)
        n_open = self.n_open(context.epoch, len(teachers))
        which = (difficulty * n_open).long().clamp_max(n_open - 1)
        return _one_hot(which, len(teachers), context.losses)


class _Ranks:
    """The rank of each trial of a sampler in the last epoch, by index."""

    def __init__(self) -> None:
        self._noted: weakref.WeakKeyDictionary[Sampler, list[tuple[Tensor, Tensor]]] = (
            weakref.WeakKeyDictionary()
        )
        self._tables: weakref.WeakKeyDictionary[Sampler, Tensor] = (
            weakref.WeakKeyDictionary()
        )

    def note(self, sampler: Sampler, index: Tensor, values: Tensor) -> None:
        """Remember the values of some trials in this epoch."""
        self._noted.setdefault(sampler, []).append((index, values))

    def turn(self, forget: bool = False) -> None:
        """Rank what was noted, and begin anew."""
        self._tables.clear()
        for sampler, parts in self._noted.items():
            index = torch.cat([part for part, _ in parts])
            values = torch.cat([part for _, part in parts])
            table = values.new_full((int(index.max()) + 1,), torch.nan)
            table[index] = _rank(values)
            if not forget:
                self._tables[sampler] = table
        self._noted.clear()

    def look_up(self, sampler: Sampler, index: Tensor, values: Tensor) -> Tensor:
        """Return the ranks, from 0 to below 1; within the batch for unknown trials."""
        ranks = _rank(values)
        table = self._tables.get(sampler)
        if table is None:
            return ranks
        found = table[index.clamp_max(len(table) - 1)]
        return torch.where((index < len(table)) & ~found.isnan(), found, ranks)


def _rank(values: Tensor) -> Tensor:
    """Return the rank of each value, from 0 to below 1; ties in the given order."""
    order = values.argsort(stable=True)
    ranks = torch.empty_like(values)
    ranks[order] = torch.arange(
        len(values), dtype=values.dtype, device=values.device
    ).div(len(values))
    return ranks


def _confidence(logits: Tensor, y: Tensor) -> Tensor:
    """Return the probability of the label where a teacher is right, 0 elsewhere."""
    label = F.softmax(logits, dim=1).gather(1, y[:, None])[:, 0]
    return label * (logits.argmax(dim=1) == y)


def _one_hot(which: Tensor, n_teachers: int, like: Tensor) -> Tensor:
    """Return a 1 for the teacher of each trial, shape (n_teachers, n_batch)."""
    return F.one_hot(which, n_teachers).T.to(like.dtype)
