"""What a benchmark's results say, on made-up tables of scores."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from eegkd.benchmark.results import Results
from eegkd.evaluation.metrics import METRICS, SINGLE_RUN_SD
from eegkd.evaluation.splits import EVALUATIONS
from eegkd.evaluation.statistics import (
    effect_size,
    paired_permutation_test,
)
from eegkd.evaluation.wording import interval_text

from .conftest import PROJECT

MEANS = {"full": 0.7, "headphone": 0.6, "headband": 0.5}
N_CHANS = {"full": 64, "headphone": 7, "headband": 4}
SETTINGS = {"versions": {"eegkd": "0.1"}, "n_seeds": 3, "store": "results.sqlite"}


def make_tables(
    n_subjects=9,
    n_seeds=3,
    *,
    datasets=("BNCI2014_001",),
    montages=("headband",),
    decoders=("EEGNet",),
    methods=("none", "kd", "sk_kd"),
    baselines=("csp_lda", "mdm"),
    gains=None,
    noise=0.02,
    n_folds=1,
    shared=False,
    seed=0,
):
    """Return made-up scores and plan; ``gains`` is what each method adds."""
    rng = np.random.default_rng(seed)
    items = [("teacher", "teacher", name, "full") for name in decoders]
    items += [
        ("student", method, name, montage)
        for name in decoders
        for method in methods
        for montage in montages
    ]
    items += [
        ("baseline", name, "", montage) for name in baselines for montage in montages
    ]
    rows = []
    for dataset in datasets:
        level = 0.08 * rng.standard_normal(n_subjects)
        for kind, method, decoder, montage in items:
            own = level + 0.01 * rng.standard_normal(n_subjects)
            own += MEANS[montage] + (gains or {}).get(method, 0)
            for number in range(n_seeds if decoder else 1):
                luck = rng.standard_normal() * noise
                for subject in range(n_subjects):
                    for fold in range(n_folds):
                        score = own[subject] + 0.05 * fold
                        if decoder:
                            score += luck if shared else noise * rng.standard_normal()
                        job = [dataset, method, decoder, montage, number, fold]
                        rows.append(
                            {
                                "dataset": dataset,
                                "simulated": dataset.startswith("Simulated"),
                                "evaluation": "dependent" if shared else "individual",
                                "fold": f"fold{fold}",
                                "subject": str(subject + 1),
                                "seed": number,
                                "kind": kind,
                                "method": method,
                                "decoder": decoder,
                                "montage": montage,
                                "n_chans": N_CHANS[montage],
                                "n_classes": 4,
                                "n_trials": 144,
                                "n_effective": np.nan,
                                **dict.fromkeys(METRICS, score),
                                "calibration_error": 1 - score,
                                "parameters": 2300.0 if decoder else np.nan,
                                "macs": 1e6 if decoder else np.nan,
                                "key": "|".join(
                                    map(str, job if shared else [*job, subject])
                                ),
                            }
                        )
    scores = pd.DataFrame(rows)
    columns = "dataset evaluation fold kind method decoder montage seed key".split()
    planned = scores[columns].drop_duplicates("key", ignore_index=True)
    return scores, planned.assign(seeded=planned["decoder"].ne(""), status="done")


def make_results(**options):
    """Return made-up results of a finished grid."""
    return Results(*make_tables(**options), {}, SETTINGS)


def take_away(results, wanted, status="missing"):
    """Return results whose jobs ``wanted(scores)`` were not done."""
    gone = set(results.scores.loc[wanted(results.scores), "key"])
    planned = results.planned.copy()
    planned.loc[planned["key"].isin(gone), "status"] = status
    failures = dict.fromkeys(gone, "Traceback\n  a & b\nValueError: <none> left")
    return Results(
        results.scores[~results.scores["key"].isin(gone)],
        planned,
        failures if status == "failed" else {},
        SETTINGS,
    )


def unfinished(results, **options):
    """Return results of which subject 9 lacks every score of sk_kd."""
    return take_away(
        results, lambda t: t["method"].eq("sk_kd") & t["subject"].eq("9"), **options
    )


def quiet(function, *args, **options):
    """Call a function of an unfinished grid, which warns."""
    with pytest.warns(UserWarning, match="grid is not finished"):
        return function(*args, **options)


def words_of(figure):
    """Return every text on a figure."""
    return [text.get_text() for text in figure.findobj(Text)]


def test_a_baseline_that_depends_on_its_seed_is_not_ranked_on_one():
    """A network without a teacher is a baseline, too."""
    scores, planned = make_tables(n_seeds=2, gains={"mdm": 0.3}, baselines=["mdm"])
    certain = Results(scores, planned, {}, SETTINGS).compare("mdm", "none")
    assert certain["verdict"].tolist() == ["a better"]
    planned.loc[planned["method"] == "mdm", "seeded"] = True
    by_chance = Results(scores, planned, {}, SETTINGS).compare("mdm", "none")
    assert by_chance["verdict"].str.startswith("unresolved: one seed").all()
    assert by_chance["p_value"].isna().all()


# What is done and what is not


def test_finished_grid_says_so():
    results = make_results()
    assert results.complete
    assert not len(results.missing())
    assert results.trouble() == ""
    assert repr(results).endswith(f"6 methods: {len(results.planned)} of "
                                  f"{len(results.planned)} jobs done>")  # fmt: skip
    assert "INCOMPLETE" not in results.describe()
    assert "INCOMPLETE" not in results.to_latex()


@pytest.mark.parametrize("status", ["missing", "running", "failed"])
def test_unfinished_grid_is_never_called_complete(status, tmp_path):
    results = unfinished(make_results(), status=status)
    assert not results.complete
    assert len(results.missing()) == 3
    assert set(results.missing()["status"]) == {status}
    assert "INCOMPLETE" in repr(results)
    assert results.describe().startswith("INCOMPLETE: 3 of 126 jobs are not done (3 ")
    assert "INCOMPLETE: 3 of 126" in quiet(results.to_latex)
    quiet(results.to_csv, tmp_path / "scores.csv")
    quiet(results.compare, "sk_kd", "none")
    assert any("INCOMPLETE" in text for text in words_of(results.plot_scores()))


def test_unfinished_items_are_compared_on_common_subjects():
    results = unfinished(make_results())
    summary = quiet(results.summary).set_index(["montage", "method"])
    here = summary.loc["headband"]
    assert set(here["n_subjects"]) == {8}
    assert here["missing"].to_dict() == {
        "none": 0, "kd": 0, "sk_kd": 3, "csp_lda": 0, "mdm": 0,
    }  # fmt: skip
    full = summary.loc[("full", "teacher")]
    assert full["n_subjects"] == 9  # another montage
    rows = results.scores.query("method == 'none' and subject != '9'")
    assert here.loc["none", "mean"] == pytest.approx(rows["accuracy"].mean())
    compared = quiet(results.compare, "kd")
    sizes = compared.set_index("b")["n_subjects"]
    assert sizes.to_dict() == {"none": 9, "sk_kd": 8, "csp_lda": 9, "mdm": 9}


def test_seed_without_all_its_folds_is_left_out():
    """A later fold is easier here, so a missing one would shift the mean."""
    results = make_results(n_folds=2, noise=0.0)
    lame = take_away(
        results,
        lambda t: (
            t["method"].eq("kd")
            & t["fold"].eq("fold0")
            & t["seed"].eq(0)
            & t["subject"].eq("1")
        ),
    )
    before = results.by_subject().query("method == 'kd' and subject == '1'")
    after = lame.by_subject().query("method == 'kd' and subject == '1'")
    assert after["score"].item() == pytest.approx(before["score"].item())
    assert (before["n_seeds"].item(), after["n_seeds"].item()) == (3, 2)


def test_grid_without_any_score_still_speaks(tmp_path):
    full = make_results()
    results = Results(
        full.scores.iloc[:0], full.planned.assign(status="missing"), {}, SETTINGS
    )
    assert "0 of 126 jobs done" in repr(results)
    assert quiet(results.summary)["mean"].isna().all()
    verdicts = set(quiet(results.compare, "kd", "none")["verdict"])
    assert verdicts == {"not measured: no subject has both"}
    assert results.report(tmp_path / "empty.html").is_file()
    with pytest.raises(ValueError, match="must have scores to draw"):
        results.plot_scores()
    with pytest.raises(ValueError, match="must share a subject"):
        results.plot_pairs("kd", "none")


def test_failed_jobs_are_named():
    results = unfinished(make_results(), status="failed")
    text = results.describe()
    assert text.count("FAILED BNCI2014_001, individual, fold fold0, sk_kd, EEGNet") == 3
    assert "ValueError: <none> left" in text
    assert results.job("unknown") == "job unknown"


# Summary


def test_summary_equals_pandas():
    results = make_results(n_folds=2, decoders=("EEGNet", "SCCNet"))
    row = results.summary().query("method == 'kd' and decoder == 'SCCNet'").iloc[0]
    rows = results.scores.query("method == 'kd' and decoder == 'SCCNet'")
    subjects = rows.groupby(["subject", "seed"])["accuracy"].mean()
    subjects = subjects.groupby("subject").mean()
    from scipy import stats

    low, high = stats.t.interval(0.95, 8, subjects.mean(), stats.sem(subjects))
    assert tuple(row[["mean", "low", "high"]]) == pytest.approx(
        (subjects.mean(), low, high)
    )
    teacher = results.scores.query("kind == 'teacher' and decoder == 'SCCNet'")
    share = subjects.mean() / teacher["accuracy"].mean()
    assert row["of_teacher"] == pytest.approx(share)
    assert (row["n_subjects"], row["n_seeds"]) == (9, 3)


def test_baselines_are_shown_as_share_of_the_first_decoders_teacher():
    results = make_results(decoders=("EEGNet", "SCCNet"))
    row = results.summary().query("method == 'mdm'").iloc[0]
    teacher = results.scores.query("kind == 'teacher' and decoder == 'EEGNet'")
    share = row["mean"] / teacher["accuracy"].mean()
    assert row["of_teacher"] == pytest.approx(share)


def test_wins_count_persons_and_split_ties():
    scores, planned = make_tables(methods=("none", "kd"), baselines=())
    best = scores["method"].eq("kd") & scores["subject"].isin(list("12345"))
    scores["accuracy"] = np.where(best, 0.9, 0.5)
    wins = Results(scores, planned).summary().set_index("method")["wins"]
    assert wins.to_dict() == {"teacher": 9, "none": 2, "kd": 7}


def test_the_lowest_wins_where_less_is_better():
    results = make_results(gains={"sk_kd": 0.2}, baselines=())
    wins = results.summary("calibration_error").set_index("method")["wins"]
    assert wins["sk_kd"] == 9
    row = results.compare("sk_kd", "none", "calibration_error").iloc[0]
    assert row["difference"] < 0
    assert row["verdict"] == "a better"


def test_metric_that_baselines_lack():
    summary = make_results().summary("parameters").set_index("method")
    assert summary.loc["kd", "mean"] == 2300
    assert np.isnan(summary.loc["mdm", "mean"])


# Comparisons


def test_compare_equals_the_functions_of_statistics():
    results = make_results(n_subjects=7, n_folds=2, gains={"sk_kd": 0.01})
    row = results.compare("sk_kd", "none").iloc[0]
    subjects = results.scores.groupby(["method", "subject"])["accuracy"].mean()
    a, b = subjects["sk_kd"].to_numpy(), subjects["none"].to_numpy()
    assert row["difference"] == pytest.approx((a - b).mean())
    assert row["effect_size"] == pytest.approx(effect_size(a, b))
    assert row["p_value"] == row["p_holm"] == paired_permutation_test(a, b)
    swapped = results.compare("none", "sk_kd").iloc[0]
    assert swapped["low"] == pytest.approx(-row["high"])


def test_planted_difference_is_found_and_absent_one_is_not():
    results = make_results(gains={"sk_kd": 0.05}, baselines=())
    table = results.compare(["kd", "sk_kd"], "none").set_index("a")
    assert table.loc["sk_kd", "verdict"] == "a better"
    assert table.loc["kd", "verdict"].startswith("not shown")
    assert results.compare("none", "sk_kd")["verdict"].item() == "b better"


def test_null_comparisons_are_rarely_called_better():
    """Three methods that differ from none by nothing, in 25 made-up benchmarks."""
    found = 0
    for seed in range(25):
        results = make_results(
            methods=("none", "a", "b", "c"), baselines=(), n_seeds=2, seed=seed
        )
        verdicts = results.compare(None, "none")["verdict"]
        found += verdicts.str.contains("better").any()
    assert found / 25 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 25)


def test_none_stands_for_every_other_method_but_the_teacher():
    results = make_results()
    others = ["none", "sk_kd", "csp_lda", "mdm"]
    assert list(results.compare("kd")["b"]) == others
    assert list(results.compare(None, "kd")["a"]) == others
    table = results.compare("kd")
    from statsmodels.stats.multitest import multipletests

    expected = multipletests(table["p_value"], method="holm")[1]
    np.testing.assert_allclose(table["p_holm"], expected)


def test_baseline_meets_every_decoder_and_teacher_every_montage():
    results = make_results(
        decoders=("EEGNet", "SCCNet"), montages=("headband", "headphone")
    )
    baseline = results.compare("mdm", "none")
    assert list(zip(baseline["montage"], baseline["decoder"], strict=True)) == [
        ("headband", "EEGNet"),
        ("headband", "SCCNet"),
        ("headphone", "EEGNet"),
        ("headphone", "SCCNet"),
    ]
    teacher = results.compare("none", "teacher")
    assert list(teacher["montage"]) == [
        "headband",
        "headband",
        "headphone",
        "headphone",
    ]
    assert (teacher["difference"] < -0.05).all()
    two = results.compare("mdm", "csp_lda")
    assert (two["decoder"] == "").all()
    assert two["seeds_needed"].isna().all()


def test_words_do_not_read_as_if_nothing_were_better():
    text = make_results(gains={"kd": -0.2}).describe()
    assert ": the untaught student is better" in text
    assert "none better" not in text


def test_few_persons_cannot_reach_significance_and_it_says_so():
    results = make_results(n_subjects=5, gains={"sk_kd": 0.3})
    verdict = results.compare("sk_kd", "none")["verdict"].item()
    assert verdict == "not shown: 5 subjects cannot reach p < 0.05, whatever the scores"
    assert "too few subjects for any difference" in results.describe()


def test_many_comparisons_can_be_too_many_for_the_persons():
    results = make_results(n_subjects=6, gains={"sk_kd": 0.3})
    assert results.compare("sk_kd", "none")["verdict"].item() == "a better"
    verdicts = set(results.compare("sk_kd")["verdict"])
    assert verdicts == {
        "not shown: 6 subjects cannot reach p < 0.05 in 4 comparisons, whatever the "
        "scores"
    }


# Seeds


def test_one_seed_ranks_nothing():
    results = make_results(n_seeds=1, gains={"sk_kd": 0.3})
    row = results.compare("sk_kd", "none").iloc[0]
    assert np.isnan(row["p_value"])
    assert np.isnan(row["p_holm"])
    assert row["verdict"] == "unresolved: one seed; about 2 seeds would resolve it"
    assert "unresolved: one seed; about 2 seeds" in results.describe()
    assert "better" not in re.sub(r".*Are simpler methods.*", "", results.describe())
    wins = results.summary().set_index(["montage", "method"])["wins"]
    assert wins.isna().all()
    with pytest.raises(ValueError, match="cannot rank on one seed"):
        results.plot_critical_difference()


def test_one_seed_against_a_baseline_or_of_one_person_is_refused_too():
    results = make_results(n_seeds=1)
    assert results.compare("kd", "mdm")["p_value"].isna().all()
    mixed = take_away(
        make_results(),
        lambda t: t["method"].eq("kd") & t["subject"].eq("4") & t["seed"].gt(0),
    )
    row = quiet(mixed.compare, "kd", "none").iloc[0]
    assert row["n_seeds"] == 1
    assert row["verdict"].startswith("unresolved: one seed")


def test_baselines_do_not_depend_on_a_seed():
    results = make_results(n_seeds=1)
    assert np.isfinite(results.compare("mdm", "csp_lda")["p_value"].item())


@pytest.mark.parametrize(("b", "n_sides"), [("none", 2), ("mdm", 1)])
def test_seeds_needed_of_one_seed_come_from_published_noise(b, n_sides):
    results = make_results(n_seeds=1)
    row = results.compare("kd", b).iloc[0]
    sd = SINGLE_RUN_SD * np.sqrt(n_sides)
    enough = int((1.96 * sd / row["difference"]) ** 2 / 9) + 1
    expected = max(2, enough) if enough <= 1000 else np.inf
    assert row["seeds_needed"] == expected


def test_seeds_needed_are_estimated_from_several():
    results = make_results(n_seeds=8, noise=0.05, seed=3)
    row = results.compare("kd", "none").iloc[0]
    wide = results.scores.pivot_table(
        index="subject", columns=["method", "seed"], values="accuracy"
    )
    noise = (wide["kd"] - wide["none"]).var(axis=1).mean()  # equal numbers of seeds
    expected = int(1.96**2 * noise / row["difference"] ** 2 / 9) + 1
    assert row["seeds_needed"] == max(2, expected)


def test_shared_networks_do_not_count_their_luck_once_for_each_person():
    alone = make_results(n_seeds=8, noise=0.05, gains={"kd": 0.03})
    shared = make_results(n_seeds=8, noise=0.05, gains={"kd": 0.03}, shared=True)
    few, many = (one.compare("kd", "none").iloc[0] for one in (alone, shared))
    wide = shared.scores.pivot_table(
        index="subject", columns=["method", "seed"], values="accuracy"
    )
    noise = (wide["kd"] - wide["none"]).mean().var()
    expected = int(1.96**2 * noise / many["difference"] ** 2) + 1
    assert many["seeds_needed"] == expected > few["seeds_needed"]


def test_verdict_names_seeds_where_their_noise_hides_the_difference():
    results = make_results(n_seeds=2, noise=0.08, seed=1)
    row = results.compare("kd", "none").iloc[0]
    assert row["seeds_needed"] > 2
    assert re.fullmatch(
        r"not shown; the seeds alone vary by more: (about \d\d?|no practical number of)"
        r" seeds would resolve it",
        row["verdict"],
    )


@pytest.mark.parametrize(
    ("change", "metric", "expected"),
    [
        (0.0, "accuracy", "no number of seeds resolves a difference of 0"),
        (1e-6, "accuracy", "no practical number of seeds would resolve it"),
        (
            0.1,
            "itr",
            "how many would resolve it is not known for this metric and paradigm",
        ),
    ],
)
def test_words_about_seeds(change, metric, expected):
    scores, planned = make_tables(n_seeds=1, methods=("none", "kd"), baselines=())
    scores[metric] = np.where(scores["method"].eq("kd"), 0.5 + change, 0.5)
    row = Results(scores, planned).compare("kd", "none", metric).iloc[0]
    assert row["verdict"] == f"unresolved: one seed; {expected}"


@pytest.mark.parametrize("n_subjects", [1, 5])
def test_seeds_are_not_asked_for_where_subjects_are_too_few(n_subjects):
    results = make_results(n_subjects=n_subjects, n_seeds=1, gains={"kd": 0.005})
    row = results.compare("kd", "none").iloc[0]
    who = "1 subject" if n_subjects == 1 else f"{n_subjects} subjects"
    assert row["verdict"] == (
        f"unresolved: one seed, and {who} cannot reach p < 0.05, whatever the scores"
    )
    assert row["seeds_needed"] >= 2
    assert "seeds would" not in results.describe()


def test_more_seeds_than_are_practical_are_not_named():
    scores, planned = make_tables(n_seeds=1, methods=("none", "kd"), baselines=())
    scores["accuracy"] = np.where(scores["method"].eq("kd"), 0.503, 0.5)
    row = Results(scores, planned).compare("kd", "none").iloc[0]
    assert 100 <= row["seeds_needed"] < 1000
    assert row["verdict"].endswith("; no practical number of seeds would resolve it")


# Several datasets


def test_datasets_are_combined_by_moabb():
    from moabb.analysis.meta_analysis import combine_effects, combine_pvalues

    results = make_results(datasets=("A", "B"), gains={"sk_kd": 0.02})
    table = results.compare("sk_kd", "none").set_index("dataset")
    parts, row = table.loc[["A", "B"]], table.loc["all datasets"]
    assert (parts["effect_size"] > 0).all()
    one_sided = combine_pvalues((parts["p_value"] / 2).to_numpy(), np.array([9, 9]))
    assert row["p_value"] == pytest.approx(2 * one_sided)
    effect = combine_effects(parts["effect_size"].to_numpy(), np.array([9, 9]))
    assert row["effect_size"] == pytest.approx(effect)
    assert row["difference"] == pytest.approx(parts["difference"].mean())
    assert row["n_subjects"] == 18
    assert row["verdict"] == "a better"


def test_simulated_and_recorded_datasets_are_never_combined():
    results = make_results(datasets=("A", "SimulatedX", "B"))
    names = results.compare("kd", "none")["dataset"]
    assert list(names) == ["A", "SimulatedX", "B", "all datasets (recorded)"]
    assert results.simulated == ["SimulatedX"]
    alone = make_results(datasets=("A", "SimulatedX")).compare("kd", "none")
    assert list(alone["dataset"]) == ["A", "SimulatedX"]


def test_one_seed_stays_unresolved_over_datasets():
    table = make_results(datasets=("A", "B"), n_seeds=1).compare("kd", "none")
    row = table.set_index("dataset").loc["all datasets"]
    assert row["verdict"] == "unresolved: one seed; see its datasets"
    assert np.isnan(row["p_value"])


# Errors


def test_errors_say_what_to_do():
    results = make_results(montages=("headband", "headphone"))
    for call, message in (
        (lambda: results.compare("kd", "sk_kdd"), "'b' must be one of .*Did you mean"),
        (lambda: results.compare("kd", "kd"), "must name two different methods"),
        (lambda: results.compare(None), "must name two different methods"),
        (
            lambda: results.summary("accuracyy"),
            "'metric' must be one of .*Did you mean",
        ),
        (lambda: results.plot_scores(), "'montage' must be one of .*Choose one"),
        (lambda: results.plot_scores(montage="cap"), "'montage' must be one of"),
        (lambda: results.report("page.txt"), "must end in '.html'"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_missing_columns_and_rows_counted_twice_are_errors():
    scores, planned = make_tables()
    with pytest.raises(ValueError, match="'scores' must have the columns.*'kappa'"):
        Results(scores.drop(columns="kappa"), planned)
    with pytest.raises(ValueError, match="'planned' must have the columns.*'status'"):
        Results(scores, planned.drop(columns="status"))
    with pytest.raises(ValueError, match="2 rows repeat one"):
        Results(pd.concat([scores, scores.iloc[:2]]), planned)


def test_critical_difference_needs_items_and_persons():
    few = make_results(methods=("none", "kd"), baselines=())
    with pytest.raises(ValueError, match="at least 3 items .* got 2 items and 9"):
        few.plot_critical_difference()
    with pytest.raises(ValueError, match="6 subjects .* got 5 items and 5 subjects"):
        make_results(n_subjects=5).plot_critical_difference()


# Figures


def test_figures_are_drawn_and_name_what_they_show():
    results = make_results(datasets=("SimulatedX",), gains={"sk_kd": 0.05})
    title = "SIMULATED: SimulatedX, individual"
    scores = results.plot_scores()
    ranks = results.plot_critical_difference()
    pairs = results.plot_pairs("sk_kd", "none")
    assert {type(figure) for figure in (scores, ranks, pairs)} == {Figure}
    assert f"{title}, headband" in words_of(scores)
    assert {"EEGNet sk_kd", "EEGNet teacher (full)", "mdm", "chance"} <= set(
        words_of(scores)
    )
    assert f"{title}, headband" in words_of(ranks)
    assert title in words_of(pairs)
    assert {"none", "sk_kd", "headband\nEEGNet", "sk_kd - none"} <= set(words_of(pairs))


def test_dots_and_means_are_the_scores():
    results = make_results()
    ax = results.plot_scores().axes[0]
    subjects = results.by_subject().query("method == 'kd'")["score"]
    drawn = ax.collections
    shown = [
        np.sort(one.get_offsets()[:, 0]) for one in drawn if len(one.get_offsets())
    ]
    assert any(np.allclose(one, np.sort(subjects)) for one in shown if len(one) == 9)
    assert any(np.allclose(line.get_xdata(), subjects.mean()) for line in ax.lines)


def test_best_item_has_the_lowest_rank_where_less_is_better_too():
    results = make_results(gains={"sk_kd": 0.2})
    for metric in ("accuracy", "calibration_error"):
        words = words_of(results.plot_critical_difference(metric))
        assert "EEGNet sk_kd (1.0)" in words


def test_ranks_without_any_difference_are_all_joined():
    scores, planned = make_tables()
    rng = np.random.default_rng(5)
    scores["accuracy"] = 0.5 + 0.01 * rng.standard_normal(len(scores))
    figure = Results(scores, planned).plot_critical_difference()
    bars = [line for line in figure.axes[0].lines if line.get_linewidth() == 3]
    assert len(bars) == 1
    assert len(bars[0].get_xdata()) == 5


def test_ranks_of_equal_scores_are_joined_too():
    scores, planned = make_tables()
    scores["accuracy"] = 0.5
    figure = Results(scores, planned).plot_critical_difference()
    assert any("Friedman p = 1.000" in text for text in words_of(figure))


def test_several_datasets_have_a_panel_each_and_only_the_simulated_say_so():
    results = make_results(datasets=("A", "SimulatedX"))
    words = words_of(results.plot_pairs("kd", "none"))
    assert "A, individual" in words
    assert "SIMULATED: SimulatedX, individual" in words


# Files


def test_csv_holds_every_score(tmp_path):
    results = make_results()
    file = results.to_csv(tmp_path / "new" / "scores.csv")
    read = pd.read_csv(file, dtype={"subject": str}, keep_default_na=False)
    assert len(read) == len(results.scores)
    assert list(read["subject"]) == list(results.scores["subject"])


def test_latex_is_balanced_and_escaped(tmp_path):
    results = make_results(n_subjects=6)
    text = results.to_latex(tmp_path / "new" / "table.tex")
    assert (tmp_path / "new" / "table.tex").read_text(encoding="utf-8") == text
    assert r"sk\_kd" in text
    assert "sk_kd" not in text
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    cells = [row.replace(r"\&", "").count("&") for row in rows if "&" in row]
    assert set(cells) == {6}
    assert len(cells) == 1 + len(results.summary())
    for environment in ("table", "tabular"):
        assert f"\\begin{{{environment}}}" in text
        assert f"\\end{{{environment}}}" in text


class Links(HTMLParser):
    """Collect what a page would fetch, and its visible text."""

    def __init__(self):
        super().__init__()
        self.fetched, self.text, self.hidden = [], [], 0

    def handle_starttag(self, tag, attrs):
        """Note what a tag fetches."""
        self.hidden += tag in ("script", "style")
        names = {"img": "src", "script": "src", "link": "href", "iframe": "src"}
        value = dict(attrs).get(names.get(tag, ""))
        if value and not value.startswith("data:"):
            self.fetched.append(value)

    def handle_endtag(self, tag):
        """Leave a hidden part."""
        self.hidden -= tag in ("script", "style")

    def handle_data(self, data):
        """Keep visible text."""
        if not self.hidden:
            self.text.append(data)


def read_page(file):
    """Return what a page would fetch and its text, white space folded."""
    page = Links()
    page.feed(file.read_text(encoding="utf-8"))
    return page.fetched, " ".join(" ".join(page.text).split())


def test_page_stands_alone_and_says_everything(tmp_path):
    results = unfinished(
        make_results(datasets=("SimulatedX",), gains={"sk_kd": 0.05}), status="failed"
    )
    fetched, text = read_page(results.report(tmp_path / "new" / "benchmark.html"))
    assert fetched == []
    for words in (
        "SIMULATED DATA.",
        "INCOMPLETE: 3 of 126 jobs are not done (3 failed)",
        "sk_kd - none = +0.0",
        "sk_kd better",
        "How to read this page",
        "Does a teacher help?",
        "Are simpler methods better?",
        "Multiply-accumulates per trial",
        "Calibration error",
        "Bits per minute",
        "ValueError: <none> left",
        "results.sqlite",
        "Please cite eegkd 0.1",
    ):
        assert words in text, words
    assert "None" not in text
    assert " nan " not in text.lower()


def test_page_of_one_seed_ranks_nothing(tmp_path):
    results = make_results(n_seeds=1, gains={"sk_kd": 0.3}, baselines=())
    _, text = read_page(results.report(tmp_path / "benchmark.html"))
    assert "One seed: nothing is ranked." in text
    assert "unresolved: one seed; about 2 seeds would resolve it" in text
    assert "Not drawn: 'metric' cannot rank on one seed" in text
    assert "sk_kd better" not in text


def test_reading_results_needs_no_heavy_package():
    code = (
        "import sys; from eegkd.benchmark.results import Results; "
        "heavy = {'torch', 'mne', 'moabb', 'braindecode', 'sklearn', 'pandas', "
        "'matplotlib', 'scipy'}; print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_describing_a_finished_grid_needs_neither_torch_nor_moabb():
    """Of one dataset, where nothing is combined: they take seconds to import."""
    code = (
        "import sys; from tests.test_results import make_results; "
        "make_results().describe(); print({'torch', 'moabb'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
    )
    assert done.stdout.strip() == "set()"


def test_a_finished_grid_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = make_results()
        results.summary()
        results.compare("kd")


def test_figures_name_the_montage_whatever_the_order_of_rows():
    scores, planned = make_tables(montages=("headphone", "headband"))
    for order in (scores, scores[::-1].reset_index(drop=True)):
        figure = Results(order, planned, {}, SETTINGS).plot_scores(montage="headband")
        titles = [text for text in words_of(figure) if "individual" in text]
        assert titles == ["BNCI2014_001, individual, headband"]


@pytest.mark.parametrize("evaluation", EVALUATIONS)
def test_one_subject_and_one_seed_of_every_evaluation_are_told(evaluation):
    """What a small fit gives: tables built in memory, with nothing to test."""
    tables = make_tables(1, 1, baselines=(), methods=("none", "kd"))
    settings = {**SETTINGS, "paradigm": "p300"}
    results = Results(*(t.assign(evaluation=evaluation) for t in tables), {}, settings)
    assert results.metrics == ["roc_auc"]
    summary = results.summary().set_index("method")
    assert summary["low"].isna().all()
    assert summary.loc["none", "of_teacher"] < 1
    assert summary["n_chans"].to_dict() == {"teacher": 64, "none": 4, "kd": 4}
    row = results.compare("kd", "none").iloc[0]
    assert np.isfinite(row["difference"])
    assert np.isnan(row["p_value"])
    text = results.describe()
    assert f"BNCI2014_001, {evaluation}\n" in text
    assert "too few subjects for any difference" in text
    assert " nan" not in text


def test_a_teacher_at_chance_level_has_nothing_to_teach():
    scores, planned = make_tables(baselines=(), methods=("none", "kd"))
    scores.loc[scores["kind"].eq("teacher"), "balanced_accuracy"] = 0.25
    assert Results(scores, planned).at_chance() == [
        "Teacher (full) is not shown to be above chance level (accuracy 0.250). A "
        "teacher at chance level has nothing to teach."
    ]


def test_intervals_in_words_end_where_their_metric_does():
    scores, planned = make_tables(3, gains={"teacher": 0.25})
    row = Results(scores, planned).summary().iloc[0]
    assert row["high"] > 1
    assert interval_text(row) == f"{row['low']:.3f} to 1.000"
    assert interval_text({**row, "metric": "log_loss"}).endswith(f"{row['high']:.3f}")
