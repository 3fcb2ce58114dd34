"""Distillation by singular value decomposition, KDSVD (Lee et al. 2018)."""

from __future__ import annotations

from typing import Any

from eegkd.criteria.maps import KDSVD
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Distillation by singular value decomposition (KDSVD)",
    transfers="change of the leading singular vectors of maps from layer to layer",
    teacher="one",
    reference="Lee, Kim & Song 2018",
    composition="label loss + KDSVD (last 3 taps, 1 vector)",
    use="As FSP, when only a layer's strongest pattern over maps should count.",
    limits="It needs two taps or more in each network, and decomposes each trial of "
    "both in each batch: slow where a layer has hundreds of maps.",
    reading="Signs of the teacher's vectors are fixed, other numbers of maps are "
    "brought to the teacher's by a learned mixture, gradients of nearly equal vectors "
    "are damped, and labels are learned at the same time with weight 1.",
    regression=True,
)
@options_of(transfer)
def kdsvd(
    training: Training,
    *,
    vector_weight: float = 1.0,
    n_taps: int = 3,
    n_vectors: int = 1,
    **shared: Any,
) -> History:
    """Train the student's leading vectors to change over layers as the teacher's do.

    Parameters
    ----------
    vector_weight : float, default=1
        Weight of the comparison of vectors, >= 0.
    n_taps : int, default=3
        How many layers to use at most, counted from the last tap, >= 2.
    n_vectors : int, default=1
        Leading singular vectors to compare, >= 1.

    Notes
    -----
    The loss sums over all pairs of entries of unit vectors of two layers and is a mean
    over trials [1]_. Entries shrink as maps grow in number while pairs grow, so that
    the sum stays near 0.1 to 1; with weight 1, the one of common code, its gradient on
    simulated EEG was of the size of the label loss's.

    References
    ----------
    .. [1] Lee, S. H., Kim, D. H., & Song, B. C. (2018). Self-supervised knowledge
       distillation using singular value decomposition. Proceedings of the European
       Conference on Computer Vision, 335-350.
    """
    terms = [(vector_weight, KDSVD(n_taps, n_vectors))]
    return transfer(training, terms, **shared)
