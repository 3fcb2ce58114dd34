"""Continuous labels end to end: regressors, what they share, what refuses them."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import (
    check_estimator_cloneable,
    check_estimator_repr,
    check_get_params_invariance,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)

import eegkd
from eegkd import METHODS
from eegkd.data.trials import Trials
from eegkd.estimators import DecoderClassifier, DecoderRegressor, DistilledRegressor
from eegkd.estimators.training_data import validation_mask
from eegkd.methods.card import Card
from eegkd.methods.cgan_kd import cgan_kd
from eegkd.methods.fitnet import fitnet
from eegkd.persistence import load_classifier, save_classifier

from .conftest import CH_22

QUICK = {"max_epochs": 2, "batch_size": 16}


def make_numbers(n_trials=60, n_times=160, seed=0):
    """Return trials whose label is the log of a rhythm's amplitude around Cz, in ms."""
    rng = np.random.default_rng(seed)
    time = np.arange(n_times) / 125
    fade = np.exp(-np.abs(np.arange(22) - CH_22.index("Cz")) / 3)[:, None]
    size = rng.uniform(-1, 1, n_trials)
    X = rng.standard_normal((n_trials, 22, n_times))
    for trial, log_size in zip(X, size, strict=True):
        wave = np.sin(2 * np.pi * 10 * time + rng.uniform(0, 2 * np.pi))
        trial += np.exp(log_size) * fade * wave
    y = 400 + 80 * size + 8 * rng.standard_normal(n_trials)
    metadata = pd.DataFrame({"subject": np.repeat([1, 2], n_trials // 2)})
    return Trials.from_arrays(1e-5 * X, y, CH_22, 125.0, metadata, continuous=True)


@pytest.fixture(scope="module")
def train():
    """Return training trials of two subjects."""
    return make_numbers()


@pytest.fixture(scope="module")
def test():
    """Return other trials of the same kind."""
    return make_numbers(seed=1)


@pytest.fixture(scope="module")
def student(train):
    """Return a quick student that learned from labels."""
    held_out = {"valid_fraction": 1 / 8}
    return DistilledRegressor("headphone", "none", **held_out, **QUICK).fit(train)


# -- learning ---------------------------------------------------------------------


def test_students_beat_the_mean_of_the_labels(train, test):
    """Mean squared error of the mean is that of a coefficient of determination of 0."""
    settings = {"max_epochs": 20, "batch_size": 16, "lr": 4e-3, "weight_decay": 0.01}
    teacher = DecoderRegressor(**settings).fit(train)
    mean = np.full(len(test), train.y.mean())
    for method in ("none", cgan_kd, fitnet):
        model = DistilledRegressor("headphone", method, teacher, **settings).fit(train)
        said = model.predict(test)
        assert said.shape == (len(test),)
        assert said.dtype == np.float64
        error = np.square(said - test.y).mean()
        assert error < 0.5 * np.square(mean - test.y).mean(), method
        assert model.score(test, test.y) == pytest.approx(1 - error / test.y.var())
        assert not any("accuracy" in name for name in model.history_.rows[0])


def test_labels_are_standardized_by_the_trials_that_are_learned(train, student):
    """The last eighth of each subject's trials chooses the epoch and is left out."""
    learned = np.r_[0:26, 30:56]
    assert student.label_center_ == pytest.approx(train.y[learned].mean())
    assert student.label_scale_ == pytest.approx(train.y[learned].std())
    with torch.no_grad():
        view, network = student.decoder_.view, student.decoder_
        logits = network(view(torch.as_tensor(train.X))).logits[:, 0]
    expected = logits.double().numpy() * student.label_scale_ + student.label_center_
    assert np.allclose(student.predict(train), expected, atol=1e-3)


def test_the_unit_of_the_labels_does_not_matter(train, test):
    """Seconds instead of milliseconds give the same training."""
    kwargs = {"method": cgan_kd, "method_options": {"n_burn_in": 20}, **QUICK}
    one = DistilledRegressor("headphone", **kwargs).fit(train)
    other = DistilledRegressor("headphone", **kwargs).fit(train, train.y / 1024 - 1)
    assert np.allclose(other.predict(test), one.predict(test) / 1024 - 1, atol=1e-5)
    losses = [model.history_.rows[-1]["train_loss"] for model in (one, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_what_a_fitted_teacher_says_is_put_in_the_students_standard(train):
    """A teacher of trials with larger labels has another mean and deviation."""
    teacher = DecoderRegressor(**QUICK).fit(train.subset(train.y > 380))
    before = teacher.predict(train)
    said = []

    def method(training):
        batch = training.sampler.batch(torch.arange(5))
        said.append(training.frozen()(batch).logits[:, 0])
        return cgan_kd(training, n_burn_in=20)

    model = DistilledRegressor("headphone", method, teacher, **QUICK).fit(train)
    assert teacher.label_scale_ < 0.8 * model.label_scale_
    mine = said[0].numpy() * model.label_scale_ + model.label_center_
    assert np.allclose(mine, before[:5], rtol=1e-4)
    assert np.array_equal(teacher.predict(train), before)
    assert model.teacher_.fingerprint_ == teacher.fingerprint_


def test_labels_of_epochs_arrays_and_of_any_number_type(train, test):
    expected = DecoderRegressor("headphone", **QUICK).fit(train).predict(test)
    epochs = DecoderRegressor("headphone", **QUICK).fit(train.to_epochs(), train.y)
    assert np.array_equal(epochs.predict(test.to_epochs()), expected)
    arrays = DecoderRegressor("headphone", ch_names=CH_22, sfreq=125.0, **QUICK)
    subjects = train.metadata["subject"]
    assert np.array_equal(
        arrays.fit(train.X, train.y, subjects).predict(test.X), expected
    )
    rounded = train.y.round().astype(int)
    assert DecoderRegressor("headphone", **QUICK).fit(train, rounded).label_scale_ > 1


# -- scikit-learn and files -------------------------------------------------------


@pytest.mark.parametrize("kind", [DecoderRegressor, DistilledRegressor])
@pytest.mark.parametrize(
    "check",
    [
        check_no_attributes_set_in_init,
        check_estimator_cloneable,
        check_estimator_repr,
        check_get_params_invariance,
        check_set_params,
        check_mixin_order,
    ],
)
def test_sklearn_checks_without_data(kind, check):
    check(kind.__name__, kind())


@pytest.mark.parametrize("kind", [DecoderRegressor, DistilledRegressor])
def test_sklearn_default_constructible(kind):
    check_parameters_default_constructible(kind.__name__, kind())


def test_inside_sklearn(train):
    model = DistilledRegressor("headphone", "none", **QUICK)
    assert cross_val_score(model, train.to_epochs(), train.y, cv=2).shape == (2,)
    assert model.__sklearn_tags__().estimator_type == "regressor"


def test_copies_files_and_seeds(student, train, test, tmp_path):
    expected = student.predict(test)
    save_classifier(student, tmp_path / "student")
    copies = [
        pickle.loads(pickle.dumps(student)),
        copy.deepcopy(student),
        load_classifier(tmp_path / "student"),
        clone(student).fit(train),
    ]
    for other in copies:
        assert np.array_equal(other.predict(test), expected)
        assert other.fingerprint_ == student.fingerprint_
    another = clone(student).set_params(random_state=1).fit(train)
    assert another.fingerprint_ != student.fingerprint_
    assert "label_scale" in json.loads((tmp_path / "student.json").read_text())


def test_a_saved_regressor_teaches(train, tmp_path):
    teacher = DecoderRegressor(**QUICK).fit(train)
    save_classifier(teacher, tmp_path / "teacher")
    loaded = load_classifier(tmp_path / "teacher")
    options = {"n_burn_in": 10}
    models = [
        DistilledRegressor(
            "headband", cgan_kd, given, method_options=options, **QUICK
        ).fit(train)
        for given in (teacher, loaded)
    ]
    assert models[0].fingerprint_ == models[1].fingerprint_
    assert "kept_fraction" in models[0].history_.notes
    save_classifier(models[0], tmp_path / "student")
    again = load_classifier(tmp_path / "student")
    assert again.history_.notes == models[0].history_.notes
    assert again.teachers_ == []


# -- refusals ---------------------------------------------------------------------


def test_methods_that_need_classes(train):
    with pytest.raises(ValueError, match="must learn continuous labels, as do .*'kd'"):
        DistilledRegressor("headphone", "kd", **QUICK).fit(train)

    @Card("t", "x", "none", "s", "c", "u", "l")
    def for_classes(training):
        return training.run(None)

    with pytest.raises(ValueError, match="got 'for_classes', which needs classes"):
        DistilledRegressor("headphone", for_classes, **QUICK).fit(train)


@pytest.mark.parametrize(
    "name", [name for name, method in METHODS.items() if method.card.regression]
)
def test_every_method_that_says_so_learns_continuous_labels(train, name):
    few = train.subset(np.arange(0, 60, 3))
    model = DistilledRegressor("headphone", name, max_epochs=1, batch_size=8).fit(few)
    assert np.isfinite(model.predict(few)).all()


@pytest.mark.parametrize("method", [cgan_kd, fitnet])
def test_a_soft_loss_needs_classes(train, method):
    options = {"soft_weight": 1.0}
    model = DistilledRegressor(
        "headphone", method, method_options=options, max_epochs=1
    )
    with pytest.raises(
        ValueError, match="'soft_weight' must be .* <= 0, got 1.0. Cont"
    ):
        model.fit(train)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda y: y[:-1], ValueError, r"'y' must have shape \(60,\), one number"),
        (lambda y: np.full(60, 3.3), ValueError, "'y' must vary over the training"),
        (lambda y: np.where(y > 470, np.nan, y), ValueError, "'y' must be finite, but"),
        (lambda y: y.astype(str), TypeError, "'y' must hold a number .*Classifier"),
    ],
    ids=["length", "constant", "nan", "text"],
)
def test_labels_that_cannot_be_learned(train, change, error, message):
    with pytest.raises(error, match=message):
        DecoderRegressor(**QUICK).fit(train, change(train.y))


def test_too_few_trials(train):
    with pytest.raises(ValueError, match="'X' must hold at least 4 trials, got 3"):
        DecoderRegressor(**QUICK).fit(train.subset([0, 1, 2]))


def test_where_classes_are_needed_continuous_labels_are_refused(train, tmp_path):
    with pytest.raises(ValueError, match="got continuous values .*DistilledRegressor"):
        eegkd.fit(train, "headphone", max_epochs=1)
    with pytest.raises(ValueError, match="got continuous values .*DistilledRegressor"):
        eegkd.benchmark(
            train, "headphone", ("none",), store=tmp_path / "results.sqlite"
        )
    with pytest.raises(ValueError, match="got continuous values .*DistilledRegressor"):
        DecoderClassifier(**QUICK).fit(train)
    with pytest.raises(ValueError, match="got continuous values .*DistilledRegressor"):
        Trials.from_arrays(train.X, train.y, CH_22, 125.0)


def test_a_classifier_cannot_teach_a_regressor(train):
    with pytest.raises(
        TypeError, match="a DecoderRegressor or a list of them, got Dec"
    ):
        DistilledRegressor(teacher=DecoderClassifier()).fit(train)


# -- trials -----------------------------------------------------------------------


def test_trials_say_what_their_labels_are(train):
    assert "labels from 310" in repr(train)
    assert train.subset([3]).y.dtype == np.float64


def test_validation_takes_the_end_of_each_subject():
    y = np.linspace(0, 1, 20)
    people = pd.DataFrame({"subject": np.tile([1, 2], 10)})
    mask = validation_mask(y, people, 0.2)
    assert np.flatnonzero(mask).tolist() == [16, 17, 18, 19]
    assert not validation_mask(y, people, 0).any()
