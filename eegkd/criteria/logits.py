"""Criteria on the last layer's scores: labels, softened classes, scores themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from eegkd._checks import check_choice, check_number

if TYPE_CHECKING:
    from eegkd.decoders import Output
    from eegkd.samplers import Batch

DIRECTIONS = ("forward", "reverse")
FLAT = 1e-6  # deviation below which probabilities count as constant


def cross_entropy(logits: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """Cross-entropy between scores and labels, one value per trial.

    Parameters
    ----------
    logits : Tensor, shape (n_trials, n_outputs)
        Raw scores, before softmax.
    y : Tensor of int64, shape (n_trials,)
        Class of each trial, from 0 to ``n_outputs - 1``.
    weight : Tensor, shape (n_outputs,), optional
        How much a trial of each class counts.

    Returns
    -------
    loss : Tensor, shape (n_trials,)
        Cross-entropy in nats.
    """
    return F.cross_entropy(logits, y, weight, reduction="none")


def kl_divergence(
    student_logits: Tensor,
    teacher_logits: Tensor,
    temperature: float = 4.0,
    direction: str = "forward",
) -> Tensor:
    """Divergence between the softened classes of student and teacher.

    Parameters
    ----------
    student_logits : Tensor, shape (n_trials, n_outputs)
        Raw scores of the student. Gradients flow through them.
    teacher_logits : Tensor, shape (n_trials, n_outputs)
        Raw scores of the teacher for the same trials in the same order.
    temperature : float, default=4.0
        Divisor of both sets of scores, > 0. Larger means softer.
    direction : {"forward", "reverse"}, default="forward"
        ``"forward"`` is KL(teacher || student), which makes the student cover all
        classes that the teacher deems possible; ``"reverse"`` is
        KL(student || teacher), which makes it settle on the likeliest.

    Returns
    -------
    loss : Tensor, shape (n_trials,)
        Divergence in nats times ``temperature ** 2``.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    The factor ``temperature ** 2`` keeps the size of the gradient when the
    temperature changes [1]_. The batch mean equals the "batchmean" reduction; an
    element-wise mean would be smaller by the number of classes. With two classes the
    scores say nothing beyond the confidence.

    References
    ----------
    .. [1] Hinton, G., Vinyals, O., & Dean, J. (2015). Distilling the knowledge in a
       neural network. arXiv:1503.02531.

    Examples
    --------
    >>> import torch
    >>> scores = torch.tensor([[2.0, 0.0, -1.0]])
    >>> kl_divergence(scores, scores + 3.0)
    tensor([0.])
    """
    _check_same_shape(student_logits, teacher_logits)
    student = F.log_softmax(student_logits / temperature, dim=1)
    teacher = F.log_softmax(teacher_logits / temperature, dim=1)
    if direction == "reverse":
        student, teacher = teacher, student
    divergence = (teacher.exp() * (teacher - student)).sum(dim=1)
    return divergence * temperature**2


def standardize_logits(
    logits: Tensor, floor: float = 0.1, detach: bool = False
) -> Tensor:
    """Divide the scores of each trial by their own standard deviation.

    Parameters
    ----------
    logits : Tensor, shape (n_trials, n_outputs)
        Raw scores of at least two classes.
    floor : float, default=0.1
        Smallest divisor, > 0: the deviation of two to four scores is noisy.
    detach : bool, default=False
        Whether the deviation counts as a constant in the gradient.

    Returns
    -------
    scores : Tensor, shape (n_trials, n_outputs)
        Scores with a standard deviation of 1 (divisor ``n_outputs - 1``), or less
        where the floor was reached. Their mean is left alone: softmax ignores it.

    Examples
    --------
    >>> import torch
    >>> standardize_logits(torch.tensor([[0.0, 2.0, 4.0]]))
    tensor([[0., 1., 2.]])
    """
    std = logits.std(dim=1, keepdim=True).clamp_min(floor)
    return logits / (std.detach() if detach else std)


def decoupled_divergences(
    student_logits: Tensor, teacher_logits: Tensor, y: Tensor, temperature: float = 4.0
) -> tuple[Tensor, Tensor]:
    """Split the divergence into that of the true class and that of the others.

    Parameters
    ----------
    student_logits, teacher_logits : Tensor, shape (n_trials, n_outputs)
        Raw scores of the same trials.
    y : Tensor of int64, shape (n_trials,)
        True class of each trial.
    temperature : float, default=4.0
        Divisor of both sets of scores, > 0.

    Returns
    -------
    target : Tensor, shape (n_trials,)
        Divergence of "the true class or another" in nats, times
        ``temperature ** 2``.
    others : Tensor, shape (n_trials,)
        Divergence among the other classes, given that it is one of them, in nats,
        times ``temperature ** 2``. 0 with two classes.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    With the teacher's probability q of the true class, the divergence of
    `kl_divergence` is ``target + (1 - q) * others`` [1]_.

    References
    ----------
    .. [1] Zhao, B., Cui, Q., Song, R., Qiu, Y., & Liang, J. (2022). Decoupled
       knowledge distillation. CVPR, 11953-11962.
    """
    _check_same_shape(student_logits, teacher_logits)
    other = torch.ones_like(student_logits, dtype=torch.bool)
    other.scatter_(1, y[:, None], False)
    sides, rests = [], []
    for logits in (student_logits, teacher_logits):
        log_proba = F.log_softmax(logits / temperature, dim=1)
        rest = log_proba[other].reshape(len(logits), -1)
        of_rest = rest.logsumexp(dim=1, keepdim=True)
        sides.append(torch.cat([log_proba.gather(1, y[:, None]), of_rest], dim=1))
        rests.append(rest - of_rest)
    target, others = (
        (teacher.exp() * (teacher - student)).sum(dim=1) * temperature**2
        for student, teacher in (sides, rests)
    )
    return target, others


def _check_same_shape(student_logits: Tensor, teacher_logits: Tensor) -> None:
    """Refuse scores of other trials or classes."""
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            "'teacher_logits' must have the shape of 'student_logits', "
            f"{tuple(student_logits.shape)}, got {tuple(teacher_logits.shape)}. "
            "Both must score the same trials and classes."
        )


def _centered_unit(values: Tensor, dim: int) -> Tensor:
    """Center along an axis and scale to unit length; constants become 0."""
    centered = values - values.mean(dim=dim, keepdim=True)
    norm = centered.norm(dim=dim, keepdim=True)
    return centered / torch.where(norm > FLAT, norm, torch.inf)


class CrossEntropy:
    """Cross-entropy between the student's scores and the labels.

    Parameters
    ----------
    weight : Tensor, shape (n_outputs,), optional
        How much a trial of each class counts, >= 0. The sum over a batch is not divided
        by the weights in it, so that a rare class counts as much in a batch that has
        few of its trials.
    """

    name = "label_loss"
    needs_features = False

    def __init__(self, weight: Tensor | None = None) -> None:
        self.weight = weight

    def __call__(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), in nats.

        Where the batch holds soft labels, they take the place of the classes.
        """
        soft = getattr(batch, "soft", None)
        weight = None if self.weight is None else self.weight.to(student.logits)
        return cross_entropy(student.logits, batch.y if soft is None else soft, weight)

    def __repr__(self) -> str:
        if self.weight is None:
            return "CrossEntropy()"
        return f"CrossEntropy({[round(w, 3) for w in self.weight.tolist()]})"


class KL:
    """Divergence of the student from the teacher's softened classes.

    Parameters
    ----------
    temperature : float, default=4.0
        Divisor of both sets of scores, > 0.
    direction : {"forward", "reverse"}, default="forward"
        Which of the two is the reference, see `kl_divergence`.

    Notes
    -----
    The batch mean equals the "batchmean" reduction times ``temperature ** 2``. With two
    classes the scores say nothing beyond the confidence.

    References
    ----------
    .. [1] Hinton, G., Vinyals, O., & Dean, J. (2015). Distilling the knowledge in a
       neural network. arXiv:1503.02531.
    """

    name = "soft_loss"
    needs_features = False

    def __init__(self, temperature: float = 4.0, direction: str = "forward") -> None:
        self.temperature = check_number(
            temperature, "temperature", above=0, hint="Typical values are 1 to 10."
        )
        self.direction = check_choice(direction, "direction", DIRECTIONS)

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), in nats."""
        return kl_divergence(
            student.logits,
            teacher.logits,
            self.temperature,
            self.direction,
        )

    def __repr__(self) -> str:
        return f"KL(temperature={self.temperature:g}, direction={self.direction!r})"


class SquaredError:
    """Squared difference between the student's output and a continuous label.

    Notes
    -----
    The label loss of regression. Labels are expected on a scale of about one.
    """

    name = "label_loss"
    needs_features = False

    def __call__(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), in squared label units.

        Where the batch holds soft labels, they take the place of the labels.

        Raises
        ------
        ValueError
            If the student has more than one output.
        """
        if student.logits.shape[1] != 1:
            raise ValueError(
                "The student must have one output for a continuous label, got "
                f"{student.logits.shape[1]}. Build it with n_outputs=1."
            )
        soft = getattr(batch, "soft", None)
        target = batch.y if soft is None else soft[:, 0]
        return (student.logits[:, 0] - target).square()

    def __repr__(self) -> str:
        return "SquaredError()"


class BalancedKL:
    """Weighted sum of both divergences between softened classes.

    Parameters
    ----------
    temperature : float, default=4.0
        Divisor of both sets of scores, > 0.
    forward_weight, reverse_weight : float, default=1.0
        Weights of KL(teacher || student) and KL(student || teacher), >= 0.

    Notes
    -----
    The forward divergence makes the student cover all classes that the teacher deems
    possible, the reverse one makes it settle on the likeliest [1]_. Both carry the
    factor ``temperature ** 2``.

    References
    ----------
    .. [1] Amara, I., Sepahvand, N., Meyer, B. H., Gross, W. J., & Clark, J. J.
       (2022). BD-KD: Balancing the divergences for online knowledge distillation.
       arXiv:2212.12965.
    """

    name = "balanced_loss"
    needs_features = False

    def __init__(
        self,
        temperature: float = 4.0,
        forward_weight: float = 1.0,
        reverse_weight: float = 1.0,
    ) -> None:
        self.temperature = check_number(temperature, "temperature", above=0)
        self.forward_weight = check_number(forward_weight, "forward_weight", at_least=0)
        self.reverse_weight = check_number(reverse_weight, "reverse_weight", at_least=0)

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), in nats."""
        forward, reverse = (
            kl_divergence(student.logits, teacher.logits, self.temperature, direction)
            for direction in DIRECTIONS
        )
        return self.forward_weight * forward + self.reverse_weight * reverse

    def __repr__(self) -> str:
        return (
            f"BalancedKL(temperature={self.temperature:g}, "
            f"forward_weight={self.forward_weight:g}, "
            f"reverse_weight={self.reverse_weight:g})"
        )


class LogitL1:
    """Absolute difference between the scores, averaged over the outputs.

    Notes
    -----
    Needs no softmax, so that it also compares predictions of a continuous label. The
    batch mean equals the element-wise mean of the scores, the form in which data-free
    distillation compares student and teacher [1]_.

    References
    ----------
    .. [1] Fang, G., Song, J., Shen, C., Wang, X., Chen, D., & Song, M. (2019).
       Data-free adversarial distillation. arXiv:1912.11006.
    """

    name = "logit_loss"
    needs_features = False

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), in units of the scores."""
        _check_same_shape(student.logits, teacher.logits)
        return (student.logits - teacher.logits).abs().mean(dim=1)

    def __repr__(self) -> str:
        return "LogitL1()"


class LogitMSE:
    """Squared difference between the scores, averaged over the outputs.

    Notes
    -----
    The regression on a teacher's scores of [1]_, whose formula has the sum over
    classes and a factor of one half; the batch mean here equals the element-wise mean
    of [2]_. Needs no softmax, so that it also compares predictions of a continuous
    label. Unlike the divergence it sees a common shift of all scores.

    References
    ----------
    .. [1] Ba, J., & Caruana, R. (2014). Do deep nets really need to be deep? NeurIPS,
       2654-2662.
    .. [2] Kim, T., Oh, J., Kim, N., Cho, S., & Yun, S.-Y. (2021). Comparing
       Kullback-Leibler divergence and mean squared error loss in knowledge
       distillation. IJCAI, 2628-2635.
    """

    name = "logit_loss"
    needs_features = False

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), in squared score units."""
        _check_same_shape(student.logits, teacher.logits)
        return (student.logits - teacher.logits).square().mean(dim=1)

    def __repr__(self) -> str:
        return "LogitMSE()"


class DecoupledKD:
    """Divergence of the true class and of the other classes, weighted apart.

    Parameters
    ----------
    alpha : float, default=1.0
        Weight of "the true class or another", >= 0.
    beta : float, default=8.0
        Weight of the divergence among the other classes, >= 0.
    temperature : float, default=4.0
        Divisor of both sets of scores, > 0.

    Notes
    -----
    In plain distillation the second part fades where the teacher is sure; here it does
    not [1]_. With two classes there is one other class and nothing to compare: what
    remains is ``alpha`` times `KL`. The published ``beta`` was tuned for 100 classes.
    The batch mean equals the published "batchmean".

    References
    ----------
    .. [1] Zhao, B., Cui, Q., Song, R., Qiu, Y., & Liang, J. (2022). Decoupled
       knowledge distillation. CVPR, 11953-11962.
    """

    name = "decoupled_loss"
    needs_features = False

    def __init__(
        self, alpha: float = 1.0, beta: float = 8.0, temperature: float = 4.0
    ) -> None:
        self.alpha = check_number(alpha, "alpha", at_least=0)
        self.beta = check_number(beta, "beta", at_least=0)
        self.temperature = check_number(temperature, "temperature", above=0)

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), in nats."""
        target, others = decoupled_divergences(
            student.logits, teacher.logits, batch.y, self.temperature
        )
        return self.alpha * target + self.beta * others

    def __repr__(self) -> str:
        return (
            f"DecoupledKD(alpha={self.alpha:g}, beta={self.beta:g}, "
            f"temperature={self.temperature:g})"
        )


class StandardizedKL:
    """Divergence between classes softened by each trial's own spread of scores.

    Parameters
    ----------
    temperature : float, default=1.0
        Divisor on top of the standard deviation, > 0. 1 is that of [1]_, 2 that of
        [2]_.
    detach : bool, default=False
        Whether the deviation counts as a constant in the gradient. In both papers'
        code it does not.
    floor : float, default=0.1
        Smallest deviation to divide by, > 0, see `standardize_logits`.

    Notes
    -----
    The factor ``temperature ** 2`` is 1 in [1]_ and 4 in [2]_, as published; centering
    the scores, as [2]_ does, changes nothing behind a softmax. The floor is ours: the
    papers have 100 classes. With two classes the deviation is the difference of both
    scores over the square root of 2, so that all that remains above the floor is which
    class is the likelier, without a gradient unless ``detach``.

    References
    ----------
    .. [1] Choi, H., Jeon, E. S., Shukla, A., & Turaga, P. (2023). Understanding the
       role of mixup in knowledge distillation: An empirical study. WACV, 2319-2328.
    .. [2] Sun, S., Ren, W., Li, J., Wang, R., & Cao, X. (2024). Logit standardization
       in knowledge distillation. CVPR, 15731-15740.
    """

    name = "standardized_loss"
    needs_features = False

    def __init__(
        self, temperature: float = 1.0, detach: bool = False, floor: float = 0.1
    ) -> None:
        self.temperature = check_number(temperature, "temperature", above=0)
        self.detach = check_choice(detach, "detach", (True, False))
        self.floor = check_number(floor, "floor", above=0)

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), in nats."""
        ours, theirs = (
            standardize_logits(output.logits, self.floor, self.detach)
            for output in (student, teacher)
        )
        return kl_divergence(ours, theirs, self.temperature)

    def __repr__(self) -> str:
        return (
            f"StandardizedKL(temperature={self.temperature:g}, detach={self.detach}, "
            f"floor={self.floor:g})"
        )


class DIST:
    """Correlation of the softened classes, within trials and within classes.

    Parameters
    ----------
    inter_weight : float, default=2.0
        Weight of one minus the correlation over classes, >= 0.
    intra_weight : float, default=2.0
        Weight of one minus the correlation over the trials of the batch, >= 0.
    temperature : float, default=4.0
        Divisor of both sets of scores, > 0.

    Notes
    -----
    Both parts carry the factor ``temperature ** 2`` [1]_. One minus the correlation of
    two centered unit columns is half their squared distance; the second part of trial
    i is its share of that, times n_batch and averaged over classes, so that it is
    never negative and the batch mean equals the published loss where probabilities
    vary over the batch. A column that is constant in both networks gives 0 here and one
    times the weight in the published code; one that is constant in one network gives
    one half here. Probabilities that do not vary have no correlation and give no
    gradient. The second part is 0 for a batch of one trial. With two classes the first
    part is 0 or 2 times its weight, without a gradient: only the second part teaches.

    References
    ----------
    .. [1] Huang, T., You, S., Wang, F., Qian, C., & Xu, C. (2022). Knowledge
       distillation from a stronger teacher. NeurIPS, 33716-33727.
    """

    name = "dist_loss"
    needs_features = False

    def __init__(
        self,
        inter_weight: float = 2.0,
        intra_weight: float = 2.0,
        temperature: float = 4.0,
    ) -> None:
        self.inter_weight = check_number(inter_weight, "inter_weight", at_least=0)
        self.intra_weight = check_number(intra_weight, "intra_weight", at_least=0)
        self.temperature = check_number(temperature, "temperature", above=0)

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        _check_same_shape(student.logits, teacher.logits)
        probas = [
            F.softmax(output.logits / self.temperature, dim=1)
            for output in (student, teacher)
        ]
        s_rows, t_rows = (_centered_unit(proba, dim=1) for proba in probas)
        loss = self.inter_weight * (1 - (s_rows * t_rows).sum(dim=1))
        n_trials = len(student.logits)
        if n_trials > 1:
            s_columns, t_columns = (_centered_unit(proba, dim=0) for proba in probas)
            apart = (s_columns - t_columns).square().mean(dim=1) * n_trials / 2
            loss = loss + self.intra_weight * apart
        return loss * self.temperature**2

    def __repr__(self) -> str:
        return (
            f"DIST(inter_weight={self.inter_weight:g}, "
            f"intra_weight={self.intra_weight:g}, temperature={self.temperature:g})"
        )
