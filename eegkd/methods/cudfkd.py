"""Data-free distillation with a curriculum, CuDFKD (Li et al. 2022)."""

from __future__ import annotations

import math

from eegkd._checks import check_choice, check_number
from eegkd.criteria.logits import LogitL1
from eegkd.distillation import History, Objective, Training
from eegkd.methods._unmet import say
from eegkd.methods.card import Card
from eegkd.samplers.inversion import Inversion, InversionWeights
from eegkd.weightings.self_paced import SelfPaced

FEW_STEPS = 10  # of the generator, in which it learns next to nothing


@Card(
    title="Data-free distillation with a curriculum (CuDFKD)",
    transfers="scores of made-up trials",
    teacher="one",
    reference="Li et al. 2022",
    composition="|student - teacher| of the scores, self-paced per trial, on trials of "
    "a generator that is trained against both",
    use="When the teacher may be passed on but no recording of anybody may.",
    limits="Do not expect a good student on few electrodes. Nothing but the teacher's "
    "batch statistics says what EEG looks like, and nothing makes the student's "
    "electrodes carry what the teacher reads from all. Needs a teacher with batch "
    "normalization. Real trials, without their labels, still choose the epoch that is "
    "kept; choose='last' reads none. The student's view keeps the scale that it "
    "learned from real trials. An epoch takes several times as long as a plain one.",
    reading="The generator, which is made of EEG's rhythms and mixed over the scalp; "
    "the number of steps; Adam instead of SGD; a temperature of 1 instead of 20, which "
    "belongs to scores of another size; a pace for each trial, where the published "
    "code has one number for a batch.",
    permutable=False,
)
def cudfkd(
    training: Training,
    *,
    student_steps: int = 10,
    one_hot_weight: float = 1.0,
    statistics_weight: float = 1.0,
    entropy_weight: float = 20.0,
    adversarial_weight: float = 62.5,
    temperature: float = 1.0,
    generator_lr: float = 1e-3,
    pace_start: float = 2.0,
    pace_end: float = 12.0,
    choose: str = "validation",
) -> History:
    """Train the student on trials that a generator makes up from the teacher.

    Parameters
    ----------
    training : Training
        Student, teacher and settings. Of the trials only their number, length and
        rate are used, and the validation trials without labels.
    student_steps : int, default=10
        Steps of the student for each of the generator, >= 1, counted on from epoch to
        epoch. With fewer than ten steps of the generator in all, this is said.
    one_hot_weight, statistics_weight, entropy_weight, adversarial_weight : float, \
default=1, 1, 20 and 62.5
        Weights of the parts of the generator's loss, see
        `eegkd.samplers.InversionWeights`.
    temperature : float, default=1.0
        Softness of the answers whose mean should hold all classes alike, > 0.
    generator_lr : float, default=1e-3
        Learning rate of the generator, > 0.
    pace_start, pace_end : float, default=2.0 and 12.0
        Loss at which a trial counts about half, in the first and after the last epoch.
    choose : {"validation", "last"}, default="validation"
        Which epoch is kept: that with the smallest distance between student and
        teacher on the validation trials, or the last.

    Returns
    -------
    history : History
        What happened in each epoch; ``notes`` holds the generator's last losses and
        how the teacher's choices were spread over the classes.

    Notes
    -----
    Weights are the published ones. The adversarial weight grows by 0.5 in each of 125
    epochs, the pace by 1e-4 in each of 100,000 steps; here both reach the same end in
    whatever number of epochs. The published temperature of 20 belongs to scores of
    that size; with an EEG decoder's it would hide the classes.

    References
    ----------
    .. [1] Li, J., Zhou, S., Li, L., Wang, H., Bu, J., & Yu, Z. (2022). How to teach:
       Learning data-free knowledge distillation from curriculum. arXiv:2208.13648.
    """
    check_choice(choose, "choose", ("validation", "last"))
    check_number(pace_end, "pace_end", at_least=check_number(pace_start, "pace_start"))
    teacher, trials = training.frozen(), training.sampler
    sampler = Inversion(
        teacher,
        training.student,
        n_times=trials.X.shape[2],
        sfreq=training.sfreq,
        max_epochs=training.max_epochs,
        batch_size=max(min(trials.batch_size, len(trials)), 2),
        n_batches=math.ceil(len(trials) / trials.batch_size),
        student_steps=student_steps,
        weights=InversionWeights(
            one_hot_weight, statistics_weight, entropy_weight, adversarial_weight
        ),
        temperature=temperature,
        lr=generator_lr,
        seed=training.random_state,
        n_known=len(trials),
    )
    n_steps = math.ceil(sampler.n_batches * training.max_epochs / student_steps)
    say(
        n_steps < FEW_STEPS,
        "The generator takes %d steps in %d epochs and stays nearly what it was at "
        "first. Lower 'student_steps', or train for more epochs.",
        n_steps,
        training.max_epochs,
    )
    growth = (pace_end - pace_start) / training.max_epochs
    history = training.run(
        Objective([(LogitL1(), teacher)], SelfPaced(pace_start, growth)),
        sampler=sampler,
        valid=training.valid if choose == "validation" else None,
    )
    history.notes["generator"] = sampler.report
    return history
