"""`auto`: teaches where that helps, not where it does not, and never asks a test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import eegkd
from eegkd import DecoderClassifier, DistilledClassifier
from eegkd.data.groups import contiguous_parts
from eegkd.estimators import TrainingData
from eegkd.methods import METHODS
from eegkd.methods._nested_folds import nested_folds
from eegkd.methods._out_of_fold import better
from eegkd.methods.auto import cost

from .conftest import make_trials
from .test_planted import STUDENT, planted_trials

ORACLES = {"auto"}

ALL = {"valid_fraction": 0, "batch_size": 24}
PLANTED = {**ALL, "max_epochs": 15, "lr": 1e-2}
QUICK = {**ALL, "max_epochs": 2}


@pytest.fixture(scope="module")
def train():
    """Return a training session of one subject."""
    trials = make_trials(n_subjects=1, n_per_class=12)
    return trials.subset((trials.metadata["session"] == "0train").to_numpy())


@pytest.fixture(scope="module")
def planted():
    """Return trials of which some labels are wrong."""
    return planted_trials(400, 11, wrong_labels=0.4)


@pytest.fixture(scope="module")
def knowing():
    """Return a teacher that has seen 450 other trials with true labels."""
    settings = {**ALL, "max_epochs": 25, "lr": 5e-3, "batch_size": 64}
    return DecoderClassifier(**settings).fit(planted_trials(450, 0))


def fit_auto(trials, teacher, montage=STUDENT, **options):
    """Return a student and what was noted of its choice."""
    options = {"candidates": ["kd"], **options}
    student = DistilledClassifier(
        montage, "auto", teacher=teacher, method_options=options, **PLANTED
    ).fit(trials)
    return student, student.history_.notes["auto"]


def test_a_teacher_that_knows_better_is_taught_by(planted, knowing):
    student, notes = fit_auto(planted, knowing, retrain=False)
    assert notes["chosen"] == "kd"
    assert notes["teacher_is_given"]
    assert notes["teacher"]["loss"] > 0
    gain = notes["candidates"]["kd"]
    assert gain["loss"] > gain["standard_error"]
    assert notes["why"].startswith("kd helps")
    assert notes["cost"] == "6 students on 67% of the training trials"
    # The student is the one that the method makes of all training trials.
    plain = DistilledClassifier(STUDENT, "kd", teacher=knowing, **PLANTED)
    assert student.fingerprint_ == plain.fit(planted).fingerprint_
    assert student.history_.rows == plain.history_.rows


def test_a_teacher_that_knows_nothing_is_not(planted, knowing):
    """One of shuffled labels, as a network that comes from elsewhere."""
    y = np.random.default_rng(0).permutation(planted.y)
    taught = DecoderClassifier(**PLANTED).fit(replace(planted, y=y))
    useless = DecoderClassifier.from_network(
        taught.decoder_.network,
        classes=taught.classes_,
        ch_names=planted.ch_names,
        n_times=planted.n_times,
        sfreq=planted.sfreq,
        X=planted,
    )
    student, notes = fit_auto(planted, useless)
    assert notes["chosen"] == "none"
    assert notes["teacher_is_given"]
    assert not notes["candidates"]  # nothing was spent on them
    assert notes["cost"] == "3 students on 67% of the training trials"
    assert "the teacher is not better than the student on these" in notes["why"]
    assert notes["why"].endswith("trained without it")
    untaught = DistilledClassifier(STUDENT, "none", **PLANTED).fit(planted)
    assert student.fingerprint_ == untaught.fingerprint_


def test_an_honest_teacher_is_trained_anew_in_each_fold(planted):
    """Wrong labels learned by heart help nobody on other trials."""
    rng = np.random.default_rng(1)
    few = planted.subset(np.arange(90))
    noise = replace(few, y=rng.permutation(few.y))
    seen = DecoderClassifier(**{**PLANTED, "max_epochs": 60}).fit(noise)
    _, honest = fit_auto(noise, seen)
    _, fooled = fit_auto(noise, seen, retrain=False)
    assert not honest["teacher_is_given"]
    assert honest["accuracy"]["teacher"] < 0.5  # chance is 0.33
    assert fooled["accuracy"]["teacher"] > 0.7
    assert honest["chosen"] == "none"


def parts(trials, n_folds):
    """Return the part of each trial: stretches of each class."""
    part = np.zeros(len(trials), dtype=int)
    for label in trials.classes:
        rows = np.flatnonzero(trials.y == label)
        for number, some in enumerate(np.array_split(rows, n_folds)):
            part[some] = number
    return part


@pytest.mark.parametrize("own_network", ["auto", "EEGNet"])
def test_the_figures_are_those_of_estimators_fitted_on_the_folds(train, own_network):
    """By hand: three folds, each with a teacher, an untaught and a taught student."""
    settings = {**ALL, "max_epochs": 6, "lr": 5e-3, "random_state": 3}
    model = DistilledClassifier(
        "headband",
        "auto",
        teacher=DecoderClassifier(decoder=own_network, **settings),
        method_options={"candidates": {"kd": {"temperature": 2.0}}, "n_folds": 3},
        **settings,
    ).fit(train)
    notes = model.history_.notes["auto"]
    part = parts(train, 3)
    said = {"teacher": [], "none": [], "kd": []}
    codes = []
    for number in range(3):
        learned, asked = train.subset(part != number), train.subset(part == number)
        codes.append(np.searchsorted(train.classes, asked.y))
        teacher = DecoderClassifier(decoder=own_network, **settings).fit(learned)
        options = {"temperature": 2.0}
        students = {
            "teacher": teacher,
            "none": DistilledClassifier("headband", "none", **settings).fit(learned),
            "kd": DistilledClassifier(
                "headband", "kd", teacher, method_options=options, **settings
            ).fit(learned),
        }
        for name, one in students.items():
            said[name].append(np.log(one.predict_proba(asked)))
    said = {name: np.concatenate(scores) for name, scores in said.items()}
    codes = np.concatenate(codes)
    if own_network == "EEGNet":  # which learns little here, so that nobody is taught
        assert not notes["candidates"]
        assert better(said["teacher"], said["none"], codes).loss <= 0
        del said["kd"]
    for name, scores in said.items():
        accuracy = np.mean(scores.argmax(axis=1) == codes)
        assert notes["accuracy"][name] == pytest.approx(accuracy)
    clear = False
    for name, figures in {"teacher": notes["teacher"], **notes["candidates"]}.items():
        expected = better(said[name], said["none"], codes).to_dict()
        assert figures == pytest.approx(expected, rel=1e-3, abs=1e-4)
        clear = name == "kd" and expected["loss"] > expected["standard_error"]
    chosen = "kd" if clear and expected["accuracy"] >= 0 else "none"
    assert notes["chosen"] == chosen


def test_rule_2_test_labels_choose_nothing():
    trials = make_trials(n_subjects=1)
    is_test = (trials.metadata["session"] == "1test").to_numpy()
    y, X = trials.y.copy(), trials.X.copy()
    y[is_test] = np.random.default_rng(5).permutation(y[is_test])
    X[is_test] *= np.float32(1.5)
    settings = {"method": "auto", **PLANTED, "max_epochs": 4}
    first = eegkd.fit(trials, **settings)
    second = eegkd.fit(replace(trials, X=X, y=y), **settings)
    assert first.student.fingerprint_ == second.student.fingerprint_
    assert first.student.history_.notes == second.student.history_.notes
    assert not np.array_equal(first.scores["accuracy"], second.scores["accuracy"])


def test_fit_says_what_was_chosen_and_why(tmp_path):
    result = eegkd.fit(make_trials(), "headband", method="auto", **QUICK)
    text = result.describe()
    page = result.report(tmp_path / "page.html").read_text(encoding="utf-8")
    for fold in ("1", "2"):
        notes = result.students[fold, 0].history_.notes["auto"]
        line = f"Fold {fold}, seed 0: {notes['why']}"
        assert line in text
        assert line in page
        if notes["chosen"] == "none":
            untaught = result.untaught[fold, 0]
            assert result.students[fold, 0].fingerprint_ == untaught.fingerprint_
    assert result.preferred == "auto"
    assert result.best in result.students.values()
    loaded = eegkd.load(result.save(tmp_path / "folder"))
    assert loaded.validation_lines() == result.validation_lines()


def test_the_cost_is_said_before(train, caplog, capsys):
    with caplog.at_level("INFO", logger="eegkd"):
        DistilledClassifier(method="auto", **QUICK).fit(train)
    said = cost(["sk_kd"], 3)
    assert "3 teachers and 6 students (untaught, sk_kd) on 67% of" in said
    assert "about 2 trainings of the teacher and 4 of the student more" in said
    assert said in caplog.text
    eegkd.fit(
        make_trials(n_subjects=1),
        method="auto",
        method_options={"n_folds": 2, "candidates": ["kd", "dkd"]},
        progress=True,
        **QUICK,
    )
    assert cost(["kd", "dkd"], 2) in capsys.readouterr().err


@pytest.mark.parametrize("when", [2, 12])
def test_an_interruption_leaves_no_student_of_a_fold(train, when):
    calls = []

    def interrupt(epoch, row):
        calls.append(epoch)
        if len(calls) > when:
            raise KeyboardInterrupt

    model = DistilledClassifier(method="auto", progress=interrupt, **QUICK)
    with pytest.raises(KeyboardInterrupt):
        model.fit(train)
    assert not hasattr(model, "decoder_")
    assert hasattr(model, "teacher_")


def test_validation_trials_choose_the_epoch_in_every_fold(train):
    settings = {**QUICK, "valid_fraction": 1 / 8, "max_epochs": 3}
    model = DistilledClassifier(method="auto", **settings).fit(train)
    assert model.history_.notes["auto"]["n_folds"] == 3


def test_methods_that_bring_their_own_teacher_do_not_need_a_better_one(train):
    """A useless teacher is no reason against those that do not learn from it."""
    y = np.random.default_rng(0).permutation(train.y)
    useless = DecoderClassifier(**PLANTED).fit(replace(train, y=y))
    _, notes = fit_auto(
        train,
        useless,
        montage="headband",
        retrain=False,
        candidates={"kd": {}, "born_again": {"n_generations": 1}},
        n_folds=2,
    )
    assert notes["teacher"]["loss"] < 0
    assert set(notes["candidates"]) == {"born_again"}


def test_a_network_of_ones_own_is_trained_anew_where_it_is_the_students(train):
    from .test_api import TinyNet

    model = DistilledClassifier(
        "headband", "auto", student=TinyNet, method_options={"n_folds": 2}, **QUICK
    )
    model.set_params(method_options={"n_folds": 2, "candidates": ["kd"]})
    assert not model.fit(train).history_.notes["auto"]["teacher_is_given"]
    model.set_params(teacher=TinyNet, student="SCCNet")
    assert model.fit(train).history_.notes["auto"]["teacher_is_given"]


# -- folds ------------------------------------------------------------------------


def make_training(trials, **settings):
    """Return what the method is given, with a teacher."""
    seen = []

    def method(training):
        seen.append(training)
        return METHODS["none"](training)

    model = DistilledClassifier("headband", method, **{**QUICK, **settings})
    model.fit(trials)
    return seen[0]


def test_folds_are_stretches_of_each_class_of_each_subject():
    trials = make_trials(n_per_class=5)
    training = make_training(trials)
    asked = []
    for fold in nested_folds(training, 3, "time", True):
        n = len(fold.training.sampler) + len(fold.held_out)
        assert n == len(trials)
        for subject in (0, 1):
            held = fold.held_out
            own = held.y[held.subject == subject]
            assert set(own.tolist()) == {0, 1, 2}
        asked.append(fold.held_out.X)
    assert sum(map(len, asked)) == len(trials)


def test_folds_keep_overlapping_trials_together():
    trials = make_trials(n_subjects=1, n_per_class=20, n_classes=2)
    start = np.arange(len(trials)) * 0.6
    times = {"run": "0", "session": "0", "start": start, "stop": start + 1.0}
    trials = replace(trials, metadata=trials.metadata.assign(**times))
    training = make_training(trials)
    for fold in nested_folds(training, 3, "time", True):
        learned = fold.training.metadata["start"].to_numpy()
        held = np.setdiff1d(start, learned)
        assert len(held) >= len(fold.held_out)
        rows = [
            int(np.flatnonzero((one.numpy() == trials.X).all(axis=(1, 2)))[0])
            for one in fold.held_out.X
        ]
        gaps = np.abs(learned[:, None] - start[rows][None])
        assert gaps.min() >= 1.0 - 1e-6
        assert len(np.unique(fold.group)) < len(rows)


def test_folds_of_subjects():
    trials = make_trials(n_subjects=4, n_per_class=4)
    training = make_training(trials)
    held = [
        set(fold.held_out.subject.tolist())
        for fold in nested_folds(training, 2, "subject", True)
    ]
    assert held == [{0, 1}, {2, 3}]
    one = make_training(make_trials(n_subjects=1, n_per_class=4))
    with pytest.raises(ValueError, match="'split' 'subject' must leave trials"):
        list(nested_folds(one, 2, "subject", True))


def test_views_of_a_fold_are_scaled_by_its_own_trials(train):
    training = make_training(train)
    fold = next(iter(nested_folds(training, 3, "time", True)))
    student = fold.training.student
    learned = fold.training.sampler
    assert student.view.ch_names == training.student.view.ch_names
    shown = student.view(learned.X)
    assert np.allclose(shown.std(dim=(0, 2), correction=0), 1, atol=1e-4)
    assert fold.training.build("full").view.n_chans == train.n_chans


def test_contiguous_parts():
    group = np.array([0, 0, 1, 1, 2, 2, 3, 4, 5])
    y = np.array(list("ababab") + ["a", "a", "b"])
    part = contiguous_parts(group, y, 3)
    assert part.tolist() == [0, 0, 1, 1, 2, 2, 0, 1, 0]
    known = pd.Series(part).groupby(group).nunique()
    assert (known == 1).all()


def test_training_data_say_which_trials_are_learned(train):
    data = TrainingData.of(train, valid_fraction=1 / 4)
    assert np.array_equal(
        np.sort([*data.learned_rows, *data.valid_rows]), np.arange(len(train))
    )
    assert np.array_equal(data.learned.X.numpy(), train.X[data.learned_rows])
    assert np.array_equal(data.valid.X.numpy(), train.X[data.valid_rows])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"candidates": []}, "'candidates' must name at least one method"),
        ({"candidates": "kdd"}, "Unknown name 'kdd' for 'candidates'"),
        ({"candidates": ["none"]}, "'candidates' must be methods that teach"),
        ({"candidates": {"kd": {"depth": 1}}}, "'candidates' gives 'kd' the options"),
        ({"n_folds": 1}, "'n_folds' must be an integer >= 2"),
        ({"split": "run"}, "'split' must be one of"),
        ({"n_standard_errors": -1}, "'n_standard_errors' must be a finite"),
    ],
)
def test_what_it_refuses(train, options, match):
    with pytest.raises(ValueError, match=match):
        DistilledClassifier(method="auto", method_options=options, **QUICK).fit(train)
