"""What `fit` finds on validation trials, and that test trials take no part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import eegkd
from eegkd import DecoderClassifier, DistilledClassifier
from eegkd.evaluation.splits import Fold, nested_fold
from eegkd.evaluation.statistics import mean_interval
from eegkd.evaluation.table import Tables
from eegkd.evaluation.validation import minus_untaught
from eegkd.methods._out_of_fold import better

from .conftest import make_trials

QUICK = {"max_epochs": 2, "batch_size": 16}
ALL = {**QUICK, "valid_fraction": 0}
KEYS = ["fold", "subject", "seed", "method"]


@pytest.fixture(scope="module")
def trials():
    """Return two subjects of two sessions."""
    return make_trials()


@pytest.fixture(scope="module")
def held_out(trials):
    """Return a fit whose training holds an eighth of its trials out."""
    return eegkd.fit(trials, "headphone", valid_fraction=1 / 8, **QUICK)


@pytest.fixture(scope="module")
def nested(trials):
    """Return a fit whose training learns from all of its trials."""
    return eegkd.fit(trials, "headphone", n_seeds=2, **ALL)


def training_rows(trials, subject, part, last):
    """Return a subject's training trials: the last part of each class, or the rest."""
    table, chosen = trials.metadata, []
    for label in trials.classes:
        rows = np.flatnonzero(
            (table["subject"] == subject)
            & (table["session"] == "0train")
            & (trials.y == label)
        )
        n_last = round(part * len(rows))
        chosen += [*(rows[-n_last:] if last else rows[:-n_last])]
    return np.sort(chosen)


def test_scores_of_trials_that_were_held_out(trials, held_out):
    """By hand: the last eighth of each class of the training session."""
    assert [*held_out.validation] == [*held_out.scores]
    assert held_out.settings["validation"]["way"] == "held out"
    table = held_out.validation.set_index(KEYS)["accuracy"]
    assert len(table) == len(held_out.scores)
    models = {"teacher": "teachers", "none": "untaught", "sk_kd": "students"}
    for fold, subject, seed, method in table.index:
        tested = trials.subset(training_rows(trials, int(subject), 1 / 8, last=True))
        model = getattr(held_out, models[method])[fold, seed]
        expected = model.score(tested, tested.y)
        assert table[fold, subject, seed, method] == pytest.approx(expected)
    text = held_out.describe()
    assert "they also chose the epoch" in text
    assert "Teacher minus untaught student" in text


def test_scores_of_models_that_were_trained_once_more(trials, nested):
    """By hand: trained on three quarters of each class, tested on the last one."""
    assert nested.settings["validation"]["way"] == "nested"
    assert [*nested.validation] == [*nested.scores]
    table = nested.validation.set_index(KEYS)["log_loss"]
    assert len(table) == len(nested.scores)
    trained = trials.subset(training_rows(trials, 2, 1 / 4, last=False))
    tested = trials.subset(training_rows(trials, 2, 1 / 4, last=True))
    student = DistilledClassifier("headphone", random_state=1, **ALL).fit(trained)
    untaught = DistilledClassifier("headphone", "none", random_state=1, **ALL)
    for method, model in (
        ("teacher", student.teacher_),
        ("sk_kd", student),
        ("none", untaught.fit(trained)),
    ):
        proba = model.predict_proba(tested)
        codes = np.searchsorted(model.classes_, tested.y)
        loss = -np.log(proba[np.arange(len(codes)), codes]).mean()
        assert table["2", "2", 1, method] == pytest.approx(loss, rel=1e-5)


def test_training_once_more_leaves_the_students_as_they_are(trials, nested):
    plain = eegkd.fit(trials, "headphone", n_seeds=2, validate=False, **ALL)
    assert not len(plain.validation)
    for key, student in plain.students.items():
        assert student.fingerprint_ == nested.students[key].fingerprint_
    times = ["train_seconds", "predict_ms"]
    pd.testing.assert_frame_equal(
        plain.scores.drop(columns=times), nested.scores.drop(columns=times)
    )
    assert "Validation" not in plain.describe()
    with pytest.raises(ValueError, match="'validate' must be True"):
        _ = plain.best
    with pytest.raises(TypeError, match="'validate' must be True or False"):
        eegkd.fit(trials, validate="yes", **ALL)


@pytest.mark.parametrize("valid_fraction", [0, 1 / 8])
def test_rule_2_validation_reads_no_test_trial(trials, valid_fraction):
    settings = {**QUICK, "valid_fraction": valid_fraction}
    is_test = (trials.metadata["session"] == "1test").to_numpy()
    y, X = trials.y.copy(), trials.X.copy()
    y[is_test] = np.random.default_rng(5).permutation(y[is_test])
    X[is_test] *= np.float32(1.5)
    first = eegkd.fit(trials, "headphone", **settings)
    second = eegkd.fit(replace(trials, X=X, y=y), "headphone", **settings)
    hidden = ["train_seconds", "predict_ms", "key"]
    pd.testing.assert_frame_equal(
        first.validation.drop(columns=hidden), second.validation.drop(columns=hidden)
    )
    assert first.preferred == second.preferred
    assert first.best.fingerprint_ == second.best.fingerprint_
    assert first.settings["validation"] == second.settings["validation"]


def test_in_parallel(trials, nested):
    again = eegkd.fit(trials, "headphone", n_seeds=2, n_jobs=2, **ALL)
    times = ["train_seconds", "predict_ms"]
    pd.testing.assert_frame_equal(
        again.validation.drop(columns=times), nested.validation.drop(columns=times)
    )
    assert again.settings["validation"] == nested.settings["validation"]


def test_the_best_is_what_validation_prefers(nested):
    means = nested.validation.groupby("method")["accuracy"].mean()
    expected = "sk_kd" if means["sk_kd"] > means["none"] else "none"
    assert nested.preferred == expected
    models = nested.students if expected == "sk_kd" else nested.untaught
    assert nested.best in models.values()
    better_taught = nested.validation.copy()
    for method, models in (("sk_kd", nested.students), ("none", nested.untaught)):
        better_taught["accuracy"] = better_taught["method"].eq(method).astype(float)
        changed = replace(nested, validation=better_taught)
        losses = [model.history_.best_loss for model in models.values()]
        assert changed.best.history_.best_loss == min(losses)
        assert changed.preferred == method
    better_taught["accuracy"] = 0.5
    assert replace(nested, validation=better_taught).preferred == "none"


def test_a_student_without_a_method_is_the_best_one(trials):
    result = eegkd.fit(trials, "headphone", method="none", **ALL)
    assert not len(result.validation)
    assert result.preferred == "none"
    assert result.best is result.student


def test_save_and_load(nested, tmp_path):
    loaded = eegkd.load(nested.save(tmp_path))
    pd.testing.assert_frame_equal(
        loaded.validation, nested.validation, check_dtype=False
    )
    assert loaded.validation_lines() == nested.validation_lines()
    assert loaded.preferred == nested.preferred
    # A folder of version 0.2 has none.
    (tmp_path / "validation.csv").unlink()
    assert eegkd.load(tmp_path).validation_lines() == []


def test_a_teacher_that_knows_nothing_is_named(trials, tmp_path):
    rng = np.random.default_rng(3)
    y = rng.permutation(trials.y)
    settings = {"max_epochs": 30, "batch_size": 16, "lr": 5e-3}
    useless = DecoderClassifier(**settings).fit(replace(trials, y=y))
    with pytest.warns(UserWarning, match="teacher is not better than the untaught"):
        result = eegkd.fit(trials, "headphone", teacher=useless, **settings)
    differences = result.minus_untaught().set_index("method")["difference"]
    assert differences["teacher"] < -0.2
    assert "has little to teach" in result.describe()
    page = result.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "The teacher is not better than the untaught student" in page
    assert "Validation: is there something to teach?" in page


def test_an_interrupted_validation_keeps_all_that_was_computed(trials):
    calls = []

    def interrupting(training):
        calls.append(training)
        if len(calls) == 4:  # two fits, then the second validation
            raise KeyboardInterrupt
        return eegkd.METHODS["kd"](training)

    result = eegkd.fit(trials, "headphone", method=interrupting, **ALL)
    assert result.interrupted
    assert result.complete
    assert set(result.validation["fold"]) == {"1"}


def test_a_failed_validation_leaves_the_rest(trials):
    calls = []

    def failing(training):
        calls.append(training)
        if len(calls) == 3:
            raise RuntimeError("no more")
        return eegkd.METHODS["kd"](training)

    result = eegkd.fit(trials, "headphone", method=failing, **ALL)
    assert result.complete
    assert set(result.validation["fold"]) == {"2"}
    ((key, text),) = result.failures.items()
    assert "validation of 1, seed 0" in result.job(key)
    assert "no more" in text


# -- the nested fold --------------------------------------------------------------


def test_a_nested_fold_keeps_to_the_training_trials():
    n = 48
    metadata = pd.DataFrame({"subject": [1] * n, "session": "0", "run": "0"})
    y = np.array(["a", "b", "b"] * (n // 3))
    fold = Fold("1", np.arange(36), {1: np.arange(36, n)})
    nested = nested_fold(metadata, y, fold)
    tested = nested.test[1]
    assert np.array_equal(np.sort([*nested.train, *tested]), np.arange(36))
    for label, count in (("a", 3), ("b", 6)):
        rows = np.flatnonzero(y[:36] == label)
        assert np.array_equal(tested[y[tested] == label], rows[-count:])


def test_a_nested_fold_keeps_overlapping_trials_together():
    n = 60
    start = np.arange(n) * 0.5
    metadata = pd.DataFrame(
        {"subject": 1, "session": "0", "run": "0", "start": start, "stop": start + 0.8}
    )
    y = np.array(["target", "other", "other"] * (n // 3))
    nested = nested_fold(metadata, y, Fold("1", np.arange(n), {1: np.array([], int)}))
    tested = nested.test[1]
    assert len(tested) >= n / 8
    for row in nested.train:  # no training trial shares samples with a tested one
        apart = (start[tested] >= start[row] + 0.8) | (
            start[tested] + 0.8 <= start[row]
        )
        assert apart.all()


def test_a_fold_of_unseen_subjects_holds_out_subjects():
    metadata = pd.DataFrame(
        {"subject": np.repeat([1, 2, 3, 4, 5], 6), "session": "0", "run": "0"}
    )
    y = np.array(["a", "b"] * 15)
    fold = Fold("3", np.flatnonzero(metadata["subject"] != 3), {3: np.arange(12, 18)})
    nested = nested_fold(metadata, y, fold)
    assert set(nested.test) == {5}
    assert set(metadata["subject"].iloc[nested.train]) == {1, 2, 4}


# -- numbers ----------------------------------------------------------------------


def test_differences_are_means_over_subjects_then_intervals():
    rng = np.random.default_rng(0)
    rows = []
    for subject in "123":
        for seed in (0, 1):
            for method in ("teacher", "none", "kd"):
                kind = "teacher" if method == "teacher" else "student"
                rows.append((subject, subject, seed, kind, method, rng.random()))
    columns = ["fold", "subject", "seed", "kind", "method", "accuracy"]
    scores = pd.DataFrame(rows, columns=columns).assign(
        dataset="d", evaluation="individual", decoder="SCCNet", montage="m", key="k"
    )
    tables = Tables(scores, scores, {"d": "imagery"})
    found = minus_untaught(tables, "kd", "accuracy").set_index("method")
    wide = scores.groupby(["subject", "method"])["accuracy"].mean().unstack()
    for method in ("teacher", "kd"):
        expected = mean_interval((wide[method] - wide["none"]).to_numpy())
        got = found.loc[method, ["difference", "low", "high"]].astype(float)
        assert np.allclose(got, expected)
    assert set(found["over"]) == {"subjects"}
    one = scores[scores["subject"] == "1"]
    found = minus_untaught(tables._replace(scores=one), "kd", "accuracy")
    assert found["over"].tolist() == ["seeds", "seeds"]
    assert found["n"].tolist() == [2, 2]


def test_a_decoder_that_is_better_is_found_better_whatever_its_confidence():
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 3, 400)
    noise = rng.standard_normal((2, 400, 3))
    sharp = np.eye(3)[codes] * 1.5 + noise[0]
    blunt = np.eye(3)[codes] * 0.3 + noise[1]
    gain = better(sharp, blunt, codes)
    assert gain.loss > 2 * gain.standard_error > 0
    assert gain.accuracy > 0.1
    assert gain.clearly()
    assert not better(blunt, sharp, codes).clearly()
    # Scores of another size say the same.
    again = better(sharp * 7, blunt / 5, codes)
    assert again.loss == pytest.approx(gain.loss, abs=2e-3)
    same = better(blunt * 4, blunt, codes)
    assert not same.clearly()
    assert same.accuracy == 0


def test_the_standard_error_is_that_of_the_paired_differences():
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 2, 50)
    one, other = rng.standard_normal((2, 50, 2)) + np.eye(2)[codes]
    found = better(one, other, codes)

    def losses(scores):
        best = None
        for power in np.linspace(-3, 3, 121):
            scaled = scores / np.exp(power)
            proba = np.exp(scaled) / np.exp(scaled).sum(axis=1, keepdims=True)
            loss = -np.log(proba[np.arange(50), codes])
            best = loss if best is None or loss.mean() < best.mean() else best
        return best

    difference = losses(other) - losses(one)
    assert found.loss == pytest.approx(difference.mean())
    expected = difference.std(ddof=1) / np.sqrt(50)
    assert found.standard_error == pytest.approx(expected)
    # Each trial ten times, in groups: no more is known than from one of each.
    repeated = [np.repeat(values, 10, axis=0) for values in (one, other, codes)]
    grouped = better(*repeated, group=np.repeat(np.arange(50), 10))
    assert grouped.standard_error == pytest.approx(expected)
    assert better(one, other, codes, group=np.zeros(50)).standard_error == np.inf
