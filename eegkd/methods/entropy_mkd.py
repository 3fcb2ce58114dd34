"""Several teachers, weighed by the entropy of their answers (EBKD)."""

from __future__ import annotations

from functools import partial
from typing import Any

from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import follow
from eegkd.weightings.confidence import Entropy


@Card(
    title="Entropy-based multi-teacher distillation (EBKD)",
    transfers="softened classes of several teachers",
    teacher="several",
    reference="Kwon et al. 2020",
    composition="label loss + KL(T) to each teacher, weighted per trial by 1 - entropy",
    use="Teachers differ in which trials they are sure of, and labels are noisy.",
    limits="A teacher that is sure and wrong counts most. Overfitted teachers are sure "
    "of everything, which makes this the plain mean.",
    reading="The weights are those of the code of Zhang et al. 2022, where they sum to "
    "(K - 1) / K for K teachers. Ours sum to 1 unless normalization='official'.",
)
@options_of(follow)
def entropy_mkd(
    training: Training, *, normalization: str = "sum", **shared: Any
) -> History:
    """Train the student on labels and on the teachers that are sure of a trial.

    Parameters
    ----------
    temperature : float, default=4.0
        Softness of the scores, > 0. Entropies are taken at temperature 1.
    normalization : {"sum", "official"}, default="sum"
        See `eegkd.weightings.Entropy`.

    References
    ----------
    .. [1] Kwon, K., Na, H., Lee, H., & Kim, N. S. (2020). Adaptive knowledge
       distillation based on entropy. ICASSP 2020, 7409-7413.
    .. [2] Zhang, H., Chen, D., & Wang, C. (2022). Confidence-aware multi-teacher
       knowledge distillation. ICASSP 2022, 4498-4502. arXiv:2201.00007.
    """
    return follow(
        training,
        partial(Entropy, normalization=normalization),
        **shared,
    )
