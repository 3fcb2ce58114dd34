"""Similarity-keeping knowledge distillation, SK-KD (Huang, Chen and Wei 2024)."""

from __future__ import annotations

from typing import Any

from eegkd.criteria import SimilarityKeeping
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Similarity-keeping distillation (SK-KD)",
    transfers="softened classes, similarities between trials",
    teacher="one",
    reference="Huang, Chen & Wei 2024",
    composition="0.1 cross-entropy + 0.9 KL(T=4) + 450 similarity keeping (2 taps)",
    use="Motor imagery with few electrodes, the case that it was made for; any pair of "
    "networks with taps behind the spatial filter.",
    limits="The similarity needs batches of several trials. The weight of 450 belongs "
    "to SCCNet and motor imagery; for EEGNet and for evoked responses it outweighs the "
    "labels a hundred to a thousand times, see ``calibrate``.",
)
@options_of(transfer, label_weight=0.1, soft_weight=0.9)
def sk_kd(
    training: Training,
    *,
    similarity_weight: float = 450.0,
    n_taps: int = 2,
    **shared: Any,
) -> History:
    """Train the student to keep the similarities between trials that the teacher sees.

    Parameters
    ----------
    similarity_weight : float, default=450
        Weight of the similarity keeping, >= 0. All weights are the published ones.

    Notes
    -----
    Between unrelated trials correlations are not 0 but spread around it, the wider the
    fewer independent samples a trial has at a tap: little in the four seconds and wide
    bands of motor imagery, widely in one second of low-passed evoked responses. The
    loss and its gradient grow with the square of that spread. ``calibrate=0.3`` of
    the estimators brings the gradients together.

    References
    ----------
    .. [1] Huang, X.-Y., Chen, S.-Y., & Wei, C.-S. (2024). Enhancing low-density
       EEG-based brain-computer interfacing with similarity-keeping knowledge
       distillation. IEEE Transactions on Emerging Topics in Computational
       Intelligence, 8(2), 1156-1166.
    """
    terms = [(similarity_weight, SimilarityKeeping(n_taps))]
    return transfer(training, terms, **shared)
