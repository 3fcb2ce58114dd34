"""Criteria on how trials relate to each other inside a layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import smooth_l1_loss

from eegkd._checks import check_int, check_number
from eegkd.criteria.base import TrainedCriterion, embedding_of

if TYPE_CHECKING:
    from eegkd.decoders import Output
    from eegkd.samplers import Batch

EPS = 1e-12  # a map that is constant in time has no correlation, not an infinite one
FLAT = 1e-6  # of the size of a map; less variation over time is rounding
OFFSET = 1e-7  # added to probabilities inside a logarithm


class _TrialSimilarity(torch.autograd.Function):
    """`trial_similarity` with one matrix product forward and one backward.

    Left to autograd, the gradient of ``Z @ Z.T`` takes two products and centering and
    scaling keep four copies of the features. The gradient of Z is a mixture of rows of
    Z, which are centered already, so nothing needs to be centered again.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        n_trials, n_maps, n_steps = features.shape
        floor = features.norm(dim=2, keepdim=True).mul_(FLAT).add_(EPS)
        unit = features - features.mean(dim=2, keepdim=True)
        norm = unit.norm(dim=2, keepdim=True)
        norm.masked_fill_(norm <= floor, torch.inf)  # neither value nor gradient
        unit.div_(norm)
        ctx.save_for_backward(unit, norm)
        rows = unit.reshape(n_trials, n_maps * n_steps)
        return rows @ rows.T / n_maps

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        unit, norm = ctx.saved_tensors
        n_trials, n_maps, _ = unit.shape
        mixed = (grad + grad.T).div_(n_maps) @ unit.reshape(n_trials, -1)
        mixed = mixed.reshape(unit.shape)
        along = torch.einsum("imt,imt->im", mixed, unit).unsqueeze(2)
        return mixed.addcmul_(along, unit, value=-1).div_(norm)


def trial_similarity(features: Tensor) -> Tensor:
    """Correlation in time between all pairs of trials, averaged over feature maps.

    Parameters
    ----------
    features : Tensor, shape (n_trials, n_maps, n_steps)
        Activity of one layer, time last.

    Returns
    -------
    similarity : Tensor, shape (n_trials, n_trials)
        Symmetric, between -1 and 1, with a diagonal of 1 except for constant maps. It
        does not change when a map is scaled by a positive factor or shifted, or when
        maps are repeated.

    Notes
    -----
    Each map of each trial is centered and scaled to unit length over time; the entry
    of trials i and j is the mean over maps of the product of the two, that is, of
    their Pearson correlation [1]_. The gradient can be taken once, not twice.

    A map that is constant in time, up to a millionth of its size, has no correlation:
    it counts as 0 with any other and with itself, and passes no gradient.

    References
    ----------
    .. [1] Huang, X.-Y., Chen, S.-Y., & Wei, C.-S. (2024). Enhancing low-density
       EEG-based brain-computer interfacing with similarity-keeping knowledge
       distillation. IEEE Transactions on Emerging Topics in Computational
       Intelligence, 8(2), 1156-1166.

    Examples
    --------
    >>> import torch
    >>> ramp = torch.arange(5.0)
    >>> trial_similarity(torch.stack([ramp, 2 * ramp + 1, -ramp])[:, None])
    tensor([[ 1.,  1., -1.],
            [ 1.,  1., -1.],
            [-1., -1.,  1.]])
    """
    return _TrialSimilarity.apply(features)


def similarity_keeping_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference between two similarity matrices, one value per trial.

    Parameters
    ----------
    student, teacher : Tensor, shape (n_trials, n_trials)
        Similarity of the same trials in the same order, see `trial_similarity`.

    Returns
    -------
    loss : Tensor, shape (n_trials,)
        Row means. Their mean equals the published mean over all pairs.
    """
    return (student - teacher).square().mean(dim=1)


class SimilarityKeeping:
    """Keep between the student's trials the similarities that the teacher sees.

    Parameters
    ----------
    n_taps : int, default=2
        How many of the decoders' taps to compare at most, counted from the last;
        fewer where one of the two decoders has fewer. The published method takes the
        last two of three, behind the layer that combines the electrodes, so that the
        number of electrodes does not matter.

    Notes
    -----
    The per-tap losses are summed, as published. Except for constant maps, the diagonal
    of both matrices is 1 and adds nothing, so the loss of a batch of B trials is
    (B - 1) / B times the mean over pairs of different trials.

    Correlations between unrelated trials vary by chance, with a variance of one over
    the number of independent samples: ``n_maps * (n_steps - 1)`` for white maps, far
    less for slow ones or maps that are alike. The loss grows in proportion, so that its
    weight does not carry over between networks, or from long trials to short ones.

    References
    ----------
    .. [1] Huang, X.-Y., Chen, S.-Y., & Wei, C.-S. (2024). Enhancing low-density
       EEG-based brain-computer interfacing with similarity-keeping knowledge
       distillation. IEEE Transactions on Emerging Topics in Computational
       Intelligence, 8(2), 1156-1166.
    """

    name = "similarity_loss"
    between_trials = True

    def __init__(self, n_taps: int = 2) -> None:
        self.n_taps = check_int(n_taps, "n_taps", at_least=1)

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), between 0 and 4 n_taps."""
        losses = [
            similarity_keeping_loss(
                student.relation(trial_similarity, student_tap),
                teacher.relation(trial_similarity, teacher_tap),
            )
            for student_tap, teacher_tap in last_taps(student, teacher, self.n_taps)
        ]
        return torch.stack(losses).sum(dim=0)

    def __repr__(self) -> str:
        return f"SimilarityKeeping(n_taps={self.n_taps})"


# -- similarity preserving ---------------------------------------------------------


def last_taps(
    student: Output, teacher: Output, n_taps: int, at_least: int = 1
) -> list[tuple[str, str]]:
    """Pair the last taps of two networks, from input to output.

    Parameters
    ----------
    student, teacher : Output
        What the two say of the same trials.
    n_taps : int
        How many pairs at most; fewer where one network has fewer taps.
    at_least : int, default=1
        How many pairs the caller cannot do without.

    Returns
    -------
    pairs : list of (str, str)
        Names of the student's and of the teacher's tap.

    Raises
    ------
    ValueError
        If one of the two has fewer than ``at_least`` taps.
    """
    n_pairs = min(n_taps, len(student.features), len(teacher.features))
    if n_pairs < at_least:
        raise ValueError(
            f"Student and teacher must have at least {at_least} "
            f"{'tap' if at_least == 1 else 'taps'} each, got {len(student.features)} "
            f"and {len(teacher.features)}. Build them with more taps."
        )
    return list(
        zip(
            list(student.features)[-n_pairs:],
            list(teacher.features)[-n_pairs:],
            strict=True,
        )
    )


def embeddings(student: Output, teacher: Output | None) -> tuple[Tensor, Tensor]:
    """Return both embeddings.

    Parameters
    ----------
    student, teacher : Output
        What the two say of the same trials.

    Returns
    -------
    student_embedding, teacher_embedding : Tensor, shape (n_batch, n_dims)
        ``n_dims`` may differ between the two.

    Raises
    ------
    ValueError
        If one of the two has none.
    """
    return embedding_of(student, "student"), embedding_of(teacher, "teacher")


def unit(values: Tensor, dim: int = -1, floor: float = EPS) -> Tensor:
    """Scale to unit length; what has no length becomes 0 and passes no gradient.

    Parameters
    ----------
    values : Tensor
        Any shape.
    dim : int, default=-1
        Axis along which length is measured.
    floor : float, default=1e-12
        Up to which length there is said to be none.

    Returns
    -------
    scaled : Tensor
        Same shape.
    """
    norm = torch.linalg.vector_norm(values, dim=dim, keepdim=True)
    return values / norm.masked_fill(norm <= floor, torch.inf)


def trial_gram(features: Tensor) -> Tensor:
    """Inner products between all pairs of trials over maps and time together.

    Parameters
    ----------
    features : Tensor, shape (n_trials, n_maps, n_steps)
        Activity of one layer, time last.

    Returns
    -------
    gram : Tensor, shape (n_trials, n_trials)
        Entry (i, j) depends on trials i and j alone.
    """
    rows = features.flatten(1)
    return rows @ rows.T


def centered_trial_gram(features: Tensor) -> Tensor:
    """`trial_gram` after each map of each trial has lost its mean over time.

    Parameters
    ----------
    features : Tensor, shape (n_trials, n_maps, n_steps)
        Activity of one layer, time last.

    Returns
    -------
    gram : Tensor, shape (n_trials, n_trials)
        It does not change when a map of a trial is shifted.
    """
    return trial_gram(features - features.mean(dim=2, keepdim=True))


def similarity_preserving_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference between two row-normalized Gram matrices, by row.

    Parameters
    ----------
    student, teacher : Tensor, shape (n_trials, n_trials)
        Inner products of the same trials in the same order, see `trial_gram`.

    Returns
    -------
    loss : Tensor, shape (n_trials,)
        Between 0 and 4 / n_trials. The mean equals the published sum over all pairs
        divided by the square of the number of trials.
    """
    return (unit(student, dim=1) - unit(teacher, dim=1)).square().mean(dim=1)


class SimilarityPreserving:
    """Keep the rows of the Gram matrix of the batch as the teacher's (SP).

    Parameters
    ----------
    n_taps : int, default=1
        How many of the decoders' taps to compare at most, counted from the last. The
        published method takes the last map.

    See Also
    --------
    SimilarityKeeping : Correlations in time instead of inner products.
    CenteredSimilarityPreserving : The step between the two.

    Notes
    -----
    Rows are normalized over the trials of the batch [1]_, so the Gram matrix of a
    frozen teacher is remembered and its rows are normalized after the batch is cut
    out. Rows have unit length, so that the loss of a batch of B trials is 1 / B times
    the mean squared distance of two unit vectors: it fades as batches grow.

    Neither a common scale nor a rotation of maps and steps changes the loss.

    References
    ----------
    .. [1] Tung, F., & Mori, G. (2019). Similarity-preserving knowledge distillation.
       Proceedings of the IEEE/CVF International Conference on Computer Vision,
       1365-1374.
    """

    name = "similarity_preserving_loss"
    between_trials = True
    gram = staticmethod(trial_gram)

    def __init__(self, n_taps: int = 1) -> None:
        self.n_taps = check_int(n_taps, "n_taps", at_least=1)

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        losses = [
            similarity_preserving_loss(
                student.relation(self.gram, student_tap),
                teacher.relation(self.gram, teacher_tap),
            )
            for student_tap, teacher_tap in last_taps(student, teacher, self.n_taps)
        ]
        return torch.stack(losses).sum(dim=0)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n_taps={self.n_taps})"


class CenteredSimilarityPreserving(SimilarityPreserving):
    """Similarity preserving on maps that have lost their mean over time.

    Parameters
    ----------
    n_taps : int, default=1
        How many of the decoders' taps to compare at most, counted from the last.

    Notes
    -----
    Our own step between two published losses, for comparing them: similarity
    preserving [1]_ neither centers nor scales maps and normalizes rows over the batch;
    similarity keeping [2]_ centers each map of each trial in time, scales it to unit
    length and does not normalize rows. This one centers in time and normalizes rows.
    After a squaring or a power nonlinearity all activity is positive; without
    centering all rows then look alike.

    References
    ----------
    .. [1] Tung, F., & Mori, G. (2019). Similarity-preserving knowledge distillation.
       Proceedings of the IEEE/CVF International Conference on Computer Vision,
       1365-1374.
    .. [2] Huang, X.-Y., Chen, S.-Y., & Wei, C.-S. (2024). Enhancing low-density
       EEG-based brain-computer interfacing with similarity-keeping knowledge
       distillation. IEEE Transactions on Emerging Topics in Computational
       Intelligence, 8(2), 1156-1166.
    """

    name = "centered_similarity_preserving_loss"
    gram = staticmethod(centered_trial_gram)


# -- correlation congruence --------------------------------------------------------


def kernel_correlation(embedding: Tensor, gamma: float = 0.4, order: int = 2) -> Tensor:
    """Gaussian kernel between all pairs of unit embeddings, by its Taylor series.

    Parameters
    ----------
    embedding : Tensor, shape (n_trials, n_dims)
        Scaled to unit length first.
    gamma : float, default=0.4
        Inverse width of the kernel, > 0.
    order : int, default=2
        Highest power of the series, >= 1.

    Returns
    -------
    kernel : Tensor, shape (n_trials, n_trials)
        ``exp(-2 gamma) * sum over p of (2 gamma)^p / p! * cosine^p``, which tends to
        ``exp(-gamma * squared distance)`` as ``order`` grows [1]_.

    References
    ----------
    .. [1] Peng, B., Jin, X., Liu, J., Li, D., Wu, Y., Liu, Y., Zhou, S., & Zhang, Z.
       (2019). Correlation congruence for knowledge distillation. Proceedings of the
       IEEE/CVF International Conference on Computer Vision, 5007-5016.
    """
    directions = unit(embedding)
    cosine = directions @ directions.T
    series = torch.ones_like(cosine)
    for power in range(order, 0, -1):  # Horner's scheme
        series = 1 + series * cosine * (2 * gamma / power)
    return series * math.exp(-2 * gamma)


class CorrelationCongruence:
    """Keep the kernel correlations between the embeddings of trials (CC, the paper's).

    Parameters
    ----------
    gamma : float, default=0.4
        Inverse width of the Gaussian kernel, > 0. The published value.
    order : int, default=2
        Highest power of its Taylor series, >= 1. The published value.

    See Also
    --------
    CorrelationCongruenceCode : What common code computes under the same name.

    Notes
    -----
    The batch mean is the published sum of squared differences between the two kernel
    matrices, divided by the square of the number of trials [1]_. Our reading: the
    embeddings are scaled to unit length, without which the series does not stand for
    the kernel; and no linear layer is learned between network and kernel, because
    matrices over trials compare networks of any widths, and a learned layer could
    make all trials alike in both.

    References
    ----------
    .. [1] Peng, B., Jin, X., Liu, J., Li, D., Wu, Y., Liu, Y., Zhou, S., & Zhang, Z.
       (2019). Correlation congruence for knowledge distillation. Proceedings of the
       IEEE/CVF International Conference on Computer Vision, 5007-5016.
    """

    name = "correlation_congruence_loss"
    between_trials = True

    def __init__(self, gamma: float = 0.4, order: int = 2) -> None:
        self.gamma = check_number(gamma, "gamma", above=0)
        self.order = check_int(order, "order", at_least=1)

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        own, target = (
            kernel_correlation(embedding, self.gamma, self.order)
            for embedding in embeddings(student, teacher)
        )
        return (own - target).square().mean(dim=1)

    def __repr__(self) -> str:
        return f"CorrelationCongruence(gamma={self.gamma:g}, order={self.order})"


class CorrelationCongruenceCode(TrainedCriterion):
    """What common code computes under the name of correlation congruence.

    Parameters
    ----------
    n_dims : int, default=128
        Size of the two learned linear embeddings.

    See Also
    --------
    CorrelationCongruence : What the paper describes.

    Notes
    -----
    With e the learned embeddings and d_i = abs(e_student,i - e_teacher,i), the code
    that accompanies Tian et al. [1]_, which names Peng et al. [2]_ as its origin,
    takes the mean over neighbors in the batch of the inner product of d_i and d_i+1.
    No kernel and no matrix over trials occurs in it. Half of each product counts for
    either neighbor, scaled by B / (B - 1), so that the batch mean equals the code's.

    Which trials are neighbors depends on the order of the batch. Both embeddings are
    learned, so the loss is 0 once both are constant: the student need not have
    learned anything.

    References
    ----------
    .. [1] Tian, Y., Krishnan, D., & Isola, P. (2020). Contrastive representation
       distillation. International Conference on Learning Representations.
    .. [2] Peng, B., Jin, X., Liu, J., Li, D., Wu, Y., Liu, Y., Zhou, S., & Zhang, Z.
       (2019). Correlation congruence for knowledge distillation. Proceedings of the
       IEEE/CVF International Conference on Computer Vision, 5007-5016.
    """

    name = "correlation_congruence_loss"
    between_trials = True

    def __init__(self, n_dims: int = 128) -> None:
        super().__init__()
        self.n_dims = check_int(n_dims, "n_dims", at_least=1)
        self.embed = nn.ModuleList()

    def start(self, student: Output, teacher: Output | None, batch: Batch) -> None:
        """Make one linear layer for each of the two networks."""
        both = embeddings(student, cast("Output", teacher))
        self.embed = nn.ModuleList(
            nn.Linear(values.shape[1], self.n_dims, dtype=values.dtype)
            for values in both
        )

    def forward(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,); 0 for a single trial."""
        require_start(self.embed, self)
        own, target = (
            embed(values)
            for embed, values in zip(
                self.embed, embeddings(student, cast("Output", teacher)), strict=True
            )
        )
        gap = (own - target).abs()
        halves = (gap[:-1] * gap[1:]).sum(dim=1) / 2
        edges = nn.functional.pad(halves, (1, 1))
        return (edges[:-1] + edges[1:]) * (len(gap) / max(len(gap) - 1, 1))

    def extra_repr(self) -> str:
        """Return what `repr` says of the options."""
        return f"n_dims={self.n_dims}"


def require_start(modules: nn.ModuleList, criterion: nn.Module) -> None:
    """Refuse a criterion whose modules have not been made."""
    if len(modules) == 0:
        raise RuntimeError(
            f"{type(criterion).__name__} must be started before it is called, but it "
            "has no modules yet. Call start(student, teacher, batch), or train with "
            "distill, which does."
        )


# -- relational knowledge distillation ---------------------------------------------


def pair_distances(embedding: Tensor) -> Tensor:
    """Euclidean distances between all pairs of trials.

    Parameters
    ----------
    embedding : Tensor, shape (n_trials, n_dims)
        Output of a layer.

    Returns
    -------
    distances : Tensor, shape (n_trials, n_trials)
        Exactly 0, and without gradient, for trials that rounding cannot tell apart.
    """
    return _inner_and_distances(embedding)[1]


def _inner_and_distances(embedding: Tensor) -> tuple[Tensor, Tensor]:
    """Return inner products about the batch's mean, and distances."""
    centered = embedding - embedding.mean(dim=0)  # less rounding, same distances
    inner = centered @ centered.T
    size = inner.diagonal()
    sizes = size[:, None] + size
    squared = sizes - 2 * inner
    same = squared <= 4 * torch.finfo(squared.dtype).eps * sizes
    return inner, squared.masked_fill(same, 1.0).sqrt().masked_fill(same, 0.0)


def _in_units_of_the_mean(distances: Tensor) -> Tensor:
    """Divide by the mean of the distances that are not 0."""
    n_pairs = (distances > 0).sum().clamp_min(1)
    mean = distances.sum() / n_pairs
    return distances / mean.masked_fill(mean == 0, 1.0)


def vertex_cosines(embedding: Tensor) -> Tensor:
    """Cosine of the angle at trial i between trials j and k, for all i, j, k.

    Parameters
    ----------
    embedding : Tensor, shape (n_trials, n_dims)
        Output of a layer.

    Returns
    -------
    cosines : Tensor, shape (n_trials, n_trials, n_trials)
        0 where two of the three trials cannot be told apart.
    """
    inner, distances = _inner_and_distances(embedding)
    corner = inner.diagonal()[:, None, None]
    products = inner - inner[:, :, None] - inner[:, None, :] + corner
    inverse = 1 / distances.masked_fill(distances == 0, torch.inf)
    return products * inverse[:, :, None] * inverse[:, None, :]


class RKDDistance:
    """Keep the distances between trials, in units of their mean (RKD-D).

    Notes
    -----
    Distances between embeddings are divided by the mean over all pairs of different
    trials of the batch, and compared by the Huber loss with its bend at 1 [1]_. The
    batch mean is the mean over all ordered pairs, a trial with itself included, as in
    the common code. Scale, shift and rotation of the embeddings do not matter.

    References
    ----------
    .. [1] Park, W., Kim, D., Lu, Y., & Cho, M. (2019). Relational knowledge
       distillation. Proceedings of the IEEE/CVF Conference on Computer Vision and
       Pattern Recognition, 3967-3976.
    """

    name = "rkd_distance_loss"
    between_trials = True

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,); 0 for a single trial."""
        own, target = (
            _in_units_of_the_mean(pair_distances(embedding))
            for embedding in embeddings(student, teacher)
        )
        return smooth_l1_loss(own, target, reduction="none").mean(dim=1)

    def __repr__(self) -> str:
        return "RKDDistance()"


class RKDAngle:
    """Keep the angles that triples of trials form (RKD-A).

    Notes
    -----
    The loss of trial i is the mean over j and k of the Huber loss, with its bend at 1,
    between the cosines of the two angles at i [1]_; the batch mean is the mean over
    all ordered triples, degenerate ones included, as in the common code. Scale, shift
    and rotation of the embeddings do not matter.

    Memory grows with the cube of the batch: 8 MB a matrix for 128 trials, 512 MB for
    512.

    References
    ----------
    .. [1] Park, W., Kim, D., Lu, Y., & Cho, M. (2019). Relational knowledge
       distillation. Proceedings of the IEEE/CVF Conference on Computer Vision and
       Pattern Recognition, 3967-3976.
    """

    name = "rkd_angle_loss"
    between_trials = True

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,); 0 below three trials."""
        own, target = map(vertex_cosines, embeddings(student, teacher))
        return smooth_l1_loss(own, target, reduction="none").mean(dim=(1, 2))

    def __repr__(self) -> str:
        return "RKDAngle()"


# -- probabilistic knowledge transfer ----------------------------------------------


def neighbor_probabilities(embedding: Tensor) -> Tensor:
    """Probability of each trial to be the neighbor of another, from cosines.

    Parameters
    ----------
    embedding : Tensor, shape (n_trials, n_dims)
        Output of a layer.

    Returns
    -------
    probabilities : Tensor, shape (n_trials, n_trials)
        Cosines brought between 0 and 1 and divided by the sum of their row [1]_.

    References
    ----------
    .. [1] Passalis, N., & Tefas, A. (2018). Learning deep representations with
       probabilistic knowledge transfer. Proceedings of the European Conference on
       Computer Vision, 268-284.
    """
    directions = unit(embedding)
    similarity = (directions @ directions.T + 1) / 2
    return similarity / similarity.sum(dim=1, keepdim=True)


class PKT:
    """Keep the probabilities with which trials are each other's neighbors (PKT).

    Notes
    -----
    The batch mean is the mean over all pairs of trials of
    ``p_teacher * log(p_teacher / p_student)``, 1e-7 added to both probabilities, as in
    the authors' code [1]_: the mean divergence of rows divided by the number of
    trials. A scale of its own for each trial does not matter.

    References
    ----------
    .. [1] Passalis, N., & Tefas, A. (2018). Learning deep representations with
       probabilistic knowledge transfer. Proceedings of the European Conference on
       Computer Vision, 268-284.
    """

    name = "pkt_loss"
    between_trials = True

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,); 0 for a single trial."""
        own, target = map(neighbor_probabilities, embeddings(student, teacher))
        ratio = ((target + OFFSET) / (own + OFFSET)).log()
        return (target * ratio).mean(dim=1)

    def __repr__(self) -> str:
        return "PKT()"
