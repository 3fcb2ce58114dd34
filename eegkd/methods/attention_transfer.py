"""Attention transfer, AT (Zagoruyko and Komodakis 2017)."""

from __future__ import annotations

from typing import Any

from eegkd.criteria.features import AttentionTransfer
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Attention transfer (AT)",
    transfers="at which moments of a trial a layer is active",
    teacher="one",
    reference="Zagoruyko & Komodakis 2017",
    composition="1 label loss + 1000 squared difference of attention over time at up "
    "to 3 taps to a frozen teacher",
    use="The moment matters: evoked responses, cues, bursts. Decoders may differ.",
    limits="It says when, not what: of a rhythm that lasts through the trial it says "
    "nothing. A layer without a time axis has no matching order in the two networks; "
    "choose other taps then.",
    reading="Attention is over time, because the taps have no electrode axis; the "
    "paper has images.",
    regression=True,
)
@options_of(transfer)
def attention_transfer(
    training: Training,
    *,
    attention_weight: float = 1000.0,
    n_taps: int = 3,
    power: float = 2.0,
    **shared: Any,
) -> History:
    """Train the student to be active at the moments at which the teacher is.

    Parameters
    ----------
    attention_weight : float, default=1000.0
        Weight of the difference of attention, >= 0.
    power : float, default=2.0
        Exponent of the absolute values, >= 1.

    Notes
    -----
    Attention has length 1 over the steps, so its mean squared difference over T steps
    is the squared distance divided by T. The published 1000 is 1, 4 and 16 times the
    squared distance in layers of 1024, 256 and 64 pixels [1]_; in layers of 60 to 1000
    steps it is 16 to 1 times as well, and stays as it is.

    References
    ----------
    .. [1] Zagoruyko, S., & Komodakis, N. (2017). Paying more attention to attention:
       Improving the performance of convolutional neural networks via attention
       transfer. ICLR.
    """
    terms = [(attention_weight, AttentionTransfer(n_taps, power))]
    return transfer(training, terms, **shared)
