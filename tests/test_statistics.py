"""Corrections, effects and combinations against statsmodels, MOABB and brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eegkd.evaluation.statistics import (
    MAX_SEEDS,
    SIGNIFICANCE,
    combine_datasets,
    effect_size,
    holm,
    paired_permutation_test,
    seed_noise,
    seeds_needed,
    smallest_p_value,
)


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_holm_equals_statsmodels(n):
    from statsmodels.stats.multitest import multipletests

    p_values = np.random.default_rng(n).random(n) ** 3
    p_values[0] = p_values[-1]  # a tie
    np.testing.assert_allclose(
        holm(p_values), multipletests(p_values, method="holm")[1]
    )


def test_holm_leaves_out_what_was_not_tested():
    corrected = holm(np.array([0.01, np.nan, 0.04]))
    np.testing.assert_allclose(corrected, [0.02, np.nan, 0.04])
    assert np.isnan(holm(np.array([np.nan]))).all()


def test_holm_keeps_the_rate_of_false_findings_among_null_comparisons():
    """Over 200 made-up tables of 4 comparisons without any difference."""
    rng = np.random.default_rng(0)
    found, naive = 0, 0
    for _ in range(200):
        scores = rng.normal(0.6, 0.1, (5, 8))
        p_values = np.array(
            [paired_permutation_test(scores[0], other) for other in scores[1:]]
        )
        found += (holm(p_values) < SIGNIFICANCE).any()
        naive += (p_values < SIGNIFICANCE).any()
    assert found / 200 <= SIGNIFICANCE + 2 * np.sqrt(0.05 * 0.95 / 200)
    assert naive / 200 > 0.08  # without the correction it would be too many


@pytest.mark.parametrize("n", [2, 6, 13, 14, 40])
def test_smallest_p_value_is_reached_by_the_clearest_difference(n):
    a = 1 + np.arange(n) / 10
    smallest = paired_permutation_test(a, np.zeros(n))
    assert smallest == pytest.approx(smallest_p_value(n))


def test_one_person_proves_nothing():
    assert smallest_p_value(1) == smallest_p_value(0) == 1.0


def test_effect_size_equals_moabb():
    from moabb.analysis.meta_analysis import compute_effect

    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.random((9, 2)), columns=["a", "b"])
    expected = compute_effect(table)[0, 1]
    assert effect_size(table["a"], table["b"]) == pytest.approx(expected)


def test_effect_size_without_spread_or_persons():
    a = np.array([0.6, 0.7, 0.8])
    assert effect_size(a, a) == 0.0
    assert effect_size(a + 0.1, a) == np.inf
    assert effect_size(a - 0.1, a) == -np.inf
    assert np.isnan(effect_size(a[:1], a[:1]))


def test_seed_noise_equals_the_residual_of_an_analysis_of_variance():
    import statsmodels.formula.api as smf

    rng = np.random.default_rng(2)
    scores = rng.normal(0.6, 0.1, (5, 1)) + rng.normal(0, 0.03, (5, 4))
    scores[1, 3] = scores[4, 0] = np.nan
    table = pd.DataFrame(scores).stack().dropna().reset_index()
    table.columns = ["subject", "seed", "score"]
    fitted = smf.ols("score ~ C(subject)", table).fit()
    assert seed_noise(scores) == pytest.approx(np.sqrt(fitted.mse_resid))


def test_seed_noise_needs_two_seeds():
    assert np.isnan(seed_noise(np.array([[0.5], [0.6]])))
    alone = np.array([[0.5, np.nan], [0.4, 0.6]])
    assert seed_noise(alone) == pytest.approx(np.std([0.4, 0.6], ddof=1))


@pytest.mark.parametrize(
    ("difference", "sd", "n_subjects"),
    [(0.02, 0.057, 9), (-0.01, 0.05, 4), (0.005, 0.04, 20), (0.02, 0.03, 1)],
)
def test_seeds_needed_is_the_first_number_that_suffices(difference, sd, n_subjects):
    found = seeds_needed(difference, sd, n_subjects)
    tried = (
        n
        for n in range(2, MAX_SEEDS + 1)
        if 1.96 * sd / np.sqrt(n_subjects * n) < abs(difference)
    )
    assert found == next(tried)


def test_seeds_needed_at_its_ends():
    assert seeds_needed(0.5, 0.01, 9) == 2  # one seed never shows its own noise
    assert seeds_needed(1e-6, 0.05, 9) == np.inf
    assert np.isnan(seeds_needed(0.0, 0.05, 9))
    assert np.isnan(seeds_needed(0.1, np.nan, 9))


def test_seeds_needed_do_resolve_in_simulation():
    """With so many seeds, seeds alone hide the sign in no more than 2.5 % of draws."""
    rng = np.random.default_rng(3)
    n_seeds = int(seeds_needed(0.01, 0.05, 6))
    noise = rng.normal(0, 0.05, (4000, 6 * n_seeds)).mean(axis=1)
    assert 0.015 < np.mean(0.01 + noise < 0) < 0.035


def made_up_datasets(sizes, gain):
    """Return MOABB's table of scores: two pipelines, one better by ``gain``."""
    rng = np.random.default_rng(4)
    rows = []
    for dataset, n in enumerate(sizes):
        means = rng.normal(0.6, 0.1, n)
        for pipeline, more in (("a", gain), ("b", 0.0)):
            for subject, score in enumerate(means + more + rng.normal(0, 0.03, n)):
                rows.append(
                    {
                        "dataset": f"D{dataset}",
                        "pipeline": pipeline,
                        "subject": subject,
                        "score": score,
                    }
                )
    return pd.DataFrame(rows)


def test_combined_datasets_equal_moabb():
    from moabb.analysis.meta_analysis import (
        compute_dataset_statistics,
        find_significant_differences,
    )

    scores = made_up_datasets([6, 9, 12], gain=0.02)
    p_table, effects = find_significant_differences(compute_dataset_statistics(scores))
    own = []
    for _, rows in scores.groupby("dataset"):
        wide = rows.pivot(index="subject", columns="pipeline", values="score")
        a, b = wide["a"].to_numpy(), wide["b"].to_numpy()
        own.append((effect_size(a, b), paired_permutation_test(a, b), len(a)))
    effect, p_value = combine_datasets(*np.array(own).T)
    assert effect == pytest.approx(effects.loc["a", "b"])
    assert p_value == pytest.approx(2 * p_table.loc["a", "b"])  # MOABB's is one-sided
    assert p_value < min(p for _, p, _ in own)


def test_datasets_that_contradict_each_other_cancel():
    effect, p_value = combine_datasets([1.0, -1.0], [0.01, 0.01], [9, 9])
    assert effect == pytest.approx(0)
    assert p_value == pytest.approx(1)


def test_combined_p_value_does_not_depend_on_who_is_a():
    p_values = [0.02, 0.3, 0.6]
    one = combine_datasets([0.8, 0.3, -0.1], p_values, [9, 12, 20])
    other = combine_datasets([-0.8, -0.3, 0.1], p_values, [9, 12, 20])
    assert one[0] == pytest.approx(-other[0])
    assert one[1] == pytest.approx(other[1])


def test_a_dataset_without_difference_says_nothing():
    effect, p_value = combine_datasets([0.0, 0.0], [1.0, 1.0], [9, 9])
    assert (effect, p_value) == (0.0, 1.0)
