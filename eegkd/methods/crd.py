"""Contrastive representation distillation, CRD (Tian, Krishnan and Isola 2020)."""

from __future__ import annotations

from eegkd.criteria.contrastive import CRD
from eegkd.distillation import History, Training
from eegkd.methods._transfer import transfer
from eegkd.methods.card import Card


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
    reading="The negatives of a trial are all training trials of other "
    "classes, where the paper draws 16384 of them. The formula is the published one.",
)
def crd(
    training: Training,
    *,
    contrast_weight: float = 0.8,
    label_weight: float = 1.0,
    soft_weight: float = 0.0,
    temperature: float = 4.0,
    n_dims: int = 128,
    contrast_temperature: float = 0.07,
    momentum: float = 0.5,
) -> History:
    """Train the student to find its trials among the teacher's embeddings.

    Parameters
    ----------
    training : Training
        Student, teacher, trials and settings.
    contrast_weight, label_weight : float, default=0.8 and 1
        Weights of the contrast and of the cross-entropy, >= 0. The published values.
    soft_weight : float, default=0
        Weight of the softened classes, >= 0; the paper also reports 1.
    temperature : float, default=4.0
        Softness of the classes, > 0.
    n_dims, contrast_temperature, momentum : int, float, float
        See `eegkd.criteria.CRD`; by default 128, 0.07 and 0.5.

    Returns
    -------
    history : History
        What happened in each epoch.

    References
    ----------
    .. [1] Tian, Y., Krishnan, D., & Isola, P. (2020). Contrastive representation
       distillation. International Conference on Learning Representations.
       arXiv:1910.10699.
    """
    return transfer(
        training,
        [(contrast_weight, CRD(n_dims, contrast_temperature, momentum))],
        label_weight=label_weight,
        soft_weight=soft_weight,
        temperature=temperature,
    )
