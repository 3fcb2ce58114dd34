"""No distillation: the student learns from the labels alone."""

from __future__ import annotations

from eegkd.distillation import History, Training, train_decoder
from eegkd.methods.card import Card


@Card(
    title="No distillation",
    transfers="nothing",
    teacher="none",
    reference="the usual training on labels",
    composition="cross-entropy",
    use="Always, as the comparison: a method helps only if it beats this one.",
    limits="It has no teacher.",
    regression=True,
)
def none(training: Training) -> History:
    """Train the student without a teacher; what every method is compared with."""
    return train_decoder(training)
