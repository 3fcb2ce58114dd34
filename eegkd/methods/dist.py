"""Distillation from a stronger teacher, DIST (Huang et al. 2022)."""

from __future__ import annotations

from typing import Any

from eegkd.criteria.logits import DIST
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Distillation from a stronger teacher (DIST)",
    transfers="correlation of the soft classes, over classes and over trials",
    teacher="one",
    reference="Huang et al. 2022",
    composition="1 cross-entropy + 2 inter-class + 2 intra-class correlation (T=4) to "
    "a frozen teacher",
    use="The teacher is much stronger than the student can become; two classes.",
    limits="The part over trials depends on the batch: it needs many trials in one, "
    "and is 0 for a single one. With two classes it is the only part with a gradient.",
)
@options_of(transfer)
def dist(
    training: Training,
    *,
    inter_weight: float = 2.0,
    intra_weight: float = 2.0,
    temperature: float = 4.0,
    **shared: Any,
) -> History:
    """Train the student on labels and on the correlations of the soft classes.

    Parameters
    ----------
    inter_weight, intra_weight : float, default=2.0
        Weights of the correlation over classes and over trials, >= 0.
    temperature : float, default=4.0
        Softness of both sets of scores, > 0. The value for small images; 1 was used
        for large ones.

    References
    ----------
    .. [1] Huang, T., You, S., Wang, F., Qian, C., & Xu, C. (2022). Knowledge
       distillation from a stronger teacher. NeurIPS, 33716-33727.
    """
    criterion = DIST(inter_weight, intra_weight, temperature)
    return transfer(training, [(1.0, criterion)], temperature=temperature, **shared)
