"""Several teachers, combined so that their gradients agree (AEKD)."""

from __future__ import annotations

from functools import partial

from eegkd.distillation import History, Training
from eegkd.methods._teachers import follow, several
from eegkd.methods.card import Card
from eegkd.weightings.confidence import GradientCombined


@Card(
    title="Adaptive ensemble distillation in gradient space (AEKD)",
    transfers="softened classes of several teachers",
    teacher="several",
    reference="Du et al. 2020",
    composition="label loss + KL(T) to each teacher, weighted per batch",
    use="Teachers disagree, for example because they come from other subjects.",
    limits=(
        "Weights belong to a batch, not to a trial. Teachers whose answers are already "
        "close to the student's get the largest weights, whether or not they are right."
    ),
)
def aekd(
    training: Training,
    *,
    temperature: float = 4.0,
    label_weight: float = 1.0,
    soft_weight: float = 1.0,
    n_teachers: int = 3,
    cap: float = 0.6,
) -> History:
    """Train the student on labels and where its teachers agree.

    Parameters
    ----------
    training : Training
        Student, teachers, trials and settings.
    temperature : float, default=4.0
        Softness of the scores, > 0.
    label_weight, soft_weight : float, default=1.0
        Weights of the label loss and of the combined divergence, >= 0.
    n_teachers : int, default=3
        Where a single teacher is given, others with the student's kind of network on
        all electrodes are trained with other seeds until there are so many, >= 1.
    cap : float, default=0.6
        The largest share of one teacher, > 0 and <= 1. The published value.

    Returns
    -------
    history : History
        What happened in each epoch. ``notes["teacher_electrodes"]`` lists the teachers.

    Notes
    -----
    As in the authors' code, what is combined are the batch means of the gradients with
    regard to the student's scores, see `eegkd.weightings.GradientCombined`.

    References
    ----------
    .. [1] Du, S., You, S., Li, X., Wu, J., Wang, F., Qian, C., & Zhang, C. (2020).
       Agree to disagree: Adaptive ensemble knowledge distillation in gradient space.
       Advances in Neural Information Processing Systems, 33, 12345-12355.
    """
    return follow(
        training,
        partial(GradientCombined, temperature=temperature, cap=cap),
        partial(several, training, n_teachers),
        temperature=temperature,
        label_weight=label_weight,
        soft_weight=soft_weight,
    )
