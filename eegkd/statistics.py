"""What scores allow one to say: intervals and paired tests over subjects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

ROLES = ("teacher", "baseline", "student")


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
        n_resamples=9999,
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)


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
            "of_teacher": mean / teacher if teacher else np.nan,
        }
        if role == "student" and "baseline" in by_subject:
            baseline = by_subject["baseline"].loc[values.index]
            row["vs_baseline"] = mean - baseline.mean()
            row["p_value"] = paired_permutation_test(
                values.to_numpy(), baseline.to_numpy()
            )
        rows.append(row)
    return pd.DataFrame(rows).set_index("role")
