"""Contrast inside the batch: InfoNCE between the embeddings of student and teacher."""

from __future__ import annotations

from typing import Any

from eegkd.criteria.contrastive import InfoNCE
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Contrast inside the batch (InfoNCE)",
    transfers="which embedding belongs to which trial",
    teacher="one",
    reference="van den Oord, Li & Vinyals 2018",
    composition="labels + InfoNCE, optionally + softened classes",
    use="Instead of CRD where trials change in each epoch or labels are few: it needs "
    "no memory and no labels.",
    limits="Trials of the same class in the batch are negatives too. Small batches "
    "make an easy task that teaches little.",
    reading="The paper does not distill. Weights and the two linear maps are chosen as "
    "in CRD.",
)
@options_of(transfer)
def info_nce(
    training: Training,
    *,
    contrast_weight: float = 0.8,
    n_dims: int = 128,
    contrast_temperature: float = 0.07,
    **shared: Any,
) -> History:
    """Train the student to find its trials among the teacher's embeddings of a batch.

    Parameters
    ----------
    contrast_weight : float, default=0.8
        Weight of the contrast, >= 0.
    n_dims, contrast_temperature : int and float, default=128 and 0.07
        See `eegkd.criteria.InfoNCE`.

    References
    ----------
    .. [1] van den Oord, A., Li, Y., & Vinyals, O. (2018). Representation learning with
       contrastive predictive coding. arXiv:1807.03748.
    """
    criterion = InfoNCE(n_dims, contrast_temperature)
    return transfer(training, [(contrast_weight, criterion)], **shared)
