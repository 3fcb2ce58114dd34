"""Splits: nothing in two places, every rule as documented."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eegkd.estimators.validation import validation_mask
from eegkd.evaluation.splits import (
    EVALUATIONS,
    HOLD_OUT,
    Fold,
    evaluation_folds,
    held_out,
    make_folds,
)


def table(
    sessions=("0train", "1test"), runs=("0", "1", "2"), per_run=8, subjects=(1, 2)
):
    """Return metadata and labels of two classes."""
    rows = [
        (who, session, run)
        for who in subjects
        for session in sessions
        for run in runs
        for _ in range(per_run)
    ]
    metadata = pd.DataFrame(rows, columns=["subject", "session", "run"])
    return metadata, np.arange(len(rows)) % 2


@pytest.mark.parametrize("evaluation", HOLD_OUT)
def test_no_trial_is_trained_and_tested(evaluation):
    metadata, y = table()
    mask, _ = held_out(metadata, y)
    for fold in make_folds(metadata, mask, evaluation):
        for tested in fold.test.values():
            assert not set(fold.train) & set(tested)
            assert mask[tested].all()
        assert not mask[fold.train].any()


def test_evaluations_train_on_whom_they_say():
    metadata, y = table(subjects=(1, 2, 3))
    mask, _ = held_out(metadata, y)
    who = metadata["subject"].to_numpy()
    trained = {
        name: [set(who[fold.train]) for fold in make_folds(metadata, mask, name)]
        for name in HOLD_OUT
    }
    assert trained["individual"] == [{1}, {2}, {3}]
    assert trained["dependent"] == [{1, 2, 3}]
    assert trained["independent"] == [{2, 3}, {1, 3}, {1, 2}]


def test_last_session_is_tested_in_numeric_order():
    metadata, y = table(sessions=("2", "10"))
    mask, rule = held_out(metadata, y)
    assert set(metadata["session"][mask]) == {"10"}
    assert rule == "the last session of each subject"


def test_one_session_is_split_by_run():
    metadata, y = table(sessions=("0",))
    mask, rule = held_out(metadata, y)
    assert set(metadata["run"][mask]) == {"2"}
    assert "runs" in rule


def test_runs_of_other_classes_are_split_each():
    """As in PhysionetMI, where hands and feet were recorded in other runs."""
    metadata, y = table(sessions=("0",), runs=tuple("012345"))
    y = np.where(metadata["run"].astype(int) < 3, y, y + 2)
    mask, _ = held_out(metadata, y)
    assert set(metadata["run"][mask]) == {"2", "5"}
    assert set(y[~mask]) == set(y[mask]) == {0, 1, 2, 3}


def test_one_run_is_split_in_time_and_says_so():
    metadata, y = table(sessions=("0",), runs=("0",), per_run=12)
    mask, rule = held_out(metadata, y)
    own = np.flatnonzero(mask[metadata["subject"] == 1])
    assert own.tolist() == [8, 9, 10, 11]
    assert "optimistic" in rule


def test_named_sessions():
    metadata, y = table()
    mask, rule = held_out(metadata, y, ["0train"])
    assert set(metadata["session"][mask]) == {"0train"}
    assert "'0train'" in rule


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("sessions", r"'test' must be one of .* Did you mean 'session'\?"),
        (["2"], r"name sessions of the data \('0train', '1test'\), got \['2'\]"),
        (["0train", "1test"], r"leaves subject 1 without training trials"),
    ],
)
def test_errors(test, message):
    metadata, y = table()
    with pytest.raises(ValueError, match=message):
        held_out(metadata, y, test)


def test_a_class_that_is_only_tested_is_an_error():
    metadata, y = table()
    y = np.where(metadata["session"] == "1test", y + 1, y)
    with pytest.raises(ValueError, match="without training trials of class '2'"):
        held_out(metadata, y)


def test_independent_needs_two_subjects():
    metadata, y = table(subjects=(1,))
    mask, _ = held_out(metadata, y)
    with pytest.raises(ValueError, match="only subject 1. Load at least two"):
        make_folds(metadata, mask, "independent")


def test_validation_is_the_last_eighth_of_each_class_of_each_subject():
    codes = np.tile([0, 1, 2], 32)
    subject = np.repeat([1, 2], 48)
    mask = validation_mask(codes, pd.DataFrame({"subject": subject}))
    expected = np.zeros(96, bool)
    for who in (1, 2):
        for code in range(3):
            rows = [i for i in range(96) if codes[i] == code and subject[i] == who]
            expected[rows[-2:]] = True
    assert np.array_equal(mask, expected)


def test_validation_of_unequal_classes_holds_all_of_them():
    """The published split leaves a class out here."""
    codes = np.repeat([0, 1, 2, 3], [60, 12, 12, 12])
    one = pd.DataFrame({"subject": np.ones(96)})
    mask = validation_mask(codes, one)
    assert set(codes[mask]) == {0, 1, 2, 3}
    assert not validation_mask(codes, one, 0).any()
    with pytest.raises(ValueError, match="'valid_fraction' must be"):
        validation_mask(codes, one, 1.0)


@pytest.mark.parametrize("evaluation", EVALUATIONS)
def test_every_evaluation_parts_train_and_test(evaluation):
    metadata, y = table()
    folds, rule = evaluation_folds(metadata, y, evaluation)
    assert rule
    assert len({fold.name for fold in folds}) == len(folds)
    for fold in folds:
        tested = np.concatenate(list(fold.test.values()))
        assert not set(fold.train) & set(tested)
        for who, rows in fold.test.items():
            assert set(metadata["subject"].iloc[rows]) == {who}


@pytest.mark.parametrize(
    ("evaluation", "same"),
    [
        ("within_session", ["subject", "session"]),
        ("cross_session", ["subject"]),
        ("cross_subject", []),
    ],
)
def test_moabb_s_evaluations_test_every_trial_once(evaluation, same):
    """And train on the same subject or session only, or on everybody else."""
    metadata, y = table(subjects=(1, 2, 3))
    folds, _ = evaluation_folds(metadata, y, evaluation)
    counts = np.zeros(len(y))
    for fold in folds:
        ((_, rows),) = fold.test.items()
        counts[rows] += 1
        train, test = metadata.iloc[fold.train], metadata.iloc[rows]
        for column in same:
            assert set(train[column]) == set(test[column])
        if evaluation == "cross_session":
            assert not set(train["session"]) & set(test["session"])
        if evaluation == "cross_subject":
            assert not set(train["subject"]) & set(test["subject"])
    assert (counts == 1).all()


def test_folds_of_one_subject_do_not_depend_on_who_else_is_loaded():
    metadata, y = table(subjects=(1, 2, 3))
    own = (metadata["subject"] == 2).to_numpy()
    for evaluation in ("individual", "within_session", "cross_session"):
        together, _ = evaluation_folds(metadata, y, evaluation)
        alone, _ = evaluation_folds(metadata[own], y[own], evaluation)
        names = {fold.name for fold in together if fold.name.split("/")[0] == "2"}
        assert {fold.name for fold in alone} == names


def test_evaluations_that_the_data_do_not_allow():
    metadata, y = table(subjects=(1,), sessions=("0",))
    with pytest.raises(
        ValueError, match=r"subject 1 has one session only.*'individual'"
    ):
        evaluation_folds(metadata, y, "cross_session")
    with pytest.raises(ValueError, match="only subject 1. Load at least two"):
        evaluation_folds(metadata, y, "cross_subject")
    with pytest.raises(ValueError, match="'test' must be 'auto' for evaluation"):
        evaluation_folds(metadata, y, "within_session", test="run")
    with pytest.raises(ValueError, match=r"'evaluation' must be one of.*'loso'"):
        evaluation_folds(metadata, y, "loso")


def test_a_compact_fold_is_the_same_fold():
    X = np.arange(10) * 10
    fold = Fold("1", np.array([2, 3, 8]), {1: np.array([5]), 2: np.array([9, 7])})
    needed, small = fold.compact()
    assert X[needed][small.train].tolist() == X[fold.train].tolist()
    assert X[needed][small.test[2]].tolist() == X[fold.test[2]].tolist()
    assert len(needed) == 6
