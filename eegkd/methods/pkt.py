"""Probabilistic knowledge transfer, PKT (Passalis and Tefas 2018)."""

from __future__ import annotations

from typing import Any

from eegkd.criteria.relations import PKT
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Probabilistic knowledge transfer (PKT)",
    transfers="probabilities of trials to be neighbors",
    teacher="one",
    reference="Passalis & Tefas 2018",
    composition="label loss + 30000 PKT of embeddings",
    use="Networks of any widths; trials whose amplitudes differ, as only the direction "
    "of an embedding counts.",
    limits="It needs batches of many trials. Cosines of positive embeddings are all "
    "near 1, which leaves little to transfer; hence the large weight.",
    reading="The weight is that of common code, not the authors', who train on the "
    "transfer alone.",
    regression=True,
)
@options_of(transfer)
def pkt(
    training: Training, *, transfer_weight: float = 30000.0, **shared: Any
) -> History:
    """Train the student to keep the neighborhoods of trials that the teacher sees.

    Parameters
    ----------
    transfer_weight : float, default=30000
        Weight of the probabilistic transfer, >= 0. The common value.

    Notes
    -----
    The loss of B trials is 1 / B times the mean divergence of rows, because the
    authors' code takes the mean over all pairs [1]_. The common weight of 30000 was
    found with batches of 64 trials [2]_: 469 times the mean divergence of rows, which
    does not depend on B. In batches of 128 it is 234 times that, in batches of 32
    938 times. On simulated EEG its gradient was 20 to 75 times that of the label
    loss; ``calibrate`` brings the two together.

    References
    ----------
    .. [1] Passalis, N., & Tefas, A. (2018). Learning deep representations with
       probabilistic knowledge transfer. Proceedings of the European Conference on
       Computer Vision, 268-284.
    .. [2] Tian, Y., Krishnan, D., & Isola, P. (2020). Contrastive representation
       distillation. International Conference on Learning Representations.
    """
    terms = [(transfer_weight, PKT())]
    return transfer(training, terms, **shared)
