"""Trials that a training does not learn from: they choose, or find weights."""

from __future__ import annotations

import torch

from eegkd.distillation import Training
from eegkd.samplers import Batch, TrialSampler


def validation_batch(training: Training) -> Batch:
    """Return all validation trials, or without any all training trials."""
    sampler = training.sampler if training.valid is None else training.valid
    return sampler.batch(torch.arange(len(sampler), device=sampler.X.device))


def hold_out(sampler: TrialSampler, part: float) -> tuple[TrialSampler, TrialSampler]:
    """Hold out evenly spaced trials of each class, the last of each among them."""
    chosen = torch.zeros(len(sampler), dtype=torch.bool, device=sampler.y.device)
    for label in sampler.y.unique():
        rows = torch.nonzero(sampler.y == label).flatten()
        if len(rows) > 1:
            chosen[rows.flip(0)[:: max(2, round(1 / part))]] = True
    if not chosen.any():
        raise ValueError(
            "'training' must hold two trials of a class, or validation trials, to "
            "learn weights from; got one of each class. Record more trials."
        )
    return sampler.subset(~chosen), sampler.subset(chosen)
