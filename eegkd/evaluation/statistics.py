"""Numbers that scores allow: intervals, paired tests, tests against chance level."""

from __future__ import annotations

import numpy as np

from eegkd._checks import check_choice
from eegkd.evaluation.metrics import METRICS

__all__ = [
    "chance_test",
    "combine_datasets",
    "effect_size",
    "effective_trials",
    "holm",
    "mean_interval",
    "paired_permutation_test",
    "seed_noise",
    "seeds_needed",
    "smallest_p_value",
]

N_FLIPS = 9999  # random sign flips, where there are too many to try all
SIGNIFICANCE = 0.05
MIN_SUBJECTS = 6  # with five, the smallest p-value is 2 ** -4 = 0.0625
MAX_SEEDS = 1000
PRACTICAL_SEEDS = 100  # what needs as many is not named in words


def mean_interval(
    scores: np.ndarray, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return the mean over subjects and its confidence interval.

    Parameters
    ----------
    scores : ndarray, shape (n_subjects,)
        One score for each subject, averaged over seeds first: two seeds of one
        subject are not two subjects.
    confidence : float, default=0.95
        Coverage of Student's t interval.

    Returns
    -------
    mean, low, high : float
        The interval is NaN with fewer than two subjects, and the mean without any.
    """
    scores = np.asarray(scores, dtype=float)
    mean = float(scores.mean()) if len(scores) else float("nan")
    if len(scores) < 2:
        return mean, float("nan"), float("nan")
    from scipy.stats import t

    half = t.ppf((1 + confidence) / 2, len(scores) - 1) * scores.std(ddof=1)
    half = float(half / np.sqrt(len(scores)))
    return mean, mean - half, mean + half


def paired_permutation_test(a: np.ndarray, b: np.ndarray) -> float:
    """Return the two-sided p-value of a paired permutation test of the means.

    Parameters
    ----------
    a, b : ndarray, shape (n_subjects,)
        Scores of two methods for the same subjects in the same order, averaged over
        seeds first.

    Returns
    -------
    p_value : float
        Part of the sign flips of the differences whose mean is at least as extreme;
        all flips up to 13 subjects, 9999 random ones above. 1.0 with one subject.

    Notes
    -----
    With n subjects the smallest possible value is ``2 ** (1 - n)``: under six
    subjects no difference can reach 0.05.
    """
    from scipy.stats import permutation_test

    difference = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    if len(difference) < 2 or not difference.any():
        return 1.0
    result = permutation_test(
        (difference,),
        np.mean,
        permutation_type="samples",
        n_resamples=N_FLIPS,
        random_state=np.random.default_rng(0),
    )
    return float(result.pvalue)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values corrected for their number by Holm's method.

    Parameters
    ----------
    p_values : ndarray, shape (n_comparisons,)
        The p-values of all comparisons that were made. NaN stands for one that was
        not made: it stays NaN and is not counted.

    Returns
    -------
    corrected : ndarray, shape (n_comparisons,)
        With them the chance of one or more false findings among all comparisons stays
        below the level at which they are read, however they depend on each other [1]_.

    References
    ----------
    .. [1] Holm, S. (1979). A simple sequentially rejective multiple test procedure.
       Scandinavian Journal of Statistics, 6(2), 65-70.
    """
    p_values = np.asarray(p_values, dtype=float)
    corrected = np.full(p_values.shape, np.nan)
    made = np.flatnonzero(np.isfinite(p_values))
    order = made[np.argsort(p_values[made], kind="stable")]
    stepped = p_values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return corrected


def smallest_p_value(n_subjects: int) -> float:
    """Return the smallest p-value that `paired_permutation_test` can give.

    Parameters
    ----------
    n_subjects : int
        Number of subjects.

    Returns
    -------
    p_value : float
        ``2 ** (1 - n_subjects)``, or what the number of random flips allows; 1.0 with
        fewer than two subjects.
    """
    if n_subjects < 2:
        return 1.0
    if 2**n_subjects <= N_FLIPS:
        return float(2.0 ** (1 - n_subjects))
    return 2 / (N_FLIPS + 1)


def effect_size(a: np.ndarray, b: np.ndarray) -> float:
    """Return the standardized mean difference of paired scores.

    Parameters
    ----------
    a, b : ndarray, shape (n_subjects,)
        Scores of two methods for the same subjects in the same order, averaged over
        seeds first.

    Returns
    -------
    effect : float
        Mean of the differences over their standard deviation between subjects,
        Cohen's d for paired scores [1]_ [2]_: 0.2 is called small, 0.5 medium, 0.8
        large. Positive where ``a`` scores more; infinite where all subjects differ
        by the same; NaN with one subject.

    References
    ----------
    .. [1] Cohen, J. (1988). Statistical power analysis for the behavioral sciences
       (2nd ed.), section 2.3.5. Lawrence Erlbaum.
    .. [2] Lakens, D. (2013). Calculating and reporting effect sizes to facilitate
       cumulative science. Frontiers in Psychology, 4, 863.
    """
    difference = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    if len(difference) < 2:
        return float("nan")
    mean, spread = difference.mean(), difference.std(ddof=1)
    # Equal differences leave a rounding error of the size of the scores, not zero.
    if spread <= 1e-12 * max(1.0, float(np.abs(difference).max())):
        return 0.0 if abs(mean) <= 1e-12 else float(np.copysign(np.inf, mean))
    return float(mean / spread)


def seed_noise(scores: np.ndarray) -> float:
    """Return how much one seed's score differs from the mean over seeds.

    Parameters
    ----------
    scores : ndarray, shape (n_subjects, n_seeds)
        Scores, or differences of scores, of single seeds. NaN where one is missing.

    Returns
    -------
    sd : float
        Standard deviation around the mean of the same subject, pooled over subjects;
        NaN where no subject has two seeds.
    """
    scores = np.asarray(scores, dtype=float)
    counts = np.isfinite(scores).sum(axis=1)
    rows = scores[counts >= 2]
    if not len(rows):
        return float("nan")
    squares = np.nansum((rows - np.nanmean(rows, axis=1, keepdims=True)) ** 2)
    return float(np.sqrt(squares / (counts[counts >= 2] - 1).sum()))


def seeds_needed(difference: float, sd: float, n_subjects: int) -> float:
    """Return how many seeds tell a mean difference from the noise of the seeds.

    Parameters
    ----------
    difference : float
        Mean difference of two methods over subjects and seeds.
    sd : float
        Standard deviation of the difference of one subject between seeds, see
        `seed_noise`. Where there is one seed only, that of EEGNet on nine subjects
        helps [3]_: ``METRICS[metric].single_run_sd``.
    n_subjects : int
        Number of subjects whose noise is independent; 1 where one network serves all
        and ``sd`` is that of the mean over subjects.

    Returns
    -------
    n_seeds : float
        The smallest whole number with which the difference is larger than the half
        width of the 95 % interval that seeds alone give it,
        ``1.96 * sd / sqrt(n_subjects * n_seeds)``. At least 2, since one seed does
        not show its own noise; infinite if it is more than `MAX_SEEDS`; NaN if the
        difference is 0, which no number of seeds tells from 0, or ``sd`` is NaN.

    Notes
    -----
    It is an estimate made from the observed difference, which is itself noisy: a
    guide for planning, not a promise. Whether other subjects would show the
    difference is another question, that only more subjects answer. Reporting single
    seeds misleads for that reason [1]_ [2]_.

    References
    ----------
    .. [1] Bouthillier, X., et al. (2021). Accounting for variance in machine learning
       benchmarks. Proceedings of Machine Learning and Systems, 3, 747-769.
    .. [2] Colas, C., Sigaud, O., & Oudeyer, P.-Y. (2018). How many random seeds?
       Statistical power analysis in deep reinforcement learning experiments.
       arXiv:1806.08295.
    .. [3] Borra, D., Paissan, F., & Ravanelli, M. (2024). SpeechBrain-MOABB: An
       open-source Python library for benchmarking deep neural networks applied to EEG
       signals. Computers in Biology and Medicine, 182, 109097.
    """
    if difference == 0 or not np.isfinite([difference, sd]).all():
        return float("nan")
    bound = (1.96 * sd / difference) ** 2 / n_subjects
    if bound >= MAX_SEEDS:
        return float("inf")
    return float(max(2, int(bound) + 1))


def effective_trials(labels: np.ndarray) -> float:
    """Return with how many balanced, independent trials a test is worth as much.

    Parameters
    ----------
    labels : ndarray, shape (n_trials,)
        Classes of the test trials of one subject in the order of recording.

    Returns
    -------
    n_effective : float
        At most the number of trials; 0 where only one class occurs.

    Notes
    -----
    Two things make trials worth less than their number. *Rare classes*: with ``n_k``
    trials of class k, balanced accuracy and ROC-AUC at chance level vary as much as
    with ``K ** 2 / sum(1 / n_k)`` balanced trials. *Classes in blocks*: where a state
    lasts for a minute and is cut into windows, whatever drifts makes the windows of a
    minute alike, and the block is the unit. What counts for this is the product of the
    autocorrelations of labels and outputs [1]_. Outputs are not known here and taken
    for constant within a block, the worst case; labels are known. The number is
    multiplied by how often the label changes from one trial to the next, divided by how
    often it would in random order, ``(n ** 2 - sum(n_k ** 2)) / n`` [2]_, if that is
    less than 1. Blocks of equal length of two classes then count about twice: two
    blocks are two trials, and ten blocks eighteen.

    Overlapping windows of stimuli in random order are no reason for a correction:
    outputs of neighbors are alike, but their labels are not, so that the sum over
    trials varies as if they were independent.

    References
    ----------
    .. [1] Bartlett, M. S. (1935). Some aspects of the time-correlation problem in
       regard to tests of significance. Journal of the Royal Statistical Society,
       98(3), 536-543.
    .. [2] Mood, A. M. (1940). The distribution theory of runs. The Annals of
       Mathematical Statistics, 11(4), 367-392.

    Examples
    --------
    >>> import numpy as np
    >>> from eegkd.evaluation.statistics import effective_trials
    >>> effective_trials(np.tile(["left", "right"], 50))
    100.0
    >>> effective_trials(np.repeat(["open", "closed"], 50))
    2.0
    """
    labels = np.asarray(labels)
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        return 0.0
    n = len(labels)
    changes = np.count_nonzero(np.diff(codes))
    in_random_order = (n**2 - np.sum(counts**2)) / n
    balanced = len(counts) ** 2 / np.sum(1 / counts)
    return float(balanced * min(1.0, changes / in_random_order))


def pool_folds(n_effective: np.ndarray) -> float:
    """Return with how many trials the mean over the folds of one subject is worth.

    Each fold is trained on what others are tested on, so that their scores are not
    independent and a binomial test of all trials finds too much [1]_. The variance of
    the mean is multiplied by ``1 + F / (F - 1)`` for F folds, the correction of Nadeau
    and Bengio for test sets of ``1 / (F - 1)`` of the training set [2]_. With five
    folds of noise, 100 trials and discriminant analysis it was 1.5 to 1.7 times as
    large as without it, where this says 2.25.

    References
    ----------
    .. [1] Noirhomme, Q., et al. (2014). Biased binomial assessment of cross-validated
       estimation of classification accuracies illustrated in diagnosis predictions.
       NeuroImage: Clinical, 4, 687-694.
    .. [2] Nadeau, C., & Bengio, Y. (2003). Inference for the generalization error.
       Machine Learning, 52(3), 239-281.
    """
    n_effective = np.asarray(n_effective, dtype=float)
    n_folds = len(n_effective)
    if not (n_effective > 0).all():
        return 0.0
    total = float(n_folds**2 / np.sum(1 / n_effective))
    return total / (1 + n_folds / (n_folds - 1)) if n_folds > 1 else total


def chance_test(
    scores: np.ndarray,
    n_effective: np.ndarray,
    n_classes: int,
    *,
    metric: str = "balanced_accuracy",
) -> float:
    """Return the one-sided p-value of scores against chance level in all subjects.

    Parameters
    ----------
    scores : ndarray, shape (n_subjects,)
        One score for each subject, averaged over folds and seeds first: the seeds of
        a subject are tested on the same trials.
    n_effective : ndarray, shape (n_subjects,)
        Trials that each score is worth, see `effective_trials`.
    n_classes : int
        Number of classes, >= 2.
    metric : {"balanced_accuracy", "roc_auc"}, default="balanced_accuracy"
        What the scores are, see
        `eegkd.evaluation.metrics.judged_metric`.

    Returns
    -------
    p_value : float
        How often chance would score as much in the mean over subjects; 1.0 without any
        subject or effective trial.

    Raises
    ------
    ValueError
        If the metric is another one.

    Notes
    -----
    The test trials are the units, not the subjects. The question is whether *these*
    classifiers are above chance level on *these* subjects: at chance level, differences
    between them mean nothing. That holds for one subject as for ten, where a test over
    subjects has nothing to say of one and cannot reach 0.05 with four. Nothing is shown
    of other subjects; at most that some of those tested are decoded. A t-test of
    accuracies over subjects shows no more than that either, since nobody's true
    accuracy is below chance [1]_.

    Balanced accuracy of equal numbers of trials of one seed is the exact binomial
    test of the pooled trials [2]_; fractions of trials, which averages of seeds give,
    are interpolated by the incomplete beta function. For ROC-AUC it is the normal
    approximation of the Mann-Whitney test, whose variance without ties is Hanley and
    McNeil's at 0.5 [3]_. Subjects have equal weights, as in the mean. The mean of seeds
    is tested as if it were that of one: seeds do not make trials more.

    References
    ----------
    .. [1] Allefeld, C., Görgen, K., & Haynes, J.-D. (2016). Valid population inference
       for information-based imaging: From the second-level t-test to prevalence
       inference. NeuroImage, 141, 378-392.
    .. [2] Müller-Putz, G. R., Scherer, R., Brunner, C., Leeb, R., & Pfurtscheller, G.
       (2008). Better than random? A closer look on BCI results. International Journal
       of Bioelectromagnetism, 10(1), 52-55.
    .. [3] Hanley, J. A., & McNeil, B. J. (1982). The meaning and use of the area under
       a receiver operating characteristic (ROC) curve. Radiology, 143(1), 29-36.

    Examples
    --------
    >>> import numpy as np
    >>> from eegkd.evaluation.statistics import chance_test
    >>> round(chance_test(np.array([0.60]), np.array([50]), 2), 3)
    0.101
    >>> round(chance_test(np.array([0.60, 0.60]), np.array([50, 50]), 2), 3)
    0.028
    """
    from scipy.special import betainc, ndtr

    testable = [name for name, row in METRICS.items() if row.testable]
    check_choice(metric, "metric", testable)
    scores = np.asarray(scores, dtype=float)
    n_effective = np.asarray(n_effective, dtype=float)
    used = np.isfinite(scores) & (n_effective > 0)
    if not used.any():
        return 1.0
    mean, n_effective = scores[used].mean(), n_effective[used]
    if metric == "roc_auc":
        variance = np.mean((n_effective + 1) / (3 * n_effective**2)) / len(n_effective)
        return float(ndtr((0.5 - mean) / np.sqrt(variance)))
    n = len(n_effective) ** 2 / np.sum(1 / n_effective)
    right = n * mean
    if right <= 0:
        return 1.0
    return float(betainc(right, n - right + 1, 1 / n_classes))


def combine_datasets(
    effects: np.ndarray, p_values: np.ndarray, n_subjects: np.ndarray
) -> tuple[float, float]:
    """Return effect and p-value over several datasets, by MOABB's meta-analysis.

    Parameters
    ----------
    effects : ndarray, shape (n_datasets,)
        Effect of each dataset, see `effect_size`.
    p_values : ndarray, shape (n_datasets,)
        Its two-sided p-value, see `paired_permutation_test`.
    n_subjects : ndarray of int, shape (n_datasets,)
        Its number of subjects.

    Returns
    -------
    effect : float
        Mean of the effects, weighted by the square roots of the numbers of subjects.
    p_value : float
        Two-sided p-value by Stouffer's method with the same weights [1]_ [2]_.

    Notes
    -----
    MOABB combines one-sided p-values. Two-sided ones are turned into those of "a is
    larger" by the sign of their effect, and the combined one is turned back: datasets
    that contradict each other cancel, instead of adding up.

    References
    ----------
    .. [1] Jayaram, V., & Barachant, A. (2018). MOABB: trustworthy algorithm
       benchmarking for BCIs. Journal of Neural Engineering, 15(6), 066011.
    .. [2] Stouffer, S. A., Suchman, E. A., DeVinney, L. C., Star, S. A., & Williams,
       R. M. (1949). The American soldier: Adjustment during army life. Princeton
       University Press.
    """
    from moabb.analysis.meta_analysis import combine_effects, combine_pvalues

    effects = np.asarray(effects, dtype=float)
    p_values = np.asarray(p_values, dtype=float)
    n_subjects = np.asarray(n_subjects)
    larger = np.where(effects > 0, p_values / 2, 1 - p_values / 2)
    larger = np.where(effects == 0, 0.5, larger)
    p_value = float(combine_pvalues(larger, n_subjects))
    effect = float(combine_effects(effects, n_subjects))
    return effect, min(1.0, 2 * min(p_value, 1 - p_value))
