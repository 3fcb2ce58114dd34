"""Progressive distillation with a choice of teacher or label, PSKD (Ni et al. 2022)."""

from __future__ import annotations

from functools import partial
from typing import Any

from eegkd.distillation import History, Training
from eegkd.methods._several_teachers import small_to_large
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import follow
from eegkd.weightings.selection import Select


@Card(
    title="Progressive skeleton-to-sensor distillation (PSKD)",
    transfers="softened classes of one teacher for each trial, or the label",
    teacher="several",
    reference="Ni, Ngu & Yan 2022",
    composition="for each trial either KL(T) to one teacher or the label loss",
    use="Teachers of several montages, and labels that some of them know better.",
    limits="Once the student is more confident of the label than all teachers, labels "
    "are all it learns from. Trains teachers of its own on the student's and between.",
    reading="A teacher's confidence is its probability of the label where it is right; "
    "the most confident one is followed if it is more confident than the student. "
    "Teachers open from few to many electrodes over the first 70 % of the epochs. "
    "Low-density, intermediate and full montages take the place of sensor, fused and "
    "skeleton data.",
)
@options_of(follow)
def pskd(training: Training, *, all_from: float = 0.7, **shared: Any) -> History:
    """Train the student, for each trial, on one teacher or on the label.

    Parameters
    ----------
    temperature : float, default=4.0
        Softness of the scores, > 0. Confidence is taken at temperature 1.
    n_teachers : int, default=3
        Where a single teacher is given, one on the student's montage and others on
        montages between are trained until there are so many, >= 1; fewer where there
        are not as many electrodes between.

    References
    ----------
    .. [1] Ni, J., Ngu, A. H. H., & Yan, Y. (2022). Progressive cross-modal knowledge
       distillation for human action recognition. ACM Multimedia 2022, 5903-5912.
       arXiv:2208.08090.
    """
    return follow(
        training,
        partial(Select, n_epochs=training.max_epochs, all_from=all_from),
        partial(small_to_large, with_student=True),
        **shared,
    )
