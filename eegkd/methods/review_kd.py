"""Knowledge review, ReviewKD (Chen et al. 2021)."""

from __future__ import annotations

from typing import Any

from eegkd.criteria.factors import ReviewKD
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Knowledge review (ReviewKD)",
    transfers="values of several layers, each predicted from all later ones as well",
    teacher="one",
    reference="Chen et al. 2021",
    composition="1 label loss + 1 difference of fused layers at several resolutions in "
    "time at up to 3 taps to a frozen teacher",
    use="Decoders with three or more taps that have a time axis.",
    limits="Values depend on the electrodes, see the limits of hints. The coarse "
    "resolutions average rhythms away and see slow activity only. A layer without a "
    "time axis has no matching order in the two networks; choose other taps then.",
    reading="Resolutions are steps in time instead of squares. The fusion has no batch "
    "normalization. The published weight, which grows over the first 20 of 240 epochs, "
    "is constant, so that all epochs are chosen by one loss.",
    regression=True,
)
@options_of(transfer)
def review_kd(
    training: Training,
    *,
    review_weight: float = 1.0,
    n_taps: int = 3,
    n_mid: int | None = None,
    **shared: Any,
) -> History:
    """Train the student on labels and on layers fused from late to early.

    Parameters
    ----------
    review_weight : float, default=1.0
        Weight of the difference, >= 0.
    n_mid : int, optional
        Maps in which layers are fused, see `eegkd.criteria.ReviewKD`.

    Notes
    -----
    The authors' weight depends on the pair of networks; 1 is that of common code. It
    counts in squares of the teacher's features.

    References
    ----------
    .. [1] Chen, P., Liu, S., Zhao, H., & Jia, J. (2021). Distilling knowledge via
       knowledge review. CVPR, 5008-5017.
    """
    return transfer(training, [(review_weight, ReviewKD(n_taps, n_mid))], **shared)
