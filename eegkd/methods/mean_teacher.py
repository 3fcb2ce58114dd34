"""Mean teacher: the average of the student's past teaches it (Tarvainen 2017)."""

from __future__ import annotations

from math import exp

import torch
from torch import Tensor

from eegkd._checks import check_choice, check_number
from eegkd.decoders import Output
from eegkd.distillation import History, Objective, Training
from eegkd.methods.card import Card
from eegkd.samplers import Batch, TrialSampler
from eegkd.samplers.augmented import Augmented
from eegkd.teachers import EMA, Teacher
from eegkd.weightings import Schedule

KEEP = ("student", "average")


@Card(
    title="Mean teacher",
    transfers="classes of the student's own moving average",
    teacher="itself",
    reference="Tarvainen & Valpola 2017",
    composition="cross-entropy + 10 times the squared distance to the probabilities of "
    "the average, ramped up; the student's trials are noisy, the average's are not",
    use="When there is no teacher and the student's weights jump from epoch to epoch.",
    limits="Nothing comes from electrodes that the student does not have. Made for "
    "trials without labels; with labels for all of them little is left to gain.",
    reading="Only the student sees noise, and the average answers without dropout and "
    "with averaged batch statistics; in the original both are noisy. Which epoch is "
    "kept is chosen by the label loss alone, because the average moves.",
    control=lambda own: {"average_from": 0.5} if own["keep"] == "average" else {},
)
def mean_teacher(
    training: Training,
    *,
    consistency_weight: float = 10.0,
    decay: float = 0.99,
    ramp_up: float = 0.2,
    noise: float = 0.1,
    keep: str = "student",
) -> History:
    """Train the student on labels and to agree with the average of its own past.

    Parameters
    ----------
    consistency_weight : float, default=10.0
        Weight of the squared distance between the probabilities after the ramp, >= 0.
    decay : float, default=0.99
        Part of the old weights that an update of the average keeps, from 0 to 1.
    ramp_up : float, default=0.2
        Part of the epochs over which the weight rises as exp(-5 (1 - t)^2), 0 to 1.
    noise : float, default=0.1
        Deviation of the Gaussian noise in the student's trials, as part of the
        deviation of each channel, >= 0. With 0 dropout is the only noise.
    keep : {"student", "average"}, default="student"
        Which network the student ends as: itself in its best epoch, or the average
        after the last epoch, which the paper reports.

    Returns
    -------
    history : History
        What happened to the student in each epoch.

    Notes
    -----
    The published weight of 100 goes with a mean over ten classes: 10 for the sum over
    classes that is taken here, whatever their number.

    References
    ----------
    .. [1] Tarvainen, A., & Valpola, H. (2017). Mean teachers are better role models:
       Weight-averaged consistency targets improve semi-supervised deep learning
       results. Advances in Neural Information Processing Systems, 30.
    """
    weight = check_number(consistency_weight, "consistency_weight", at_least=0)
    ramp_up = check_number(ramp_up, "ramp_up", at_least=0, at_most=1)
    noise = check_number(noise, "noise", at_least=0)
    check_choice(keep, "keep", KEEP)
    average = EMA(training.student, decay)
    n_ramp = round(ramp_up * training.max_epochs)
    ramp = {t: (1.0, weight * exp(-5 * (1 - t / n_ramp) ** 2)) for t in range(n_ramp)}
    teacher = _Undisturbed(average, training.sampler)
    history = training.run(
        Objective(
            [(training.label_loss(), None), (_Consistency(), teacher)],
            Schedule({**ramp, n_ramp: (1.0, weight)}, valid=(1.0, 0.0)),
        ),
        sampler=_noisy(training, noise) if noise > 0 else training.sampler,
    )
    if keep == "average":
        training.student.load_state_dict(average.decoder.state_dict())
        history.best_epoch = len(history.rows) - 1
    history.notes["kept"] = keep
    return history


class _Consistency:
    """Squared distance between the probabilities of student and average."""

    name = "consistency_loss"

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), between 0 and 2."""
        gap = student.logits.softmax(dim=1) - teacher.logits.softmax(dim=1)
        return gap.square().sum(dim=1)


class _Undisturbed:
    """The average, which reads the trials as they are where the student's are noisy."""

    def __init__(self, average: EMA, sampler: TrialSampler) -> None:
        self.average, self.sampler = average, sampler

    @property
    def parts(self) -> list[Teacher]:
        """The average, which follows the student."""
        return [self.average]

    def __call__(self, batch: Batch) -> Output:
        """Return what the average says of the trials of a batch."""
        return self.average(
            batch if batch.x is None else self.sampler.batch(batch.index)
        )


def _noisy(training: Training, noise: float) -> Augmented:
    """Return the trials with Gaussian noise, drawn anew in each epoch."""
    return Augmented(
        training.sampler,
        lambda x: x + noise * torch.randn(x.shape).to(x),
        sfreq=training.sfreq or 1.0,  # noise does not ask for it
        probability=1.0,
        seed=training.random_state,
    )
