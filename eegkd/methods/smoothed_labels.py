"""Smoothed labels in a teacher's place: a control for distillation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from eegkd._checks import check_number
from eegkd.distillation import History, Training
from eegkd.methods._altered_answers import (
    LARGEST,
    SMALLEST,
    Softened,
    matching_smoothing,
)
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import soft_objective
from eegkd.teachers import Virtual


@Card(
    title="Smoothed labels (a control)",
    transfers="nothing: labels, made as soft as a teacher's answers",
    teacher="one",
    reference="Vats & Crandall 2021; Szegedy et al. 2016",
    composition="CE + KL(T) from smoothed labels",
    use="Use it beside kd. A gain of kd that is not larger than this one's is "
    "regularization, not distillation.",
    limits="Teaches nothing that the labels do not say.",
    reading="The smoothing has the mean entropy of the teacher's softened answers, and "
    "takes the teacher's place in kd.",
)
@options_of(soft_objective)
def smoothed_labels(
    training: Training, *, smoothing: float | None = None, **shared: Any
) -> History:
    """Train the student as `kd` does, with smoothed labels as the teacher's answers.

    Parameters
    ----------
    smoothing : float, optional
        Part of the probability that is shared among all classes, in (0, 1). By
        default the one whose entropy equals the mean entropy of the teacher's
        softened answers to the training trials. With a number the teacher is not
        asked; ``fit`` trains one nevertheless, unless a fitted one is given.
    temperature : float, default=4.0
        Softness of the student's scores, > 0. The smoothed labels stand for answers
        that are softened already.
    label_weight, soft_weight : float, default=0.1 and 0.9
        Weights of the cross-entropy and of the divergence, >= 0. Weights 0 and 1 at
        temperature 1 are plain label smoothing [2]_.

    Returns
    -------
    history : History
        What happened in each epoch. The notes hold the ``smoothing``.

    References
    ----------
    .. [1] Vats, V., & Crandall, D. (2021). Controlling the quality of distillation in
       response-based network compression. arXiv:2112.10047.
    .. [2] Szegedy, C., Vanhoucke, V., Ioffe, S., Shlens, J., & Wojna, Z. (2016).
       Rethinking the Inception architecture for computer vision. IEEE Conference on
       Computer Vision and Pattern Recognition, 2818-2826.
    """
    temperature = shared["temperature"]
    if smoothing is None:
        smoothing = matching_smoothing(_softened(training, temperature))
    check_number(smoothing, "smoothing", at_least=SMALLEST, at_most=LARGEST)
    labels = Virtual(training.n_outputs, 1 - smoothing + smoothing / training.n_outputs)
    teacher = Softened(labels, temperature)
    history = training.run(soft_objective(training, teacher, **shared))
    history.notes["smoothing"] = smoothing
    return history


def _softened(training: Training, temperature: float) -> Tensor:
    """Return the teacher's softened answers to all training trials."""
    sampler = training.sampler
    batch = sampler.batch(torch.arange(len(sampler), device=sampler.X.device))
    return (training.frozen()(batch).logits / temperature).softmax(dim=1).cpu()
