"""Relational knowledge distillation, RKD (Park et al. 2019)."""

from __future__ import annotations

from typing import Any

from eegkd.criteria.relations import RKDAngle, RKDDistance
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Relational knowledge distillation (RKD)",
    transfers="distances and angles between the embeddings of trials",
    teacher="one",
    reference="Park et al. 2019",
    composition="label loss + 25 distances + 50 angles between embeddings",
    use="Networks of any widths whose embeddings have another scale.",
    limits="It needs batches of several trials. Angles take memory with the cube of "
    "the batch. All trials weigh alike, those with artifacts too.",
    regression=True,
)
@options_of(transfer)
def rkd(
    training: Training,
    *,
    distance_weight: float = 25.0,
    angle_weight: float = 50.0,
    **shared: Any,
) -> History:
    """Train the student to keep the distances and angles that the teacher sees.

    Parameters
    ----------
    distance_weight, angle_weight : float, default=25 and 50
        Weights of the two relations, >= 0. The published values.

    Notes
    -----
    Both losses are means over all pairs and triples of the batch [1]_, so their
    weights mean the same for any batch. Of n trials, n pairs and nearly 3 n squared
    triples are of a trial with itself and add 0: in a batch of 128 less than 3 percent.

    References
    ----------
    .. [1] Park, W., Kim, D., Lu, Y., & Cho, M. (2019). Relational knowledge
       distillation. Proceedings of the IEEE/CVF Conference on Computer Vision and
       Pattern Recognition, 3967-3976.
    """
    terms: list[tuple[float, Any]] = [
        (distance_weight, RKDDistance()),
        (angle_weight, RKDAngle()),
    ]
    return transfer(training, terms, **shared)
