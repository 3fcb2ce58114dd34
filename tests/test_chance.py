"""Whether scores are more than a guess: the test, its error rate, and what is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.signal import lfilter

import eegkd
from eegkd.benchmark.results import Results
from eegkd.data.paradigms import PARADIGMS
from eegkd.evaluation.metrics import (
    METRICS,
    chance_level,
    judged_metric,
    metric_title,
    roc_auc,
)
from eegkd.evaluation.statistics import (
    SIGNIFICANCE,
    chance_test,
    effective_trials,
    pool_folds,
)
from eegkd.evaluation.table import judge_chance
from eegkd.evaluation.wording import chance_sentence
from eegkd.report.page import _figures

from .test_report import make_result, words
from .test_results import SETTINGS, make_tables, read_page, words_of

N_DRAWS = 400
# Two standard errors above 5 % in that many draws.
MOST = SIGNIFICANCE + 2 * np.sqrt(SIGNIFICANCE * (1 - SIGNIFICANCE) / N_DRAWS)
MEANS_NOTHING = "differences between them mean nothing here"


def alternating(n, n_classes=2):
    """Return labels that change from each trial to the next."""
    return np.arange(n) % n_classes


# What test trials are worth


@pytest.mark.parametrize("n_classes", [2, 4, 12])
def test_balanced_labels_that_change_are_worth_their_number(n_classes):
    assert effective_trials(alternating(120, n_classes)) == pytest.approx(120)


@pytest.mark.parametrize("counts", [(100, 20), (80, 30, 10)])
def test_rare_classes_are_worth_what_the_variance_of_a_guess_says(counts):
    """Against the variance of the mean recall, with a share of 1 / K guessed each."""
    labels = np.repeat(np.arange(len(counts)), counts)
    share = 1 / len(counts)
    variance = np.mean(share * (1 - share) / np.array(counts)) / len(counts)
    rng = np.random.default_rng(0)
    found = effective_trials(rng.permutation(labels))
    expected = share * (1 - share) / variance
    assert 0.8 * expected < found <= expected * (1 + 1e-9)


def test_order_at_random_costs_little_and_blocks_cost_most():
    rng = np.random.default_rng(1)
    labels = np.repeat(["a", "b"], 100)
    worth = [effective_trials(rng.permutation(labels)) for _ in range(50)]
    assert 185 < np.mean(worth) <= 200
    assert effective_trials(labels) == pytest.approx(2)
    assert effective_trials(np.tile(np.repeat([0, 1], 15), 5)) == pytest.approx(18)


def test_one_class_or_none_is_worth_nothing():
    assert effective_trials(np.zeros(9)) == 0
    assert effective_trials(np.array([])) == 0


def test_folds_are_worth_less_than_their_trials():
    """The correction of Nadeau and Bengio: 1/F + 1/(F - 1) instead of 1/F."""
    n_folds = 5
    factor = (1 / n_folds + 1 / (n_folds - 1)) / (1 / n_folds)
    assert pool_folds(np.full(n_folds, 20.0)) == pytest.approx(100 / factor)
    assert pool_folds(np.array([40.0])) == 40
    assert pool_folds(np.array([40.0, 0.0])) == 0
    # Of single folds the variances add up: 1/10 + 1/40 over 4.
    assert pool_folds(np.array([10.0, 40.0])) == pytest.approx(32 / 3)


# The test


@pytest.mark.parametrize(("n_classes", "right"), [(2, 33), (2, 20), (4, 19), (12, 9)])
def test_accuracy_of_one_person_equals_the_binomial_test(n_classes, right):
    expected = stats.binomtest(right, 50, 1 / n_classes, alternative="greater").pvalue
    found = chance_test(np.array([right / 50]), np.array([50]), n_classes)
    assert found == pytest.approx(expected)


def test_persons_with_equal_trials_are_pooled():
    right = np.array([28, 33, 21])
    expected = stats.binomtest(82, 150, 0.5, alternative="greater").pvalue
    found = chance_test(right / 50, np.full(3, 50), 2)
    assert found == pytest.approx(expected)


def test_roc_auc_equals_mann_whitneys_test():
    rng = np.random.default_rng(2)
    labels = alternating(60)
    outputs = rng.standard_normal(60) + 0.4 * labels
    reference = stats.mannwhitneyu(
        outputs[labels == 1],
        outputs[labels == 0],
        alternative="greater",
        method="asymptotic",
        use_continuity=False,
    )
    auc = roc_auc(labels, np.column_stack([-outputs, outputs]))
    assert auc == pytest.approx(reference.statistic / 900)
    found = chance_test(np.array([auc]), np.array([60]), 2, metric="roc_auc")
    assert found == pytest.approx(reference.pvalue)


def test_roc_auc_of_rare_targets_is_close_to_mann_whitneys_test():
    rng = np.random.default_rng(3)
    labels = np.tile([0, 0, 1, 0, 0, 0], 30)
    outputs = rng.standard_normal(180) + 0.4 * labels
    reference = stats.mannwhitneyu(
        outputs[labels == 1], outputs[labels == 0], alternative="greater"
    ).pvalue
    auc = roc_auc(labels, np.column_stack([-outputs, outputs]))
    worth = effective_trials(labels)
    found = chance_test(np.array([auc]), np.array([worth]), 2, metric="roc_auc")
    assert found == pytest.approx(reference, rel=0.2)


def test_nothing_is_shown_without_trials_or_scores():
    assert chance_test(np.array([1.0]), np.array([0.0]), 2) == 1
    assert chance_test(np.array([np.nan]), np.array([50]), 2) == 1
    assert chance_test(np.array([0.0]), np.array([50]), 2) == 1
    with pytest.raises(ValueError, match="'metric' must be one of .*'roc_auc'"):
        chance_test(np.array([0.6]), np.array([50]), 2, metric="accuracy")


def guesses(rng, labels, metric, n_seeds=1, drift=0):
    """Return scores of outputs without a meaning, seeds averaged.

    ``labels`` has the shape (..., n_trials); outputs of ``drift`` trials are alike.
    """
    n_classes = labels.max() + 1
    size = (*labels.shape, n_classes)
    shared = rng.standard_normal(size)  # a trial is as odd for every seed
    scores = 0
    for _ in range(n_seeds):
        outputs = shared + rng.standard_normal(size)
        if drift:
            outputs = lfilter([1], [1, np.exp(-1 / drift) * -1], outputs, axis=-2)
        count = area if metric == "roc_auc" else mean_recall
        scores = scores + count(labels, outputs) / n_seeds
    return scores


def mean_recall(labels, outputs):
    """Return the mean over classes of the share of their trials that is right."""
    guessed = outputs.argmax(axis=-1)
    classes = range(labels.max() + 1)
    recalls = [np.mean(guessed == k, axis=-1, where=labels == k) for k in classes]
    return np.mean(recalls, axis=0)


def area(labels, outputs):
    """Return the area under the ROC curve by the sum of ranks."""
    ranks = stats.rankdata(outputs[..., 1] - outputs[..., 0], axis=-1)
    n, targets = labels.shape[-1], labels.sum(axis=-1)
    total = np.sum(ranks * labels, axis=-1) - targets * (targets + 1) / 2
    return total / (targets * (n - targets))


def false_findings(scores, worth, n_classes, metric="balanced_accuracy"):
    """Return in what part of the draws subjects' guesses pass for more."""
    p_values = [
        chance_test(own, counts, n_classes, metric=metric)
        for own, counts in zip(scores, worth, strict=True)
    ]
    return np.mean(np.array(p_values) < SIGNIFICANCE)


CASES = {
    "imagery, one subject": (1, 144, (1, 1, 1, 1), "balanced_accuracy", 1, 0),
    "imagery, nine subjects, three seeds": (9, 40, (1,) * 4, "balanced_accuracy", 3, 0),
    "two classes, four subjects": (4, 40, (1, 1), "balanced_accuracy", 2, 0),
    "unbalanced accuracy": (2, 90, (5, 1), "balanced_accuracy", 1, 0),
    "few test trials": (1, 16, (1, 1), "balanced_accuracy", 1, 0),
    "P300, one subject, overlapping": (1, 300, (5, 1), "roc_auc", 1, 5),
    "P300, ten subjects, three seeds": (10, 120, (5, 1), "roc_auc", 3, 5),
}


@pytest.mark.parametrize("case", CASES)
def test_guesses_are_called_more_than_that_in_no_more_than_one_of_twenty(case):
    n_subjects, n, ratio, metric, n_seeds, drift = CASES[case]
    rng = np.random.default_rng(5)
    classes = np.repeat(np.arange(len(ratio)), ratio)
    labels = np.broadcast_to(np.resize(classes, n), (N_DRAWS, n_subjects, n))
    labels = rng.permuted(labels, axis=-1)
    scores = guesses(rng, labels, metric, n_seeds, drift)
    worth = np.apply_along_axis(effective_trials, -1, labels)
    assert false_findings(scores, worth, len(ratio), metric) <= MOST


def test_blocks_of_windows_would_pass_for_skill_if_each_window_counted():
    """Ten segments in random order of fifteen windows whose outputs drift."""
    rng = np.random.default_rng(6)
    order = rng.permuted(np.broadcast_to(alternating(10), (N_DRAWS, 1, 10)), axis=-1)
    labels = np.repeat(order, 15, axis=-1)
    scores = guesses(rng, labels, "balanced_accuracy", drift=15)
    worth = np.apply_along_axis(effective_trials, -1, labels)
    assert false_findings(scores, worth, 2) <= MOST
    assert false_findings(scores, np.full_like(worth, 150), 2) > 0.15


def test_folds_of_noise_are_rarely_called_more_than_a_guess():
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import StratifiedKFold

    rng = np.random.default_rng(7)
    n_draws, labels, found = 60, alternating(60), 0
    for number in range(n_draws):
        X = rng.standard_normal((60, 8))
        folds = StratifiedKFold(5, shuffle=True, random_state=number)
        scores = [
            LinearDiscriminantAnalysis()
            .fit(X[train], labels[train])
            .score(X[test], labels[test])
            for train, test in folds.split(X, labels)
        ]
        worth = pool_folds(np.full(5, 12.0))
        found += chance_test(np.array([np.mean(scores)]), np.array([worth]), 2) < 0.05
    assert found / n_draws <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / n_draws)


def test_skill_is_found():
    """With 60 trials of two classes, 0.7 is found in nine of ten subjects."""
    rng = np.random.default_rng(8)
    right = rng.binomial(60, 0.7, 200) / 60
    p_values = [chance_test(np.array([one]), np.array([60]), 2) for one in right]
    power = stats.binom.sf(stats.binom.isf(0.05, 60, 0.5), 60, 0.7)
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(power, abs=0.06)


def test_many_items_are_corrected_for():
    """Of ten items that guess, one reaches 0.05 by itself and is not called better."""
    table = pd.DataFrame(
        {
            "item": range(10),
            "score": [0.62, *[0.5] * 9],
            "n_effective": 60.0,
        }
    )
    judged = judge_chance(table, 2, "balanced_accuracy", ["item"])
    assert judged.loc[0, "p_value"] < SIGNIFICANCE
    assert not judged["above"].any()
    assert judge_chance(table[:1], 2, "balanced_accuracy", ["item"])["above"].all()


# Words


def test_every_paradigm_is_judged_by_a_metric_whose_chance_is_known():
    for name, paradigm in PARADIGMS.items():
        assert METRICS[judged_metric(name)].testable
        assert chance_level(name, 2, paradigm.metric) == 0.5
    assert judged_metric(None) == "balanced_accuracy"
    assert chance_level("p300", 2, "accuracy") is None  # five of six are no targets
    assert chance_level(None, 4, "accuracy") == 0.25
    assert chance_level("imagery", 4, "log_loss") is None


def test_metrics_have_plain_names():
    names = {name: metric_title(name) for name in ("roc_auc", "accuracy", "log_loss")}
    assert names == {
        "roc_auc": "ROC-AUC",
        "accuracy": "accuracy",
        "log_loss": "log loss",
    }


@pytest.mark.parametrize(
    ("names", "options", "expected"),
    [
        ([], {}, ""),
        (["the student"], {}, "The student is not shown to be above chance level (x)."),
        (["a", "b", "c"], {}, "A, b and c are not shown to be above chance level "
         f"(x): {MEANS_NOTHING}."),
        (["a", "b"], {"n_items": 2}, "None of the 2 items is shown to be above chance "
         f"level (x): {MEANS_NOTHING}."),
        (["a"], {"n_items": 1, "n_effective": 2.0}, "A is not shown to be above chance "
         "level (x), and no score could show it, since the test trials are worth about "
         "2 independent ones."),
    ],
)  # fmt: skip
def test_sentence(names, options, expected):
    assert chance_sentence(names, "x", **options) == expected


# A fit


@pytest.fixture
def no_figures(monkeypatch):
    """Leave out the figures of pages, which take seconds."""
    for module in ("page", "benchmark_page"):
        monkeypatch.setattr(f"eegkd.report.{module}._figures", lambda result: iter(()))


def p300_result(gain=0.0, **options):
    """Return a made-up result of P300, whose scores are ``gain`` above 0.5."""
    result = make_result(classes=["NonTarget", "Target"], paradigm="p300", **options)
    labels = np.array(["NonTarget"] * 2 + ["Target"] + ["NonTarget"] * 3)
    named = ["fold", "subject", "seed", "kind", "method"]
    keys = result.scores[named].itertuples(index=False)
    result.predictions = pd.concat(
        pd.DataFrame({"label": np.tile(labels, 24), "predicted": "NonTarget"}).assign(
            **key._asdict()
        )
        for key in keys
    )
    result.scores["n_effective"] = effective_trials(np.tile(labels, 24))
    taught = result.scores["method"].eq("sk_kd")
    result.scores["roc_auc"] = 0.5 + gain + 0.01 * taught
    result.scores["accuracy"] = result.scores["balanced_accuracy"] = 5 / 6
    return result


def test_fit_of_p300_speaks_of_roc_auc(tmp_path, no_figures):
    result = p300_result(gain=0.25)
    assert result.metric == "roc_auc"
    summary = result.summary().set_index("method")
    assert summary.loc["sk_kd", "mean"] == pytest.approx(0.76)
    assert "mean ROC-AUC teacher 0.750" in repr(result)
    text = result.describe()
    assert "ROC-AUC" in text
    assert "accuracy" not in text
    assert "chance" not in text
    axes = result.plot().axes[0]
    assert axes.get_ylabel() == "Test ROC-AUC"
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [0.5]
    page = words(result.report(tmp_path / "a.html").read_text(encoding="utf-8"))
    for said in (
        "Taught minus untaught student: +0.010 in ROC-AUC",
        "The taught student scored higher.",
        "mean ROC-AUC 0.750",
        "Mean ROC-AUC",
        "chance level: 0.500",
        "Scores are of single stimuli, whose windows overlap.",
    ):
        assert said in page, said
    assert "above chance" not in page
    assert "more accurate" not in page


def test_figures_of_p300_are_named_by_their_metric():
    figures = list(_figures(p300_result()))
    titles = [title for title, _, _ in figures]
    assert "ROC-AUC of each subject" in titles
    captions = {title: caption for title, caption, _ in figures}
    assert captions["Training"].endswith(
        "Validation accuracy counts all trials alike: always naming the most frequent "
        "class (NonTarget) gives 0.833 on the test trials."
    )
    drawn = next(plot for title, _, plot in figures if title.startswith("ROC"))()
    assert drawn.axes[0].get_ylabel() == "Test ROC-AUC"


def test_fit_at_chance_says_so(tmp_path, no_figures):
    result = p300_result()
    judged = result.against_chance()
    assert list(judged["method"]) == ["teacher", "none", "sk_kd"]
    assert not judged["above"].any()
    assert judged["possible"].all()
    assert set(judged["metric"]) == {"roc_auc"}
    assert set(judged["chance"]) == {0.5}
    said = (
        "None of the 3 items is shown to be above chance level (ROC-AUC 0.500): "
        f"{MEANS_NOTHING}."
    )
    assert said in result.describe()
    page = words(result.report(tmp_path / "a.html").read_text(encoding="utf-8"))
    assert said in page
    said = "Neither is shown to be above chance level: this difference means nothing"
    assert said in page
    assert "scored higher" not in page


def test_naming_the_most_frequent_class_is_not_above_chance():
    result = p300_result()
    result.settings["paradigm"] = "cvep"  # scored by accuracy, here 5 / 6
    result.scores["balanced_accuracy"] = 0.5
    assert result.metric == "accuracy"
    assert not result.against_chance()["above"].any()
    assert "(accuracy 0.500)" in result.describe()


def test_a_teacher_at_chance_is_named_alone():
    result = make_result()
    result.scores["balanced_accuracy"] = result.scores["accuracy"].where(
        result.scores["kind"].ne("teacher"), 0.25
    )
    assert result.at_chance() == [
        "Teacher (full) is not shown to be above chance level (accuracy 0.250). "
        "A teacher at chance level has nothing to teach."
    ]


def test_seeds_do_not_make_trials_more():
    one, many = (p300_result(n_subjects=2, n_seeds=n) for n in (1, 5))
    assert many.against_chance().equals(one.against_chance())


def test_two_segments_cannot_show_anything():
    result = make_result(n_subjects=1, classes=["open", "closed"], paradigm="rstate")
    result.scores["accuracy"] = 1.0
    assert not result.against_chance()["possible"].any()
    assert "no score could show it, since the test trials are worth about 2" in (
        " ".join(result.at_chance())
    )


def test_older_results_count_as_imagery():
    result = make_result()
    assert "paradigm" not in result.settings
    assert result.metric == "accuracy"
    assert "mean accuracy teacher 0.750" in repr(result)


def test_describe_in_another_metric_does_not_end_its_interval_at_one():
    result = make_result()
    result.scores["log_loss"] = 1.3
    text = result.describe("log_loss")
    assert "log loss" in text
    assert "1.300 to 1.300" in text


# A comparison


def make_comparison(paradigms, *, metric_scores=None, **options):
    """Return made-up results of datasets, each of a paradigm or of none."""
    scores, planned = make_tables(datasets=tuple(paradigms), **options)
    for (dataset, metric), score in (metric_scores or {}).items():
        scores.loc[scores["dataset"] == dataset, metric] = score
    facts = [
        {"dataset": name, "evaluation": "individual", "paradigm": paradigm}
        for name, paradigm in paradigms.items()
    ]
    return Results(scores, planned, {}, {**SETTINGS, "facts": facts})


MIXED = {"Hands": "imagery", "Speller": "p300", "Other": None, "Oddball": "p300"}


def test_each_dataset_is_shown_in_the_metric_of_its_paradigm():
    results = make_comparison(MIXED)
    results.scores["roc_auc"] += 0.1
    assert results.metrics == ["accuracy", "roc_auc"]
    summary = results.summary().set_index("dataset")
    expected = {**dict.fromkeys(MIXED, "accuracy"), "Speller": "roc_auc"}
    expected["Oddball"] = "roc_auc"
    assert summary["metric"].to_dict() == expected
    auc, accuracy = results.summary("roc_auc"), results.summary("accuracy")
    for name, metric in expected.items():
        wanted = auc if metric == "roc_auc" else accuracy
        wanted = wanted[wanted["dataset"] == name]["mean"].to_numpy()
        np.testing.assert_allclose(summary.loc[name, "mean"], wanted)
    text = results.describe()
    assert text.count("    ROC-AUC  95 %") == 2
    assert text.count("   accuracy  95 %") == 2
    assert "Hands, headband, EEGNet, accuracy: kd - none" in text
    assert "Speller, headband, EEGNet, ROC-AUC: kd - none" in text


def test_an_explicit_metric_applies_to_all():
    results = make_comparison(MIXED)
    assert set(results.summary("kappa")["metric"]) == {"kappa"}
    assert set(results.compare("kd", "none", "kappa")["metric"]) == {"kappa"}
    assert set(results.by_subject("kappa")["metric"]) == {"kappa"}


def test_datasets_are_combined_within_one_metric():
    table = make_comparison(MIXED).compare("kd", "none").set_index("dataset")
    assert list(table.index) == [
        *MIXED,
        "all datasets (accuracy)",
        "all datasets (ROC-AUC)",
    ]
    parts = table.loc[["Speller", "Oddball"], "difference"]
    combined = table.loc["all datasets (ROC-AUC)"]
    assert combined["difference"] == pytest.approx(parts.mean())
    assert combined["metric"] == "roc_auc"
    two = make_comparison({"Hands": "imagery", "Speller": "p300"})
    assert list(two.compare("kd", "none")["dataset"]) == ["Hands", "Speller"]
    mixed = make_comparison(
        {"A": None, "B": None, "SimulatedC": "p300", "SimulatedD": "p300"}
    ).compare("kd", "none")
    assert list(mixed["dataset"][4:]) == [
        "all datasets (recorded, accuracy)",
        "all datasets (simulated, ROC-AUC)",
    ]


@pytest.mark.parametrize("paradigm", ["p300", "ssvep"])
def test_published_noise_of_imagery_says_nothing_of_other_paradigms(paradigm):
    results = make_comparison({"X": paradigm}, n_seeds=1)
    row = results.compare("kd", "none").iloc[0]
    assert np.isnan(row["seeds_needed"])
    assert row["verdict"].endswith("is not known for this metric and paradigm")
    known = make_comparison({"X": "imagery"}, n_seeds=1).compare("kd", "none").iloc[0]
    assert known["seeds_needed"] >= 2


def test_no_bits_are_counted_where_nothing_is_selected():
    results = make_comparison(MIXED)
    bits = results.by_subject("itr")
    assert set(bits["dataset"]) == {"Hands", "Other"}


def test_figures_show_the_metric_of_their_dataset():
    results = make_comparison({"Hands": "imagery", "Speller": "p300"})
    for name, label in (("Hands", "Accuracy"), ("Speller", "ROC-AUC")):
        axes = results.plot_scores(dataset=name).axes[0]
        assert axes.get_xlabel() == label
        chance = 0.5 if name == "Speller" else 0.25
        dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
        assert [line.get_xdata()[0] for line in dashed] == [chance]
    figure = results.plot_pairs("kd", "none")
    labels = [ax.get_ylabel() for ax in figure.axes[:2]]
    assert labels == ["Accuracy", "ROC-AUC"]
    ranks = results.plot_critical_difference(dataset="Speller")
    assert any(text.startswith("ROC-AUC: mean rank") for text in words_of(ranks))
    unbalanced = results.plot_scores("accuracy", dataset="Speller").axes[0]
    assert not [line for line in unbalanced.lines if line.get_linestyle() == "--"]


def test_latex_names_the_metric_of_each_part():
    text = make_comparison({"Hands": "imagery", "Speller": "p300"}).to_latex()
    assert "Method & Score &" in text
    assert "Hands, individual, accuracy" in text
    assert "Speller, individual, ROC-AUC" in text
    assert "Mean score over" in text
    alone = make_comparison({"Speller": "p300"}).to_latex()
    assert "Method & ROC-AUC &" in alone
    assert "Mean ROC-AUC over" in alone


def test_comparison_at_chance_says_so_and_of_no_other_dataset(tmp_path, no_figures):
    results = make_comparison(
        {"Hands": "imagery", "Speller": "p300"},
        metric_scores={("Speller", "roc_auc"): 0.5},
        n_subjects=6,
        n_seeds=2,
    )
    lines = results.at_chance()
    assert lines == [
        "Speller, individual: None of the 6 items is shown to be above chance "
        f"level (ROC-AUC 0.500): {MEANS_NOTHING}.",
    ]
    heading, line = results.conclusions()[:2]
    assert heading == "Not shown to be above chance level:"
    assert line.strip() == lines[0]
    assert line in results.describe()
    _, page = read_page(results.report(tmp_path / "a.html"))
    for said in (
        lines[0],
        "Mean ROC-AUC",
        "Mean accuracy",
        "Score of each subject",
        "Scores are of single stimuli",
    ):
        assert said in page, said


def test_items_at_chance_are_named_among_others():
    results = make_comparison({"Hands": "imagery"}, decoders=("EEGNet", "SCCNet"))
    low = results.scores["method"].isin(["mdm", "none"])
    results.scores.loc[low, "balanced_accuracy"] = 0.25
    (line,) = results.at_chance()
    assert line == (
        "EEGNet untaught student (headband), SCCNet untaught student (headband) and "
        "mdm (headband) are not shown to be above chance level (accuracy 0.250): "
        f"{MEANS_NOTHING}."
    )
    judged = results.against_chance().set_index(["method", "decoder"])
    assert judged.loc[("kd", "EEGNet"), "above"]
    assert judged.loc[("mdm", ""), "p_value"] > 0.3


def test_nothing_is_said_where_all_is_above_chance():
    results = make_comparison({"Hands": "imagery"})
    assert results.at_chance() == []
    assert "chance" not in results.describe()


def test_effective_trials_are_those_of_the_table_or_else_all():
    results = make_comparison({"Hands": "imagery"}, n_seeds=2)
    assert set(results.against_chance()["n_effective"]) == {9 * 144}
    results.scores["n_effective"] = 20.0
    assert set(results.against_chance()["n_effective"]) == {9 * 20}
    folds = make_comparison({"Hands": "imagery"}, n_folds=2)
    assert set(folds.against_chance()["n_effective"]) == {9 * 288 / 3}


def test_comparison_without_scores_is_not_called_anything():
    full = make_comparison({"Hands": "imagery"})
    planned = full.planned.assign(status="missing")
    empty = Results(full.scores.iloc[:0], planned, {}, full.settings)
    assert empty.at_chance() == []
    assert not len(empty.against_chance())


# On signals

EVENTS = {
    "imagery": ["left_hand", "right_hand"],
    "p300": ["Target", "NonTarget"],
    "ssvep": ["13", "15"],
    "cvep": ["1.0", "0.0"],
    "rstate": ["open", "closed"],
}


@pytest.mark.parametrize("paradigm", EVENTS)
def test_white_noise_is_called_a_guess_in_every_paradigm(paradigm):
    from moabb.datasets.fake import FakeDataset

    noise = FakeDataset(
        EVENTS[paradigm],
        paradigm=paradigm,
        n_subjects=1,
        n_runs=1,
        n_events=40,
        seed=3,
        channels=["Fz", "C3", "C4", "C5", "C6", "POz"],
    )
    result = eegkd.fit(noise, "headband", max_epochs=2, progress=False)
    assert result.settings["paradigm"] == paradigm
    name = {"p300": "ROC-AUC"}.get(paradigm, "accuracy")
    assert (
        f"None of the 3 items is shown to be above chance level ({name} 0.500): "
        f"{MEANS_NOTHING}."
    ) in result.describe()


def test_simulated_imagery_is_not_called_a_guess(tmp_path):
    result = eegkd.fit(
        "SimulatedMotorImagery",
        "headphone",
        subjects=[1],
        max_epochs=5,
        lr=5e-3,
        batch_size=32,
        method="kd",
        progress=False,
    )
    assert result.at_chance() == []
    assert "chance" not in result.describe()
    loaded = eegkd.load(result.save(tmp_path / "saved"))
    assert loaded.against_chance().equals(result.against_chance())
