"""Several teachers of equal weight (AVER-MKD)."""

from __future__ import annotations

from functools import partial

from eegkd.distillation import History, Training
from eegkd.methods._teachers import follow, several
from eegkd.methods.card import Card
from eegkd.weightings import Constant


@Card(
    title="Mean of several teachers (AVER-MKD)",
    transfers="softened classes of several teachers",
    teacher="several",
    reference="You et al. 2017",
    composition="label loss + mean over teachers of KL(T)",
    use="Several teachers are at hand and none is clearly better than the others.",
    limits=(
        "A bad teacher counts as much as a good one. With two classes the teachers "
        "say nothing beyond their confidence."
    ),
    reading=(
        "The mean of the divergences, as in the code of Zhang et al. 2022; the further "
        "term of You et al. on features of triplets of trials is left out."
    ),
)
def mean_mkd(
    training: Training,
    *,
    temperature: float = 4.0,
    label_weight: float = 1.0,
    soft_weight: float = 1.0,
    n_teachers: int = 3,
) -> History:
    """Train the student on labels and on all teachers alike.

    Parameters
    ----------
    training : Training
        Student, teachers, trials and settings.
    temperature : float, default=4.0
        Softness of the scores, > 0.
    label_weight, soft_weight : float, default=1.0
        Weights of the label loss and of the mean divergence, >= 0.
    n_teachers : int, default=3
        Where a single teacher is given, others with the student's kind of network on
        all electrodes are trained with other seeds until there are so many, >= 1.

    Returns
    -------
    history : History
        What happened in each epoch. ``notes["teacher_electrodes"]`` lists the teachers.

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
        partial(several, training, n_teachers),
        temperature=temperature,
        label_weight=label_weight,
        soft_weight=soft_weight,
    )
