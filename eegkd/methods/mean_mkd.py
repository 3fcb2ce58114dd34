"""Several teachers of equal weight (AVER-MKD)."""

from __future__ import annotations

from typing import Any

from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import follow
from eegkd.weightings import Constant


@Card(
    title="Mean of several teachers (AVER-MKD)",
    transfers="softened classes of several teachers",
    teacher="several",
    reference="You et al. 2017",
    composition="label loss + mean over teachers of KL(T)",
    use="Several teachers are at hand and none is clearly better than the others.",
    limits="A bad teacher counts as much as a good one. With two classes the teachers "
    "say nothing beyond their confidence.",
    reading="The mean of the divergences, as in the code of Zhang et al. 2022; the "
    "further term of You et al. on features of triplets of trials is left out.",
)
@options_of(follow)
def mean_mkd(training: Training, **shared: Any) -> History:
    """Train the student on labels and on all teachers alike.

    References
    ----------
    .. [1] You, S., Xu, C., Xu, C., & Tao, D. (2017). Learning from multiple teacher
       networks. KDD 2017, 1285-1294.
    .. [2] Zhang, H., Chen, D., & Wang, C. (2022). Confidence-aware multi-teacher
       knowledge distillation. ICASSP 2022, 4498-4502. arXiv:2201.00007.
    """
    return follow(
        training,
        lambda label, *soft: Constant(label, *[w / len(soft) for w in soft]),
        **shared,
    )
