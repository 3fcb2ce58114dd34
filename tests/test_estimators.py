"""The contract of the estimators: one set of checks for both."""

from __future__ import annotations

import copy
import pickle
import re
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import (
    check_estimator_cloneable,
    check_estimator_repr,
    check_get_params_invariance,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)
from torch import nn

import eegkd
from eegkd import METHODS, DecoderClassifier, DistilledClassifier
from eegkd.data.trials import Trials
from eegkd.persistence import load_classifier, save_classifier

from .conftest import make_trials

QUICK = {"max_epochs": 2, "batch_size": 16}


def maker(kind, **params):
    """Return a function that makes a quick classifier on the headphone."""

    def make(**changes):
        return kind(**{"montage": "headphone", **QUICK, **params, **changes})

    return make


MAKE = {
    "decoder": maker(DecoderClassifier),
    **{method: maker(DistilledClassifier, method=method) for method in METHODS},
}


@pytest.fixture(scope="module")
def train():
    """Return one session of one subject."""
    trials = make_trials(n_subjects=1)
    return trials.subset((trials.metadata["session"] == "0train").to_numpy())


@pytest.fixture(scope="module")
def test():
    """Return the other session."""
    trials = make_trials(n_subjects=1)
    return trials.subset((trials.metadata["session"] == "1test").to_numpy())


@pytest.fixture(scope="module", params=MAKE)
def fitted(request, train):
    """Return each kind of classifier, fitted."""
    return MAKE[request.param]().fit(train)


@pytest.fixture(scope="module")
def student(train):
    """Return a fitted student."""
    return MAKE["sk_kd"]().fit(train)


# -- scikit-learn -----------------------------------------------------------------


@pytest.mark.parametrize("kind", [DecoderClassifier, DistilledClassifier])
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


@pytest.mark.parametrize("kind", [DecoderClassifier, DistilledClassifier])
def test_sklearn_default_constructible(kind):
    check_parameters_default_constructible(kind.__name__, kind())


def test_fit_returns_self(train):
    for make in MAKE.values():
        model = make(max_epochs=1)
        assert model.fit(train) is model


def test_probabilities_and_labels_belong_together(fitted, test):
    proba = fitted.predict_proba(test)
    assert proba.shape == (len(test), 3)
    assert np.allclose(proba.sum(axis=1), 1)
    labels = fitted.predict(test)
    assert labels.dtype == test.y.dtype
    assert set(labels) <= set(fitted.classes_)
    assert np.array_equal(labels, fitted.classes_[proba.argmax(1)])


def test_learning_works(train, test):
    """Longer training decodes the planted rhythm from the headphone's electrodes."""
    for name in ("none", "sk_kd"):
        model = MAKE[name](max_epochs=40, lr=2e-3).fit(train)
        assert model.score(test, test.y) > 0.8, name


def test_pickle_deepcopy_and_same_seed(fitted, train, test):
    expected = fitted.predict_proba(test)
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert np.array_equal(other.predict_proba(test), expected)
        assert other.fingerprint_ == fitted.fingerprint_
    again = clone(fitted).fit(train)
    assert again.fingerprint_ == fitted.fingerprint_
    another = clone(fitted).set_params(random_state=1).fit(train)
    assert another.fingerprint_ != fitted.fingerprint_


def test_the_global_random_state_is_left_alone(train):
    import torch

    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    MAKE["none"]().fit(train)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(
    "y",
    [
        np.array([3, 1, 2]),
        np.array(["feet", "left", "right"]),
        np.array([True, False, True]),
        np.array([-1.0, 5.0, 7.0]),
    ],
    ids=["int", "str", "bool", "float"],
)
def test_labels_come_back_in_the_callers_type(train, y):
    labels = y[np.searchsorted(train.classes, train.y)]
    model = MAKE["decoder"]().fit(train, labels)
    assert model.predict(train).dtype == labels.dtype
    assert set(model.predict(train).tolist()) <= set(labels.tolist())


def test_refit_on_another_montage_forgets_the_first(train, test):
    model = MAKE["none"]().fit(train)
    model.set_params(montage="headband").fit(train)
    assert model.decoder_.view.n_chans == 4
    assert model.predict(test.X[:, :4]).shape == (len(test),)


def test_fit_does_not_change_its_input(train):
    before = train.X.copy()
    MAKE["sk_kd"]().fit(train)
    assert np.array_equal(train.X, before)


def test_inside_sklearn_with_epochs_and_arrays(train):
    """Indexing makes of epochs a list of one-trial epochs; it is accepted."""
    epochs = train.to_epochs()
    model = MAKE["none"](max_epochs=1)
    assert cross_val_score(model, epochs, train.y, cv=2).shape == (2,)
    search = GridSearchCV(model, {"lr": [1e-3, 1e-2]}, cv=2).fit(epochs, train.y)
    assert search.best_params_["lr"] in (1e-3, 1e-2)
    pipeline = make_pipeline(FunctionTransformer(), model)
    assert pipeline.fit(epochs, train.y).predict(epochs).shape == (len(train),)
    arrays = MAKE["none"](max_epochs=1, ch_names=train.ch_names, sfreq=train.sfreq)
    assert cross_val_score(arrays, train.X, train.y, cv=2).shape == (2,)


def test_a_student_and_its_teacher_are_found_by_nested_names():
    model = DistilledClassifier(teacher=DecoderClassifier())
    model.set_params(teacher__lr=0.25)
    assert model.get_params()["teacher__lr"] == 0.25


# -- inputs -----------------------------------------------------------------------


def test_microvolt_arrays_and_volt_epochs_give_the_same(train, test):
    """Fitting and predicting on either gives the same predictions."""
    arrays = MAKE["sk_kd"](ch_names=train.ch_names, sfreq=train.sfreq)
    arrays.fit(1e6 * train.X.astype(float), train.y)
    epochs = MAKE["sk_kd"]().fit(train.to_epochs(), train.y)
    expected = epochs.predict(test.to_epochs())
    assert np.array_equal(arrays.predict(1e6 * test.X.astype(float)), expected)
    assert np.array_equal(epochs.predict(test.X), expected)
    assert np.allclose(
        arrays.predict_proba(test.to_epochs()),
        epochs.predict_proba(1e6 * test.X),
        atol=1e-4,
    )


def test_only_the_montages_electrodes_in_any_order(student, test):
    expected = student.predict_proba(test)
    names = list(student.decoder_.view.ch_names)
    few = test.to_epochs().pick(names[::-1])
    assert few.ch_names != names or len(names) == 1
    assert np.array_equal(student.predict_proba(few), expected)
    index = [test.ch_names.index(name) for name in names]
    assert np.array_equal(student.predict_proba(test.X[:, index]), expected)
    order = index[::-1]
    assert np.array_equal(
        student.predict_proba(test.X[:, order], ch_names=names[::-1]), expected
    )
    one_trial = [test.to_epochs()[i] for i in range(len(test))]
    assert np.array_equal(student.predict_proba(one_trial), expected)


def test_names_in_other_spelling(student, test):
    shouted = test.to_epochs().rename_channels({n: n.upper() for n in test.ch_names})
    assert np.array_equal(student.predict_proba(shouted), student.predict_proba(test))


def test_float32_and_float64_agree(train, test):
    model = MAKE["none"](ch_names=train.ch_names, sfreq=train.sfreq)
    single = clone(model).fit(train.X, train.y)
    double = clone(model).fit(train.X.astype(float), train.y)
    assert single.fingerprint_ == double.fingerprint_


# -- teachers ---------------------------------------------------------------------


def test_a_fitted_teacher_is_used_as_it_is(train, test):
    teacher = DecoderClassifier(**QUICK).fit(train)
    model = DistilledClassifier("headband", teacher=teacher, **QUICK)
    copied = clone(model)
    assert copied.teacher.fingerprint_ == teacher.fingerprint_
    model.fit(train)
    assert model.teacher_.fingerprint_ == teacher.fingerprint_
    reordered = train.subset(np.arange(len(train)))
    order = np.arange(train.n_chans)[::-1]
    reordered = replace(
        reordered,
        X=train.X[:, order],
        ch_names=tuple(train.ch_names[i] for i in order),
    )
    other = clone(model).fit(reordered)
    assert other.fingerprint_ == model.fingerprint_


def test_printed_parameters_tell_two_fitted_teachers_apart(train):
    """MOABB's store of results is keyed by the printed parameters."""
    one = DecoderClassifier(**QUICK).fit(train)
    other = DecoderClassifier(**{**QUICK, "random_state": 5}).fit(train)
    other.set_params(random_state=0)
    printed = [repr(DistilledClassifier(teacher=t).get_params()) for t in (one, other)]
    assert printed[0] != printed[1]
    assert len(repr(DistilledClassifier(teacher=one))) < 700
    unfitted = DistilledClassifier("headband", **QUICK)
    assert repr(unfitted) == repr(clone(unfitted).fit(train))


def test_the_best_of_several_teachers_is_chosen_on_validation(train):
    model = MAKE["sk_kd"](n_teachers=3).fit(train)
    losses = [
        DecoderClassifier(**QUICK, random_state=seed).fit(train).history_.best_loss
        for seed in range(3)
    ]
    assert model.teacher_.history_.best_loss == pytest.approx(min(losses))


def test_teacher_of_another_kind(train):
    model = MAKE["sk_kd"](teacher="EEGNet").fit(train)
    assert type(model.teacher_.decoder_.network).__name__ == "EEGNet"
    assert type(model.decoder_.network).__name__ == "CovarianceNet"
    unfitted = DecoderClassifier(max_epochs=1, random_state=4)
    model = MAKE["sk_kd"](teacher=unfitted).fit(train)
    assert len(model.teacher_.history_.rows) == 1
    assert not unfitted.__sklearn_is_fitted__()


# -- wrong input ------------------------------------------------------------------


def broken(trials, kind):
    """Return trials with one thing wrong."""
    X = trials.X.copy()
    if kind == "nan":
        X[3, 5, 7] = np.nan
    elif kind == "inf":
        X[3, 5, 7] = np.inf
    elif kind == "flat":
        X[:, trials.ch_names.index("C3")] = 0
    return replace(trials, X=X)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: (t.X, t.y), r"'X' is an array .*'ch_names', 'sfreq'.* mne.Epochs"),
        (lambda t: (t.X[:, 0], t.y), r"is an array"),
        (lambda t: (t, t.y[:-1]), r"'y' must have shape \(36,\)"),
        (lambda t: (t, np.ones(36)), r"at least two classes, got only \[1.0\]"),
        (lambda t: (t, np.arange(36)), r"at least two trials for each of the 36"),
        (lambda t: (broken(t, "flat"), t.y), r"'C3' are flat in all trials"),
    ],
)
def test_fit_refuses(train, change, message):
    X, y = change(train)
    with pytest.raises(ValueError, match=message):
        MAKE["sk_kd"]().fit(X, y)


@pytest.mark.parametrize("kind", ["nan", "inf"])
def test_fit_refuses_values_that_are_not_finite(train, kind):
    model = MAKE["none"](ch_names=train.ch_names, sfreq=train.sfreq)
    with pytest.raises(ValueError, match="'X' must be finite, but 1 of 36 trials"):
        model.fit(broken(train, kind).X, train.y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.X[:, :9], r"22 channels of fit or the 7 of montage.* got 9"),
        (lambda t: t.X[:, :, :-5], r"must have 160 samples a trial .* got 155"),
        (lambda t: replace(t, sfreq=250.0), r"125 Hz as in fit, got 250 Hz"),
        (
            lambda t: t.to_epochs().drop_channels(["C3", "Cz"]),
            r"'C3', 'Cz' are missing",
        ),
        (lambda t: t.X[0], r"must have shape \(n_trials, n_chans, n_times\)"),
        (lambda t: replace(t, X=1e3 * t.X), r"amplitudes 1.* times as large"),
        (lambda t: replace(t, X=1e-3 * t.X), r"amplitudes 0.00.* times as large"),
        (lambda t: broken_montage(t), r"'X' must be finite"),
    ],
)
def test_predict_refuses(student, test, change, message):
    with pytest.raises(ValueError, match=message):
        student.predict(change(test))


def broken_montage(trials):
    """Return trials with a missing value on an electrode of the montage."""
    X = trials.X.copy()
    X[0, trials.ch_names.index("C3"), 0] = np.nan
    return replace(trials, X=X)


def test_predict_warns_of_flat_electrodes_and_of_another_size(student, test):
    with pytest.warns(UserWarning, match="flat on 'C3' in all trials"):
        student.predict(broken(test, "flat"))
    with pytest.warns(UserWarning, match=r"amplitudes 5\d\S* times those"):
        student.predict(replace(test, X=50 * test.X))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        student.predict(replace(test, X=3 * test.X))


def test_predict_before_fit(test):
    for make in MAKE.values():
        with pytest.raises(NotFittedError, match="not fitted yet. Call fit first"):
            make().predict(test)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"method": "skkd"},
            r"Unknown name 'skkd' for 'method'.* Did you mean 'sk_kd'",
        ),
        ({"student": "EEGNett"}, r"'EEGNett'.*Did you mean 'EEGNet'"),
        ({"montage": "headbnd"}, r"Did you mean 'headband'"),
        ({"lr": -1.0}, r"'lr' must be .* got -1.0"),
        ({"max_epochs": 0}, r"'max_epochs' must be an integer >= 1, got 0"),
        ({"valid_fraction": 1.5}, r"'valid_fraction' must be"),
        ({"reference": "avg"}, r"'reference' must be one of None, 'average'"),
        ({"device": "gpu0"}, r"'device' must be 'auto' or a torch device"),
    ],
)
def test_wrong_parameters(train, params, message):
    with pytest.raises(ValueError, match=message):
        MAKE["sk_kd"](**params).fit(train)


def test_a_teacher_that_knows_other_classes(train):
    teacher = DecoderClassifier(**QUICK).fit(train)
    other = replace(train, y=np.char.add(train.y, "_imagined"))
    with pytest.raises(ValueError, match="'teacher' must know the classes"):
        DistilledClassifier(teacher=teacher, **QUICK).fit(other)
    short = replace(train, X=train.X[:, :, :140])
    with pytest.raises(ValueError, match="'teacher' must read trials of 140 samples"):
        DistilledClassifier(teacher=teacher, **QUICK).fit(short)


def test_trials_are_trials():
    with pytest.raises(TypeError, match="'epochs' must be mne.Epochs, got ndarray"):
        Trials.from_epochs(np.zeros((2, 3, 4)))


def test_a_teacher_trained_alone_is_the_one_that_fit_trains(train):
    model = MAKE["sk_kd"]()
    teacher = model.train_teacher(train)
    fitted = MAKE["sk_kd"]().fit(train)
    assert teacher.fingerprint_ == fitted.teacher_.fingerprint_
    lent = MAKE["sk_kd"](teacher=teacher).fit(train)
    assert lent.fingerprint_ == fitted.fingerprint_


def test_printed_parameters_tell_functions_apart():
    """MOABB's store of results is keyed by them, memory addresses taken out."""
    from moabb.analysis.results import get_pipeline_digest

    def closure(weight):
        def method(training):
            return weight

        return method

    keys = [
        get_pipeline_digest("none", DistilledClassifier(method=one))
        for one in (closure(1), closure(2), closure(2))
    ]
    assert keys[0] != keys[1] == keys[2]


# -- what a method is given, and what stays -------------------------------------------


def keep(training):
    """Train for one epoch and remember what was given; a method."""
    keep.training = training
    return training.train(training.student, max_epochs=1)


keep.needs_teacher = False


def test_people_have_one_number_in_training_and_validation():
    """The first subject has too few trials to validate."""
    trials = make_trials(n_subjects=2)
    rows = np.r_[:3, len(trials) // 2 : len(trials)]
    trials = trials.subset(np.isin(np.arange(len(trials)), rows))
    model = DistilledClassifier(method=keep, valid_fraction=1 / 8, **QUICK).fit(trials)
    sampler, valid = keep.training.sampler, keep.training.valid
    assert sampler.subject.unique().tolist() == [0, 1]
    assert valid.subject.unique().tolist() == [1]
    assert set(valid.session.tolist()) <= set(sampler.session.tolist())
    assert (sampler.shuffle, valid.shuffle) == (True, False)
    assert list(keep.training.classes) == model.classes_.tolist()


def test_options_of_the_method_are_checked_before_anything_is_trained(train):
    model = MAKE["kd"](method_options={"temperatures": 2.0}, progress=pytest.fail)
    with pytest.raises(ValueError, match="'kd' the options 'temperatures'. .*Did you"):
        model.fit(train)


def stop(n_epochs):
    """Return a function that interrupts after so many epochs of whoever is trained."""
    epochs = iter(range(1, n_epochs))

    def progress(epoch, row):
        if next(epochs, None) is None:
            raise KeyboardInterrupt

    return progress


def test_an_interruption_keeps_teachers_and_the_best_student(train):
    # The rate stays, so that the first four epochs of nine are those of four.
    settings = {"recipe": "published", "lr": 1e-2, "max_epochs": 4}
    whole = MAKE["kd"](**settings).fit(train)
    stopped = MAKE["kd"](**{**settings, "max_epochs": 9})
    stopped.set_params(teacher=whole.teacher_, progress=stop(4))
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(train)
    assert stopped.fingerprint_ == whole.fingerprint_
    assert stopped.teacher_.fingerprint_ == whole.teacher_.fingerprint_
    assert stopped.history_.rows == whole.history_.rows
    assert stopped.history_.best_epoch == whole.history_.best_epoch
    assert stopped.history_.notes == {"interrupted": True}
    assert (stopped.predict_proba(train) == whole.predict_proba(train)).all()


def test_an_interruption_before_the_student_learned_keeps_the_teacher(train):
    model = MAKE["takd"](progress=stop(3))  # in the first epoch of an assistant
    with pytest.raises(KeyboardInterrupt):
        model.fit(train)
    assert model.teacher_.history_.rows
    with pytest.raises(NotFittedError):
        model.predict(train)


def test_an_interruption_in_another_stage_tells_no_passes_of_the_student(train):
    model = MAKE["sweet_spot"](progress=stop(2 + 2 + 2 + 1))
    model.set_params(method_options={"batch_sizes": [8, 16], "fractions": [0.5, 1]})
    with pytest.raises(KeyboardInterrupt):
        model.fit(train)
    model.predict(train)  # the better of the two first candidates
    assert len(model.history_.rows) <= 1


def slow(training):
    """Take a while before the student is trained; a method."""
    time.sleep(0.2)
    return keep(training)


slow.needs_teacher = False


def test_seconds_are_those_of_the_whole_method(train):
    assert MAKE["kd"](method=slow).fit(train).history_.seconds >= 0.2


def test_a_method_of_ones_own_is_named_in_the_file(train, tmp_path):
    save_classifier(MAKE["kd"](method=slow).fit(train), tmp_path / "own")
    assert load_classifier(tmp_path / "own").method == "slow"


# -- networks of one's own, as the pages show them -------------------------------------


def snippet(page, word):
    """Return the Python block of a page that holds a word."""
    pages = Path(eegkd.__file__).parent.parent / "docs"
    text = (pages / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (found,) = [block for block in blocks if word in block]
    return found


def test_the_decoder_of_the_page_on_extending_learns(train):
    names = {}
    exec(snippet("extending.md", "class LogPower"), names)
    student = names["student"].set_params(**QUICK).fit(train)
    assert list(student.decoder_.taps) == ["spatial", "norm"]
    assert student.decoder_.network.spatial.out_channels == 12
    assert list(student.teacher_.decoder_.taps) == ["spatial", "norm"]


def test_the_taps_of_the_page_on_decoders_are_read(train):
    class MyNetwork(nn.Module):
        def __init__(self, n_chans, n_outputs):
            super().__init__()
            self.conv = nn.Conv1d(n_chans, 4, 9)
            self.pool = nn.AvgPool1d(50, 25)
            self.final_layer = nn.LazyLinear(n_outputs)

        def forward(self, X):
            return self.final_layer(self.pool(self.conv(X).square()).flatten(1))

    names = {"eegkd": eegkd, "MyNetwork": MyNetwork}
    exec(snippet("decoders.md", "student=MyNetwork"), names)
    student = names["student"].set_params(**QUICK).fit(train)
    assert list(student.decoder_.taps) == ["conv", "pool"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [(DecoderClassifier, "decoder_options"), (DistilledClassifier, "student_options")],
)
def test_taps_among_the_options_of_the_network_are_refused(kind, name, train):
    options = {name: {"taps": ["spatial"]}}
    with pytest.raises(ValueError, match=rf"'{name}' .* Pass taps=\['spatial'\] there"):
        kind("headband", **options, **QUICK).fit(train)
