"""Distillation from one unlabeled recording (after Asano and Saeed 2023)."""

from __future__ import annotations

from typing import Any

from eegkd._checks import check_number
from eegkd.criteria import KL
from eegkd.distillation import History, Objective, Training
from eegkd.methods.card import Card
from eegkd.samplers.recording import Recording, continuous
from eegkd.weightings import Constant


@Card(
    title="Distillation from a single recording",
    transfers="softened classes of unlabeled windows",
    teacher="one",
    reference="Asano & Saeed 2023",
    composition="KL(T=8) alone, on changed windows at random times of one recording",
    use="A trained teacher and a recording of anyone on all electrodes, without "
    "events: rest, or a day of use.",
    limits="Windows in which nobody does the task can teach the teacher's general "
    "shape at most. Without recording= the training trials of the first subject are "
    "joined, whose borders are jumps. A recording must be filtered as the trials are. "
    "Validation trials, without their labels, choose the epoch that is kept.",
    reading="Crops, rotations and color changes of images become windows, time and "
    "amplitude scaling, and mixing of channels near the identity.",
)
def single_recording(
    training: Training,
    *,
    recording: Any = None,
    temperature: float = 8.0,
    soft_weight: float = 1.0,
    amplitude: float = 1.5,
    stretch: float = 1.1,
    cut_mix: float | None = 1.0,
    rotation: float = 0.1,
) -> History:
    """Train the student to answer windows of one recording as the teacher does.

    Parameters
    ----------
    training : Training
        Student, teacher and settings.
    recording : Raw of MNE or array, shape (n_chans, n_samples), optional
        Continuous EEG on all channels of the data, in volts, filtered as the trials
        are. Channels of a Raw are found by name and resampled; an array has the
        trials' channels and rate. By default the training trials of the first subject
        in their order, joined.
    soft_weight : float, default=1.0
        Weight of the divergence times the temperature squared, > 0. The published
        loss has no such square, which is a weight of ``1 / temperature ** 2``.
    amplitude, stretch : float, default=1.5 and 1.1
        Largest factor, or divisor, of a window's amplitude and of its speed, >= 1.
    cut_mix : float or None, default=1.0
        Parameter of the beta distribution of the part of a window that another
        replaces; None for no such mixing.
    rotation : float, default=0.1
        Size of a random mixing of channels around the identity, >= 0.

    Notes
    -----
    A constant factor means nothing to Adam, which both versions use, but a great deal
    to the weight decay, which the original has not: with a 64th of the loss the
    penalty would outweigh it. Therefore the square is kept by default.

    References
    ----------
    .. [1] Asano, Y. M., & Saeed, A. (2023). The augmented image prior: Distilling
       1000 classes by extrapolating from a single image. In International Conference
       on Learning Representations. arXiv:2112.00725.
    """
    check_number(soft_weight, "soft_weight", above=0)
    teacher, trials = training.frozen(), training.sampler
    settings: dict[str, Any] = {
        "n_times": trials.X.shape[2],
        "n_windows": len(trials),
        "batch_size": trials.batch_size,
        "amplitude": amplitude,
        "stretch": stretch,
        "cut_mix": cut_mix,
        "rotation": rotation,
        "seed": training.random_state,
        "n_known": len(trials),
    }
    if recording is None:
        sampler = Recording.from_trials(trials, **settings)
    else:
        names = training.student.view.data_names
        X = continuous(recording, names, training.sfreq, trials.X.device)
        sampler = Recording(X, **settings)
    return training.run(
        Objective([(KL(temperature), teacher)], Constant(soft_weight)), sampler=sampler
    )
