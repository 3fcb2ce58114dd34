"""Samplers: which trials are seen, batch by batch. Every trial carries its index.

`TrialSampler` shows real trials unchanged. The other samplers change what is seen
before any view is applied, so that teacher and student see the same: `Augmented`
changes trials, `Mixup` mixes them, `Recording` cuts windows out of one recording,
`Inversion` makes trials up. ``synthetic`` makes further trials of real ones, once,
before training.
"""

from eegkd.samplers.augmented import AUGMENTATIONS, Augmentation, Augmented
from eegkd.samplers.inversion import Inversion, InversionWeights, SignalGenerator
from eegkd.samplers.mixup import Mixup
from eegkd.samplers.recording import Recording
from eegkd.samplers.trials import Batch, Sampler, TrialSampler

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "Augmented",
    "Batch",
    "Inversion",
    "InversionWeights",
    "Mixup",
    "Recording",
    "SignalGenerator",
    "Sampler",
    "TrialSampler",
]
