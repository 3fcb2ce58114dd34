"""What scores allow one to say: intervals and paired tests over subjects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eegkd.metrics import LESS_IS_BETTER

if TYPE_CHECKING:
    import pandas as pd

ROLES = ("teacher", "baseline", "student")
N_FLIPS = 9999  # random sign flips, where there are too many to try all
SIGNIFICANCE = 0.05
MAX_SEEDS = 1000
# Standard deviation of one subject's accuracy between single runs of one network:
# EEGNet on the 9 subjects of BNCI2014_001 has 1.35 points on their mean, which is
# 1.35 * sqrt(9) for each (Borra, D., Paissan, F., & Ravanelli, M. (2024).
# SpeechBrain-MOABB: An open-source Python library for benchmarking deep neural networks
# applied to EEG signals. Computers in Biology and Medicine, 182, 109097).
SINGLE_RUN_SD = 0.0405


def mean_interval(
    scores: np.ndarray, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return the mean over subjects and its confidence interval.

    Parameters
    ----------
    scores : ndarray, shape (n_subjects,)
        One score for each subject, averaged over seeds first: two seeds of one
        person are not two persons.
    confidence : float, default=0.95
        Coverage of Student's t interval.

    Returns
    -------
    mean, low, high : float
        The interval is NaN with fewer than two subjects.
    """
    scores = np.asarray(scores, dtype=float)
    mean = float(scores.mean())
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
        rng=np.random.default_rng(0),
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
        `seed_noise`; `SINGLE_RUN_SD` helps where there is one seed only.
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
    guide for planning, not a promise. Whether other persons would show the
    difference is another question, that only more subjects answer. Reporting single
    seeds misleads for that reason [1]_ [2]_.

    References
    ----------
    .. [1] Bouthillier, X., et al. (2021). Accounting for variance in machine learning
       benchmarks. Proceedings of Machine Learning and Systems, 3, 747-769.
    .. [2] Colas, C., Sigaud, O., & Oudeyer, P.-Y. (2018). How many random seeds?
       Statistical power analysis in deep reinforcement learning experiments.
       arXiv:1806.08295.
    """
    if difference == 0 or not np.isfinite([difference, sd]).all():
        return float("nan")
    bound = (1.96 * sd / difference) ** 2 / n_subjects
    if bound >= MAX_SEEDS:
        return float("inf")
    return float(max(2, int(bound) + 1))


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


def summarize(scores: pd.DataFrame, metric: str = "accuracy") -> pd.DataFrame:
    """Return one row for each role of a table of scores.

    Parameters
    ----------
    scores : DataFrame
        Columns ``role``, ``subject``, ``method``, ``montage``, ``n_chans`` and the
        metric's.
    metric : str, default="accuracy"
        Which column to summarize.

    Returns
    -------
    summary : DataFrame
        See `eegkd.FitResult.summary`.
    """
    import pandas as pd

    by_subject = scores.groupby(["role", "subject"], sort=False)[metric].mean()
    teacher = by_subject["teacher"].mean() if "teacher" in by_subject else np.nan
    shared = metric not in LESS_IS_BETTER  # a share of an error says nothing
    rows = []
    for role in [role for role in ROLES if role in by_subject]:
        values = by_subject[role]
        mean, low, high = mean_interval(values.to_numpy())
        first = scores[scores["role"] == role].iloc[0]
        row = {
            "role": role,
            "method": first["method"],
            "montage": first["montage"],
            "n_chans": first["n_chans"],
            "mean": mean,
            "low": low,
            "high": high,
            "of_teacher": mean / teacher if shared and teacher else np.nan,
        }
        if role == "student" and "baseline" in by_subject:
            baseline = by_subject["baseline"].loc[values.index]
            row["vs_baseline"] = mean - baseline.mean()
            row["p_value"] = paired_permutation_test(
                values.to_numpy(), baseline.to_numpy()
            )
        rows.append(row)
    return pd.DataFrame(rows).set_index("role")
