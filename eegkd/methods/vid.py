"""Variational information distillation, VID (Ahn et al. 2019)."""

from __future__ import annotations

from typing import Any

from eegkd.criteria.features import VID
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Variational information distillation (VID)",
    transfers="values of several layers, with a learned uncertainty for each map",
    teacher="one",
    reference="Ahn et al. 2019",
    composition="1 label loss + 1 negative log likelihood of the features at up to 3 "
    "taps to a frozen teacher",
    use="Some of the teacher's maps can be seen from the student's electrodes and "
    "others cannot: those are given little weight.",
    limits="The loss may be negative and goes on falling as uncertainty is learned, "
    "which the choice of the best epoch sees. It hardly moves the student before the "
    "predictors have learned something. A layer without a time axis has no matching "
    "order in the two networks; choose other taps then.",
    regression=True,
)
@options_of(transfer)
def vid(
    training: Training,
    *,
    vid_weight: float = 1.0,
    n_taps: int = 3,
    initial_variance: float = 5.0,
    **shared: Any,
) -> History:
    """Train the student on labels and on what it can tell of the teacher's layers.

    Parameters
    ----------
    vid_weight : float, default=1.0
        Weight of the negative log likelihood, >= 0.
    initial_variance : float, default=5.0
        Variance of each of the teacher's maps to begin with, > 1e-5.

    Notes
    -----
    Weight and variance are those of common code [2]_, for a mean over maps and steps.

    References
    ----------
    .. [1] Ahn, S., Hu, S. X., Damianou, A., Lawrence, N. D., & Dai, Z. (2019).
       Variational information distillation for knowledge transfer. CVPR, 9163-9171.
    .. [2] Tian, Y., Krishnan, D., & Isola, P. (2020). Contrastive representation
       distillation. ICLR.
    """
    return transfer(training, [(vid_weight, VID(n_taps, initial_variance))], **shared)
