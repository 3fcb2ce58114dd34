"""Distillation and alignment across headsets, SDDA (Liu et al. 2025)."""

from __future__ import annotations

from eegkd._checks import check_type
from eegkd.criteria import KL
from eegkd.criteria.domain import MMD, ClassConfusion
from eegkd.data.trials import Trials
from eegkd.distillation import History, Training
from eegkd.methods._two_headsets import (
    Among,
    of_target,
    of_training,
    with_label,
    with_target,
)
from eegkd.methods._unmet import say_of_lone_trials
from eegkd.methods.card import Card
from eegkd.methods.objectives import weighted


@Card(
    title="Spatial distillation with alignment across headsets (SDDA)",
    transfers="softened classes, to electrodes that two headsets share",
    teacher="one",
    reference="Liu et al. 2025",
    composition="Euclidean alignment of each subject; labels + softened classes of the "
    "source headset + MMD between source and target + class confusion of the target",
    use="When a dense headset has labeled trials and the student will be worn with "
    "another headset, of which there are trials without labels.",
    limits="The student is aligned to one target: a subject with another covariance "
    "needs new trials to align to. The student is fitted to one target headset and its "
    "wearer; for another wearer, fit again with some unlabeled trials of that subject. "
    "Without target, trials of the last subject stand in, and validation trials of "
    "that subject are left out.",
    reading="Subjects are aligned, where the paper aligns sessions, and inside the "
    "student's electrodes, where the authors' code aligns all channels and then takes "
    "the shared ones. The given teacher is not aligned. The discrepancy is the full "
    "estimate with the median distance, where the code takes a linear one with the "
    "mean. Weights and temperatures are those of the code.",
)
def sdda(
    training: Training,
    *,
    target: Trials | None = None,
    supervised: bool = False,
    label_weight: float = 1.0,
    soft_weight: float | None = None,
    mmd_weight: float = 5.0,
    confusion_weight: float = 1.0,
    temperature: float = 8.0,
    confusion_temperature: float = 2.0,
) -> History:
    """Train the student for another headset that shares its electrodes.

    Parameters
    ----------
    training : Training
        Student, teacher, trials and settings. The student's view is replaced by one
        that is aligned to the target.
    target : Trials, optional
        Training trials of the other headset, with at least the student's electrodes. By
        default training trials stand in: those of the last subject; of one subject, the
        last session; of one session, the last third.
    supervised : bool, default=False
        Whether the target's labels are learned; they must be those of the training
        trials. If not, they are not read.
    soft_weight : float, optional
        Weight of the softened classes, >= 0. By default 1 / n_classes, because the code
        takes the mean over classes where the sum is taken here.
    mmd_weight, confusion_weight : float, default=5 and 1
        Weights of the discrepancy and of the class confusion, >= 0. The code adds up
        the five kernels whose mean is taken here, hence 5.
    temperature, confusion_temperature : float, default=8 and 2
        Softness of the classes in distillation and in confusion, > 0.

    Returns
    -------
    history : History
        What happened in each epoch; ``notes`` counts the trials of the target.

    References
    ----------
    .. [1] Liu, D., Li, S., Wang, Z., Li, W., & Wu, D. (2025). Spatial distillation
       based distribution alignment (SDDA) for cross-headset EEG classification.
       arXiv:2503.05349.
    """
    check_type(supervised, "supervised", bool, "True or False")
    teacher = training.frozen()
    sampler, valid = with_target(training, target, supervised)
    if mmd_weight:
        say_of_lone_trials(training, "MMD")
    soft = 1 / training.n_outputs if soft_weight is None else soft_weight
    confusion = ClassConfusion(confusion_temperature, where=of_target)
    objective = weighted(
        [
            (label_weight, Among(training.label_loss(), with_label), None),
            (soft, Among(KL(temperature), of_training), teacher),
            (mmd_weight, MMD(by=of_target), None),
            (confusion_weight, confusion, None),
        ]
    )
    history = training.run(objective, sampler=sampler, valid=valid)
    history.notes["target_n_trials"] = int(sampler.is_target.sum())
    history.notes["validated"] = valid is not None
    return history
