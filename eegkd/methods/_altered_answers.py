"""Teachers of the controls: smoothed labels, and permuted wrong classes."""

from __future__ import annotations

import torch
from torch import Tensor

from eegkd.decoders import Output
from eegkd.samplers import Batch
from eegkd.teachers import Teacher, Virtual

SMALLEST, LARGEST = 1e-6, 1 - 1e-6  # smoothing: classes keep some share, labels win


def matching_smoothing(proba: Tensor) -> float:
    """Return the smoothing of labels with the mean entropy of some answers."""
    target = float(torch.special.entr(proba.double()).sum(dim=1).mean())
    label = torch.eye(proba.shape[1], dtype=torch.float64)[0]
    low, high = SMALLEST, LARGEST
    for _ in range(60):
        middle = (low + high) / 2
        spread = label * (1 - middle) + middle / len(label)
        entropy = float(torch.special.entr(spread).sum())
        low, high = (middle, high) if entropy < target else (low, middle)
    return (low + high) / 2


class Softened:
    """Smoothed labels as answers that are softened already."""

    def __init__(self, labels: Virtual, temperature: float) -> None:
        self.labels, self.temperature = labels, temperature

    @property
    def parts(self) -> list[Teacher]:
        """The smoothed labels."""
        return [self.labels]

    def __call__(self, batch: Batch) -> Output:
        """Return scores whose softmax at the temperature is the smoothed label."""
        return Output(self.temperature * self.labels(batch).logits, {}, None)


class PermutedTeacher:
    """A teacher whose scores of the wrong classes are permuted in each trial."""

    def __init__(self, teacher: Teacher, seed: int = 0) -> None:
        self.teacher, self.seed = teacher, seed

    @property
    def parts(self) -> list[Teacher]:
        """The teacher whose scores are permuted."""
        return [self.teacher]

    def __call__(self, batch: Batch) -> Output:
        """Return the permuted scores; features are the teacher's own."""
        output = self.teacher(batch)
        logits = permute_others(output.logits, batch.y, batch.index, self.seed)
        return Output(logits, output.features, output.embedding)


def permute_others(logits: Tensor, y: Tensor, index: Tensor, seed: int = 0) -> Tensor:
    """Permute the scores of the classes that a trial does not belong to."""
    n_classes = logits.shape[1]
    classes = torch.arange(n_classes, device=logits.device)
    keys = _scatter(index[:, None] * n_classes + classes + (seed << 40))
    own = classes == y[:, None]
    # Sorting by key puts the other classes in a random order, the own class last.
    last = torch.iinfo(keys.dtype).max
    order = keys.masked_fill(own, last).argsort(dim=1)
    places = classes.expand_as(keys).masked_fill(own, n_classes).sort(dim=1).values
    places = torch.where(places == n_classes, y[:, None], places)
    return torch.empty_like(logits).scatter(1, places, logits.gather(1, order))


def _scatter(number: Tensor) -> Tensor:
    """Map integers to integers that look random, each on its own (splitmix64)."""
    number = number * -7046029254386353131
    for shift, factor in ((30, -4658895280553007687), (27, -7723592293110705685)):
        number = (number ^ ((number >> shift) & (2 ** (64 - shift) - 1))) * factor
    return (number ^ ((number >> 31) & (2**33 - 1))) >> 1
