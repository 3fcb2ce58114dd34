"""Neuron selectivity transfer, NST (Huang and Wang 2017)."""

from __future__ import annotations

from typing import Any

from eegkd.criteria.maps import NST
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Neuron selectivity transfer (NST)",
    transfers="where in time the feature maps are active",
    teacher="one",
    reference="Huang & Wang 2017",
    composition="label loss + 50 NST (last 2 taps)",
    use="Networks with other numbers of maps whose time axes mean the same; a batch of "
    "one trial is enough.",
    limits="It needs taps with a time axis. It asks for maps with the teacher's time "
    "courses, which few electrodes may not give.",
    regression=True,
)
@options_of(transfer)
def nst(
    training: Training,
    *,
    selectivity_weight: float = 50.0,
    n_taps: int = 2,
    **shared: Any,
) -> History:
    """Train the student's maps to be active when the teacher's are.

    Parameters
    ----------
    selectivity_weight : float, default=50
        Weight of the selectivity transfer, >= 0. The common value.

    Notes
    -----
    The loss is a mean over trials and over pairs of maps scaled to unit length [1]_,
    between 0 and 2 a tap for any batch, number of maps or of steps, so the weight
    keeps its meaning. Paper and common code [2]_ differ by a factor of 2 in what
    they weight by 50; this is the code's. On simulated EEG its gradient was 13 to 75
    times that of the label loss; ``calibrate`` brings the two together.

    References
    ----------
    .. [1] Huang, Z., & Wang, N. (2017). Like what you like: Knowledge distill via
       neuron selectivity transfer. arXiv:1707.01219.
    .. [2] Tian, Y., Krishnan, D., & Isola, P. (2020). Contrastive representation
       distillation. International Conference on Learning Representations.
    """
    terms = [(selectivity_weight, NST(n_taps))]
    return transfer(training, terms, **shared)
