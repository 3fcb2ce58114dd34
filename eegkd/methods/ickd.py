"""Inter-channel correlation distillation, ICKD (Liu et al. 2021)."""

from __future__ import annotations

from typing import Any

from eegkd.criteria.maps import ICKD
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Inter-channel correlation distillation (ICKD)",
    transfers="correlations between the feature maps of a trial",
    teacher="one",
    reference="Liu et al. 2021",
    composition="label loss + 2.5 ICKD (last tap, learned mixture of maps)",
    use="Which filters of the teacher act together matters more than when; time axes "
    "may differ.",
    limits="With one map, as at a flattened tap, it says nothing. The learned mixture "
    "can do the student's work for it. 'Channels' are feature maps, not electrodes.",
    regression=True,
)
@options_of(transfer)
def ickd(
    training: Training,
    *,
    correlation_weight: float = 2.5,
    n_taps: int = 1,
    **shared: Any,
) -> History:
    """Train the student's maps to correlate with each other as the teacher's do.

    Parameters
    ----------
    correlation_weight : float, default=2.5
        Weight of the inter-channel correlation, >= 0. The value of the authors' code.

    Notes
    -----
    The loss is a mean over trials and rows of squared distances between rows of unit
    length [1]_, between 0 and 4 for any batch or number of maps, so the weight keeps
    its meaning.

    References
    ----------
    .. [1] Liu, L., Huang, Q., Lin, S., Xie, H., Wang, B., Chang, X., & Liang, X.
       (2021). Exploring inter-channel correlation for diversity-preserved knowledge
       distillation. Proceedings of the IEEE/CVF International Conference on Computer
       Vision, 8271-8280.
    """
    terms = [(correlation_weight, ICKD(n_taps))]
    return transfer(training, terms, **shared)
