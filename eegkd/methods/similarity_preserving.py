"""Similarity-preserving distillation, SP (Tung and Mori 2019)."""

from __future__ import annotations

from typing import Any

from eegkd._checks import check_choice
from eegkd.criteria.relations import (
    CenteredSimilarityPreserving,
    SimilarityPreserving,
)
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Similarity-preserving distillation (SP)",
    transfers="inner products between trials",
    teacher="one",
    reference="Tung & Mori 2019",
    composition="label loss + 3000 similarity preserving (last tap)",
    use="Networks of any widths and lengths, as only trials are compared with trials. "
    "With centered=True a fair comparison with similarity keeping.",
    limits="It needs batches of many trials. It follows amplitude more than rhythm: a "
    "trial with strong activity is similar to all others.",
    reading="The option centered=True is a step of our own between this and similarity "
    "keeping.",
    regression=True,
)
@options_of(transfer)
def similarity_preserving(
    training: Training,
    *,
    similarity_weight: float = 3000.0,
    n_taps: int = 1,
    centered: bool = False,
    **shared: Any,
) -> History:
    """Train the student to keep the teacher's inner products between trials.

    Parameters
    ----------
    similarity_weight : float, default=3000
        Weight of the similarity preserving, >= 0. The published value.
    centered : bool, default=False
        Whether each map of each trial loses its mean over time first.

    Notes
    -----
    The loss of B trials is 1 / B times the mean squared distance of rows of unit
    length. The published 3000 at 128 trials [1]_, the batch of this library too, is
    thus a weight of 23 on a value between 0 and 4; in batches of 32 trials the same
    3000 is a weight of 94. On simulated EEG its gradient was 4 times (SCCNet) to 200
    times (EEGNet) that of the label loss; ``calibrate`` brings the two together.

    References
    ----------
    .. [1] Tung, F., & Mori, G. (2019). Similarity-preserving knowledge distillation.
       Proceedings of the IEEE/CVF International Conference on Computer Vision,
       1365-1374.
    """
    check_choice(centered, "centered", (False, True))
    criterion = CenteredSimilarityPreserving if centered else SimilarityPreserving
    terms = [(similarity_weight, criterion(n_taps))]
    return transfer(training, terms, **shared)
