"""Contrastive representation distillation, CRD (Tian, Krishnan and Isola 2020)."""

from __future__ import annotations

from typing import Any

from eegkd.criteria.contrastive import CRD
from eegkd.distillation import History, Training
from eegkd.methods._unmet import say_if_kept_before
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Contrastive representation distillation (CRD)",
    transfers="which embedding belongs to which trial",
    teacher="one",
    reference="Tian, Krishnan & Isola 2020",
    composition="labels + 0.8 CRD, optionally + softened classes",
    use="When teacher and student are different networks and the embedding says more "
    "than a few class scores do.",
    limits="It contrasts classes, so it needs labels. It remembers every training "
    "trial by its number, so it cannot be combined with augmented, mixed or generated "
    "trials. The loss is not computed on validation trials.",
    reading="The negatives of a trial are all training trials of other classes, where "
    "the paper draws 16384 of them. The formula is the published one.",
)
@options_of(transfer)
def crd(
    training: Training,
    *,
    contrast_weight: float = 0.8,
    n_dims: int = 128,
    contrast_temperature: float = 0.07,
    momentum: float = 0.5,
    **shared: Any,
) -> History:
    """Train the student to find its trials among the teacher's embeddings.

    Parameters
    ----------
    contrast_weight : float, default=0.8
        Weight of the contrast, >= 0. The published value; the paper also reports
        ``soft_weight=1``.
    n_dims, contrast_temperature, momentum : int, float, float
        See `eegkd.criteria.CRD`; by default 128, 0.07 and 0.5.

    References
    ----------
    .. [1] Tian, Y., Krishnan, D., & Isola, P. (2020). Contrastive representation
       distillation. International Conference on Learning Representations.
       arXiv:1910.10699.
    """
    criterion = CRD(n_dims, contrast_temperature, momentum)
    history = transfer(training, [(contrast_weight, criterion)], **shared)
    say_if_kept_before(
        history,
        1,
        "the memories of CRD hold embeddings",
        "What it was contrasted with is random. Train for more epochs",
    )
    return history
