"""Distillation with the wrong classes of the teacher mixed up: a control."""

from __future__ import annotations

from typing import Any

from eegkd._checks import check_int
from eegkd.distillation import History, Training
from eegkd.methods._altered_answers import PermutedTeacher
from eegkd.methods._unmet import say_of_two_classes
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import soft_objective


@Card(
    title="Permuted distillation (a control)",
    transfers="the teacher's confidence, but not which wrong classes it finds alike",
    teacher="one",
    reference="Vats & Crandall 2021",
    composition="CE + KL(T) from a teacher whose scores of the wrong classes are "
    "permuted in each trial",
    use="Use it beside kd. A gain of kd that is not larger than this one's does not "
    "come from what the teacher knows about the classes.",
    limits="With two classes there is a single wrong class: the method is then "
    "identical to kd and controls nothing. With three, half of the trials stay as they "
    "are.",
    reading="The test of the distillation hypothesis, and that each trial keeps its "
    "permutation throughout.",
)
@options_of(soft_objective)
def permuted_kd(
    training: Training, *, permutation_seed: int = 0, **shared: Any
) -> History:
    """Train the student as `kd` does, with the teacher's wrong classes mixed up.

    Parameters
    ----------
    permutation_seed : int, default=0
        Seed of the permutations, from 0 to 2^23 - 1.

    Notes
    -----
    The teacher keeps its probability of the true class and the set of its other
    probabilities in each trial, so that entropy and confidence are those of `kd`.

    References
    ----------
    .. [1] Vats, V., & Crandall, D. (2021). Controlling the quality of distillation in
       response-based network compression. arXiv:2112.10047.
    """
    check_int(permutation_seed, "permutation_seed", at_least=0, at_most=2**23 - 1)
    say_of_two_classes(
        training,
        "there is one wrong class and nothing to permute: this control is 'kd' "
        "itself; compare with 'smoothed_labels'",
    )
    teacher = PermutedTeacher(training.frozen(), permutation_seed)
    return training.run(soft_objective(training, teacher, **shared))
