"""Several teachers, combined so that their gradients agree (AEKD)."""

from __future__ import annotations

from functools import partial
from typing import Any

from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import follow
from eegkd.weightings.confidence import GradientCombined


@Card(
    title="Adaptive ensemble distillation in gradient space (AEKD)",
    transfers="softened classes of several teachers",
    teacher="several",
    reference="Du et al. 2020",
    composition="label loss + KL(T) to each teacher, weighted per batch",
    use="Teachers disagree, for example because they come from other subjects.",
    limits="Weights belong to a batch, not to a trial. Teachers whose answers are "
    "already close to the student's get the largest weights, whether or not they are "
    "right.",
)
@options_of(follow)
def aekd(training: Training, *, cap: float = 0.6, **shared: Any) -> History:
    """Train the student on labels and where its teachers agree.

    Parameters
    ----------
    cap : float, default=0.6
        The largest share of one teacher, > 0 and <= 1. The published value.

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
        partial(GradientCombined, temperature=shared["temperature"], cap=cap),
        **shared,
    )
