"""Robust stochastic distillation, RoS-KD (Jaiswal et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eegkd._checks import check_number
from eegkd.distillation import History, Training
from eegkd.methods._further_decoders import another, kinds
from eegkd.methods._several_teachers import RandomSubset, subsets_of_groups
from eegkd.methods._unmet import say
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import soft_objective
from eegkd.teachers import Frozen


@Card(
    title="Robust stochastic distillation (RoS-KD)",
    transfers="mean classes of random subsets of teachers",
    teacher="own",
    reference="Jaiswal et al. 2022",
    composition="label loss + KL(T) to the mean of a random subset of teachers on "
    "overlapping parts of the trials; weights averaged over the last epochs",
    use="Labels are wrong in part, for example because subjects did not attend.",
    limits="Trains several teachers on fewer trials each. With one short session the "
    "parts differ by time alone.",
    reading="Teachers are of the student's kind, where the paper has three kinds of "
    "network; decoders= mixes them. They see 70 % of the subjects, or else sessions, "
    "or else parts of sessions; a non-empty subset of teachers is drawn for each "
    "batch; the student's weights are averaged over the last half; weights are those "
    "of KD.",
    control=lambda own: {"average_from": own["average_from"]},
)
@options_of(soft_objective)
def ros_kd(
    training: Training,
    *,
    n_teachers: int = 3,
    decoders: Sequence[Any] | None = None,
    fraction: float = 0.7,
    average_from: float = 0.5,
    **shared: Any,
) -> History:
    """Train the student on labels and on changing teachers of parts of the trials.

    Parameters
    ----------
    n_teachers : int, default=3
        How many teachers on all electrodes are trained, >= 1.
    decoders : sequence of str or callable, optional
        Network of each teacher; sets their number. By default all are of the student's
        kind; the paper has three kinds, for example ``("SCCNet", "EEGNet",
        "ShallowFBCSPNet")``.
    fraction : float, default=0.7
        Part of the groups of trials that each teacher sees, > 0 and <= 1. Groups are
        subjects, with fewer than three subjects sessions, with fewer than three
        sessions ten parts of each session. Below 1 at least one group is left out.
    average_from : float, default=0.5
        Part of the epochs, from 0 to below 1, after which the student's weights are
        averaged.

    Returns
    -------
    history : History
        What happened in each epoch. ``notes`` tells the groups, and the networks and
        the number of trials of the teachers.

    References
    ----------
    .. [1] Jaiswal, A., Ashutosh, K., Rousseau, J. F., Peng, Y., Wang, Z., & Ding, Y.
       (2022). RoS-KD: A robust stochastic knowledge distillation approach for noisy
       medical imaging. ICDM 2022. arXiv:2210.08388.
    """
    networks = kinds(decoders, n_teachers, "n_teachers")
    check_number(fraction, "fraction", above=0, at_most=1)
    check_number(average_from, "average_from", at_least=0, at_most=0.999)
    sampler, seed = training.sampler, training.random_state
    kind, subsets = subsets_of_groups(sampler, len(networks), fraction, seed)
    teachers = [
        Frozen(another(training, "full", number, sampler.subset(kept), network))
        for number, (kept, network) in enumerate(
            zip(subsets, networks, strict=True), start=1
        )
    ]
    subset = RandomSubset(teachers, sampler, shared["temperature"], seed)
    objective = soft_objective(training, subset, **shared)
    history = training.run(objective, average_from=average_from)
    say(
        history.notes.get("averaged_epochs", 0) < 2,
        "The student's weights are those of one epoch, not an average. Lower "
        "'average_from', or train for more epochs.",
    )
    history.notes["groups"] = kind
    history.notes["teacher_decoders"] = [
        type(teacher.decoder.network).__name__ for teacher in teachers
    ]
    history.notes["teacher_n_trials"] = [len(kept) for kept in subsets]
    return history
